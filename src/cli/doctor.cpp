#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "aws/role_key.h"
#include "aws/s3.h"
#include "base/clock.h"
#include "base/folder_lock.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "config/config.h"
#include "event/raw_json.h"
#include "net/address_guard.h"
#include "net/http_client.h"
#include "pipeline/feeds.h"
#include "pipeline/runner.h"
#include "pipeline/setup.h"
#include "pipeline/sources.h"
#include "source/file_source.h"
#include "source/s3_source.h"
#include "store/sqlite.h"

namespace picket::cli {

namespace {

namespace fs = std::filesystem;

enum class Health : std::uint8_t { ok, warn, fail };

// One line each; what to do comes with what is wrong.
class Doctor {
 public:
  void ok(std::string_view what, const std::string& how) { say(Health::ok, what, how, ""); }
  void warn(std::string_view what, const std::string& how, const std::string& todo) {
    say(Health::warn, what, how, todo);
  }
  void fail(std::string_view what, const std::string& how, const std::string& todo) {
    say(Health::fail, what, how, todo);
  }
  int finish() const {
    fmt::print("\n{} ok, {} to look at, {} wrong\n", counts_[0], counts_[1], counts_[2]);
    return counts_[2] > 0 ? exit_input : exit_ok;
  }

 private:
  void say(Health health, std::string_view what, const std::string& how, const std::string& todo) {
    static constexpr std::array<std::string_view, 3> words{"OK", "WARN", "FAIL"};
    ++counts_[static_cast<std::size_t>(health)];
    fmt::print("{:<5} {:<14} {}\n", words[static_cast<std::size_t>(health)], what, printable(how));
    if (!todo.empty()) fmt::print("      {:<14} -> {}\n", "", printable(todo));
  }
  std::array<unsigned, 3> counts_{};
};

struct DoctorFlags {
  std::string config, data_dir = default_data_dir();
  std::vector<std::string> watch;
};

bool server_runs(const std::string& data_dir) {
  std::error_code error;
  if (!fs::exists(fs::path(data_dir) / "lock", error)) return false;
  const auto lock = FolderLock::take_now(data_dir, "lock", "held");
  return !lock && lock.error().kind == ErrorKind::conflict;
}

void check_folder(Doctor& doctor, const DoctorFlags& flags) {
  std::error_code error;
  if (!fs::exists(flags.data_dir, error)) {
    doctor.warn("data directory", flags.data_dir + " is not there yet",
                "picket serve makes it at its first start");
    return;
  }
  if (::access(flags.data_dir.c_str(), R_OK | W_OK | X_OK) != 0) {
    doctor.fail("data directory", flags.data_dir + " cannot be written by this user",
                "run as the user that owns it, or give it to that user");
    return;
  }
  std::vector<std::string> open;
  for (const char* name : {"credentials", "master.key", "findings.db"}) {
    struct stat status{};
    const fs::path path = fs::path(flags.data_dir) / name;
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077U) != 0 &&
        std::string_view(name) != "findings.db")
      open.push_back(path.string());
  }
  if (open.empty()) {
    doctor.ok("data directory", flags.data_dir);
  } else {
    doctor.fail("data directory", fmt::format("{} can be read by others", fmt::join(open, ", ")),
                fmt::format("chmod 600 {}", fmt::join(open, " ")));
  }
}

// Snapshots are written beside the old ones, and the spool takes half a gigabyte.
void check_disk(Doctor& doctor, const DoctorFlags& flags) {
  constexpr std::uintmax_t least = 1ULL << 30, better = 5ULL << 30;
  std::error_code error;
  fs::path place = fs::absolute(flags.data_dir);
  while (!fs::exists(place, error) && place.has_parent_path() && place != place.parent_path())
    place = place.parent_path();
  const fs::space_info space = fs::space(place, error);
  if (error) return doctor.fail("disk", error.message(), "see whether the file system is mounted");
  const std::string free = fmt::format("{:.1f} GB free of {:.1f}", static_cast<double>(space.available) / 1e9,
                                       static_cast<double>(space.capacity) / 1e9);
  if (space.available < least) {
    doctor.fail("disk", free, "make room: without it nothing is read any more");
  } else if (space.available < better) {
    doctor.warn("disk", free, "make room, or shorten [retention] findings");
  } else {
    doctor.ok("disk", free);
  }
}

void check_limits(Doctor& doctor) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t wanted = 1024;  // 512 connections, and what is read
  if (files.rlim_cur < wanted) {
    doctor.warn("limits", fmt::format("{} open files", files.rlim_cur), fmt::format("ulimit -n {}", wanted));
  } else {
    doctor.ok("limits", fmt::format("{} open files", files.rlim_cur));
  }
}

void check_clock(Doctor& doctor) {
  timex state{};
  const int clock = ::adjtimex(&state);
  if (clock == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    doctor.warn("clock", "nothing keeps it in step",
                "run chrony or systemd-timesyncd; signatures fail when it is minutes off");
  } else {
    doctor.ok("clock", fmt::format("in step, at most {} ms off", state.maxerror / 1000));
  }
}

void check_findings(Doctor& doctor, const DoctorFlags& flags) {
  const fs::path path = fs::path(flags.data_dir) / "findings.db";
  std::error_code error;
  if (!fs::exists(path, error)) return;
  auto database = SqliteConnection::open(path, true);
  if (!database)
    return doctor.fail("findings", database.error().message(), "restore a backup: picket restore");
  const auto version = (*database)->query_integer("PRAGMA user_version");
  auto check = (*database)->prepare("PRAGMA quick_check(1)");
  const auto row = check ? check->step() : Result<bool>(std::unexpected(check.error()));
  if (!row || !*row || check->text(0) != "ok") {
    doctor.fail("findings", row && *row ? std::string(check->text(0)) : "the database cannot be read",
                "restore a backup: picket restore");
  } else {
    doctor.ok("findings", fmt::format("database of version {}, {:.1f} MB", version.value_or(0),
                                      static_cast<double>(fs::file_size(path, error)) / 1e6));
  }
}

// Whether this version goes on from what the last one saved; a running server has shown that it does.
void check_state(Doctor& doctor, const DoctorFlags& flags, Setup& setup, bool running) {
  const std::string folder = flags.data_dir + "/state";
  std::error_code error;
  if (!fs::exists(folder, error)) return;
  if (running) return doctor.ok("state", "in use by the running server");
  const auto log = memory_log();
  RunnerSettings settings;
  settings.snapshot_folder = folder;
  Runner runner(*setup.engine, *log, settings,
                [](std::uint64_t, const EpochResult&) { return Result<void>{}; });
  const auto recovered = runner.recover();
  if (!recovered)
    return doctor.fail("state", recovered.error().message(), "restore a backup: picket restore");
  if (!recovered->warnings.empty())
    return doctor.warn("state", recovered->warnings.front(),
                       "docs/operations.md tells what stays; findings do");
  doctor.ok("state", fmt::format("of epoch {}, {} files known, {} objects set aside", setup.engine->epoch(),
                                 runner.files().size(), runner.quarantine().objects().size()));
}

void check_path(Doctor& doctor, const std::string& name, const std::string& path) {
  const Listing listing = list_files(path);
  if (!listing.failures.empty()) {
    const auto& [where, why] = listing.failures.front();
    return doctor.fail("source", fmt::format("{}: {}: {}", name, where, why),
                       "mend the path or its permissions");
  }
  const auto closed = std::ranges::find_if(
      listing.files, [](const ListedFile& file) { return ::access(file.path.c_str(), R_OK) != 0; });
  if (closed != listing.files.end())
    return doctor.fail("source", fmt::format("{}: {} cannot be read", name, closed->path),
                       "give this user the right to read it");
  if (listing.files.empty())
    return doctor.warn("source", name + ": no files yet", "see whether logs are delivered here");
  doctor.ok("source", fmt::format("{}: {} files", name, listing.files.size()));
}

// "Mon, 30 Nov 2026 13:00:59 GMT"
std::optional<TimeMs> http_time(std::string_view text) {
  std::tm parts{};
  const char* end = ::strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return end == nullptr ? std::nullopt
                        : std::optional<TimeMs>(static_cast<TimeMs>(::timegm(&parts)) * second_ms);
}

void check_bucket(Doctor& doctor, const Config& config, const SourceKeys& source) {
  const std::string name = source.name.empty() ? source.url : source.name;
  const auto wrong = [&](const Error& error, const std::string& todo) {
    doctor.fail("source", fmt::format("{}: {}", name, error.message()), todo);
  };
  const auto place = parse_bucket_url(source.url);
  if (!place)
    return wrong({ErrorKind::invalid, "it must be s3://BUCKET/PREFIX", source.url, -1}, "mend source.url");
  const std::string endpoint = source.endpoint.empty() ? config.s3.endpoint : source.endpoint;
  const std::string region = source.region.empty() ? "us-east-1" : source.region;
  std::vector<std::string> allowed = config.network.allow_hosts;
  for (const std::string& url : {endpoint, source.queue}) {
    if (url.empty()) continue;
    auto host = net::host_of(url);
    if (!host) return wrong(host.error(), "mend the source's endpoint or queue");
    allowed.push_back(std::move(*host));
  }
  auto guard = net::AddressGuard::make(allowed);
  if (!guard) return wrong(guard.error(), "mend [network] allow_hosts");
  const net::HttpClient http(std::move(*guard), config.network.ca_file);
  const bool own = !source.credentials.empty() || !source.profile.empty();
  auto key =
      aws::load_caller_key(source.credentials.empty() ? config.s3.credentials : source.credentials,
                           source.profile.empty() ? (own ? "default" : config.s3.profile) : source.profile);
  if (!key) return wrong(key.error(), "mend the source's credentials");
  aws::RoleKey role(http, *key, {source.role, source.external_id, region, endpoint}, wall_clock);
  auto caller = role.get();
  if (!caller) return wrong(caller.error(), "the role must trust the caller, with this external_id");
  const aws::S3Client client(http, {endpoint, *caller}, wall_clock);
  const auto page = client.list(place->first, place->second, region, true, "");
  if (!page) return wrong(page.error(), "docs/sources.md lists what the caller must be allowed");
  doctor.ok("source", fmt::format("{}: {} answers{}", name, source.url,
                                  source.queue.empty() ? "" : "; its queue was not asked"));
  const std::string url = endpoint.empty() ? fmt::format("https://s3.{}.amazonaws.com/", region) : endpoint;
  const auto answer =
      http.send({.method = "GET", .url = url, .headers = {}, .body = {}}, {.bytes_max = 1U << 20});
  const auto time = answer ? http_time(answer->header("date")) : std::nullopt;
  constexpr TimeMs skew_max = 5 * minute_ms;  // AWS refuses fifteen
  if (time && std::abs(*time - wall_clock()) > skew_max)
    doctor.fail("clock", fmt::format("{} s away from {}", (wall_clock() - *time) / second_ms, url),
                "set the clock");
}

// As a running server, or the last one, saw them.
void check_lag(Doctor& doctor, const DoctorFlags& flags, bool running) {
  const auto text = read_sources(flags.data_dir);
  if (!text) return;
  const JsonDocument document(*text);
  simdjson::dom::array sources;
  if (!document.root() || (*document.root())["sources"].get(sources) != simdjson::SUCCESS) return;
  for (const simdjson::dom::element source : sources) {
    std::string_view name, state, error;
    double lag = 0;
    if (source["name"].get(name) != simdjson::SUCCESS || source["state"].get(state) != simdjson::SUCCESS)
      continue;
    if (source["lagMs"].get(lag) != simdjson::SUCCESS) lag = 0;
    if (source["lastError"].get(error) != simdjson::SUCCESS) error = {};
    if (state == "failing") {
      doctor.fail("reading", fmt::format("{}: {}", name, error), "picket sources tells more");
    } else if (running && lag > 10.0 * minute_ms) {
      doctor.warn("reading", fmt::format("{}: {:.0f} minutes behind", name, lag / minute_ms),
                  "give it more cores, or wait until it has caught up");
    }
  }
}

void check_feeds(Doctor& doctor, const Config& config, const DoctorFlags& flags) {
  if (!config.intel_use_feeds) return;
  const auto feeds = feeds_of(config);
  if (!feeds) return doctor.fail("feeds", feeds.error().message(), "mend [[intel.feed]]");
  const auto cache = FeedCache::open(feeds_folder(flags.data_dir));
  if (!cache) return doctor.fail("feeds", cache.error().message(), "picket intel update");
  std::size_t fresh = 0, enabled = 0;
  std::string oldest;
  TimeMs since = 0;
  for (const Feed& feed : *feeds) {
    if (!feed.enabled) continue;
    ++enabled;
    const FeedCopy* copy = cache->find(feed.name);
    const TimeMs age = copy == nullptr ? -1 : wall_clock() - copy->fetched;
    // Twice its own pace, and a day for those that change by the minute.
    if (copy != nullptr && age <= std::max(2 * feed.refresh, 2 * day_ms)) {
      ++fresh;
    } else if (copy != nullptr && age > since) {
      since = age;
      oldest = fmt::format("{} is {} days old{}", feed.name, age / day_ms,
                           copy->error.empty() ? "" : ": " + copy->error);
    }
  }
  if (fresh == enabled) {
    doctor.ok("feeds", fmt::format("{} up to date", fresh));
  } else if (oldest.empty()) {
    doctor.warn("feeds",
                fmt::format("{} of {} were never fetched; the built-in lists hold", enabled - fresh, enabled),
                "picket intel update --data-dir " + flags.data_dir);
  } else {
    doctor.warn("feeds", oldest, "picket intel update --data-dir " + flags.data_dir);
  }
}

void check_tls(Doctor& doctor, const Config& config) {
  const auto check = [&](const std::string& certificate, const std::string& key, const std::string& names) {
    if (certificate.empty()) return;
    for (const std::string& path : {certificate, key})
      if (::access(path.c_str(), R_OK) != 0)
        return doctor.fail("TLS", path + " cannot be read",
                           fmt::format("mend {} or their permissions", names));
    doctor.ok("TLS", certificate);
  };
  check(config.tls_certificate, config.tls_key, "api.tls_certificate, api.tls_key");
  for (const SourceKeys& source : config.sources)
    check(source.tls_certificate, source.tls_key, "source.tls_certificate, source.tls_key");
}

int run_doctor(const DoctorFlags& flags) {
  Doctor doctor;
  Config config;
  if (flags.config.empty()) {
    doctor.ok("configuration", "none given: everything as by default");
  } else {
    auto loaded = load_config(flags.config);
    if (!loaded) {
      doctor.fail("configuration", loaded.error().message(),
                  "mend the key; docs/configuration.md lists all of them");
      return doctor.finish();
    }
    config = std::move(*loaded);
  }
  auto setup = make_setup(config, feeds_folder(flags.data_dir), 1, {});
  if (!setup) {
    doctor.fail("configuration", setup.error().message(), "mend what it names");
  } else if (!flags.config.empty()) {
    doctor.ok("configuration", flags.config);
  }
  const bool running = server_runs(flags.data_dir);
  check_folder(doctor, flags);
  check_disk(doctor, flags);
  check_limits(doctor);
  check_clock(doctor);
  check_tls(doctor, config);
  check_findings(doctor, flags);
  if (setup) check_state(doctor, flags, *setup, running);
  std::size_t sources = flags.watch.size();
  for (const std::string& path : flags.watch) check_path(doctor, path, path);
  for (const SourceKeys& source : config.sources) {
    ++sources;
    if (source.url.empty()) {
      check_path(doctor, source.name.empty() ? source.path : source.name, source.path);
    } else if (source.url.starts_with("s3://")) {
      check_bucket(doctor, config, source);
    } else {
      doctor.ok("source",
                (source.name.empty() ? source.url : source.name) + ": only a running server can tell");
    }
  }
  if (sources == 0)
    doctor.warn("source", "none is configured", "give --watch PATH or [[source]] in the configuration");
  check_lag(doctor, flags, running);
  check_feeds(doctor, config, flags);
  if (running) {
    doctor.ok("server", "runs");
  } else {
    doctor.warn("server", "does not run on this data directory", "picket serve --data-dir " + flags.data_dir);
  }
  return doctor.finish();
}

}  // namespace

void add_doctor(CLI::App& program, Run& run) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* command = program.add_subcommand(
      "doctor", "Check configuration, permissions, clock, disk, sources, state and feeds");
  command->add_option("--config", flags->config, "The server's configuration file");
  command->add_option("--data-dir", flags->data_dir, "The server's data directory");
  command->add_option("--watch", flags->watch, "As given to serve; may be given again");
  command->footer(
      "Changes nothing. Each line says OK, WARN or FAIL and what to do. Exit: 0, or 3 when something is "
      "wrong.\n"
      "Example: picket doctor --config picket.toml --data-dir ./picket-data");
  command->callback([flags, &run] { run = [flags] { return run_doctor(*flags); }; });
}

}  // namespace picket::cli
