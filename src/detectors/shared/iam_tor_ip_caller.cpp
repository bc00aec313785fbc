#include "detectors/shared/iam_listed_caller.h"

namespace picket::detectors {

namespace {

std::optional<Evidence> through_tor(const CloudTrailEvent& call, const Context& context) {
  return listed_call(call, context, {IntelCategory::tor_exit});
}

}  // namespace

extern const Detector iam_tor_ip_caller = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/TorIPCaller",
          .severity = Severity::medium,
          .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
          .title = "{principal} called {api} from a Tor exit node.",
          .description = "{principal} called {api}, which changes the account or hands out credentials, from "
                         "{remote_ip}, "
                         "an address of threat list {threat_list}."},
         {.name = "Recon:IAMUser/TorIPCaller",
          .severity = Severity::medium,
          .mitre = {"TA0007", "T1580"},  // Discovery: Cloud Infrastructure Discovery
          .title = "{principal} explored the account from a Tor exit node.",
          .description =
              "{principal} called {api}, which tells what is in the account, from {remote_ip}, an address of "
              "threat list {threat_list}."}},
    .summary = "An API was called with the account's credentials through the Tor network.",
    .when = {listed_caller({"tor_exit"})},
    .issue = {key::principal},
    .logic = each(through_tor),
    .blind_spots = "Exits younger than the loaded list, and Tor behind another proxy.",
};

}  // namespace picket::detectors
