#include "finding/anomaly.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

namespace {

struct Observed {
  std::string_view subtype;  // "FREQUENT"
  std::vector<std::string_view> texts;
};
// By scope and feature, as "account" and "ASNs".
using Features = std::map<std::string, std::map<std::string, std::vector<Observed>>>;

struct Name {
  std::string scope, feature;
  std::string_view subtype;
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<Name> parse(std::string_view name) {
  Name parsed;
  if (take_prefix(name, "unusual.unusual")) {
    parsed.subtype = "UNSEEN";
  } else if (take_prefix(name, "profiled.")) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> subtypes{
        {{"frequentProfiled", "FREQUENT"}, {"infrequentProfiled", "INFREQUENT"}, {"rareProfiled", "RARE"}}};
    const auto* const at =
        std::ranges::find_if(subtypes, [&](const auto& subtype) { return take_prefix(name, subtype.first); });
    if (at == subtypes.end()) return std::nullopt;
    parsed.subtype = at->second;
  } else {
    return std::nullopt;
  }
  if (take_suffix(name, "UserIdentityProfiling")) {
    parsed.scope = "userIdentity";
  } else if (take_suffix(name, "AccountProfiling")) {
    parsed.scope = "account";
  } else {
    return std::nullopt;
  }
  parsed.feature = name;
  return parsed;
}

std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(", "), list.size());
    parts.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return parts;
}

void write_observed(JsonWriter& json, const Observed& observed) {
  json.begin_object();
  json.member("profileType", "FREQUENCY");
  json.member("profileSubtype", observed.subtype);
  json.key("observations");
  json.begin_object();
  json.key("text");
  json.begin_array();
  for (const std::string_view text : observed.texts) json.value(text);
  json.end_array();
  json.end_object();
  json.end_object();
}

void write_features(JsonWriter& json, const Features& scopes, bool lists) {
  json.begin_object();
  for (const auto& [scope, features] : scopes) {
    json.key(scope);
    json.begin_object();
    for (const auto& [feature, all] : features) {
      json.key(feature);
      if (lists) json.begin_array();
      for (const Observed& observed : all) write_observed(json, observed);
      if (lists) json.end_array();
    }
    json.end_object();
  }
  json.end_object();
}

}  // namespace

void write_anomaly(JsonWriter& json, const NamedValues& evidence) {
  Features profiles, unusual;
  for (const auto& [name, value] : evidence) {
    const auto parsed = parse(name);
    if (!parsed) continue;
    Features& into = parsed->subtype == "UNSEEN" ? unusual : profiles;
    auto& observed = into[parsed->scope][parsed->feature];
    if (parsed->subtype == "UNSEEN" && !observed.empty()) continue;  // One object, not a list.
    observed.push_back({parsed->subtype, split_list(value)});
  }
  if (profiles.empty() && unusual.empty()) return;
  json.key("detection");
  json.begin_object();
  json.key("anomaly");
  json.begin_object();
  json.key("profiles");
  write_features(json, profiles, true);
  json.key("unusual");
  json.begin_object();
  json.key("behavior");
  write_features(json, unusual, false);
  json.end_object();
  json.end_object();
  json.end_object();
}

}  // namespace picket
