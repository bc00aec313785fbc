// All rules of one kind of log compiled together, so that a record costs about the same whatever their
// number.
//
// Each distinct test is judged at most once for a record, and each field taken out of it at most once. Which
// rules are looked at at all is decided first: a rule that only takes certain values of the log's leading
// field (CloudTrail eventName, audit objectRef.resource, flow dstport) stands under those; where several
// rules ask for texts of the same field, one hash or automaton over that field finds those whose text is
// there.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"
#include "base/result.h"
#include "rules/fields.h"
#include "rules/literal_automaton.h"
#include "rules/predicate.h"

namespace picket::rules {

// What is wrong with a predicate for this kind of log: a field it does not have, a regular expression or
// prefix that cannot be read. compile() takes only predicates that pass.
Result<void> check(const Predicate& predicate, LogKind log);

class CompiledPredicates {
 public:
  CompiledPredicates(LogKind log, std::span<const Predicate* const> predicates);
  ~CompiledPredicates();
  CompiledPredicates(CompiledPredicates&&) noexcept;

  // State of one thread while it matches; its memory is used again.
  class Scratch {
   public:
    FieldReader fields;

   private:
    friend class CompiledPredicates;
    std::uint64_t record = 0;
    std::vector<std::uint64_t> results;    // by test: record * 2 + whether it passed
    std::vector<std::uint64_t> looked_at;  // by predicate: record
    std::string passing;                   // the value at hand
  };
  // Fills `matched` with the numbers of the predicates that hold, ascending.
  void match(const RecordView& record, Scratch& scratch, std::vector<std::uint32_t>& matched) const;

  // After match(), of one that held: the tests that passed, by name of the field (or of the function that
  // made the value), with the value that did.
  using OnPassed = std::function<void(std::string_view name, std::string_view value)>;
  void passed(std::uint32_t predicate, Scratch& scratch, const OnPassed& take) const {
    collect(roots_[predicate], scratch, take);
  }

  // Fields that somebody wants besides those of tests; to be asked for before the first match().
  std::uint32_t field(std::string_view name) { return fields_.number_of(name); }
  const FieldTable& fields() const { return fields_; }
  LogKind log() const { return log_; }
  bool empty() const { return roots_.empty(); }

 private:
  struct Test;
  struct Node {
    Predicate::Op op = Predicate::Op::all;
    std::uint32_t test = 0;
    std::vector<std::uint32_t> parts;  // cheapest first
    unsigned cost = 0;
  };
  struct TextHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view text) const { return hash64(text); }
  };
  template <class T>
  using ByText = boost::unordered_flat_map<std::string, T, TextHash, std::equal_to<>>;
  // Finds predicates by the texts of one field.
  struct FieldIndex {
    std::uint32_t field = 0;
    ByText<std::vector<std::uint32_t>> exact;
    LiteralAutomaton automaton;
    std::vector<std::vector<std::uint32_t>> by_literal;
  };
  struct Group {
    std::vector<std::uint32_t> always;
    std::vector<FieldIndex> indexes;
  };
  struct Key;  // a text that a field must hold
  using Cover = std::vector<Key>;

  std::uint32_t add_node(const Predicate& predicate);
  std::uint32_t add_test(const FieldTest& test);
  std::vector<Cover> covers_of(const Predicate& predicate);
  unsigned rank(const Cover& cover) const;
  Group make_group(std::span<const std::uint32_t> members, std::span<const std::vector<Cover>> covers,
                   bool named) const;
  bool holds(std::uint32_t node, Scratch& scratch) const;
  // The value that passes is left in `value`; nullptr for a test of absence.
  bool passes(const Test& test, Scratch& scratch, std::string* value) const;
  bool passes_made(const Test& test, std::span<const FieldValue> values, Scratch& scratch,
                   std::string* value) const;
  bool accepts(const Test& test, FieldValue& value, Scratch& scratch) const;
  void look_at(const Group& group, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  void look_at(std::uint32_t predicate, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  void collect(std::uint32_t node, Scratch& scratch, const OnPassed& take) const;

  LogKind log_;
  FieldTable fields_;
  std::uint32_t leading_ = 0;  // field
  std::vector<Test> tests_;
  std::map<std::string, std::uint32_t> test_of_;  // by what it tests
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  Group any_;
  std::vector<Group> groups_;
  ByText<std::uint32_t> group_of_;  // lower-case value of the leading field
};

}  // namespace picket::rules
