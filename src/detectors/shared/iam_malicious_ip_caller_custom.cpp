#include "detectors/shared/iam_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> from_own_list(const CloudTrailEvent& call, const Context& context) {
  return listed_call(call, context, {IntelCategory::custom});
}

}  // namespace

extern const Detector iam_malicious_ip_caller_custom = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
          .severity = Severity::medium,
          .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
          .title = "{principal} called {api} from an address of an own threat list.",
          .description = "{principal} called {api}, which changes the account or hands out credentials, from "
                         "{remote_ip}, "
                         "an address of threat list {threat_list}."},
         {.name = "Recon:IAMUser/MaliciousIPCaller.Custom",
          .severity = Severity::medium,
          .mitre = {"TA0007", "T1580"},  // Discovery: Cloud Infrastructure Discovery
          .title = "{principal} explored the account from an address of an own threat list.",
          .description =
              "{principal} called {api}, which tells what is in the account, from {remote_ip}, an address of "
              "threat list {threat_list}."}},
    .summary =
        "An API was called with the account's credentials from an address of the user's own threat lists.",
    .when = {listed_caller({"custom"})},
    .issue = {key::principal},
    .logic = each(from_own_list),
    .blind_spots = "Addresses no own list names.",
};

}  // namespace picket::detectors
