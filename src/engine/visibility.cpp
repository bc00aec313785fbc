#include "engine/visibility.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/hash.h"
#include "engine/object_run.h"

namespace picket {

namespace {

constexpr std::int32_t slots_a_day = static_cast<std::int32_t>(day_ms / visibility_slot);
constexpr std::int32_t slots_an_hour = static_cast<std::int32_t>(hour_ms / visibility_slot);
constexpr std::int32_t habit_days = 14;           // two weekends, so that a silent one is usual
constexpr std::uint64_t heard_often_slots = 100;  // of those days, as LogSourceSilent asks for
constexpr std::int32_t training_days = 7;         // before that nothing is called unusual
constexpr std::int32_t host_days = 7;
constexpr std::size_t archive_slots_min = 12;  // two hours of records
constexpr std::size_t places_max = 100'000;    // about 2 kB each
constexpr std::size_t hosts_max = 200'000;     // about 2 kB each
constexpr std::size_t faults_max = 100'000;    // of digests; more tell nothing new

// Between interface and claimed account, in the keys of days with foreign flow records.
constexpr char foreign_mark = '\x1f';

std::int32_t slot_of(TimeMs time) {
  constexpr TimeMs limit = std::numeric_limits<std::int32_t>::max() - 2 * habit_days * slots_a_day;
  return static_cast<std::int32_t>(std::clamp<TimeMs>(time / visibility_slot, -limit, limit));
}
TimeMs time_of(std::int32_t slot) { return slot * visibility_slot; }
std::int32_t day_of(std::int32_t slot) { return slot / slots_a_day; }

template <class... Parts>
std::uint64_t window_of(GapKind kind, const Parts&... parts) {
  std::uint64_t hash = hash64("visibility", static_cast<std::uint64_t>(kind));
  const auto mix = [&](const auto& part) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(part)>>) {
      hash = hash_mix(hash, static_cast<std::uint64_t>(part));
    } else {
      hash = hash64(part, hash);
    }
  };
  (mix(parts), ...);
  return hash;
}

template <class Days>
void forget_days_before(Days& days, std::int32_t day) {
  days.erase(days.begin(), days.lower_bound(day));
}

}  // namespace

std::vector<SlotMarks::Mark> SlotMarks::take() {
  compact();
  return std::move(marks_);
}

void SlotMarks::compact() {
  std::ranges::sort(marks_, {},
                    [](const Mark& mark) { return std::tuple(mark.slot, -mark.time, mark.position); });
  const auto doubles = std::ranges::unique(marks_, {}, &Mark::slot);
  marks_.erase(doubles.begin(), doubles.end());
  limit_ = std::max(limit_, 2 * marks_.size());
}

void Sightings::query(const DnsQuery& query, const ObjectInfo& info, const ProofRecord& record) {
  const std::uint64_t tail = hash64(query.instance);
  const auto hour = static_cast<std::int32_t>(record.time / hour_ms);
  Known& known = known_queries_[tail >> 52U];
  if (known.tail == tail && known.hour == hour) return;
  known = {tail, hour};
  queries.push_back({info.account.empty() ? std::string(query.account_id) : info.account,
                     info.region.empty() ? std::string(query.region) : info.region,
                     std::string(query.instance), hour, record});
}

void Sightings::clear() {
  flows.clear();
  queries.clear();
  skips.clear();
  std::ranges::fill(known_, Known{});
  std::ranges::fill(known_queries_, Known{});
}

Visibility::Visibility(std::span<const Detector* const> detectors) : detectors_(detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    for (const Trigger& trigger : detectors[i]->when) {
      if (!trigger.gap) continue;
      by_kind_[static_cast<std::size_t>(*trigger.gap)].push_back(static_cast<std::uint16_t>(i));
      wanted_ = true;
    }
  }
}

std::optional<Detection> Visibility::judge(const Gap& gap) const {
  for (const std::uint16_t index : by_kind_[static_cast<std::size_t>(gap.kind)]) {
    std::optional<Evidence> evidence = detectors_[index]->logic.gap(gap);
    if (!evidence) continue;
    Subject subject;
    subject.account = gap.account;
    subject.region = gap.region;
    if (gap.kind == GapKind::missing_interface || gap.kind == GapKind::skipped_records) {
      subject.instance.emplace();
      subject.instance->instance_id = gap.instance_id;
      subject.instance->interface_id = gap.what;
    }
    Detection detection =
        detection_of(detectors_, index, std::move(*evidence), std::move(subject), gap.first, {});
    detection.last = gap.last;
    return detection;
  }
  return std::nullopt;
}

void Visibility::tell(std::uint64_t window, const Gap& gap) {
  if (auto detection = judge(gap)) now_.changed.emplace_back(window, std::move(*detection));
}

void Visibility::add(const ObjectLedger& ledger, std::string_view account, std::string_view region,
                     PlaceMarks marks) {
  if (!wanted_ || !ledger.kind) return;
  const LogKind kind = *ledger.kind;
  const std::uint64_t object = hash64(ledger.key);
  const ProofRecord record{
      std::min(ledger.last, ledger.advance), object, std::max<std::uint64_t>(1, ledger.records_numbered), {}};
  if (!marks.slots.empty() && newest_ < record) newest_ = record;
  // Times far past the rest of the object are forged or wrong, unless it is an archive of many days.
  std::map<std::pair<std::string, std::string>, std::vector<SlotMarks::Mark>> taken;
  std::size_t all = 0, beyond = 0;
  std::int32_t limit = slot_of(ledger.advance);
  for (auto& [where, slots] : marks.slots) {
    std::vector<SlotMarks::Mark>& found = taken[where] = slots.take();
    all += found.size();
    for (const SlotMarks::Mark& mark : found)
      if (mark.slot > limit) ++beyond;
  }
  if (beyond >= archive_slots_min && beyond * 10 > all) limit = std::numeric_limits<std::int32_t>::max();
  Place* first_place = nullptr;
  const PlaceKey* first_key = nullptr;
  for (const auto& [where, found] : taken) {
    if (where.first.empty()) continue;
    if (places_.size() >= places_max && !places_.contains({kind, where.first, where.second})) continue;
    const auto at = places_.try_emplace({kind, where.first, where.second}).first;
    Place& place = at->second;
    for (const SlotMarks::Mark& mark : found) {
      if (mark.slot > limit) break;
      if (!place.begun || mark.slot > place.last) {
        const ProofRecord newest{mark.time, object, mark.position, {}};
        const auto [waiting, fresh] = place.waiting.try_emplace(mark.slot, newest);
        if (waiting->second < newest) waiting->second = newest;
      }
      place.hours.insert(mark.slot / slots_an_hour);
      place.newest = std::max(place.newest, mark.slot);
    }
    if (first_place == nullptr) {
      first_place = &place;
      first_key = &at->first;
    }
  }
  const std::int32_t day = day_of(slot_of(newest_.time));
  if (has(GapKind::evicted_state)) {
    if (ledger.shares.empty()) {
      processed_[day][std::string(account)] += ledger.processed;
    } else {
      for (const auto& [where, share] : ledger.shares) processed_[day][where.first] += share.records;
    }
  }
  if (first_place != nullptr) count_late(*first_key, *first_place, ledger, record);
  for (auto& [claimed, seen] : marks.foreign) {
    const auto& [count, first] = seen;
    const Gap gap{.kind = GapKind::foreign_records,
                  .log = kind,
                  .account = std::string(account),
                  .region = std::string(region),
                  .what = claimed,
                  .from = first.time,
                  .to = first.time,
                  .records = count,
                  .of = ledger.records_read,
                  .first = first,
                  .last = first};
    if (auto detection = judge(gap)) now_.raised.push_back(std::move(*detection));
  }
}

void Visibility::count_late(const PlaceKey& key, Place& place, const ObjectLedger& ledger,
                            const ProofRecord& record) {
  if (!has(GapKind::late_records)) return;
  const auto& [kind, account, region] = key;
  const std::int32_t day = day_of(place.newest);
  if (day != place.counted_day) {
    if (place.late_told)
      now_.settled.push_back(
          window_of(GapKind::late_records, static_cast<int>(kind), account, region, place.counted_day));
    place.counted_day = day;
    place.late = place.processed = 0;
    place.late_told = false;
    place.late_record = {};
  }
  place.processed += ledger.processed;
  if (ledger.late == 0) return;
  if (place.late == 0 || record < place.late_record) place.late_record = record;
  place.late += ledger.late;
  const Gap gap{.kind = GapKind::late_records,
                .log = kind,
                .account = account,
                .region = region,
                .from = ledger.first,
                .to = time_of(place.newest),
                .records = place.late,
                .of = place.processed,
                .first = place.late_record,
                .last = record};
  const std::size_t before = now_.changed.size();
  tell(window_of(GapKind::late_records, static_cast<int>(kind), account, region, day), gap);
  place.late_told = place.late_told || now_.changed.size() > before;
}

void Visibility::add(Sightings& sightings) {
  if (!wanted_) return;
  // Several workers may have seen the same hour; the earliest record stands for it.
  for (const Sightings::Hour& seen : sightings.flows) {
    const auto [at, fresh] = flows_.try_emplace({seen.hour, {seen.id, seen.account}}, seen);
    if (!fresh && seen.record < at->second.record) at->second = seen;
  }
  for (const Sightings::Hour& seen : sightings.queries)
    if (Host* host = host_of(seen, seen.id); host != nullptr && seen.hour > host->settled) {
      const auto [waiting, fresh] = host->waiting.try_emplace(seen.hour, seen.record);
      if (seen.record < waiting->second) waiting->second = seen.record;
    }
  for (const Sightings::Skip& skip : sightings.skips)
    count(GapKind::skipped_records, skip.interface_id,
          {.account = skip.account,
           .region = skip.region,
           .what = skip.interface_id,
           .from = skip.start,
           .to = skip.end,
           .first = skip.record,
           .last = skip.record});
}

void Visibility::count(GapKind kind, const std::string& key, Gap gap) {
  const auto day = static_cast<std::int32_t>(gap.from / day_ms);
  SkipDay& of = skips_[{key, day}];
  of.account = gap.account;
  of.region = gap.region;
  of.from = of.records == 0 ? gap.from : std::min(of.from, gap.from);
  of.to = std::max(of.to, gap.to);
  if (of.records == 0 || gap.first < of.first) of.first = gap.first;
  if (of.records == 0 || of.last < gap.last) of.last = gap.last;
  ++of.records;
  gap.kind = kind;
  gap.log = LogKind::vpcflow;
  gap.from = of.from;
  gap.to = of.to;
  gap.records = of.records;
  gap.first = of.first;
  gap.last = of.last;
  tell(window_of(kind, key, day), gap);
}

Visibility::Host* Visibility::host_of(const Sightings::Hour& seen, const std::string& instance) {
  if (hosts_.size() >= hosts_max && !hosts_.contains(instance)) return nullptr;
  Host& host = hosts_[instance];
  if (!seen.account.empty()) host.account = seen.account;
  if (!seen.region.empty()) host.region = seen.region;
  return &host;
}

// Whose interface it is, is asked when all that may tell has been read: in whatever order it came.
void Visibility::settle_flows(std::int32_t until, const Facts& facts) {
  while (!flows_.empty() && flows_.begin()->first.first <= until) {
    const Sightings::Hour seen = std::move(flows_.extract(flows_.begin()).mapped());
    const auto interface = facts.interface(seen.id, seen.record.time);
    if (!interface) continue;
    // The type comes from a call or the inventory only, not from flow records themselves.
    if (!interface->type.empty() && !interface->account.empty() && !seen.account.empty() &&
        seen.account != interface->account &&
        seen.account.find_first_not_of("0123456789") == std::string::npos) {
      count(GapKind::foreign_records, seen.id + foreign_mark + seen.account,
            {.account = interface->account,
             .region = seen.region,
             .what = seen.account,
             .from = seen.record.time,
             .to = seen.record.time,
             .first = seen.record,
             .last = seen.record});
    }
    if (interface->instance_id.empty()) continue;
    if (Host* host = host_of(seen, interface->instance_id)) {
      host->flows.insert(seen.hour);
      if (host->interface_id.empty() || seen.id < host->interface_id) host->interface_id = seen.id;
    }
  }
}

void Visibility::evicted(const std::string& table, std::uint64_t count) {
  if (count == 0 || !has(GapKind::evicted_state)) return;
  const std::int32_t day = day_of(slot_of(newest_.time));
  const std::uint64_t sum = evictions_[{table, day}] += count;
  Gap gap{.kind = GapKind::evicted_state,
          .what = table,
          .from = day * day_ms,
          .to = newest_.time,
          .records = sum,
          .first = newest_,
          .last = newest_};
  std::uint64_t most = 0;
  for (const auto& [account, records] : processed_[day]) {
    gap.of += records;
    if (records <= most) continue;
    most = records;
    gap.account = account;
  }
  tell(window_of(GapKind::evicted_state, table, day), gap);
}

void Visibility::tell_time(TimeMs time) {
  if (time <= clock_) return;
  clock_ = time;
  const std::int32_t fresh = slot_of(time - day_ms);
  for (auto& [key, place] : places_)
    if (place.newest >= fresh) place.live = true;
}

void Visibility::tell_fault(const Gap& fault) {
  if (faults_.size() >= faults_max) return;
  if (!faults_
           .insert(window_of(GapKind::broken_digest, fault.what, fault.account, fault.region, fault.object))
           .second)
    return;
  if (auto detection = judge(fault)) now_.raised.push_back(std::move(*detection));
}

std::optional<Detection> Visibility::silence(const PlaceKey& key, const Place& place, std::int32_t to,
                                             bool ongoing) const {
  const auto& [kind, account, region] = key;
  if (place.last - place.first < training_days * slots_a_day) return std::nullopt;
  const std::int32_t since = day_of(place.last) - habit_days;
  std::int32_t usual = 1;
  for (auto at = place.longest.lower_bound(since); at != place.longest.end(); ++at)
    usual = std::max(usual, at->second);
  return judge(
      {.kind = GapKind::silent_source,
       .log = kind,
       .account = account,
       .region = region,
       .from = place.record.time,
       .to = time_of(to),
       .ongoing = ongoing,
       .of = static_cast<std::uint64_t>(std::min(place.last - place.first, habit_days * slots_a_day)),
       .usual = usual * visibility_slot,
       .active_slots = place.active_since(since),
       .first = place.record,
       .last = place.record});
}

// A silence that was a finding is learned when another one came within the time that habits are kept of.
void Visibility::learn(Place& place, std::int32_t from, std::int32_t length, bool was_raised) {
  const std::int32_t day = day_of(from);
  forget_days_before(place.raised, day - habit_days);
  const bool again = !place.raised.empty();
  if (was_raised) place.raised.insert(day);
  if (was_raised && !again) return;
  std::int32_t& longest = place.longest[day];
  longest = std::max(longest, length);
}

void Visibility::settle_place(const PlaceKey& key, Place& place, std::int32_t until,
                              std::int32_t known_until) {
  const auto& [kind, account, region] = key;
  while (!place.waiting.empty() && place.waiting.begin()->first <= until) {
    const auto [slot, record] = *place.waiting.begin();
    place.waiting.erase(place.waiting.begin());
    if (!place.begun) {
      place.begun = true;
      place.first = slot;
    } else if (slot > place.last) {
      const std::int32_t length = slot - place.last;
      const std::uint64_t window =
          window_of(GapKind::silent_source, static_cast<int>(kind), account, region, place.last);
      auto detection = length > 1 ? silence(key, place, slot, false) : std::nullopt;
      const bool raised = detection.has_value();
      if (detection) {
        now_.changed.emplace_back(window, std::move(*detection));
        now_.settled.push_back(window);
      } else if (place.open) {
        now_.withdrawn.push_back(window);
      }
      place.open = false;
      learn(place, place.last, length, raised);
    } else {
      continue;
    }
    place.last = slot;
    place.record = record;
    ++place.active[day_of(slot)];
  }
  if (!place.begun) return;
  const std::int32_t oldest = day_of(place.last) - habit_days;
  forget_days_before(place.longest, oldest);
  forget_days_before(place.active, oldest);
  forget_days_before(place.hours, (day_of(place.last) - host_days) * 24);
  if (place.open || known_until <= place.last + 1) return;
  if (auto detection = silence(key, place, known_until, true)) {
    now_.changed.emplace_back(
        window_of(GapKind::silent_source, static_cast<int>(kind), account, region, place.last),
        std::move(*detection));
    place.open = true;
  }
}

void Visibility::settle_host(const std::string& id, Host& host, std::int32_t until) {
  const auto flows_of_place = places_.find({LogKind::vpcflow, host.account, host.region});
  while (!host.waiting.empty() && host.waiting.begin()->first <= until) {
    const auto [hour, record] = *host.waiting.begin();
    host.waiting.erase(host.waiting.begin());
    host.settled = hour;
    host.queries.insert(hour);
    if (host.flows.contains(hour)) {
      if (host.missing_since != 0)
        now_.settled.push_back(window_of(GapKind::missing_interface, id, host.missing_since));
      host.missing_since = 0;
      continue;
    }
    if (flows_of_place == places_.end() || !flows_of_place->second.hours.contains(hour)) continue;
    // Back to when it was there last, and how it was before.
    Gap gap{.kind = GapKind::missing_interface,
            .log = LogKind::vpcflow,
            .account = host.account,
            .region = host.region};
    std::int32_t since = hour;
    bool before = false;
    for (auto back = host.queries.rbegin(); back != host.queries.rend() && *back > hour - 24 * host_days;
         ++back) {
      const bool seen = host.flows.contains(*back);
      before = before || seen;
      if (before) {
        if (seen) ++gap.hours_known;
        ++gap.of;
      } else if (flows_of_place->second.hours.contains(*back)) {
        ++gap.hours;
        since = *back;
      }
    }
    if (host.missing_since != 0) since = host.missing_since;
    gap.what = host.interface_id;
    gap.instance_id = id;
    gap.from = since * hour_ms;
    gap.to = (hour + 1) * hour_ms;
    gap.first = gap.last = record;
    const std::size_t told = now_.changed.size();
    tell(window_of(GapKind::missing_interface, id, since), gap);
    if (now_.changed.size() > told) host.missing_since = since;
  }
  forget_days_before(host.queries, until - 24 * host_days);
  forget_days_before(host.flows, until - 24 * host_days);
}

Visibility::Output Visibility::turn(const std::array<TimeMs, log_kinds.size()>& watermark,
                                    const std::array<TimeMs, log_kinds.size()>& lateness,
                                    const Facts& facts) {
  if (!wanted_) return {};
  constexpr std::int32_t nothing_known = std::numeric_limits<std::int32_t>::min();
  for (auto& [key, place] : places_)
    settle_place(key, place, slot_of(watermark[static_cast<std::size_t>(key.log)]), nothing_known);
  // The newest record of all that were there at a time, by when they began.
  std::vector<std::pair<std::int32_t, std::int32_t>> others;
  for (const auto& [key, place] : places_)
    if (place.begun) others.emplace_back(place.first, place.newest);
  std::ranges::sort(others);
  for (std::size_t i = 1; i < others.size(); ++i)
    others[i].second = std::max(others[i].second, others[i - 1].second);
  // Until when half of those that are heard often were heard: where most end together, the archive ends.
  std::vector<std::int32_t> often;
  for (const auto& [key, place] : places_)
    if (place.begun && place.active_since(day_of(place.last) - habit_days) >= heard_often_slots)
      often.push_back(place.newest);
  std::ranges::sort(often, std::greater());
  const auto newest_beside = [&](std::int32_t since) {
    const auto at =
        std::ranges::upper_bound(others, since, {}, &std::pair<std::int32_t, std::int32_t>::first);
    return at == others.begin() ? nothing_known : std::prev(at)->second;
  };
  for (auto& [key, place] : places_) {
    const auto kind = static_cast<std::size_t>(key.log);
    const std::int32_t until = slot_of(watermark[kind]);
    std::int32_t known = std::min(until, newest_beside(place.last - training_days * slots_a_day));
    // The one that is asked about is not among the others.
    if (often.size() > 1) known = std::min(known, often[(often.size() - 2) / 2]);
    if (place.live) known = std::max(known, slot_of(clock_ - 2 * lateness[kind]));
    settle_place(key, place, until, known);
  }
  const TimeMs flows_until = watermark[static_cast<std::size_t>(LogKind::vpcflow)];
  // Calls tell whose an interface is, where there are logs of them.
  const TimeMs calls_until = watermark[static_cast<std::size_t>(LogKind::cloudtrail)];
  const TimeMs facts_until = calls_until < 0 ? flows_until : std::min(flows_until, calls_until);
  const auto whole_hour = [&](TimeMs time) {
    return static_cast<std::int32_t>(slot_of(time) / slots_an_hour - 1);
  };
  settle_flows(whole_hour(facts_until), facts);
  const TimeMs hosts_until = std::min(facts_until, watermark[static_cast<std::size_t>(LogKind::dns)]);
  const std::int32_t hour_until = whole_hour(hosts_until);
  for (auto at = hosts_.begin(); at != hosts_.end();) {
    settle_host(at->first, at->second, hour_until);
    const Host& host = at->second;
    at =
        host.queries.empty() && host.flows.empty() && host.waiting.empty() ? hosts_.erase(at) : std::next(at);
  }
  while (!skips_.empty()) {
    const auto done = std::ranges::find_if(
        skips_, [&](const auto& item) { return (item.first.second + 1) * day_ms <= flows_until; });
    if (done == skips_.end()) break;
    const auto& [key, day] = done->first;
    now_.settled.push_back(window_of(
        key.find(foreign_mark) == std::string::npos ? GapKind::skipped_records : GapKind::foreign_records,
        key, day));
    skips_.erase(done);
  }
  const std::int32_t today = day_of(slot_of(newest_.time));
  for (auto at = evictions_.begin(); at != evictions_.end();) {
    if (at->first.second < today) {
      now_.settled.push_back(window_of(GapKind::evicted_state, at->first.first, at->first.second));
      at = evictions_.erase(at);
    } else {
      ++at;
    }
  }
  forget_days_before(processed_, today - 1);
  return std::exchange(now_, {});
}

void Visibility::save(Writer& out) const {
  out(places_, hosts_, flows_, skips_, evictions_, processed_, clock_, faults_, newest_);
}

void Visibility::load(Reader& in) {
  in(places_, hosts_, flows_, skips_, evictions_, processed_, clock_, faults_, newest_);
}

}  // namespace picket
