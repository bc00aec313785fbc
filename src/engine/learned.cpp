#include "engine/learned.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/fixed_log2.h"

namespace picket {

namespace {

constexpr std::int32_t bit = 256;
// However new a service is to somebody, it may be a new task. Measured with tools/simulate, as are the
// others: above, whoever takes up a new service looks like an intruder.
constexpr std::int32_t calls_bits_max = 12 * bit;
// However rare a place or a client is, it is one circumstance.
constexpr std::int32_t context_bits_max = 10 * bit;
// Without geography a network is the neighbourhood of its address (learner.cpp), of which a provider has
// many: at 10 bits 0.24 and 0.26 false alarms an account-day on seeds dev and tune-a without it, at 5 bits
// 0.14 and 0.20, and three of 284 sessions fewer.
constexpr std::string_view neighbourhood = "near ";
constexpr std::int32_t neighbourhood_bits_max = 5 * bit;
// A network that nobody had is worth ten bits by itself, and a traveller's; with a client that is as new for
// whom it is used by, it is somebody else.
constexpr std::int32_t stranger_bits_min = 16 * bit;

struct Limits {
  // What calls and their risk count for, in quarters, beside circumstances.
  std::int32_t calls_part;
  // A call is evidence for what it serves when it is this unusual: less rare ones are anybody's.
  std::int32_t risky_min;
  // From there on an incident is anomalous.
  std::int32_t total_min;
  // Without any call that serves a tactic: circumstances alone.
  std::int32_t context_alone_min;
};
// Where the curve of recall over false alarms bends on seeds "dev", "tune-a" and "tune-b" of the simulation.
// AWS: 90 % of the sessions at 0.09 false alarms an account-day (12 bits: 92 % at 0.22; 14
// bits: 86 % at 0.06). A logistic regression over the incidents, each seed told by the other two, weighs
// calls and their risk at two thirds of circumstances and gives nothing for what is worked on, nor for risks
// beside the greatest: honest people who take up something new do it from where they always are. Somebody's
// first use of a model that nobody used comes to 15.5 bits by itself. Clusters, whose users do less: 22 of 25
// at none in 120 cluster-days, the most unusual honest one at 10.
constexpr Limits of_accounts{3, 5 * bit, 13 * bit, 12 * bit}, of_models{3, 5 * bit, 16 * bit, 12 * bit},
    of_clusters{4, 3 * bit, 12 * bit, 10 * bit};

const Limits& limits_of(Domain domain) {
  return domain == Domain::cluster ? of_clusters : domain == Domain::model ? of_models : of_accounts;
}

}  // namespace

PackedBehaviour::PackedBehaviour(const Behaviour& whole) : first_(whole.first), tuple_(whole.tuple) {
  thread_local std::string room;
  room.clear();
  Writer{room}(whole);
  packed_ = room;  // a copy without the room that growing left
}

Behaviour PackedBehaviour::whole() const {
  Behaviour whole;
  Reader{packed_}(whole);
  return whole;
}

IncidentScore weigh(const Incident& incident) {
  const Limits& limits = limits_of(incident.domain);
  IncidentScore score;
  std::set<std::pair<std::string_view, bool>> apis;
  std::map<std::string_view, std::int32_t> services;
  std::array<std::int32_t, factor_count> context{};
  std::uint64_t seen = incident.usual, fresh = 0;
  std::int32_t riskiest = -1, most_named = -1;
  std::size_t named = 0;
  for (std::size_t i = 0; i < incident.behaviours.size(); ++i) {
    const JudgedBehaviour& one = incident.behaviours[i];
    for (std::size_t f = 0; f < factor_count; ++f) {
      std::int32_t bits = one.bits[f].total();
      if (static_cast<Factor>(f) == Factor::network && one.texts[f].starts_with(neighbourhood))
        bits = std::min(bits, neighbourhood_bits_max);
      context[f] = std::max(context[f], bits);
    }
    // Of a cluster, what was refused raises nothing and does not stand for what was not.
    const bool raises = incident.domain != Domain::cluster || one.what.type;
    if (!apis.emplace(one.text(Factor::api), raises).second) continue;
    const FactorBits& api = one.of(Factor::api);
    // News comes in bursts: what begins something new is paid for once, what follows by how much of this
    // hour is new.
    std::int32_t own = api.own;
    if (!api.seen && fresh > 0) own = std::clamp(log2_256(seen + 1) - log2_256(fresh + 1), 0, own);
    ++seen;
    if (!api.seen) ++fresh;
    const std::int32_t calls = own + api.others();
    // A service that is new has only APIs that are new: the most unusual stands for it.
    std::int32_t& service = services[one.text(Factor::service)];
    service = std::max(service, calls);
    std::int32_t risk = one.tactic.weight_bits * bit;
    if (one.refused()) risk /= 2;
    // It adds nothing; but what a stranger does in earnest is told (is_anomalous), and this is no look.
    if (one.what.aim.aim == Aim::harmless) risk = 4;
    // Of objects it is the bucket that makes a call one's own.
    const std::int32_t unusual =
        std::max(api.total(), incident.domain == Domain::object ? one.of(Factor::resource).total() : 0);
    const bool risky = unusual >= limits.risky_min;
    // The riskiest call alone: an intruder's hour has one aim, who changes much of many kinds is at work.
    if (risky) score.risk = std::max(score.risk, risk * limits.calls_part / 4);
    // The riskiest call, of equal ones the most unusual.
    const std::int32_t weight = (risky ? risk * 16 : 0) + unusual;
    if (weight > riskiest) {
      riskiest = weight;
      score.primary = i;
    }
    if (raises && weight > most_named) {
      most_named = weight;
      named = i;
    }
  }
  // One habit, one intention: each further one counts half.
  const auto halving = [](std::vector<std::int32_t> list) {
    constexpr std::size_t counted_max = 8;
    std::ranges::sort(list, std::greater());
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < std::min(list.size(), counted_max); ++i) sum += list[i] >> i;
    return sum;
  };
  std::vector<std::int32_t> by_service;
  for (const auto& [service, bits] : services) by_service.push_back(bits);
  score.calls = std::min(halving(by_service), calls_bits_max) * limits.calls_part / 4;
  // Countries follow from networks, resources from calls.
  const auto most = [&](Factor factor) { return context[static_cast<std::size_t>(factor)]; };
  for (const std::int32_t bits :
       {std::max(most(Factor::network), most(Factor::country)), most(Factor::client), most(Factor::region),
        most(Factor::credential), most(Factor::error)})
    score.context += std::min(bits, context_bits_max);
  // Of a cluster, which has few users, a new one is news, where it comes from elsewhere too: a new colleague
  // sits where the others do.
  if (incident.domain == Domain::cluster)
    score.context += std::min({most(Factor::user), most(Factor::network), context_bits_max});
  // What is worked on is new every day, but whose objects are read and what a container is made of.
  if (incident.domain != Domain::api) score.context += std::min(most(Factor::resource), context_bits_max) / 2;
  // Where everything about the caller is new, what it does need not be to tell.
  if (incident.domain == Domain::cluster && most_named >= 0 && score.context >= stranger_bits_min &&
      !incident.behaviours[score.primary].what.type)
    score.primary = named;
  return score;
}

std::int32_t threshold_of(Domain domain) { return limits_of(domain).total_min; }

bool is_anomalous(const Incident& incident, const IncidentScore& score) {
  const Limits& limits = limits_of(incident.domain);
  return score.total() >= limits.total_min && (score.risk > 0 || score.context >= limits.context_alone_min);
}

}  // namespace picket
