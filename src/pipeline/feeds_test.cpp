#include "pipeline/feeds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

namespace picket {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr TimeMs now = 1'789'380'000'000;

struct Folder {
  fs::path path = fs::path(testing::TempDir()) / ("picket_feeds_" + std::to_string(::getpid()));
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
};

Feed feed(std::string name) {
  return {
      .name = std::move(name), .url = "https://feeds.example.org/list.txt", .category = IntelCategory::c2};
}

net::Response answer(unsigned status, std::string body, std::string etag = {}) {
  net::Response response{.status = status, .body = std::move(body)};
  if (!etag.empty()) response.headers["etag"] = etag;
  return response;
}

FeedReport update(const Feed& one, const Folder& folder, const Fetch& fetch, TimeMs at = now,
                  bool all = true) {
  const auto reports = update_feeds(std::vector{one}, folder.path, fetch, at, all);
  EXPECT_TRUE(reports) << reports.error().message();
  return reports ? reports->front() : FeedReport{};
}

TEST(FeedsTest, the_built_in_table_is_whole) {
  const auto feeds = feeds_of(Config{});
  ASSERT_TRUE(feeds) << feeds.error().message();
  EXPECT_GE(feeds->size(), 15U);
  std::set<std::string> names;
  for (const Feed& known : *feeds) {
    EXPECT_TRUE(names.insert(known.name).second) << known.name << " stands there twice";
    EXPECT_TRUE(known.url.starts_with("https://")) << known.name;
    EXPECT_THAT(known.licence, Not(IsEmpty())) << known.name;
    EXPECT_THAT(known.home, Not(IsEmpty())) << known.name;
    EXPECT_TRUE(known.format.has_value()) << known.name;
    EXPECT_GE(known.refresh, hour_ms) << known.name;
    // Whoever needs a key or leaves commercial use open waits for someone to agree.
    const bool restricted = !known.key_header.empty() ||
                            known.licence.find("commercial use by") != std::string::npos ||
                            known.licence.find("not stated") != std::string::npos ||
                            known.licence.find("no commercial") != std::string::npos;
    EXPECT_FALSE(restricted && known.enabled) << known.name;
  }
}

TEST(FeedsTest, the_configuration_changes_a_feed_by_its_name) {
  const auto config = parse_config(
      "[[intel.feed]]\nname = \"ThreatFox\"\nenabled = true\nkey_file = \"key\"\n"
      "[[intel.feed]]\nname = \"ours\"\nurl = \"https://intel.example.org/a.csv\"\nrefresh = \"2 h\"\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message();
  const auto feeds = feeds_of(*config);
  ASSERT_TRUE(feeds) << feeds.error().message();
  const auto known = std::ranges::find(*feeds, "ThreatFox", &Feed::name);
  EXPECT_TRUE(known->enabled);
  EXPECT_EQ(known->key_file, "key");
  EXPECT_EQ(known->key_header, "Auth-Key");
  EXPECT_EQ(feeds->back().category, IntelCategory::custom);
  EXPECT_EQ(feeds->back().refresh, 2 * hour_ms);
  const auto nameless = parse_config("[[intel.feed]]\nname = \"typo\"\nenabled = false\n", "test.toml");
  const auto refused = feeds_of(*nameless);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("no feed of this name is built in"));
}

TEST(FeedsTest, the_same_is_not_fetched_twice) {
  const Folder folder;
  EXPECT_EQ(
      update(feed("a"), folder, [](auto&, auto&) { return answer(200, "192.0.2.7\n", "\"1\""); }).outcome,
      FeedOutcome::updated);
  std::string condition;
  const FeedReport report = update(
      feed("a"), folder,
      [&](const net::Request& request, auto&) {
        for (const auto& [name, value] : request.headers) {
          if (name == "If-None-Match") condition = value;
        }
        return answer(304, "");
      },
      now + hour_ms);
  EXPECT_EQ(condition, "\"1\"");
  EXPECT_EQ(report.outcome, FeedOutcome::unchanged);
  EXPECT_EQ(report.entries, 1U);
  const auto cache = FeedCache::open(folder.path);
  EXPECT_EQ(cache->find("a")->fetched, now + hour_ms) << "it was good at that time";
}

TEST(FeedsTest, a_failure_keeps_the_last_good_copy) {
  const Folder folder;
  update(feed("a"), folder, [](auto&, auto&) { return answer(200, "192.0.2.7\n"); });
  const std::vector<Fetch> failures = {
      [](auto&, auto&) -> Result<net::Response> { return fail(ErrorKind::io, "no route"); },
      [](auto&, auto&) { return answer(503, ""); },
      [](auto&, auto&) { return answer(200, "<html><body>sorry</body></html>"); },
      [](auto&, auto&) { return answer(200, ""); },
      [](auto&, auto&) { return answer(200, "# nothing today\n"); },
  };
  for (const Fetch& failing : failures) {
    const FeedReport report = update(feed("a"), folder, failing, now + day_ms);
    EXPECT_EQ(report.outcome, FeedOutcome::failed);
    EXPECT_THAT(report.detail, Not(IsEmpty()));
    const auto cache = FeedCache::open(folder.path);
    const FeedCopy* copy = cache->find("a");
    EXPECT_EQ(copy->fetched, now);
    EXPECT_EQ(copy->tried, now + day_ms);
    EXPECT_EQ(cache->content(*copy).value_or(""), "192.0.2.7\n");
    EXPECT_THAT(feed_lists(std::vector{feed("a")}, *cache), SizeIs(1));
  }
}

TEST(FeedsTest, an_asked_feed_waits_for_its_time) {
  const Folder folder;
  int asked = 0;
  const Fetch fetch = [&](auto&, auto&) {
    ++asked;
    return answer(200, "192.0.2.7\n");
  };
  update(feed("a"), folder, fetch, now, false);
  EXPECT_EQ(update(feed("a"), folder, fetch, now + hour_ms, false).outcome, FeedOutcome::not_due);
  EXPECT_EQ(asked, 1);
  update(feed("a"), folder, fetch, now + day_ms, false);
  EXPECT_EQ(asked, 2);
  Feed off = feed("b");
  off.enabled = false;
  EXPECT_EQ(update(off, folder, fetch).outcome, FeedOutcome::off);
  EXPECT_EQ(asked, 2);
}

TEST(FeedsTest, a_checksum_must_agree) {
  const Folder folder;
  Feed signed_feed = feed("a");
  signed_feed.checksum_url = "https://feeds.example.org/list.sha256";
  const auto served = [&](std::string checksum) {
    return [=](const net::Request& request, auto&) {
      return answer(200, request.url.ends_with(".sha256") ? checksum + "  list.txt\n" : "192.0.2.7\n");
    };
  };
  EXPECT_EQ(update(signed_feed, folder, served(std::string(64, '0'))).outcome, FeedOutcome::failed);
  EXPECT_EQ(
      update(signed_feed, folder, served("10678f304eede88e0c328265e4362bfd42f242d5bc3ff3a0ca91ddde9fccd819"))
          .outcome,
      FeedOutcome::updated);
}

TEST(FeedsTest, what_misses_three_refreshes_is_old) {
  const FeedCopy copy{.fetched = now};
  Feed hourly = feed("a");
  hourly.refresh = hour_ms;
  EXPECT_FALSE(is_old(hourly, copy, now + 2 * day_ms));
  EXPECT_TRUE(is_old(hourly, copy, now + 2 * day_ms + 1));
  EXPECT_FALSE(is_old(feed("b"), copy, now + 3 * day_ms));
  EXPECT_TRUE(is_old(feed("b"), copy, now + 3 * day_ms + 1));
}

TEST(FeedsTest, a_damaged_copy_is_not_used) {
  const Folder folder;
  update(feed("a"), folder, [](auto&, auto&) { return answer(200, "192.0.2.7\n"); });
  const auto cache = FeedCache::open(folder.path);
  const FeedCopy* copy = cache->find("a");
  fs::resize_file(folder.path / copy->sha256, 3);
  EXPECT_FALSE(cache->content(*copy));
}

}  // namespace

}  // namespace picket
