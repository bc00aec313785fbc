// Filters as clients see them.
#include "store/filters.h"

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* account = "111122223333";

class FiltersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    harness.seen = {account};
    harness.profile("admin", account);
    harness.start();
  }
  Response create(const std::string& name, const std::string& more = "",
                  const std::string& criterion = severity) {
    return harness.send("admin", "POST", harness.at("admin", "/filter"),
                        R"({"name":")" + name + R"(","findingCriteria":{"criterion":{)" + criterion + "}}" +
                            (more.empty() ? "" : "," + more) + "}");
  }
  Response call(std::string_view method, const std::string& name, std::string_view body = "") {
    return harness.send("admin", method, harness.at("admin", "/filter/" + name), body);
  }
  std::vector<std::string> listed(const std::string& query = "", std::string* next = nullptr) {
    const std::string body =
        harness.ok(harness.send("admin", "GET", harness.at("admin", "/filter"), "", query), "ListFilters");
    simdjson::dom::parser parser;
    const auto root = parser.parse(body).value();
    std::vector<std::string> names;
    for (const std::string_view name : simdjson::dom::array(root["filterNames"])) names.emplace_back(name);
    std::string_view token;
    if (next != nullptr) *next = root["nextToken"].get(token) == simdjson::SUCCESS ? std::string(token) : "";
    return names;
  }
  std::vector<std::pair<std::string, std::int64_t>> ranks() {
    std::vector<std::pair<std::string, std::int64_t>> out;
    const std::vector<FilterSettings> filters = load_filters(*harness.store).value();
    for (const FilterSettings& filter : filters) out.emplace_back(filter.name, filter.rank);
    return out;
  }
  static constexpr const char* severity = R"("severity":{"gte":4})";
  test::Harness harness;
};

TEST_F(FiltersTest, ReadBackAsTheyWereMade) {
  harness.ok(
      create(
          "low.noise_1", R"("action":"ARCHIVE","rank":7,"description":"quiet","tags":{"team":"blue"})",
          R"("type":{"equals":["Recon:EC2/Portscan"]},"resource.instanceDetails.tags.value":{"matches":["dev-*"]})"),
      "CreateFilter");
  const std::string filter = harness.ok(call("GET", "low.noise_1"), "GetFilter");
  EXPECT_THAT(filter, HasSubstr(R"("name":"low.noise_1","description":"quiet","action":"ARCHIVE","rank":7)"));
  EXPECT_THAT(filter, HasSubstr(R"("type":{"equals":["Recon:EC2/Portscan"]})"));
  EXPECT_THAT(filter, HasSubstr(R"("matches":["dev-*"])"));
  EXPECT_THAT(filter, HasSubstr(R"("tags":{"team":"blue"})"));
  EXPECT_THAT(filter, HasSubstr(R"("version":1)"));
  harness.ok(call("POST", "low.noise_1", R"({"action":"NOOP"})"), "UpdateFilter");
  const std::string after = harness.ok(call("GET", "low.noise_1"), "GetFilter");
  EXPECT_THAT(after, HasSubstr(R"("description":"quiet","action":"NOOP","rank":7)"));
  EXPECT_THAT(after, HasSubstr(R"("version":2)"));
  harness.ok(call("DELETE", "low.noise_1"), "DeleteFilter");
  const Response gone = call("GET", "low.noise_1");
  EXPECT_EQ(gone.status, 400U);
  EXPECT_THAT(gone.body, HasSubstr("The request is rejected since no such resource found."));
  EXPECT_EQ(call("DELETE", "low.noise_1").status, 400U);
  EXPECT_EQ(call("POST", "low.noise_1", "{}").status, 400U);
}

TEST_F(FiltersTest, RanksStayDistinct) {
  for (const char* name : {"one", "two", "three"}) harness.ok(create(name, R"("rank":5)"), "CreateFilter");
  using Rank = std::pair<std::string, std::int64_t>;
  EXPECT_THAT(ranks(), ElementsAre(Rank{"three", 5}, Rank{"two", 6}, Rank{"one", 7}));
  harness.ok(create("gap", R"("rank":9)"), "CreateFilter");
  harness.ok(create("first"), "CreateFilter");
  harness.ok(call("POST", "first", R"({"rank":6})"), "UpdateFilter");
  EXPECT_THAT(ranks(), ElementsAre(Rank{"three", 5}, Rank{"first", 6}, Rank{"two", 7}, Rank{"one", 8},
                                   Rank{"gap", 9}));
  harness.ok(create("last", R"("rank":100)"), "CreateFilter");
  harness.ok(create("later", R"("rank":100)"), "CreateFilter");
  EXPECT_THAT(ranks(), ::testing::IsSupersetOf({Rank{"last", 99}, Rank{"later", 100}}));
}

TEST_F(FiltersTest, ComeInPagesByRank) {
  for (int i = 0; i < 7; ++i)
    harness.ok(create("filter-" + std::to_string(i), R"("rank":)" + std::to_string(50 - i)), "CreateFilter");
  std::string token;
  EXPECT_THAT(listed("maxResults=3", &token), ElementsAre("filter-6", "filter-5", "filter-4"));
  EXPECT_THAT(listed("maxResults=3&nextToken=" + token, &token),
              ElementsAre("filter-3", "filter-2", "filter-1"));
  EXPECT_THAT(listed("maxResults=3&nextToken=" + token, &token), ElementsAre("filter-0"));
  EXPECT_EQ(token, "");
  EXPECT_EQ(harness.send("admin", "GET", harness.at("admin", "/filter"), "", "nextToken=forged").status,
            400U);
}

TEST_F(FiltersTest, EndWhenTheirTagSaysSo) {
  EXPECT_THAT(create("until", R"("tags":{"picket:expires":"soon"})").body, HasSubstr("picket:expires"));
  harness.ok(create("until", R"("tags":{"picket:expires":"2026-12-31T00:00:00Z"})"), "CreateFilter");
  EXPECT_EQ(expiry_of(*load_filter(*harness.store, account, test::Harness::region, "until").value()),
            parse_time("2026-12-31T00:00:00Z"));
  const std::string arn = aws::uri_encode("arn:aws:guardduty:eu-central-1:111122223333:detector/" +
                                          harness.detector("admin") + "/filter/until");
  const auto tag = [&](const std::string& value) {
    return harness.send("admin", "POST", "/tags/" + arn, R"({"tags":{"picket:expires":")" + value + R"("}})");
  };
  EXPECT_EQ(tag("tomorrow").status, 400U);
  EXPECT_EQ(tag("2027-01-31T00:00:00Z").status, 204U);
  EXPECT_EQ(expiry_of(*load_filter(*harness.store, account, test::Harness::region, "until").value()),
            parse_time("2027-01-31T00:00:00Z"));
  EXPECT_EQ(harness.send("admin", "DELETE", "/tags/" + arn, "", "tagKeys=picket%3Aexpires").status, 204U);
  EXPECT_FALSE(expiry_of(*load_filter(*harness.store, account, test::Harness::region, "until").value()));
}

TEST_F(FiltersTest, RefuseWhatCannotBe) {
  harness.ok(create("taken"), "CreateFilter");
  EXPECT_THAT(create("taken").body, HasSubstr("a filter with the given name already exists"));
  EXPECT_THAT(create("no blanks").body, HasSubstr("parameter name has an invalid value"));
  EXPECT_THAT(create("ab").body, HasSubstr("parameter name has an invalid value"));
  EXPECT_THAT(create("rank", R"("rank":101)").body, HasSubstr("parameter rank has an invalid value"));
  EXPECT_THAT(create("action", R"("action":"DROP")").body,
              HasSubstr("parameter action has an invalid value"));
  EXPECT_THAT(create("criterion", "", R"("no.such.attribute":{"equals":["x"]})").body,
              HasSubstr("parameter findingCriteria has an invalid value"));
  EXPECT_THAT(create("wild", "", R"("type":{"matches":["a","b","c","d","e","f"]})").body,
              HasSubstr("findingCriteria"));
}

TEST_F(FiltersTest, AreAHundredAtMost) {
  for (int i = 0; i < 100; ++i) harness.ok(create("f" + std::to_string(100 + i)), "CreateFilter");
  EXPECT_THAT(create("one.too.many").body, HasSubstr("reached the limit of 100 filters"));
  const auto all = ranks();
  EXPECT_EQ(all.size(), 100U);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].second, static_cast<std::int64_t>(i + 1));
}

TEST_F(FiltersTest, TheSameTokenMakesOne) {
  harness.ok(create("once", R"("clientToken":"t")"), "CreateFilter");
  harness.ok(create("once", R"("clientToken":"t")"), "CreateFilter");
  EXPECT_EQ(listed().size(), 1U);
}

}  // namespace
}  // namespace picket::api
