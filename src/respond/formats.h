// A finding in the forms others read. `finding` is the parsed detail of an event.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "respond/finding_event.h"

namespace picket::respond {

// AWS Security Finding Format, for Security Hub. `product_arn` empty: the default product of the finding's
// own account and Region.
std::string asff(const FindingEvent& event, const simdjson::dom::element& finding,
                 std::string_view product_arn);
// OCSF 1.3 Detection Finding (class 2004).
std::string ocsf(const FindingEvent& event, const simdjson::dom::element& finding);
// ArcSight Common Event Format, one line.
std::string cef(const FindingEvent& event, const simdjson::dom::element& finding);
// What Slack's and Teams's incoming webhooks take.
std::string slack(const FindingEvent& event, const simdjson::dom::element& finding);
std::string teams(const FindingEvent& event, const simdjson::dom::element& finding);
// A mail's text, and the whole message around such a text.
std::string mail_text(const FindingEvent& event, const simdjson::dom::element& finding);
std::string mail_message(const FindingEvent& event, const std::string& from,
                         const std::vector<std::string>& to, std::string_view body, TimeMs now);

}  // namespace picket::respond
