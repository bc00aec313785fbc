#include "engine/sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

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
constexpr std::size_t values_max = 10;            // addresses, buckets, identities told of a signal
constexpr std::size_t all_signals_max = 200'000;  // about 150 MB
constexpr std::size_t rows_max = 500'000;         // about 300 MB
constexpr std::int32_t advance_bits = 4 * bit;    // at most, a new tactic on the way to the goal (science)
constexpr std::int32_t advance_of(std::int32_t bits) { return std::min(advance_bits, bits / 2); }

// How the evidence of a day adds up: a logistic regression over days of actors, honest and robbed, of
// tools/simulate (seeds dev, tune-a, tune-b) and tools/attack_chains.py (seeds 1, 5, 11), in 1/16. Each of
// the six sets was told by the weights of the other five. What calls are worth one by one had no say beside
// these: whoever starts on something new makes many. Where somebody is and when, refusals, findings and haste
// tell. The hours were given half of what they got: intruders keep to no hours there.
constexpr std::int32_t network_part = 12, shared_network_part = 13, client_part = 6, hours_part = 12,
                       refused_part = 5, finding_part = 8, discovery_part = 4, advance_part = 3;
constexpr std::int32_t elsewhere_bits = 460, first_time_bits = 107, service_bits = 139,
                       destruction_bits = 200;
// Of each at most so much evidence.
constexpr std::int32_t place_bits_max = 8 * bit, hours_bits_max = 4 * bit, refused_bits_max = 16 * bit,
                       finding_bits_max = 16 * bit, discovery_bits_max = 10 * bit;
constexpr std::uint32_t first_times_max = 15, services_max = 8;
// First times of so short a time are one burst.
constexpr TimeMs burst_ms = 15 * minute_ms;
// A lookup that tells where somebody looks around; a step that destroys, blinds or gives away.
constexpr std::int32_t lookup_bits_min = 2 * bit, destruction_bits_min = 8 * bit;
// An address known for harm and a key away from its machine were in too few of those days to be fitted.
constexpr std::int32_t proof_bits = 4 * bit;
constexpr std::uint32_t proofs_max = 2;
// Tactics of a sequence, and when one of them does harm.
constexpr int tactics_min = 3, tactics_of_harm_min = 2;

// What is new about where somebody is, what they call with or when: weights between those of initial access
// calls. What colleagues use is no news of a thief: they go home, to each other's offices, out by one VPN.
constexpr unsigned network_weight = 4, client_weight = 3, hours_weight = 3;
constexpr std::int32_t shared_bits = 2 * bit;
// Before so many days everything about a person is new; on so many days of its people an organisation knows
// a network.
constexpr std::uint32_t days_min = 3, shared_days_min = 3, settled_days_min = 7;
// Of Sequences::places_: who is where.
constexpr std::uint64_t people = 1, machines = 2;

// Weights of findings: as calls, by how sure GuardDuty's severities are.
unsigned weight_of_finding(double severity, bool refused) {
  if (refused) return 3;
  return severity >= 9 ? 8 : severity >= 7 ? 7 : severity >= 4 ? 5 : 3;
}

// How far an intruder is who does this: from getting in to the goal.
int level_of(Tactic tactic) {
  switch (tactic) {
    case Tactic::resource_development:
      return 0;
    case Tactic::initial_access:
      return 1;
    case Tactic::execution:
    case Tactic::persistence:
    case Tactic::privilege_escalation:
    case Tactic::defense_evasion:
    case Tactic::credential_access:
    case Tactic::discovery:
      return 2;
    case Tactic::lateral_movement:
      return 3;
    case Tactic::collection:
      return 4;
    case Tactic::exfiltration:
    case Tactic::impact:
      return 5;
  }
  return 0;
}

// How far the signals have led, by time: a tactic that is new and not behind those before it advances.
class Way {
 public:
  bool advances(Tactic tactic, std::int32_t bits) {
    if (bits < step_bits_min) return false;
    const int level = level_of(tactic);
    const std::uint32_t mask = 1U << static_cast<unsigned>(tactic);
    const bool further = (tactics_ & mask) == 0 && level >= reached_;
    tactics_ |= mask;
    reached_ = std::max(reached_, level);
    return further;
  }
  std::uint32_t tactics() const { return tactics_; }

 private:
  std::uint32_t tactics_ = 0;  // bit set of Tactic
  int reached_ = 0;
};

std::string text_of_bits(std::int32_t bits) { return bits_text(bits) + " bits"; }

// Names of signals of context: a place or client that nobody was at before, or only colleagues.
constexpr std::string_view new_network = "network", new_client = "client", new_hours = "hours";
// What is noted of those who change them.
struct News {
  News(std::string_view of, unsigned weight_of, bool own = false)
      : name(of),
        weight(weight_of),
        fresh(Habits::thing(fmt::format("new {}", of))),
        shared(Habits::thing(fmt::format("colleagues' {}", of))),
        moved(Habits::thing(fmt::format("moved {}", of))),
        personal(own) {}
  std::string_view name;
  unsigned weight;
  Habits::Thing fresh, shared, moved;
  bool personal;  // what colleagues do excuses nobody
};
const Habits::Thing any_news = Habits::thing("anything new");
const News network_news{new_network, network_weight}, client_news{new_client, client_weight},
    hours_news{new_hours, hours_weight, true};

// When in the week somebody works: four hours, of working days or of the weekend, by UTC.
std::string hours_of(TimeMs time) {
  constexpr TimeMs block_ms = 4 * hour_ms, monday = 4 * day_ms;  // 1970 began on a Thursday
  const bool weekend = (time - monday + 7 * day_ms) % (7 * day_ms) >= 5 * day_ms;
  const TimeMs block = time % day_ms / block_ms;
  return fmt::format("{:02}:00-{:02}:00 UTC{}", block * 4, block * 4 + 4, weekend ? ", weekend" : "");
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

bool is_new_network(const SequenceSignal& signal) {
  return signal.kind == SignalKind::context && signal.name.ends_with(new_network);
}

bool by_intelligence(const SequenceSignal& signal) {
  return signal.kind == SignalKind::finding && !signal.indicators.empty();
}

// A finding about one call tells what the call tells: together they count once. By hash.
std::uint64_t group_of(const SequenceSignal& signal) {
  if (is_finding(signal.kind) && signal.indicators.empty() && signal.severity < 7 && !signal.call.api.empty())
    return hash64(call_name(signal.call));
  return hash64(signal.name);
}

// Few values, each once.
template <class T>
class Few {
 public:
  // Whether it is new.
  bool insert(const T& value) {
    if (contains(value)) return false;
    values_.push_back(value);
    return true;
  }
  bool contains(const T& value) const { return std::ranges::find(values_, value) != values_.end(); }
  bool empty() const { return values_.empty(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }

 private:
  std::vector<T> values_;
};

// The family of a client: "aws-cli" of "aws-cli/2.15.0 Python/3.11".
std::string_view client_family(std::string_view user_agent) {
  if (user_agent.starts_with('[')) user_agent.remove_prefix(1);
  return user_agent.substr(0, user_agent.find_first_of("/ ]"));
}

// Of two deliveries of one record the one in the object of the smaller key.
void take_later(ProofRecord& known, const ProofRecord& other) {
  if (known.time == other.time && known.event_id == other.event_id ? other < known : known < other)
    known = other;
}

template <class T>
void insert_few(std::set<T>& values, const T& value) {
  values.insert(value);
  // The smallest stay, whatever the order.
  if (values.size() > values_max) values.erase(std::prev(values.end()));
}

template <class T>
void insert_few(std::set<T>& values, const std::set<T>& more) {
  for (const T& value : more) insert_few(values, value);
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

// Who somebody is and whom they are like, by hash.
struct Kin {
  std::uint64_t identity = 0;
  std::uint64_t person = 0;  // who signs in to many accounts by Identity Center, under one name
  std::uint64_t peers = 0;   // those with this permission set or role, in any account; 0 for none
  std::uint64_t circle = 0;  // people, or machines, who are elsewhere
};
Kin kin_of(const Identity& identity) {
  const std::string_view key = identity.who.principal_key;
  Kin kin{.identity = hash64(key), .person = hash64(key, 1), .circle = people};
  if (identity.who.user_type != "AssumedRole") return kin;
  constexpr std::string_view permission_set = "/AWSReservedSSO_";
  if (const auto at = key.find(permission_set); at != key.npos) {
    const std::size_t session = key.rfind('/');
    kin.person = hash64(key.substr(session + 1), 1);
    // "AWSReservedSSO_NAME_" and 16 digits that differ by account
    const std::string_view set = key.substr(at, session - at);
    kin.peers = hash64(set.substr(0, set.rfind('_')), 2);
  } else {
    kin.peers = hash64(key.substr(key.rfind('/') + 1), 2);
    kin.circle = machines;
  }
  return kin;
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

std::uint64_t window_of(const std::string& root, std::uint16_t detector, const std::string& anchor) {
  return hash64(root, hash64(anchor, detector));
}

}  // namespace

void SignalRow::merge(const SignalRow& other) {
  count += other.count;
  severity = std::max(severity, other.severity);
  insert_few(indicators, other.indicators);
  take_later(last, other.last);
  if (!(other.first < first)) return;
  first = other.first;
  call = other.call;
}

void RiskyCalls::add(const CloudTrailEvent& event, Caller& caller, std::uint16_t api,
                     const ProofRecord& record, std::uint32_t position) {
  const UserIdentity& identity = event.user_identity;
  if (identity.type == "AWSService" || through_service(identity)) return;
  const Outcome result = outcome(event);
  if (result == Outcome::failed) return;
  const std::string_view bucket = event.event_source == "s3.amazonaws.com"
                                      ? plain_member(event.request_parameters.text(), "bucketName")
                                      : std::string_view{};
  std::uint64_t hash = hash_mix(api, static_cast<std::uint64_t>(SignalRow::slot_of(event.event_time)));
  for (const std::string_view part :
       {identity.arn, identity.principal_id, identity.access_key_id, event.source_ip_address,
        event.user_agent, event.recipient_account_id, event.aws_region, bucket})
    hash = hash64(part, hash);
  hash = hash_mix(hash, static_cast<std::uint64_t>(result));
  const auto [at, fresh] = folded_.try_emplace(hash, nobody);
  if (!fresh) {
    if (at->second == nobody) return;
    Folded& folded = rows_[at->second];
    folded.positions.push_back(position);
    SignalRow& row = *folded.row;
    if (record < row.first) row.first = record;
    take_later(row.last, record);
    return;
  }
  const Principal& principal = caller.principal();
  if (principal.aws_service || principal.anonymous) return;
  at->second = static_cast<std::uint32_t>(rows_.size());
  Folded& folded = rows_.emplace_back(Boxed(SignalRow{}));
  folded.positions.push_back(position);
  SignalRow& row = *folded.row;
  row.kind = result == Outcome::denied ? SignalKind::refused_call : SignalKind::call;
  row.index = api;
  row.console = event.session_credential_from_console || event.user_agent.starts_with("console.");
  row.by = identity_of(event, principal);
  row.account = event.recipient_account_id.empty() ? identity.account_id : event.recipient_account_id;
  row.region = event.aws_region;
  row.call = {.api = std::string(listed_apis()[api].event_name),
              .service_name = std::string(event.event_source),
              .error_code = std::string(event.error_code),
              .user_agent = std::string(event.user_agent)};
  // The console's pages call from the address of whoever looks at them.
  if (event.source_ip && event.source_ip->is_public() && event.vpc_endpoint_id.empty() &&
      event.vpc_endpoint_account_id.empty())
    row.remote_ip = event.source_ip;
  row.bucket = bucket;
  row.first = row.last = record;
}

std::vector<RiskyCalls::Folded> RiskyCalls::take() {
  folded_.clear();
  for (Folded& folded : rows_) folded.kind = folded.row->kind_hash();
  return std::exchange(rows_, {});
}

int Weight::tactic_count() const { return std::popcount(tactics); }

namespace {
// Those of one record stand as their kinds and names do.
bool began_before(const SequenceSignal* a, const SequenceSignal* b) {
  if (a->first.time != b->first.time) return a->first.time < b->first.time;
  return std::tie(a->first, a->kind, a->name) < std::tie(b->first, b->kind, b->name);
}

// Beyond unusual: somebody else's address or key.
bool is_proof(const SequenceSignal& signal) {
  return by_intelligence(signal) || signal.name.contains("CredentialExfiltration") ||
         signal.name.contains("CompromisedCredentials");
}

bool harms(Tactic tactic) {
  return tactic == Tactic::impact || tactic == Tactic::exfiltration || tactic == Tactic::defense_evasion;
}

bool destroys(const SequenceSignal& signal, std::optional<Tactic> tactic) {
  return signal.kind == SignalKind::call && tactic && harms(*tactic) && signal.bits >= destruction_bits_min;
}

bool looks_around(const SequenceSignal& signal, std::optional<Tactic> tactic) {
  return signal.kind == SignalKind::call && tactic == Tactic::discovery && signal.bits >= lookup_bits_min;
}

// The most evidence of each of a few things, by hash.
class Most {
 public:
  void add(std::uint64_t thing, std::int32_t bits) {
    const auto at = std::ranges::find(most_, thing, &std::pair<std::uint64_t, std::int32_t>::first);
    if (at == most_.end()) {
      most_.emplace_back(thing, bits);
    } else {
      at->second = std::max(at->second, bits);
    }
  }
  std::int32_t sum() const {
    std::int32_t bits = 0;
    for (const auto& [thing, most] : most_) bits += most;
    return bits;
  }

 private:
  std::vector<std::pair<std::uint64_t, std::int32_t>> most_;
};

// The most first times within a burst; `times` in order.
std::uint32_t burst_of(std::span<const TimeMs> times) {
  std::size_t most = 0, begin = 0;
  for (std::size_t end = 0; end < times.size(); ++end) {
    while (times[end] - times[begin] > burst_ms) ++begin;
    most = std::max(most, end - begin + 1);
  }
  return static_cast<std::uint32_t>(most);
}

}  // namespace

void ActorEvidence::see_context(const SequenceSignal& signal) {
  // A client that colleagues use is nothing.
  std::int32_t* const most = signal.name == new_network  ? &network
                             : signal.name == new_client ? &client
                             : signal.name == new_hours  ? &hours
                             : is_new_network(signal)    ? &shared_network
                                                         : nullptr;
  if (most != nullptr) *most = std::max(*most, signal.bits);
}

std::int32_t ActorEvidence::score() const {
  const std::int32_t sixteenths =
      network_part * std::min(network, place_bits_max) +
      shared_network_part * std::min(shared_network, place_bits_max) +
      client_part * std::min(client, place_bits_max) + hours_part * std::min(hours, hours_bits_max) +
      refused_part * std::min(refused, refused_bits_max) +
      finding_part * std::min(findings, finding_bits_max) +
      discovery_part * std::min(discovery, discovery_bits_max) + advance_part * way;
  return sixteenths / 16 + (elsewhere ? elsewhere_bits : 0) + (destruction ? destruction_bits : 0) +
         static_cast<std::int32_t>(std::min(first_times, first_times_max)) * first_time_bits +
         static_cast<std::int32_t>(std::min(services, services_max)) * service_bits +
         static_cast<std::int32_t>(std::min(proofs, proofs_max)) * proof_bits;
}

std::vector<const ActorSignal*> by_time(std::span<const ActorSignal* const> signals) {
  std::vector<const ActorSignal*> ordered(signals.begin(), signals.end());
  if (!std::ranges::is_sorted(ordered, began_before)) std::ranges::stable_sort(ordered, began_before);
  return ordered;
}

ActorSignals ActorSignals::from_elsewhere(std::vector<const ActorSignal*>& room) const {
  Few<std::string_view> networks;
  for (const ActorSignal* signal : signals) {
    if (is_new_network(*signal)) networks.insert(signal->network);
  }
  ActorSignals moved = only(
      [&](const SequenceSignal& signal) {
        return signal.network.empty() || networks.contains(signal.network);
      },
      room);
  moved.elsewhere = !networks.empty();
  return moved;
}

Weight ActorSignals::weigh() const {
  Weight weight;
  ActorEvidence evidence;
  evidence.elsewhere = elsewhere;
  Most discoveries, refused, findings;
  Few<std::string_view> services, first_names, proofs;
  std::vector<TimeMs> first_times;
  Way way;
  for (const ActorSignal* signal : by_time(signals)) {
    const auto tactic = tactic_named(signal->tactic);
    if (tactic && way.advances(*tactic, signal->bits)) evidence.way += advance_of(signal->bits);
    if (tactic == Tactic::discovery) discoveries.add(group_of(*signal), signal->bits);
    if (is_refused(signal->kind)) refused.add(hash64(signal->name), signal->bits);
    if (signal->kind == SignalKind::context) evidence.see_context(*signal);
    if (signal->kind == SignalKind::finding) {
      findings.add(hash64(signal->name), signal->bits);
      if (is_proof(*signal) && signal->bits >= step_bits_min) proofs.insert(signal->name);
    }
    if (signal->kind != SignalKind::call) continue;
    if (looks_around(*signal, tactic)) services.insert(short_service(signal->call.service_name));
    evidence.destruction |= destroys(*signal, tactic);
    if (signal->first_time && first_names.insert(signal->name)) first_times.push_back(signal->first.time);
  }
  evidence.discovery = discoveries.sum();
  evidence.refused = refused.sum();
  evidence.findings = findings.sum();
  evidence.proofs = proofs.size();
  evidence.services = services.size();
  evidence.first_times = burst_of(first_times);
  weight.tactics = way.tactics();
  weight.score = evidence.score();
  // A list that knows the address knows it from the first day on.
  weight.bits_min = sequence_bits_min + (settled || evidence.proofs > 0 ? 0 : unsettled_bits);
  return weight;
}

void Outlook::add(const ActorSignal& signal) {
  const auto tactic = tactic_named(signal.tactic);
  const auto index = static_cast<std::size_t>(tactic.value_or(Tactic::execution));
  if (signal.bits >= step_bits_min) tactics_ |= 1U << index;
  advances_[index] = std::max(advances_[index], advance_of(signal.bits));
  if (tactic == Tactic::discovery) most_.discovery += signal.bits;
  if (is_refused(signal.kind)) most_.refused += signal.bits;
  if (signal.kind == SignalKind::context) most_.see_context(signal);
  if (signal.kind == SignalKind::finding) {
    most_.findings += signal.bits;
    if (is_proof(signal)) ++most_.proofs;
  }
  if (signal.kind != SignalKind::call) return;
  if (looks_around(signal, tactic)) ++most_.services;
  if (signal.first_time) ++most_.first_times;
  most_.destruction |= destroys(signal, tactic);
  destroys_objects_ |= signal.name.starts_with("s3:") && tactic == Tactic::impact;
}

bool Outlook::may_be_sequence() const {
  if (std::popcount(tactics_) < tactics_of_harm_min) return false;
  ActorEvidence most = most_;
  most.way = std::accumulate(advances_.begin(), advances_.end(), 0);
  most.elsewhere = most.network > 0 || most.shared_network > 0;
  return most.score() >= sequence_bits_min;
}

std::optional<Weight> sequence_in(const ActorSignals& actor) {
  std::vector<const ActorSignal*> room;
  std::optional<Weight> found;
  const ActorSignals elsewhere = actor.from_elsewhere(room);
  for (const ActorSignals* view : {&actor, &elsewhere}) {
    if (view == &elsewhere && !elsewhere.elsewhere) break;
    const Weight weight = view->weigh();
    const bool harmful =
        weight.has(Tactic::exfiltration) || weight.has(Tactic::impact) || weight.has(Tactic::defense_evasion);
    if (weight.score >= weight.bits_min &&
        weight.tactic_count() >= (harmful ? tactics_of_harm_min : tactics_min) &&
        (!found || found->score < weight.score))
      found = weight;
  }
  return found;
}

Evidence severe(const Weight& weight) {
  constexpr std::int32_t bits_per_tenth = bit;
  const std::int32_t tenths = std::clamp((weight.score - weight.bits_min) / bits_per_tenth, 0, 10);
  Evidence evidence{};
  evidence.severity = (90 + tenths) / 10.0;
  return evidence;
}

void mark_advances(std::span<SequenceSignal> signals) {
  Way way;
  for (SequenceSignal& signal : signals) {
    const auto tactic = tactic_named(signal.tactic);
    signal.advances = tactic && way.advances(*tactic, signal.bits);
  }
}

Sequences::Sequences(std::span<const Detector* const> detectors) : detectors_(detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    if (detectors[i]->logic.sequence != nullptr) judges_.push_back(static_cast<std::uint16_t>(i));
  }
}

std::uint64_t SignalRow::kind_hash() const {
  std::uint64_t hash = hash_mix(static_cast<std::uint64_t>(kind), index * 256U + type);
  for (const std::string_view part :
       {std::string_view(by.who.principal_key), std::string_view(by.workload),
        std::string_view(by.who.access_key_id), std::string_view(account), std::string_view(region),
        std::string_view(bucket), std::string_view(call.user_agent)})
    hash = hash64(part, hash);
  return remote_ip ? hash64(remote_ip->to_string(), hash) : hash;
}

void Sequences::add(Boxed<SignalRow> row, std::uint64_t kind) {
  const TimeMs slot = SignalRow::slot_of(row->first.time);
  add(std::move(row), kind, slot);
}

void Sequences::add(Boxed<SignalRow> row, std::uint64_t kind, TimeMs slot) {
  Boxed<SignalRow>& known = waiting_[std::max(slot, judged_)][kind];
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
  row.by = identity_of(*key);
  row.account = detection.subject.account;
  row.region = detection.subject.region;
  row.call = detection.subject.api_call.value_or(ApiCall{});
  row.remote_ip = detection.subject.remote_ip;
  if (!detection.subject.buckets.empty()) row.bucket = detection.subject.buckets.front().name;
  row.severity = detection.severity;
  for (const IntelEvidence& hit : detection.intel) insert_few(row.indicators, hit.category);
  row.count = detection.count;
  row.first = detection.first;
  row.last = detection.last;
  const std::uint64_t kind = row.kind_hash();
  const TimeMs slot = SignalRow::slot_of(at.value_or(row.first.time));
  add(std::move(made), kind, slot);
}

void Sequences::keep(Actor& actor, ActorSignal&& signal, std::uint64_t key) {
  actor.last = std::max(actor.last, signal.last.time);
  actor.oldest = std::min(actor.oldest, signal.last.time);
  // What is not taken is not moved.
  const auto [at, fresh] = actor.signals.try_emplace(key, std::move(signal));
  ActorSignal& known = at->second;
  if (fresh || signal.bits > known.bits) actor.outlook.add(fresh ? known : signal);
  if (!fresh) {
    known.bits = std::max(known.bits, signal.bits);
    known.severity = std::max(known.severity, signal.severity);
    known.count += signal.count;
    known.first_time |= signal.first_time;
    take_later(known.last, signal.last);
    if (signal.first < known.first) {
      known.first = signal.first;
      known.call = signal.call;
      known.region = signal.region;
    }
    insert_few(known.actors, signal.actors);
    insert_few(known.accounts, signal.accounts);
    insert_few(known.buckets, signal.buckets);
    insert_few(known.indicators, signal.indicators);
    insert_few(known.addresses, signal.addresses);
  } else if (actor.signals.size() > signals_max) {
    const auto weakest = std::ranges::min_element(actor.signals, [](const auto& a, const auto& b) {
      return std::tie(a.second.bits, a.second.first, a.first) <
             std::tie(b.second.bits, b.second.first, b.first);
    });
    actor.signals.erase(weakest);
    actor.oldest = std::numeric_limits<TimeMs>::min();
    ++evicted_.signals;
  }
  actor.changed = true;
}

void Sequences::Actor::look_again() {
  outlook = {};
  oldest = std::numeric_limits<TimeMs>::max();
  for (const auto& [key, signal] : signals) {
    outlook.add(signal);
    oldest = std::min(oldest, signal.last.time);
  }
}

// What is older than a day takes no part, nor do identities that did nothing since.
void Sequences::expire(Actor& actor, TimeMs now) {
  if (actor.oldest >= now - window_ms) return;
  std::erase_if(actor.signals, [&](const auto& item) { return item.second.last.time < now - window_ms; });
  std::erase_if(actor.identities, [&](const auto& identity) {
    return std::ranges::none_of(
        actor.signals, [&](const auto& item) { return item.second.actors.contains(identity.first); });
  });
  actor.look_again();
}

void Sequences::judge(SignalRow& row, const Identity& root, const std::string& root_id, const Facts& facts) {
  const TimeMs now = row.first.time;
  for (Habits* habits : {&habits_, &places_}) habits->begin_day(static_cast<std::int32_t>(now / day_ms));
  const Kin kin = kin_of(row.by);
  const Habits::Circles self = circles_of(kin, row.account), person{kin.person, {kin.circle}};

  const bool call = is_call(row.kind);
  const FindingType* const type = call ? nullptr : &detectors_[row.index]->types[row.type];
  const Named named = call ? named_apis()[row.index] : Named(type->name);
  const Tactic tactic = call ? listed_apis()[row.index].of.tactic
                             : tactic_of_id(type->mitre.tactic).value_or(Tactic::execution);
  const unsigned weight = call ? listed_apis()[row.index].of.weight_bits
                               : weight_of_finding(row.severity, row.kind == SignalKind::refused_finding);
  const Habits::Thing thing = is_refused(row.kind) ? named.refused : named.done;
  const Habits::Thing novelty = novelty_of(tactic, is_refused(row.kind));
  std::int32_t bits = habits_.bits(self, thing, weight, novelty);
  // A page of the console looks up many things that nobody asked for.
  if (call && row.console && tactic == Tactic::discovery) bits /= 2;

  std::vector<ActorSignal> context;
  const auto note_new = [&](const News& news, std::string_view value) {
    const Habits::Thing seen = Habits::thing(value);
    const std::uint32_t days = places_.days(kin.person);
    if (places_.days(kin.person, seen) == 0 && !places_.today(kin.person, seen)) {
      const bool known = !news.personal && places_.days(kin.circle, seen) >= shared_days_min;
      // A machine that always was in one place does not go where its colleagues are.
      const bool shared = known && (places_.days(kin.person, news.moved) > 0 || days < settled_days_min);
      // Of somebody new it matters whether anybody was there before.
      const bool too_early = days < days_min && (known || !places_.settled(kin.circle));
      const Habits::Thing change = shared ? news.shared : news.fresh;
      ActorSignal made;
      made.kind = SignalKind::context;
      made.name = fmt::format("{}{}", shared ? "colleagues' " : "", news.name);
      made.tactic = name_of(Tactic::initial_access);
      made.technique = "T1078.004";  // Valid Accounts: Cloud Accounts
      made.bits =
          places_.bits(person, change, shared ? 0 : news.weight, any_news) - (shared ? shared_bits : 0);
      made.indicators.emplace(value);
      if (made.bits > 0 && !too_early) context.push_back(std::move(made));
      if (!too_early) places_.note(person, change, any_news);
      if (days > 0) places_.note(person, news.moved, any_news);
    }
    places_.note(person, seen, any_news);
  };
  if (call && !row.call.user_agent.empty()) note_new(hours_news, hours_of(now));
  std::string network;
  if (row.remote_ip) {
    const auto place = facts.place(*row.remote_ip);
    network = place && place->asn != 0 ? fmt::format("AS{}", place->asn) : neighbourhood_of(*row.remote_ip);
    if (call && !row.call.user_agent.empty()) {
      note_new(network_news, network);
      note_new(client_news, client_family(row.call.user_agent));
    }
  }
  // What is usual in the account may still be a step of an intruder who never did it before.
  const bool first_time = habits_.days(kin.identity, thing) == 0;
  habits_.note(self, thing, novelty);
  if (bits == 0 && !first_time && context.empty()) return;

  Actor& actor = actors_[root_id];
  if (actor.open.empty()) expire(actor, now);
  if (actor.signals.empty()) actor.who = root.who;
  const std::string id = row.by.id();
  const auto key_of = [&](SignalKind kind, std::string_view name, std::string_view more) {
    std::uint64_t key = static_cast<std::uint64_t>(kind);
    for (const std::string_view part :
         {name, std::string_view(id), std::string_view(row.account), std::string_view(network), more})
      key = hash64(part, key);
    return key;
  };
  if (actor.identities.size() < values_max && !actor.identities.contains(id))
    actor.identities.try_emplace(id, SequenceActor{row.by.who, row.account});
  for (ActorSignal& one : context) {
    one.network = network;
    const std::uint64_t key = key_of(one.kind, one.name, *one.indicators.begin());
    one.count = 1;
    one.call = row.call;
    one.region = row.region;
    one.first = one.last = row.first;
    one.actors.insert(id);
    one.accounts.insert(row.account);
    if (row.remote_ip) one.addresses.insert(*row.remote_ip);
    keep(actor, std::move(one), key);
  }
  if (bits > 0 || first_time) {
    const std::uint64_t key = key_of(row.kind, named.name, {});
    ActorSignal signal;
    signal.first_time = first_time;
    signal.kind = row.kind;
    signal.name = named.name;
    signal.tactic = name_of(tactic);
    if (type != nullptr) signal.technique = type->mitre.technique;
    signal.bits = bits;
    signal.network = std::move(network);
    // The row is not looked at again.
    signal.severity = row.severity;
    signal.count = row.count;
    signal.call = std::move(row.call);
    signal.region = std::move(row.region);
    signal.first = std::move(row.first);
    signal.last = std::move(row.last);
    signal.actors.insert(id);
    signal.accounts.insert(std::move(row.account));
    if (!row.bucket.empty()) signal.buckets.insert(std::move(row.bucket));
    if (row.remote_ip) signal.addresses.insert(*row.remote_ip);
    signal.indicators = std::move(row.indicators);
    keep(actor, std::move(signal), key);
  }
  consider(actor, now);
  if (actor.open.empty()) return;
  habits_.forget_today(kin.identity);
  places_.forget_today(kin.person);
}

ActorSignals Sequences::view_of(const Actor& actor, TimeMs since,
                                std::vector<const ActorSignal*>& room) const {
  room.clear();
  bool settled = true;
  std::string_view account;
  for (const auto& [key, signal] : actor.signals) {
    if (signal.last.time < since) continue;
    room.push_back(&signal);
    for (const std::string& of : signal.accounts) {
      if (of != account) settled = settled && habits_.settled(account_of(account = of));
    }
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
    const SequenceSignal& anchor = **std::ranges::min_element(view->signals, began_before);
    open.anchor = anchor.first.event_id.empty()
                      ? fmt::format("{}/{}", anchor.first.object, anchor.first.position)
                      : anchor.first.event_id;
    open.account = *anchor.accounts.begin();
    open.region = anchor.region;
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
        view.only([&](const SequenceSignal& signal) { return group_of(signal) != group_of(*one); }, room);
    if (names.size() < told_max && !detectors_[detector]->logic.sequence(rest)) names.insert(one->name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

Activity Sequences::activity_of(const std::string& root, const Actor& actor, std::uint16_t detector,
                                const Open& open) const {
  std::vector<const ActorSignal*> room;
  const ActorSignals view = view_of(actor, 0, room);
  const Weight weight = sequence_in(view).value_or(view.weigh());
  Sequence sequence{.root = root, .raised = open.raised, .score = weight.score};
  for (const SequenceSignal* signal : by_time(view.signals)) sequence.signals.push_back(*signal);
  sequence.actors = actor.identities;
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
  for (const SequenceSignal& signal : sequence.signals) {
    tactics.insert(signal.tactic);
    buckets.insert(signal.buckets.begin(), signal.buckets.end());
    for (const ProofRecord* record : {&signal.first, &signal.last}) activity.proof.add(*record);
    if (chain.empty() || signal.first < activity.first) activity.first = signal.first;
    if (chain.empty() || activity.last < signal.last) activity.last = signal.last;
    activity.count += signal.count;
    const bool context = signal.kind == SignalKind::context;
    chain.push_back(
        fmt::format("{} {}{} ({}, {}{})", format_time(signal.first.time),
                    context ? "new " + signal.name + ' ' + *signal.indicators.begin() : signal.name,
                    is_refused(signal.kind) ? " refused" : "", signal.tactic, text_of_bits(signal.bits),
                    signal.advances ? ", new tactic" : ""));
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
    out.settled.push_back(window_of(root, detector, open.anchor));
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
          {window_of(root, detector, open.anchor), activity_of(root, actor, detector, open)});
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
      const Identity& root = lineage_.root_of(row.by, row.first.time);
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

void Sequences::save(Writer& out) const {
  out(lineage_, habits_, places_, waiting_, actors_, judged_, evicted_);
}

void Sequences::load(Reader& in) {
  in(lineage_, habits_, places_, waiting_, actors_, judged_, evicted_);
  waiting_rows_ = 0;
  for (const auto& [slot, kinds] : waiting_) {
    for (const auto& [kind, row] : kinds) {
      if (!row || (is_call(row->kind) ? row->index >= listed_apis().size()
                                      : row->index >= detectors_.size() ||
                                            row->type >= detectors_[row->index]->types.size()))
        return in.fail();
    }
    waiting_rows_ += kinds.size();
  }
  for (auto& [root, actor] : actors_) {
    actor.look_again();
    for (const auto& [detector, open] : actor.open) {
      if (detector >= detectors_.size() || detectors_[detector]->logic.sequence == nullptr) return in.fail();
    }
  }
}

}  // namespace picket
