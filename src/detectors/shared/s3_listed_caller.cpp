#include "detectors/shared/s3_listed_caller.h"

#include <algorithm>
#include <array>

#include "detectors/shared/intel_hits.h"

namespace picket::detectors {

bool s3_data_request(const CloudTrailEvent& call) {
  if (call.event_source != "s3.amazonaws.com") return false;
  // Older records have no category; managementEvent tells the same.
  const bool data =
      call.event_category.empty() ? call.management_event == false : call.event_category == "Data";
  return data && !principal_of(call).anonymous;
}

S3Purpose s3_purpose_of(const CloudTrailEvent& call) {
  // GuardDuty counts CopyObject as reading; SELECT and torrents hand out content too.
  constexpr std::array<std::string_view, 4> readers = {"GetObject", "CopyObject", "SelectObjectContent",
                                                       "GetObjectTorrent"};
  const std::string_view name = api_name(call.event_name);
  if (std::find(readers.begin(), readers.end(), name) != readers.end()) return S3Purpose::exfiltration;
  const bool looks = name.starts_with("List") || name.starts_with("Head") || name.starts_with("Get");
  return looks ? S3Purpose::discovery : S3Purpose::impact;
}

std::optional<Evidence> listed_s3_request(const CloudTrailEvent& call, const Context& context,
                                          std::initializer_list<IntelCategory> categories) {
  if (!s3_data_request(call)) return std::nullopt;
  const IntelHit* hit = best_hit(context.hits, categories, call.event_time);
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}, {"object", call.request_parameters.find("key")}};
  if (!call.error_code.empty()) evidence.add("error", std::string(call.error_code));
  add_hit(evidence, *hit, call.event_time);
  return evidence;
}

}  // namespace picket::detectors
