#include "pipeline/lists.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/text_file.h"

namespace picket {

namespace {

using simdjson::dom::element;

constexpr std::string_view feeds_setting = "intel_feeds";

std::string text(const element& object, std::string_view name) {
  return std::string(std::string_view(object[name]));
}

void write_list(JsonWriter& json, const KeptList& list) {
  json.begin_object();
  json.member("name", list.config.name);
  json.member("kind", list.config.kind == IntelListKind::trusted ? "trusted" : "threat");
  json.member("path", list.config.path);
  json.member("format", list.config.format ? to_string(*list.config.format) : std::string_view());
  json.member("category", to_string(list.config.category));
  json.member("match", list.config.match == DomainMatch::exact ? "exact" : "subdomains");
  json.member("source", list.config.source);
  if (list.config.as_of) json.member("as_of", *list.config.as_of);
  json.member("sha256", list.sha256);
  json.end_object();
}

void write_lists(JsonWriter& json, const std::vector<KeptList>& lists) {
  json.begin_array();
  for (const KeptList& list : lists) write_list(json, list);
  json.end_array();
}

Result<IntelListConfig> read_list(const element& row) {
  const auto format = parse_intel_format(text(row, "format"));
  if (!format) return std::unexpected(format.error());
  IntelListConfig list{
      .name = text(row, "name"),
      .kind = text(row, "kind") == "trusted" ? IntelListKind::trusted : IntelListKind::threat,
      .path = text(row, "path"),
      .format = *format,
      .category = parse_intel_category(text(row, "category")).value_or(IntelCategory::custom),
      .match = text(row, "match") == "exact" ? DomainMatch::exact : DomainMatch::subdomains,
      .source = text(row, "source")};
  if (std::int64_t as_of = 0; row["as_of"].get(as_of) == simdjson::SUCCESS) list.as_of = as_of;
  return list;
}

void write_set(JsonWriter& json, const ListSet& set, const GovernedAccounts& governed) {
  json.begin_object();
  json.member("account", set.account);
  json.member("region", set.region);
  json.key("accounts");
  write_accounts(json, governed(set.account, set.region));
  json.member("kind", setting_kind(set.kind));
  json.member("id", set.id);
  json.member("name", set.name);
  json.member("format", set.format);
  json.member("location", set.location);
  json.member("sha256", set.content_sha256);
  json.end_object();
}

Result<IntelSetConfig> read_set(const element& row, const IntelSetLimits& limits) {
  const auto format = parse_intel_format(text(row, "format"));
  if (!format) return std::unexpected(format.error());
  IntelScope scope{text(row, "account"), text(row, "region"), read_accounts(row["accounts"])};
  const auto kind = std::ranges::find(list_set_kinds, text(row, "kind"),
                                      [](ListSetKind known) { return std::string(setting_kind(known)); });
  if (kind == std::end(list_set_kinds)) return fail(ErrorKind::invalid, "a set of an unknown kind");
  return IntelSetConfig{.name = text(row, "name"),
                        .kind = intel_kind(*kind),
                        .format = *format,
                        .location = text(row, "location"),
                        .scope = std::make_shared<const IntelScope>(std::move(scope)),
                        .limits = limits};
}

}  // namespace

IntelSetKind intel_kind(ListSetKind kind) {
  switch (kind) {
    case ListSetKind::ip_set:
      return IntelSetKind::trusted_ips;
    case ListSetKind::threat_intel_set:
      return IntelSetKind::threat_ips;
    case ListSetKind::threat_entity_set:
      return IntelSetKind::threat_entities;
    case ListSetKind::trusted_entity_set:
      return IntelSetKind::trusted_entities;
  }
  return IntelSetKind::threat_ips;
}

Result<std::vector<KeptList>> keep_lists(const std::vector<IntelListConfig>& lists, ContentFolder& contents) {
  std::vector<KeptList> kept;
  for (const IntelListConfig& list : lists) {
    const auto content = read_text_file(list.path);
    if (!content) return std::unexpected(content.error());
    auto hash = contents.keep(*content);
    if (!hash) return std::unexpected(hash.error());
    kept.push_back({list, std::move(*hash)});
  }
  return kept;
}

Result<void> publish_feeds(FindingStore& store, const std::vector<KeptList>& feeds) {
  Setting setting{.kind = std::string(feeds_setting), .id = std::string(feeds_setting)};
  JsonWriter json(setting.body);
  write_lists(json, feeds);
  const auto before = store.get_setting("", "", feeds_setting, feeds_setting);
  if (!before) return std::unexpected(before.error());
  if (*before ? (*before)->body == setting.body : feeds.empty()) return {};
  const auto stored = store.put_setting(std::move(setting));
  return stored ? Result<void>{} : std::unexpected(stored.error());
}

Result<std::vector<KeptList>> published_feeds(FindingStore& store) try {
  const auto setting = store.get_setting("", "", feeds_setting, feeds_setting);
  if (!setting) return std::unexpected(setting.error());
  std::vector<KeptList> feeds;
  if (!*setting) return feeds;
  simdjson::dom::parser parser;
  for (const element row : simdjson::dom::array(parser.parse((*setting)->body))) {
    auto config = read_list(row);
    if (!config) return std::unexpected(config.error());
    feeds.push_back({std::move(*config), text(row, "sha256")});
  }
  return feeds;
} catch (const simdjson::simdjson_error& error) {
  return fail(ErrorKind::invalid,
              std::string("the feeds among the settings cannot be read: ") + error.what());
}

Result<std::string> lists_body(FindingStore& store, bool builtin, const std::vector<KeptList>& lists,
                               const GovernedAccounts& governed) {
  auto all = published_feeds(store);
  if (!all) return std::unexpected(all.error());
  all->insert(all->end(), lists.begin(), lists.end());
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("builtin", builtin);
  json.key("lists");
  write_lists(json, *all);
  json.key("sets");
  json.begin_array();
  for (const ListSetKind kind : list_set_kinds) {
    const auto sets = load_list_sets(store, kind);
    if (!sets) return std::unexpected(sets.error());
    for (const ListSet& set : *sets) {
      if (set.in_effect()) write_set(json, set, governed);
    }
  }
  json.end_array();
  json.end_object();
  return body;
}

Result<ListsInEffect> read_lists(std::string_view body, const ContentFolder& contents,
                                 const IntelSetLimits& limits) try {
  simdjson::dom::parser parser;
  const element root = parser.parse(body.data(), body.size());
  ListsInEffect out;
  IntelBuilder builder;
  if (bool(root["builtin"])) builtin_intel(builder);
  const auto take = [&](const element& row, const auto& config, const auto& add) {
    const std::string hash = text(row, "sha256");
    out.contents.insert(hash);
    auto content = contents.read(hash);
    Result<ListReport> added = std::unexpected(Error{});
    if (!config) {
      added = std::unexpected(config.error());
    } else if (!content) {
      added = std::unexpected(content.error());
    } else {
      added = add(*config, *content, builder);
    }
    if (!added)
      out.warnings.push_back("list \"" + text(row, "name") + "\" left out: " + added.error().message());
  };
  for (const element row : simdjson::dom::array(root["lists"])) take(row, read_list(row), add_intel_list);
  for (const element row : simdjson::dom::array(root["sets"]))
    take(row, read_set(row, limits), add_intel_set);
  out.index = builder.build();
  return out;
} catch (const simdjson::simdjson_error& error) {
  return fail(ErrorKind::invalid, std::string("the control record of lists cannot be read: ") + error.what());
}

}  // namespace picket
