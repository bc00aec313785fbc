// The API as a client sees it, signed requests in and responses out, without a socket.
#include "api/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "api/site.h"
#include "finding/detector_id.h"
#include "store/sqlite_store.h"

namespace picket::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* account_a = "111122223333";
constexpr const char* account_b = "444455556666";
constexpr const char* region = "eu-central-1";

std::string header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "picket_api_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
    admin = *aws::create_credential(dir, {"default", account_a, aws::Role::administrator, region});
    member = *aws::create_credential(dir, {"member", account_b, aws::Role::member, region});
    reader = *aws::create_credential(dir, {"reader", account_a, aws::Role::read_only, region});
    responder = *aws::create_credential(dir, {"responder", account_a, aws::Role::responder, region});
    other = *aws::create_credential(dir, {"other", "777788889999", aws::Role::administrator, region});
    keys = std::move(*aws::KeyStore::open(dir));
    store = std::move(*open_sqlite_store(dir / "findings.db"));
    Backend backend{
        .store = store.get(),
        .first_seen = [](std::string_view account, std::string_view wanted) -> std::optional<TimeMs> {
          if (wanted != region || account == "777788889999") return std::nullopt;
          return 1'700'000'000'000;
        },
        .now = [this] { return now; }};
    service = std::make_unique<Service>(backend, *keys);
    std::vector<FindingRow> rows;
    for (unsigned i = 0; i < 60; ++i) rows.push_back(row(i, i % 3 == 0 ? account_b : account_a));
    ASSERT_EQ(store->apply(rows, {}, 1, {}, now)->inserted, 60U);
  }
  void TearDown() override {
    service.reset();
    store.reset();
    fs::remove_all(dir);
  }

  static std::string id_of(unsigned number) {
    char text[33];
    std::snprintf(text, sizeof text, "%032x", number + 1);
    return text;
  }
  static FindingRow row(unsigned i, const std::string& account) {
    FindingRow out;
    out.id = id_of(i);
    out.account = account;
    out.region = region;
    out.type = i % 2 == 0 ? "Recon:EC2/Portscan" : "Stealth:IAMUser/CloudTrailLoggingDisabled";
    out.detector_id = detector_id_of(account, region);
    out.severity = i % 2 == 0 ? 5 : 2;
    out.created_at = out.updated_at = out.first_seen = out.last_seen = 1'700'000'000'000 + i * 1000;
    out.count = 1;
    out.epoch = 1;
    out.document =
        R"({"schemaVersion":"2.0","accountId":")" + account + R"(","region":")" + region + R"(","id":")" +
        out.id + R"(","arn":"a","type":")" + out.type + R"(","severity":)" +
        std::to_string(static_cast<int>(out.severity)) + R"(,"createdAt":")" + format_time(out.created_at) +
        R"(","updatedAt":")" + format_time(out.updated_at) +
        R"(","resource":{"resourceType":"AccessKey"},"service":{"count":1,"additionalInfo":{"picket":{"detector":"x"}}}})";
    return out;
  }

  Response send(const aws::Credential& who, std::string_view method, std::string_view path,
                std::string_view body = "", std::string_view query = "", const std::string& where = region) {
    std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}, {"Content-Type", "application/json"}};
    aws::HttpRequest request{method, path, query, headers, body};
    const auto added =
        aws::sign(request, {who.access_key_id, who.secret_access_key, ""}, {where, "guardduty"}, now);
    for (const auto& [name, value] : added) headers.push_back({name, value});
    request.headers = headers;
    return service->handle(request);
  }
  // Each call a second later, as clients that wait for an answer before they change something again.
  Response later(const aws::Credential& who, std::string_view method, std::string_view path,
                 std::string_view body = "", std::string_view query = "") {
    now += 3000;
    return send(who, method, path, body, query);
  }
  std::string detector(const aws::Credential& who) const { return detector_id_of(who.account, region); }
  std::string at(const aws::Credential& who, const std::string& rest) const {
    return "/detector/" + detector(who) + rest;
  }
  // Parses an answer and checks it against the service model, unknown members refused.
  simdjson::dom::element model_checked(const Response& response, std::string_view operation) {
    EXPECT_EQ(response.status, find_operation(operation)->status) << response.body;
    const auto root = parser.parse(response.body).value();
    const auto wrong = validate_value(find_operation(operation)->output, root, "", Unknown::refused);
    EXPECT_FALSE(wrong) << wrong->parameter << ' ' << wrong->why << '\n' << response.body.substr(0, 2000);
    return root;
  }
  std::vector<std::string> ids(const Response& response) {
    std::vector<std::string> out;
    for (const auto id : simdjson::dom::array(model_checked(response, "ListFindings")["findingIds"]))
      out.emplace_back(std::string_view(id));
    return out;
  }
  void expect_error(const Response& response, unsigned status, std::string_view type, std::string_view text) {
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(header(response, "x-amzn-ErrorType"), type);
    EXPECT_THAT(response.body, HasSubstr(text));
  }

  fs::path dir;
  TimeMs now = *parse_time("2026-11-24T03:10:50Z");
  aws::Credential admin, member, reader, responder, other;
  std::unique_ptr<aws::KeyStore> keys;
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<Service> service;
  simdjson::dom::parser parser;
};

constexpr std::string_view not_owned =
    "The request is rejected because the input detectorId is not owned by the current account.";

TEST_F(ServiceTest, ErrorsHaveGuardDutysForm) {
  const Response response = send(admin, "GET", "/detector/short");
  expect_error(
      response, 400, "BadRequestException",
      R"({"message":"The request is rejected because the parameter detectorId has an invalid value.",)"
      R"("__type":"InvalidInputException","type":"InvalidInputException"})");
  EXPECT_EQ(header(response, "Content-Type"), "application/json");
  EXPECT_EQ(header(response, "x-amzn-RequestId").size(), 36U);
}

TEST_F(ServiceTest, UnsignedCallsAreRefusedBeforeAnythingElse) {
  const std::vector<aws::HttpHeader> headers{{"Host", "x"}};
  expect_error(service->handle({"GET", "/detector", "", headers, ""}), 403,
               "MissingAuthenticationTokenException", "Missing Authentication Token");
  aws::Credential thief = admin;
  thief.secret_access_key.back() ^= 1;
  expect_error(send(thief, "POST", at(admin, "/findings"), "{broken"), 403, "InvalidSignatureException",
               "does not match");
  thief.access_key_id = "AKIAUNKNOWN";
  expect_error(send(thief, "GET", "/detector"), 403, "UnrecognizedClientException", "security token");
}

TEST_F(ServiceTest, EveryOperationIsRoutedAndAuthenticated) {
  const std::vector<aws::HttpHeader> unsigned_headers{{"Host", "x"}};
  for (const Operation& operation : operations()) {
    std::string path;
    for (const char c : operation.uri) path += c == '{' || c == '}' ? '_' : c;
    const Response response = service->handle({operation.method, path, "", unsigned_headers, ""});
    EXPECT_EQ(response.status, 403U) << operation.name;
  }
  expect_error(send(admin, "GET", "/nothing"), 404, "UnknownOperationException", "GET /nothing");
  expect_error(
      send(admin, "POST", at(admin, "/findings"), R"({"maxResults": 51})"), 400, "BadRequestException",
      "The request is rejected because the parameter maxResults has an invalid value. Reason: value 51 is "
      "not within 1 and 50.");
}

TEST(Handlers, EveryOperationHasOne) {
  EXPECT_EQ(operations().size(), 103U);
  for (const Operation& operation : operations())
    EXPECT_NE(handler_of(operation.name), nullptr) << operation.name;
  EXPECT_EQ(handler_of("ListNothing"), nullptr);
}

TEST_F(ServiceTest, InputsAreValidatedByTheModel) {
  expect_error(send(admin, "POST", at(admin, "/member"), R"({"accountDetails": []})"), 400,
               "BadRequestException", "parameter accountDetails has an invalid value");
}

TEST_F(ServiceTest, DetectorExistsByItselfAndIsAdoptedOnce) {
  const auto listed = model_checked(send(admin, "GET", "/detector"), "ListDetectors");
  EXPECT_EQ(std::string_view(listed["detectorIds"].at(0)), detector(admin));
  const auto before = model_checked(send(admin, "GET", at(admin, "")), "GetDetector");
  EXPECT_EQ(std::string_view(before["status"]), "ENABLED");
  EXPECT_EQ(std::string_view(before["findingPublishingFrequency"]), "SIX_HOURS");

  const std::string body =
      R"({"enable": true, "findingPublishingFrequency": "ONE_HOUR", "clientToken": "t1", "tags": {"env": "test"}})";
  const auto made = model_checked(later(admin, "POST", "/detector", body), "CreateDetector");
  EXPECT_EQ(std::string_view(made["detectorId"]), detector(admin));
  model_checked(later(admin, "POST", "/detector", body), "CreateDetector");  // same token, same input
  expect_error(later(admin, "POST", "/detector", R"({"enable": true})"), 400, "BadRequestException",
               "The request is rejected because a detector already exists for the current account.");
  expect_error(later(admin, "POST", "/detector", R"({"enable": false, "clientToken": "t1"})"), 400,
               "BadRequestException", "clientToken was used before with other parameters");
  now += client_token_kept;
  expect_error(later(admin, "POST", "/detector", body), 400, "BadRequestException", "already exists");
  const auto after = model_checked(send(admin, "GET", at(admin, "")), "GetDetector");
  EXPECT_EQ(std::string_view(after["findingPublishingFrequency"]), "ONE_HOUR");
  EXPECT_EQ(std::string_view(after["tags"]["env"]), "test");
}

TEST_F(ServiceTest, DetectorUpdatesAndTheDeprecatedTwin) {
  const auto status_of = [&](std::string_view feature) -> std::string {
    const auto shown = model_checked(send(admin, "GET", at(admin, "")), "GetDetector");
    for (const auto row : simdjson::dom::array(shown["features"]))
      if (std::string_view(row["name"]) == feature) return std::string(std::string_view(row["status"]));
    return "";
  };
  EXPECT_EQ(status_of("S3_DATA_EVENTS"), "ENABLED");
  EXPECT_EQ(status_of("RUNTIME_MONITORING"), "DISABLED");
  EXPECT_EQ(status_of("CLOUD_TRAIL"), "ENABLED");
  EXPECT_EQ(later(admin, "POST", at(admin, ""),
                  R"({"dataSources": {"s3Logs": {"enable": false}, "malwareProtection":
                      {"scanEc2InstanceWithFindings": {"ebsVolumes": false}}}})")
                .body,
            "{}");
  EXPECT_EQ(status_of("S3_DATA_EVENTS"), "DISABLED");
  EXPECT_EQ(status_of("EBS_MALWARE_PROTECTION"), "DISABLED");
  EXPECT_EQ(
      later(admin, "POST", at(admin, ""),
            R"({"features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}, {"name": "RUNTIME_MONITORING",
                      "status": "ENABLED", "additionalConfiguration": [{"name": "EC2_AGENT_MANAGEMENT",
                      "status": "ENABLED"}]}]})")
          .body,
      "{}");
  const auto shown = model_checked(send(admin, "GET", at(admin, "")), "GetDetector");
  EXPECT_EQ(std::string_view(shown["dataSources"]["s3Logs"]["status"]), "ENABLED");
  EXPECT_THAT(simdjson::minify(shown), HasSubstr(R"("name":"EC2_AGENT_MANAGEMENT","status":"ENABLED")"));
  expect_error(later(admin, "POST", at(admin, ""),
                     R"({"features": [{"name": "EKS_RUNTIME_MONITORING", "status": "ENABLED"}]})"),
               400, "BadRequestException", "one or more input parameters have invalid values");
}

TEST_F(ServiceTest, DetectorDeletedAndMadeAgain) {
  EXPECT_EQ(send(admin, "DELETE", at(admin, "")).body, "{}");
  expect_error(send(admin, "GET", at(admin, "")), 400, "BadRequestException", not_owned);
  expect_error(send(admin, "POST", at(admin, "/findings"), "{}"), 400, "BadRequestException", not_owned);
  EXPECT_EQ(send(admin, "GET", "/detector").body, R"({"detectorIds":[]})");
  model_checked(later(admin, "POST", "/detector", R"({"enable": false})"), "CreateDetector");
  EXPECT_EQ(std::string_view(model_checked(send(admin, "GET", at(admin, "")), "GetDetector")["status"]),
            "DISABLED");
}

TEST_F(ServiceTest, NoDetectorWhereNothingWasSeen) {
  EXPECT_EQ(send(other, "GET", "/detector").body, R"({"detectorIds":[]})");
  EXPECT_EQ(send(admin, "GET", "/detector", "", "", "us-east-1").body, R"({"detectorIds":[]})");
}

TEST_F(ServiceTest, ListsInPages) {
  std::string token;
  std::vector<std::string> all;
  do {
    const Response page =
        send(admin, "POST", at(admin, "/findings"),
             R"({"maxResults": 25, "sortCriteria": {"attributeName": "createdAt", "orderBy": "ASC"},
                                   "nextToken": ")" +
                 token + "\"}");
    for (std::string& id : ids(page)) all.push_back(std::move(id));
    token = std::string_view(parser.parse(page.body).value()["nextToken"]);
  } while (!token.empty());
  ASSERT_EQ(all.size(), 60U);
  EXPECT_EQ(all.front(), id_of(0));
  EXPECT_EQ(all.back(), id_of(59));
  EXPECT_EQ(ids(send(admin, "POST", at(admin, "/findings"))).size(), 50U) << "no body means {}";
  expect_error(send(admin, "POST", at(admin, "/findings"), R"({"nextToken": "nonsense"})"), 400,
               "BadRequestException", "parameter nextToken");
}

TEST_F(ServiceTest, FiltersByOldAndNewOperators) {
  const auto listed = [&](const std::string& criterion) {
    return ids(send(admin, "POST", at(admin, "/findings"),
                    R"({"findingCriteria": {"criterion": )" + criterion + "}}"))
        .size();
  };
  EXPECT_EQ(listed(R"({"severity": {"eq": ["5"]}})"), 30U);
  EXPECT_EQ(listed(R"({"severity": {"equals": ["5"]}})"), 30U);
  EXPECT_EQ(listed(R"({"severity": {"gte": 5}})"), 30U);
  EXPECT_EQ(listed(R"({"severity": {"greaterThan": 5}})"), 0U);
  EXPECT_EQ(listed(R"({"type": {"neq": ["Recon:EC2/Portscan"]}})"), 30U);
  EXPECT_EQ(listed(R"({"updatedAt": {"lt": 1700000010000}})"), 10U);
  EXPECT_EQ(listed(R"({"updatedAt": {"lessThanOrEqual": 1700000010000}})"), 11U);
  EXPECT_EQ(listed(R"({"accountId": {"eq": ["444455556666"]}, "severity": {"eq": ["2"]}})"), 10U);
  for (const char* broken : {R"({"nonsense": {"eq": ["1"]}})", R"({"severity": {"matches": ["1"]}})"})
    expect_error(send(admin, "POST", at(admin, "/findings"),
                      std::string(R"({"findingCriteria": {"criterion": )") + broken + "}}"),
                 400, "BadRequestException", "parameter findingCriteria");
  expect_error(
      send(admin, "POST", at(admin, "/findings"), R"({"sortCriteria": {"attributeName": "nonsense"}})"), 400,
      "BadRequestException", "sortCriteria.attributeName");
}

TEST_F(ServiceTest, AccountsAreWalls) {
  const auto own = ids(send(member, "POST", at(member, "/findings"), "{}"));
  EXPECT_EQ(own.size(), 20U);
  expect_error(send(member, "POST", at(admin, "/findings"), "{}"), 400, "BadRequestException", not_owned);
  expect_error(send(member, "GET", at(admin, "")), 400, "BadRequestException", not_owned);
  expect_error(send(admin, "GET", at(member, "")), 400, "BadRequestException", not_owned);
  const Response foreign =
      send(member, "POST", at(member, "/findings/get"), R"({"findingIds": [")" + id_of(1) + "\"]}");
  EXPECT_EQ(foreign.body, R"({"findings":[]})");
  model_checked(send(other, "POST", "/detector", R"({"enable": true})"), "CreateDetector");
  EXPECT_TRUE(ids(send(other, "POST", at(other, "/findings"), "{}")).empty())
      << "a later administrator sees its own";
  expect_error(
      later(other, "POST", at(other, "/findings/archive"), R"({"findingIds": [")" + id_of(1) + "\"]}"), 400,
      "BadRequestException", "findingIds");
  EXPECT_EQ(ids(send(reader, "POST", at(reader, "/findings"), "{}")).size(), 40U);
}

TEST_F(ServiceTest, RolesAreWalls) {
  const std::string body = R"({"findingIds": [")" + id_of(1) + "\"]}";
  expect_error(send(reader, "POST", at(reader, "/findings/archive"), body), 403, "AccessDeniedException",
               "not authorized to perform: guardduty:ArchiveFindings");
  expect_error(send(reader, "DELETE", at(reader, "")), 403, "AccessDeniedException", "DeleteDetector");
  expect_error(send(responder, "POST", at(responder, ""), "{}"), 403, "AccessDeniedException",
               "UpdateDetector");
  EXPECT_EQ(send(responder, "POST", at(responder, "/findings/archive"), body).body, "{}");
  expect_error(send(member, "POST", at(member, "/findings/archive"), R"({"findingIds": []})"), 403,
               "AccessDeniedException", "ArchiveFindings");
  EXPECT_EQ(send(member, "POST", at(member, ""), R"({"enable": true})").body, "{}");
}

TEST(Roles, ReadingIsForAllAndListsForAdministrators) {
  for (const aws::Role role :
       {aws::Role::administrator, aws::Role::member, aws::Role::read_only, aws::Role::responder}) {
    EXPECT_TRUE(is_allowed(role, "GetFindings"));
    EXPECT_TRUE(is_allowed(role, "DescribeMalwareScans"));
    EXPECT_EQ(is_allowed(role, "CreateIPSet"), role == aws::Role::administrator);
    EXPECT_EQ(is_allowed(role, "UpdateFilter"), role == aws::Role::administrator);
    EXPECT_EQ(is_allowed(role, "UpdateFindingsFeedback"),
              role == aws::Role::administrator || role == aws::Role::responder);
    EXPECT_EQ(is_allowed(role, "CreateSampleFindings"),
              role == aws::Role::administrator || role == aws::Role::member);
  }
}

TEST_F(ServiceTest, GetsFindingsAsTheApiShowsThem) {
  const std::string body =
      R"({"findingIds": [")" + id_of(5) + "\",\"" + id_of(4) + "\",\"" + id_of(5) + "\"]}";
  const auto found = model_checked(send(admin, "POST", at(admin, "/findings/get"), body), "GetFindings");
  ASSERT_EQ(simdjson::dom::array(found["findings"]).size(), 2U);
  const auto first = found["findings"].at(0);
  EXPECT_EQ(std::string_view(first["id"]), id_of(5));
  EXPECT_EQ(bool(first["service"]["archived"]), false);
  EXPECT_EQ(std::string_view(first["service"]["additionalInfo"]["value"]), R"({"picket":{"detector":"x"}})");
  EXPECT_EQ(std::string_view(first["service"]["additionalInfo"]["type"]), "default");
  const std::string sorted = R"({"findingIds": [")" + id_of(5) + "\",\"" + id_of(4) +
                             R"("], "sortCriteria": {"attributeName": "createdAt", "orderBy": "ASC"}})";
  const auto in_order = model_checked(send(admin, "POST", at(admin, "/findings/get"), sorted), "GetFindings");
  EXPECT_EQ(std::string_view(in_order["findings"].at(0)["id"]), id_of(4));
}

TEST_F(ServiceTest, ArchivesAndUnarchives) {
  const std::string current =
      R"({"findingCriteria": {"criterion": {"service.archived": {"eq": ["false"]}}}, "maxResults": 50})";
  const std::string two = R"({"findingIds": [")" + id_of(1) + "\",\"" + id_of(2) + "\"]}";
  const auto archived = [&] {
    return store->count({}, *parse_criteria(R"({"criterion": {"service.archived": {"eq": ["true"]}}})"))
        .value();
  };
  EXPECT_EQ(send(admin, "POST", at(admin, "/findings/archive"), two).body, "{}");
  EXPECT_EQ(archived(), 2);
  EXPECT_EQ(send(admin, "POST", at(admin, "/findings/unarchive"), two).body, "{}");
  EXPECT_EQ(archived(), 0);
  EXPECT_EQ(send(admin, "POST", at(admin, "/findings/archive"), two).body, "{}")
      << "same second, same signature";
  EXPECT_EQ(archived(), 2);
  const std::string half = R"({"findingIds": [")" + id_of(1) + "\",\"" + std::string(32, 'f') + "\"]}";
  expect_error(later(admin, "POST", at(admin, "/findings/unarchive"), half), 400, "BadRequestException",
               "findingIds");
  EXPECT_EQ(archived(), 2) << "all or none";
  EXPECT_EQ(later(admin, "POST", at(admin, "/findings/feedback"),
                  R"({"feedback": "USEFUL", "findingIds": [")" + id_of(1) + "\"]}")
                .body,
            "{}");
  EXPECT_EQ(store->get({}, std::vector{id_of(1)})->front().feedback, "USEFUL");
}

TEST_F(ServiceTest, Statistics) {
  const auto stats = [&](const std::string& body) {
    return std::string(simdjson::minify(model_checked(
        send(admin, "POST", at(admin, "/findings/statistics"), body), "GetFindingsStatistics")));
  };
  EXPECT_EQ(stats(R"({"findingStatisticTypes": ["COUNT_BY_SEVERITY"]})"),
            R"({"findingStatistics":{"countBySeverity":{"2.0":30,"5.0":30}}})");
  EXPECT_EQ(
      stats(R"({"groupBy": "ACCOUNT"})"),
      R"({"findingStatistics":{"groupedByAccount":[{"accountId":"111122223333","totalFindings":40,)"
      R"("lastGeneratedAt":1700000059.0},{"accountId":"444455556666","totalFindings":20,"lastGeneratedAt":1700000057.0}]}})");
  EXPECT_THAT(stats(R"({"groupBy": "FINDING_TYPE", "maxResults": 1, "orderBy": "ASC"})"),
              HasSubstr(R"("totalFindings":30)"));
  stats(R"({"groupBy": "DATE"})");
  stats(R"({"groupBy": "RESOURCE"})");
  stats(R"({"groupBy": "SEVERITY"})");
  for (const char* wrong : {"{}", R"({"findingStatisticTypes": ["COUNT_BY_SEVERITY"], "groupBy": "DATE"})"})
    expect_error(send(admin, "POST", at(admin, "/findings/statistics"), wrong), 400, "BadRequestException",
                 "one or more input parameters have invalid values");
  expect_error(send(admin, "POST", at(admin, "/findings/statistics"),
                    R"({"findingStatisticTypes": ["COUNT_BY_SEVERITY"], "orderBy": "ASC"})"),
               400, "BadRequestException", "orderBy");
}

TEST_F(ServiceTest, SamplesOfEveryTypeFitTheModel) {
  EXPECT_EQ(send(admin, "POST", at(admin, "/findings/create"), "{}").body, "{}");
  std::string token;
  std::size_t samples = 0;
  do {
    const Response page =
        send(admin, "POST", at(admin, "/findings"),
             R"({"findingCriteria": {"criterion": {"createdAt": {"gte": 1790000000000}}}, "nextToken": ")" +
                 token + "\"}");
    std::string wanted;
    for (const std::string& id : ids(page)) wanted += (wanted.empty() ? "\"" : ",\"") + id + '"';
    token = std::string_view(parser.parse(page.body).value()["nextToken"]);
    const auto found =
        model_checked(send(admin, "POST", at(admin, "/findings/get"), R"({"findingIds": [)" + wanted + "]}"),
                      "GetFindings");
    for (const auto finding : simdjson::dom::array(found["findings"])) {
      ++samples;
      EXPECT_TRUE(std::string_view(finding["title"]).starts_with("[SAMPLE] "));
      EXPECT_EQ(std::string_view(finding["service"]["additionalInfo"]["value"]), R"({"sample":true})");
      EXPECT_EQ(std::string_view(finding["accountId"]), account_a);
      EXPECT_EQ(simdjson::minify(finding).find("${"), std::string::npos);
    }
  } while (!token.empty());
  EXPECT_EQ(samples, 229U);
}

TEST_F(ServiceTest, SamplesOfNamedTypes) {
  EXPECT_EQ(send(admin, "POST", at(admin, "/findings/create"),
                 R"({"findingTypes": ["Recon:EC2/PortProbeUnprotectedPort"]})")
                .body,
            "{}");
  EXPECT_EQ(store->count({}, {}).value(), 61);
  expect_error(later(admin, "POST", at(admin, "/findings/create"), R"({"findingTypes": ["No:Such/Type"]})"),
               400, "BadRequestException", "findingTypes");
  EXPECT_EQ(store->count({}, {}).value(), 61);
}

TEST_F(ServiceTest, SamplesGoIntoAnEmptyStoreAndLeaveTheEpochAlone) {
  const auto fresh = open_sqlite_store(dir / "fresh.db");
  ASSERT_TRUE(fresh);
  Service alone({.store = fresh->get(),
                 .first_seen = [](std::string_view, std::string_view) { return std::optional<TimeMs>(1); },
                 .now = [this] { return now; }},
                *keys);
  std::vector<aws::HttpHeader> headers{{"Host", "h"}};
  const std::string path = at(admin, "/findings/create");
  aws::HttpRequest request{"POST", path, "", headers, "{}"};
  const auto added =
      aws::sign(request, {admin.access_key_id, admin.secret_access_key, ""}, {region, "guardduty"}, now);
  for (const auto& [name, value] : added) headers.push_back({name, value});
  request.headers = headers;
  EXPECT_EQ(alone.handle(request).body, "{}");
  EXPECT_EQ((*fresh)->count({}, {}).value(), 229);
  EXPECT_EQ((*fresh)->last_epoch().value(), 0U);
}

TEST_F(ServiceTest, Tags) {
  const std::string arn =
      std::string("arn:aws:guardduty:") + region + ':' + account_a + ":detector/" + detector(admin);
  const std::string path = "/tags/" + aws::uri_encode(arn);
  const Response tagged = send(admin, "POST", path, R"({"tags": {"env": "prod", "a b": "Zürich"}})");
  EXPECT_EQ(tagged.status, 204U);
  EXPECT_EQ(tagged.body, "");
  EXPECT_EQ(send(admin, "GET", path).body, R"({"tags":{"a b":"Zürich","env":"prod"}})");
  EXPECT_EQ(later(admin, "DELETE", path, "", "tagKeys=env&tagKeys=none").status, 204U);
  EXPECT_EQ(send(admin, "GET", path).body, R"({"tags":{"a b":"Zürich"}})");
  const std::string foreign =
      std::string("arn:aws:guardduty:") + region + ':' + account_b + ":detector/" + detector(member);
  expect_error(send(admin, "GET", "/tags/" + aws::uri_encode(foreign)), 400, "BadRequestException",
               not_owned);
  expect_error(send(admin, "GET", "/tags/" + aws::uri_encode(arn + "/filter/x")), 400, "BadRequestException",
               "no such resource found");
}

TEST_F(ServiceTest, ReplayedChangeGetsTheFirstAnswer) {
  const std::string create = at(admin, "/findings/create");
  const std::string body = R"({"findingTypes": ["Recon:EC2/Portscan"]})";
  const auto total = [&] { return store->count({}, {}).value(); };
  std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}, {"Content-Type", "application/json"}};
  aws::HttpRequest request{"POST", create, "", headers, body};
  const auto added =
      aws::sign(request, {admin.access_key_id, admin.secret_access_key, ""}, {region, "guardduty"}, now);
  for (const auto& [name, value] : added) headers.push_back({name, value});
  request.headers = headers;
  EXPECT_EQ(service->handle(request).status, 200U);
  EXPECT_EQ(total(), 61);
  now += 4 * minute_ms;
  send(admin, "POST", at(admin, ""), "{}");
  EXPECT_EQ(service->handle(request).status, 200U);
  EXPECT_EQ(total(), 61);
}

TEST_F(ServiceTest, TooManyCallsOfAKeyAreThrottled) {
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(send(admin, "GET", "/detector").status, 200U);
  expect_error(send(admin, "GET", "/detector"), 429, "TooManyRequestsException", "Too many requests");
  EXPECT_EQ(send(reader, "GET", "/detector").status, 200U);
  EXPECT_EQ(later(admin, "GET", "/detector").status, 200U);
}

TEST_F(ServiceTest, BodiesThatAreNoJsonObject) {
  for (const char* body : {"{", "[]", "7", "\"x\"", "\xff\xfe"})
    expect_error(send(admin, "POST", at(admin, "/findings"), body), 400, "BadRequestException",
                 "not a JSON object");
  std::string deep(100, '[');
  deep += std::string(100, ']');
  expect_error(send(admin, "POST", at(admin, "/findings"), R"({"x": )" + deep + "}"), 400,
               "BadRequestException", "not a JSON object");
}

TEST_F(ServiceTest, SiteServesHealthMetricsAndAPage) {
  std::string trouble;
  Site site(*service, {.metrics = [] { return std::string("picket_up 1\n"); },
                       .unhealthy = [&] { return trouble; },
                       .not_ready = [&] { return trouble.empty() ? "" : "because " + trouble; }});
  const auto get = [&](std::string_view path) { return site.handle({"GET", path, "", {}, ""}); };
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_EQ(get("/readyz").body, "ok\n");
  trouble = "the disk is full";
  EXPECT_EQ(get("/healthz").status, 503U);
  EXPECT_EQ(get("/readyz").body, "because the disk is full\n");
  trouble.clear();
  site.stopping();
  EXPECT_EQ(get("/healthz").status, 200U);
  EXPECT_EQ(get("/readyz").status, 503U);
  send(admin, "GET", "/detector");
  EXPECT_THAT(get("/metrics").body,
              HasSubstr("picket_api_requests_total{operation=\"ListDetectors\",status=\"200\"} 1\n"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("picket_up 1\n"));
  EXPECT_THAT(header(get("/"), "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(get("/").body, HasSubstr("<h1>picket</h1>"));
  EXPECT_EQ(get("/detector").status, 403U);
}

}  // namespace
}  // namespace picket::api
