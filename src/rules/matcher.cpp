#include "rules/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <set>

#include "base/text.h"

namespace picket::rules {

namespace {

using Kind = FieldTest::Kind;

bool contains(std::string_view text, std::string_view part) {
  return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A wildcard pattern as one byte a piece: literal bytes, any_one and any_many, which no UTF-8 text holds.
constexpr char any_one = '\xfe', any_many = '\xff';

std::string wildcard_pieces(std::string_view pattern) {
  std::string pieces;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const char after = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '\\' && (after == '*' || after == '?' || after == '\\')) {
      pieces += after;
      ++i;
    } else if (c == '*') {
      if (!pieces.ends_with(any_many)) pieces += any_many;
    } else {
      pieces += c == '?' ? any_one : c;
    }
  }
  return pieces;
}

bool matches_wildcard(std::string_view pieces, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  const auto step = [&](std::size_t at) {  // past one character
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    return at;
  };
  while (t < text.size()) {
    if (p < pieces.size() && pieces[p] == any_many) {
      star = p++;
      star_text = t;
    } else if (p < pieces.size() && pieces[p] == any_one) {
      ++p;
      t = step(t);
    } else if (p < pieces.size() && pieces[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pieces.size() && pieces[p] == any_many) ++p;
  return p == pieces.size();
}

std::string longest_literal(std::string_view pieces) {
  std::string_view best;
  while (!pieces.empty()) {
    const std::size_t end = pieces.find_first_of(std::string_view("\xfe\xff", 2));
    const std::string_view literal = pieces.substr(0, end);
    if (literal.size() > best.size()) best = literal;
    if (end == std::string_view::npos) break;
    pieces.remove_prefix(end + 1);
  }
  return std::string(best);
}

std::string identity(const FieldTest& test) {
  std::string text =
      fmt::format("{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{}", test.field, static_cast<int>(test.kind),
                  test.cased, test.of_fields, test.none_of, fmt::ptr(test.function), test.argument);
  for (const std::string& value : test.values) text += '\x1f' + value;
  return text;
}

re2::RE2::Options regex_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return options;
}

std::string_view leading_field(LogKind log) {
  switch (log) {
    case LogKind::cloudtrail:
      return "eventName";
    case LogKind::k8saudit:
      return "objectRef.resource";
    case LogKind::vpcflow:
      return "dstport";
    case LogKind::dns:
      return "query_name";
  }
  return {};
}

// Fields with few values, each in a large share of all records: a text of them narrows little.
constexpr std::string_view common_fields[] = {"eventSource",
                                              "awsRegion",
                                              "userIdentity.type",
                                              "userIdentity.accountId",
                                              "eventType",
                                              "eventCategory",
                                              "eventVersion",
                                              "readOnly",
                                              "managementEvent",
                                              "recipientAccountId",
                                              "stage",
                                              "level",
                                              "verb",
                                              "action",
                                              "protocol",
                                              "query_type",
                                              "rcode",
                                              "account-id",
                                              "account_id",
                                              "region",
                                              "version",
                                              "query_class",
                                              "transport",
                                              "flow-direction"};

// Those of them that are worth remembering together: their combinations are as few as the kinds of call an
// organisation makes.
constexpr std::string_view few_valued_fields[] = {"eventSource",
                                                  "eventName",
                                                  "errorCode",
                                                  "userIdentity.type",
                                                  "eventType",
                                                  "eventCategory",
                                                  "readOnly",
                                                  "managementEvent",
                                                  "awsRegion",
                                                  "objectRef.resource",
                                                  "objectRef.subresource",
                                                  "objectRef.apiGroup",
                                                  "verb",
                                                  "stage",
                                                  "level",
                                                  "responseStatus.code"};
// What a thread remembers of them, in bytes; beyond that it begins anew.
constexpr std::size_t settled_bytes_max = 16U << 20;
// Texts that are remembered of a field, and how long they may be.
constexpr std::size_t found_slots = 1024;  // a power of two
constexpr std::size_t found_bytes_max = 512;

// More texts than this narrow nothing, and fewer rules than this on one field of a group are quicker asked
// than found.
constexpr std::size_t cover_max = 4096;
constexpr std::size_t indexed_rules_min = 4;
constexpr std::size_t covers_max = 64;

Result<void> check_test(const FieldTest& test, LogKind log) {
  const auto no_field = [&](const std::string& name) {
    return fail(ErrorKind::invalid, fmt::format("{} records have no field {}", name_of(log), name));
  };
  if (!is_field(log, test.field)) return no_field(test.field);
  if (test.field.empty() &&
      (log == LogKind::vpcflow || test.kind == Kind::absent || test.kind == Kind::exists))
    return fail(ErrorKind::unsupported,
                fmt::format("{} records cannot be searched for keywords", name_of(log)));
  for (const std::string& value : test.values) {
    if (test.of_fields && !is_field(log, value)) return no_field(value);
    if (test.kind == Kind::regex) {
      if (const re2::RE2 regex(value, regex_options()); !regex.ok())
        return fail(ErrorKind::invalid, fmt::format("regular expression {}: {}", value, regex.error()));
    }
    if (test.kind == Kind::cidr && !IpPrefix::parse(value))
      return fail(ErrorKind::invalid, fmt::format("{} is no address range", value));
    const bool compares = test.kind >= Kind::less && test.kind <= Kind::greater_equal;
    if (compares && !number_of(value)) return fail(ErrorKind::invalid, fmt::format("{} is no number", value));
  }
  return {};
}

}  // namespace

Result<void> check(const Predicate& predicate, LogKind log) {
  if (predicate.op == Predicate::Op::test) return check_test(predicate.test, log);
  for (const Predicate& part : predicate.parts) {
    if (auto checked = check(part, log); !checked) return checked;
  }
  return {};
}

struct CompiledPredicates::Key {
  std::uint32_t field = 0;
  bool exact = false;
  std::string text;  // lower case
};

struct CompiledPredicates::Test {
  Kind kind = Kind::equals;
  std::uint32_t field = 0;
  bool cased = false;
  std::vector<std::string> texts;  // lower case unless cased; pieces of a wildcard
  ByText<char> set;                // of many texts to be equal to
  std::vector<std::uint32_t> other_fields;
  std::vector<double> numbers;
  std::vector<IpPrefix> prefixes;
  std::vector<std::unique_ptr<re2::RE2>> expressions;
  bool none_of = false;
  const ValueFunction* function = nullptr;
  std::string argument;
  unsigned cost = 0;
  bool few_valued = false;  // looks at few-valued fields only
};

CompiledPredicates::~CompiledPredicates() = default;
CompiledPredicates::CompiledPredicates(CompiledPredicates&&) noexcept = default;

static std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

CompiledPredicates::CompiledPredicates(LogKind log, std::span<const Predicate* const> predicates)
    : log_(log), number_(next_number()), fields_(log), leading_(fields_.number_of(leading_field(log))) {
  std::vector<std::vector<Cover>> covers;
  std::map<std::string, std::vector<std::uint32_t>> by_name;
  std::vector<std::uint32_t> of_any_name;
  for (const Predicate* predicate : predicates) {
    const auto number = static_cast<std::uint32_t>(roots_.size());
    roots_.push_back(add_node(*predicate));
    covers.push_back(covers_of(*predicate));
    const auto names = std::find_if(covers.back().begin(), covers.back().end(), [&](const Cover& cover) {
      return std::all_of(cover.begin(), cover.end(),
                         [&](const Key& key) { return key.exact && key.field == leading_; });
    });
    if (names == covers.back().end()) {
      of_any_name.push_back(number);
    } else {
      for (const Key& key : *names) by_name[key.text].push_back(number);
    }
  }
  any_ = make_group(of_any_name, covers, false);
  for (auto& [name, members] : by_name) {
    members.erase(std::unique(members.begin(), members.end()), members.end());
    group_of_.emplace(name, static_cast<std::uint32_t>(groups_.size()));
    groups_.push_back(make_group(members, covers, true));
  }
  for (std::uint32_t i = 0; i < any_.indexes.size(); ++i) any_.indexes[i].remembered = i;
  find_few_valued();
}

void CompiledPredicates::find_few_valued() {
  const auto is_few_valued = [&](std::uint32_t field) {
    return std::find(std::begin(few_valued_fields), std::end(few_valued_fields), fields_.name(field)) !=
           std::end(few_valued_fields);
  };
  if (!is_few_valued(leading_)) return;
  few_valued_.push_back(leading_);
  for (Test& test : tests_) {
    test.few_valued = test.function == nullptr && test.other_fields.empty() && is_few_valued(test.field);
    if (test.few_valued && std::find(few_valued_.begin(), few_valued_.end(), test.field) == few_valued_.end())
      few_valued_.push_back(test.field);
  }
}

std::uint32_t CompiledPredicates::add_node(const Predicate& predicate) {
  Node node;
  node.op = predicate.op;
  if (predicate.op == Predicate::Op::test) {
    node.test = add_test(predicate.test);
    node.cost = tests_[node.test].cost;
  }
  for (const Predicate& part : predicate.parts) {
    node.parts.push_back(add_node(part));
    node.cost += nodes_[node.parts.back()].cost;
  }
  std::stable_sort(node.parts.begin(), node.parts.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return nodes_[a].cost < nodes_[b].cost; });
  nodes_.push_back(std::move(node));
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

std::uint32_t CompiledPredicates::add_test(const FieldTest& test) {
  // The same test in two rules is one test.
  const auto [known, fresh] = test_of_.try_emplace(identity(test), static_cast<std::uint32_t>(tests_.size()));
  if (!fresh) return known->second;
  Test made;
  made.kind = test.kind;
  made.field = fields_.number_of(test.field);
  made.cased = test.cased;
  made.none_of = test.none_of;
  made.function = test.function;
  made.argument = test.argument;
  for (const std::string& value : test.values) {
    if (test.of_fields) {
      made.other_fields.push_back(fields_.number_of(value));
    } else if (test.kind == Kind::regex) {
      made.expressions.push_back(std::make_unique<re2::RE2>(value, regex_options()));
    } else if (test.kind == Kind::cidr) {
      made.prefixes.push_back(IpPrefix::parse(value).value_or(IpPrefix{}));
    } else if (test.kind >= Kind::less && test.kind <= Kind::greater_equal) {
      made.numbers.push_back(number_of(value).value_or(0));
    } else {
      std::string text = test.kind == Kind::wildcard ? wildcard_pieces(value) : value;
      made.texts.push_back(test.cased ? std::move(text) : lower(text));
    }
  }
  constexpr std::size_t set_min = 6;
  if (test.kind == Kind::equals && made.texts.size() >= set_min) {
    for (const std::string& text : made.texts) made.set.emplace(text, 0);
  }
  made.cost = (fields_.is_ready(made.field) ? 1U : 20U) + static_cast<unsigned>(test.values.size() / 8) +
              (test.field.empty() ? 100U : 0U) +
              (test.kind == Kind::regex || test.kind == Kind::wildcard ? 10U : 0U) +
              (test.function != nullptr ? 100U : 0U);
  tests_.push_back(std::move(made));
  return known->second;
}

// Sets of texts of which one must be there if the predicate holds.
std::vector<CompiledPredicates::Cover> CompiledPredicates::covers_of(const Predicate& predicate) {
  switch (predicate.op) {
    case Predicate::Op::negation:
      return {};
    case Predicate::Op::all: {
      std::vector<Cover> covers;
      for (const Predicate& part : predicate.parts) {
        for (Cover& cover : covers_of(part)) {
          if (covers.size() < covers_max) covers.push_back(std::move(cover));
        }
      }
      return covers;
    }
    case Predicate::Op::any: {
      // The best of each part together; besides, for the leading field, what all parts say of it.
      Cover best, leading;
      bool all_best = !predicate.parts.empty(), all_leading = all_best;
      for (const Predicate& part : predicate.parts) {
        const std::vector<Cover> covers = covers_of(part);
        const auto of_leading = std::find_if(covers.begin(), covers.end(), [&](const Cover& cover) {
          return std::all_of(cover.begin(), cover.end(),
                             [&](const Key& key) { return key.exact && key.field == leading_; });
        });
        if (of_leading == covers.end()) {
          all_leading = false;
        } else {
          leading.insert(leading.end(), of_leading->begin(), of_leading->end());
        }
        const auto least = std::min_element(
            covers.begin(), covers.end(), [&](const Cover& a, const Cover& b) { return rank(a) < rank(b); });
        if (least == covers.end()) {
          all_best = false;
        } else {
          best.insert(best.end(), least->begin(), least->end());
        }
      }
      std::vector<Cover> covers;
      if (all_leading && leading.size() <= cover_max) covers.push_back(std::move(leading));
      if (all_best && best.size() <= cover_max) covers.push_back(std::move(best));
      return covers;
    }
    case Predicate::Op::test:
      break;
  }
  const FieldTest& test = predicate.test;
  if (test.of_fields || test.none_of || test.function != nullptr || test.values.empty() ||
      test.values.size() > cover_max)
    return {};
  Cover cover;
  for (const std::string& value : test.values) {
    Key key{fields_.number_of(test.field), false, {}};
    switch (test.kind) {
      case Kind::equals:
        key.exact = true;
        key.text = lower(value);
        break;
      case Kind::contains:
      case Kind::prefix:
      case Kind::suffix:
        key.text = lower(value);
        break;
      case Kind::wildcard:
        key.text = longest_literal(lower(wildcard_pieces(value)));
        break;
      default:
        return {};
    }
    if (key.text.empty()) return {};
    cover.push_back(std::move(key));
  }
  return {std::move(cover)};
}

// How much work a cover lets through, by guess: less is better.
unsigned CompiledPredicates::rank(const Cover& cover) const {
  unsigned worst = 0;
  for (const Key& key : cover) {
    const std::string& name = fields_.name(key.field);
    unsigned of_key = key.exact ? 0 : key.text.size() < 3 ? 30 : 10;
    if (!fields_.is_ready(key.field)) of_key += 40;
    if (name.empty()) of_key += 100;
    if (std::find(std::begin(common_fields), std::end(common_fields), name) != std::end(common_fields))
      of_key += 25;
    worst = std::max(worst, of_key);
  }
  return worst;
}

CompiledPredicates::Group CompiledPredicates::make_group(std::span<const std::uint32_t> members,
                                                         std::span<const std::vector<Cover>> covers,
                                                         bool named) const {
  // The cover to find each member by; in a named group only one that tells more than the name does.
  std::map<std::uint32_t, const Cover*> chosen;
  std::map<std::uint32_t, std::size_t> rules_on_field;
  for (const std::uint32_t member : members) {
    const Cover* best = nullptr;
    for (const Cover& cover : covers[member]) {
      const bool one_field = std::all_of(cover.begin(), cover.end(),
                                         [&](const Key& key) { return key.field == cover.front().field; });
      if (named && (!one_field || cover.front().field == leading_ ||
                    fields_.name(cover.front().field) == "eventSource"))
        continue;
      if (best == nullptr || rank(cover) < rank(*best)) best = &cover;
    }
    if (best == nullptr) continue;
    chosen[member] = best;
    ++rules_on_field[best->front().field];
  }
  Group group;
  struct Texts {
    std::map<std::string, std::vector<std::uint32_t>> literals;
    ByText<std::vector<std::uint32_t>> exact;
  };
  std::map<std::uint32_t, Texts> by_field;
  for (const std::uint32_t member : members) {
    const auto found = chosen.find(member);
    if (found == chosen.end() ||
        (named && rules_on_field[found->second->front().field] < indexed_rules_min)) {
      group.always.push_back(member);
      continue;
    }
    for (const Key& key : *found->second) {
      Texts& texts = by_field[key.field];
      (key.exact ? texts.exact[key.text] : texts.literals[key.text]).push_back(member);
    }
  }
  for (auto& [field, texts] : by_field) {
    FieldIndex index;
    index.field = field;
    index.exact = std::move(texts.exact);
    std::vector<std::string> literals;
    for (auto& [literal, rules] : texts.literals) {
      literals.push_back(literal);
      index.by_literal.push_back(std::move(rules));
    }
    index.automaton = LiteralAutomaton(literals);
    group.indexes.push_back(std::move(index));
  }
  return group;
}

void CompiledPredicates::begin(const RecordView& record, Scratch& scratch) const {
  scratch.fields.begin(fields_, record);
  ++scratch.record;
  if (scratch.results.size() < tests_.size()) scratch.results.resize(tests_.size());
  if (scratch.looked_at.size() < roots_.size()) scratch.looked_at.resize(roots_.size());
}

void CompiledPredicates::match(const RecordView& record, Scratch& scratch,
                               std::vector<std::uint32_t>& matched) const {
  matched.clear();
  if (roots_.empty()) return;
  begin(record, scratch);
  if (scratch.of != number_) {
    scratch.of = number_;
    scratch.settled.clear();
    scratch.settled_bytes = 0;
    scratch.found.assign(any_.indexes.size(), std::vector<Found>(found_slots));
  }
  if (!few_valued_.empty()) {
    const Settled& settled = settle(scratch);
    matched = settled.matched;
    const std::size_t known = matched.size();
    const auto rest_holds = [&](std::uint32_t node) { return holds(node, scratch); };
    for (const Open& open : settled.open) {
      scratch.looked_at[open.predicate] = scratch.record;
      const auto begin = settled.rest.begin() + open.begin, end = settled.rest.begin() + open.end;
      if (open.any ? std::any_of(begin, end, rest_holds) : std::all_of(begin, end, rest_holds))
        matched.push_back(open.predicate);
    }
    for (const FieldIndex* index : settled.indexes) look_at(*index, scratch, matched);
    if (matched.size() == known) return;
    std::sort(matched.begin(), matched.end());
    matched.erase(std::unique(matched.begin(), matched.end()), matched.end());
    return;
  }
  for (FieldValue& value : scratch.fields.values(leading_)) {
    const auto group = group_of_.find(scratch.fields.lower(value));
    if (group != group_of_.end()) look_at(groups_[group->second], scratch, matched);
  }
  look_at(any_, scratch, matched);
  std::sort(matched.begin(), matched.end());
}

const CompiledPredicates::Settled& CompiledPredicates::settle(Scratch& scratch) const {
  std::string& few = scratch.few;
  few.clear();
  for (const std::uint32_t field : few_valued_) {
    // Values with their lengths, so that no text can look like two.
    const std::vector<FieldValue>& values = scratch.fields.values(field);
    few += static_cast<char>(values.size());
    for (const FieldValue& value : values) {
      const auto size = static_cast<std::uint32_t>(value.text.size());
      few.append(reinterpret_cast<const char*>(&size), sizeof size);
      few += value.text;
    }
  }
  if (const auto known = scratch.settled.find(few); known != scratch.settled.end()) return known->second;
  Settled settled;
  for (FieldValue& value : scratch.fields.values(leading_)) {
    const auto group = group_of_.find(scratch.fields.lower(value));
    if (group != group_of_.end()) settle(groups_[group->second], scratch, settled);
  }
  settle(any_, scratch, settled);
  ++scratch.record;  // what was looked at here is looked at again
  std::sort(settled.matched.begin(), settled.matched.end());
  scratch.settled_bytes += sizeof(Settled) + 2 * few.size() +
                           sizeof(std::uint32_t) * (settled.matched.size() + settled.rest.size()) +
                           sizeof(Open) * settled.open.size() + sizeof(void*) * settled.indexes.size();
  if (scratch.settled_bytes > settled_bytes_max) {
    scratch.settled.clear();
    scratch.settled_bytes = 0;
  }
  return scratch.settled.insert_or_assign(few, std::move(settled)).first->second;
}

void CompiledPredicates::settle(const Group& group, Scratch& scratch, Settled& settled) const {
  const auto consider = [&](std::uint32_t predicate) {
    std::uint64_t& looked = scratch.looked_at[predicate];
    if (looked == scratch.record) return;
    looked = scratch.record;
    const Verdict verdict = judge(roots_[predicate], scratch);
    if (verdict == Verdict::yes) settled.matched.push_back(predicate);
    if (verdict == Verdict::open) leave_open(predicate, scratch, settled);
  };
  for (const std::uint32_t predicate : group.always) consider(predicate);
  for (const FieldIndex& index : group.indexes) {
    if (std::find(few_valued_.begin(), few_valued_.end(), index.field) == few_valued_.end()) {
      settled.indexes.push_back(&index);
      continue;
    }
    for (FieldValue& value : scratch.fields.values(index.field)) find(index, value, scratch, consider);
  }
}

// The parts that are decided already decide nothing more: all but the open ones hold, or none does.
void CompiledPredicates::leave_open(std::uint32_t predicate, Scratch& scratch, Settled& settled) const {
  const auto begin = static_cast<std::uint32_t>(settled.rest.size());
  const Node& root = nodes_[roots_[predicate]];
  if (root.op == Predicate::Op::all || root.op == Predicate::Op::any) {
    for (const std::uint32_t part : root.parts) {
      if (judge(part, scratch) == Verdict::open) settled.rest.push_back(part);
    }
  } else {
    settled.rest.push_back(roots_[predicate]);
  }
  settled.open.push_back(
      {predicate, begin, static_cast<std::uint32_t>(settled.rest.size()), root.op == Predicate::Op::any});
}

// What few-valued fields say of it, whatever the others do.
CompiledPredicates::Verdict CompiledPredicates::judge(std::uint32_t number, Scratch& scratch) const {
  const Node& node = nodes_[number];
  const auto decided = [](bool holds) { return holds ? Verdict::yes : Verdict::no; };
  switch (node.op) {
    case Predicate::Op::test:
      return tests_[node.test].few_valued ? decided(holds(number, scratch)) : Verdict::open;
    case Predicate::Op::negation: {
      const Verdict part = judge(node.parts.front(), scratch);
      return part == Verdict::open ? part : decided(part == Verdict::no);
    }
    case Predicate::Op::all:
    case Predicate::Op::any:
      break;
  }
  // One `no` decides an "all", one `yes` an "any".
  const Verdict deciding = decided(node.op == Predicate::Op::any);
  bool open = false;
  for (const std::uint32_t part : node.parts) {
    const Verdict verdict = judge(part, scratch);
    if (verdict == deciding) return verdict;
    open = open || verdict == Verdict::open;
  }
  return open ? Verdict::open : decided(node.op == Predicate::Op::all);
}

void CompiledPredicates::look_at(const Group& group, Scratch& scratch,
                                 std::vector<std::uint32_t>& matched) const {
  for (const std::uint32_t predicate : group.always) look_at(predicate, scratch, matched);
  for (const FieldIndex& index : group.indexes) look_at(index, scratch, matched);
}

void CompiledPredicates::look_at(const FieldIndex& index, Scratch& scratch,
                                 std::vector<std::uint32_t>& matched) const {
  const auto look = [&](std::uint32_t predicate) { look_at(predicate, scratch, matched); };
  for (FieldValue& value : scratch.fields.values(index.field)) {
    if (index.remembered == UINT32_MAX || value.text.size() > found_bytes_max) {
      find(index, value, scratch, look);
      continue;
    }
    Found& found = scratch.found[index.remembered][hash64(value.text) & (found_slots - 1)];
    if (!found.filled || found.text != value.text) {
      found.filled = true;
      found.text = value.text;
      found.predicates.clear();
      find(index, value, scratch, [&](std::uint32_t predicate) { found.predicates.push_back(predicate); });
    }
    for (const std::uint32_t predicate : found.predicates) look(predicate);
  }
}

// Calls take(predicate) for those that have the value's text, some of them more than once.
template <class Take>
void CompiledPredicates::find(const FieldIndex& index, FieldValue& value, Scratch& scratch, Take take) const {
  const std::string_view text = scratch.fields.lower(value);
  if (const auto same = index.exact.find(text); same != index.exact.end()) {
    for (const std::uint32_t predicate : same->second) take(predicate);
  }
  if (index.automaton.empty()) return;
  index.automaton.scan(text, [&](std::uint32_t literal) {
    for (const std::uint32_t predicate : index.by_literal[literal]) take(predicate);
  });
}

void CompiledPredicates::look_at(std::uint32_t predicate, Scratch& scratch,
                                 std::vector<std::uint32_t>& matched) const {
  std::uint64_t& looked = scratch.looked_at[predicate];
  if (looked == scratch.record) return;
  looked = scratch.record;
  if (holds(roots_[predicate], scratch)) matched.push_back(predicate);
}

bool CompiledPredicates::holds(std::uint32_t number, Scratch& scratch) const {
  const Node& node = nodes_[number];
  const auto part_holds = [&](std::uint32_t part) { return holds(part, scratch); };
  switch (node.op) {
    case Predicate::Op::all:
      return std::all_of(node.parts.begin(), node.parts.end(), part_holds);
    case Predicate::Op::any:
      return std::any_of(node.parts.begin(), node.parts.end(), part_holds);
    case Predicate::Op::negation:
      return !holds(node.parts.front(), scratch);
    case Predicate::Op::test:
      break;
  }
  std::uint64_t& result = scratch.results[node.test];
  if (result >> 1U != scratch.record) {
    result = scratch.record << 1U | (passes(tests_[node.test], scratch, nullptr) ? 1U : 0U);
  }
  return (result & 1U) != 0;
}

bool CompiledPredicates::passes(const Test& test, Scratch& scratch, std::string* passing) const {
  std::vector<FieldValue>& values = scratch.fields.values(test.field);
  if (test.function != nullptr) return passes_made(test, values, scratch, passing);
  if (test.kind == Kind::absent) return values.empty();
  if (values.empty() && test.kind == Kind::equals && !test.none_of) {
    // An absent field and an empty one are the same in AWS's logs.
    return std::find(test.texts.begin(), test.texts.end(), "") != test.texts.end();
  }
  for (FieldValue& value : values) {
    if (accepts(test, value, scratch) == test.none_of) continue;
    if (passing != nullptr) *passing = value.text;
    return true;
  }
  return false;
}

// The same for the values that the test's function makes.
bool CompiledPredicates::passes_made(const Test& test, std::span<const FieldValue> values, Scratch& scratch,
                                     std::string* passing) const {
  for (const FieldValue& value : values) {
    for (std::string& made : test.function->values(value.text, test.argument)) {
      if (test.kind == Kind::absent) return false;
      const std::string lowered = test.cased ? std::string() : lower(made);
      FieldValue one{.text = made, .lower = lowered};
      if (accepts(test, one, scratch) == test.none_of) continue;
      if (passing != nullptr) *passing = std::move(made);
      return true;
    }
  }
  return test.kind == Kind::absent;
}

bool CompiledPredicates::accepts(const Test& test, FieldValue& value, Scratch& scratch) const {
  const auto compare = [&](auto&& holds) {
    const auto number = number_of(value.text);
    return number && std::any_of(test.numbers.begin(), test.numbers.end(),
                                 [&](double wanted) { return holds(*number, wanted); });
  };
  const auto text_accepts = [&](std::string_view text, std::string_view wanted) {
    switch (test.kind) {
      case Kind::contains:
        return contains(text, wanted);
      case Kind::prefix:
        return text.starts_with(wanted);
      case Kind::suffix:
        return text.ends_with(wanted);
      case Kind::wildcard:
        return matches_wildcard(wanted, text);
      default:
        return text == wanted;
    }
  };
  switch (test.kind) {
    case Kind::absent:
      return false;
    case Kind::exists:
      return true;
    case Kind::regex:
      return std::any_of(test.expressions.begin(), test.expressions.end(), [&](const auto& expression) {
        return re2::RE2::PartialMatch(re2::StringPiece(value.text.data(), value.text.size()), *expression);
      });
    case Kind::cidr: {
      const std::optional<IpAddress> ip =
          value.ip != nullptr ? std::optional(*value.ip) : IpAddress::parse(value.text);
      return ip && std::any_of(test.prefixes.begin(), test.prefixes.end(),
                               [&](const IpPrefix& prefix) { return prefix.contains(*ip); });
    }
    case Kind::less:
      return compare([](double a, double b) { return a < b; });
    case Kind::less_equal:
      return compare([](double a, double b) { return a <= b; });
    case Kind::greater:
      return compare([](double a, double b) { return a > b; });
    case Kind::greater_equal:
      return compare([](double a, double b) { return a >= b; });
    case Kind::equals:
    case Kind::contains:
    case Kind::prefix:
    case Kind::suffix:
    case Kind::wildcard:
      break;
  }
  const std::string_view text = test.cased ? value.text : scratch.fields.lower(value);
  if (!test.set.empty()) {
    if (test.set.contains(text)) return true;
  } else if (std::any_of(test.texts.begin(), test.texts.end(),
                         [&](const std::string& wanted) { return text_accepts(text, wanted); })) {
    return true;
  }
  for (const std::uint32_t field : test.other_fields) {
    for (FieldValue& other : scratch.fields.values(field)) {
      if (text_accepts(text, test.cased ? other.text : scratch.fields.lower(other))) return true;
    }
  }
  return false;
}

void CompiledPredicates::collect(std::uint32_t number, Scratch& scratch, const OnPassed& take) const {
  const Node& node = nodes_[number];
  if (node.op == Predicate::Op::negation || !holds(number, scratch)) return;
  for (const std::uint32_t part : node.parts) collect(part, scratch, take);
  if (node.op != Predicate::Op::test) return;
  const Test& test = tests_[node.test];
  scratch.passing.clear();
  if (!passes(test, scratch, &scratch.passing) || scratch.passing.empty()) return;
  take(test.function == nullptr ? std::string_view(fields_.name(test.field)) : test.function->name,
       scratch.passing);
}

}  // namespace picket::rules
