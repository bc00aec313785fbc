// A run of a playbook: what was found, what was changed from what to what, and by whom. It is stored before
// anything is changed, and again after every step, so that a crash leaves nothing unknown.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "playbook/aws_session.h"
#include "store/finding_store.h"

namespace picket::playbook {

// One thing that has a state: an interface's security groups, an access key's status. A step moves it from
// the state it was found in to another, and undoing moves it back, if it still is where the step left it.
struct Step {
  std::string kind;                          // of step_kinds(): "interface_groups"
  std::string resource;                      // as people name it: "eni-0123"
  std::map<std::string, std::string> where;  // what the kind needs to find it
  std::string before, after;                 // in the kind's own notation; `before` is what was read first
  std::string status = "planned";            // "already" (nothing to do), "begun", "done", "undone"
  std::string note;                          // for people; may be empty
};

// Run::state:
//   previewed  nothing was changed: the playbook is on dry run, or only a preview was wanted
//   refused    nothing was changed, for the reason in `why`
//   already    everything was as wanted
//   running    begun; goes on by itself after a crash or when AWS answers again
//   done
//   failed     AWS refused a step, or somebody else changed something meanwhile; what was done can be undone
//   undoing, undone
struct Run {
  std::string id, playbook, action;
  std::string state, why;
  std::string actor;  // "rule/NAME", "console/USER", "cli/USER", or a profile of the API
  std::string undone_by;
  std::string finding, finding_type, account, region;
  std::string subject, subject_id;  // "instance", "i-0123"
  std::string basis;                // on what evidence it rests
  bool dry_run = false;
  bool audited = false;
  TimeMs created = 0, updated = 0;
  std::vector<Step> steps;
  std::vector<MadeCall> calls;

  bool open() const { return state == "running" || state == "undoing"; }
};

// `with_calls`: also what is of no interest to people.
std::string run_json(const Run& run, bool with_calls);
Result<Run> parse_run(std::string_view json);

// Runs are settings of this kind, under their account and Region.
constexpr std::string_view run_setting_kind = "playbook_run";
Result<void> save_run(FindingStore& store, const Run& run);
// Newest first.
Result<std::vector<Run>> load_runs(FindingStore& store);

// What the calls of all runs since then are known by: "ACCESS_KEY_ID REQUEST_ID", sorted.
Result<std::vector<std::string>> own_calls(FindingStore& store, TimeMs since);

}  // namespace picket::playbook
