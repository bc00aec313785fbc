// IP sets, threat intel sets and entity sets as clients see them; fetching is pipeline/list_keeper's.
#include "store/list_sets.h"

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* account = "111122223333";

struct Kind {
  ListSetKind kind;
  std::string path, id, create, get, list, update, remove;
  unsigned most;
  bool tells_times;
};
const std::vector<Kind> kinds{
    {ListSetKind::ip_set, "/ipset", "ipSetId", "CreateIPSet", "GetIPSet", "ListIPSets", "UpdateIPSet",
     "DeleteIPSet", 1, false},
    {ListSetKind::threat_intel_set, "/threatintelset", "threatIntelSetId", "CreateThreatIntelSet",
     "GetThreatIntelSet", "ListThreatIntelSets", "UpdateThreatIntelSet", "DeleteThreatIntelSet", 6, false},
    {ListSetKind::threat_entity_set, "/threatentityset", "threatEntitySetId", "CreateThreatEntitySet",
     "GetThreatEntitySet", "ListThreatEntitySets", "UpdateThreatEntitySet", "DeleteThreatEntitySet", 6, true},
    {ListSetKind::trusted_entity_set, "/trustedentityset", "trustedEntitySetId", "CreateTrustedEntitySet",
     "GetTrustedEntitySet", "ListTrustedEntitySets", "UpdateTrustedEntitySet", "DeleteTrustedEntitySet", 1,
     true}};

class ListSetsTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    harness.seen = {account};
    harness.profile("admin", account);
    harness.start();
  }
  Response create(const std::string& more = "", const std::string& location = "s3://lists/block.txt") {
    return harness.send("admin", "POST", harness.at("admin", GetParam().path),
                        R"({"name":"block list","format":"TXT","location":")" + location +
                            R"(","activate":true)" + (more.empty() ? "" : "," + more) + "}");
  }
  std::string created(const std::string& more = "") {
    const std::string body = harness.ok(create(more), GetParam().create);
    simdjson::dom::parser parser;
    return std::string(std::string_view(parser.parse(body)[GetParam().id]));
  }
  Response call(std::string_view method, const std::string& id, std::string_view body = "") {
    return harness.send("admin", method, harness.at("admin", GetParam().path + "/" + id), body);
  }
  std::string got(const std::string& id) { return harness.ok(call("GET", id), GetParam().get); }
  // What the keeper does, without its fetching.
  void move(const std::string& id, ListSetStatus status) {
    auto set =
        load_list_set(*harness.store, GetParam().kind, account, test::Harness::region, id).value().value();
    set.status = status;
    const SettingChange change = save_change(set);
    ASSERT_TRUE(harness.store->change_settings({&change, 1}));
  }
  test::Harness harness;
};

TEST_P(ListSetsTest, GoThroughTheirStates) {
  const std::string id = created(R"("tags":{"env":"test"},"expectedBucketOwner":"111122223333")");
  EXPECT_EQ(id.size(), 32U);
  const std::string fresh = got(id);
  EXPECT_THAT(fresh, HasSubstr(R"("name":"block list","format":"TXT","location":"s3://lists/block.txt")"));
  EXPECT_THAT(fresh, HasSubstr(R"("expectedBucketOwner":"111122223333","status":"ACTIVATING")"));
  EXPECT_THAT(fresh, HasSubstr(R"("tags":{"env":"test"})"));
  EXPECT_EQ(fresh.find("createdAt") != std::string::npos, GetParam().tells_times);
  move(id, ListSetStatus::active);
  harness.ok(call("POST", id, R"({"name":"renamed"})"), GetParam().update);
  EXPECT_THAT(got(id), HasSubstr(R"("name":"renamed")"));
  EXPECT_THAT(got(id), HasSubstr(R"("status":"ACTIVE")"));
  harness.ok(call("POST", id, R"({"location":"s3://lists/other.txt"})"), GetParam().update);
  EXPECT_THAT(got(id), HasSubstr(R"("status":"ACTIVATING")"));
  move(id, ListSetStatus::active);
  harness.ok(call("POST", id, R"({"activate":true})"), GetParam().update);
  EXPECT_THAT(got(id), HasSubstr(R"("status":"ACTIVATING")"));
  harness.ok(call("POST", id, R"({"activate":false})"), GetParam().update);
  EXPECT_THAT(got(id), HasSubstr(R"("status":"DEACTIVATING")"));
  harness.ok(call("DELETE", id), GetParam().remove);
  EXPECT_THAT(got(id), HasSubstr(R"("status":"DELETE_PENDING")"));
  move(id, ListSetStatus::deleted);
  EXPECT_THAT(got(id), HasSubstr(R"("status":"DELETED")"));
  EXPECT_THAT(harness.ok(harness.send("admin", "GET", harness.at("admin", GetParam().path)), GetParam().list),
              Not(HasSubstr(id)));
  EXPECT_EQ(call("DELETE", id).status, 400U);
  EXPECT_EQ(call("POST", id, R"({"activate":true})").status, 400U);
}

TEST_P(ListSetsTest, AreFewPerAccountAndRegion) {
  std::vector<std::string> ids;
  for (unsigned i = 0; i < GetParam().most; ++i) ids.push_back(created());
  const Response over = create();
  EXPECT_EQ(over.status, 400U);
  EXPECT_THAT(over.body, HasSubstr("reached the limit of " + std::to_string(GetParam().most)));
  harness.ok(call("DELETE", ids.back()), GetParam().remove);
  created();
}

TEST_P(ListSetsTest, RefuseWhatCannotBe) {
  for (const char* location : {"http://192.0.2.1/list", "ftp://host/list", "lists/block.txt", "/etc/passwd"})
    EXPECT_THAT(create("", location).body, HasSubstr("parameter location has an invalid value")) << location;
  const Response absent = call("GET", std::string(32, '0'));
  EXPECT_EQ(absent.status, 400U);
  EXPECT_THAT(absent.body, HasSubstr("no such resource found"));
  EXPECT_EQ(harness
                .send("admin", "POST", harness.at("admin", GetParam().path),
                      R"({"name":"n","format":"XML","location":"s3://lists/a","activate":true})")
                .status,
            400U);
}

TEST_P(ListSetsTest, HaveTags) {
  const std::string id = created(R"("tags":{"env":"test"})");
  const std::string arn = "arn%3Aaws%3Aguardduty%3A" + std::string(test::Harness::region) + "%3A" + account +
                          "%3Adetector%2F" + harness.detector("admin") + "%2F" + GetParam().path.substr(1) +
                          "%2F" + id;
  harness.send("admin", "POST", "/tags/" + arn, R"({"tags":{"team":"blue"}})");
  EXPECT_THAT(got(id), HasSubstr(R"("tags":{"env":"test","team":"blue"})"));
  harness.send("admin", "DELETE", "/tags/" + arn, "", "tagKeys=env");
  EXPECT_THAT(harness.ok(harness.send("admin", "GET", "/tags/" + arn), "ListTagsForResource"),
              HasSubstr(R"({"tags":{"team":"blue"}})"));
  EXPECT_EQ(harness.send("admin", "GET", "/tags/" + arn.substr(0, arn.size() - 1) + "0").status,
            arn.ends_with('0') ? 200U : 400U);
}

INSTANTIATE_TEST_SUITE_P(AllKinds, ListSetsTest, ::testing::ValuesIn(kinds),
                         [](const auto& info) { return std::string(setting_kind(info.param.kind)); });

}  // namespace
}  // namespace picket::api
