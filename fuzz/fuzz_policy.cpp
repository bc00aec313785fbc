// Policies: what is read is written so that it is read again as the same, and judging any action ends.
#include <cstdint>
#include <cstdlib>

#include "aws/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket::aws;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = parse_policy(text);
  if (!policy) return 0;
  const std::string written = write_policy(*policy);
  const auto again = parse_policy(written);
  // Spelled out it may be larger than what is accepted.
  if (again ? write_policy(*again) != written : again.error().kind != picket::ErrorKind::too_large)
    std::abort();
  for (const std::string_view action : {"guardduty:ListFindings", "sts:AssumeRole", ""})
    if (again && again->judge(action) != policy->judge(action)) std::abort();
  return 0;
}
