#include "cli/serve_site.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/respond_calls.h"
#include "base/clock.h"
#include "base/metrics_text.h"
#include "base/program_log.h"
#include "base/text_file.h"
#include "cli/console_files.h"
#include "pipeline/process_metrics.h"

namespace picket::cli {

namespace {

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

// What the API reads.
api::Backend backend_of(const ServedSite::Parts& parts) {
  const Config& config = parts.config;
  const Live& live = parts.live;
  const Engine& engine = *parts.setup.engine;
  api::Backend backend;
  backend.store = &parts.store;
  backend.now = wall_clock;
  backend.auto_detectors = config.auto_detectors;
  backend.list_set_limits = {config.intel_sets.trusted_ip_sets_max, config.intel_sets.threat_intel_sets_max,
                             config.intel_sets.trusted_entity_sets_max,
                             config.intel_sets.threat_entity_sets_max};
  backend.organization = organization_of(config, parts.known);
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
  backend.read_record = [&logs = parts.logs](const std::string& object, std::uint64_t position) {
    return logs.read_record(object, position);
  };
  backend.rules = parts.logs.settings().respond_by.get();
  backend.playbooks = &parts.outbound.playbooks();
  backend.feeds = [&outbound = parts.outbound] { return outbound.feeds().told(); };
  backend.responders = [&outbound = parts.outbound] { return outbound.responders(); };
  backend.rule_set = parts.setup.rules.get();
  backend.refused_rules = parts.setup.refused_rules;
  backend.dry_runs = [&live] { return live.status().dry_run_counts; };
  backend.audit = parts.audit;
  return backend;
}

api::ServiceSettings service_settings_of(const Config& config) {
  api::ServiceSettings settings;
  settings.verifier.skew_ms_max = config.clock_skew;
  return settings;
}

console::ConsoleSettings console_settings(const ServedSite::Parts& parts, console::OidcClient* oidc,
                                          api::Service& service) {
  return {.version = PICKET_VERSION,
          .files = console_files(),
          .audit = parts.audit,
          .oidc = oidc,
          .now = wall_clock,
          .places = [&live = parts.live] { return live.places(); },
          .finding =
              [&service](const aws::Credential& caller, const std::string& region, const std::string& id) {
                const auto found = service.finding(caller, region, id);
                return found && *found ? (*found)->document : std::string();
              },
          .read = [&service](const aws::Credential& caller, const std::string& region, std::string_view path,
                             std::string_view query) { return service.picket(caller, region, path, query); },
          .read_record = [&logs = parts.logs](
                             const std::string& object,
                             std::uint64_t position) { return logs.read_record(object, position); }};
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

}  // namespace

void CertificateKeeper::look(bool asked) {
  const auto now = stamps();
  if (!asked && now == stamps_) return;
  stamps_ = now;
  if (const auto done = server_.reload_tls(); !done) {
    log_with(spdlog::level::err, {{"certificate", files_.certificate}}, "the certificate in use stays: {}",
             done.error().message());
  } else {
    log_with(spdlog::level::info, {{"certificate", files_.certificate}}, "certificate loaded from {}",
             files_.certificate);
  }
}

ServedSite::ServedSite(const Parts& parts, std::unique_ptr<console::OidcClient> oidc)
    : parts_(parts),
      service_(backend_of(parts), parts.keys, service_settings_of(parts.config)),
      oidc_(std::move(oidc)),
      users_(parts.data_dir),
      console_(console_settings(parts_, oidc_.get(), service_), parts.keys, users_,
               first_user_key(parts.known)),
      site_(service_, site_settings()) {}

api::SiteSettings ServedSite::site_settings() {
  api::SiteSettings settings;
  settings.metrics = [this] {
    const api::Server* listening = metered_;
    return parts_.live.metrics() + console_.metrics() + parts_.outbound.metrics() +
           process_metrics(PICKET_VERSION) + (listening != nullptr ? server_metrics(*listening) : "");
  };
  settings.unhealthy = [this] { return parts_.live.unhealthy(); };
  settings.not_ready = [this] { return parts_.live.not_ready(); };
  return settings;
}

Result<std::unique_ptr<ServedSite>> ServedSite::start(const Parts& parts,
                                                      const api::ServerSettings& settings) {
  auto oidc = make_oidc(parts.config, parts.keys);
  if (!oidc) return std::unexpected(oidc.error());
  std::unique_ptr<ServedSite> made(new ServedSite(parts, std::move(*oidc)));
  auto server = api::Server::start(settings, [site = made.get()](const aws::HttpRequest& request) {
    auto page = site->console_.handle(request);
    return page ? std::move(*page) : site->site_.handle(request);
  });
  if (!server) return std::unexpected(server.error());
  made->server_ = std::move(*server);
  made->metered_ = made->server_.get();
  if (settings.tls) made->keep_certificate(*made->server_, *settings.tls);
  const bool v6 = settings.host.contains(':');
  made->address_ =
      fmt::format("{}{}{}:{}", v6 ? "[" : "", settings.host, v6 ? "]" : "", made->server_->port());
  made->url_ = fmt::format("{}://{}", settings.tls ? "https" : "http", made->address_);
  return made;
}

void ServedSite::look_at_certificates(bool asked) {
  for (CertificateKeeper& certificate : certificates_) certificate.look(asked);
}

void ServedSite::tend() {
  if (const auto done = service_.enroll(); !done) spdlog::error("organisation: {}", done.error().message());
  api::AuditLog* audit = parts_.audit;
  if (audit == nullptr) return;
  const auto runs =
      parts_.outbound.playbooks().audit([audit](const playbook::Run& run) { return audit_run(*audit, run); });
  if (!runs) spdlog::error("audit log: {}", runs.error().message());
  if (const auto done = audit->rotate(wall_clock()); !done)
    spdlog::error("audit log: {}", done.error().message());
}

}  // namespace picket::cli
