// The rules of the configuration: which finding goes to which target, in which form.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/respond_keys.h"
#include "finding/severity.h"
#include "respond/event_pattern.h"
#include "respond/finding_event.h"
#include "respond/input.h"
#include "store/finding_store.h"

namespace picket::respond {

enum class TargetKind : unsigned char {
  eventbridge,
  sns,
  sqs,
  lambda,
  stepfunctions,
  securityhub,
  webhook,
  syslog,
  file,
  email,
  cloudwatch,
  logs,
  kafka,
  playbook,  // [[respond.playbook]], under its own name
};

enum class Format : unsigned char { eventbridge, guardduty, asff, ocsf, cef, slack, teams };

// Where findings go: checked, but with no connection yet.
struct Target {
  RespondTargetKeys keys;
  TargetKind kind = TargetKind::file;
  Format format = Format::eventbridge;
  Input input;

  // What is sent of the event.
  std::string body(const FindingEvent& event, std::string_view rule, TimeMs now) const;
  // "arn:…", URL, address or path.
  const std::string& place() const;
};

// What an outbox row says: this change of the finding goes to this target, for this rule.
struct Task {
  FindingChange change = FindingChange::updated;
  Severity severity = Severity::low;  // as it was then: the order of sending
  std::string target, rule;
  std::uint64_t entity = 0;  // whom the finding is about, by hash; 0: not known
};
std::string outbox_kind(const Task& task);              // "respond/CHANGE/high/TARGET/RULE/ENTITY"
std::optional<Task> parse_task(std::string_view kind);  // nothing: another consumer's row

class Rules {
 public:
  Rules() = default;
  // Errors tell the file, the line and what is wrong.
  static Result<Rules> make(const RespondKeys& keys);

  bool empty() const { return rules_.empty(); }
  // One a target, though several rules may name it: the first that wants the event.
  std::vector<Task> tasks(const FindingEvent& event) const;
  // Of one rule by name; nothing: no such rule.
  std::optional<std::vector<Task>> tasks(const FindingEvent& event, std::string_view rule) const;
  const std::map<std::string, Target, std::less<>>& targets() const { return targets_; }
  struct Rule {
    std::string name;
    std::optional<EventPattern> pattern;  // absent: every finding
    std::vector<std::string> targets;
  };
  const std::vector<Rule>& all() const { return rules_; }

 private:
  std::vector<Task> tasks(const FindingEvent& event, const Rule* only) const;

  std::vector<Rule> rules_;
  std::map<std::string, Target, std::less<>> targets_;
};

// What the outbox is to hold for a finding that is written. Of a known one `stored` is what the store has.
std::vector<OutboxRow> outbox_rows(const Rules& rules, const FindingRow& row, const Finding* stored);
// And for one that is taken back: whoever was told of it is told so. Playbooks were not.
std::vector<OutboxRow> withdrawal_rows(const Rules& rules, const Finding& finding);

}  // namespace picket::respond
