#include "engine/object_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "decode/sniff.h"
#include "engine/subject.h"
#include "event/audit_stage.h"
#include "event/principal.h"
#include "models/name_look.h"

namespace picket {

namespace {

// Interfaces are learned from the first records of each batch and from every record a window takes.
constexpr std::size_t sighted_per_batch = 16;

std::size_t index_of(LogKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

Subject placed_in(const ObjectInfo& info, Subject subject) {
  if (subject.account.empty()) subject.account = info.account;
  if (subject.region.empty()) subject.region = info.region;
  return subject;
}

void WorkerOutput::clear() {
  pending.clear();
  rule_hits = {};
  dry_runs = {};
  rows.clear();
  row_texts.clear();
  activities.clear();
  for (WindowTable& table : windows) table.clear();
  host_days.clear();
  queries.clear();
  behaviours.clear();
  fact_rows.clear();
  interfaces.clear();
  sightings.clear();
}

ObjectRun::ObjectRun(const EpochTables& tables, const ObjectInfo& info, std::uint32_t object_index,
                     std::uint64_t records_before, WorkerOutput& out, ObjectOutput& object)
    : tables_(tables),
      info_(info),
      object_index_(object_index),
      records_before_(records_before),
      object_(hash64(info.key)),
      out_(out),
      result_(object) {
  result_.ledger.key = info.key;
  out.behaviours.count_in(tables.counts ? &object.tally_marks : nullptr, records_before);
  if (const std::string_view id = flow_log_id(info.key);
      !id.empty() && tables.claims->overlaps(info.account, info.region)) {
    overlapping_flow_log_ = id;
  }
  if (const KeyFacts facts = read_key(info.key); facts.delivered) delivered_for_ = facts.account;
}

// Of the object's own account and Region where those are known, as shares are.
void ObjectRun::mark(std::string_view account, std::string_view region, TimeMs time, std::uint64_t position) {
  if (!tables_.watches) return;
  if (!info_.account.empty()) account = info_.account;
  if (!info_.region.empty()) region = info_.region;
  if (last_marks_ == nullptr || last_marks_->first.first != account || last_marks_->first.second != region)
    last_marks_ = &*result_.marks.slots.try_emplace({std::string(account), std::string(region)}).first;
  last_marks_->second.add(time, records_before_ + position);
}

// Under CloudTrail's own prefix lie only records that the prefix's account received, whoever called and
// whoever owns the trail. What claims another account is set aside: it would be held against that one.
bool ObjectRun::is_foreign(const CloudTrailEvent& event, std::uint64_t position) {
  const std::string_view claimed = event.recipient_account_id;
  if (delivered_for_.empty() || claimed.empty() || claimed == delivered_for_) return false;
  const ProofRecord record{event.event_time, object_, records_before_ + position,
                           std::string(event.event_id)};
  // Each claimed account is a finding: an object of forged records must not make thousands.
  constexpr std::size_t named_max = 8;
  auto& foreign = result_.marks.foreign;
  const bool named = foreign.size() < named_max || foreign.contains(std::string(claimed));
  auto& [count, first] = foreign[named ? std::string(claimed) : std::string("others")];
  if (count++ == 0 || record < first) first = record;
  std::string detail;  // of those that are told one by one: an object may be full of them
  if (result_.ledger.set_aside_first.size() < ObjectLedger::set_aside_told_max)
    detail =
        fmt::format("recipientAccountId is {}, the object was delivered for {}", claimed, delivered_for_);
  on_quarantined(LogKind::cloudtrail,
                 {position, 0, event.raw.text().size(), "foreign_account", std::move(detail)});
  return true;
}

void ObjectRun::saw(LogKind kind, TimeMs time) {
  ++result_.ledger.processed;
  if (time < tables_.watermark[index_of(kind)]) ++result_.ledger.late;
  times_.add(time);
}

void ObjectRun::reached(std::uint64_t position) {
  result_.ledger.last_position = std::max(result_.ledger.last_position, position);
}

ObjectLedger::Share& ObjectRun::share_of(std::string_view account, std::string_view region) {
  if (!info_.account.empty()) account = info_.account;
  if (!info_.region.empty()) region = info_.region;
  if (last_share_ == nullptr || last_share_->first.first != account || last_share_->first.second != region)
    last_share_ = &*result_.ledger.shares.try_emplace({std::string(account), std::string(region)}).first;
  return last_share_->second;
}

bool ObjectRun::left_out(TimeMs time, std::string_view account) {
  if (!tables_.filter.active()) return false;
  const std::string_view reason =
      tables_.filter.reason(time, account.empty() ? std::string_view(info_.account) : account);
  if (reason.empty()) return false;
  leave_out(reason);
  return true;
}

void ObjectRun::leave_out(std::string_view reason) {
  ++result_.ledger.filtered;
  ++result_.ledger.filter_reasons[std::string(reason)];
}

IntelPlace ObjectRun::place_of(const Context& context) const {
  return {context.account.empty() ? std::string_view(info_.account) : context.account,
          context.region.empty() ? std::string_view(info_.region) : context.region};
}

void ObjectRun::identify(std::uint64_t id, TimeMs time, std::uint64_t position) {
  result_.identities[id % identity_shards].push_back(
      {id, static_cast<std::int32_t>(time / hour_ms), static_cast<std::uint32_t>(position)});
}

Subject ObjectRun::placed(Subject subject) const { return placed_in(info_, std::move(subject)); }

Detection detection_of(std::span<const Detector* const> detectors, std::uint16_t detector, Evidence evidence,
                       Subject subject, const ProofRecord& record, std::span<const IntelHit> hits) {
  const Detector& literal = *detectors[detector];
  Detection detection;
  detection.detector = detector;
  detection.type = evidence.type;
  const FindingType& type = literal.types[evidence.type];
  detection.severity = evidence.severity_of(number_of(type.severity));
  detection.signal = evidence.signal;
  if (holds_by_association(literal)) subject.action = ActionKind::none;  // Told by its sequence instead.
  apply_type(type, subject);
  detection.subject = std::move(subject);
  detection.evidence = std::move(evidence.values);
  detection.intel = intel_evidence(hits);
  detection.issue = issue_of(detection.subject, detection.evidence, literal.issue);
  detection.first = detection.last = record;
  return detection;
}

// Flow and DNS records are not delivered twice under an id of their own, so their detections can be merged at
// once.
void ObjectRun::fold(Detection detection) {
  out_.activities.add(*tables_.detectors[detection.detector], std::move(detection));
}

bool ObjectRun::is_ordered(std::uint16_t detector) const {
  return tables_.detectors[detector]->logic.ordered != nullptr;
}

// Besides what makes a finding an issue has whether its address is trusted, which silences, and the slice of
// time that the aggregator puts it in. Where the account is not known yet, the address itself.
std::uint32_t ObjectRun::number_of_issue(std::string_view account, std::string_view region,
                                         const std::optional<IpAddress>& remote_ip) {
  const auto add = [&](std::string_view text) {
    issue_ += '\x1e';
    issue_ += text;
  };
  add(account);
  add(region);
  if (!remote_ip) {
    add({});
  } else if (account.empty() || region.empty()) {
    add(remote_ip->to_string());
  } else {
    add(tables_.intel->is_trusted(*remote_ip, {account, region}) ? "trusted" : "");
  }
  RuleHits& hits = out_.rule_hits;
  const TimeMs slice = Aggregator::slice_of(hits.records.back().proof.time);
  issue_.append(reinterpret_cast<const char*>(&slice), sizeof slice);
  return hits.issues.try_emplace(issue_, static_cast<std::uint32_t>(hits.issues.size())).first->second;
}

std::uint32_t ObjectRun::number_of(const Subject& subject, std::span<const IssueKey> keys) {
  issue_ = issue_of(subject, {}, keys);
  return number_of_issue(subject.account, subject.region, subject.remote_ip);
}

// Says the same without making the subject, which hardly any record needs in the end.
std::uint32_t ObjectRun::number_of(const CloudTrailEvent& event, Caller& caller,
                                   std::span<const IssueKey> keys) {
  if (keys.size() != 1 || keys.front().kind != IssueKind::principal)
    return number_of(placed(subject_of(event)), keys);
  issue_ = caller.principal().key;
  issue_ += '\x1f';
  std::string_view account = event.recipient_account_id, region = event.aws_region;
  if (account.empty()) account = event.user_identity.account_id;
  if (account.empty()) account = info_.account;
  if (region.empty()) region = info_.region;
  return number_of_issue(account, region,
                         event.source_ip && event.source_ip->is_public() ? event.source_ip : std::nullopt);
}

Evidence ObjectRun::evidence_of(LogKind log, const RuleHit& hit) const {
  Evidence evidence{};
  tables_.rules->tell(log, hit, evidence);
  return evidence;
}

std::uint32_t ObjectRun::dry_run_place(std::string_view account, std::string_view region) {
  DryRunHits& all = out_.dry_runs;
  return all.places
      .try_emplace({std::string(account.empty() ? info_.account : account),
                    std::string(region.empty() ? info_.region : region)},
                   static_cast<std::uint32_t>(all.places.size()))
      .first->second;
}

template <class Take>
void ObjectRun::take_plain_hits(const ProofRecord& record, std::uint64_t position, Take take) {
  out_.rule_hits.records.push_back({record, object_index_, position});
  std::span<RuleHit> rest = plain_hits_;
  while (!rest.empty()) {
    const std::vector<IssueKey>& keys = tables_.detectors[rest.front().detector]->issue;
    const auto others = std::stable_partition(rest.begin(), rest.end(), [&](const RuleHit& hit) {
      const std::vector<IssueKey>& own = tables_.detectors[hit.detector]->issue;
      return &own == &keys || own == keys;
    });
    take(std::span<const RuleHit>(rest.begin(), others), keys);
    rest = {others, rest.end()};
  }
}

void ObjectRun::take_hits(const CloudTrailEvent& event, Caller& caller, const Context& context,
                          std::uint64_t position) {
  plain_hits_.clear();
  for (const RuleHit& hit : rule_hits(LogKind::cloudtrail, event)) {
    if (hit.dry_run) {
      const std::string_view account = event_account(event);
      out_.dry_runs.hits.push_back(
          {position, object_index_, dry_run_place(account, event.aws_region), hit.detector});
    } else if (hit.plain) {
      plain_hits_.push_back(hit);
    } else if (const RuleMode mode = mode_of(hit.detector, context, event.event_time);
               mode != RuleMode::off) {
      raise(event, position, hit.detector, evidence_of(LogKind::cloudtrail, hit), {},
            mode == RuleMode::dry_run);
    }
  }
  if (plain_hits_.empty()) return;
  std::shared_ptr<const KeptCall> call;
  take_plain_hits({event.event_time, object_, records_before_ + position, event.event_id}, position,
                  [&](std::span<const RuleHit> hits, std::span<const IssueKey> keys) {
                    RuleHits::Group& group = out_.rule_hits.group_of(hits, number_of(event, caller, keys));
                    if (!out_.rule_hits.add(group)) return;
                    if (!call) call = std::make_shared<const KeptCall>(event);
                    group.call = call;
                  });
}

void ObjectRun::take_hits(const AuditEvent& event, const Context& context, std::uint64_t position) {
  const TimeMs time = event.request_received_timestamp;
  plain_hits_.clear();
  for (const RuleHit& hit : rule_hits(LogKind::k8saudit, event)) {
    if (hit.dry_run) {
      out_.dry_runs.hits.push_back({position, object_index_, dry_run_place({}, {}), hit.detector});
    } else if (hit.plain) {
      plain_hits_.push_back(hit);
    } else if (const RuleMode mode = mode_of(hit.detector, context, time); mode != RuleMode::off) {
      raise(event, position, hit.detector, evidence_of(LogKind::k8saudit, hit), {},
            mode == RuleMode::dry_run);
    }
  }
  if (plain_hits_.empty()) return;
  const auto subject = std::make_shared<const Subject>(placed(subject_of(event)));
  take_plain_hits({time, object_, records_before_ + position, event.audit_id}, position,
                  [&](std::span<const RuleHit> hits, std::span<const IssueKey> keys) {
                    RuleHits::Group& group = out_.rule_hits.group_of(hits, number_of(*subject, keys));
                    if (!out_.rule_hits.add(group)) return;
                    group.subject = subject;
                    group.evidence.resize(hits.size(), Evidence{});
                    for (std::size_t i = 0; i < hits.size(); ++i)
                      tables_.rules->tell(LogKind::k8saudit, hits[i], group.evidence[i]);
                  });
}

void ObjectRun::raise(const CloudTrailEvent& event, std::uint64_t position, std::uint16_t detector,
                      Evidence evidence, std::span<const IntelHit> hits, bool dry_run) {
  const ProofRecord record{event.event_time, object_, records_before_ + position,
                           std::string(event.event_id)};
  if (is_ordered(detector)) {
    out_.rows.push_back({OrderedRow(detector, *tables_.detectors[detector], evidence, event, record, hits,
                                    info_, out_.row_texts),
                         object_index_, position});
    return;
  }
  out_.pending.push_back({std::make_unique<Detection>(
                              make_detection(detector, std::move(evidence), subject_of(event), record, hits)),
                          object_index_, position, dry_run});
}

RuleMode ObjectRun::mode_of(std::uint16_t detector, const Context& context, TimeMs time) const {
  const Detector& rule = *tables_.detectors[detector];
  if (!holds_by_association(rule)) return RuleMode::live;
  const IntelPlace place = place_of(context);
  return tables_.modes->of(rule.name, place.account, place.region, time);
}

void ObjectRun::raise(const AuditEvent& event, std::uint64_t position, std::uint16_t detector,
                      Evidence evidence, std::span<const IntelHit> hits, bool dry_run) {
  const ProofRecord record{event.request_received_timestamp, object_, records_before_ + position,
                           std::string(event.audit_id)};
  if (is_ordered(detector)) {
    out_.rows.push_back({OrderedRow(detector, *tables_.detectors[detector], evidence, subject_of(event),
                                    record, hits, info_, out_.row_texts),
                         object_index_, position});
    return;
  }
  out_.pending.push_back({std::make_unique<Detection>(
                              make_detection(detector, std::move(evidence), subject_of(event), record, hits)),
                          object_index_, position, dry_run});
}

// Flow and DNS records: rows of ordered detectors wait for the watermark, everything else is merged at once.
void ObjectRun::raise(const FlowRecord& flow, std::uint16_t detector, Evidence evidence) {
  sight(flow);
  const bool remote_is_source = flow.srcaddr.is_public() && !flow.dstaddr.is_public();
  const ProofRecord record{flow.start_ms(), object_, records_before_ + flow.position, {}};
  Subject subject = subject_of(flow, remote_is_source);
  if (is_ordered(detector)) {
    out_.rows.push_back({OrderedRow(detector, *tables_.detectors[detector], evidence, subject, record, {},
                                    info_, out_.row_texts),
                         object_index_, flow.position});
  } else {
    fold(make_detection(detector, std::move(evidence), std::move(subject), record, {}));
  }
}

void ObjectRun::raise(const DnsQuery& query, std::uint64_t position, std::uint16_t detector,
                      Evidence evidence, std::span<const IntelHit> hits) {
  const ProofRecord record{query.query_timestamp, object_, records_before_ + position, {}};
  if (is_ordered(detector)) {
    out_.rows.push_back({OrderedRow(detector, *tables_.detectors[detector], evidence, query, record, hits,
                                    info_, out_.row_texts),
                         object_index_, position});
  } else {
    fold(make_detection(detector, std::move(evidence), subject_of(query), record, hits));
  }
}

template <class Event>
std::span<const RuleHit> ObjectRun::rule_hits(LogKind log, const Event& event) {
  hits_.clear();
  if (tables_.rules != nullptr && tables_.rules->wants(log)) tables_.rules->match(event, hits_);
  return hits_;
}

void ObjectRun::on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) {
  if (left_out(event.event_time, event.recipient_account_id) || is_foreign(event, position)) return;
  if (tables_.own_calls != nullptr && tables_.own_calls->contains(event)) {
    leave_out("own_call");
    const auto* entry = tables_.triggers->call(event.event_source, api_name(event.event_name));
    if (entry != nullptr && entry->fact) out_.fact_rows.add(event);
    return;
  }
  saw(LogKind::cloudtrail, event.event_time);
  mark(event.recipient_account_id, event.aws_region, event.event_time, position);
  ObjectLedger::Share& share = share_of(event.recipient_account_id, event.aws_region);
  ++share.records;
  if (event.management_event == false && event.event_source == "s3.amazonaws.com") ++share.s3_data_events;
  // Without an eventID the text is the identity: a copy is a copy. What was called and when is part of it, so
  // that a forged record cannot pass itself off as the first delivery of another.
  const std::uint64_t id =
      event.event_id.empty()
          ? hash64(event.raw.text())
          : hash64(event.event_id,
                   hash64(event.recipient_account_id,
                          hash64(event.event_name, static_cast<std::uint64_t>(event.event_time))));
  identify(id, event.event_time, position);

  const auto run = [&](std::uint16_t index, const Context& context, std::span<const IntelHit> hits) {
    const Detector& detector = *tables_.detectors[index];
    if (detector.logic.window) {
      current_detector_ = index;
      current_account_ = context.account;
      detector.logic.window->add_call(event, {object_, records_before_ + position, this, &window_state});
      return;
    }
    std::optional<Evidence> evidence = detector.logic.cloudtrail(event, context);
    if (evidence) raise(event, position, index, std::move(*evidence), hits);
  };

  Caller caller(event);
  Context context{.account = event.recipient_account_id, .region = event.aws_region};
  if (has_outside_address(event))
    context.hits = tables_.intel->match(*event.source_ip, place_of(context), scoped_hits_);
  if (tables_.intel->knows_access_keys()) {
    context.key_hits = tables_.intel->match_access_key(event.user_identity.access_key_id);
  }
  CallAim aim;
  if (const auto* entry = tables_.triggers->call(event.event_source, api_name(event.event_name))) {
    if (entry->tells_aim) aim = aim_of(event);
    for (const std::uint16_t index : entry->detectors) run(index, context, {});
    if (entry->fact) out_.fact_rows.add(event);
    if (entry->risky != TriggerIndex::no_api) {
      out_.risky_calls.add(
          event, caller, entry->risky, aim,
          {object_index_, static_cast<std::uint32_t>(position), object_, records_before_ + position});
    }
    if (entry->issues_key) out_.issued_keys.add(event, caller);
  }
  if (tables_.triggers->learns(LogKind::cloudtrail))
    out_.behaviours.add(event, caller, aim, object_, records_before_ + position);
  for (const std::uint16_t index : tables_.triggers->every_call()) run(index, context, {});
  if (!context.hits.empty()) {
    for (const auto& listed : tables_.triggers->listed(LogKind::cloudtrail)) {
      if (any_listed(context.hits, listed.categories)) run(listed.detector, context, context.hits);
    }
  }
  take_hits(event, caller, context, position);
}

void ObjectRun::sight(const FlowRecord& flow) {
  if (last_sighting_ == nullptr || last_sighting_->interface_id != flow.interface_id) {
    const auto [at, fresh] = out_.interfaces.try_emplace(hash64(flow.interface_id));
    last_sighting_ = &at->second;
    if (fresh) {
      InterfaceSighting& sighting = at->second;
      sighting.account = flow.account_id;
      sighting.region = info_.region;
      sighting.interface_id = flow.interface_id;
      sighting.candidates = {std::min(flow.srcaddr, flow.dstaddr), std::max(flow.srcaddr, flow.dstaddr)};
      sighting.first = flow.start_ms();
      sighting.last = flow.end_ms();
    }
  }
  InterfaceSighting& sighting = *last_sighting_;
  std::erase_if(sighting.candidates,
                [&](const IpAddress& ip) { return ip != flow.srcaddr && ip != flow.dstaddr; });
  sighting.first = std::min(sighting.first, flow.start_ms());
  sighting.last = std::max(sighting.last, flow.end_ms());
  if (flow.more != nullptr) {
    // Should records disagree, which of them came last must not show.
    const auto name = [](std::string& known, std::string_view told) {
      if (known < told) known = told;
    };
    name(sighting.instance_id, flow.more->instance_id);
    name(sighting.vpc_id, flow.more->vpc_id);
    name(sighting.subnet_id, flow.more->subnet_id);
    const auto& meant_for = flow.more->pkt_dstaddr;
    if (meant_for && *meant_for != flow.dstaddr && meant_for->is_public() && !flow.dstaddr.is_public())
      sighting.forwards_since = std::min(sighting.forwards_since, flow.start_ms());
  }
}

WindowState& ObjectRun::window_state(void* self, const WindowLogic& logic, std::uint64_t entity,
                                     TimeMs start) {
  ObjectRun& run = *static_cast<ObjectRun*>(self);
  const WindowKey key{run.current_detector_, hash_mix(entity, run.tables_.names[run.current_detector_]),
                      start};
  WindowEntry& entry = run.out_.windows[partition_of(key.entity)][key];
  if (!entry.state) {
    entry.state = logic.make_state();
    const std::string_view account =
        run.current_account_.empty() ? std::string_view(run.info_.account) : run.current_account_;
    if (!run.place_ || run.place_->account != account) {
      run.place_ = std::make_shared<const Place>(Place{std::string(account), run.info_.region});
    }
    entry.place = run.place_;
  }
  ++entry.records;
  return *entry.state;
}

void ObjectRun::window_touched(void* self, const FlowRecord& flow) {
  ObjectRun& run = *static_cast<ObjectRun*>(self);
  run.current_account_ = flow.account_id;
  run.sight(flow);
}

void ObjectRun::on_listed_flow(const FlowRecord& flow, bool source) {
  Context context{.account = flow.account_id, .region = info_.region, .listed_is_source = source};
  context.hits = tables_.intel->match(source ? flow.srcaddr : flow.dstaddr, place_of(context), scoped_hits_);
  if (context.hits.empty()) return;  // trusted, or another account's
  sight(flow);
  for (const auto& listed : tables_.triggers->listed(LogKind::vpcflow)) {
    if (!any_listed(context.hits, listed.categories)) continue;
    std::optional<Evidence> evidence = tables_.detectors[listed.detector]->logic.flow(flow, context);
    if (!evidence) continue;
    fold(make_detection(listed.detector, std::move(*evidence), subject_of(flow, source),
                        {flow.start_ms(), object_, records_before_ + flow.position, {}}, context.hits));
  }
}

void ObjectRun::on_flows(std::span<const FlowRecord> records) {
  if (!records.empty()) reached(records.back().position);
  if (!tables_.filter.active() && overlapping_flow_log_.empty()) return take_flows(records);
  std::vector<FlowRecord> kept;
  for (const FlowRecord& flow : records) {
    if (left_out(flow.start_ms(), flow.account_id)) continue;
    if (!overlapping_flow_log_.empty() && !tables_.claims->owns(overlapping_flow_log_, MinuteKey::of(flow))) {
      ++result_.ledger.duplicate;
    } else {
      kept.push_back(flow);
    }
  }
  take_flows(kept);
}

void ObjectRun::take_flows(std::span<const FlowRecord> records) {
  if (records.empty()) return;
  const TimeMs watermark = tables_.watermark[index_of(LogKind::vpcflow)];
  const IntelIndex& intel = *tables_.intel;
  result_.ledger.processed += records.size();
  // One pass puts both addresses' bitmap lines on their way, the next looks at them.
  constexpr std::size_t ahead = 16;
  const auto prefetch = [&](const FlowRecord& flow) {
    if (flow.srcaddr.is_v4()) intel.prefetch_v4(flow.srcaddr.v4_value());
    if (flow.dstaddr.is_v4()) intel.prefetch_v4(flow.dstaddr.v4_value());
  };
  for (std::size_t i = 0; i < std::min(ahead, records.size()); ++i) prefetch(records[i]);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const FlowRecord& flow = records[i];
    if (i + ahead < records.size()) prefetch(records[i + ahead]);
    const TimeMs time = flow.start_ms();
    if (time < watermark) ++result_.ledger.late;
    times_.add(time);
    if (info_.account.empty()) ++share_of(flow.account_id, info_.region).records;
    if (tables_.watches) {
      // Of an object with an account of its own all records go to one place.
      if (i == 0 || info_.account.empty()) {
        mark(flow.account_id, {}, time, flow.position);
      } else {
        last_marks_->second.add(time, records_before_ + flow.position);
      }
      out_.sightings.flow(flow, info_.region, object_, records_before_ + flow.position);
    }
    if (intel.listed(flow.srcaddr)) on_listed_flow(flow, true);
    if (intel.listed(flow.dstaddr)) on_listed_flow(flow, false);
  }
  for (std::size_t i = 0; i < std::min(sighted_per_batch, records.size()); ++i) sight(records[i]);
  for (const auto& window : tables_.triggers->windows(LogKind::vpcflow)) {
    current_detector_ = window.detector;
    window.logic->add_flows({records, object_, records_before_, this, &window_state, &window_touched});
  }
  if (tables_.learns_hosts) {
    out_.host_days.add(records, {object_, records_before_, info_.account, info_.region},
                       [this](const FlowRecord& flow) { sight(flow); });
  }
  for (const std::uint16_t index : tables_.triggers->every(LogKind::vpcflow)) {
    for (const FlowRecord& flow : records) {
      const Context context{.account = flow.account_id, .region = info_.region};
      std::optional<Evidence> evidence = tables_.detectors[index]->logic.flow(flow, context);
      if (evidence) raise(flow, index, std::move(*evidence));
    }
  }
  if (tables_.rules == nullptr || !tables_.rules->wants(LogKind::vpcflow)) return;
  for (const FlowRecord& flow : records) {
    for (const RuleHit& hit : rule_hits(LogKind::vpcflow, flow)) {
      if (hit.dry_run) {
        ++out_.dry_runs.counts[std::uint64_t{hit.detector} << 32U | dry_run_place(flow.account_id, {})];
      } else {
        raise(flow, hit.detector, evidence_of(LogKind::vpcflow, hit));
      }
    }
  }
}

void ObjectRun::on_flow_gap(std::string_view account_id, std::string_view interface_id, bool skip_data,
                            TimeMs start, TimeMs end, std::uint64_t position) {
  reached(position);
  if (left_out(start, account_id)) return;
  ++result_.ledger.processed;
  times_.add(start);
  mark(account_id, {}, start, position);
  if (tables_.watches) {
    FlowRecord idle;
    idle.account_id = account_id;
    idle.interface_id = interface_id;
    idle.start = start / second_ms;
    const ProofRecord record{start, object_, records_before_ + position, {}};
    out_.sightings.flow(idle, info_.region, object_, records_before_ + position);
    const std::string_view account = info_.account.empty() ? account_id : std::string_view(info_.account);
    if (skip_data)
      out_.sightings.skips.push_back(
          {std::string(account), info_.region, std::string(interface_id), start, end, record});
  }
  if (start < tables_.watermark[index_of(LogKind::vpcflow)]) ++result_.ledger.late;
  ++(skip_data ? result_.ledger.skip_data : result_.ledger.no_data);
}

// The first answer that is a sinkhole: servers of other kinds are told by the traffic to them. Trust in the
// name holds for where it leads.
void ObjectRun::match_answers(const DnsQuery& query, Context& context) {
  const bool v6 = tables_.intel->lists_v6(IntelCategory::sinkhole);
  for (const DnsAnswer& answer : query.answers) {
    if (answer.type != "A" && !(v6 && answer.type == "AAAA")) continue;
    const auto ip = IpAddress::parse(answer.rdata);
    if (!ip) continue;
    const auto hits = tables_.intel->match(*ip, place_of(context), scoped_hits_);
    if (std::ranges::none_of(
            hits, [](const IntelHit& hit) { return hit.indicator->category == IntelCategory::sinkhole; }))
      continue;
    if (tables_.intel->is_trusted_domain(query.query_name, place_of(context))) return;
    context.hits = hits;
    context.listed_answer = answer.rdata;
    return;
  }
}

void ObjectRun::on_dns(const DnsQuery& query, std::uint64_t position) {
  if (left_out(query.query_timestamp, query.account_id)) return;
  const AskedName name = asked_name(query.query_name, *tables_.intel);
  saw(LogKind::dns, query.query_timestamp);
  if (info_.account.empty()) ++share_of(query.account_id, query.region).records;
  mark(query.account_id, query.region, query.query_timestamp, position);
  if (tables_.watches && !query.instance.empty())
    out_.sightings.query(query, info_, {query.query_timestamp, object_, records_before_ + position, {}});
  if (tables_.counts) out_.queries.add(query, info_.account, info_.region);
  const NameLook& look = look_at(name, *tables_.intel);
  Context context{.account = query.account_id,
                  .region = query.region,
                  .asked = name.text,
                  .look = &look,
                  .intel = tables_.intel};
  if (look.listed)
    context.hits = tables_.intel->match_domain(query.query_name, place_of(context), scoped_hits_);
  if (context.hits.empty()) match_answers(query, context);
  const auto run = [&](std::uint16_t index, std::span<const IntelHit> hits) {
    std::optional<Evidence> evidence = tables_.detectors[index]->logic.dns(query, context);
    if (evidence) raise(query, position, index, std::move(*evidence), hits);
  };
  if (!context.hits.empty()) {
    for (const auto& listed : tables_.triggers->listed(LogKind::dns)) {
      if (any_listed(context.hits, listed.categories)) run(listed.detector, context.hits);
    }
  }
  for (const std::uint16_t index : tables_.triggers->every(LogKind::dns)) run(index, {});
  for (const auto& window : tables_.triggers->windows(LogKind::dns)) {
    current_detector_ = window.detector;
    current_account_ = query.account_id;
    window.logic->add_dns(query, {query.query_timestamp, object_, records_before_ + position, {}}, this,
                          &window_state);
  }
  for (const RuleHit& hit : rule_hits(LogKind::dns, query)) {
    if (hit.dry_run) {
      ++out_.dry_runs
            .counts[std::uint64_t{hit.detector} << 32U | dry_run_place(query.account_id, query.region)];
    } else {
      raise(query, position, hit.detector, evidence_of(LogKind::dns, hit), {});
    }
  }
}

void ObjectRun::on_audit(const AuditEvent& event, std::uint64_t position) {
  const TimeMs time = event.request_received_timestamp;
  if (left_out(time, info_.account)) return;
  saw(LogKind::k8saudit, time);
  mark({}, {}, time, position);
  const std::uint64_t id =
      event.audit_id.empty()
          ? hash64(event.raw.text())
          : hash64(event.audit_id,
                   hash64(is_session(event) ? "" : event.stage,
                          hash64(event.cluster_name, hash64(event.request_uri, hash64(event.verb)))));
  identify(id, time, position);
  Context context{.account = info_.account, .region = info_.region};
  if (event.source_ip && event.source_ip->is_public())
    context.hits = tables_.intel->match(*event.source_ip, place_of(context), scoped_hits_);
  const auto run = [&](const TriggerIndex::Audit& audit) {
    if (audit.trigger->listed) {
      bool listed = audit.trigger->categories.empty() && !context.hits.empty();
      for (const std::string_view category : audit.trigger->categories) listed |= context.listed(category);
      if (!listed) return;
    }
    const Detector& detector = *tables_.detectors[audit.detector];
    if (detector.logic.window) {
      current_detector_ = audit.detector;
      current_account_ = context.account;
      detector.logic.window->add_request(event, {object_, records_before_ + position, this, &window_state});
      return;
    }
    std::optional<Evidence> evidence = detector.logic.audit(event, context);
    if (!evidence) return;
    raise(event, position, audit.detector, std::move(*evidence),
          audit.trigger->listed ? context.hits : std::span<const IntelHit>{});
  };
  if (const Detector* learned = tables_.triggers->cluster_behaviours(); learned != nullptr)
    out_.behaviours.add(event, object_, records_before_ + position, context, learned->logic.audit);
  for (const auto& audit : tables_.triggers->audits(event)) run(audit);
  for (const auto& audit : tables_.triggers->open_audits()) {
    if (TriggerIndex::wants(*audit.trigger, event)) run(audit);
  }
  take_hits(event, context, position);
}

void ObjectRun::on_filtered(LogKind, std::uint64_t, std::string_view reason) {
  ++result_.ledger.filtered;
  ++result_.ledger.filter_reasons[std::string(reason)];
}

void ObjectRun::on_quarantined(LogKind kind, const Quarantined& record) {
  if (kind == LogKind::vpcflow) reached(record.position);
  ++result_.ledger.quarantined;
  ++result_.ledger.quarantine_reasons[std::string(record.reason)];
  result_.ledger.set_aside.add(record.position);
  if (result_.ledger.set_aside_first.size() < ObjectLedger::set_aside_told_max)
    result_.ledger.set_aside_first.push_back(
        {record.position, record.offset, record.length, std::string(record.reason), record.detail});
}

void ObjectRun::finish(const DecodeReport& report) {
  ObjectLedger& ledger = result_.ledger;
  ledger.state = report.verdict == ObjectVerdict::decoded  ? ObjectState::read
                 : report.verdict == ObjectVerdict::failed ? ObjectState::failed
                                                           : ObjectState::skipped;
  ledger.kind = report.kind;
  ledger.reason = report.reason;
  ledger.bytes_in = report.bytes_in;
  ledger.bytes_decoded = report.bytes_decoded;
  ledger.records_read = ledger.records_numbered = report.records_read;
  if (!times_.empty()) {
    ledger.first = times_.first();
    ledger.last = times_.last();
    ledger.advance = times_.advance();
  }
  if (ledger.kind != LogKind::cloudtrail || times_.empty()) return;
  const ObjectSeen seen{info_.key, report.records_read, report.first_unverified_position};
  for (const std::uint16_t index : tables_.triggers->objects()) {
    const Context context{.account = info_.account, .region = info_.region};
    std::optional<Evidence> evidence = tables_.detectors[index]->logic.object(seen, context);
    if (!evidence) continue;
    Subject subject;
    subject.account = info_.account;
    subject.region = info_.region;
    const std::uint64_t position = std::max<std::uint64_t>(1, report.first_unverified_position);
    fold(make_detection(index, std::move(*evidence), std::move(subject),
                        {times_.last(), object_, position, {}}, {}));
  }
}

}  // namespace picket
