// Coverage and usage, as told from what was read, through signed calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* own = "111122223333";
constexpr const char* foreign = "444455556666";

class CoverageTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {own, foreign};
    profile("own", own, aws::Role::administrator);
    profile("foreign", foreign, aws::Role::member);
    Backend with_sources = backend();
    with_sources.resources = [this] { return std::make_shared<std::vector<ResourceFact>>(*resources); };
    with_sources.usage = [this] { return std::make_shared<Usage>(sums); };
    service = std::make_unique<Service>(std::move(with_sources), *keys);
  }
  static ResourceFact resource(ResourceType type, const std::string& account, const std::string& id) {
    return {.type = type, .account = account, .region = region, .id = id, .news_at = 1'700'000'000'123};
  }
  static ResourceFact instance(const std::string& account, const std::string& id, bool flows,
                               const std::string& cluster = "") {
    ResourceFact out = resource(ResourceType::ec2, account, id);
    out.instance_type = "t3.micro";
    out.eks_cluster = cluster;
    if (flows) out.flows_until = 1'700'000'000'123;
    return out;
  }
  void read(const std::string& account, LogKind kind, std::uint64_t records, const std::string& from) {
    ObjectLedger object;
    object.kind = kind;
    object.records_read = object.processed = records;
    object.bytes_decoded = 100 * records;
    object.first = object.last = 1'700'000'000'500;
    sums.add(object, account, region, from);
  }
  std::string coverage(const std::string& body, const std::string& who = "own") {
    return ok(send(who, "POST", at(who, "/coverage"), body), "ListCoverage");
  }
  std::string statistics(const std::string& body) {
    return ok(send("own", "POST", at("own", "/usage/statistics"), body), "GetUsageStatistics");
  }
  void expect_refused(const Response& response, std::string_view parameter) {
    EXPECT_EQ(response.status, 400U) << response.body;
    EXPECT_THAT(response.body, HasSubstr(std::string(parameter)));
  }

  std::shared_ptr<std::vector<ResourceFact>> resources = std::make_shared<std::vector<ResourceFact>>();
  Usage sums;
};

TEST_F(CoverageTest, TellsWhatIsReadOfEachResource) {
  *resources = {resource(ResourceType::eks, own, "prod"), resource(ResourceType::ecs, own, "batch"),
                instance(own, "i-1", true, "prod"), instance(own, "i-2", false, "prod")};
  std::string body = coverage("{}");
  EXPECT_THAT(body, HasSubstr(R"("clusterName":"prod","coveredNodes":1,"compatibleNodes":2)"));
  EXPECT_THAT(body, HasSubstr("The audit log of this cluster was not read"));
  EXPECT_THAT(body, HasSubstr(R"("instanceId":"i-1","instanceType":"t3.micro","clusterArn":"arn:aws:eks:)"));
  EXPECT_THAT(body, HasSubstr("No flow log records of this instance's network interfaces were read"));
  EXPECT_THAT(body, HasSubstr(R"("updatedAt":1700000000.123)"));
  read(own, LogKind::k8saudit, 5, "prod");
  body = coverage("{}");
  EXPECT_THAT(body, Not(HasSubstr("The audit log of this cluster was not read")));
  EXPECT_THAT(body, HasSubstr(R"("updatedAt":1700000000.500)"));
}

TEST_F(CoverageTest, ClustersAreKnownByTheirAuditLogAlone) {
  read(own, LogKind::k8saudit, 5, "dev");
  EXPECT_THAT(coverage("{}"), HasSubstr(R"("clusterName":"dev")"));
  EXPECT_EQ(coverage("{}", "foreign"), R"({"resources":[]})");
}

TEST_F(CoverageTest, FiltersAndSorts) {
  *resources = {instance(own, "i-1", true), instance(own, "i-2", false), instance(foreign, "i-3", true)};
  const auto with = [&](const std::string& key, const std::string& condition) {
    return coverage(R"({"filterCriteria":{"filterCriterion":[{"criterionKey":")" + key +
                    R"(","filterCondition":)" + condition + "}]}}");
  };
  EXPECT_THAT(with("COVERAGE_STATUS", R"({"equals":["HEALTHY"]})"), HasSubstr("i-1"));
  EXPECT_THAT(with("COVERAGE_STATUS", R"({"equals":["HEALTHY"]})"), Not(HasSubstr("i-2")));
  EXPECT_THAT(with("INSTANCE_ID", R"({"notEquals":["i-1"]})"), Not(HasSubstr(R"("i-1")")));
  EXPECT_THAT(with("ACCOUNT_ID", R"({"equals":["444455556666"]})"), HasSubstr("i-3"));
  EXPECT_EQ(with("AGENT_VERSION", R"({"equals":["1"]})"), R"({"resources":[]})");
  const std::string body = coverage(R"({"sortCriteria":{"attributeName":"INSTANCE_ID","orderBy":"DESC"}})");
  EXPECT_LT(body.find("\"i-3\""), body.find("\"i-1\""));
  EXPECT_EQ(coverage("{}", "foreign").find("i-1"), std::string::npos);
}

TEST_F(CoverageTest, PagesAndStatistics) {
  for (int i = 10; i < 30; ++i) resources->push_back(instance(own, "i-" + std::to_string(i), i % 2 == 0));
  std::string token, all;
  std::size_t pages = 0;
  do {
    const std::string body = coverage(R"({"maxResults":7,"nextToken":")" + token + "\"}");
    simdjson::dom::parser parser;
    const auto root = parser.parse(body).value();
    for (const auto row : simdjson::dom::array(root["resources"]))
      all += std::string(std::string_view(row["resourceId"])) + ' ';
    std::string_view next;
    token = root["nextToken"].get(next) == simdjson::SUCCESS ? next : "";
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(pages, 3U);
  EXPECT_THAT(all, HasSubstr("i-10 i-11 i-12"));
  EXPECT_EQ(all.size(), 20U * 5);
  expect_refused(send("own", "POST", at("own", "/coverage"), R"({"nextToken":"AAAA"})"), "nextToken");
  EXPECT_EQ(ok(send("own", "POST", at("own", "/coverage/statistics"),
                    R"({"statisticsType":["COUNT_BY_RESOURCE_TYPE","COUNT_BY_COVERAGE_STATUS"]})"),
               "GetCoverageStatistics"),
            R"({"coverageStatistics":{"countByResourceType":{"EC2":20},)"
            R"("countByCoverageStatus":{"HEALTHY":10,"UNHEALTHY":10}}})");
  expect_refused(send("own", "POST", at("own", "/coverage/statistics"), R"({"statisticsType":[]})"),
                 "statisticsType");
}

TEST_F(CoverageTest, UsageSumsVolumesInTheUnitItNames) {
  read(own, LogKind::vpcflow, 30, "fl-1");
  read(own, LogKind::vpcflow, 10, "fl-2");
  read(own, LogKind::cloudtrail, 20, "trail");
  read(foreign, LogKind::vpcflow, 5, "fl-3");
  const auto ask = [&](const std::string& type, const std::string& more = "") {
    return statistics(R"({"usageStatisticsType":")" + type + R"(","usageCriteria":{}, "unit": "RECORDS")" +
                      more + "}");
  };
  EXPECT_EQ(ask("SUM_BY_ACCOUNT"),
            R"({"usageStatistics":{"sumByAccount":[)"
            R"({"accountId":"111122223333","total":{"amount":"60","unit":"RECORDS"}},)"
            R"({"accountId":"444455556666","total":{"amount":"5","unit":"RECORDS"}}]}})");
  EXPECT_THAT(ask("SUM_BY_DATA_SOURCE"), HasSubstr(R"({"dataSource":"FLOW_LOGS","total":{"amount":"45")"));
  EXPECT_THAT(ask("SUM_BY_FEATURES"), HasSubstr(R"({"feature":"CLOUD_TRAIL","total":{"amount":"20")"));
  EXPECT_THAT(ask("SUM_BY_RESOURCE"), HasSubstr(R"("sumByResource":[{"resource":"fl-1")"));
  EXPECT_THAT(ask("TOP_RESOURCES"),
              HasSubstr(R"("topResources":[{"resource":"fl-1","total":{"amount":"30","unit":"RECORDS"}},)"
                        R"({"resource":"trail")"));
  EXPECT_THAT(ask("TOP_ACCOUNTS_BY_FEATURE"),
              HasSubstr(R"({"feature":"FLOW_LOGS","accounts":[{"accountId":"111122223333")"));
  const std::string first = ask("TOP_RESOURCES", R"(,"maxResults":1)");
  EXPECT_THAT(first, HasSubstr("\"nextToken\":\""));
  const auto bytes = statistics(
      R"({"usageStatisticsType":"SUM_BY_ACCOUNT","usageCriteria":{"accountIds":["111122223333"],"features":["FLOW_LOGS"]}})");
  EXPECT_EQ(bytes, R"({"usageStatistics":{"sumByAccount":[)"
                   R"({"accountId":"111122223333","total":{"amount":"4000","unit":"BYTES"}}]}})");
  EXPECT_THAT(statistics(R"({"usageStatisticsType":"SUM_BY_ACCOUNT","usageCriteria":{},"unit":"USD"})"),
              HasSubstr(R"("total":{"amount":"0","unit":"USD"})"));
  expect_refused(send("own", "POST", at("own", "/usage/statistics"),
                      R"({"usageStatisticsType":"SUM_BY_ACCOUNT","usageCriteria":{},"unit":"EUR"})"),
                 "unit");
}

TEST_F(CoverageTest, UsageOfOthersIsNotSeen) {
  read(own, LogKind::vpcflow, 30, "fl-1");
  const std::string body =
      ok(send("foreign", "POST", at("foreign", "/usage/statistics"),
              R"({"usageStatisticsType":"SUM_BY_ACCOUNT","usageCriteria":{"accountIds":["111122223333"]}})"),
         "GetUsageStatistics");
  EXPECT_EQ(body, R"({"usageStatistics":{"sumByAccount":[]}})");
}

TEST_F(CoverageTest, FreeTrialDays) {
  const auto ask = [&](const std::string& who) {
    return ok(send(who, "POST", at(who, "/freeTrial/daysRemaining"),
                   R"({"accountIds":["111122223333","123456789012"]})"),
              "GetRemainingFreeTrialDays");
  };
  // The detector exists since the first log, long ago.
  std::string body = ask("own");
  EXPECT_THAT(body, HasSubstr(R"("cloudTrail":{"freeTrialDaysRemaining":0})"));
  EXPECT_THAT(body, HasSubstr(R"({"name":"EKS_RUNTIME_MONITORING","freeTrialDaysRemaining":30})"));
  EXPECT_THAT(body, HasSubstr(R"("unprocessedAccounts":[{"accountId":"123456789012")"));
  send("own", "POST", "/detector", R"({"enable":true})");
  now += 10 * day_ms;
  EXPECT_THAT(ask("own"), HasSubstr(R"({"name":"FLOW_LOGS","freeTrialDaysRemaining":20})"));
  EXPECT_THAT(ask("foreign"), HasSubstr(R"("accounts":[],)"));
}

}  // namespace
}  // namespace picket::api
