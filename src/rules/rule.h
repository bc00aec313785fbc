// A rule as its front end read it: what it asks of a record and the finding it raises.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/detector.h"
#include "rules/predicate.h"

namespace picket::rules {

// Events of other rules counted or put in order (Sigma's correlation rules).
struct Correlation {
  enum class Type : std::uint8_t { event_count, value_count, temporal, temporal_ordered };
  struct Reference {
    std::string rule;                   // id of the rule
    std::vector<std::string> group_by;  // fields of its records, one for each of `group_by` below
    std::string field;                  // whose values are counted (value_count)
    // When the rule is a correlation itself: what it raises are the events. It groups by all that this one
    // groups by; `group_by` are then names of its own.
    std::shared_ptr<const Correlation> chained = nullptr;
  };
  Type type = Type::event_count;
  std::vector<Reference> rules;
  std::vector<std::string> group_by;  // names shown in the evidence
  TimeMs timespan = 0;
  // How many events, values or rules within the timespan it takes, and how many are too many.
  std::uint64_t at_least = 1;
  std::optional<std::uint64_t> at_most;
};

struct Rule {
  std::string id;    // unique among the rules
  std::string name;  // the detector's name in findings and state
  std::string title, description;
  std::string origin_text;  // "FILE:LINE", for people
  Origin origin = Origin::rule;
  LogKind log = LogKind::cloudtrail;
  std::string type;  // "Custom:IAMUser/RuleName"
  double severity = 5;
  std::string tactic, technique;  // ATT&CK ids, may be empty
  std::optional<ResourceKind> resource;
  std::vector<IssueKey> issue;      // which matches are one finding
  std::vector<std::string> fields;  // shown in the evidence besides those that matched
  Predicate when;                   // of a rule without correlation
  std::optional<Correlation> correlation;
  bool raises = true;                                      // false: only correlations use it
  bool dry_run = false;                                    // its matches are only counted
  std::string blind_spots;                                 // what it cannot see, a sentence for the reference
  bool (*with_facts)(Detection&, const Facts&) = nullptr;  // as Detector's
};

}  // namespace picket::rules
