#include "detectors/shared/iam_listed_caller.h"

namespace picket::detectors {

namespace {

// Proxies and Tor relays by themselves are no malice, sinkholes call nobody; Tor exits and own lists have
// types of their own.
std::optional<Evidence> from_malicious_address(const CloudTrailEvent& call, const Context& context) {
  return listed_call(
      call, context,
      {IntelCategory::malicious, IntelCategory::c2, IntelCategory::mining, IntelCategory::scanner,
       IntelCategory::phishing, IntelCategory::drop_point, IntelCategory::drive_by, IntelCategory::malware});
}

}  // namespace

extern const Detector iam_malicious_ip_caller = {
    .types =
        {{.name = "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
          .severity = Severity::medium,
          .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
          .title = "{principal} called {api} from a known malicious address.",
          .description = "{principal} called {api}, which changes the account or hands out credentials, from "
                         "{remote_ip}, "
                         "an address of threat list {threat_list}."},
         {.name = "Recon:IAMUser/MaliciousIPCaller",
          .severity = Severity::medium,
          .mitre = {"TA0007", "T1580"},  // Discovery: Cloud Infrastructure Discovery
          .title = "{principal} explored the account from a known malicious address.",
          .description =
              "{principal} called {api}, which tells what is in the account, from {remote_ip}, an address of "
              "threat list {threat_list}."}},
    .summary = "An API was called with the account's credentials from an address known to be malicious.",
    .when = {listed_caller(
        {"malicious", "c2", "mining", "scanner", "phishing", "drop_point", "drive_by", "malware"})},
    .issue = {key::principal},
    .logic = each(from_malicious_address),
    .blind_spots = "Addresses no loaded list knows.",
};

}  // namespace picket::detectors
