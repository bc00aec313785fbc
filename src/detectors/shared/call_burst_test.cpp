#include "detectors/shared/call_burst.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace picket::detectors {
namespace {

CloudTrailEvent call_of(std::string_view type = "IAMUser") {
  CloudTrailEvent call;
  call.event_source = "secretsmanager.amazonaws.com";
  call.event_name = "GetSecretValue";
  call.recipient_account_id = "111122223333";
  call.user_identity.type = type;
  call.user_identity.arn = "arn:aws:iam::111122223333:user/marta.keller";
  return call;
}

ProofRecord record(TimeMs time) {
  return {time, 7, static_cast<std::uint64_t>(time), "event-" + std::to_string(time)};
}

std::string saved(CallBurst burst) {
  std::string bytes;
  Writer out(bytes);
  out(burst);
  return bytes;
}

TEST(CallBurst, order_parts_and_repeats_do_not_show) {
  std::vector<TimeMs> times;
  for (TimeMs time = 1; time <= 400; ++time) times.push_back(time);
  const auto add = [](CallBurst& burst, TimeMs time) {
    burst.add(call_of(), "secret-" + std::to_string(time), record(time));
  };
  CallBurst forward;
  for (const TimeMs time : times) add(forward, time);
  CallBurst left, right;
  std::reverse(times.begin(), times.end());
  for (const TimeMs time : times) {
    add(time % 3 == 0 ? left : right, time);
    add(right, time);  // delivered twice
  }
  left.merge(right);
  EXPECT_EQ(saved(forward), saved(left));
  EXPECT_EQ(forward.first().time, 1);
  EXPECT_EQ(forward.last().time, 400);
}

TEST(CallBurst, workloads_need_more_unless_refused_and_habits_raise_the_bar) {
  CallBurst person, workload, refused;
  CloudTrailEvent role = call_of("AssumedRole");
  role.user_identity.arn = "arn:aws:sts::111122223333:assumed-role/app/i-0a1b2c3d4e5f60718";
  CloudTrailEvent denied = role;
  denied.error_code = "AccessDenied";
  for (TimeMs time = 1; time <= 10; ++time) {
    const std::string target = std::to_string(time);
    person.add(call_of(), target, record(time));
    workload.add(role, target, record(time));
    refused.add(denied, target, record(time));
  }
  EXPECT_TRUE(person.beyond(10, {}));
  EXPECT_FALSE(person.beyond(11, {}));
  EXPECT_FALSE(workload.beyond(10, {}));
  EXPECT_TRUE(workload.beyond(3, {}));
  EXPECT_TRUE(refused.beyond(10, {}));
  EXPECT_TRUE(person.beyond(10, {.most = 4, .windows = 1}));
  EXPECT_FALSE(person.beyond(10, {.most = 5, .windows = 1}));
}

}  // namespace
}  // namespace picket::detectors
