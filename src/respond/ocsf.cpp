#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "finding/severity.h"
#include "respond/finding_parts.h"
#include "respond/formats.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

// OCSF's severity_id and its caption.
std::pair<int, std::string_view> severity_id(double severity) {
  switch (severity_of(severity)) {
    case Severity::low:
      return {2, "Low"};
    case Severity::medium:
      return {3, "Medium"};
    case Severity::high:
      return {4, "High"};
    case Severity::critical:
      return {5, "Critical"};
  }
  return {0, "Unknown"};
}

void write_attacks(JsonWriter& json, const dom::element& finding) {
  const std::string_view tactic = text_at(finding, "/service/additionalInfo/picket/mitre/tactic"),
                         technique = text_at(finding, "/service/additionalInfo/picket/mitre/technique");
  if (tactic.empty() && technique.empty()) return;
  json.key("attacks");
  json.begin_array();
  json.begin_object();
  for (const auto& [name, uid] : {std::pair{"tactic", tactic}, {"technique", technique}}) {
    if (uid.empty()) continue;
    json.key(name);
    json.begin_object();
    json.member("uid", uid);
    json.end_object();
  }
  json.end_object();
  json.end_array();
}

bool is_archived(const dom::element& finding) {
  bool archived = false;
  return finding.at_pointer("/service/archived").get(archived) == simdjson::SUCCESS && archived;
}

void write_evidence(JsonWriter& json, const dom::element& finding) {
  const RemoteEnd remote = remote_end_of(finding);
  const std::string_view principal = principal_of(finding);
  json.key("evidences");
  json.begin_array();
  json.begin_object();
  if (!remote.ip.empty()) {
    json.key("src_endpoint");
    json.begin_object();
    json.member("ip", remote.ip);
    if (remote.port != 0) json.member("port", remote.port);
    if (!remote.country.empty()) {
      json.key("location");
      json.begin_object();
      json.member("desc", remote.country);
      json.end_object();
    }
    json.end_object();
  }
  if (!remote.api.empty()) {
    json.key("api");
    json.begin_object();
    json.member("operation", remote.api);
    if (!remote.service.empty()) {
      json.key("service");
      json.begin_object();
      json.member("name", remote.service);
      json.end_object();
    }
    json.end_object();
  }
  if (!remote.domain.empty()) {
    json.key("query");
    json.begin_object();
    json.member("hostname", remote.domain);
    json.end_object();
  }
  if (!principal.empty()) {
    json.key("actor");
    json.begin_object();
    json.key("user");
    json.begin_object();
    json.member("name", principal);
    json.end_object();
    json.end_object();
  }
  dom::element proof;
  if (finding.at_pointer("/service/additionalInfo/picket").get(proof) == simdjson::SUCCESS)
    json.member_raw("data", simdjson::minify(proof));
  json.end_object();
  json.end_array();
}

}  // namespace

std::string ocsf(const FindingEvent& event, const dom::element& finding) {
  const auto time_of = [&](std::string_view pointer) {
    return parse_time(text_at(finding, pointer)).value_or(event.time);
  };
  static constexpr std::string_view activities[] = {"Create", "Update", "Close"};
  const auto change = static_cast<std::size_t>(event.change);
  const int activity = static_cast<int>(change) + 1;
  const auto [id, caption] = severity_id(event.severity);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("category_uid", 2);
  json.member("category_name", "Findings");
  json.member("class_uid", 2004);
  json.member("class_name", "Detection Finding");
  json.member("activity_id", activity);
  json.member("activity_name", activities[change]);
  json.member("type_uid", 200400 + activity);
  json.member("time", event.time);
  json.member("start_time", time_of("/service/eventFirstSeen"));
  json.member("end_time", time_of("/service/eventLastSeen"));
  json.member("count", number_at(finding, "/service/count", 1));
  json.member("severity_id", id);
  json.member("severity", caption);
  const bool archived = is_archived(finding);
  json.member("status_id", archived ? 3 : 1);
  json.member("status", archived ? "Suppressed" : "New");
  json.member("message", text_at(finding, "/title"));
  json.key("metadata");
  json.begin_object();
  json.member("version", "1.3.0");
  json.member("uid", event.id);
  json.member("profiles", std::vector<std::string>{"cloud"});
  json.key("product");
  json.begin_object();
  json.member("name", "picket");
  json.member("vendor_name", "picket");
  json.end_object();
  json.end_object();
  json.key("cloud");
  json.begin_object();
  json.member("provider", "AWS");
  json.member("region", event.region);
  json.key("account");
  json.begin_object();
  json.member("uid", event.account);
  json.member("type", "AWS Account");
  json.member("type_id", 10);
  json.end_object();
  json.end_object();
  json.key("finding_info");
  json.begin_object();
  json.member("uid", text_at(finding, "/arn"));
  json.member("title", text_at(finding, "/title"));
  json.member("desc", text_at(finding, "/description"));
  json.member("types", std::vector<std::string>{event.type});
  json.member("created_time", time_of("/createdAt"));
  json.member("modified_time", time_of("/updatedAt"));
  json.member("first_seen_time", time_of("/service/eventFirstSeen"));
  json.member("last_seen_time", time_of("/service/eventLastSeen"));
  write_attacks(json, finding);
  json.end_object();
  write_evidence(json, finding);
  json.key("resources");
  json.begin_array();
  for (const AffectedResource& resource : resources_of(finding)) {
    json.begin_object();
    json.member("uid", resource.id);
    json.member("name", resource.name);
    json.member("type", resource.type);
    json.member("region", event.region);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

}  // namespace picket::respond
