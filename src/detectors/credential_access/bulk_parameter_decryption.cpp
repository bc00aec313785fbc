#include "detectors/shared/call_burst.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// Distinct decrypted parameters in ten minutes. GetParameters takes ten at once, and an application reads
// about that many when it starts; three full requests are no start.
constexpr std::size_t parameters_min = 25;

class ParameterReads : public CallBurst {
 public:
  static bool select(const CloudTrailEvent& call) {
    return !through_service(call.user_identity) && call.request_parameters.mentions("withDecryption") &&
           call.request_parameters.find("withDecryption") == "true" && outcome(call) != Outcome::failed;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) { return principal_entity(call); }

  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const JsonDocument document = call.request_parameters.parse();
    for (const std::string_view member : {"name", "path"}) {
      if (const auto name = document.at(member))
        CallBurst::add(call, scalar_text(*name).value_or(""), record);
    }
    dom::array names;
    const auto list = document.at("names");
    if (!list || list->get(names) != simdjson::SUCCESS) return;
    for (const dom::element name : names) {
      std::string_view text;
      if (name.get(text) == simdjson::SUCCESS) CallBurst::add(call, text, record);
    }
  }

  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    raise_beyond(parameters_min, "parameters in 10 minutes", before, emit);
  }
};

}  // namespace

extern const Detector bulk_parameter_decryption = {
    .types = {{.name = "CredentialAccess:IAMUser/BulkParameterDecryption",
               .severity = Severity::medium,
               .mitre = {"TA0006", "T1552"},  // Unsecured Credentials
               .origin = Origin::picket,
               .title = "{principal} decrypted {distinct} different SSM parameters within ten minutes.",
               .description =
                   "{principal} asked Systems Manager from {remote_ip} for {distinct} different parameters, "
                   "decrypted, within ten minutes; the most in any such span before was "
                   "{most_in_a_window_before}."}},
    .summary =
        "One principal decrypted many different SSM parameters in ten minutes, more than twice what it ever "
        "did "
        "before.",
    .when = {calls("ssm.amazonaws.com", {"GetParameter", "GetParameters", "GetParametersByPath"})},
    .issue = {key::principal},
    .logic = bucket<ParameterReads>({.span = 10 * minute_ms, .bytes_max = 64U << 20}),
    .blind_spots =
        "Slow reading, a few requests by path (which count as one each), and a workload's own parameters "
        "read by whoever stole its session.",
};

}  // namespace picket::detectors
