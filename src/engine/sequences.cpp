#include "engine/sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/fixed_log2.h"
#include "engine/behaviours.h"
#include "engine/rule_modes.h"
#include "engine/subject.h"
#include "engine/trigger_index.h"
#include "event/principal.h"

namespace picket {

namespace {

constexpr std::int32_t bit = 256;
constexpr TimeMs window_ms = 24 * hour_ms;        // GuardDuty's
constexpr std::size_t signals_max = 100;          // of an actor: as many as GuardDuty's JSON holds
constexpr std::size_t all_signals_max = 200'000;  // about 100 MB
constexpr std::size_t rows_max = 500'000;         // about 190 MB

// What is new about where somebody is, what they call with or when: weights between those of initial access
// calls. What colleagues use is no news of a thief: they go home, to each other's offices, out by one VPN.
constexpr unsigned network_weight = 4, client_weight = 3, hours_weight = 3;
constexpr std::int32_t shared_bits = 2 * bit;
// Before so many days everything about a person is new; on so many days of its people an organisation knows
// a network.
constexpr std::uint32_t days_min = 3, shared_days_min = 3, settled_days_min = 7;

// Weights of findings: as calls, by how sure GuardDuty's severities are.
unsigned weight_of_finding(double severity, bool refused) {
  if (refused) return 3;
  return severity >= 9 ? 8 : severity >= 7 ? 7 : severity >= 4 ? 5 : 3;
}

std::string text_of_bits(std::int32_t bits) { return bits_text(bits) + " bits"; }

// What is noted of those who change them.
struct News {
  News(std::uint8_t number, unsigned weight_of, bool own = false)
      : context(number),
        weight(weight_of),
        fresh(Habits::thing(fmt::format("new {}", context_names[number]))),
        shared(Habits::thing(context_names[number + shared_contexts])),
        moved(Habits::thing(fmt::format("moved {}", context_names[number]))),
        personal(own) {}
  std::uint8_t context;  // of context_names
  unsigned weight;
  Habits::Thing fresh, shared, moved;
  bool personal;  // what colleagues do excuses nobody
};
const Habits::Thing any_news = Habits::thing("anything new");
const News network_news{0, network_weight}, client_news{1, client_weight}, hours_news{2, hours_weight, true};

// When in the week somebody works: four hours, of working days or of the weekend, by UTC.
std::string_view hours_of(TimeMs time) {
  constexpr TimeMs block_ms = 4 * hour_ms, monday = 4 * day_ms;  // 1970 began on a Thursday
  constexpr std::size_t blocks = 6;
  static const auto names = [] {
    std::array<std::string, 2 * blocks> made;
    for (std::size_t i = 0; i < made.size(); ++i)
      made[i] = fmt::format("{:02}:00-{:02}:00 UTC{}", i % blocks * 4, i % blocks * 4 + 4,
                            i < blocks ? "" : ", weekend");
    return made;
  }();
  const bool weekend = (time - monday + 7 * day_ms) % (7 * day_ms) >= 5 * day_ms;
  const TimeMs of_day = (time % day_ms + day_ms) % day_ms;  // of records before 1970 too
  return names[static_cast<std::size_t>(of_day / block_ms) + (weekend ? blocks : 0)];
}

// What somebody does who does a thing of this tactic for the first time.
Habits::Thing novelty_of(Tactic tactic, bool refused) {
  static const auto things = [] {
    std::array<std::array<Habits::Thing, 2>, tactic_kinds> made{};
    for (std::size_t i = 0; i < tactic_kinds; ++i) {
      const std::string_view name = name_of(static_cast<Tactic>(i));
      made[i] = {Habits::thing(fmt::format("new {}", name)), Habits::thing(fmt::format("new {}!", name))};
    }
    return made;
  }();
  return things[static_cast<std::size_t>(tactic)][refused ? 1 : 0];
}

// What a finding's subject still tells of a session's workload.
Identity identity_of(const AccessKeySubject& who) {
  CloudTrailEvent event;
  event.user_identity.type = who.user_type;
  event.user_identity.principal_id = who.principal_id;
  event.user_identity.session_issuer.arn = who.principal_key;
  Identity identity{who, who.user_type == "AssumedRole" ? principal_of(event).workload : std::string()};
  if (who.principal_key.ends_with('/' + identity.workload)) identity.workload.clear();
  return identity;
}

// How a call or a finding is named among the habits of who did it, and when it was refused.
struct Named {
  explicit Named(std::string_view named)
      : name(named), done(Habits::thing(named)), refused(Habits::thing(std::string(named) + '!')) {}
  std::string_view name;
  Habits::Thing done, refused;
};

// By index of listed_apis().
std::span<const Named> named_apis() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const ListedApi& api : listed_apis())
      made.push_back(fmt::format("{}:{}", short_service(api.event_source), api.event_name));
    return made;
  }();
  static const std::vector<Named> named(names.begin(), names.end());
  return named;
}

std::uint64_t account_of(std::string_view account) { return hash64(account, 3); }

// Of Sequences::habits_: a person is a circle of the identities of their accounts.
Habits::Circles circles_of(const Kin& kin, std::string_view account) {
  return {kin.identity, {kin.person, kin.peers, account_of(account)}};
}

struct Notice {
  std::uint8_t context = 0;  // index of context_names
  std::int32_t bits = 0;
};

// What is new about where, when or with which client a person is, as far as it is worth anything; learned
// either way.
std::optional<Notice> notice(Habits& places, const Kin& kin, const News& news, std::string_view value) {
  const Habits::Circles person{kin.person, {kin.circle}};
  const Habits::Thing seen = Habits::thing(value);
  const std::uint32_t days = places.days(kin.person);
  std::optional<Notice> noticed;
  if (places.days(kin.person, seen) == 0 && !places.today(kin.person, seen)) {
    const bool known = !news.personal && places.days(kin.circle, seen) >= shared_days_min;
    // A machine that always was in one place does not go where its colleagues are.
    const bool shared = known && (places.days(kin.person, news.moved) > 0 || days < settled_days_min);
    // Of somebody new it matters whether anybody was there before.
    const bool too_early = days < days_min && (known || !places.settled(kin.circle));
    const Habits::Thing change = shared ? news.shared : news.fresh;
    const std::int32_t worth =
        places.bits(person, change, shared ? 0 : news.weight, any_news) - (shared ? shared_bits : 0);
    if (worth > 0 && !too_early)
      noticed = Notice{static_cast<std::uint8_t>(news.context + (shared ? shared_contexts : 0)), worth};
    if (!too_early) places.note(person, change, any_news);
    if (days > 0) places.note(person, news.moved, any_news);
  }
  places.note(person, seen, any_news);
  return noticed;
}

std::uint64_t window_of(const std::string& root, const Detector& detector, const std::string& anchor) {
  return hash64(root, hash64(anchor, hash64(detector.name)));
}

}  // namespace

Sequences::Sequences(std::span<const Detector* const> detectors) : detectors_(detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    if (detectors[i]->logic.sequence != nullptr) judges_.push_back(static_cast<std::uint16_t>(i));
  }
}

void Sequences::add(Boxed<SignalRow> row) {
  const TimeMs slot = SignalRow::slot_of(row->first.time);
  add(std::move(row), slot);
}

void Sequences::add(Boxed<SignalRow> row, TimeMs slot) {
  Boxed<SignalRow>& known = waiting_[std::max(slot, judged_)][row->kind_hash()];
  if (known) return known->merge(*row);
  known = std::move(row);
  ++waiting_rows_;
}

void Sequences::add(const Detection& detection, std::optional<TimeMs> at) {
  const Detector& detector = *detectors_[detection.detector];
  const FindingType& type = detector.types[detection.type];
  const auto& key = detection.subject.access_key;
  if (!key || key->principal_key.empty() || type.origin == Origin::rule || detector.logic.sequence != nullptr)
    return;
  // AWS's custom detection rules say of single calls what the table of calls says.
  if (holds_by_association(detector) || !tactic_of_id(type.mitre.tactic)) return;
  Boxed made(SignalRow{});
  SignalRow& row = *made;
  row.kind = detection.signal ? SignalKind::refused_finding : SignalKind::finding;
  row.index = detection.detector;
  row.type = detection.type;
  SignalFinding finding{.call = detection.subject.api_call.value_or(ApiCall{}),
                        .severity = detection.severity,
                        .indicators = {}};
  for (const IntelEvidence& hit : detection.intel) insert_few(finding.indicators, hit.category);
  SignalOrigin origin{.by = identity_of(*key),
                      .account = detection.subject.account,
                      .region = detection.subject.region,
                      .user_agent = finding.call.user_agent,
                      .remote_ip = detection.subject.remote_ip};
  origin.complete();
  row.from = Shared(std::move(origin));
  row.finding = Boxed(std::move(finding));
  if (!detection.subject.buckets.empty()) row.bucket = detection.subject.buckets.front().name;
  row.count = detection.count;
  row.first = detection.first;
  row.last = detection.last;
  const TimeMs slot = SignalRow::slot_of(at.value_or(row.first.time));
  add(std::move(made), slot);
}

void Sequences::keep(Actor& actor, Boxed<ActorSignal> signal, std::uint64_t key) {
  actor.last = std::max(actor.last, signal->last.time);
  actor.oldest = std::min(actor.oldest, signal->last.time);
  actor.changed = true;
  Boxed<ActorSignal>& known = actor.signals[key];
  if (known) {
    if (signal->bits > known->bits) actor.outlook.add(*signal);
    const bool earlier = signal->first < known->first;
    known->bits = std::max(known->bits, signal->bits);
    known->count += signal->count;
    known->first_time |= signal->first_time;
    take_later(known->last, signal->last);
    insert_few(known->buckets, signal->buckets);
    insert_few(known->addresses, signal->addresses);
    if (known->finding) known->finding->merge(*signal->finding, earlier);
    if (!earlier) return;
    known->first = std::move(signal->first);
    known->from = std::move(signal->from);
    known->error_code = std::move(signal->error_code);
    return;
  }
  known = std::move(signal);
  actor.outlook.add(*known);
  if (actor.signals.size() <= signals_max) return;
  const auto weakest = std::ranges::min_element(actor.signals, [](const auto& a, const auto& b) {
    return std::tie(a.second->bits, a.second->first, a.first) <
           std::tie(b.second->bits, b.second->first, b.first);
  });
  // The outlook still holds what is gone; now and then it is made anew.
  constexpr std::uint32_t gone_max = 16;
  if (weakest->second->last.time == actor.oldest || ++actor.evicted == gone_max)
    actor.oldest = std::numeric_limits<TimeMs>::min();
  actor.signals.erase(weakest);
  ++evicted_.signals;
}

void Sequences::Actor::look_again() {
  outlook = {};
  evicted = 0;
  oldest = std::numeric_limits<TimeMs>::max();
  for (const auto& [key, signal] : signals) {
    outlook.add(*signal);
    oldest = std::min(oldest, signal->last.time);
  }
}

// What is older than a day takes no part, nor do identities that did nothing since.
void Sequences::expire(Actor& actor, TimeMs now) {
  if (actor.oldest >= now - window_ms) return;
  boost::unordered::erase_if(actor.signals,
                             [&](const auto& item) { return item.second->last.time < now - window_ms; });
  std::erase_if(actor.identities, [&](const auto& identity) {
    return std::ranges::none_of(actor.signals,
                                [&](const auto& item) { return item.second->from->id == identity.first; });
  });
  actor.look_again();
}

ActorSignal Sequences::signal_of(const SignalRow& row, SignalKind kind, std::uint8_t type,
                                 Tactic tactic) const {
  ActorSignal signal;
  signal.kind = kind;
  signal.type = type;
  signal.tactic = tactic;
  signal.index = row.index;
  signal.name = name_of_signal(signal);
  return signal;
}

// What was done, when it is evidence or the identity's first time; learned either way.
std::optional<ActorSignal> Sequences::take_act(SignalRow& row) {
  const SignalOrigin& from = *row.from;
  const Habits::Circles self = circles_of(from.kin, from.account);
  const bool call = is_call(row.kind);
  const FindingType* const type = call ? nullptr : &detectors_[row.index]->types[row.type];
  const Named named = call ? named_apis()[row.index] : Named(type->name);
  const Tactic tactic = call ? listed_apis()[row.index].of.tactic
                             : tactic_of_id(type->mitre.tactic).value_or(Tactic::execution);
  // Whose days are known is of the organisation.
  const Aim aim =
      row.aim.among([&](std::string_view account) { return habits_.days(account_of(account)) > 0; });
  const unsigned weight =
      call ? weight_of(listed_apis()[row.index].of, aim)
           : weight_of_finding(row.finding->severity, row.kind == SignalKind::refused_finding);
  const Habits::Thing plain = is_refused(row.kind) ? named.refused : named.done;
  const Habits::Thing thing =
      is_grave(aim) ? Habits::thing(fmt::format("{} {} {}", named.name, is_refused(row.kind), name_of(aim)))
                    : plain;
  const Habits::Thing novelty = novelty_of(tactic, is_refused(row.kind));
  std::int32_t bits = habits_.bits(self, thing, weight, novelty);
  // A page of the console looks up many things that nobody asked for.
  if (call && from.console && tactic == Tactic::discovery) bits /= 2;
  // What is usual in the account may still be a step of an intruder who never did it before.
  const bool first_time = habits_.days(from.kin.identity, thing) == 0;
  habits_.note(self, thing, novelty);
  if (thing != plain) habits_.note(self, plain, novelty);
  if (bits <= 0 && !first_time) return std::nullopt;
  ActorSignal signal = signal_of(row, row.kind, row.type, tactic);
  signal.first_time = first_time;
  signal.aim = aim;
  signal.bits = bits;
  if (!row.bucket.empty()) signal.buckets.push_back(row.bucket);
  signal.finding = std::move(row.finding);
  return signal;
}

void Sequences::judge(SignalRow& row, const Identity& root, const std::string& root_id, const Facts& facts) {
  const TimeMs now = row.first.time;
  for (Habits* habits : {&habits_, &places_}) habits->begin_day(static_cast<std::int32_t>(now / day_ms));
  const SignalOrigin& from = *row.from;

  std::vector<ActorSignal> signals;
  const bool tells_place = is_call(row.kind) && !from.user_agent.empty();
  const auto notice_of = [&](const News& news, std::string_view value) {
    const auto noticed = notice(places_, from.kin, news, value);
    if (!noticed) return;
    ActorSignal& context =
        signals.emplace_back(signal_of(row, SignalKind::context, noticed->context, Tactic::initial_access));
    context.bits = noticed->bits;
    context.value = value;
  };
  if (tells_place) notice_of(hours_news, hours_of(now));
  std::string network;
  if (from.remote_ip) {
    const auto place = facts.place(*from.remote_ip);
    network = place && place->asn != 0 ? fmt::format("AS{}", place->asn) : neighbourhood_of(*from.remote_ip);
    if (tells_place) {
      notice_of(network_news, network);
      notice_of(client_news, from.client);
    }
  }
  if (auto act = take_act(row)) signals.push_back(std::move(*act));
  if (signals.empty()) return;

  Actor& actor = actors_[root_id];
  if (actor.open.empty()) expire(actor, now);
  if (actor.signals.empty()) actor.who = root.who;
  if (actor.identities.size() < values_max) actor.identities.try_emplace(from.id, row.from);
  for (ActorSignal& signal : signals) {
    const bool context = signal.kind == SignalKind::context;
    std::uint64_t key = static_cast<std::uint64_t>(signal.kind);
    for (const std::string_view part :
         {signal.name, std::string_view(from.id), std::string_view(from.account), std::string_view(network),
          std::string_view(signal.value)})
      key = hash64(part, key);
    if (is_grave(signal.aim)) key = hash_mix(key, static_cast<std::uint64_t>(signal.aim));
    signal.first = row.first;
    signal.last = context ? row.first : row.last;
    signal.count = context ? 1 : row.count;
    signal.from = row.from;
    signal.error_code = row.error_code;
    signal.network = network;
    if (from.remote_ip) signal.addresses.push_back(*from.remote_ip);
    keep(actor, Boxed<ActorSignal>(std::move(signal)), key);
  }
  consider(actor, now);
  if (actor.open.empty()) return;
  habits_.forget_today(from.kin.identity);
  places_.forget_today(from.kin.person);
}

std::string_view Sequences::name_of_signal(const ActorSignal& signal) const {
  return signal.kind == SignalKind::context ? context_names[signal.type]
         : is_call(signal.kind)             ? named_apis()[signal.index].name
                                            : detectors_[signal.index]->types[signal.type].name;
}

SequenceSignal Sequences::told(const ActorSignal& signal) const {
  const SignalOrigin& from = *signal.from;
  SequenceSignal made;
  made.kind = signal.kind;
  made.name = signal.name;
  made.tactic = name_of(signal.tactic);
  made.bits = signal.bits;
  made.count = signal.count;
  made.first = signal.first;
  made.last = signal.last;
  made.region = from.region;
  made.actors = {from.id};
  made.accounts = {from.account};
  made.buckets = {signal.buckets.begin(), signal.buckets.end()};
  made.addresses = {signal.addresses.begin(), signal.addresses.end()};
  made.network = signal.network;
  if (signal.finding) {
    made.technique = detectors_[signal.index]->types[signal.type].mitre.technique;
    made.severity = signal.finding->severity;
    made.call = signal.finding->call;
    made.indicators = signal.finding->indicators;
    return made;
  }
  made.call = {.api = std::string(signal.api()),
               .service_name = std::string(signal.service_name()),
               .error_code = signal.error_code,
               .user_agent = from.user_agent};
  if (signal.kind == SignalKind::context) {
    made.technique = "T1078.004";  // Valid Accounts: Cloud Accounts
    made.indicators = {signal.value};
  }
  return made;
}

ActorSignals Sequences::view_of(const Actor& actor, TimeMs since,
                                std::vector<const ActorSignal*>& room) const {
  room.clear();
  bool settled = true;
  std::string_view account;
  for (const auto& [key, signal] : actor.signals) {
    if (signal->last.time < since) continue;
    room.push_back(&*signal);
    const std::string_view of = signal->from->account;
    if (of != account) settled = settled && habits_.settled(account_of(account = of));
  }
  // As those who weigh want them.
  std::ranges::stable_sort(room, began_before);
  return {room, settled, false};
}

TimeMs Sequences::held(const Actor& actor) {
  TimeMs last = 0;
  for (const auto& [detector, open] : actor.open) last = std::max(last, open.held);
  return last;
}

void Sequences::consider(Actor& actor, TimeMs now) {
  std::vector<const ActorSignal*> room;
  std::optional<ActorSignals> view;
  for (const std::uint16_t detector : judges_) {
    const Logic& logic = detectors_[detector]->logic;
    if (logic.may_be_sequence != nullptr && !logic.may_be_sequence(actor.outlook)) continue;
    if (!view) view = view_of(actor, now - window_ms, room);
    const std::optional<Evidence> evidence = logic.sequence(*view);
    if (!evidence) continue;
    const std::int32_t tenths = static_cast<std::int32_t>(
        evidence->severity_of(number_of(detectors_[detector]->types[evidence->type].severity)) * 10 + 0.5);
    const auto [at, fresh] = actor.open.try_emplace(detector);
    Open& open = at->second;
    open.held = now;
    open.severity = std::max(open.severity, tenths);
    if (!fresh) continue;
    const ActorSignal& anchor = **std::ranges::min_element(view->signals, began_before);
    open.anchor = anchor.first.event_id.empty()
                      ? fmt::format("{}/{}", anchor.first.object, anchor.first.position)
                      : anchor.first.event_id.text();
    open.account = anchor.from->account;
    open.region = anchor.from->region;
    open.raised = now;
  }
}

// Which signals the sequence could not do without, by name.
std::string Sequences::pivots(const ActorSignals& view, std::uint16_t detector) const {
  constexpr std::size_t told_max = 5;
  std::set<std::string> names;
  std::vector<const ActorSignal*> room;
  for (const ActorSignal* one : view.signals) {
    const ActorSignals rest =
        view.only([&](const ActorSignal& signal) { return group_of(signal) != group_of(*one); }, room);
    if (names.size() < told_max && !detectors_[detector]->logic.sequence(rest)) names.emplace(one->name);
  }
  return names.empty() ? "none, the others are enough without each"
                       : fmt::format("{}", fmt::join(names, ", "));
}

Activity Sequences::activity_of(const std::string& root, const Actor& actor, std::uint16_t detector,
                                const Open& open) const {
  std::vector<const ActorSignal*> room;
  const ActorSignals view = view_of(actor, 0, room);
  const std::optional<Weight> enough = sequence_in(view);
  const Weight weight = enough.value_or(view.weigh());
  Sequence sequence{.root = root, .raised = open.raised, .score = weight.score};
  for (const ActorSignal* signal : by_time(view.signals)) sequence.signals.push_back(told(*signal));
  for (const auto& [id, from] : actor.identities)
    sequence.actors.try_emplace(id, from->by.who, from->account);
  mark_advances(sequence.signals);

  const Detector& literal = *detectors_[detector];
  Activity activity;
  Detection& latest = activity.latest;
  latest.detector = detector;
  latest.subject.account = open.account;
  latest.subject.region = open.region;
  latest.subject.access_key = actor.who;
  apply_type(literal.types[latest.type], latest.subject);
  activity.severity = latest.severity = open.severity / 10.0;
  std::set<std::string> tactics, buckets;
  std::vector<std::string> chain;
  const std::vector<const ActorSignal*> in_order = by_time(view.signals);
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    const SequenceSignal& signal = sequence.signals[i];
    const Aim aim = in_order[i]->aim;
    tactics.insert(signal.tactic);
    buckets.insert(signal.buckets.begin(), signal.buckets.end());
    for (const ProofRecord* record : {&signal.first, &signal.last}) activity.proof.add(*record);
    if (chain.empty() || signal.first < activity.first) activity.first = signal.first;
    if (chain.empty()) activity.last = signal.last;
    take_later(activity.last, signal.last);
    activity.count += signal.count;
    const bool context = signal.kind == SignalKind::context;
    chain.push_back(fmt::format(
        "{} {}{}{} ({}, {}{})", format_time(signal.first.time),
        context ? "new " + signal.name + ' ' + *signal.indicators.begin() : signal.name,
        is_grave(aim) ? fmt::format(" that {}", name_of(aim)) : "", is_refused(signal.kind) ? " refused" : "",
        signal.tactic, text_of_bits(signal.bits), signal.advances ? ", new tactic" : ""));
  }
  latest.first = activity.first;
  latest.last = activity.last;
  latest.evidence = {
      {"root", root},
      {"user_type", actor.who.user_type},
      {"principal_id", actor.who.principal_id},
      {"signals", std::to_string(sequence.signals.size())},
      {"buckets", fmt::format("{}", fmt::join(buckets, ", "))},
      {"tactics", fmt::format("{}", fmt::join(tactics, ", "))},
      {"score", text_of_bits(sequence.score)},
      {"threshold", text_of_bits(weight.bits_min)},
      {"raised", enough ? "from " + text_of_bits(weight.bits_min) + " on" : "for these very steps"},
      {"could_not_do_without", pivots(view, detector)},
  };
  // The explanation: every signal, in order of time.
  for (std::string& line : chain) latest.evidence.emplace_back("chain", std::move(line));
  latest.issue = root + '\x1f' + open.anchor;
  activity.sequence = std::move(sequence);
  return activity;
}

void Sequences::close(const std::string& root, Actor& actor, Output& out) {
  for (const auto& [detector, open] : actor.open)
    out.settled.push_back(window_of(root, *detectors_[detector], open.anchor));
  actor.open.clear();
  actor.signals.clear();
  actor.identities.clear();
  actor.look_again();
}

Sequences::Output Sequences::turn(TimeMs watermark, const Facts& facts) {
  Output out;
  if (!wanted()) return out;
  const auto emit_changed = [&](const std::string& root, Actor& actor) {
    for (const auto& [detector, open] : actor.open)
      out.changed.push_back(
          {window_of(root, *detectors_[detector], open.anchor), activity_of(root, actor, detector, open)});
    actor.changed = false;
  };
  const auto judge_slot = [&](TimeMs slot) {
    auto of_slot = waiting_.extract(slot);
    std::vector<Kinds::value_type*> rows;
    for (auto& item : of_slot.mapped()) {
      // A row of copies alone belongs to records that were judged long ago.
      if (item.second->count != 0) rows.push_back(&item);
    }
    waiting_rows_ -= of_slot.mapped().size();
    std::ranges::sort(rows, [](const auto* a, const auto* b) {
      return std::tie(a->second->first, a->first) < std::tie(b->second->first, b->first);
    });
    for (auto* waiting : rows) {
      SignalRow& row = *waiting->second;
      // A sequence ends when nothing of the last day makes one; what comes then is another.
      const Identity& root = lineage_.root_of(row.from->by, row.first.time);
      const std::string root_id = root.id();
      if (const auto at = actors_.find(root_id);
          at != actors_.end() && !at->second.open.empty() && row.first.time - held(at->second) > window_ms) {
        if (at->second.changed) emit_changed(at->first, at->second);
        close(at->first, at->second, out);
      }
      judge(row, root, root_id, facts);
    }
    judged_ = slot + SignalRow::slot_ms;
  };
  while (!waiting_.empty()) {
    const TimeMs slot = waiting_.begin()->first;
    if (slot > watermark - SignalRow::slot_ms) {
      if (waiting_rows_ <= rows_max) break;
      ++evicted_.early;
    }
    judge_slot(slot);
  }
  for (auto& [root, actor] : actors_) {
    if (actor.changed && !actor.open.empty()) emit_changed(root, actor);
  }
  forget(watermark, out);
  return out;
}

void Sequences::forget(TimeMs watermark, Output& out) {
  evicted_.keys += lineage_.forget(watermark);
  evicted_.habits += habits_.evict() + places_.evict();
  std::size_t signals = 0;
  for (auto at = actors_.begin(); at != actors_.end();) {
    // Of a day that may still go on nothing is forgotten: what is judged next is at most a slot older.
    if (at->second.last < watermark - window_ms - SignalRow::slot_ms) {
      close(at->first, at->second, out);
      at = actors_.erase(at);
      continue;
    }
    signals += at->second.signals.size();
    ++at;
  }
  if (signals <= all_signals_max) return;
  std::vector<std::pair<TimeMs, std::string>> by_age;
  for (const auto& [root, actor] : actors_) by_age.emplace_back(actor.last, root);
  std::sort(by_age.begin(), by_age.end());
  for (const auto& [last, root] : by_age) {
    if (signals <= all_signals_max) break;
    Actor& actor = actors_[root];
    signals -= actor.signals.size();
    evicted_.signals += actor.signals.size();
    close(root, actor, out);
    actors_.erase(root);
  }
}

void Sequences::save(Writer& out) const { out(lineage_, habits_, places_, judged_, evicted_); }

void Sequences::load(Reader& in) { in(lineage_, habits_, places_, judged_, evicted_); }

void Sequences::save_signals(Writer& out) const { out(waiting_, actors_); }

void Sequences::load_signals(Reader& in, const Numbering& numbering) {
  in(waiting_, actors_);
  // False when nobody has the API or the finding type any more.
  const auto renumber = [&](auto& signal) {
    if (!signal || !signal->from || static_cast<bool>(signal->finding) != is_finding(signal->kind)) {
      in.fail();
      return false;
    }
    const bool finding = is_finding(signal->kind);
    const auto index = finding ? numbering.detector(signal->index) : numbering.api(signal->index);
    const auto type = finding ? numbering.type(signal->index, signal->type) : std::optional(signal->type);
    if (!index || !type) return false;
    signal->index = *index;
    signal->type = *type;
    return true;
  };
  waiting_rows_ = 0;
  for (auto& [slot, kinds] : waiting_) {
    Kinds renumbered;
    for (auto& [hash, row] : kinds) {
      if (!renumber(row)) continue;
      const std::uint64_t kind = row->kind_hash();
      renumbered.insert_or_assign(kind, std::move(row));
    }
    kinds = std::move(renumbered);
    waiting_rows_ += kinds.size();
  }
  for (auto& [root, actor] : actors_) {
    boost::unordered::erase_if(actor.signals, [&](auto& item) {
      Boxed<ActorSignal>& signal = item.second;
      if (!renumber(signal)) return true;
      if (signal->kind == SignalKind::context && signal->type >= context_names.size()) {
        in.fail();
        return true;
      }
      signal->name = name_of_signal(*signal);
      return false;
    });
    if (std::ranges::any_of(actor.identities, [](const auto& item) { return !item.second; }))
      return in.fail();
    actor.look_again();
    std::map<std::uint16_t, Open> open;
    for (auto& [detector, sequence] : actor.open) {
      const auto now = numbering.detector(detector);
      if (!now) continue;
      if (detectors_[*now]->logic.sequence == nullptr) return in.fail();
      open.emplace(*now, std::move(sequence));
    }
    actor.open = std::move(open);
  }
}

}  // namespace picket
