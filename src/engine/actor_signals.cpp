#include "engine/actor_signals.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "base/hash.h"

namespace picket {

namespace {

constexpr std::int32_t bit = 256;
constexpr std::int32_t advance_bits = 4 * bit;  // at most, a new tactic on the way to the goal
constexpr std::int32_t advance_of(std::int32_t bits) { return std::min(advance_bits, bits / 2); }

// How the evidence of a day adds up: a logistic regression over days of actors, honest and robbed, of
// tools/simulate (seeds dev, tune-a, tune-b) and tools/attack_chains.py (seeds 1, 5, 11), in 1/16. Each of
// the six sets was told by the weights of the other five. What calls are worth one by one had no say beside
// these: whoever starts on something new makes many. Where somebody is and when, refusals, findings and haste
// tell. The hours were given half of what they got: intruders keep to no hours there.
constexpr std::int32_t network_part = 12, shared_network_part = 13, client_part = 6, hours_part = 12,
                       refused_part = 5, finding_part = 8, discovery_part = 4, advance_part = 3;
// Findings about what was done from where somebody never was. Measured since, on those seeds and tune-d: 137
// of 160 chains instead of 134, 1 false in 1,200 account-days; for findings anywhere 144, but 7 false.
constexpr std::int32_t finding_elsewhere_part = 14;
constexpr std::int32_t elsewhere_bits = 460, first_time_bits = 107, service_bits = 139,
                       destruction_bits = 200;
// Of each at most so much evidence.
constexpr std::int32_t place_bits_max = 8 * bit, hours_bits_max = 4 * bit, refused_bits_max = 16 * bit,
                       finding_bits_max = 16 * bit, discovery_bits_max = 10 * bit;
// Calls whose parameters are grave (call_aim.h) count as findings do. Not fitted: honest people of
// tools/simulate hardly ever make one, so that a fit would take them for proof.
constexpr std::int32_t grave_part = finding_part, grave_bits_max = finding_bits_max;
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
// One act from a new place is a finding of its own, and no sequence.
constexpr std::uint32_t acts_min = 2;

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

bool is_new_network(const ActorSignal& signal) {
  return signal.kind == SignalKind::context && signal.name.ends_with(new_network);
}

bool by_intelligence(const ActorSignal& signal) {
  return signal.kind == SignalKind::finding && !signal.finding->indicators.empty();
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

// What was done: a finding about a call is that call, however grave. One call is no sequence.
std::uint64_t act_of(const ActorSignal& signal) {
  return signal.finding && !signal.finding->call.api.empty() ? hash64(call_name(signal.finding->call))
                                                             : hash64(signal.name);
}

}  // namespace

std::uint64_t group_of(const ActorSignal& signal) {
  const bool of_its_own =
      signal.finding && !(signal.finding->indicators.empty() && signal.finding->severity < 7);
  return of_its_own ? hash64(signal.name) : act_of(signal);
}

std::string_view ActorSignal::api() const {
  return finding ? std::string_view(finding->call.api) : listed_apis()[index].event_name;
}
std::string_view ActorSignal::service_name() const {
  return finding ? std::string_view(finding->call.service_name) : listed_apis()[index].event_source;
}

int Weight::tactic_count() const { return std::popcount(tactics); }

// Those of one record stand as their kinds and names do.
bool began_before(const ActorSignal* a, const ActorSignal* b) {
  if (a->first.time != b->first.time) return a->first.time < b->first.time;
  return std::tie(a->first, a->kind, a->name) < std::tie(b->first, b->kind, b->name);
}

namespace {

// Beyond unusual: somebody else's address or key.
bool is_proof(const ActorSignal& signal) {
  return by_intelligence(signal) || signal.name.contains("CredentialExfiltration") ||
         signal.name.contains("CompromisedCredentials");
}

bool harms(Tactic tactic) {
  return tactic == Tactic::impact || tactic == Tactic::exfiltration || tactic == Tactic::defense_evasion;
}

bool destroys(const ActorSignal& signal) {
  return signal.kind == SignalKind::call && harms(signal.tactic) && signal.bits >= destruction_bits_min;
}

bool looks_around(const ActorSignal& signal) {
  return signal.kind == SignalKind::call && signal.tactic == Tactic::discovery &&
         signal.bits >= lookup_bits_min;
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

void ActorEvidence::see_context(const ActorSignal& signal) {
  // A client that colleagues use is nothing.
  std::int32_t* const most = signal.name == new_network  ? &network
                             : signal.name == new_client ? &client
                             : signal.name == new_hours  ? &hours
                             : is_new_network(signal)    ? &shared_network
                                                         : nullptr;
  if (most != nullptr) *most = std::max(*most, signal.bits);
}

std::int32_t ActorEvidence::score() const {
  const std::int32_t there = std::min(findings_elsewhere, finding_bits_max);
  const std::int32_t sixteenths =
      network_part * std::min(network, place_bits_max) +
      shared_network_part * std::min(shared_network, place_bits_max) +
      client_part * std::min(client, place_bits_max) + hours_part * std::min(hours, hours_bits_max) +
      refused_part * std::min(refused, refused_bits_max) + finding_elsewhere_part * there +
      finding_part * std::min(findings, finding_bits_max - there) +
      grave_part * std::min(grave, grave_bits_max) +
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
      [&](const ActorSignal& signal) { return signal.network.empty() || networks.contains(signal.network); },
      room);
  moved.elsewhere = !networks.empty();
  return moved;
}

Weight ActorSignals::weigh() const {
  Weight weight;
  ActorEvidence evidence;
  evidence.elsewhere = elsewhere;
  Most discoveries, refused, findings, findings_elsewhere, grave;
  Few<std::string_view> services, first_names, proofs;
  Few<std::uint64_t> acts;
  std::vector<TimeMs> first_times;
  Few<std::string_view> new_networks;
  for (const ActorSignal* signal : signals) {
    if (signal->kind == SignalKind::context && signal->name == new_network)
      new_networks.insert(signal->network);
  }
  Way way;
  for (const ActorSignal* signal : by_time(signals)) {
    if (way.advances(signal->tactic, signal->bits)) evidence.way += advance_of(signal->bits);
    if (signal->tactic == Tactic::discovery) discoveries.add(group_of(*signal), signal->bits);
    if (is_refused(signal->kind)) refused.add(hash64(signal->name), signal->bits);
    if (signal->kind == SignalKind::context) {
      evidence.see_context(*signal);
    } else if (signal->bits >= step_bits_min) {
      acts.insert(act_of(*signal));
    }
    if (signal->kind == SignalKind::finding) {
      (new_networks.contains(signal->network) ? findings_elsewhere : findings)
          .add(hash64(signal->name), signal->bits);
      if (is_proof(*signal) && signal->bits >= step_bits_min) proofs.insert(signal->name);
    }
    if (signal->kind != SignalKind::call) continue;
    if (looks_around(*signal)) services.insert(short_service(signal->service_name()));
    evidence.destruction |= destroys(*signal);
    if (is_grave(signal->aim)) grave.add(group_of(*signal), signal->bits);
    if (signal->first_time && first_names.insert(signal->name)) first_times.push_back(signal->first.time);
  }
  evidence.discovery = discoveries.sum();
  evidence.refused = refused.sum();
  evidence.findings = findings.sum();
  evidence.findings_elsewhere = findings_elsewhere.sum();
  evidence.grave = grave.sum();
  evidence.proofs = proofs.size();
  evidence.services = services.size();
  evidence.first_times = burst_of(first_times);
  weight.tactics = way.tactics();
  weight.acts = acts.size();
  weight.score = evidence.score();
  // A list that knows the address knows it from the first day on.
  weight.bits_min = sequence_bits_min + (settled || evidence.proofs > 0 ? 0 : unsettled_bits);
  return weight;
}

void Outlook::add(const ActorSignal& signal) {
  const auto index = static_cast<std::size_t>(signal.tactic);
  if (signal.bits >= step_bits_min) tactics_ |= 1U << index;
  advances_[index] = std::max(advances_[index], advance_of(signal.bits));
  if (signal.tactic == Tactic::discovery) most_.discovery += signal.bits;
  if (is_refused(signal.kind)) most_.refused += signal.bits;
  if (signal.kind == SignalKind::context) most_.see_context(signal);
  if (signal.kind == SignalKind::finding) {
    most_.findings += signal.bits;
    if (is_proof(signal)) ++most_.proofs;
    escalates_ |= signal.tactic == Tactic::privilege_escalation;
  }
  if (signal.kind != SignalKind::call) return;
  if (looks_around(signal)) ++most_.services;
  if (signal.first_time) ++most_.first_times;
  most_.destruction |= destroys(signal);
  if (is_grave(signal.aim)) most_.grave += signal.bits;
  destroys_objects_ |= signal.name.starts_with("s3:") && signal.tactic == Tactic::impact;
}

bool Outlook::may_be_sequence() const {
  if (std::popcount(tactics_) < tactics_of_harm_min) return false;
  ActorEvidence most = most_;
  most.way = std::accumulate(advances_.begin(), advances_.end(), 0);
  most.elsewhere = most.network > 0 || most.shared_network > 0;
  if (most.network > 0) std::swap(most.findings, most.findings_elsewhere);
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
    if (weight.score >= weight.bits_min && weight.acts >= acts_min &&
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

}  // namespace picket
