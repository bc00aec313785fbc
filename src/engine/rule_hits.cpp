#include "engine/rule_hits.h"

#include <algorithm>

#include "engine/object_run.h"
#include "engine/subject.h"

namespace picket {

RuleHits::Group& RuleHits::group_of(std::span<const RuleHit> hits, std::uint32_t issue) {
  detectors_.clear();
  for (const RuleHit& hit : hits)
    detectors_.append(reinterpret_cast<const char*>(&hit.detector), sizeof hit.detector);
  auto list = list_of.find(std::string_view(detectors_));
  if (list == list_of.end()) {
    list = list_of.emplace(detectors_, static_cast<std::uint32_t>(lists.size())).first;
    lists.emplace_back(hits.begin(), hits.end());
  }
  return groups[std::uint64_t{list->second} << 32U | issue];
}

bool RuleHits::add(Group& group) {
  const auto index = static_cast<std::uint32_t>(records.size() - 1);
  const bool newest = group.records.empty() || records[group.newest].proof < records[index].proof;
  if (newest) group.newest = index;
  group.records.push_back(index);
  return newest;
}

namespace {

// A group's records, without copies and in order, and the copies.
struct Proofs {
  std::vector<const ProofRecord*> records;
  std::vector<ProofRecord> copies;
};

Proofs proofs_of(const RuleHits& hits, const RuleHits::Group& group, const Duplicates& duplicates) {
  Proofs proofs;
  proofs.records.reserve(group.records.size());
  for (const std::uint32_t index : group.records) {
    const RuleHits::Record& record = hits.records[index];
    if (!duplicates.contain(record.object_index, record.position)) {
      proofs.records.push_back(&record.proof);
    } else if (!record.proof.event_id.empty()) {
      proofs.copies.push_back(record.proof);
    }
  }
  const auto earlier = [](const ProofRecord* a, const ProofRecord* b) { return *a < *b; };
  if (!std::is_sorted(proofs.records.begin(), proofs.records.end(), earlier))
    std::sort(proofs.records.begin(), proofs.records.end(), earlier);
  return proofs;
}

}  // namespace

void tell_hits(RuleHits& hits, const RecordMatcher& rules, std::span<const Detector* const> detectors,
               const std::function<const ObjectInfo&(std::uint32_t object_index)>& info_of,
               const Duplicates& duplicates, const std::function<void(ToldHits)>& take) {
  struct Rule {
    RuleHit hit;
    RuleHits::Group* newest = nullptr;
    std::size_t of_newest = 0;  // the rule's place in its list
    std::vector<std::uint32_t> parts;
  };
  boost::unordered_flat_map<std::uint64_t, Rule> by_issue;
  std::vector<Proofs> proofs;
  proofs.reserve(hits.groups.size());
  for (auto& [key, group] : hits.groups) {
    const std::vector<RuleHit>& list = hits.lists[key >> 32U];
    for (std::size_t i = 0; i < list.size(); ++i) {
      Rule& rule = by_issue[std::uint64_t{list[i].detector} << 32U | static_cast<std::uint32_t>(key)];
      rule.parts.push_back(static_cast<std::uint32_t>(proofs.size()));
      if (rule.newest != nullptr &&
          !(hits.records[rule.newest->newest].proof < hits.records[group.newest].proof))
        continue;
      rule.hit = list[i];
      rule.newest = &group;
      rule.of_newest = i;
    }
    proofs.push_back(proofs_of(hits, group, duplicates));
  }
  // Those of one call together: it is asked once.
  std::vector<Rule*> ordered;
  ordered.reserve(by_issue.size());
  for (auto& [key, rule] : by_issue) ordered.push_back(&rule);
  std::sort(ordered.begin(), ordered.end(), [](const Rule* a, const Rule* b) {
    return std::pair(a->newest->newest, a->hit.number) < std::pair(b->newest->newest, b->hit.number);
  });
  const RuleHits::Group* last = nullptr;
  for (const Rule* rule : ordered) {
    RuleHits::Group& group = *rule->newest;
    const RuleHits::Record& newest = hits.records[group.newest];
    Evidence evidence{};
    if (!group.call) {
      evidence = group.evidence[rule->of_newest];
    } else {
      if (last == nullptr || last->newest != group.newest) {
        rules.recall(group.call->event());
        group.subject = std::make_shared<const Subject>(
            placed_in(info_of(newest.object_index), subject_of(group.call->event())));
      } else if (&group != last) {
        group.subject = last->subject;
      }
      rules.tell(LogKind::cloudtrail, rule->hit, evidence);
      last = &group;
    }
    ToldHits one;
    Activity& activity = one.activity;
    for (const std::uint32_t part : rule->parts) {
      const Proofs& more = proofs[part];
      one.copies.insert(one.copies.end(), more.copies.begin(), more.copies.end());
      if (more.records.empty()) continue;
      const bool first = activity.count == 0;
      activity.count += more.records.size();
      if (first || *more.records.front() < activity.first) activity.first = *more.records.front();
      if (first || activity.last < *more.records.back()) activity.last = *more.records.back();
      activity.proof.add(more.records);
    }
    // Should the newest record be a copy, the one it copies tells the details, being newer than the rest
    // here.
    Detection details =
        detection_of(detectors, rule->hit.detector, std::move(evidence), *group.subject, newest.proof, {});
    if (!one.copies.empty()) {
      one.newest = activity.count == 0 ? std::move(details) : details;
      one.newest.count = 0;
    }
    if (activity.count != 0) {
      activity.latest = std::move(details);
      activity.latest.first = activity.latest.last = activity.last;
      activity.severity = activity.latest.severity;
    }
    take(std::move(one));
  }
}

}  // namespace picket
