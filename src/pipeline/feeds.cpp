#include "pipeline/feeds.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "aws/sigv4.h"
#include "base/folder_lock.h"
#include "base/json_writer.h"
#include "base/text_file.h"
#include "base/whole_file.h"

namespace picket {

namespace fs = std::filesystem;

extern const std::string_view intel_feeds;  // data/intel/feeds.toml, embedded by src/CMakeLists.txt

namespace {

constexpr std::size_t feed_bytes_max = 256U << 20;  // the largest default feed has some 10 MB
constexpr std::size_t checksum_bytes_max = 4096;
constexpr TimeMs old_min = 2 * day_ms;

void change(Feed& feed, const FeedKeys& keys) {
  const auto set = [](std::string& into, const std::string& value) {
    if (!value.empty()) into = value;
  };
  set(feed.url, keys.url);
  set(feed.home, keys.home);
  set(feed.licence, keys.licence);
  set(feed.checksum_url, keys.checksum_url);
  set(feed.key_header, keys.key_header);
  set(feed.key_file, keys.key_file);
  if (keys.refresh) feed.refresh = *keys.refresh;
  if (keys.enabled) feed.enabled = *keys.enabled;
  if (!keys.match.empty()) feed.match = keys.match == "exact" ? DomainMatch::exact : DomainMatch::subdomains;
}

Result<void> merge(std::vector<Feed>& feeds, const std::vector<FeedKeys>& table) {
  for (const FeedKeys& keys : table) {
    auto known = std::ranges::find(feeds, keys.name, &Feed::name);
    if (known == feeds.end()) {
      if (keys.url.empty())
        return fail(ErrorKind::invalid, "intel.feed.url is missing, and no feed of this name is built in",
                    keys.name);
      known = feeds.insert(feeds.end(), Feed{.name = keys.name});
      known->category = IntelCategory::custom;
    }
    change(*known, keys);
    if (!keys.category.empty()) {
      const auto category = parse_intel_category(keys.category);
      if (!category)
        return fail(ErrorKind::invalid, "intel.feed.category: no such category: " + keys.category, keys.name);
      known->category = *category;
    }
    if (!keys.format.empty()) {
      const auto format = parse_intel_format(keys.format);
      if (!format) return std::unexpected(format.error());
      known->format = *format;
    }
  }
  return {};
}

template <class T>
T member(const simdjson::dom::element& row, std::string_view name) {
  T value{};
  if (row[name].get(value) != simdjson::SUCCESS) return T{};
  return value;
}

// What the list holds: entries taken, and why others are not.
Result<ListReport> read_copy(const Feed& feed, std::string_view content) {
  IntelBuilder scratch;
  IntelListConfig config{
      .name = feed.name, .format = feed.format, .category = feed.category, .match = feed.match};
  return add_intel_list(config, content, scratch);
}

std::string set_aside_text(const ListReport& report) {
  std::string text;
  for (const SetAside& aside : report.set_aside) {
    text += fmt::format("{}{} set aside: {} (first at line {})", text.empty() ? "" : "; ", aside.count,
                        aside.reason, aside.first_line);
  }
  return text;
}

Result<std::string> key_of(const Feed& feed) {
  if (feed.key_file.empty())
    return fail(ErrorKind::invalid, "needs a key: write it to a file and name that in intel.feed.key_file",
                feed.name);
  auto key = read_text_file(feed.key_file);
  if (!key) return key;
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r' || key->back() == ' ')) key->pop_back();
  return key;
}

// Nothing when the maintainers say that it is the same.
Result<std::optional<net::Response>> fetch_feed(const Feed& feed, const FeedCopy& before,
                                                const Fetch& fetch) {
  net::Request request{.url = feed.url};
  request.headers.emplace_back("User-Agent", "picket");
  if (!feed.key_header.empty()) {
    const auto key = key_of(feed);
    if (!key) return std::unexpected(key.error());
    request.headers.emplace_back(feed.key_header, *key);
  }
  if (before.url == feed.url && !before.sha256.empty()) {
    if (!before.etag.empty()) request.headers.emplace_back("If-None-Match", before.etag);
    if (!before.last_modified.empty())
      request.headers.emplace_back("If-Modified-Since", before.last_modified);
  }
  const net::HttpLimits limits{.bytes_max = feed_bytes_max, .redirects_max = 3};
  auto response = fetch(request, limits);
  if (!response) return std::unexpected(response.error());
  if (response->status == 304) return std::nullopt;
  if (response->status != 200)
    return fail(ErrorKind::io, fmt::format("the server answered {}", response->status), feed.url);
  if (feed.checksum_url.empty()) return std::move(*response);
  const auto checksum =
      fetch({.url = feed.checksum_url}, {.bytes_max = checksum_bytes_max, .redirects_max = 3});
  if (!checksum) return std::unexpected(checksum.error());
  const std::string expected = checksum->body.substr(0, checksum->body.find_first_of(" \t\r\n"));
  if (checksum->status != 200 || expected != aws::sha256_hex(response->body))
    return fail(ErrorKind::invalid, "the content is not what the checksum names", feed.url);
  return std::move(*response);
}

FeedReport update_feed(const Feed& feed, FeedCache& cache, const Fetch& fetch, TimeMs now) {
  const FeedCopy before = cache.find(feed.name) ? *cache.find(feed.name) : FeedCopy{};
  FeedCopy after = before;
  after.tried = now;
  FeedReport report{.name = feed.name, .outcome = FeedOutcome::failed};
  const auto failed = [&](const Error& error) {
    after.error = report.detail = error.message();
    report.entries = after.entries;
    if (const auto kept = cache.keep(feed.name, after, {}); !kept)
      report.detail += "; " + kept.error().message();
    return report;
  };
  auto response = fetch_feed(feed, before, fetch);
  if (!response) return failed(response.error());
  std::string content;
  if (*response) {
    content = std::move((*response)->body);
    const auto read = read_copy(feed, content);
    if (!read) return failed(read.error());
    // What holds no indicator is an error page, or a list that was given up.
    if (read->entries == 0) return failed({ErrorKind::invalid, "no entry could be used", feed.url, -1});
    after.entries = read->entries;
    after.set_aside = read->set_aside_total();
    after.sha256 = aws::sha256_hex(content);
    after.etag = (*response)->header("etag");
    after.last_modified = (*response)->header("last-modified");
    report.detail = set_aside_text(*read);
  }
  after.url = feed.url;
  after.fetched = now;
  after.error.clear();
  report.outcome = after.sha256 == before.sha256 ? FeedOutcome::unchanged : FeedOutcome::updated;
  report.entries = after.entries;
  if (const auto kept = cache.keep(feed.name, after, content); !kept) {
    report.outcome = FeedOutcome::failed;
    report.detail = kept.error().message();
  }
  return report;
}

}  // namespace

Result<std::vector<Feed>> feeds_of(const Config& config) {
  const auto table = parse_feeds(intel_feeds, "data/intel/feeds.toml");
  if (!table) return std::unexpected(table.error());
  std::vector<Feed> feeds;
  for (const std::vector<FeedKeys>* keys : {&*table, &config.intel_feeds}) {
    if (auto merged = merge(feeds, *keys); !merged) return std::unexpected(merged.error());
  }
  return feeds;
}

fs::path feeds_folder(const std::string& data_dir) { return fs::path(data_dir) / "intel"; }

Result<FeedCache> FeedCache::open(const fs::path& folder) {
  FeedCache cache(folder);
  const fs::path state = folder / "feeds.json";
  if (!fs::exists(state)) return cache;
  const auto text = read_text_file(state.string());
  if (!text) return std::unexpected(text.error());
  simdjson::dom::parser parser;
  simdjson::dom::object rows;
  if (parser.parse(*text).get(rows) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the state of the feeds cannot be read; remove it to fetch them anew",
                state.string());
  for (const auto [name, row] : rows) {
    FeedCopy copy;
    for (const auto& [key, into] : {std::pair<std::string_view, std::string*>{"url", &copy.url},
                                    {"sha256", &copy.sha256},
                                    {"etag", &copy.etag},
                                    {"last_modified", &copy.last_modified},
                                    {"error", &copy.error}}) {
      *into = member<std::string_view>(row, key);
    }
    copy.fetched = member<std::int64_t>(row, "fetched");
    copy.tried = member<std::int64_t>(row, "tried");
    copy.entries = member<std::uint64_t>(row, "entries");
    copy.set_aside = member<std::uint64_t>(row, "set_aside");
    cache.copies_.emplace(name, std::move(copy));
  }
  return cache;
}

const FeedCopy* FeedCache::find(const std::string& name) const {
  const auto found = copies_.find(name);
  return found == copies_.end() ? nullptr : &found->second;
}

Result<std::string> FeedCache::content(const FeedCopy& copy) const {
  auto content = read_text_file((folder_ / copy.sha256).string());
  if (content && aws::sha256_hex(*content) != copy.sha256)
    return fail(ErrorKind::invalid, "the kept copy is damaged; `picket intel update --all` fetches it anew",
                (folder_ / copy.sha256).string());
  return content;
}

Result<void> FeedCache::keep(const std::string& name, FeedCopy copy, std::string_view content) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorKind::io, "cannot create: " + error.message(), folder_.string());
  if (!content.empty()) {
    if (auto written = write_whole_file(folder_ / copy.sha256, content); !written) return written;
  }
  const FeedCopy* before = find(name);
  const std::string outdated = before != nullptr && before->sha256 != copy.sha256 ? before->sha256 : "";
  copies_[name] = std::move(copy);
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const auto& [feed, kept] : copies_) {
    json.key(feed);
    json.begin_object();
    json.member("url", kept.url);
    json.member("sha256", kept.sha256);
    json.member("etag", kept.etag);
    json.member("last_modified", kept.last_modified);
    json.member("error", kept.error);
    json.member("fetched", kept.fetched);
    json.member("tried", kept.tried);
    json.member("entries", kept.entries);
    json.member("set_aside", kept.set_aside);
    json.end_object();
  }
  json.end_object();
  text += '\n';
  if (auto written = write_whole_file(folder_ / "feeds.json", text); !written) return written;
  const bool in_use =
      std::ranges::any_of(copies_, [&](const auto& item) { return item.second.sha256 == outdated; });
  if (!outdated.empty() && !in_use) fs::remove(folder_ / outdated, error);
  return {};
}

bool is_old(const Feed& feed, const FeedCopy& copy, TimeMs now) {
  return now - copy.fetched > std::max(3 * feed.refresh, old_min);
}

Result<std::vector<FeedReport>> update_feeds(std::span<const Feed> feeds, const fs::path& folder,
                                             const Fetch& fetch, TimeMs now, bool all) {
  std::error_code error;
  fs::create_directories(folder, error);
  // Two processes that update one folder would lose each other's state.
  const auto lock = FolderLock::take_now(folder, "lock", "another picket updates the feeds here");
  if (!lock) return std::unexpected(lock.error());
  auto opened = FeedCache::open(folder);
  if (!opened) return std::unexpected(opened.error());
  FeedCache& cache = *opened;
  std::vector<FeedReport> reports;
  for (const Feed& feed : feeds) {
    if (!feed.enabled) {
      reports.push_back({feed.name, FeedOutcome::off, feed.licence, 0});
      continue;
    }
    const FeedCopy* copy = cache.find(feed.name);
    if (!all && copy != nullptr && copy->url == feed.url && now - copy->tried < feed.refresh) {
      reports.push_back({feed.name, FeedOutcome::not_due, copy->error, copy->entries});
      continue;
    }
    reports.push_back(update_feed(feed, cache, fetch, now));
  }
  return reports;
}

std::vector<FeedList> feed_lists(std::span<const Feed> feeds, const FeedCache& cache) {
  std::vector<FeedList> lists;
  for (const Feed& feed : feeds) {
    const FeedCopy* copy = feed.enabled ? cache.find(feed.name) : nullptr;
    if (copy == nullptr || copy->sha256.empty()) continue;
    lists.push_back({{.name = feed.name,
                      .kind = IntelListKind::threat,
                      .path = "",
                      .format = feed.format,
                      .category = feed.category,
                      .match = feed.match,
                      .source = feed.url,
                      .as_of = copy->fetched},
                     copy->sha256});
  }
  return lists;
}

}  // namespace picket
