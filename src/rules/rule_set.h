// A set of rules in the engine's terms: a detector for each that raises findings, and the matcher that tells
// which records they want.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/detector.h"
#include "engine/record_matcher.h"
#include "rules/matcher.h"
#include "rules/rule.h"

namespace picket::rules {

class RuleSet final : public RecordMatcher {
 public:
  // `builtin` come first in detectors(). Predicates must pass check(), references of correlations must be ids
  // of `rules` of the same log; loaders see to it.
  RuleSet(std::vector<Rule> rules, std::span<const Detector* const> builtin);
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  // For the engine, together with this set.
  std::span<const Detector* const> detectors() const { return detectors_; }
  std::span<const Rule> rules() const { return rules_; }
  // Records that matched the rule so far, in all epochs (copies of a record count too).
  std::uint64_t matches(std::size_t rule) const { return matches_[rule].load(std::memory_order_relaxed); }
  // The rule behind a detector of detectors(), nullptr for the built-in ones.
  const Rule* rule_of(std::size_t detector) const;

  bool wants(LogKind log) const override { return !of_log(log).predicates->empty(); }
  void match(const CloudTrailEvent& event, std::vector<RuleHit>& hits) const override;
  void match(const AuditEvent& event, std::vector<RuleHit>& hits) const override;
  void match(const FlowRecord& flow, std::vector<RuleHit>& hits) const override;
  void match(const DnsQuery& query, std::vector<RuleHit>& hits) const override;
  void tell(LogKind log, const RuleHit& hit, Evidence& evidence) const override;
  void recall(const CloudTrailEvent& event) const override;

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  // A rule as one of a correlation's, with the fields it is asked for.
  struct Use {
    std::uint32_t correlation = 0;  // rule
    std::uint32_t number = 0;       // among the correlation's rules
    std::vector<std::uint32_t> group_by;
    std::uint32_t value = none;
    std::uint32_t inner = none;  // among the rules of the correlation that is chained there
    std::vector<std::uint32_t> inner_group_by;
  };
  struct Matched {
    std::uint32_t rule = 0;
    std::uint32_t detector = none;  // none: only correlations use it
    bool plain = false;             // as RuleHit has them
    bool dry_run = false;
    std::vector<std::uint32_t> shown;
    std::vector<Use> uses;
  };
  struct Log {
    std::unique_ptr<CompiledPredicates> predicates;
    std::vector<Matched> rules;  // by predicate
  };
  // Of the record at hand: the row of a correlation and a group, whichever of the correlation's rules
  // matched.
  struct Row {
    std::uint32_t correlation;
    std::string group, rules;
    std::uint32_t value;
    struct Chained {
      std::uint32_t number, inner;
      std::string group;
      std::uint32_t value;
    };
    std::vector<Chained> chained;
  };
  // What a thread keeps of the record of a log it matched last. A RuleHit's number is that of a predicate, or
  // from row_base on that of a row.
  struct Last {
    CompiledPredicates::Scratch scratch;
    std::vector<std::uint32_t> matched;
    std::vector<Row> rows;
  };
  static constexpr std::uint32_t row_base = 1U << 31U;
  static Last& last_of_thread(LogKind log);
  static std::optional<std::string> group_of(std::string_view account,
                                             const std::vector<std::uint32_t>& fields,
                                             const std::vector<std::string>& names,
                                             CompiledPredicates::Scratch& scratch);
  void add_uses(Matched& matched, std::uint32_t correlation, std::uint32_t number,
                const Correlation::Reference& reference, CompiledPredicates& predicates) const;
  const Log& of_log(LogKind log) const { return logs_[static_cast<std::size_t>(log)]; }
  void add_detector(const Rule& rule);
  void compile(LogKind log);
  void match(LogKind log, const RecordView& record, std::string_view account,
             std::vector<RuleHit>& hits) const;
  void evidence_of(const Log& log, std::uint32_t predicate, CompiledPredicates::Scratch& scratch,
                   Evidence& evidence) const;

  const std::vector<Rule> rules_;
  std::vector<std::vector<std::string>> titles_;  // of the rules of each correlation, by rule
  std::deque<Detector> own_detectors_;
  std::vector<const Detector*> detectors_;
  std::vector<std::uint32_t> detector_of_, rule_of_detector_;
  std::array<Log, log_kinds.size()> logs_;
  mutable std::vector<std::atomic<std::uint64_t>> matches_;
};

}  // namespace picket::rules
