#include "engine/aggregate.h"

#include <algorithm>

#include "engine/rule_modes.h"
#include "finding/provisional.h"

namespace picket {

namespace {

// The same record, in another object maybe, where another route brought it.
bool same(const ProofRecord& a, const ProofRecord& b) {
  return a.time == b.time && a.event_id == b.event_id &&
         (!a.event_id.empty() || (a.object == b.object && a.position == b.position));
}

const ProofRecord& record_of(const ProofRecord& record) { return record; }
const ProofRecord& record_of(const ProofRecord* record) { return *record; }

// Puts the copy's object and position in, when it is the same record and its object comes first.
bool rename_record(ProofRecord& record, const ProofRecord& copy) {
  if (record.time != copy.time || record.event_id != copy.event_id || !(copy < record)) return false;
  record = copy;
  return true;
}

// What makes detections one issue.
std::string issue_base(const Detector& detector, const Detection& detection) {
  std::string base(detector.types[detection.type].name);
  if (detection.signal) base += "\x1esignal";
  for (const std::string* part : {&detection.subject.account, &detection.subject.region, &detection.issue}) {
    base += '\x1e';
    base += *part;
  }
  return base;
}

}  // namespace

void Proof::add(const ProofRecord& record) {
  const ProofRecord* one = &record;
  merge_in(std::span(&one, 1));
}

void Proof::add(std::span<const ProofRecord* const> records) {
  if (records.size() <= 2 * half_max) return merge_in(records);
  merge_in(records.first(half_max));
  merge_in(records.last(half_max));
}

void Proof::merge(const Proof& other) { merge_in(other.records_); }

// `more` ascending. Of copies the one of the smallest object stands, whichever came first.
void Proof::merge_in(const auto& more) {
  if (more.empty()) return;
  const ProofRecord &begin = record_of(more.front()), &end = record_of(more.back());
  // Between the first and the last nothing is kept.
  if (records_.size() == 2 * half_max && !(begin < records_[half_max - 1]) && end < records_[half_max] &&
      !same(end, records_[half_max]))
    return;
  // As it comes in order of time.
  if (records_.empty() || (records_.back() < begin && !same(records_.back(), begin))) {
    records_.reserve(std::min(records_.size() + more.size(), 2 * half_max));
    for (const auto& record : more) records_.push_back(record_of(record));
  } else {
    std::vector<ProofRecord> merged;
    merged.reserve(records_.size() + more.size());
    std::size_t a = 0, b = 0;
    while (a < records_.size() || b < more.size()) {
      const bool own = b == more.size() || (a < records_.size() && !(record_of(more[b]) < records_[a]));
      const ProofRecord& next = own ? records_[a++] : record_of(more[b++]);
      if (merged.empty() || !same(merged.back(), next)) merged.push_back(next);
    }
    records_ = std::move(merged);
  }
  if (records_.size() <= 2 * half_max) return;
  records_.erase(records_.begin() + half_max, records_.end() - half_max);
}

bool Proof::rename(const ProofRecord& copy) {
  bool renamed = false;
  for (ProofRecord& record : records_) renamed |= rename_record(record, copy);
  return renamed;
}

Activity::Activity(Detection detection)
    : count(detection.count), severity(detection.severity), first(detection.first), last(detection.last) {
  proof.add(first);
  proof.add(last);
  intel = std::move(detection.intel);
  detection.intel.clear();
  std::sort(intel.begin(), intel.end());
  intel.erase(std::unique(intel.begin(), intel.end()), intel.end());
  if (intel.size() > intel_max) intel.resize(intel_max);
  if (detection.subject.remote_ip) note(*detection.subject.remote_ip);
  latest = std::move(detection);
}

void Activity::note(const IpAddress& remote) {
  const auto at = std::ranges::lower_bound(remote_ips, remote);
  if (at != remote_ips.end() && *at == remote) return;
  remote_ips.insert(at, remote);
  if (remote_ips.size() > remote_ips_max) remote_ips.pop_back();
}

void Activity::merge(Activity other) {
  if (count == 0) {
    *this = std::move(other);
    return;
  }
  count += other.count;
  proof.merge(other.proof);
  severity = std::max(severity, other.severity);
  if (latest.last < other.latest.last) {
    latest = std::move(other.latest);
    sequence = std::move(other.sequence);
  }
  if (other.first < first) first = other.first;
  if (last < other.last) last = other.last;
  for (const IntelEvidence& hit : other.intel) {
    const auto at = std::lower_bound(intel.begin(), intel.end(), hit);
    if (at == intel.end() || *at != hit) intel.insert(at, hit);
  }
  if (intel.size() > intel_max) intel.resize(intel_max);
  for (const IpAddress& remote : other.remote_ips) note(remote);
  for (const auto& [detector, signal] : other.signals) {
    const auto [at, fresh] = signals.try_emplace(detector, signal);
    if (!fresh) at->second.merge(signal);
  }
}

void Activity::merge(Detection more) {
  if (count == 0 || !more.intel.empty()) return merge(Activity(std::move(more)));
  count += more.count;
  proof.add(more.first);
  if (more.first < more.last) proof.add(more.last);
  severity = std::max(severity, more.severity);
  if (more.first < first) first = more.first;
  if (last < more.last) last = more.last;
  if (more.subject.remote_ip) note(*more.subject.remote_ip);
  if (!(latest.last < more.last)) return;
  latest = std::move(more);
  sequence.reset();
}

bool Activity::rename(const ProofRecord& copy) {
  bool renamed = proof.rename(copy);
  for (ProofRecord* record : {&first, &last, &latest.first, &latest.last})
    renamed |= rename_record(*record, copy);
  return renamed;
}

void DailyActivities::add(const Detector& detector, Detection detection) {
  std::string key = issue_base(detector, detection);
  key += '\x1e';
  key += std::to_string(detection.first.time / day_ms);
  const auto [at, fresh] = by_issue_.try_emplace(std::move(key), all_.size());
  if (fresh) all_.emplace_back();
  all_[at->second].merge(std::move(detection));
}

void DailyActivities::clear() {
  by_issue_.clear();
  all_.clear();
}

std::string Aggregator::base_of(const Detection& detection) const {
  return issue_base(*detectors_[detection.detector], detection);
}

void Aggregator::add(const Detection& detection) {
  Activity activity(detection);
  if (holds_by_association(*detectors_[detection.detector])) {
    activity.signals[detection.detector] = {
        .count = detection.count,
        .first = detection.first.time,
        .last = detection.last.time,
        .severity = detection.severity,
        .event_id = detection.last.event_id.text(),
        .call = detection.subject.api_call.value_or(ApiCall{}),
        .remote_ip = detection.subject.remote_ip,
    };
  }
  add(std::move(activity));
}

void Aggregator::add(Activity activity) {
  std::string base = base_of(activity.latest);
  Issue& issue = issues_[base];
  const TimeMs number = slice_of(activity.first.time);
  issue.settled[number].merge(std::move(activity));
  touched_.insert(std::move(base));
}

bool Aggregator::add_copy(const Detection& copy) {
  const std::string base = base_of(copy);
  const auto issue = issues_.find(base);
  if (issue == issues_.end()) return false;
  const auto part = issue->second.settled.find(slice_of(copy.first.time));
  if (part == issue->second.settled.end() || !part->second.rename(copy.first)) return false;
  touched_.insert(base);
  return true;
}

void Aggregator::replace(std::uint64_t window, Activity activity) {
  std::string base = base_of(activity.latest);
  if (const auto at = open_in_.find(window); at != open_in_.end() && at->second != base) {
    issues_[at->second].open.erase(window);
    touched_.insert(at->second);
  }
  issues_[base].open.insert_or_assign(window, std::move(activity));
  open_in_.insert_or_assign(window, base);
  touched_.insert(std::move(base));
}

const Activity* Aggregator::said(std::uint64_t window) const {
  const auto at = open_in_.find(window);
  return at == open_in_.end() ? nullptr : &issues_.at(at->second).open.at(window);
}

void Aggregator::withdraw(std::uint64_t window) {
  const auto at = open_in_.find(window);
  if (at == open_in_.end()) return;
  issues_[at->second].open.erase(window);
  touched_.insert(at->second);
  open_in_.erase(at);
}

void Aggregator::settle(std::uint64_t window) {
  const auto at = open_in_.find(window);
  if (at == open_in_.end()) return;
  Issue& issue = issues_[at->second];
  const auto open = issue.open.find(window);
  Activity activity = std::move(open->second);
  issue.open.erase(open);
  open_in_.erase(at);
  add(std::move(activity));
}

void Aggregator::settle_lost(const std::vector<bool>& lost) {
  std::vector<std::uint64_t> windows;
  for (const auto& [window, base] : open_in_) {
    Activity& said = issues_.at(base).open.at(window);
    if (!lost[said.latest.detector]) continue;
    for (auto& [name, value] : said.latest.evidence)
      if (name == provisional_evidence) name = unordered_evidence;
    windows.push_back(window);
  }
  for (const std::uint64_t window : windows) settle(window);
}

void Aggregator::touch(TimeMs since) {
  for (const auto& [base, issue] : issues_) {
    const auto recent = [&](const auto& part) { return part.second.last.time >= since; };
    if (std::any_of(issue.settled.begin(), issue.settled.end(), recent) ||
        std::any_of(issue.open.begin(), issue.open.end(), recent)) {
      touched_.insert(base);
    }
  }
}

std::vector<AggregatedFinding> Aggregator::findings_of(const std::string& base, const Issue& issue) const {
  std::vector<const Activity*> parts;
  for (const auto& [number, activity] : issue.settled) parts.push_back(&activity);
  for (const auto& [window, activity] : issue.open) parts.push_back(&activity);
  std::sort(parts.begin(), parts.end(),
            [](const Activity* a, const Activity* b) { return a->first < b->first; });
  std::vector<AggregatedFinding> findings;
  for (const Activity* part : parts) {
    if (findings.empty() || part->first.time - findings.back().activity.last.time > episode_gap) {
      const std::string episode = base + '\x1e' + std::to_string(findings.size());
      findings.push_back({hash128(episode).hex(), *part});
    } else {
      findings.back().activity.merge(*part);
    }
  }
  return findings;
}

Aggregator::Changes Aggregator::take_changes() {
  Changes changes;
  for (const std::string& base : touched_) {
    const auto at = issues_.find(base);
    std::vector<AggregatedFinding> findings = findings_of(base, at->second);
    std::set<std::string> ids;
    for (const AggregatedFinding& finding : findings) ids.insert(finding.id);
    for (const std::string& id : at->second.ids) {
      if (!ids.contains(id)) changes.retracted.push_back(id);
    }
    at->second.ids = std::move(ids);
    for (AggregatedFinding& finding : findings) {
      auto& kind = finding.signal() ? changes.signals : changes.updated;
      kind.push_back(std::move(finding));
    }
    if (at->second.settled.empty() && at->second.open.empty()) issues_.erase(at);
  }
  touched_.clear();
  for (std::vector<AggregatedFinding>* kind : {&changes.updated, &changes.signals}) {
    // A finding is kilobytes: put in order by pointer, and moved once.
    std::vector<AggregatedFinding*> order;
    order.reserve(kind->size());
    for (AggregatedFinding& finding : *kind) order.push_back(&finding);
    std::ranges::sort(order, {}, &AggregatedFinding::id);
    std::vector<AggregatedFinding> sorted;
    sorted.reserve(kind->size());
    for (AggregatedFinding* finding : order) sorted.push_back(std::move(*finding));
    *kind = std::move(sorted);
  }
  std::sort(changes.retracted.begin(), changes.retracted.end());
  return changes;
}

std::unordered_set<std::uint64_t> Aggregator::named_objects() const {
  std::unordered_set<std::uint64_t> named;
  const auto add = [&](const auto& activities) {
    for (const auto& [slice_or_window, activity] : activities)
      for (const ProofRecord& record : activity.proof.records()) named.insert(record.object);
  };
  for (const auto& [base, issue] : issues_) {
    add(issue.settled);
    add(issue.open);
  }
  return named;
}

std::size_t Aggregator::bytes() const {
  // A settled issue holds a Detection of about 1.5 kB and its proof of up to 100 records of about 100 bytes.
  return issues_.size() * 6000;
}

void Aggregator::save(Writer& out) const { out(issues_, open_in_); }

void Aggregator::load(Reader& in) { in(issues_, open_in_); }

void Aggregator::renumber(const Numbering& numbering) {
  const auto renumbered = [&](Activity& activity) {
    if (!numbering.renumber(activity.latest)) return false;
    std::map<std::uint16_t, Signal> signals;
    for (auto& [detector, signal] : activity.signals)
      if (const auto now = numbering.detector(detector)) signals.emplace(*now, std::move(signal));
    activity.signals = std::move(signals);
    return true;
  };
  const auto renumber_all = [&](auto& parts) {
    for (auto at = parts.begin(); at != parts.end();)
      at = renumbered(at->second) ? std::next(at) : parts.erase(at);
  };
  for (auto at = issues_.begin(); at != issues_.end();) {
    renumber_all(at->second.settled);
    renumber_all(at->second.open);
    const bool gone = at->second.settled.empty() && at->second.open.empty();
    at = gone ? issues_.erase(at) : std::next(at);
  }
  std::erase_if(open_in_, [&](const auto& item) {
    const auto issue = issues_.find(item.second);
    return issue == issues_.end() || !issue->second.open.contains(item.first);
  });
}

}  // namespace picket
