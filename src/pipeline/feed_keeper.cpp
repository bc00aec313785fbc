#include "pipeline/feed_keeper.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/json_writer.h"
#include "base/program_log.h"
#include "pipeline/lists.h"

namespace picket {

namespace {

constexpr TimeMs look_interval = minute_ms;

}  // namespace

FeedKeeper::FeedKeeper(std::vector<Feed> feeds, std::filesystem::path folder, Fetch fetch,
                       FindingStore& store, ContentFolder& contents, std::function<TimeMs()> wall_clock)
    : feeds_(std::move(feeds)),
      folder_(std::move(folder)),
      fetch_(std::move(fetch)),
      store_(store),
      contents_(contents),
      wall_clock_(std::move(wall_clock)) {}

Result<void> FeedKeeper::publish() {
  const auto cache = FeedCache::open(folder_);
  if (!cache) return std::unexpected(cache.error());
  const auto before = published_feeds(store_);
  if (!before) return std::unexpected(before.error());
  std::vector<KeptList> lists;
  for (FeedList& list : feed_lists(feeds_, *cache)) {
    const bool named = std::ranges::find(*before, list.sha256, &KeptList::sha256) != before->end();
    if (named && kept_.contains(list.sha256)) {
      lists.push_back({std::move(list.config), std::move(list.sha256)});
      continue;
    }
    const auto content = cache->content(*cache->find(list.config.name));
    if (!content) {
      log_with(spdlog::level::err, {{"feed", list.config.name}, {"error", content.error().message()}},
               "feed {} left out: {}", list.config.name, content.error().message());
      continue;
    }
    if (const auto kept = contents_.keep(*content); !kept) return std::unexpected(kept.error());
    kept_.insert(list.sha256);
    lists.push_back({std::move(list.config), std::move(list.sha256)});
  }
  return publish_feeds(store_, lists);
}

Result<void> FeedKeeper::turn() {
  const auto cache = FeedCache::open(folder_);
  if (!cache) return std::unexpected(cache.error());
  std::vector<Feed> fetched;
  for (const Feed& feed : feeds_) {
    if (cache->find(feed.name) != nullptr) fetched.push_back(feed);
  }
  const auto reports = update_feeds(fetched, folder_, fetch_, wall_clock_(), false);
  // Somebody runs `picket intel update` just now: its copies are there at the next look.
  if (!reports && reports.error().kind != ErrorKind::conflict) return std::unexpected(reports.error());
  if (reports) {
    for (const FeedReport& report : *reports) {
      if (report.outcome == FeedOutcome::failed)
        log_with(spdlog::level::warn, {{"feed", report.name}, {"error", report.detail}}, "feed {}: {}",
                 report.name, report.detail);
    }
  }
  return publish();
}

Result<std::string> FeedKeeper::told() const {
  const auto cache = FeedCache::open(folder_);
  if (!cache) return std::unexpected(cache.error());
  const TimeMs now = wall_clock_();
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const Feed& feed : feeds_) {
    const FeedCopy* copy = cache->find(feed.name);
    json.begin_object();
    json.member("name", feed.name);
    json.member("category", to_string(feed.category));
    json.member("home", feed.home);
    json.member("licence", feed.licence);
    json.member("enabled", feed.enabled);
    if (copy != nullptr) {
      json.member("entries", copy->entries);
      if (copy->fetched > 0) json.member("fetchedAt", format_time(copy->fetched));
      if (copy->tried > 0) json.member("triedAt", format_time(copy->tried));
      if (!copy->error.empty()) json.member("error", copy->error);
      json.member("old", is_old(feed, *copy, now));
    }
    json.end_object();
  }
  json.end_array();
  return out;
}

void FeedKeeper::run(const std::stop_token& stop) {
  TimeMs looked_at = 0;
  while (!stop.stop_requested()) {
    if (const TimeMs now = wall_clock_(); now - looked_at >= look_interval) {
      looked_at = now;
      if (const auto done = turn(); !done) spdlog::error("feeds: {}", done.error().message());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace picket
