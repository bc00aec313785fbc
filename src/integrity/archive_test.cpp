#include "integrity/archive.h"

#include <gtest/gtest.h>

namespace picket::integrity {
namespace {

TEST(MayHoldTrail, KnowsAwsLayout) {
  const TimeMs from = *parse_time("2026-09-14T10:00:00Z");
  for (const char* folder :
       {"", "backup/", "AWSLogs/", "AWSLogs/111122223333/", "AWSLogs/o-abc123/",
        "AWSLogs/o-abc123/111122223333/CloudTrail/", "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/",
        "old/AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/13/",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2027/01/01/",
        "notAWSLogs/111122223333/elasticloadbalancing/"})
    EXPECT_TRUE(may_hold_trail(folder, from)) << folder;
  for (const char* folder :
       {"AWSLogs/111122223333/elasticloadbalancing/", "AWSLogs/o-abc123/111122223333/CloudTrail-Insight/",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2025/",
        "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/08/",
        "AWSLogs/o-abc123/111122223333/CloudTrail/us-east-1/2026/09/12/"})
    EXPECT_FALSE(may_hold_trail(folder, from)) << folder;
  EXPECT_TRUE(may_hold_trail("AWSLogs/111122223333/CloudTrail/us-east-1/2025/", {}));
}

}  // namespace
}  // namespace picket::integrity
