// Users' rules and the state of lists under /picket/v1/: who is told what.
#include "api/picket_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"
#include "rules/rule_set.h"
#include "rules/sigma.h"
#include "store/list_sets.h"

namespace picket::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* ours = "111122223333";
constexpr const char* theirs = "444455556666";
constexpr std::string_view live_rule = R"(title: Live one
id: live
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
)";
constexpr std::string_view counted_rule = R"(title: Counted one
id: counted
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: GetObject}, condition: s}
---
title: Broken one
logsource: {product: aws, service: cloudtrail}
detection: {s: {CommandLine: x}, condition: s}
)";

class PicketCalls : public ::testing::Test {
 protected:
  void SetUp() override {
    harness.seen = {ours, theirs};
    harness.profile("all", "999988887777");  // the first one administers every account
    harness.profile("us", ours);
    harness.profile("them", theirs);
    rules::SigmaLoader loader;
    loader.add_text(live_rule, "live.yml");
    loader.add_text(counted_rule, "counted.yml", true);
    rules::LoadedRules loaded = loader.finish();
    refused = std::move(loaded.refused);
    set = std::make_unique<rules::RuleSet>(std::move(loaded.rules), std::span<const Detector* const>{});
    Backend backend = harness.backend();
    backend.rule_set = set.get();
    backend.refused_rules = refused;
    backend.dry_runs = [] {
      return DryRunCounts{{{"rule counted", ours, test::Harness::region}, 5},
                          {{"rule counted", theirs, test::Harness::region}, 70}};
    };
    harness.service = std::make_unique<Service>(std::move(backend), *harness.keys);
  }
  std::string told(const std::string& who, std::string_view path) {
    const Response response = harness.send(who, "GET", path);
    EXPECT_EQ(response.status, 200U) << response.body;
    return response.body;
  }

  test::Harness harness;
  std::vector<rules::RefusedRule> refused;
  std::unique_ptr<rules::RuleSet> set;
};

TEST_F(PicketCalls, TellRulesWithTheCallersCounts) {
  EXPECT_THAT(told("all", "/picket/v1/rules"),
              AllOf(HasSubstr(R"("dryRunRecords":75)"), HasSubstr(R"("mode":"DRY_RUN")"),
                    HasSubstr(R"("mode":"LIVE")"), HasSubstr(R"("file":"live.yml:1")"),
                    HasSubstr(R"("recordsSinceStart":0)"), HasSubstr("Broken one"),
                    HasSubstr("no field CommandLine")));
  EXPECT_THAT(told("us", "/picket/v1/rules"),
              AllOf(HasSubstr("Live one"), HasSubstr(R"("dryRunRecords":5})"), Not(HasSubstr("live.yml")),
                    Not(HasSubstr("recordsSinceStart")), HasSubstr(R"("refused":[])")));
}

TEST_F(PicketCalls, TellWhyAListDoesNotHold) {
  const Response made =
      harness.send("us", "POST", harness.at("us", "/threatintelset"),
                   R"({"name":"ours","format":"TXT","location":"s3://lists/a.txt","activate":true})");
  ASSERT_EQ(made.status, 200U) << made.body;
  auto sets = load_list_sets(*harness.store, ListSetKind::threat_intel_set);
  ASSERT_TRUE(sets);
  ListSet failed = sets->front();
  failed.status = ListSetStatus::error;
  failed.error_details = "the bucket is not there";
  ASSERT_TRUE(harness.store->change_settings(std::vector{save_change(failed)}));
  EXPECT_THAT(told("us", "/picket/v1/sets"),
              AllOf(HasSubstr("the bucket is not there"), HasSubstr(R"("kind":"threat_intel_set")")));
  EXPECT_THAT(told("them", "/picket/v1/sets"), HasSubstr(R"("sets":[])"));
}

}  // namespace
}  // namespace picket::api
