#include "rules/rule_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "event/principal.h"
#include "rules/correlation.h"

namespace picket::rules {

namespace {

constexpr std::size_t evidence_items_max = 20;
constexpr std::size_t evidence_bytes_max = 300;
// Distinct values of one record that a correlation counts.
constexpr std::size_t values_max = 100;

void clip(std::string_view text, std::string& into) {
  if (text.size() <= evidence_bytes_max) {
    into.assign(text);
    return;
  }
  std::size_t end = evidence_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  into.assign(text.substr(0, end));
  into += "…";
}

std::string clipped(std::string_view text) {
  std::string into;
  clip(text, into);
  return into;
}

std::uint64_t version_of(const Predicate& predicate) {
  std::uint64_t hash = hash_mix(static_cast<std::uint64_t>(predicate.op), predicate.parts.size());
  if (predicate.op == Predicate::Op::test) {
    const FieldTest& test = predicate.test;
    hash = hash_mix(hash, hash64(test.field, static_cast<std::uint64_t>(test.kind)));
    hash = hash_mix(hash, (test.cased ? 1U : 0U) | (test.of_fields ? 2U : 0U) | (test.none_of ? 4U : 0U));
    if (test.function != nullptr) hash = hash_mix(hash, hash64(test.function->name, hash64(test.argument)));
    for (const std::string& value : test.values) hash = hash_mix(hash, hash64(value));
  }
  for (const Predicate& part : predicate.parts) hash = hash_mix(hash, version_of(part));
  return hash;
}

// Of what a correlation keeps.
constexpr std::uint64_t correlation_form = 2;

std::uint64_t version_of(const Correlation& correlation) {
  std::uint64_t hash = hash_mix(correlation_form, static_cast<std::uint64_t>(correlation.type));
  hash = hash_mix(hash, static_cast<std::uint64_t>(correlation.timespan));
  hash = hash_mix(hash, correlation.at_least);
  hash = hash_mix(hash, correlation.at_most.value_or(0));
  for (const Correlation::Reference& reference : correlation.rules) {
    hash = hash_mix(hash, hash64(reference.rule));
    for (const std::string& field : reference.group_by) hash = hash_mix(hash, hash64(field));
    hash = hash_mix(hash, hash64(reference.field));
    if (reference.chained != nullptr) hash = hash_mix(hash, version_of(*reference.chained));
  }
  return hash;
}

// What a rule says, so that state of another wording is not read.
std::uint64_t version_of(const Rule& rule) {
  const std::uint64_t hash = hash_mix(hash64(rule.type), version_of(rule.when));
  return rule.correlation ? hash_mix(hash, version_of(*rule.correlation)) : hash;
}

}  // namespace

RuleSet::RuleSet(std::vector<Rule> rules, std::span<const Detector* const> builtin)
    : rules_(std::move(rules)),
      titles_(rules_.size()),
      detectors_(builtin.begin(), builtin.end()),
      detector_of_(rules_.size(), none),
      rule_of_detector_(builtin.size(), none),
      matches_(rules_.size()) {
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if (rule.correlation) {
      for (const Correlation::Reference& reference : rule.correlation->rules) {
        for (const Rule& other : rules_) {
          if (other.id == reference.rule) titles_[i].push_back(other.title);
        }
      }
    }
    if (!rule.raises) continue;
    detector_of_[i] = static_cast<std::uint32_t>(detectors_.size());
    rule_of_detector_.push_back(i);
    add_detector(rule);
  }
  for (const LogKind log : log_kinds) compile(log);
}

void RuleSet::add_detector(const Rule& rule) {
  const auto number = static_cast<std::size_t>(&rule - rules_.data());
  Detector detector;
  detector.name = rule.name;
  detector.types = {{.name = rule.type,
                     .severity = severity_of(rule.severity),
                     .mitre = {rule.tactic, rule.technique},
                     .resource = rule.resource,
                     .origin = rule.origin,
                     .title = rule.title,
                     .description = rule.description.empty() ? rule.title : rule.description}};
  detector.summary = rule.title;
  detector.when = {{.log = rule.log, .matched = true}};
  detector.issue = rule.issue;
  detector.version = version_of(rule);
  detector.blind_spots = rule.blind_spots;
  detector.with_facts = rule.with_facts;
  if (rule.correlation) {
    detector.entity = key::evidence(row_evidence::group);
    detector.logic.ordered = [&rule, &titles = titles_[number]] {
      return make_correlation_state(*rule.correlation, titles);
    };
  }
  own_detectors_.push_back(std::move(detector));
  detectors_.push_back(&own_detectors_.back());
}

void RuleSet::compile(LogKind log) {
  Log& compiled = logs_[static_cast<std::size_t>(log)];
  std::vector<const Predicate*> predicates;
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].log != log || rules_[i].correlation) continue;
    predicates.push_back(&rules_[i].when);
    compiled.rules.push_back(
        {i, detector_of_[i], rules_[i].origin == Origin::rule, rules_[i].dry_run, {}, {}});
  }
  compiled.predicates = std::make_unique<CompiledPredicates>(log, predicates);
  for (Matched& matched : compiled.rules) {
    for (const std::string& field : rules_[matched.rule].fields)
      matched.shown.push_back(compiled.predicates->field(field));
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      if (!rules_[i].correlation || rules_[i].log != log || detector_of_[i] == none) continue;
      const std::vector<Correlation::Reference>& references = rules_[i].correlation->rules;
      for (std::uint32_t number = 0; number < references.size(); ++number)
        add_uses(matched, i, number, references[number], *compiled.predicates);
    }
  }
}

// What the rule is to one of a correlation's rules: that very one, or one of those that are chained there.
void RuleSet::add_uses(Matched& matched, std::uint32_t correlation, std::uint32_t number,
                       const Correlation::Reference& reference, CompiledPredicates& predicates) const {
  const std::string& id = rules_[matched.rule].id;
  const auto fields_of = [&](const std::vector<std::string>& names) {
    std::vector<std::uint32_t> fields;
    for (const std::string& name : names) fields.push_back(predicates.field(name));
    return fields;
  };
  const auto value_of = [&](const std::string& name) { return name.empty() ? none : predicates.field(name); };
  if (reference.chained == nullptr) {
    if (reference.rule == id)
      matched.uses.push_back(
          {correlation, number, fields_of(reference.group_by), value_of(reference.field), none, {}});
    return;
  }
  const Correlation& chained = *reference.chained;
  for (std::uint32_t inner = 0; inner < chained.rules.size(); ++inner) {
    const Correlation::Reference& rule = chained.rules[inner];
    if (rule.rule != id) continue;
    const std::vector<std::uint32_t> inner_group = fields_of(rule.group_by);
    std::vector<std::uint32_t> group;
    for (const std::string& name : reference.group_by)
      group.push_back(inner_group[static_cast<std::size_t>(std::ranges::find(chained.group_by, name) -
                                                           chained.group_by.begin())]);
    matched.uses.push_back({correlation, number, std::move(group), value_of(rule.field), inner, inner_group});
  }
}

const Rule* RuleSet::rule_of(std::size_t detector) const {
  const std::uint32_t rule = rule_of_detector_[detector];
  return rule == none ? nullptr : &rules_[rule];
}

void RuleSet::match(const CloudTrailEvent& event, std::vector<RuleHit>& hits) const {
  match(LogKind::cloudtrail, {.cloudtrail = &event}, event_account(event), hits);
}
void RuleSet::match(const AuditEvent& event, std::vector<RuleHit>& hits) const {
  match(LogKind::k8saudit, {.audit = &event}, event.cluster_name, hits);
}
void RuleSet::match(const FlowRecord& flow, std::vector<RuleHit>& hits) const {
  match(LogKind::vpcflow, {.flow = &flow}, flow.account_id, hits);
}
void RuleSet::match(const DnsQuery& query, std::vector<RuleHit>& hits) const {
  match(LogKind::dns, {.dns = &query}, query.account_id, hits);
}

RuleSet::Last& RuleSet::last_of_thread(LogKind log) {
  thread_local std::array<Last, log_kinds.size()> last;
  return last[static_cast<std::size_t>(log)];
}

// None when the record lacks a field: an event without it belongs to no group.
std::optional<std::string> RuleSet::group_of(std::string_view account,
                                             const std::vector<std::uint32_t>& fields,
                                             const std::vector<std::string>& names,
                                             CompiledPredicates::Scratch& scratch) {
  std::string group(account);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::vector<FieldValue>& values = scratch.fields.values(fields[i]);
    if (values.empty()) return std::nullopt;
    group += fmt::format("{}{}={}", group.empty() ? "" : ", ", names[i], clipped(values.front().text));
  }
  return group;
}

void RuleSet::match(LogKind kind, const RecordView& record, std::string_view account,
                    std::vector<RuleHit>& hits) const {
  const Log& log = of_log(kind);
  auto& [scratch, matched, rows] = last_of_thread(kind);
  log.predicates->match(record, scratch, matched);
  rows.clear();
  for (const std::uint32_t predicate : matched) {
    const Matched& rule = log.rules[predicate];
    matches_[rule.rule].fetch_add(1, std::memory_order_relaxed);
    if (rule.detector != none)
      hits.push_back({static_cast<std::uint16_t>(rule.detector), rule.plain, rule.dry_run, predicate});
    for (const Use& use : rule.uses) {
      const Correlation& correlation = *rules_[use.correlation].correlation;
      auto group = group_of(account, use.group_by, correlation.group_by, scratch);
      if (!group) continue;
      auto row = std::ranges::find_if(rows, [&](const Row& other) {
        return other.correlation == use.correlation && other.group == *group;
      });
      if (row == rows.end())
        row = rows.insert(rows.end(), {use.correlation, std::move(*group), {}, none, {}});
      if (use.inner == none) {
        row->rules += fmt::format("{}{}", row->rules.empty() ? "" : ",", use.number);
        row->value = use.value;
        continue;
      }
      const Correlation& chained = *correlation.rules[use.number].chained;
      if (auto inner = group_of(account, use.inner_group_by, chained.group_by, scratch))
        row->chained.push_back({use.number, use.inner, std::move(*inner), use.value});
    }
  }
  for (std::uint32_t i = 0; i < rows.size(); ++i)
    hits.push_back(
        {static_cast<std::uint16_t>(detector_of_[rows[i].correlation]), false, false, row_base + i});
}

void RuleSet::tell(LogKind kind, const RuleHit& hit, Evidence& evidence) const {
  Last& last = last_of_thread(kind);
  if (hit.number < row_base) return evidence_of(of_log(kind), hit.number, last.scratch, evidence);
  const Row& row = last.rows[hit.number - row_base];
  const Rule& rule = rules_[row.correlation];
  evidence = {{"rule", rule.title}, {row_evidence::group, row.group}, {row_evidence::rules, row.rules}};
  evidence.severity = rule.severity;
  for (const Row::Chained& chained : row.chained) {
    ChainedEvent event{chained.number, chained.inner, chained.group, {}};
    if (chained.value == none) {
      evidence.add(row_evidence::chained, event.text());
      continue;
    }
    const std::vector<FieldValue>& values = last.scratch.fields.values(chained.value);
    for (std::size_t i = 0; i < std::min(values.size(), values_max); ++i) {
      event.value = clipped(values[i].text);
      evidence.add(row_evidence::chained, event.text());
    }
  }
  if (row.value == none) return;
  const std::vector<FieldValue>& values = last.scratch.fields.values(row.value);
  for (std::size_t i = 0; i < std::min(values.size(), values_max); ++i)
    evidence.add(row_evidence::value, clipped(values[i].text));
}

void RuleSet::recall(const CloudTrailEvent& event) const {
  of_log(LogKind::cloudtrail)
      .predicates->begin({.cloudtrail = &event}, last_of_thread(LogKind::cloudtrail).scratch);
}

void RuleSet::evidence_of(const Log& log, std::uint32_t predicate, CompiledPredicates::Scratch& scratch,
                          Evidence& evidence) const {
  const Matched& matched = log.rules[predicate];
  const Rule& rule = rules_[matched.rule];
  evidence.severity = rule.severity;
  NamedValues& items = evidence.values;
  std::size_t used = 0;
  const auto add = [&](std::string_view field, std::string_view value) {
    const std::string_view name = field.empty() ? std::string_view("keyword") : field;
    for (std::size_t i = 0; i < used; ++i) {
      if (items[i].first == name) return;
    }
    if (used == evidence_items_max) return;
    if (used == items.size()) items.emplace_back();
    items[used].first.assign(name);
    clip(value, items[used].second);
    ++used;
  };
  add("rule", rule.origin == Origin::guardduty ? rule.name : rule.title);
  const auto show = [&] {
    for (const std::uint32_t field : matched.shown) {
      const std::vector<FieldValue>& values = scratch.fields.values(field);
      if (values.empty()) continue;
      const std::string_view name = log.predicates->fields().name(field);
      if (rule.with_facts == nullptr) {
        add(name, values.front().text);
        continue;
      }
      std::string all;  // Facts are asked about every one.
      for (const FieldValue& value : values) (all += all.empty() ? "" : ", ") += value.text;
      add(name, all);
    }
  };
  if (rule.with_facts != nullptr) show();
  log.predicates->passed(predicate, scratch, add);
  if (rule.with_facts == nullptr) show();
  items.resize(used);
}

}  // namespace picket::rules
