#include <array>

#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// Distinct instances in ten minutes that were sent an ad-hoc script. Administrators work on one or two at a
// time.
constexpr std::size_t instances_min = 3;

// Systems Manager's documents that run whatever script the caller sends; patching and inventory have others.
constexpr std::array<std::string_view, 3> script_documents = {"AWS-RunShellScript", "AWS-RunPowerShellScript",
                                                              "AWS-RunRemoteScript"};

class Commands : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    if (through_service(call.user_identity) || outcome(call) == Outcome::failed) return false;
    const auto document = call.request_parameters.find("documentName");
    return document &&
           std::find(script_documents.begin(), script_documents.end(), *document) != script_documents.end();
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }

  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const JsonDocument document = call.request_parameters.parse();
    dom::array instances;
    if (const auto list = document.at("instanceIds"); list && list->get(instances) == simdjson::SUCCESS) {
      for (const dom::element instance : instances) {
        std::string_view id;
        if (instance.get(id) == simdjson::SUCCESS) CallBurst::add(call, id, record);
      }
    }
    // By tag: how many instances that meant, only the fleet knows. Each value counts as one.
    dom::array targets, values;
    const auto list = document.at("targets");
    if (!list || list->get(targets) != simdjson::SUCCESS) return;
    for (const dom::element target : targets) {
      if (target["values"].get(values) != simdjson::SUCCESS) continue;
      for (const dom::element value : values) {
        std::string_view text;
        if (value.get(text) == simdjson::SUCCESS) CallBurst::add(call, text, record);
      }
    }
  }

  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(instances_min, "instances in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_command_execution = {
    .types =
        {{.name = "Execution:IAMUser/BulkCommandExecution",
          .severity = Severity::medium,
          .mitre = {"TA0002", "T1651"},  // Cloud Administration Command
          .origin = Origin::picket,
          .title = "{principal} ran a script on {distinct} instances.",
          .description =
              "{principal} sent scripts through Systems Manager from {remote_ip} to {distinct} different "
              "instances within ten minutes; the most in any such span before was "
              "{most_in_a_window_before}."}},
    .summary =
        "One principal ran an ad-hoc script on several instances in ten minutes, more than twice what it "
        "ever did "
        "before.",
    .when = {calls("ssm.amazonaws.com", {"SendCommand"})},
    .issue = {key::principal},
    .logic = bucket<Commands>({.span = 10 * minute_ms, .bytes_max = 16U << 20}),
    .blind_spots =
        "The script itself, which the record hides; commands on one or two instances; documents of one's "
        "own; "
        "how many instances a tag stands for.",
};

}  // namespace picket::detectors
