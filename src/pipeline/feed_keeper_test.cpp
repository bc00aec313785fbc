#include "pipeline/feed_keeper.h"

#include <gmock/gmock.h>

#include "pipeline/lists.h"
#include "pipeline/test_support.h"

namespace picket {
namespace {

class FeedKeeperTest : public ::testing::Test {
 protected:
  FeedKeeper keeper() {
    return {feeds,
            scratch.path / "feeds",
            [this](const net::Request& request, const net::HttpLimits&) -> Result<net::Response> {
              asked.push_back(request.url);
              return net::Response{.status = 200, .body = content};
            },
            *scratch.store,
            contents,
            [this] { return clock; }};
  }
  // What the next control record says.
  ListsInEffect in_effect() {
    const GovernedAccounts nobody = [](std::string_view, std::string_view) {
      return Accounts(std::in_place);
    };
    const auto body = lists_body(*scratch.store, false, {}, nobody);
    EXPECT_TRUE(body);
    auto lists = read_lists(*body, contents, {});
    EXPECT_TRUE(lists);
    EXPECT_TRUE(lists->warnings.empty());
    return std::move(*lists);
  }

  test::Scratch scratch;
  ContentFolder contents{scratch.path / "contents"};
  std::vector<Feed> feeds = {
      {.name = "one", .url = "https://feeds.example.org/1", .category = IntelCategory::c2},
      {.name = "two", .url = "https://feeds.example.org/2", .category = IntelCategory::c2}};
  std::string content = "192.0.2.1\n";
  std::vector<std::string> asked;
  TimeMs clock = 1'789'380'000'000;
};

TEST_F(FeedKeeperTest, OnlyFeedsThatWereFetchedOnceAreFetchedWhenDue) {
  ASSERT_TRUE(keeper().turn());
  EXPECT_EQ(in_effect().index->counts().addresses, 0U);
  EXPECT_TRUE(asked.empty()) << "nobody asked for feeds";
  const auto first = update_feeds(
      std::vector{feeds[0]}, scratch.path / "feeds",
      [](const net::Request&, const net::HttpLimits&) {
        return Result<net::Response>(net::Response{.status = 200, .body = "192.0.2.9\n"});
      },
      clock, true);
  ASSERT_TRUE(first);
  ASSERT_TRUE(keeper().turn());
  EXPECT_TRUE(asked.empty()) << "not due";
  EXPECT_EQ(in_effect().index->match(*IpAddress::parse("192.0.2.9")).size(), 1U);
  clock += feeds[0].refresh;
  ASSERT_TRUE(keeper().turn());
  EXPECT_EQ(asked, std::vector<std::string>{feeds[0].url});
  const ListsInEffect now = in_effect();
  EXPECT_TRUE(now.index->match(*IpAddress::parse("192.0.2.9")).empty());
  const auto hits = now.index->match(*IpAddress::parse("192.0.2.1"));
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].indicator->as_of, clock);
  EXPECT_EQ(hits[0].indicator->category, IntelCategory::c2);
}

TEST_F(FeedKeeperTest, AFeedThatIsSwitchedOffNoLongerHolds) {
  const auto fetch = [this](const net::Request&, const net::HttpLimits&) -> Result<net::Response> {
    return net::Response{.status = 200, .body = content};
  };
  ASSERT_TRUE(update_feeds(feeds, scratch.path / "feeds", fetch, clock, true));
  ASSERT_TRUE(keeper().publish());
  const std::uint64_t version = scratch.store->settings_version().value();
  EXPECT_EQ(in_effect().index->match(*IpAddress::parse("192.0.2.1")).size(), 2U);
  ASSERT_TRUE(keeper().publish());
  EXPECT_EQ(scratch.store->settings_version().value(), version) << "nothing changed";
  feeds[0].enabled = feeds[1].enabled = false;
  ASSERT_TRUE(keeper().publish());
  EXPECT_EQ(in_effect().index->counts().addresses, 0U);
}

}  // namespace
}  // namespace picket
