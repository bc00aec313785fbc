#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/file_stamp.h"
#include "base/folder_lock.h"
#include "base/program_log.h"
#include "cli/commands.h"
#include "cli/console_files.h"
#include "cli/serve_logs.h"
#include "cli/serve_site.h"
#include "cli/table.h"
#include "decode/sniff.h"
#include "finding/export.h"
#include "store/sqlite_store.h"

namespace picket::cli {

namespace {

namespace fs = std::filesystem;

// Account and Region that most log objects belong to, by their keys: what the first profile starts with.
std::pair<std::string, std::string> main_account(const Config& config,
                                                 const std::vector<WatchSource>& sources) {
  std::map<std::string, std::size_t> accounts, regions;
  for (const WatchSource& source : sources) {
    for (const ListedFile& file : list_files(source.path).files) {
      const KeyFacts facts = read_key(file.key);
      const std::string& account = source.settings.account.empty() ? facts.account : source.settings.account;
      const std::string& region = source.settings.region.empty() ? facts.region : source.settings.region;
      if (!account.empty()) ++accounts[account];
      if (!region.empty()) ++regions[region];
    }
  }
  const auto most = [](const std::map<std::string, std::size_t>& counts, std::string otherwise) {
    std::size_t best = 0;
    for (const auto& [name, count] : counts) {
      if (count > best) {
        best = count;
        otherwise = name;
      }
    }
    return otherwise;
  };
  return {config.management_account.empty() ? most(accounts, "000000000000") : config.management_account,
          most(regions, "us-east-1")};
}

void print_findings(FindingStore& store, const std::string& data_dir, const std::string& url) {
  std::vector<FindingLine> lines;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  const auto done = store.for_each({}, {}, [&](const Finding& finding) {
    ++places[{finding.account, finding.region}];
    if (finding.archived == Archived::no) {
      lines.push_back({finding.id, finding.type, finding.account, finding.region,
                       subject_in_document(finding.document), finding.severity, finding.count,
                       finding.created_at, finding.updated_at});
    }
    return true;
  });
  if (!done) return;
  constexpr std::size_t shown = 40;
  const std::size_t total = lines.size();
  std::sort(lines.begin(), lines.end(), [](const FindingLine& a, const FindingLine& b) {
    return std::tie(b.severity, a.first, a.id) < std::tie(a.severity, b.first, b.id);
  });
  if (lines.size() > shown) lines.resize(shown);
  fmt::print("\n");
  print_table(stdout, std::move(lines), wants_colour(stdout));
  if (total > shown) fmt::print("… and {} more: picket findings --data-dir {}\n", total - shown, data_dir);
  if (!places.empty()) {
    fmt::print("\nFindings in:");
    for (const auto& [place, count] : places) {
      fmt::print("  {} {} ({})", place.first.empty() ? "(unknown account)" : place.first,
                 place.second.empty() ? "(unknown Region)" : place.second, count);
    }
    // The place with most findings serves as the example.
    const auto busiest = std::max_element(places.begin(), places.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    const std::string& region = busiest->first.second;
    fmt::print("\n\nAsk with the AWS CLI:\n");
    fmt::print("  export AWS_SHARED_CREDENTIALS_FILE={}/credentials\n", data_dir);
    fmt::print(
        "  D=$(aws --endpoint-url {} --region {} guardduty list-detectors --query 'DetectorIds[0]' --output "
        "text)\n",
        url, region);
    fmt::print("  aws --endpoint-url {} --region {} guardduty list-findings --detector-id $D \\\n", url,
               region);
    fmt::print("      --finding-criteria '{{\"Criterion\":{{\"severity\":{{\"Gte\":7}}}}}}'\n");
    fmt::print("Why a finding was raised:  picket explain ID --data-dir {}\n", data_dir);
  }
  std::fflush(stdout);
}

// Tells the log once when a source, or the pipeline, cannot go on, and once when it could again for a while.
class TroubleLog {
 public:
  void look(const LiveStatus& status) {
    for (const SourceReport& source : status.sources)
      look("source " + source.name, source.name, source.failing, source.last_error);
    look("the pipeline", "", !status.stalled.empty(), status.stalled);
  }

 private:
  static constexpr std::chrono::seconds calm{10};
  void look(const std::string& what, std::string_view source, bool failing, const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    if (failing) {
      if (failed_.insert_or_assign(what, now).second)
        log_with(spdlog::level::warn, {{"source", source}, {"error", why}}, "{}: {}; tried again", what, why);
    } else if (const auto at = failed_.find(what); at != failed_.end() && now - at->second > calm) {
      failed_.erase(at);
      log_with(spdlog::level::info, {{"source", source}}, "{}: goes on", what);
    }
  }
  std::map<std::string, std::chrono::steady_clock::time_point> failed_;  // when last
};

// The first start makes the first profile; later ones keep what is there.
Result<std::vector<aws::Credential>> known_credentials(const aws::KeyFiles& key_files, const Config& config,
                                                       const std::vector<WatchSource>& sources) {
  auto known = aws::load_credentials(key_files);
  if (!known || !known->empty()) return known;
  const auto [account, region] = main_account(config, sources);
  const auto made = aws::create_credential(key_files, {"default", account, aws::Role::administrator, region});
  if (!made) return std::unexpected(made.error());
  return std::vector{*made};
}

// On standard output for people, as lines of the log for programs.
void tell_start(const ServeFlags& flags, ServedSite& site, const ServedLogs& logs,
                const std::vector<std::string>& listening) {
  const std::string& url = site.url();
  const auto tell = [](std::initializer_list<LogField> fields, const std::string& line) {
    if (program_log_form() == LogForm::json) {
      log_line(spdlog::level::info, {fields.begin(), fields.size()}, line);
    } else {
      fmt::print("{}\n", printable(line));
    }
  };
  tell({{"version", PICKET_VERSION}, {"url", url}},
       fmt::format("picket {} serves the GuardDuty API on {}", PICKET_VERSION, url));
  if (console_files().empty()) {
    tell({}, "this build has no console: npm was not there when it was made");
  } else if (const std::string link = site.setup_link(); !link.empty()) {
    tell({}, fmt::format("console: make its first user at {}{}", url, link));
  } else {
    tell({}, fmt::format("console: {}/console/", url));
  }
  tell({{"data_dir", flags.data_dir}},
       fmt::format("data in {}, credentials in {}/credentials, metrics on {}/metrics", flags.data_dir,
                   flags.data_dir, url));
  if (!logs.any()) tell({}, "no logs are watched: give --watch PATH or [[source]] in the configuration");
  for (const WatchSource& source : logs.settings().sources)
    tell({{"source", source.settings.name.empty() ? source.path : source.settings.name}},
         "watching " + source.path);
  for (const WatchedBucket& watched : logs.settings().buckets)
    tell({{"source", watched.settings.name}},
         "watching " + watched.bucket->url_of(watched.bucket->settings().prefix));
  for (const std::string& line : listening) tell({}, line);
  std::fflush(stdout);
}

void tell_caught_up(const LiveStatus& status) {
  std::uint64_t objects = 0, records = 0;
  for (const SourceReport& source : status.sources) {
    objects += source.totals.read.objects;
    records += source.totals.read.records_read;
  }
  log_with(spdlog::level::info,
           {{"objects", std::to_string(objects)},
            {"records", std::to_string(records)},
            {"findings", std::to_string(status.findings_written)}},
           "caught up: {} records of {} objects read so far, {} findings written since the start", records,
           objects, status.findings_written);
}

Result<Config> begin(const ServeFlags& flags) {
  // Standard output tells where the API and the console are; who does not read on must not stop the log.
  start_program_log(LogForm::text, spdlog::level::info);
  auto config = config_or_default(flags.config);
  if (config)
    start_program_log(config->log.format == "json" ? LogForm::json : LogForm::text,
                      spdlog::level::from_str(config->log.level));
  return config;
}

// The data directory, which nobody else serves meanwhile.
Result<FolderLock> take_data_dir(std::string& data_dir) {
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (error) return fail(ErrorKind::io, "cannot create the data directory: " + error.message(), data_dir);
  data_dir = fs::absolute(data_dir).lexically_normal().string();
  return FolderLock::take_now(data_dir, "lock", "another picket serves this data directory");
}

Result<std::unique_ptr<api::AuditLog>> open_audit(const Config& config, const std::string& data_dir) {
  if (!config.audit_log) return nullptr;
  return api::AuditLog::open({.folder = fs::path(data_dir) / "audit", .retention = config.audit_retention},
                             wall_clock());
}

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// What the configuration is made of, and when each file was last written.
using Stamps = std::map<std::string, FileStamp>;

Stamps stamps_of(const ServeFlags& flags, const Config& config) {
  Stamps stamps;
  const auto add = [&](const std::string& path) {
    if (path.empty()) return;
    stamps.emplace(path, FileStamp::of(path));
    std::error_code error;
    if (!fs::is_directory(path, error)) return;
    for (const auto& item : fs::recursive_directory_iterator(path, error))
      stamps.emplace(item.path().string(), FileStamp::of(item.path().string()));
  };
  add(flags.config);
  add(config.aws_ranges);
  for (const auto* paths : {&config.rules, &config.rules_dry_run, &config.geoip_databases, &config.inventory,
                            &config.integrity.keys})
    for (const std::string& path : *paths) add(path);
  for (const IntelListKeys& list : config.intel_lists) add(list.path);
  for (const SourceKeys& source : config.sources)
    for (const std::string* secret : {&source.access_key_file, &source.password_file}) add(*secret);
  add(config.oidc.client_secret_file);
  return stamps;
}

// Whether SIGHUP asks for another configuration than that in use, one that a server can be made of.
bool wants_renewal(const ServeFlags& flags, const Config& config, const Stamps& in_use) {
  if (flags.config.empty() || stamps_of(flags, config) == in_use) return false;
  const auto usable = [&]() -> Result<void> {
    const auto next = load_config(flags.config);
    if (!next) return std::unexpected(next.error());
    if (const auto logs = ServedLogs::make(*next, flags); !logs) return std::unexpected(logs.error());
    if (const auto setup = make_setup(*next, feeds_folder(flags.data_dir), flags.threads, {}); !setup)
      return std::unexpected(setup.error());
    return {};
  }();
  if (!usable) spdlog::error("the configuration in use stays: {}", usable.error().message());
  return usable.has_value();
}

enum class Ended : std::uint8_t { stopped, renewed };

// Looks after everything until a signal or `over` stops it, or all was read and that is enough. `renewal`:
// whether the server is to be made anew.
Ended watch_over(const ServeFlags& flags, const ServedLogs& logs, const Live& live, ServedSite& site,
                 FindingStore& store, const std::atomic<bool>& over, const std::function<bool()>& renewal) {
  const sigset_t signals = awaited_signals();
  bool told = false;
  TroubleLog trouble;
  while (!over) {
    const timespec pause{0, 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal == SIGINT || signal == SIGTERM) {
      spdlog::info("stopping: {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
      return Ended::stopped;
    }
    if (signal == SIGHUP && renewal()) {
      spdlog::info("starting anew: the configuration was changed");
      return Ended::renewed;
    }
    site.look_at_certificates(signal == SIGHUP);
    site.tend();
    const LiveStatus status = live.status();
    trouble.look(status);
    if (told || !status.caught_up || !(logs.any() || flags.exit_when_done)) continue;
    told = true;
    tell_caught_up(status);
    if (program_log_form() == LogForm::text) print_findings(store, flags.data_dir, site.url());
    if (flags.exit_when_done) return Ended::stopped;
  }
  return Ended::stopped;
}

// The code to exit with; none: the server is to be made anew.
std::optional<int> serve(ServeFlags& flags) {
  const auto config = begin(flags);
  if (!config) return failed(config.error());
  const Stamps stamps = stamps_of(flags, *config);
  auto server_settings = address_of(flags.listen, "--listen");
  if (!server_settings) return failed(server_settings.error());
  if (!config->tls_certificate.empty())
    server_settings->tls = api::TlsFiles{config->tls_certificate, config->tls_key};
  const auto lock = take_data_dir(flags.data_dir);
  if (!lock) return failed(lock.error());

  const auto logs = ServedLogs::make(*config, flags);
  if (!logs) return failed(logs.error());
  if (const auto taken = (*logs)->pushed().take_sockets(); !taken) return failed(taken.error());
  LiveSettings& live_settings = (*logs)->settings();
  const auto store = open_sqlite_store(fs::path(flags.data_dir) / "findings.db");
  if (!store) return failed(store.error());
  auto setup = make_setup(*config, feeds_folder(flags.data_dir), flags.threads, {});
  if (!setup) return failed(setup.error());
  for (const std::string& note : setup->notes)
    spdlog::log(note.starts_with("rule refused") ? spdlog::level::warn : spdlog::level::info, "{}", note);
  const aws::KeyFiles key_files(flags.data_dir, config->master_key_file);
  const auto known = known_credentials(key_files, *config, live_settings.sources);
  if (!known) return failed(known.error());
  for (const aws::Credential& key : *known)
    if (key.administers_all) live_settings.administrator_of_all = key.account;
  const auto keys = aws::KeyStore::open(key_files);
  if (!keys) return failed(keys.error());

  Workers workers(flags.threads != 0 ? flags.threads : default_threads());
  ContentFolder contents(fs::path(flags.data_dir) / "lists");
  const auto outbound = Outbound::make(*config, flags.data_dir, live_settings.set_limits, **store, contents,
                                       *live_settings.respond_by, wall_clock);
  if (!outbound) return failed(outbound.error());
  if (const auto published = (*outbound)->feeds().publish(); !published) return failed(published.error());
  Live live(live_settings, *setup, **store, contents, workers, wall_clock);
  const auto recovered = live.start();
  if (!recovered) return failed(recovered.error(), exit_internal);
  for (const std::string& warning : recovered->warnings) spdlog::warn("{}", warning);
  if (recovered->epochs_replayed > 0)
    spdlog::info("replayed {} epochs of the input log", recovered->epochs_replayed);

  const auto audit = open_audit(*config, flags.data_dir);
  if (!audit) return failed(audit.error(), exit_internal);
  const auto site = ServedSite::start({.config = *config,
                                       .data_dir = flags.data_dir,
                                       .known = *known,
                                       .keys = **keys,
                                       .store = **store,
                                       .setup = *setup,
                                       .live = live,
                                       .logs = **logs,
                                       .outbound = **outbound,
                                       .audit = audit->get()},
                                      *server_settings);
  if (!site) return failed(site.error());
  const auto listening = (*logs)->pushed().listen();
  if (!listening) return failed(listening.error());
  for (const auto& [listener, files] : (*logs)->pushed().with_tls())
    (*site)->keep_certificate(*listener, files);
  tell_start(flags, **site, **logs, *listening);
  flags.listen = (*site)->address();  // A free port stays the same.

  std::atomic<bool> over = false;
  Result<void> outcome;
  std::jthread worker([&] {
    outcome = live.run();
    over = true;
  });
  (*outbound)->start();
  const Ended ended = watch_over(flags, **logs, live, **site, **store, over,
                                 [&] { return wants_renewal(flags, *config, stamps); });
  (*site)->stopping();
  (*logs)->pushed().stop();
  live.stop();
  worker.join();
  (*site)->stop();
  (*outbound)->stop();
  (*site)->tend();  // what was done last
  if (*audit)
    if (const auto done = (*audit)->rotate(wall_clock(), true); !done)
      return failed(done.error(), exit_internal);
  if (!outcome) return failed(outcome.error(), exit_internal);
  if (ended == Ended::renewed) return std::nullopt;
  spdlog::info("stopped; what was read is saved");
  return exit_ok;
}

int run_serve(ServeFlags flags) {
  while (true)
    if (const auto code = serve(flags)) return *code;
}

}  // namespace

void add_serve(CLI::App& program, Run& run) {
  auto flags = std::make_shared<ServeFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command =
      program.add_subcommand("serve", "Watch logs and serve the GuardDuty API and the console");
  command->add_option("--config", flags->config, "Configuration file (TOML)");
  command->add_option("--data-dir", flags->data_dir, "Where findings, state and credentials are kept");
  command->add_option("--listen", flags->listen, "HOST:PORT of the API; port 0 takes a free one");
  command->add_option("--watch", flags->watch, "File, folder or glob to watch; may be given again");
  command->add_option("--threads", flags->threads, "Threads of the engine; default one per core")
      ->check(CLI::Range(1, 1024));
  command->add_option("--baseline", flags->baseline,
                      "What is normal, from `picket learn`: learned once, and kept");
  command->add_flag("--exit-when-done", flags->exit_when_done, "Stop when all that is there was read");
  command->footer("Example: picket serve --watch ./AWSLogs --data-dir ./picket-data");
  command->callback([flags, &run] {
    run = [flags] {
      // Before any thread is made, so that only the waiting one gets them.
      const sigset_t signals = awaited_signals();
      pthread_sigmask(SIG_BLOCK, &signals, nullptr);
      std::signal(SIGPIPE, SIG_IGN);
      return run_serve(*flags);
    };
  });
}

}  // namespace picket::cli
