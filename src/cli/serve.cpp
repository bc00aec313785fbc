#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "api/audit_log.h"
#include "api/respond_calls.h"
#include "api/server.h"
#include "api/site.h"
#include "aws/credentials.h"
#include "base/clock.h"
#include "base/file_stamp.h"
#include "base/folder_lock.h"
#include "base/metrics_text.h"
#include "base/program_log.h"
#include "cli/bucket.h"
#include "cli/commands.h"
#include "cli/console_files.h"
#include "cli/pushed.h"
#include "cli/table.h"
#include "config/config.h"
#include "console/console.h"
#include "decode/sniff.h"
#include "enrich/text_file.h"
#include "finding/export.h"
#include "pipeline/live.h"
#include "pipeline/outbound.h"
#include "pipeline/process_metrics.h"
#include "pipeline/records.h"
#include "pipeline/setup.h"
#include "store/sqlite_store.h"

namespace picket::cli {

namespace {

namespace fs = std::filesystem;

struct ServeFlags {
  std::string config, data_dir, listen = "127.0.0.1:7788", baseline;
  std::vector<std::string> watch;
  unsigned threads = 0;
  bool exit_when_done = false;
};

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

// The management account is the configured one, else that of the profile that administers every account.
api::Organization organization_of(const Config& config, const std::vector<aws::Credential>& keys) {
  api::Organization out{.id = config.organization_id, .management_account = config.management_account};
  for (const AccountKeys& account : config.accounts)
    out.accounts.push_back({account.id, account.name, account.email, account.role});
  for (const aws::Credential& key : keys)
    if (out.management_account.empty() && key.administers_all) out.management_account = key.account;
  return out;
}

// What a playbook did, or refused to do, as an entry of the audit log.
Result<void> audit_run(api::AuditLog& audit, const playbook::Run& run) {
  aws::Credential actor;
  actor.profile = run.state == "undone" ? run.undone_by : run.actor;
  actor.account = run.account;
  actor.region = run.region;
  const std::string told = playbook::run_json(run, false);
  const bool refused = run.state == "refused" || run.state == "failed";
  return audit.append({.time = run.updated,
                       .caller = &actor,
                       .region = run.region,
                       .event_source = api::picket_event_source,
                       .event_name = run.dry_run             ? "PreviewPlaybook"
                                     : run.state == "undone" ? "UndoPlaybookRun"
                                                             : "RunPlaybook",
                       .request_id = run.id,
                       .source_address = {},
                       .user_agent = "picket",
                       .request_parameters = told,
                       .response_elements = {},
                       .error_code = refused ? "PlaybookNotRun" : "",
                       .error_message = refused ? std::string_view(run.why) : std::string_view(),
                       .read_only = run.dry_run,
                       .event_type = "AwsServiceEvent"});
}

// What the API does in the background; an error stays in the log, and it is tried again.
void tend(api::Service& service, api::AuditLog* audit, playbook::Playbooks& playbooks) {
  if (const auto done = service.enroll(); !done) spdlog::error("organisation: {}", done.error().message());
  if (audit == nullptr) return;
  if (const auto done = playbooks.audit([audit](const playbook::Run& run) { return audit_run(*audit, run); });
      !done)
    spdlog::error("audit log: {}", done.error().message());
  if (const auto done = audit->rotate(wall_clock()); !done)
    spdlog::error("audit log: {}", done.error().message());
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

SourceSettings settings_of(const SourceKeys& source) {
  return {source.name, source.kind, source.account, source.region, source.cluster, source.flow_format};
}

LiveSettings live_settings_of(const Config& config, const ServeFlags& flags) {
  LiveSettings settings;
  settings.data_dir = flags.data_dir;
  settings.retention = config.retention;
  settings.baseline = flags.baseline;
  if (flags.exit_when_done) settings.quiet_before_release = 0;  // What is there is all.
  settings.snapshot_interval = config.snapshot_interval;
  settings.lateness = lateness_of(config);
  settings.builtin_lists = config.intel_builtin;
  settings.set_limits = {config.intel_sets.bytes_max, config.intel_sets.trusted_ips_max,
                         config.intel_sets.threat_ips_max, config.intel_sets.entities_max};
  for (const std::string& path : flags.watch) settings.sources.push_back({path, {}});
  for (const SourceKeys& source : config.sources)
    if (source.url.empty()) settings.sources.push_back({source.path, settings_of(source)});
  return settings;
}

Result<std::optional<DigestWatchSettings>> digest_settings(const Config& config, const LiveSettings& live) {
  if (config.integrity.keys.empty()) return std::nullopt;
  DigestWatchSettings out;
  out.every = config.integrity.every;
  for (const WatchSource& source : live.sources)
    if (!source.settings.kind || source.settings.kind == LogKind::cloudtrail)
      out.folders.push_back(source.path);
  for (const SourceKeys& source : config.sources) {
    if (!source.url.starts_with("s3://") || (source.kind && source.kind != LogKind::cloudtrail)) continue;
    auto archive = archive_of(config, source);
    if (!archive) return std::unexpected(archive.error());
    out.buckets.push_back({source.url, std::move(*archive)});
  }
  for (const std::string& path : config.integrity.keys) {
    const auto text = read_text_file(path);
    if (!text) return std::unexpected(text.error());
    if (const auto added = out.keys.add(*text, path); !added) return std::unexpected(added.error());
  }
  return out;
}

// Loads the certificate again when SIGHUP asks for it or its files changed.
class CertificateKeeper {
 public:
  CertificateKeeper(api::Server& server, api::TlsFiles files)
      : server_(server), files_(std::move(files)), stamps_(stamps()) {}
  void look(bool asked) {
    if (const auto now = stamps(); asked || now != stamps_) {
      stamps_ = now;
      if (const auto done = server_.reload_tls(); !done) {
        log_with(spdlog::level::err, {{"certificate", files_.certificate}},
                 "the certificate in use stays: {}", done.error().message());
      } else {
        log_with(spdlog::level::info, {{"certificate", files_.certificate}}, "certificate loaded from {}",
                 files_.certificate);
      }
    }
  }

 private:
  std::pair<FileStamp, FileStamp> stamps() const {
    return {FileStamp::of(files_.certificate), FileStamp::of(files_.key)};
  }
  api::Server& server_;
  const api::TlsFiles files_;
  std::pair<FileStamp, FileStamp> stamps_;
};

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

std::string server_metrics(const api::Server& server) {
  const api::ServerCounters counters = server.counters();
  MetricsText out;
  out.counter("picket_http_connections_total", "Connections that were accepted.", counters.connections);
  out.counter("picket_http_requests_total", "Requests that were answered.", counters.requests);
  out.counter("picket_http_connections_refused_total", "Connections beyond the most.",
              counters.refused_connections);
  out.counter("picket_http_malformed_total", "Requests that were no HTTP, or beyond a limit.",
              counters.malformed);
  out.counter("picket_http_timeouts_total", "Clients that took too long.", counters.timeouts);
  out.counter("picket_tls_handshakes_failed_total", "Connections that agreed on no TLS.",
              counters.handshakes_failed);
  if (const auto ends = server.tls_ends())
    out.gauge("picket_tls_certificate_end_timestamp_seconds", "Until when the certificate in use is valid.",
              *ends / second_ms);
  return out.take();
}

// One for each bucket among the sources.
Result<std::vector<std::unique_ptr<S3Source>>> make_buckets(const Config& config, const Spool& spool,
                                                            LiveSettings& live) {
  std::vector<std::unique_ptr<S3Source>> out;
  for (const SourceKeys& source : config.sources) {
    if (!source.url.starts_with("s3://")) continue;
    const auto place = parse_bucket_url(source.url);
    if (!place) return fail(ErrorKind::invalid, "source.url must be s3://BUCKET/PREFIX", source.url);
    auto key = key_of(config, source);
    if (!key) return std::unexpected(key.error());
    S3SourceSettings settings{.name = source.name,
                              .bucket = place->first,
                              .prefix = place->second,
                              .queue = source.queue,
                              .region = source.region.empty() ? "us-east-1" : source.region,
                              .endpoint = source.endpoint.empty() ? config.s3.endpoint : source.endpoint,
                              .role = source.role,
                              .external_id = source.external_id};
    // Without a queue listing is all there is.
    settings.list_every = source.list_every.value_or(source.queue.empty() ? minute_ms : 10 * minute_ms);
    auto bucket = S3Source::make(std::move(settings), config.network.allow_hosts, config.network.ca_file,
                                 std::move(*key), spool, wall_clock);
    if (!bucket) return std::unexpected(bucket.error());
    live.buckets.push_back({bucket->get(), settings_of(source)});
    out.push_back(std::move(*bucket));
  }
  if (!out.empty()) live.spool = &spool;
  return out;
}

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

// What the API reads, but for the audit log.
api::Backend backend_of(const Config& config, FindingStore& store, const Live& live, const Engine& engine,
                        const std::vector<aws::Credential>& known) {
  api::Backend backend;
  backend.store = &store;
  backend.now = wall_clock;
  backend.auto_detectors = config.auto_detectors;
  backend.list_set_limits = {config.intel_sets.trusted_ip_sets_max, config.intel_sets.threat_intel_sets_max,
                             config.intel_sets.trusted_entity_sets_max,
                             config.intel_sets.threat_entity_sets_max};
  backend.organization = organization_of(config, known);
  backend.first_seen = [&live](std::string_view account, std::string_view region) {
    return live.first_seen(account, region);
  };
  backend.places = [&live] { return live.places(); };
  backend.resources = [&live] { return live.resources(); };
  backend.usage = [&live] { return live.usage(); };
  backend.version = PICKET_VERSION;
  if (config.entity_bytes_max > 0) backend.entities = &engine.entities();
  backend.usual = [&engine](std::string_view account, std::string_view principal, std::int32_t day) {
    return engine.usual(account, principal, day);
  };
  backend.place = [&engine](const IpAddress& ip) { return engine.facts().place(ip); };
  return backend;
}

// Among what is watched, as findings name objects: by their keys below the folder that holds them, or in the
// bucket.
Result<std::string> read_record(const LiveSettings& live, const std::string& object, std::uint64_t position) {
  const auto in_bucket = [&](const WatchedBucket& watched) -> Result<std::map<std::uint64_t, std::string>> {
    if (!object.starts_with(watched.bucket->settings().prefix))
      return fail(ErrorKind::not_found, "not below the source's prefix", object);
    const auto bytes = watched.bucket->content(object);
    if (!bytes) return std::unexpected(bytes.error());
    return read_records(*memory_source(*bytes), object, {position});
  };
  const auto nowhere = fail(ErrorKind::not_found, "the object is not among what is watched any more", object);
  Result<std::map<std::uint64_t, std::string>> found = nowhere;
  const auto is_settled = [&] { return found || found.error().kind != ErrorKind::not_found; };
  for (const WatchSource& source : live.sources)
    if (!is_settled()) found = read_records(source.path, object, {position});
  for (const WatchedBucket& watched : live.buckets)
    if (!is_settled()) found = in_bucket(watched);
  if (!found) return is_settled() ? std::unexpected(found.error()) : nowhere;
  const auto at = found->find(position);
  if (at == found->end()) return fail(ErrorKind::not_found, "the object has no such record any more", object);
  return std::move(at->second);
}

console::ConsoleSettings console_settings(const Live& live, api::AuditLog* audit, console::OidcClient* oidc,
                                          api::Service& service, const LiveSettings& settings) {
  return {
      .version = PICKET_VERSION,
      .files = console_files(),
      .audit = audit,
      .oidc = oidc,
      .now = wall_clock,
      .places = [&live] { return live.places(); },
      .finding =
          [&service](const aws::Credential& caller, const std::string& region, const std::string& id) {
            const auto found = service.finding(caller, region, id);
            return found && *found ? (*found)->document : std::string();
          },
      .read = [&service](const aws::Credential& caller, const std::string& region, std::string_view path,
                         std::string_view query) { return service.picket(caller, region, path, query); },
      .read_record = [&settings](const std::string& object,
                                 std::uint64_t position) { return read_record(settings, object, position); }};
}

// How people sign in through a provider; null: the configuration names none.
Result<std::unique_ptr<console::OidcClient>> make_oidc(const Config& config, aws::KeyStore& credentials) {
  const OidcKeys& keys = config.oidc;
  if (keys.issuer.empty()) return nullptr;
  console::OidcSettings settings{.name = keys.name,
                                 .issuer = keys.issuer,
                                 .client_id = keys.client_id,
                                 .client_secret = {},
                                 .redirect_url = keys.redirect_url,
                                 .scopes = keys.scopes,
                                 .name_claim = keys.name_claim,
                                 .grants = {},
                                 .skew = config.clock_skew};
  if (!keys.client_secret_file.empty()) {
    auto secret = read_text_file(keys.client_secret_file);
    if (!secret) return std::unexpected(secret.error());
    while (secret->ends_with('\n') || secret->ends_with('\r')) secret->pop_back();
    settings.client_secret = std::move(*secret);
  }
  for (const OidcGrantKeys& grant : keys.grants) {
    if (!credentials.find_profile(grant.profile))
      spdlog::warn("{}: there is no active profile '{}' yet: make it with picket credentials", grant.where,
                   grant.profile);
    settings.grants.push_back({grant.claim, grant.value, grant.profile,
                               aws::parse_role(grant.role).value_or(aws::Role::read_only)});
  }
  auto guard = net::AddressGuard::make(config.network.allow_hosts);
  if (!guard) return std::unexpected(guard.error());
  auto http = std::make_shared<net::HttpClient>(std::move(*guard), config.network.ca_file);
  // Somebody waits for it.
  static constexpr net::HttpLimits limits{
      .bytes_max = 1U << 20, .connect_ms_max = 5 * second_ms, .total_ms_max = 10 * second_ms};
  return std::make_unique<console::OidcClient>(
      std::move(settings), [http](const net::Request& request) { return http->send(request, limits); },
      wall_clock);
}

// The key that the console's first user acts through: of the administrator of all, else of any administrator.
std::string first_user_key(const std::vector<aws::Credential>& keys) {
  const auto first = [&](auto wanted) {
    const auto found = std::ranges::find_if(keys, wanted);
    return found == keys.end() ? std::string() : found->access_key_id;
  };
  const std::string all = first([](const aws::Credential& key) { return key.administers_all; });
  return all.empty() ? first([](const aws::Credential& key) { return key.role == aws::Role::administrator; })
                     : all;
}

bool has_sources(const LiveSettings& live) {
  return !live.sources.empty() || !live.buckets.empty() || !live.pushed.empty();
}

// On standard output for people, as lines of the log for programs.
void tell_start(const ServeFlags& flags, const std::string& url, console::Console& console,
                const LiveSettings& live, const std::vector<std::string>& listening) {
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
  } else if (const std::string link = console.setup_link(); !link.empty()) {
    tell({}, fmt::format("console: make its first user at {}{}", url, link));
  } else {
    tell({}, fmt::format("console: {}/console/", url));
  }
  tell({{"data_dir", flags.data_dir}},
       fmt::format("data in {}, credentials in {}/credentials, metrics on {}/metrics", flags.data_dir,
                   flags.data_dir, url));
  if (!has_sources(live))
    tell({}, "no logs are watched: give --watch PATH or [[source]] in the configuration");
  for (const WatchSource& source : live.sources)
    tell({{"source", source.settings.name.empty() ? source.path : source.settings.name}},
         "watching " + source.path);
  for (const WatchedBucket& watched : live.buckets)
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

int run_serve(ServeFlags flags) {
  // Standard output tells where the API and the console are; who does not read on must not stop the log.
  start_program_log(LogForm::text, spdlog::level::info);
  Config config;
  if (!flags.config.empty()) {
    auto loaded = load_config(flags.config);
    if (!loaded) return failed(loaded.error());
    config = std::move(*loaded);
    start_program_log(config.log.format == "json" ? LogForm::json : LogForm::text,
                      spdlog::level::from_str(config.log.level));
  }
  auto server_settings = address_of(flags.listen, "--listen");
  if (!server_settings) return failed(server_settings.error());
  if (!config.tls_certificate.empty())
    server_settings->tls = api::TlsFiles{config.tls_certificate, config.tls_key};
  std::error_code error;
  fs::create_directories(flags.data_dir, error);
  if (error)
    return failed(
        {ErrorKind::io, "cannot create the data directory: " + error.message(), flags.data_dir, -1});
  flags.data_dir = fs::absolute(flags.data_dir).lexically_normal().string();
  const auto lock = FolderLock::take_now(flags.data_dir, "lock", "another picket serves this data directory");
  if (!lock) return failed(lock.error());

  LiveSettings live_settings = live_settings_of(config, flags);
  auto digests = digest_settings(config, live_settings);
  if (!digests) return failed(digests.error());
  live_settings.digests = std::move(*digests);
  auto respond_rules = respond::Rules::make(config.respond);
  if (!respond_rules) return failed(respond_rules.error());
  live_settings.respond_by = std::make_shared<const respond::Rules>(std::move(*respond_rules));
  const Spool spool(flags.data_dir + "/spool");
  const auto buckets = make_buckets(config, spool, live_settings);
  if (!buckets) return failed(buckets.error());
  Inbox inbox(flags.data_dir + "/inbox", config.inbox_bytes_max, wall_clock);
  auto pushed = PushedSources::make(config, inbox);
  if (!pushed) return failed(pushed.error());
  live_settings.inbox = &inbox;
  live_settings.pushed = pushed->sources();
  auto store = open_sqlite_store(fs::path(flags.data_dir) / "findings.db");
  if (!store) return failed(store.error());
  auto setup = make_setup(config, feeds_folder(flags.data_dir), flags.threads, {});
  if (!setup) return failed(setup.error());
  for (const std::string& note : setup->notes) spdlog::info("{}", note);
  const aws::KeyFiles key_files(flags.data_dir, config.master_key_file);
  const auto known = known_credentials(key_files, config, live_settings.sources);
  if (!known) return failed(known.error());
  for (const aws::Credential& key : *known)
    if (key.administers_all) live_settings.administrator_of_all = key.account;
  const auto keys = aws::KeyStore::open(key_files);
  if (!keys) return failed(keys.error());

  Workers workers(flags.threads != 0 ? flags.threads : default_threads());
  ContentFolder contents(fs::path(flags.data_dir) / "lists");
  const auto outbound = Outbound::make(config, flags.data_dir, live_settings.set_limits, **store, contents,
                                       *live_settings.respond_by, wall_clock);
  if (!outbound) return failed(outbound.error());
  if (const auto published = (*outbound)->feeds().publish(); !published) return failed(published.error());
  Live live(live_settings, *setup, **store, contents, workers, wall_clock);
  const auto recovered = live.start();
  if (!recovered) return failed(recovered.error(), exit_internal);
  for (const std::string& warning : recovered->warnings) spdlog::warn("{}", warning);
  if (recovered->epochs_replayed > 0)
    spdlog::info("replayed {} epochs of the input log", recovered->epochs_replayed);

  api::Backend backend = backend_of(config, **store, live, *setup->engine, *known);
  std::timed_mutex reading;  // one record at a time: a large object must be decoded up to it
  backend.read_record = [&](const std::string& object, std::uint64_t position) -> Result<std::string> {
    constexpr std::chrono::seconds wait{5};
    const std::unique_lock one_reader(reading, wait);
    if (!one_reader) return fail(ErrorKind::io, "another record is being read", object);
    return read_record(live_settings, object, position);
  };
  backend.rules = live_settings.respond_by.get();
  backend.playbooks = &(*outbound)->playbooks();
  backend.feeds = [&outbound] { return (*outbound)->feeds().told(); };
  backend.responders = [&outbound] { return (*outbound)->responders(); };
  backend.rule_set = setup->rules.get();
  backend.refused_rules = setup->refused_rules;
  backend.dry_runs = [&live] { return live.status().dry_run_counts; };
  std::unique_ptr<api::AuditLog> audit;
  if (config.audit_log) {
    auto opened = api::AuditLog::open(
        {.folder = fs::path(flags.data_dir) / "audit", .retention = config.audit_retention}, wall_clock());
    if (!opened) return failed(opened.error(), exit_internal);
    audit = std::move(*opened);
    backend.audit = audit.get();
  }
  api::ServiceSettings service_settings;
  service_settings.verifier.skew_ms_max = config.clock_skew;
  api::Service service(std::move(backend), **keys, service_settings);
  const auto oidc = make_oidc(config, **keys);
  if (!oidc) return failed(oidc.error());
  console::UserStore users(flags.data_dir);
  console::Console console(console_settings(live, audit.get(), oidc->get(), service, live_settings), **keys,
                           users, first_user_key(*known));
  api::SiteSettings site_settings;
  std::atomic<const api::Server*> metered = nullptr;
  site_settings.metrics = [&live, &console, &outbound, &metered] {
    const api::Server* listening = metered;
    return live.metrics() + console.metrics() + (*outbound)->metrics() + process_metrics(PICKET_VERSION) +
           (listening != nullptr ? server_metrics(*listening) : "");
  };
  site_settings.unhealthy = [&live] { return live.unhealthy(); };
  site_settings.not_ready = [&live] { return live.not_ready(); };
  api::Site site(service, site_settings);
  auto server = api::Server::start(*server_settings, [&](const aws::HttpRequest& request) {
    auto page = console.handle(request);
    return page ? std::move(*page) : site.handle(request);
  });
  if (!server) return failed(server.error());
  metered = server->get();
  std::vector<CertificateKeeper> certificates;
  if (server_settings->tls) certificates.emplace_back(**server, *server_settings->tls);
  const std::string url = fmt::format("{}://{}:{}", server_settings->tls ? "https" : "http",
                                      server_settings->host, (*server)->port());
  const auto listening = pushed->listen();
  if (!listening) return failed(listening.error());
  for (const auto& [listener, files] : pushed->with_tls()) certificates.emplace_back(*listener, files);
  tell_start(flags, url, console, live_settings, *listening);

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  std::atomic<bool> ended = false;
  Result<void> outcome;
  std::jthread worker([&] {
    outcome = live.run();
    ended = true;
  });
  (*outbound)->start();
  bool told = false;
  TroubleLog trouble;
  while (!ended) {
    const timespec pause{0, 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal == SIGINT || signal == SIGTERM) {
      spdlog::info("stopping: {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
      break;
    }
    for (CertificateKeeper& certificate : certificates) certificate.look(signal == SIGHUP);
    tend(service, audit.get(), (*outbound)->playbooks());
    const LiveStatus status = live.status();
    trouble.look(status);
    if (!told && status.caught_up && (has_sources(live_settings) || flags.exit_when_done)) {
      told = true;
      tell_caught_up(status);
      if (program_log_form() == LogForm::text) print_findings(**store, flags.data_dir, url);
      if (flags.exit_when_done) break;
    }
  }
  site.stopping();
  pushed->stop();
  live.stop();
  worker.join();
  (*server)->stop();
  (*outbound)->stop();
  tend(service, audit.get(), (*outbound)->playbooks());  // what was done last
  if (audit)
    if (const auto done = audit->rotate(wall_clock(), true); !done)
      return failed(done.error(), exit_internal);
  if (!outcome) return failed(outcome.error(), exit_internal);
  spdlog::info("stopped; what was read is saved");
  return exit_ok;
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
  command->add_option("--threads", flags->threads, "Threads of the engine; default one per core");
  command->add_option("--baseline", flags->baseline,
                      "What is normal, from `picket learn`: learned once, and kept");
  command->add_flag("--exit-when-done", flags->exit_when_done, "Stop when all that is there was read");
  command->footer("Example: picket serve --watch ./AWSLogs --data-dir ./picket-data");
  command->callback([flags, &run] {
    run = [flags] {
      // Before any thread is made, so that only the waiting one gets them.
      sigset_t signals;
      sigemptyset(&signals);
      for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
      pthread_sigmask(SIG_BLOCK, &signals, nullptr);
      std::signal(SIGPIPE, SIG_IGN);
      return run_serve(*flags);
    };
  });
}

}  // namespace picket::cli
