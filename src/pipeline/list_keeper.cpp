#include "pipeline/list_keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/program_log.h"
#include "pipeline/lists.h"

namespace picket {

namespace {

namespace fs = std::filesystem;
constexpr TimeMs look_interval = minute_ms;  // without a change: deleted sets grow old
constexpr TimeMs fetch_ms_max = 40 * second_ms;
constexpr unsigned fetches_at_once = 4;
constexpr auto pause = std::chrono::milliseconds(250);

}  // namespace

ListKeeper::ListKeeper(ListKeeperSettings settings, FindingStore& store, ContentFolder& contents,
                       const net::HttpClient& http, const aws::S3Client& s3,
                       std::function<TimeMs()> wall_clock)
    : settings_(std::move(settings)),
      store_(store),
      contents_(contents),
      http_(http),
      s3_(s3),
      wall_clock_(std::move(wall_clock)),
      workers_(fetches_at_once) {}

Result<void> ListKeeper::turn() {
  const auto version = store_.settings_version();
  if (!version) return std::unexpected(version.error());
  const TimeMs now = wall_clock_();
  if (*version == seen_version_ && now - looked_at_ < look_interval) return {};
  std::vector<ListSet> all;
  for (const ListSetKind kind : list_set_kinds) {
    auto sets = load_list_sets(store_, kind);
    if (!sets) return std::unexpected(sets.error());
    std::move(sets->begin(), sets->end(), std::back_inserter(all));
  }
  std::vector<Result<void>> outcomes(all.size());
  workers_.parallel_for(
      all.size(), [&](unsigned, std::size_t number) { outcomes[number] = move_on(std::move(all[number])); });
  for (Result<void>& outcome : outcomes) {
    if (!outcome) return outcome;
  }
  seen_version_ = *version;
  looked_at_ = now;
  return {};
}

bool ListKeeper::is_forgotten(const ListSet& set) const {
  return set.status == ListSetStatus::deleted && wall_clock_() - set.updated_at >= settings_.deleted_kept;
}

Result<void> ListKeeper::move_on(ListSet set) {
  const bool forgotten = is_forgotten(set);
  switch (set.status) {
    case ListSetStatus::activating:
      activate(set);
      break;
    case ListSetStatus::deactivating:
      set.status = ListSetStatus::inactive;
      set.content_sha256.clear();
      break;
    case ListSetStatus::delete_pending:
      set.status = ListSetStatus::deleted;
      set.content_sha256.clear();
      set.updated_at = wall_clock_();
      break;
    case ListSetStatus::deleted:
      if (!forgotten) return {};
      break;
    case ListSetStatus::inactive:
    case ListSetStatus::active:
    case ListSetStatus::error:
      return {};
  }
  SettingChange change = save_change(set);
  if (forgotten) change.body.reset();
  change.of_version = set.version;
  const auto saved = store_.change_settings({&change, 1});
  // In a conflict a client changed the set meanwhile: the next turn sees what is wanted now.
  if (!saved && saved.error().kind != ErrorKind::conflict) return std::unexpected(saved.error());
  return {};
}

void ListKeeper::activate(ListSet& set) {
  const auto content = fetch(set);
  Result<ListReport> report = std::unexpected(Error{});
  Result<std::string> kept = std::unexpected(Error{});
  if (!content) {
    report = std::unexpected(content.error());
  } else {
    const auto format = parse_intel_format(set.format);
    IntelBuilder trial;
    report = add_intel_set({.name = set.name,
                            .kind = intel_kind(set.kind),
                            .format = format.value_or(std::nullopt),
                            .location = set.location,
                            .limits = settings_.limits},
                           *content, trial);
  }
  if (report && report->entries == 0) {
    report = fail(ErrorKind::invalid,
                  report->set_aside.empty()
                      ? std::string("the list is empty")
                      : fmt::format("nothing of the list can be used: {} (first at line {})",
                                    report->set_aside.front().reason, report->set_aside.front().first_line));
  }
  if (report) kept = contents_.keep(*content);
  set.updated_at = wall_clock_();
  if (!report || !kept) {
    set.status = ListSetStatus::error;
    set.error_details = (report ? kept.error() : report.error()).what;
    set.content_sha256.clear();
    set.entries = 0;
    log_with(
        spdlog::level::warn,
        {{"set", set.name}, {"account", set.account}, {"region", set.region}, {"error", set.error_details}},
        "list set {} of {} in {}: {}", set.name, set.account, set.region, set.error_details);
    return;
  }
  set.status = ListSetStatus::active;
  set.error_details.clear();
  set.content_sha256 = *kept;
  set.entries = static_cast<std::int64_t>(report->entries);
}

Result<std::string> ListKeeper::fetch(const ListSet& set) const {
  if (set.location.starts_with("file://")) return read_file(set.location);
  if (const auto place = aws::parse_s3_url(set.location, s3_.endpoint())) {
    aws::HttpHeaders headers;
    if (!set.expected_bucket_owner.empty())
      headers.emplace_back("x-amz-expected-bucket-owner", set.expected_bucket_owner);
    return s3_.get(*place, set.region, settings_.limits.bytes_max, headers);
  }
  if (!set.location.starts_with("https://"))
    return fail(ErrorKind::invalid, "the location names no object", set.location);
  auto response = http_.send({.url = set.location},
                             {.bytes_max = settings_.limits.bytes_max, .total_ms_max = fetch_ms_max});
  if (!response) return std::unexpected(response.error());
  if (response->status != 200)
    return fail(ErrorKind::io, fmt::format("the server answered with status {}", response->status),
                set.location);
  return std::move(response->body);
}

// A regular file whose real path lies in one of the configured folders.
Result<std::string> ListKeeper::read_file(const std::string& location) const {
  std::error_code error;
  const fs::path path = fs::canonical(location.substr(7), error);
  const bool allowed = !error && std::ranges::any_of(settings_.folders, [&](const std::string& folder) {
    std::error_code ignored;
    const fs::path root = fs::canonical(folder, ignored);
    return !ignored && std::ranges::mismatch(root, path).in1 == root.end();
  });
  // Whether it exists elsewhere is nobody's business.
  if (!allowed)
    return fail(ErrorKind::unsupported, "files are read only from the folders that intel.sets.folders names",
                location);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail(ErrorKind::io, "the file cannot be opened", location);
  struct stat status{};
  std::string content;
  Result<std::string> out = fail(ErrorKind::io, "the file cannot be read", location);
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    if (static_cast<std::uint64_t>(status.st_size) > settings_.limits.bytes_max) {
      out = fail(ErrorKind::too_large, fmt::format("the file is over {} bytes", settings_.limits.bytes_max),
                 location);
    } else {
      content.resize(static_cast<std::size_t>(status.st_size));
      std::size_t got = 0;
      for (ssize_t n = 1; n > 0 && got < content.size();
           got += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
        n = ::read(fd, content.data() + got, content.size() - got);
      content.resize(got);
      out = std::move(content);
    }
  }
  ::close(fd);
  return out;
}

void ListKeeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto turned = turn(); !turned) spdlog::error("list sets: {}", turned.error().message());
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace picket
