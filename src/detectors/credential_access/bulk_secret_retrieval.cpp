#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// Distinct secrets in ten minutes. Rule packs ask for 20 reads; an attack that takes 20 in a minute must also
// be told when two windows share it, so half.
constexpr std::size_t secrets_min = 10;

class SecretReads : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && outcome(call) != Outcome::failed;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }

  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    if (call.event_name == "GetSecretValue") {
      CallBurst::add(call, call.request_parameters.find("secretId").value_or(""), record);
      return;
    }
    // BatchGetSecretValue names secrets, or filters that may yield up to 20 each time: each call counts for
    // the names it has, and a call by filter for itself.
    const JsonDocument document = call.request_parameters.parse();
    dom::array names;
    const auto list = document.at("secretIdList");
    if (!list || list->get(names) != simdjson::SUCCESS || names.size() == 0) {
      return CallBurst::add(call, call.event_id.empty() ? call.request_id : call.event_id, record);
    }
    for (const dom::element name : names) {
      std::string_view text;
      if (name.get(text) == simdjson::SUCCESS) CallBurst::add(call, text, record);
    }
  }

  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(secrets_min, "secrets in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_secret_retrieval = {
    .types =
        {{.name = "CredentialAccess:IAMUser/BulkSecretRetrieval",
          .severity = Severity::medium,
          .mitre = {"TA0006", "T1555.006"},  // Cloud Secrets Management Stores
          .origin = Origin::picket,
          .title = "{principal} read {distinct} different secrets within ten minutes.",
          .description =
              "{principal} asked Secrets Manager from {remote_ip} for {distinct} different secrets within "
              "ten minutes; the most it asked for in any such span before was {most_in_a_window_before}."}},
    .summary =
        "One principal read many different secrets of Secrets Manager in ten minutes, more than twice what "
        "it "
        "ever did before.",
    .when = {calls("secretsmanager.amazonaws.com", {"GetSecretValue", "BatchGetSecretValue"})},
    .issue = {key::principal},
    .logic = bucket<SecretReads>({.span = 10 * minute_ms, .bytes_max = 128U << 20}),
    .blind_spots =
        "Slow reading, a workload's own secrets read by whoever stole its session, and secrets behind a "
        "batch call's filter, which the record does not name.",
};

}  // namespace picket::detectors
