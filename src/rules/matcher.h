// All rules of one kind of log compiled together, so that a record costs about the same whatever their
// number.
//
// Each distinct test is judged at most once for a record, and each field taken out of it at most once. Which
// rules are looked at at all is decided first: a rule that only takes certain values of the log's leading
// field (CloudTrail eventName, audit objectRef.resource, flow dstport) stands under those; where several
// rules ask for texts of the same field, one hash or automaton over that field finds those whose text is
// there. What fields of few values (service, call, error, kind of identity) decide by themselves is judged
// once for each combination of their values and looked up from then on, and so is what the automaton finds
// in a text that came before.
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
  class Scratch;
  // Fills `matched` with the numbers of the predicates that hold, ascending.
  void match(const RecordView& record, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  // Makes the record the one that passed() tells of, when it is known from before what holds.
  void begin(const RecordView& record, Scratch& scratch) const;

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
    std::uint32_t remembered = UINT32_MAX;  // number of the Scratch's memory of what was found; max: none
    ByText<std::vector<std::uint32_t>> exact;
    LiteralAutomaton automaton;
    std::vector<std::vector<std::uint32_t>> by_literal;
  };
  struct Group {
    std::vector<std::uint32_t> always;
    std::vector<FieldIndex> indexes;
  };
  // A predicate that other fields decide, with what is open of it: the nodes [begin, end) of Settled::rest.
  struct Open {
    std::uint32_t predicate = 0, begin = 0, end = 0;
    bool any = false;  // whether one of them is enough
  };
  // What the values of the few-valued fields of a record say.
  struct Settled {
    std::vector<std::uint32_t> matched;  // predicates that hold whatever the rest, ascending
    std::vector<Open> open;
    std::vector<std::uint32_t> rest;
    std::vector<const FieldIndex*> indexes;  // of other fields, which may find more of these
  };
  // What an index found in a text.
  struct Found {
    std::string text;
    std::vector<std::uint32_t> predicates;
    bool filled = false;
  };
  enum class Verdict : std::uint8_t { no, yes, open };
  struct Key;  // a text that a field must hold
  using Cover = std::vector<Key>;

  std::uint32_t add_node(const Predicate& predicate);
  std::uint32_t add_test(const FieldTest& test);
  std::vector<Cover> covers_of(const Predicate& predicate);
  unsigned rank(const Cover& cover) const;
  Group make_group(std::span<const std::uint32_t> members, std::span<const std::vector<Cover>> covers,
                   bool named) const;
  void find_few_valued();
  const Settled& settle(Scratch& scratch) const;
  void settle(const Group& group, Scratch& scratch, Settled& settled) const;
  void leave_open(std::uint32_t predicate, Scratch& scratch, Settled& settled) const;
  Verdict judge(std::uint32_t node, Scratch& scratch) const;
  bool holds(std::uint32_t node, Scratch& scratch) const;
  // The value that passes is left in `value`; nullptr for a test of absence.
  bool passes(const Test& test, Scratch& scratch, std::string* value) const;
  bool passes_made(const Test& test, std::span<const FieldValue> values, Scratch& scratch,
                   std::string* value) const;
  bool accepts(const Test& test, FieldValue& value, Scratch& scratch) const;
  template <class Take>
  void find(const FieldIndex& index, FieldValue& value, Scratch& scratch, Take take) const;
  void look_at(const Group& group, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  void look_at(const FieldIndex& index, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  void look_at(std::uint32_t predicate, Scratch& scratch, std::vector<std::uint32_t>& matched) const;
  void collect(std::uint32_t node, Scratch& scratch, const OnPassed& take) const;

  LogKind log_;
  const std::uint64_t number_;  // never used twice: whose results a Scratch remembers
  FieldTable fields_;
  std::uint32_t leading_ = 0;  // field
  std::vector<Test> tests_;
  std::map<std::string, std::uint32_t> test_of_;  // by what it tests
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  Group any_;
  std::vector<Group> groups_;
  ByText<std::uint32_t> group_of_;  // lower-case value of the leading field
  // Fields of few values that tests ask for; none unless the leading field is among them.
  std::vector<std::uint32_t> few_valued_;
};

class CompiledPredicates::Scratch {
 public:
  FieldReader fields;

 private:
  friend class CompiledPredicates;
  std::uint64_t record = 0;
  std::vector<std::uint64_t> results;    // by test: record * 2 + whether it passed
  std::vector<std::uint64_t> looked_at;  // by predicate: record
  std::string passing;                   // the value at hand
  // What is remembered of records before, of the predicates `of`.
  std::uint64_t of = 0;
  std::string few;          // the few-valued fields of the record at hand
  ByText<Settled> settled;  // by these
  std::size_t settled_bytes = 0;
  std::vector<std::vector<Found>> found;  // by FieldIndex::remembered, then by hash of the text
};

}  // namespace picket::rules
