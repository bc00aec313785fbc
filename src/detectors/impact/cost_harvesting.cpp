#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

// An hour's use that costs somebody: two million tokens are 30 to 150 US dollars of a large model's output
// (list prices of 2026); where the log has no tokens, as many calls. AWS publishes no figures.
constexpr std::uint64_t tokens_min = 2'000'000, invocations_min = 500;
// Above what a growing workload does from one day to the next.
constexpr std::uint64_t growth_min = 5;
// GuardDuty: a volume alone is not enough. What never used models before has to show two signs.
constexpr std::size_t signs_min = 1, signs_of_new_min = 2;
constexpr std::size_t models_many = 3, refusals_many = 3;

// Model invocations of a principal in an hour, by record.
class ModelUse {
 public:
  static bool select(const CloudTrailEvent& call) { return !through_service(call.user_identity); }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }

  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const auto tokens = [&](std::string_view name) {
      const auto text = call.additional_event_data.find(name);
      std::uint64_t number = 0;
      for (const char digit : text.value_or("")) {
        if (digit < '0' || digit > '9' || number > most_tokens) return std::uint64_t{0};
        number = number * 10 + static_cast<std::uint64_t>(digit - '0');
      }
      return number;
    };
    const std::uint64_t id = hash64(call.event_id.empty() ? call.request_id : call.event_id);
    invocations_.try_emplace(
        id, Invocation{tokens("inputTokens"), tokens("outputTokens"), outcome(call) == Outcome::denied});
    keep_smallest(invocations_, invocations_max);
    for (const std::string_view member : {"modelId", "endpointName"}) {
      if (const auto name = call.request_parameters.find(member)) insert(models_, *name);
    }
    insert(clients_, std::string(call.user_agent.substr(0, call.user_agent.find('/'))));
    const std::string_view ip = call.source_ip_address;
    insert(networks_, std::string(ip.substr(0, ip.find_last_of(".:"))));
    if (subject_.account.empty() || record < first_) first_ = record;
    if (subject_.account.empty() || last_ < record) {
      last_ = record;
      subject_ = subject_of(call, ResourceKind::access_key);
    }
  }

  void merge(const ModelUse& other) {
    if (other.subject_.account.empty()) return;
    invocations_.insert(other.invocations_.begin(), other.invocations_.end());
    keep_smallest(invocations_, invocations_max);
    for (const auto& [into, from] :
         {std::pair{&models_, &other.models_}, std::pair{&clients_, &other.clients_},
          std::pair{&networks_, &other.networks_}}) {
      for (const std::string& value : *from) insert(*into, value);
    }
    const bool empty = subject_.account.empty();
    if (empty || other.first_ < first_) first_ = other.first_;
    if (empty || last_ < other.last_) {
      last_ = other.last_;
      subject_ = other.subject_;
    }
  }

  struct Volume {
    std::uint64_t invocations = 0, input = 0, output = 0, refused = 0;
    std::uint64_t tokens() const { return input + output; }
  };
  // Of more invocations than are kept, those of the smallest hashes stand for all.
  Volume volume() const {
    Volume volume{.invocations = invocations_.size()};
    for (const auto& [id, one] : invocations_) {
      volume.input += one.input;
      volume.output += one.output;
      volume.refused += one.refused ? 1 : 0;
    }
    if (invocations_.size() < invocations_max) return volume;
    const std::uint64_t all =
        (invocations_max << 32U) / std::max<std::uint64_t>(1, invocations_.rbegin()->first >> 32U);
    for (std::uint64_t* sum : {&volume.input, &volume.output, &volume.refused})
      *sum = *sum / invocations_max * all;
    volume.invocations = all;
    return volume;
  }

  struct Baseline {
    std::uint64_t most_tokens = 0, most_invocations = 0, windows = 0;
    std::set<std::string> models, clients, networks;
    void fold(const ModelUse& window) {
      const Volume volume = window.volume();
      most_tokens = std::max(most_tokens, volume.tokens());
      most_invocations = std::max(most_invocations, volume.invocations);
      ++windows;
      for (const std::string& value : window.models_) insert(models, value);
      for (const std::string& value : window.clients_) insert(clients, value);
      for (const std::string& value : window.networks_) insert(networks, value);
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(most_tokens, most_invocations, windows, models, clients, networks);
    }
  };

  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    const Volume volume = this->volume();
    const bool many_tokens =
        volume.tokens() >= tokens_min && volume.tokens() > growth_min * before.most_tokens;
    const bool many_calls =
        volume.invocations >= invocations_min && volume.invocations > growth_min * before.most_invocations;
    if (!many_tokens && !many_calls) return;
    std::vector<std::string> signs;
    const auto differs = [&](std::string_view what, const std::set<std::string>& now,
                             const std::set<std::string>& known) {
      if (before.windows > 0 && !std::ranges::includes(known, now)) signs.emplace_back(what);
    };
    differs("another model", models_, before.models);
    differs("another client", clients_, before.clients);
    differs("another network", networks_, before.networks);
    if (before.windows == 0) signs.emplace_back("never used models before");
    if (models_.size() >= models_many) signs.emplace_back("several models");
    if (volume.refused >= refusals_many) signs.emplace_back("refused invocations");
    if (signs.size() < (before.windows == 0 ? signs_of_new_min : signs_min)) return;
    std::string told, models;
    for (const std::string& sign : signs) told += (told.empty() ? "" : ", ") + sign;
    for (const std::string& model : models_) models += (models.empty() ? "" : ", ") + model;
    const std::uint64_t each = std::max<std::uint64_t>(1, volume.invocations);
    emit.detection(Evidence{{"signs", told},
                            {"models", models},
                            {"invocations", std::to_string(volume.invocations)},
                            {"average_input_tokens", std::to_string(volume.input / each)},
                            {"average_output_tokens", std::to_string(volume.output / each)},
                            {"tokens", std::to_string(volume.tokens())},
                            {"most_tokens_in_an_hour_before", std::to_string(before.most_tokens)},
                            {"threshold", std::to_string(tokens_min) + " tokens or " +
                                              std::to_string(invocations_min) + " invocations in an hour, " +
                                              std::to_string(growth_min) + " times the most before"}},
                   subject_, volume.invocations, first_, last_);
  }

  std::size_t bytes() const { return invocations_.size() * 72 + 2000; }
  template <class Ar>
  void io(Ar& ar) {
    ar(invocations_, models_, clients_, networks_, subject_, first_, last_);
  }

 private:
  static constexpr std::size_t invocations_max = 4096, values_max = 16;
  static constexpr std::uint64_t most_tokens = 100'000'000;  // of one call, more is no number of tokens
  struct Invocation {
    std::uint64_t input = 0, output = 0;
    bool refused = false;
    template <class Ar>
    void io(Ar& ar) {
      ar(input, output, refused);
    }
  };
  template <class Map>
  static void keep_smallest(Map& map, std::size_t most) {
    while (map.size() > most) map.erase(std::prev(map.end()));
  }
  static void insert(std::set<std::string>& values, const std::string& value) {
    values.insert(value);
    keep_smallest(values, values_max);
  }

  std::map<std::uint64_t, Invocation> invocations_;
  std::set<std::string> models_, clients_, networks_;
  Subject subject_;  // of the latest record
  ProofRecord first_, last_;
};

}  // namespace

extern const Detector cost_harvesting = {
    .types =
        {{.name = "Impact:IAMUser/CostHarvesting",
          .severity = Severity::low,
          .mitre = {"TA0040", "AML.T0034"},  // ATLAS: Cost Harvesting
          .title = "{principal} used AI models far more than it ever did.",
          .description =
              "{principal} invoked {models} {invocations} times within an hour ({tokens} tokens; the most "
              "in an hour before was {most_tokens_in_an_hour_before}). What else is unusual: {signs}."}},
    .summary =
        "An identity takes far more tokens of AI models in an hour than ever before, and something else "
        "about it is unusual too.",
    .when = {calls("bedrock.amazonaws.com",
                   {"InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream"}),
             calls("bedrock-mantle.amazonaws.com", {"CreateInference"}),
             calls("sagemaker.amazonaws.com",
                   {"InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"})},
    .issue = {key::principal},
    .logic = bucket<ModelUse>({.span = hour_ms, .bytes_max = 64U << 20}),
    .blind_spots = "Where the trail holds no tokens, only calls are counted. Use that grows slowly."};

}  // namespace picket::detectors
