#include "engine/own_calls.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(OwnCalls, AreKnownByKeyAndRequestTogether) {
  OwnCalls calls;
  CloudTrailEvent event;
  EXPECT_FALSE(calls.contains(event));
  calls.add("AKIAOWN request-1");
  calls.add("no-space");
  calls.add("AKIAOWN ");
  event.user_identity.access_key_id = "AKIAOWN";
  EXPECT_FALSE(calls.contains(event));  // without a request id nothing is known
  event.request_id = "request-1";
  EXPECT_TRUE(calls.contains(event));
  event.request_id = "request-2";
  EXPECT_FALSE(calls.contains(event));
  event.request_id = "request-1";
  event.user_identity.access_key_id = "AKIATHIEF";
  EXPECT_FALSE(calls.contains(event));
}

}  // namespace
}  // namespace picket
