// restJson1 as its specification has it, for what a server must take and must refuse: one row a case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;

constexpr const char* own = "111122223333";

struct Case {
  const char* what;
  const char* method;
  const char* path;  // behind "/detector/ID" when it begins with "~"
  const char* query;
  const char* body;
  const char* refused;  // the parameter named by the refusal; empty: answered with 200
};

constexpr Case cases[] = {
    // Bodies
    {"absent body", "POST", "~/findings", "", "", ""},
    {"blank body", "POST", "~/findings", "", " \r\n\t", ""},
    {"empty object", "POST", "~/findings", "", "{}", ""},
    {"blanks around", "POST", "~/findings", "", " \n{ } \n", ""},
    {"null is absent", "POST", "~/findings", "",
     R"({"maxResults":null,"sortCriteria":null,"nextToken":null})", ""},
    {"null is no value for what is required", "POST", "~/findings/get", "", R"({"findingIds":null})",
     "findingIds"},
    {"unknown members", "POST", "~/findings", "", R"({"more":{"a":[1]},"maxResults":5})", ""},
    {"members in any order and with escapes", "POST", "~/findings", "",
     "{\"maxResults\":5,\"\\u0073ortCriteria\":{\"orderBy\":\"ASC\",\"attributeName\":\"id\"}}", ""},
    {"no object", "POST", "~/findings", "", "[]", "body"},
    {"text behind the object", "POST", "~/findings", "", "{} {}", "body"},
    {"cut short", "POST", "~/findings", "", R"({"maxResults":5)", "body"},
    {"no UTF-8", "POST", "~/findings", "", "{\"nextToken\":\"\xff\"}", "body"},
    {"trailing comma", "POST", "~/findings", "", R"({"maxResults":5,})", "body"},
    {"single quotes", "POST", "~/findings", "", "{'maxResults':5}", "body"},
    {"an operation without body ignores it", "GET", "/detector", "", "{}", ""},
    // Kinds of values
    {"integer in quotes", "POST", "~/findings", "", R"({"maxResults":"5"})", "maxResults"},
    {"integer with a fraction", "POST", "~/findings", "", R"({"maxResults":5.5})", "maxResults"},
    {"integer beyond 64 bits", "POST", "~/findings", "", R"({"maxResults":18446744073709551616})", "body"},
    {"boolean as integer", "POST", "~", "", R"({"enable":1})", "enable"},
    {"boolean in quotes", "POST", "~", "", R"({"enable":"true"})", "enable"},
    {"boolean in capitals", "POST", "~", "", R"({"enable":True})", "body"},
    {"string as number", "POST", "~/findings/statistics", "", R"({"groupBy":7})", "groupBy"},
    {"unknown value of an enumeration", "POST", "~/findings/statistics", "", R"({"groupBy":"severity"})",
     "groupBy"},
    {"list as object", "POST", "~/findings/get", "", R"({"findingIds":{}})", "findingIds"},
    {"list as string", "POST", "~/findings/get", "", R"({"findingIds":"a"})", "findingIds"},
    {"null in a list", "POST", "~/findings/get", "", R"({"findingIds":[null]})", "findingIds"},
    {"list in a list", "POST", "~/findings/get", "", R"({"findingIds":[["a"]]})", "findingIds"},
    {"structure as list", "POST", "~/findings", "", R"({"sortCriteria":[]})", "sortCriteria"},
    {"map as list", "POST", "~/findings", "", R"({"findingCriteria":{"criterion":[]}})",
     "findingCriteria.criterion"},
    {"null in a map", "POST", "/detector", "", R"({"enable":true,"tags":{"a":null}})", "tags.a"},
    {"empty list", "POST", "~/findings/get", "", R"({"findingIds":[]})", ""},
    {"empty map", "POST", "~/findings", "", R"({"findingCriteria":{"criterion":{}}})", ""},
    {"timestamp in quotes", "POST", "/malware-scan/start", "",
     R"({"resourceArn":"arn:aws:backup:eu-central-1:111122223333:recovery-point:0","scanConfiguration":{"role":"r",
         "recoveryPoint":{"backupVaultName":"v","continuousScanDetails":{"endTime":"2026-11-24T03:10:50Z"}}}})",
     "scanConfiguration.recoveryPoint.continuousScanDetails.endTime"},
    {"timestamp with a fraction", "POST", "/malware-scan/start", "",
     R"({"resourceArn":"arn:aws:backup:eu-central-1:444455556666:recovery-point:0","scanConfiguration":{"role":"r",
         "recoveryPoint":{"backupVaultName":"v","continuousScanDetails":{"endTime":1795489850.123}}}})",
     "resourceArn"},
    // Parameters of the query
    {"query", "GET", "/detector", "maxResults=5", "", ""},
    {"query in any order", "GET", "/detector", "nextToken=&maxResults=5", "", ""},
    {"unknown query keys", "GET", "/detector", "maxResults=5&more=x", "", ""},
    {"escaped query", "GET", "/detector", "max%52esults=%35", "", ""},
    {"repeated key that is no list", "GET", "/detector", "maxResults=5&maxResults=6", "", "maxResults"},
    {"integer of the query that is none", "GET", "/detector", "maxResults=5x", "", "maxResults"},
    {"integer of the query out of range", "GET", "/detector", "maxResults=-1", "", "maxResults"},
};

class ProtocolTest : public ::testing::Test, protected test::Harness {};

TEST_F(ProtocolTest, EveryCase) {
  seen = {own};
  profile("own", own);
  start();
  for (const Case& row : cases) {
    std::string path = row.path;
    if (path.starts_with('~')) path = at("own", path.substr(1));
    const Response response = send("own", row.method, path, row.body, row.query);
    if (*row.refused == '\0') {
      EXPECT_EQ(response.status, 200U) << row.what << ": " << response.body;
      continue;
    }
    EXPECT_EQ(response.status, 400U) << row.what << ": " << response.body;
    const std::string text = std::string_view(row.refused) == "body"
                                 ? "the body is not a JSON object"
                                 : "parameter " + std::string(row.refused) + " has an invalid value";
    EXPECT_THAT(response.body, HasSubstr(text)) << row.what;
  }
}

TEST_F(ProtocolTest, RepeatedKeysOfTheQueryMakeAList) {
  seen = {own};
  profile("own", own);
  start();
  const std::string arn =
      "/tags/arn%3Aaws%3Aguardduty%3Aeu-central-1%3A111122223333%3Adetector%2F" + detector("own");
  send("own", "POST", arn, R"({"tags":{"a b":"1","c":"Z\u00fcrich ☃","d":""}})");
  EXPECT_THAT(ok(send("own", "GET", arn), "ListTagsForResource"), HasSubstr(R"("c":"Zürich ☃","d":"")"));
  const Response gone = send("own", "DELETE", arn, "", "tagKeys=a%20b&tagKeys=d");
  EXPECT_EQ(gone.status, 204U);
  EXPECT_EQ(gone.body, "");
  EXPECT_EQ(ok(send("own", "GET", arn), "ListTagsForResource"), R"({"tags":{"c":"Zürich ☃"}})");
}

TEST_F(ProtocolTest, TimesAreSecondsWithAFractionOrText) {
  seen = {own};
  profile("own", own);
  start();
  add_finding(std::string(32, '1'), own);
  const std::string groups =
      ok(send("own", "POST", at("own", "/findings/statistics"), R"({"groupBy":"ACCOUNT"})"),
         "GetFindingsStatistics");
  EXPECT_THAT(groups, HasSubstr(R"("lastGeneratedAt":1700000000.000)"));
  const std::string shown = ok(send("own", "GET", at("own", "")), "GetDetector");
  EXPECT_THAT(shown, HasSubstr(R"("createdAt":"2023-11-14T22:13:20.000Z")"));
  EXPECT_THAT(shown, HasSubstr(R"("updatedAt":1700000000.000)"));
}

}  // namespace
}  // namespace picket::api
