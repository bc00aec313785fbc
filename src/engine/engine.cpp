#include "engine/engine.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "engine/norm_ids.h"
#include "engine/subject.h"

namespace picket {

namespace {

constexpr std::size_t recent_keys_max = 100'000;

std::vector<std::uint64_t> hashes_of_names(std::span<const Detector* const> detectors) {
  std::vector<std::uint64_t> hashes;
  for (const Detector* detector : detectors) hashes.push_back(hash64(detector->name));
  return hashes;
}

}  // namespace

TimeMs Lateness::of_stream(std::string_view stream, LogKind kind) const {
  if (!of_source.empty()) {
    // Sources are called as they like, kinds, accounts and Regions have no "/".
    std::size_t end = stream.size();
    for (int i = 0; i < 3 && end != std::string_view::npos && end > 0; ++i) end = stream.rfind('/', end - 1);
    if (end != std::string_view::npos)
      if (const auto found = of_source.find(stream.substr(0, end)); found != of_source.end())
        return found->second;
  }
  return of[static_cast<std::size_t>(kind)];
}

std::array<TimeMs, log_kinds.size()> Lateness::longest() const {
  std::array<TimeMs, log_kinds.size()> out = of;
  for (const auto& [name, lateness] : of_source)
    for (TimeMs& longest : out) longest = std::max(longest, lateness);
  return out;
}

std::uint64_t EvictionCounts::total() const {
  std::uint64_t sum = identities + ordered_rows + facts + norms + sequences.signals + sequences.keys +
                      sequences.habits + sequences.early + hosts.days + hosts.norms + entities;
  for (const auto& [detector, count] : windows) sum += count;
  return sum;
}

Engine::Engine(std::span<const Detector* const> detectors, std::shared_ptr<const IntelIndex> intel,
               Lateness lateness, EngineLimits limits, unsigned threads,
               std::shared_ptr<const RecordMatcher> rules)
    : detectors_(detectors),
      names_(hashes_of_names(detectors)),
      intel_(std::move(intel)),
      rules_(std::move(rules)),
      lateness_(std::move(lateness)),
      limits_(limits),
      triggers_(detectors),
      workers_(threads),
      outputs_(workers_.threads()),
      partitions_(partition_count),
      spill_folder_(std::getenv("TMPDIR") == nullptr ? "/var/tmp" : std::getenv("TMPDIR")),
      aggregator_(detectors),
      sequences_(detectors),
      hosts_(detectors),
      visibility_(detectors),
      learners_{Learner(detectors, LogKind::cloudtrail), Learner(detectors, LogKind::k8saudit)},
      entities_(limits.entity_bytes_max) {
  watermark_.fill(std::numeric_limits<TimeMs>::min() / 2);
}

Engine::~Engine() = default;

void Engine::use_rule_modes(std::shared_ptr<const RuleModes> modes) { modes_ = std::move(modes); }
void Engine::use_intel(std::shared_ptr<const IntelIndex> intel) { intel_ = std::move(intel); }

void Engine::add_hits(ToldHits hits, std::vector<Copies>& copies) {
  if (!hits.copies.empty()) copies.push_back({std::move(hits.newest), std::move(hits.copies)});
  Activity& activity = hits.activity;
  if (activity.count == 0 || !admit(activity.latest)) return;
  for (const ProofRecord& record : activity.proof.records()) keep_key(record.object);
  aggregator_.add(std::move(activity));
}

void Engine::count_dry_runs(const DryRunHits& found, const Duplicates& duplicates) {
  std::vector<const std::pair<std::string, std::string>*> places(found.places.size());
  for (const auto& [place, number] : found.places) places[number] = &place;
  const auto count_of = [&](std::uint16_t detector, std::uint32_t place) -> std::uint64_t& {
    return dry_run_counts_[{std::string(detectors_[detector]->name), places[place]->first,
                            places[place]->second}];
  };
  for (const DryRunHits::Hit& hit : found.hits) {
    if (!duplicates.contain(hit.object_index, hit.position)) ++count_of(hit.detector, hit.place);
  }
  for (const auto& [key, count] : found.counts)
    count_of(static_cast<std::uint16_t>(key >> 32U), static_cast<std::uint32_t>(key)) += count;
}

EpochResult Engine::run_epoch(std::span<const EpochObject> objects, const PendingBounds& pending) {
  ++epoch_;
  const EvictionCounts evicted_before = evictions_;
  remember_keys(objects);
  claim_minutes(objects);
  for (WorkerOutput& output : outputs_) output.clear();

  Epoch epoch{objects, read(objects), {}};
  // Facts first: what is judged below may look at them.
  epoch.duplicates = find_duplicates(epoch.outputs, [&] { learn_facts(epoch.outputs); });
  // Facts learned now hold from the watermark on, or they were late.
  const TimeMs facts_since = watermark(LogKind::cloudtrail);
  const bool facts_learned = std::any_of(outputs_.begin(), outputs_.end(), [](const WorkerOutput& output) {
    return !output.fact_rows.all().empty();
  });
  move_watermarks(objects, epoch.outputs, pending);

  take_detections(epoch);
  take_turns(epoch);
  judge_sequences();
  spill_rows();
  {
    const std::scoped_lock changing(facts_mutex_);
    evictions_.facts += facts_.evict();
  }
  claims_.forget(watermark(LogKind::vpcflow));
  judge_visibility(epoch, evicted_before);

  if (facts_learned) aggregator_.touch(facts_since);
  return tell(epoch);
}

std::vector<ObjectOutput> Engine::read(std::span<const EpochObject> objects) {
  const EpochTables tables{
      detectors_, names_,       &triggers_,   intel_.get(),    watermark_,           limits_.filter,
      &claims_,   rules_.get(), modes_.get(), hosts_.wanted(), visibility_.wanted(), entities_.wanted(),
      &own_calls_};
  std::vector<ObjectOutput> read(objects.size());
  workers_.parallel_for(objects.size(), [&](unsigned worker, std::size_t number) {
    const EpochObject& object = objects[number];
    read[number].worker = worker;
    ObjectRun run(tables, object.info, static_cast<std::uint32_t>(number), object.records_before,
                  outputs_[worker], read[number]);
    if (object.again) {
      AgainReport again = decode_again(object.open, object.info, limits_.decode, *object.again, run);
      if (!again.refusal.empty()) again.decoded = {.reason = std::move(again.refusal)};
      run.finish(again.decoded);
      read[number].ledger.records_numbered = again.records_numbered;
      return;
    }
    DecodeReport report;
    if (auto source = object.open(); !source) {
      const bool replaced = source.error().kind == ErrorKind::conflict;
      report.verdict = replaced ? ObjectVerdict::not_a_log : ObjectVerdict::failed;
      report.reason = source.error().what;
    } else {
      report = decode_object(**source, object.info, limits_.decode, run);
    }
    run.finish(report);
  });
  return read;
}

void Engine::take_detections(const Epoch& epoch) {
  std::vector<Copies> copies;
  if (rules_) {
    std::mutex adding;
    workers_.parallel_for(outputs_.size(), [&](unsigned, std::size_t number) {
      tell_hits(
          outputs_[number].rule_hits, *rules_, detectors_,
          [&](std::uint32_t index) -> const ObjectInfo& { return epoch.objects[index].info; },
          epoch.duplicates,
          [&](ToldHits hits) {
            const std::scoped_lock one(adding);
            add_hits(std::move(hits), copies);
          });
      outputs_[number].rule_hits = {};
    });
  }
  for (WorkerOutput& output : outputs_) {
    count_dry_runs(output.dry_runs, epoch.duplicates);
    output.dry_runs = {};
    for (PendingDetection& item : output.pending) {
      Detection& detection = *item.detection;
      if (epoch.duplicates.contain(item.object_index, item.position)) {
        // Which delivery came first must not show: a copy counts for nothing, but may name the proof's
        // object.
        if (item.dry_run || detection.first.event_id.empty()) continue;
        detection.count = 0;
        std::vector<ProofRecord> record{detection.first};
        copies.push_back({std::move(detection), std::move(record)});
      } else if (admit(detection)) {
        if (item.dry_run) {
          ++dry_run_counts_[{std::string(detectors_[detection.detector]->name), detection.subject.account,
                             detection.subject.region}];
        } else {
          take(detection);
        }
      }
    }
    take_activities(output.activities);
  }
  for (auto& [copy, records] : copies) {
    const LeftOut counted = left_out_;
    const bool admitted = admit(copy);
    left_out_ = counted;  // The records themselves were counted already.
    if (!admitted) continue;
    for (const ProofRecord& record : records) {
      copy.first = copy.last = record;
      if (aggregator_.add_copy(copy)) keep_key(copy);
    }
  }
}

std::vector<Engine::DealtRows> Engine::deal_rows(const Epoch& epoch) {
  std::vector<DealtRows> dealt(outputs_.size());
  workers_.parallel_for(outputs_.size(), [&](unsigned, std::size_t number) {
    for (PendingRow& item : outputs_[number].rows) {
      if (epoch.duplicates.contain(item.object_index, item.position)) {
        if (item.row.event_id().empty()) continue;
        item.row.set_records(0);
      }
      dealt[number][partition_of(hash64(item.row.entity()))].push_back(&item.row);
    }
  });
  return dealt;
}

void Engine::take_turns(Epoch& epoch) {
  PartitionTime time{watermark_, lateness_.longest()};
  time.ahead = ahead_;
  if (spill_failed_) time.rows_early = early_rows(time);
  const std::vector<DealtRows> dealt_rows = deal_rows(epoch);
  std::array<std::vector<PackedBehaviour>, 2> behaviours;  // as learners_
  for (WorkerOutput& output : outputs_) {
    Behaviours::Taken taken = output.behaviours.take();
    std::ranges::move(taken.calls, std::back_inserter(behaviours[0]));
    std::ranges::move(taken.requests, std::back_inserter(behaviours[1]));
  }
  std::vector<PartitionOutput> turns(partition_count + 1);  // the last is that of the hosts
  std::array<Learner::Output, 2> learned;
  std::vector<HostTally> hosts;
  // What learns and what waits is apart from the partitions and from each other; the longest first.
  const std::vector<std::function<void()>> beside{
      [&] { take_signals(epoch.duplicates); },
      [&] {
        const std::scoped_lock changing(learners_mutex_);
        learned[0] = judge_behaviours(learners_[0], behaviours[0]);
      },
      [&] {
        if (entities_.wanted()) count_calls(epoch);
      },
      [&] { learned[1] = judge_behaviours(learners_[1], behaviours[1]); },
      [&] {
        for (WorkerOutput& output : outputs_) hosts_.add(output.host_days);
        if (entities_.wanted()) hosts = tell_hosts();
        turns.back() = hosts_.turn(watermark(LogKind::vpcflow), facts_);
      }};
  workers_.parallel_for(beside.size() + partition_count, [&](unsigned, std::size_t task) {
    if (task < beside.size()) return beside[task]();
    const std::size_t number = task - beside.size();
    Partition& partition = partitions_[number];
    for (WorkerOutput& output : outputs_) {
      for (auto& [key, entry] : output.windows[number])
        partition.add_window(detectors_, key, std::move(entry));
    }
    for (const DealtRows& from : dealt_rows) {
      for (OrderedRow* row : from[number]) partition.add_row(std::move(*row));
    }
    turns[number] = partition.turn(detectors_, facts_, time);
  });
  if (entities_.wanted()) count_hosts(hosts);
  evictions_.hosts = hosts_.evicted();
  evictions_.norms = learners_[0].norms().evicted() + learners_[1].norms().evicted();
  for (PartitionOutput& turn : turns) take_turn(turn);
  for (Learner::Output& output : learned) take_incidents(output);
}

void Engine::take_turn(PartitionOutput& turn) {
  for (auto& [window, detection] : turn.ahead) {
    const LeftOut counted = left_out_;  // when it is judged in order
    if (admit(detection)) {
      keep_key(detection);
      aggregator_.replace(window, detection);
    }
    left_out_ = counted;
  }
  for (auto& [window, detection] : turn.windows) {
    if (!admit(detection)) {
      aggregator_.withdraw(window);
      continue;
    }
    keep_key(detection);
    aggregator_.replace(window, detection);
  }
  for (const std::uint64_t window : turn.withdrawn) aggregator_.withdraw(window);
  for (const auto& [window, end] : turn.settled) {
    if (const Activity* said = aggregator_.said(window)) sequences_.add(said->latest, end);
    aggregator_.settle(window);
  }
  take_activities(turn.activities);
  for (Detection& detection : turn.detections) {
    if (admit(detection)) take(detection);
  }
  evictions_.ordered_rows += turn.evicted_rows;
  for (const auto& [detector, count] : turn.evicted)
    evictions_.windows[std::string(detectors_[detector]->name)] += count;
}

void Engine::take(const Detection& detection) {
  keep_key(detection);
  aggregator_.add(detection);
  sequences_.add(detection);
}

EpochResult Engine::tell(Epoch& epoch) {
  EpochResult result;
  Aggregator::Changes changes;
  if (!holds_changes_) changes = aggregator_.take_changes();
  result.updated = std::move(changes.updated);
  result.retracted = std::move(changes.retracted);
  result.signals = std::move(changes.signals);
  for (std::size_t i = 0; i < epoch.objects.size(); ++i) {
    const EpochObject& object = epoch.objects[i];
    const ObjectInfo& info = object.info;
    ObjectLedger& ledger = epoch.outputs[i].ledger;
    if (ledger.processed != 0 && !info.account.empty() && !info.region.empty()) {
      const auto [place, fresh] = places_.try_emplace({info.account, info.region}, ledger.first);
      place->second = std::min(place->second, ledger.first);
    }
    usage_.add(ledger, info.account, info.region,
               usage_resource(info.key, info.cluster, flow_log_id(info.key)));
    const bool refused = object.again && ledger.state == ObjectState::skipped;
    if (object.again && !refused) ledger_.take_back(object.again->before);
    if (!refused) ledger_.add(ledger);
    result.objects.push_back(std::move(ledger));
  }
  return result;
}

void Engine::count_calls(const Epoch& epoch) {
  for (std::size_t i = 0; i < epoch.objects.size(); ++i) {
    if (epoch.duplicates.positions[i].empty()) continue;
    const ObjectOutput& object = epoch.outputs[i];
    std::vector<CallTally>& tallies = outputs_[object.worker].behaviours.tallies();
    for (const TallyMark& mark : object.tally_marks) {
      if (epoch.duplicates.contain(i, mark.position)) tallies[mark.tally].uncount(mark.hour);
    }
  }
  for (WorkerOutput& output : outputs_) {
    for (CallTally& tally : output.behaviours.tallies()) {
      if (!tally.account.empty() || tally.cluster_user.empty()) continue;
      // Audit logs do not name the account; the cluster's creation does.
      const std::string_view cluster =
          std::string_view(tally.cluster_user).substr(0, tally.cluster_user.find('/'));
      if (const auto known = facts_.cluster_named(cluster, tally.last)) tally.account = known->account;
    }
    const auto place_of = [this](const IpAddress& ip) { return facts_.place(ip); };
    entities_.add(output.behaviours.tallies(), place_of);
    entities_.add(output.queries.tallies(), place_of);
  }
}

// Hosts' days once an hour, and when they are over: before the hosts' turn, which ends days.
std::vector<HostTally> Engine::tell_hosts() {
  std::vector<HostTally> hosts;
  const std::int64_t hour = watermark(LogKind::vpcflow) / hour_ms;
  if (hour == hosts_told_) return hosts;
  hosts_told_ = hour;
  hosts_.each_untold([&](const HostDay& day) { hosts.push_back(tally_of(day, facts_)); });
  // So that the order of a hash table does not show.
  std::ranges::sort(hosts, {}, &HostTally::source);
  return hosts;
}

void Engine::count_hosts(std::span<const HostTally> hosts) {
  entities_.replace(hosts, [this](const IpAddress& ip) { return facts_.place(ip); });
  constexpr TimeMs farthest = TimeMs{1} << 46U;  // streams are released to the end of time
  const TimeMs flows = std::clamp<TimeMs>(watermark(LogKind::vpcflow), 0, farthest);
  entities_.end_epoch(static_cast<std::int32_t>(flows / day_ms));
  evictions_.entities = entities_.counts().evicted;
}

UsualBehaviour Engine::usual(std::string_view account, std::string_view principal, Day day) const {
  const Act act = act_of(principal, account, account);
  constexpr std::size_t most = 20;
  const std::scoped_lock reading(learners_mutex_);
  const Rarity& norms = learners_.front().norms();
  UsualBehaviour out;
  out.days = norms.days_of(act.principal, day);
  for (std::size_t i = 0; i < factor_count; ++i) {
    const auto factor = static_cast<Factor>(i);
    for (auto& [frequency, texts] : norms.usual(Rarity::Scope::principal, act, factor, day, most))
      out.values[std::string(name_of(factor))][std::string(name_of(frequency))] = std::move(texts);
  }
  return out;
}

Learner::Output Engine::judge_behaviours(Learner& learner, std::vector<PackedBehaviour>& behaviours) {
  if (!learner.wanted()) return {};
  for (auto& behaviour : behaviours) learner.add(std::move(behaviour));
  return learner.turn(watermark(learner.log()), facts_);
}

void Engine::take_activities(DailyActivities& activities) {
  for (Activity& activity : activities.all()) {
    if (!admit(activity.latest)) continue;
    activity.severity = std::max(activity.severity, activity.latest.severity);
    for (const ProofRecord& record : activity.proof.records()) keep_key(record.object);
    aggregator_.add(std::move(activity));
  }
}

void Engine::take_incidents(Learner::Output& output) {
  for (auto& [window, activity] : output.changed) {
    if (!admit(activity.latest)) {
      aggregator_.withdraw(window);
      continue;
    }
    for (const ProofRecord& record : activity.proof.records()) keep_key(record.object);
    aggregator_.replace(window, std::move(activity));
  }
  for (const std::uint64_t window : output.settled) aggregator_.settle(window);
  for (auto& [detection, at] : output.raised) {
    if (admit(detection)) sequences_.add(detection, at);
  }
}

void Engine::judge_visibility(Epoch& epoch, const EvictionCounts& before) {
  if (!visibility_.wanted()) return;
  for (std::size_t i = 0; i < epoch.objects.size(); ++i) {
    const ObjectInfo& info = epoch.objects[i].info;
    ObjectOutput& object = epoch.outputs[i];
    visibility_.add(object.ledger, info.account, info.region, std::exchange(object.marks, {}));
  }
  Sightings& all = outputs_.front().sightings;
  for (WorkerOutput& output : std::span(outputs_).subspan(1)) {
    std::ranges::move(output.sightings.flows, std::back_inserter(all.flows));
    std::ranges::move(output.sightings.queries, std::back_inserter(all.queries));
    std::ranges::move(output.sightings.skips, std::back_inserter(all.skips));
  }
  visibility_.add(all);
  visibility_.evicted("identities", evictions_.identities - before.identities);
  visibility_.evicted("ordered_rows", evictions_.ordered_rows - before.ordered_rows);
  visibility_.evicted("facts", evictions_.facts - before.facts);
  visibility_.evicted("host_days", evictions_.hosts.days - before.hosts.days);
  for (const auto& [detector, count] : evictions_.windows) {
    const auto known = before.windows.find(detector);
    visibility_.evicted(detector, count - (known == before.windows.end() ? 0 : known->second));
  }
  Visibility::Output told = visibility_.turn(watermark_, lateness_.longest(), facts_);
  for (auto& [window, detection] : told.changed) {
    if (!admit(detection)) continue;
    keep_key(detection);
    aggregator_.replace(window, detection);
  }
  for (const std::uint64_t window : told.withdrawn) aggregator_.withdraw(window);
  for (const std::uint64_t window : told.settled) aggregator_.settle(window);
  for (Detection& detection : told.raised) {
    if (!admit(detection)) continue;
    keep_key(detection);
    aggregator_.add(detection);
  }
}

void Engine::take_signals(const Duplicates& duplicates) {
  if (!sequences_.wanted()) return;
  for (WorkerOutput& output : outputs_) {
    for (IssuedKey& issued : output.issued_keys.take()) sequences_.learn(std::move(issued));
    RiskyCalls::Folded calls = output.risky_calls.take();
    for (const auto& [object, position, row] : calls.counted) {
      if (duplicates.contain(object, position)) --calls.rows[row]->count;
    }
    for (Boxed<SignalRow>& row : calls.rows) {
      const SignalOrigin& from = *row->from;
      if (from.remote_ip && intel_->is_trusted(*from.remote_ip, {from.account, from.region})) continue;
      sequences_.add(std::move(row));
    }
  }
}

void Engine::judge_sequences() {
  if (!sequences_.wanted()) return;
  Sequences::Output output = sequences_.turn(watermark(LogKind::cloudtrail), facts_);
  for (auto& [window, activity] : output.changed) {
    for (const ProofRecord& record : activity.proof.records()) keep_key(record.object);
    aggregator_.replace(window, std::move(activity));
  }
  for (const std::uint64_t window : output.settled) aggregator_.settle(window);
  evictions_.sequences = sequences_.evicted();
}

void Engine::spill_rows() {
  std::size_t bytes = 0;
  for (const Partition& partition : partitions_) {
    for (const OrderedRow& row : partition.rows()) bytes += row.bytes();
  }
  spill_failed_ = false;
  if (bytes <= limits_.ordered_bytes_max) return;
  const auto file = SpillFile::create(spill_folder_);
  spill_failed_ = !file;
  for (std::size_t i = 0; i < partitions_.size() && !spill_failed_; ++i) {
    spill_failed_ = !partitions_[i].spill(*file);
  }
}

// Until when rows are judged before the watermark comes to them, because they can wait neither in memory nor
// on disk: the oldest of all.
TimeMs Engine::early_rows(const PartitionTime& time) const {
  std::size_t bytes = 0;
  const auto each_waiting = [&](auto visit) {
    const auto see = [&](const OrderedRow& row) {
      if (!time.due(row, *detectors_[row.detector()])) visit(row);
    };
    for (const Partition& partition : partitions_) {
      for (const OrderedRow& row : partition.rows()) see(row);
    }
    for (const WorkerOutput& output : outputs_) {
      for (const PendingRow& item : output.rows) see(item.row);
    }
  };
  each_waiting([&](const OrderedRow& row) { bytes += row.bytes(); });
  constexpr TimeMs none = std::numeric_limits<TimeMs>::min();
  if (bytes <= limits_.ordered_bytes_max) return none;
  std::map<TimeMs, std::size_t> by_time;
  each_waiting([&](const OrderedRow& row) { by_time[row.time()] += row.bytes(); });
  TimeMs until = none;
  for (const auto& [at, size] : by_time) {
    if (bytes <= limits_.ordered_bytes_max) break;
    bytes -= size;
    until = at;
  }
  return until;
}

void Engine::claim_minutes(std::span<const EpochObject> objects) {
  std::vector<std::size_t> overlapping;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const ObjectInfo& info = objects[i].info;
    if (!flow_log_id(info.key).empty() && claims_.overlaps(info.account, info.region))
      overlapping.push_back(i);
  }
  if (overlapping.empty()) return;
  std::vector<MinuteCollector> collected(overlapping.size());
  workers_.parallel_for(overlapping.size(), [&](unsigned, std::size_t number) {
    const EpochObject& object = objects[overlapping[number]];
    if (auto source = object.open()) decode_object(**source, object.info, limits_.decode, collected[number]);
  });
  for (std::size_t i = 0; i < overlapping.size(); ++i) {
    claims_.claim(flow_log_id(objects[overlapping[i]].info.key), collected[i]);
  }
  claims_.settle();
}

void Engine::learn_facts(std::span<const ObjectOutput> objects) {
  const std::scoped_lock changing(facts_mutex_);
  for (const ObjectOutput& object : objects) {
    const ObjectLedger& ledger = object.ledger;
    if (ledger.kind != LogKind::cloudtrail || ledger.processed == 0) continue;
    for (const auto& [place, share] : ledger.shares)
      if (!place.first.empty()) facts_.hear_from(place.first, ledger.first);
  }
  for (WorkerOutput& output : outputs_) {
    for (const FactRow& row : output.fact_rows.all()) facts_.learn(row);
    for (const auto& [name, sighting] : output.interfaces) facts_.learn(sighting);
  }
}

Duplicates Engine::find_duplicates(std::vector<ObjectOutput>& objects, const std::function<void()>& beside) {
  std::vector<std::vector<std::vector<std::uint64_t>>> by_shard(identity_shards);
  std::vector<std::uint64_t> evicted(identity_shards);
  const TimeMs forget_before = std::min(watermark(LogKind::cloudtrail), watermark(LogKind::k8saudit));
  workers_.parallel_for(identity_shards + 1, [&](unsigned, std::size_t task) {
    if (task == 0) return beside();
    const std::size_t number = task - 1;
    auto& found = by_shard[number];
    found.resize(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
      identities_[number].add(objects[i].identities[number], found[i]);
      objects[i].identities[number] = {};
    }
    identities_[number].forget(forget_before);
    evicted[number] = identities_[number].evict(limits_.identities_max / identity_shards);
  });
  for (const std::uint64_t count : evicted) evictions_.identities += count;
  Duplicates duplicates{std::vector<std::vector<std::uint64_t>>(objects.size())};
  for (std::size_t i = 0; i < objects.size(); ++i) {
    std::vector<std::uint64_t>& positions = duplicates.positions[i];
    for (const auto& found : by_shard) positions.insert(positions.end(), found[i].begin(), found[i].end());
    std::sort(positions.begin(), positions.end());
    objects[i].ledger.duplicate += positions.size();
    objects[i].ledger.processed -= positions.size();
  }
  return duplicates;
}

void Engine::move_watermarks(std::span<const EpochObject> objects, const std::vector<ObjectOutput>& outputs,
                             const PendingBounds& pending) {
  constexpr TimeMs unknown = std::numeric_limits<TimeMs>::min() / 2;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const ObjectLedger& ledger = outputs[i].ledger;
    if (!ledger.kind || ledger.processed + ledger.duplicate == 0) continue;
    const auto [at, fresh] =
        streams_.try_emplace(objects[i].stream, StreamProgress{*ledger.kind, unknown, unknown});
    at->second.advanced = std::max(at->second.advanced, ledger.advance);
  }
  std::array<TimeMs, log_kinds.size()> lowest{};
  lowest.fill(std::numeric_limits<TimeMs>::max());
  for (const auto& [name, stream] : streams_) {
    const auto kind = static_cast<std::size_t>(stream.kind);
    TimeMs mark = stream.released;
    const TimeMs lateness = lateness_.of_stream(name, stream.kind);
    if (const auto waiting = pending.find(name); waiting != pending.end()) {
      mark = waiting->second - lateness;
    } else if (stream.advanced > unknown) {
      mark = std::max(mark, stream.advanced - lateness);
    }
    lowest[kind] = std::min(lowest[kind], mark);
  }
  // A stream that no epoch has seen yet holds every kind back: which kind it is, only its records tell.
  for (const auto& [name, bound] : pending) {
    if (streams_.contains(name)) continue;
    for (const LogKind kind : log_kinds) {
      TimeMs& mark = lowest[static_cast<std::size_t>(kind)];
      mark = std::min(mark, bound - lateness_.of_stream(name, kind));
    }
  }
  for (std::size_t kind = 0; kind < lowest.size(); ++kind) {
    if (lowest[kind] != std::numeric_limits<TimeMs>::max())
      watermark_[kind] = std::max(watermark_[kind], lowest[kind]);
  }
}

void Engine::release(const std::string& stream, TimeMs time) {
  for (auto& [name, progress] : streams_) {
    if (stream.empty() || name == stream) progress.released = std::max(progress.released, time);
  }
}

void Engine::remember_keys(std::span<const EpochObject> objects) {
  for (const EpochObject& object : objects) {
    const std::uint64_t hash = hash64(object.info.key);
    if (!recent_keys_.emplace(hash, object.info.key).second) continue;
    if (recent_order_.size() < recent_keys_max) {
      recent_order_.push_back(hash);
    } else {
      recent_keys_.erase(recent_order_[recent_next_]);
      recent_order_[recent_next_] = hash;
      recent_next_ = (recent_next_ + 1) % recent_keys_max;
    }
  }
}

void Engine::keep_key(std::uint64_t object) {
  if (kept_keys_.contains(object)) return;
  if (const auto at = recent_keys_.find(object); at != recent_keys_.end())
    kept_keys_.emplace(object, at->second);
}

void Engine::keep_key(const Detection& detection) {
  keep_key(detection.first.object);
  keep_key(detection.last.object);
}

bool Engine::admit(Detection& detection) {
  Subject& subject = detection.subject;
  // Kubernetes audit logs name neither account nor Region; the cluster's creation does.
  if (subject.kubernetes && (subject.account.empty() || subject.region.empty())) {
    if (const auto cluster = facts_.cluster_named(subject.kubernetes->cluster, detection.last.time)) {
      if (subject.account.empty()) subject.account = cluster->account;
      if (subject.region.empty()) subject.region = cluster->region;
    }
  }
  // GuardDuty's rule: a trusted address silences all flow and CloudTrail findings for it, not DNS.
  if (subject.remote_ip && subject.action != ActionKind::dns_request &&
      intel_->is_trusted(*subject.remote_ip, {subject.account, subject.region})) {
    ++left_out_.trusted;
    return false;
  }
  if (const Detector& detector = *detectors_[detection.detector]; detector.with_facts != nullptr) {
    if (!detector.with_facts(detection, facts_)) return false;
    detection.issue = issue_of(subject, detection.evidence, detector.issue);
  }
  if (subject.resource == ResourceKind::instance && subject.instance &&
      !subject.instance->interface_id.empty()) {
    const auto interface = facts_.interface(subject.instance->interface_id, detection.last.time);
    if (interface && !interface->type.empty() && interface->type != "interface") {
      ++left_out_.not_an_instance;
      return false;
    }
  }
  return true;
}

std::vector<ResourceFact> Engine::resources() const {
  const std::scoped_lock reading(facts_mutex_);
  return facts_.resources();
}

std::string Engine::object_key(std::uint64_t object) const {
  if (const auto at = kept_keys_.find(object); at != kept_keys_.end()) return at->second;
  const auto at = recent_keys_.find(object);
  return at == recent_keys_.end() ? std::string() : at->second;
}

}  // namespace picket
