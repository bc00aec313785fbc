#include "playbook/run.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"

namespace picket::playbook {

namespace dom = simdjson::dom;

namespace {

// Texts of a run by the names they have in JSON.
template <class R, class Visit>
void each_text(R& run, Visit visit) {
  visit("id", run.id);
  visit("playbook", run.playbook);
  visit("action", run.action);
  visit("state", run.state);
  visit("why", run.why);
  visit("actor", run.actor);
  visit("undoneBy", run.undone_by);
  visit("findingId", run.finding);
  visit("findingType", run.finding_type);
  visit("accountId", run.account);
  visit("region", run.region);
  visit("subject", run.subject);
  visit("subjectId", run.subject_id);
  visit("basis", run.basis);
}

template <class S, class Visit>
void each_text_of_step(S& step, Visit visit) {
  visit("kind", step.kind);
  visit("resource", step.resource);
  visit("before", step.before);
  visit("after", step.after);
  visit("status", step.status);
  visit("note", step.note);
}

template <class C, class Visit>
void each_text_of_call(C& call, Visit visit) {
  visit("eventSource", call.event_source);
  visit("eventName", call.event_name);
  visit("awsRegion", call.region);
  visit("requestID", call.request_id);
  visit("accessKeyId", call.access_key_id);
}

auto reader_of(const dom::element& object) {
  return [object](const char* name, std::string& into) {
    std::string_view value;
    if (object[name].get(value) == simdjson::SUCCESS) into = value;
  };
}

template <class Visit>
void each_item(const dom::element& object, const char* name, Visit visit) {
  dom::array items;
  if (object[name].get(items) != simdjson::SUCCESS) return;
  for (const dom::element item : items) visit(item);
}

}  // namespace

std::string run_json(const Run& run, bool with_calls) {
  std::string out;
  JsonWriter json(out);
  const auto write = [&](const char* name, const std::string& value) {
    if (!value.empty()) json.member(name, value);
  };
  json.begin_object();
  each_text(run, write);
  json.member("dryRun", run.dry_run);
  if (with_calls) json.member("audited", run.audited);
  json.member("createdAt", run.created);
  json.member("updatedAt", run.updated);
  json.key("steps");
  json.begin_array();
  for (const Step& step : run.steps) {
    json.begin_object();
    each_text_of_step(step, [&](const char* name, const std::string& value) { json.member(name, value); });
    if (with_calls) json.member("where", step.where);
    json.end_object();
  }
  json.end_array();
  if (with_calls) {
    json.key("calls");
    json.begin_array();
    for (const MadeCall& call : run.calls) {
      json.begin_object();
      json.member("time", call.time);
      each_text_of_call(call, write);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return out;
}

Result<Run> parse_run(std::string_view text) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS || !root.is_object())
    return fail(ErrorKind::invalid, "a playbook's run is not readable");
  Run run;
  each_text(run, reader_of(root));
  std::int64_t number = 0;
  bool flag = false;
  if (root["dryRun"].get(flag) == simdjson::SUCCESS) run.dry_run = flag;
  if (root["audited"].get(flag) == simdjson::SUCCESS) run.audited = flag;
  if (root["createdAt"].get(number) == simdjson::SUCCESS) run.created = number;
  if (root["updatedAt"].get(number) == simdjson::SUCCESS) run.updated = number;
  each_item(root, "steps", [&](const dom::element& item) {
    Step& step = run.steps.emplace_back();
    each_text_of_step(step, reader_of(item));
    dom::object where;
    if (item["where"].get(where) != simdjson::SUCCESS) return;
    for (const auto& [name, value] : where) {
      std::string_view one;
      if (value.get(one) == simdjson::SUCCESS) step.where.emplace(name, one);
    }
  });
  each_item(root, "calls", [&](const dom::element& item) {
    MadeCall& call = run.calls.emplace_back();
    each_text_of_call(call, reader_of(item));
    if (std::int64_t time = 0; item["time"].get(time) == simdjson::SUCCESS) call.time = time;
  });
  return run;
}

Result<void> save_run(FindingStore& store, const Run& run) {
  const auto saved = store.put_setting(
      {run.account, run.region, std::string(run_setting_kind), run.id, run_json(run, true)});
  if (!saved) return std::unexpected(saved.error());
  return {};
}

Result<std::vector<Run>> load_runs(FindingStore& store) {
  const auto rows = store.list_settings({}, {}, run_setting_kind);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Run> runs;
  for (const Setting& row : *rows) {
    auto run = parse_run(row.body);
    if (!run) return std::unexpected(run.error());
    runs.push_back(std::move(*run));
  }
  std::ranges::sort(
      runs, [](const Run& a, const Run& b) { return std::tie(b.created, b.id) < std::tie(a.created, a.id); });
  return runs;
}

Result<std::vector<std::string>> own_calls(FindingStore& store, TimeMs since) {
  const auto runs = load_runs(store);
  if (!runs) return std::unexpected(runs.error());
  std::vector<std::string> known;
  for (const Run& run : *runs) {
    for (const MadeCall& call : run.calls) {
      if (call.time >= since && !call.request_id.empty())
        known.push_back(fmt::format("{} {}", call.access_key_id, call.request_id));
    }
  }
  std::ranges::sort(known);
  return known;
}

}  // namespace picket::playbook
