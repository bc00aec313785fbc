#include "event/kept_call.h"

#include <gtest/gtest.h>

#include <memory>

namespace picket {
namespace {

TEST(KeptCall, OutlivesTheBufferAndTellsTheSame) {
  std::unique_ptr<KeptCall> kept;
  {
    std::string buffer =
        R"(before{"eventName":"GetObject","requestParameters":{"key":"a"},"arn":"arn:x"}after)";
    std::string unescaped = "agent \"with\" quotes";
    const auto part = [&](std::string_view text) {
      return std::string_view(buffer).substr(buffer.find(text), text.size());
    };
    CloudTrailEvent event;
    event.raw = RawJson(part(R"({"eventName":"GetObject","requestParameters":{"key":"a"},"arn":"arn:x"})"));
    event.event_name = part("GetObject");
    event.request_parameters = RawJson(part(R"({"key":"a"})"));
    event.user_identity.arn = part("arn:x");
    event.user_identity.session_issuer.user_name = unescaped;
    event.user_agent = unescaped;
    event.event_time = 17;
    event.read_only = true;
    kept = std::make_unique<KeptCall>(event);
    buffer.assign(buffer.size(), '?');
    unescaped.assign(unescaped.size(), '?');
  }
  const CloudTrailEvent& event = kept->event();
  EXPECT_EQ(event.raw.text(), R"({"eventName":"GetObject","requestParameters":{"key":"a"},"arn":"arn:x"})");
  EXPECT_EQ(event.event_name, "GetObject");
  EXPECT_EQ(event.request_parameters.find("key"), "a");
  EXPECT_EQ(event.user_identity.arn, "arn:x");
  EXPECT_EQ(event.user_identity.session_issuer.user_name, "agent \"with\" quotes");
  EXPECT_EQ(event.user_agent, "agent \"with\" quotes");
  EXPECT_EQ(event.event_time, 17);
  EXPECT_EQ(event.read_only, true);
  EXPECT_TRUE(event.error_code.empty());
}

TEST(KeptCall, WithoutTheRecordsOwnText) {
  CloudTrailEvent event;
  event.event_name = "GetObject";
  EXPECT_EQ(KeptCall(event).event().event_name, "GetObject");
}

}  // namespace
}  // namespace picket
