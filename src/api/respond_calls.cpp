#include "api/respond_calls.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"
#include "playbook/playbooks.h"

namespace picket::api {

namespace {

constexpr std::size_t runs_max = 1000, body_bytes_max = 16'384;

constexpr PicketOperation respond_operations[] = {
    {"GET", "responders", "", "ListResponders"},
    {"GET", "playbooks", "", "ListPlaybooks"},
    {"POST", "playbooks/", "/preview", "PreviewPlaybook"},
    {"POST", "playbooks/", "/run", "RunPlaybook"},
    {"GET", "playbook-runs", "", "ListPlaybookRuns"},
    {"POST", "playbook-runs/", "/undo", "UndoPlaybookRun"},
};

std::unexpected<ApiError> refusal(const Error& error) {
  const auto refuse = [&](unsigned status, std::string_view type) {
    return std::unexpected(
        ApiError{.status = status, .type = type, .code = type, .message = error.message()});
  };
  switch (error.kind) {
    case ErrorKind::not_found:
      return refuse(404, "ResourceNotFoundException");
    case ErrorKind::conflict:
      return refuse(409, "ConflictException");
    case ErrorKind::too_large:
      return refuse(429, "TooManyRequestsException");
    case ErrorKind::io:
      return refuse(502, "BadGatewayException");
    default:
      return refuse(400, "BadRequestException");
  }
}

bool sees(const RespondCall& call, const std::string& account) {
  return !call.scope.accounts ||
         std::ranges::find(*call.scope.accounts, account) != call.scope.accounts->end();
}

Answer list_playbooks(const RespondCall& call) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("playbooks");
  json.begin_array();
  for (const PlaybookKeys& one : call.backend.playbooks->all()) {
    json.begin_object();
    json.member("name", one.name);
    json.member("action", one.action);
    json.member("mode", one.mode);
    json.member("subject", playbook::name_of(playbook::subject_of(one.action)));
    json.member("runsPerHour", one.runs_per_hour);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

// What the caller sees, newest first.
Result<std::vector<playbook::Run>> seen_runs(const RespondCall& call) {
  auto runs = call.backend.playbooks->history();
  if (runs) std::erase_if(*runs, [&](const playbook::Run& run) { return !sees(call, run.account); });
  return runs;
}

Answer list_runs(const RespondCall& call) {
  constexpr std::string_view parameter = "findingId=";
  std::string_view finding = call.request.query;
  if (!finding.empty() && !finding.starts_with(parameter)) return invalid_parameter("findingId");
  finding.remove_prefix(std::min(finding.size(), parameter.size()));
  const auto runs = seen_runs(call);
  if (!runs) return refusal(runs.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("runs");
  json.begin_array();
  std::size_t told = 0;
  for (const playbook::Run& run : *runs) {
    if ((!finding.empty() && run.finding != finding) || told == runs_max) continue;
    ++told;
    json.raw(playbook::run_json(run, false));
  }
  json.end_array();
  json.end_object();
  return out;
}

Answer act(RespondCall& call) {
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  std::string_view id;
  bool accept = false;
  if (call.request.body.size() > body_bytes_max ||
      parser.parse(call.request.body.data(), call.request.body.size()).get(body) != simdjson::SUCCESS)
    return bad_request("The body is not a small JSON object.");
  if (body["findingId"].get(id) != simdjson::SUCCESS) return invalid_parameter("findingId");
  if (const auto flag = body["acceptForgeableEvidence"];
      flag.error() == simdjson::SUCCESS && flag.get(accept) != simdjson::SUCCESS)
    return invalid_parameter("acceptForgeableEvidence");
  JsonWriter json(call.audited);
  json.begin_object();
  json.member("playbook", call.subject);
  json.member("findingId", id);
  json.end_object();
  const auto finding = call.finding(std::string(id));
  if (!finding) return refusal(finding.error());
  if (!*finding) return resource_not_found();
  const playbook::Order order{.actor = call.caller.profile, .accept_forgeable = accept};
  playbook::Playbooks& playbooks = *call.backend.playbooks;
  const auto run = call.operation == "RunPlaybook"
                       ? playbooks.run(call.subject, (*finding)->document, order)
                       : playbooks.preview(call.subject, (*finding)->document, order);
  if (!run) return refusal(run.error());
  return playbook::run_json(*run, false);
}

Answer undo(RespondCall& call) {
  JsonWriter json(call.audited);
  json.begin_object();
  json.member("runId", call.subject);
  json.end_object();
  const auto runs = seen_runs(call);
  if (!runs) return refusal(runs.error());
  if (std::ranges::find(*runs, call.subject, &playbook::Run::id) == runs->end()) return resource_not_found();
  const auto run = call.backend.playbooks->undo(call.subject, call.caller.profile);
  if (!run) return refusal(run.error());
  return playbook::run_json(*run, false);
}

}  // namespace

bool is_respond_path(std::string_view path) {
  if (!path.starts_with(picket_root)) return false;
  path.remove_prefix(picket_root.size());
  return path.starts_with("playbook") || path.starts_with("responders");
}

void find_respond_operation(const aws::HttpRequest& request, RespondCall& call) {
  auto found = find_picket_operation(respond_operations, request);
  if (!found) return;
  call.operation = found->name;
  call.subject = std::move(found->subject);
}

std::vector<std::string_view> changing_respond_operations() {
  std::vector<std::string_view> names;
  for (const PicketOperation& one : respond_operations)
    if (one.method != "GET") names.push_back(one.name);
  return names;
}

Answer answer_respond(RespondCall& call) {
  if (call.operation == "ListResponders") {
    if (!call.caller.administers_all)
      return access_denied("Only who administers every account is told of the responders.");
    return R"({"responders":)" + (call.backend.responders ? call.backend.responders() : std::string("[]")) +
           "}";
  }
  if (call.backend.playbooks == nullptr) return resource_not_found();
  if (call.operation == "ListPlaybooks") return list_playbooks(call);
  if (call.operation == "ListPlaybookRuns") return list_runs(call);
  if (call.operation == "UndoPlaybookRun") return undo(call);
  return act(call);
}

}  // namespace picket::api
