#include "state/api_tactics.h"

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <charconv>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/hash.h"

namespace picket {

extern const std::string_view api_tactics_csv;  // data/learning/api_tactics.csv

namespace {

struct TacticName {
  std::string_view name, id;
};
constexpr std::array<TacticName, tactic_kinds> tactic_names = {{{"Resource Development", "TA0042"},
                                                                {"Initial Access", "TA0001"},
                                                                {"Execution", "TA0002"},
                                                                {"Persistence", "TA0003"},
                                                                {"Privilege Escalation", "TA0004"},
                                                                {"Defense Evasion", "TA0005"},
                                                                {"Credential Access", "TA0006"},
                                                                {"Discovery", "TA0007"},
                                                                {"Lateral Movement", "TA0008"},
                                                                {"Collection", "TA0009"},
                                                                {"Exfiltration", "TA0010"},
                                                                {"Impact", "TA0040"}}};

// "ec2.amazonaws.com" and "ec2.amazonaws.com.cn" are one service.
std::string_view service_of(std::string_view event_source) {
  return event_source.substr(0, event_source.find(".amazonaws"));
}

std::uint64_t call_hash(std::string_view service, std::string_view event_name) {
  return hash64(event_name, hash64(service));
}

class Table {
 public:
  Table() {
    std::string_view rest = api_tactics_csv;
    rest.remove_prefix(rest.find('\n') + 1);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      add(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::stable_sort(prefixes_.begin(), prefixes_.end(),
                     [](const Prefix& a, const Prefix& b) { return a.begin.size() > b.begin.size(); });
  }

  ApiTactic find(std::string_view event_source, std::string_view event_name) const {
    const std::string_view service = service_of(event_source);
    if (const auto at = calls_.find(call_hash(service, event_name)); at != calls_.end()) return at->second;
    for (const bool of_service : {true, false}) {
      for (const Prefix& prefix : prefixes_) {
        if (event_name.starts_with(prefix.begin) && prefix.service == (of_service ? service : "*"))
          return prefix.of;
      }
    }
    return {};
  }
  std::span<const ListedApi> listed() const { return listed_; }

 private:
  struct Prefix {
    std::string_view service, begin;
    ApiTactic of;
  };

  void add(std::string_view line) {
    std::array<std::string_view, 4> cells;
    for (std::string_view& cell : cells) {
      const std::size_t end = std::min(line.find(','), line.size());
      cell = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    const auto tactic = tactic_named(cells[2]);
    unsigned weight = 0;
    const auto [stop, error] = std::from_chars(cells[3].data(), cells[3].data() + cells[3].size(), weight);
    if (!tactic || error != std::errc() || stop != cells[3].data() + cells[3].size() || weight > 12)
      throw std::logic_error("api_tactics.csv: " + std::string(cells[0]) + "," + std::string(cells[1]));
    ApiTactic of{*tactic, static_cast<std::uint8_t>(weight), cells[0] != "*"};
    const std::string_view service = service_of(cells[0]);
    if (cells[1].ends_with('*')) {
      prefixes_.push_back({service, cells[1].substr(0, cells[1].size() - 1), of});
    } else {
      calls_.emplace(call_hash(service, cells[1]), of);
      if (of.listed) listed_.push_back({cells[0], cells[1], of});
    }
  }

  boost::unordered_flat_map<std::uint64_t, ApiTactic> calls_;
  std::vector<ListedApi> listed_;
  std::vector<Prefix> prefixes_;  // longest first
};

}  // namespace

std::string_view name_of(Tactic tactic) { return tactic_names[static_cast<std::size_t>(tactic)].name; }
std::string_view id_of(Tactic tactic) { return tactic_names[static_cast<std::size_t>(tactic)].id; }

std::optional<Tactic> tactic_named(std::string_view name) {
  const auto at = std::ranges::find_if(tactic_names, [&](const TacticName& known) {
    return known.name.size() == name.size() && known.name.front() == name.front() && known.name == name;
  });
  if (at == tactic_names.end()) return std::nullopt;
  return static_cast<Tactic>(at - tactic_names.begin());
}

std::optional<Tactic> tactic_of_id(std::string_view id) {
  const auto at = std::ranges::find(tactic_names, id, &TacticName::id);
  if (at == tactic_names.end()) return std::nullopt;
  return static_cast<Tactic>(at - tactic_names.begin());
}

namespace {
const Table& table() {
  static const Table read;
  return read;
}
}  // namespace

ApiTactic api_tactic(std::string_view event_source, std::string_view event_name) {
  return table().find(event_source, event_name);
}

std::span<const ListedApi> listed_apis() { return table().listed(); }

}  // namespace picket
