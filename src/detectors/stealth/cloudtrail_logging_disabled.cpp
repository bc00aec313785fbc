#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// The trail's own name: calls give it as a name or as an ARN, and both are one trail.
std::optional<std::string> trail_of(const CloudTrailEvent& call) {
  auto name = call.request_parameters.find(call.event_name == "PutEventSelectors" ? "trailName" : "name");
  if (!name) return std::nullopt;
  const std::size_t path = name->rfind(":trail/");
  return path == std::string::npos ? name : name->substr(path + 7);
}

// What a set of event selectors records of management events.
struct Recorded {
  bool reads = false, writes = false;
  bool leaves_out_principal = false;
};

void record(std::string_view read_write_type, Recorded& recorded) {
  if (read_write_type != "WriteOnly") recorded.reads = true;
  if (read_write_type != "ReadOnly") recorded.writes = true;
}

bool lists(const dom::element& values, std::string_view wanted) {
  dom::array list;
  if (values.get(list) != simdjson::SUCCESS) return false;
  for (const dom::element value : list) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS && text == wanted) return true;
  }
  return false;
}

// {"readWriteType": "All", "includeManagementEvents": true, "dataResources": […]}; both members default to
// all.
void add_basic(const dom::element& selector, Recorded& recorded) {
  bool management = true;
  if (selector["includeManagementEvents"].get(management) == simdjson::SUCCESS && !management) return;
  std::string_view type = "All";
  if (selector["readWriteType"].get(type) != simdjson::SUCCESS) type = "All";
  record(type, recorded);
}

// {"name": "…", "fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}, {"field":
// "readOnly", …}]}
void add_advanced(const dom::element& selector, Recorded& recorded) {
  dom::array fields;
  if (selector["fieldSelectors"].get(fields) != simdjson::SUCCESS) return;
  bool management = false, leaves_out = false;
  std::string_view type = "All";
  for (const dom::element field : fields) {
    std::string_view name;
    if (field["field"].get(name) != simdjson::SUCCESS) continue;
    dom::element equals;
    const bool has_equals = field["equals"].get(equals) == simdjson::SUCCESS;
    if (name == "eventCategory") {
      management = has_equals && lists(equals, "Management");
    } else if (name == "readOnly" && has_equals) {
      type = lists(equals, "true") ? "ReadOnly" : "WriteOnly";
    } else if (name == "userIdentity.arn") {
      leaves_out = true;
    }
  }
  if (!management) return;
  record(type, recorded);
  recorded.leaves_out_principal |= leaves_out;
}

std::optional<std::string> narrowed_selectors(const RawJson& request) {
  const JsonDocument document = request.parse();
  Recorded recorded;
  dom::array selectors;
  const auto basic = document.at("eventSelectors"), advanced = document.at("advancedEventSelectors");
  bool any = false;
  if (basic && basic->get(selectors) == simdjson::SUCCESS) {
    any = true;
    for (const dom::element selector : selectors) add_basic(selector, recorded);
  }
  if (advanced && advanced->get(selectors) == simdjson::SUCCESS) {
    any = true;
    for (const dom::element selector : selectors) add_advanced(selector, recorded);
  }
  // An omitted request (too large to log) tells nothing.
  if (!any) return std::nullopt;
  if (!recorded.reads && !recorded.writes) return "management events are no longer recorded";
  if (!recorded.writes) return "modifying management events are no longer recorded";
  if (!recorded.reads) return "reading management events are no longer recorded";
  if (recorded.leaves_out_principal) return "management events of chosen principals are no longer recorded";
  return std::nullopt;
}

// Log validation, keys and delivery places change how a trail is kept, not what it records.
std::optional<std::string> narrowed_trail(const RawJson& request) {
  if (request.find("isMultiRegionTrail") == "false") return "other Regions are no longer recorded";
  if (request.find("includeGlobalServiceEvents") == "false") return "global services are no longer recorded";
  if (request.find("isOrganizationTrail") == "false") return "member accounts are no longer recorded";
  return std::nullopt;
}

std::optional<Evidence> disables_trail(const CloudTrailEvent& call, const Context&) {
  std::optional<std::string> change;
  if (call.event_name == "StopLogging") {
    change = "recording stopped";
  } else if (call.event_name == "DeleteTrail") {
    change = "trail deleted";
  } else if (call.event_name == "UpdateTrail") {
    change = narrowed_trail(call.request_parameters);
  } else {
    change = narrowed_selectors(call.request_parameters);
  }
  if (!change) return std::nullopt;
  return by_outcome(call,
                    {{"api", std::string(call.event_name)}, {"trail", trail_of(call)}, {"change", change}});
}

}  // namespace

extern const Detector cloudtrail_logging_disabled = {
    .types =
        {{.name = "Stealth:IAMUser/CloudTrailLoggingDisabled",
          .severity = Severity::low,
          .mitre = {"TA0005", "T1562.008"},  // Defense Evasion: Disable or Modify Cloud Logs
          .title = "AWS CloudTrail trail {trail} was disabled by {principal}.",
          .description =
              "{principal} called {api} on CloudTrail trail {trail} from {remote_ip}: {change}. Activity "
              "may go unrecorded."}},
    .summary = "A CloudTrail trail was stopped, deleted or changed so that it records less.",
    .when = {calls("cloudtrail.amazonaws.com",
                   {"StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"})},
    .issue = {key::principal, key::evidence("trail")},
    .logic = each(disables_trail),
    .blind_spots =
        "A trail that was never there, delivery broken on the bucket's side, and whether a trail recorded "
        "more before the change than after it.",
};

}  // namespace picket::detectors
