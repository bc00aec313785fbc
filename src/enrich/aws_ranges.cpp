#include "enrich/aws_ranges.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <map>

#include "base/text_file.h"

namespace picket {

namespace {

struct Entry {
  std::string region, border_group, service;
};

std::string_view text_of(const simdjson::dom::object& object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

// "2026-11-20-08-13-07" (UTC).
std::optional<TimeMs> create_date(std::string_view text) {
  if (text.size() != 19) return std::nullopt;
  std::string time(text);
  time[10] = 'T';
  time[13] = time[16] = ':';
  return parse_time(time + "Z");
}

}  // namespace

bool AwsNetwork::has_service(std::string_view service) const {
  return std::binary_search(services.begin(), services.end(), service);
}

Result<AwsRanges> AwsRanges::load(const std::string& path) {
  const auto content = read_text_file(path);
  if (!content) return std::unexpected(content.error());
  auto ranges = parse(*content);
  if (!ranges) ranges.error().where = path;
  return ranges;
}

Result<AwsRanges> AwsRanges::parse(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    return fail(ErrorKind::invalid,
                fmt::format("not readable as AWS's ip-ranges.json: {}", simdjson::error_message(error)));
  }
  AwsRanges ranges;
  ranges.created_ = create_date(text_of(root, "createDate"));
  std::vector<Entry> entries;
  std::vector<PrefixValue> prefixes;
  const auto read = [&](const char* array, const char* key) {
    simdjson::dom::array elements;
    if (root[array].get(elements) != simdjson::SUCCESS) return;
    for (const simdjson::dom::element element : elements) {
      simdjson::dom::object object;
      const auto prefix =
          element.get(object) == simdjson::SUCCESS ? IpPrefix::parse(text_of(object, key)) : std::nullopt;
      const bool usable = prefix && prefix->length <= (prefix->address.is_v4() ? 32U : 128U);
      if (!usable || text_of(object, "service").empty()) {
        ++ranges.set_aside_;
        continue;
      }
      prefixes.push_back({*prefix, static_cast<std::uint32_t>(entries.size())});
      entries.push_back({std::string(text_of(object, "region")),
                         std::string(text_of(object, "network_border_group")),
                         std::string(text_of(object, "service"))});
    }
  };
  read("prefixes", "ip_prefix");
  read("ipv6_prefixes", "ipv6_prefix");
  if (prefixes.empty())
    return fail(ErrorKind::invalid, "not AWS's ip-ranges.json: it holds no usable prefix");
  ranges.prefixes_ = prefixes.size();

  std::map<std::string, std::uint32_t> known;  // by all that a network says
  ranges.ranges_ = flatten(prefixes, [&](std::span<const std::uint32_t> values) {
    // Services of one address are listed prefix by prefix; the narrowest one names the place.
    AwsNetwork network{.region = entries[values[0]].region, .border_group = entries[values[0]].border_group};
    for (const std::uint32_t value : values) network.services.push_back(entries[value].service);
    std::sort(network.services.begin(), network.services.end());
    network.services.erase(std::unique(network.services.begin(), network.services.end()),
                           network.services.end());
    const std::string key =
        fmt::format("{}\n{}\n{}", network.region, network.border_group, fmt::join(network.services, "\n"));
    const auto [at, fresh] = known.emplace(key, static_cast<std::uint32_t>(ranges.networks_.size()));
    if (fresh) ranges.networks_.push_back(std::move(network));
    return at->second;
  });
  return ranges;
}

}  // namespace picket
