// /picket/v1/ and investigations: who sees what, what is refused, and that reports stand on what is there.
#include "state/entities.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* ours = "111122223333";
constexpr const char* theirs = "444455556666";
constexpr std::int32_t attack_day = 20'780;  // 2026-11-23
constexpr const char* ana = "arn:aws:iam::111122223333:user/ana";
constexpr const char* stolen_id = "0123456789abcdef0123456789abcdef";

CallTally call(std::string account, std::string principal, std::string name, std::string ip, std::int32_t day,
               bool failed = false) {
  CallTally made;
  made.account = std::move(account);
  made.principal = std::move(principal);
  made.remote_ip = IpAddress::parse(ip);
  made.call = std::move(name);
  made.region = test::Harness::region;
  made.client = failed ? "python-requests/2" : "aws-cli/2";
  made.failed = failed;
  if (failed) made.error = "AccessDenied";
  made.count(TimeMs{day} * day_ms + 9 * hour_ms);
  return made;
}

class EntitiesApi : public ::testing::Test {
 protected:
  void SetUp() override {
    harness.seen = {ours, theirs};
    harness.profile("all", "999988887777");  // the first one administers every account
    harness.profile("us", ours);
    harness.profile("them", theirs);
    harness.profile("reader", ours, aws::Role::read_only);
    std::vector<CallTally> calls;
    for (std::int32_t day = attack_day - 20; day < attack_day; ++day)
      calls.push_back(call(ours, ana, "s3.amazonaws.com:ListBuckets", "198.51.100.7", day));
    for (const char* name : {"CreateUser", "AttachUserPolicy", "CreateAccessKey", "ListUsers", "GetUser"})
      calls.push_back(
          call(ours, ana, fmt::format("iam.amazonaws.com:{}", name), "203.0.113.5", attack_day, true));
    calls.push_back(call(theirs, "arn:aws:iam::444455556666:user/canary-7d1f", "s3.amazonaws.com:ListBuckets",
                         "203.0.113.5", attack_day));
    const auto place = [](const IpAddress& ip) -> std::optional<GeoPlace> {
      if (ip.to_string() == "203.0.113.5") return GeoPlace{"NL", 52.4, 4.9, 64501, "Elsewhere"};
      return GeoPlace{"DE", 52.5, 13.4, 64500, "Home"};
    };
    entities.add(calls, place);
    entities.end_epoch(0);
    FindingRow row;
    row.id = stolen_id;
    row.account = ours;
    row.region = test::Harness::region;
    row.type = "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom";
    row.detector_id = detector_id_of(ours, test::Harness::region);
    row.severity = 5;
    row.created_at = row.updated_at = row.first_seen = row.last_seen =
        TimeMs{attack_day} * day_ms + 9 * hour_ms;
    row.count = 5;
    row.epoch = 1;
    row.document = fmt::format(
        R"({{"schemaVersion":"2.0","accountId":"{0}","id":"{1}","type":"{2}","severity":5,"title":"Calls from a listed address",)"
        R"("description":"APIs were called from an address on a threat list.","resource":{{"resourceType":"AccessKey",)"
        R"("accessKeyDetails":{{"accessKeyId":"AKIAANA","userName":"ana","userType":"IAMUser","principalId":"AIDAANA"}}}},)"
        R"("service":{{"count":5,"eventFirstSeen":"2026-11-23T09:00:00.000Z","eventLastSeen":"2026-11-23T09:00:00.000Z",)"
        R"("action":{{"actionType":"AWS_API_CALL","awsApiCallAction":{{"api":"CreateUser","remoteIpDetails":{{"ipAddressV4":"203.0.113.5"}}}}}},)"
        R"("evidence":{{"threatIntelligenceDetails":[{{"threatListName":"my list","threatNames":[]}}]}}}}}})",
        ours, stolen_id, row.type);
    const auto applied = harness.store->apply(std::vector{row}, {}, 1, {}, harness.now);
    ASSERT_TRUE(applied);
    ASSERT_EQ(applied->inserted, 1U);
    Backend backend = harness.backend();
    backend.entities = &entities;
    backend.place = place;
    backend.usual = [](std::string_view, std::string_view, std::int32_t) {
      return UsualBehaviour{.days = 20,
                            .values = {{"api", {{"FREQUENT", {"s3.amazonaws.com:ListBuckets"}}}}}};
    };
    harness.service = std::make_unique<Service>(std::move(backend), *harness.keys);
  }
  Response get(const std::string& who, std::string_view path, std::string_view query = "") {
    return harness.send(who, "GET", path, "", query);
  }
  std::string entity_of_ana(std::string_view rest = "") {
    return fmt::format("kind=principal&name={}{}", "arn%3Aaws%3Aiam%3A%3A111122223333%3Auser%2Fana", rest);
  }
  std::string investigate(const std::string& who, const std::string& prompt) {
    const Response made = harness.send(who, "POST", harness.at(who, "/investigation"),
                                       fmt::format(R"({{"triggerPrompt":"{}"}})", prompt));
    EXPECT_EQ(made.status, 202U) << made.body;
    harness.ok(made, "CreateInvestigation");
    const std::size_t at = made.body.find(":\"") + 2;
    return made.body.substr(at, 32);
  }

  test::Harness harness;
  Entities entities{16U << 20};
};

TEST_F(EntitiesApi, FindsTheCallersOwnOnly) {
  const Response all = get("us", "/picket/v1/entities", "maxResults=10");
  EXPECT_EQ(all.status, 200U) << all.body;
  EXPECT_THAT(all.body, HasSubstr(ana));
  EXPECT_THAT(all.body, Not(HasSubstr("canary")));
  EXPECT_THAT(get("them", "/picket/v1/entities").body, HasSubstr("canary-7d1f"));
  EXPECT_THAT(get("us", "/picket/v1/entities", "contains=canary").body, HasSubstr(R"("entities":[])"));
  EXPECT_THAT(get("us", "/picket/v1/entities", "kind=address").body, HasSubstr("203.0.113.5"));
  const Response foreign = get("us", "/picket/v1/entities", fmt::format("account={}", theirs));
  EXPECT_THAT(foreign.body, HasSubstr(R"("entities":[])"));
}

TEST_F(EntitiesApi, TheAddressOfBothTellsEachItsHalf) {
  const Response mine = get("us", "/picket/v1/entity", "kind=address&name=203.0.113.5");
  EXPECT_EQ(mine.status, 200U) << mine.body;
  EXPECT_THAT(mine.body, HasSubstr(ana));
  EXPECT_THAT(mine.body, HasSubstr(stolen_id));
  EXPECT_THAT(mine.body, Not(HasSubstr("canary")));
  const Response other = get("them", "/picket/v1/entity", "kind=address&name=203.0.113.5");
  EXPECT_THAT(other.body, HasSubstr("canary-7d1f"));
  EXPECT_THAT(other.body, Not(HasSubstr(stolen_id)));
  // Absent and not yours look the same.
  const Response foreign = get("them", "/picket/v1/entity", entity_of_ana());
  const Response absent = get("them", "/picket/v1/entity", "kind=principal&name=nobody");
  EXPECT_EQ(foreign.status, 404U);
  EXPECT_EQ(foreign.body, absent.body);
}

TEST_F(EntitiesApi, ThePageTellsWhatIsNew) {
  const Response page =
      get("reader", "/picket/v1/entity", entity_of_ana("&from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z"));
  ASSERT_EQ(page.status, 200U) << page.body;
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(page.body);
  EXPECT_EQ(std::string_view(root["kind"]), "principal");
  EXPECT_FALSE(bool(root["isNew"]));
  EXPECT_EQ(std::uint64_t(root["baseline"]["days"]), 20U);
  EXPECT_EQ(std::uint64_t(root["baseline"]["perDay"]["median"]), 1U);
  EXPECT_EQ(simdjson::dom::array(root["activity"]["hours"]).size(), 1U);
  EXPECT_EQ(simdjson::dom::array(root["calls"]).size(), 5U);
  for (const simdjson::dom::element one : simdjson::dom::array(root["calls"])) {
    EXPECT_TRUE(bool(one["new"]));
    EXPECT_EQ(std::uint64_t(one["failed"]), 1U);
  }
  EXPECT_EQ(std::string_view(root["networks"].at(0)["value"]), "AS64501 Elsewhere");
  EXPECT_EQ(std::string_view(root["usual"]["values"]["api"]["FREQUENT"].at(0)),
            "s3.amazonaws.com:ListBuckets");
  EXPECT_EQ(std::string_view(root["neighbours"].at(0)["name"]), "203.0.113.5");
  EXPECT_EQ(double(root["neighbours"].at(0)["latitude"]), 52.4);
  EXPECT_EQ(std::string_view(root["findings"].at(0)["id"]), stolen_id);
  // By its short name the same.
  EXPECT_EQ(get("us", "/picket/v1/entity", "kind=principal&name=ana").status, 200U);
}

TEST_F(EntitiesApi, RefusesWhatItDoesNotUnderstand) {
  for (const char* query :
       {"", "kind=planet&name=x", "kind=principal", "kind=principal&name=ana&from=yesterday",
        "kind=principal&name=ana&from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z"}) {
    const Response refused = get("us", "/picket/v1/entity", query);
    EXPECT_EQ(refused.status, 400U) << query << refused.body;
  }
  EXPECT_EQ(get("us", "/picket/v1/entities", "maxResults=0").status, 400U);
  EXPECT_EQ(get("us", "/picket/v1/entities", "maxResults=1000").status, 400U);
  EXPECT_EQ(get("us", "/picket/v1/planets").status, 404U);
  EXPECT_EQ(harness.send("us", "POST", "/picket/v1/entities", "{}").status, 404U);
  // Without a signature nobody is answered.
  const std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}};
  EXPECT_EQ(harness.service->handle({"GET", "/picket/v1/entities", "", headers, ""}).status, 403U);
}

TEST_F(EntitiesApi, WhoMayNotSeeFindingsSeesNoEntities) {
  const auto policy = aws::parse_policy(
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"guardduty:GetFindings","Resource":"*"}]})");
  ASSERT_TRUE(policy);
  const auto denied = aws::create_credential(
      harness.dir, {"denied", ours, aws::Role::administrator, test::Harness::region, *policy});
  ASSERT_TRUE(denied) << denied.error().message();
  for (const char* path : {"/picket/v1/entities", "/picket/v1/entity"})
    EXPECT_EQ(harness.send(*denied, "GET", path, "", "kind=principal&name=ana").status, 403U);
}

TEST_F(EntitiesApi, AnInvestigationOfAFindingIsSourced) {
  const std::string id = investigate("us", fmt::format("What is behind {}?", stolen_id));
  const Response text = get("us", harness.at("us", "/investigation/" + id));
  harness.ok(text, "GetInvestigation");
  EXPECT_THAT(text.body, HasSubstr(R"("status":"COMPLETED")"));
  EXPECT_THAT(text.body, HasSubstr(R"("investigationType":"FINDING")"));
  EXPECT_THAT(text.body, HasSubstr("networks new for arn:aws:iam::111122223333:user/ana: AS64501 Elsewhere"));
  const Response structured =
      harness.send("us", "GET", harness.at("us", "/investigation/" + id), "", "summaryFormat=STRUCTURED");
  harness.ok(structured, "GetInvestigation");
  EXPECT_THAT(structured.body, HasSubstr(R"("phase":"Initial Access")"));
  EXPECT_THAT(structured.body, Not(HasSubstr(R"("summary":)")));

  const Response report = get("us", "/picket/v1/investigations/" + id);
  ASSERT_EQ(report.status, 200U) << report.body;
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(report.body);
  const simdjson::dom::element first = root["hypotheses"].at(0);
  EXPECT_EQ(std::string_view(first["name"]), "stolen_credentials");
  EXPECT_EQ(std::string_view(first["assessment"]), "likely");
  for (const simdjson::dom::element one : simdjson::dom::array(root["hypotheses"])) {
    for (const char* side : {"supporting", "against"})
      for (const simdjson::dom::element evidence : simdjson::dom::array(one[side]))
        EXPECT_THAT(std::string(std::string_view(evidence["source"])), HasSubstr("/"));
  }
  EXPECT_GT(simdjson::dom::array(root["timeline"]).size(), 2U);
  EXPECT_GT(simdjson::dom::array(root["nextSteps"]).size(), 1U);

  const Response records = harness.send("us", "POST", harness.at("us", "/investigation/records"),
                                        fmt::format(R"({{"investigationId":"{}","maxResults":2}})", id));
  harness.ok(records, "ListInvestigationRecords");
  EXPECT_THAT(records.body, HasSubstr("nextToken"));
  const Response analyses =
      harness.send("us", "POST", harness.at("us", "/investigation/records"),
                   fmt::format(R"({{"investigationId":"{}","recordTypes":["ANALYSIS"]}})", id));
  harness.ok(analyses, "ListInvestigationRecords");
  EXPECT_THAT(analyses.body, Not(HasSubstr("FETCH")));
}

TEST_F(EntitiesApi, TheSameAgainIsTheSameReport) {
  const std::string prompt = fmt::format("{}", stolen_id);
  const std::string a = investigate("us", prompt), b = investigate("us", prompt);
  EXPECT_NE(a, b);
  EXPECT_EQ(get("us", "/picket/v1/investigations/" + a).body,
            get("us", "/picket/v1/investigations/" + b).body);
}

TEST_F(EntitiesApi, InvestigationsStayInTheirAccount) {
  const std::string id = investigate("us", "What happened in this account?");
  EXPECT_EQ(get("them", harness.at("them", "/investigation/" + id)).status, 404U);
  EXPECT_EQ(get("them", "/picket/v1/investigations/" + id).status, 404U);
  const Response list = harness.send("them", "POST", harness.at("them", "/investigation/list"), "{}");
  EXPECT_THAT(list.body, HasSubstr(R"("investigations":[])"));
  // Another's finding or account cannot be asked about, and looks like one that does not exist.
  const auto refused = [&](const std::string& prompt) {
    const Response answer = harness.send("them", "POST", harness.at("them", "/investigation"),
                                         fmt::format(R"({{"triggerPrompt":"{}"}})", prompt));
    EXPECT_EQ(answer.status, 400U) << answer.body;
    return answer.body;
  };
  EXPECT_EQ(refused(stolen_id), refused("ffffffffffffffffffffffffffffffff"));
  EXPECT_EQ(refused(ours), refused("999999999999"));
  EXPECT_EQ(harness.send("reader", "POST", harness.at("reader", "/investigation"), R"({"triggerPrompt":"x"})")
                .status,
            403U);
}

TEST_F(EntitiesApi, InvestigationsAreListedSortedAndFiltered) {
  const std::string finding = investigate("us", stolen_id);
  const std::string address = investigate("us", "203.0.113.5");
  const auto list = [&](const std::string& body) {
    return harness.ok(harness.send("us", "POST", harness.at("us", "/investigation/list"), body),
                      "ListInvestigations");
  };
  const std::string newest_first = list("{}");
  EXPECT_LT(newest_first.find(address), newest_first.find(finding));
  const std::string oldest_first = list(R"({"sortCriteria":{"attributeName":"START_TIME","orderBy":"ASC"}})");
  EXPECT_LT(oldest_first.find(finding), oldest_first.find(address));
  const std::string only =
      list(R"({"filterCriteria":{"criterion":{"INVESTIGATION_TYPE":{"equals":["FINDING"]}}}})");
  EXPECT_THAT(only, HasSubstr(finding));
  EXPECT_THAT(only, Not(HasSubstr(address)));
  const Response unknown = harness.send("us", "POST", harness.at("us", "/investigation/list"),
                                        R"({"filterCriteria":{"criterion":{"colour":{"equals":["red"]}}}})");
  EXPECT_EQ(unknown.status, 400U);
  // A hundred are kept.
  for (int i = 0; i < 100; ++i) investigate("us", "203.0.113.5");
  EXPECT_EQ(get("us", harness.at("us", "/investigation/" + finding)).status, 404U);
}

TEST_F(EntitiesApi, RecordsOfAFindingAreTheCallers) {
  const std::string path = fmt::format("/picket/v1/findings/{}/records", stolen_id);
  EXPECT_EQ(get("us", path).status, 200U);
  EXPECT_EQ(get("them", path).status, 404U);
}

TEST_F(EntitiesApi, FindingsAreToldInOcsfToWhoSeesThem) {
  const std::string unseen(32, '0');
  const auto ocsf = [&](const std::string& who, const std::string& ids) {
    return harness.send(who, "GET", "/picket/v1/findings/ocsf", "", "findingIds=" + ids);
  };
  const Response ours_told = ocsf("us", unseen + "," + stolen_id);
  ASSERT_EQ(ours_told.status, 200U) << ours_told.body;
  simdjson::dom::parser parser;
  const auto root = parser.parse(ours_told.body).value();
  const simdjson::dom::array findings = root["findings"];
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(std::int64_t(findings.at(0)["class_uid"]), 2004);
  EXPECT_EQ(std::string_view(findings.at(0)["cloud"]["account"]["uid"]), ours);
  EXPECT_EQ(ocsf("them", stolen_id).body, R"({"findings":[]})");
  for (const std::string& ids : {std::string(), std::string("x"), std::string(stolen_id) + ","})
    EXPECT_EQ(ocsf("us", ids).status, 400U) << ids;
  std::string many = stolen_id;
  for (int i = 0; i < 50; ++i) many += "," + unseen;
  EXPECT_EQ(ocsf("us", many).status, 400U);
}

}  // namespace
}  // namespace picket::api
