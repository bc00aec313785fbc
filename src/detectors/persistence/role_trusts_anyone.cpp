#include "detectors/shared/attempt.h"
#include "engine/detector.h"
#include "state/bucket_policy.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> trusts_anyone(const CloudTrailEvent& call, const Context&) {
  const auto document = call.request_parameters.find(
      call.event_name == "CreateRole" ? "assumeRolePolicyDocument" : "policyDocument");
  if (!document) return std::nullopt;
  const BucketPolicyVerdict verdict = evaluate_bucket_policy(*document);
  if (!verdict.lets_in_strangers()) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}, {"statement", verdict.statement}};
  evidence.add("role", call.request_parameters.find("roleName"));
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector role_trusts_anyone = {
    .types = {{.name = "Persistence:IAMUser/RoleTrustsAnyone",
               .severity = Severity::high,
               .mitre = {"TA0003", "T1098.003"},  // Account Manipulation: Additional Cloud Roles
               .origin = Origin::picket,
               .title = "{principal} let every AWS account assume role {role}.",
               .description =
                   "{principal} called {api} from {remote_ip}; statement {statement} of the trust policy of "
                   "role {role} lets in whoever has an AWS account, and no condition ties it to somebody. An "
                   "external id is no such condition: it is a name, not a secret."}},
    .summary = "A role's trust policy lets in everybody, tied to no account, organisation or network.",
    .when = {calls("iam.amazonaws.com", {"CreateRole", "UpdateAssumeRolePolicy"})},
    .issue = {key::principal, key::evidence("role")},
    .logic = each(trusts_anyone),
    .blind_spots =
        "Foreign accounts that are named, and identity providers without a condition on the token.",
};

}  // namespace picket::detectors
