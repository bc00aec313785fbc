#include "config/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>

#include "base/text_file.h"

namespace picket {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

// Reads one table: each key is asked for by name, what is left over is an error.
class Table {
 public:
  Table(const toml::table& table, std::string path, std::string origin, std::optional<Error>& error)
      : table_(table), path_(std::move(path)), origin_(std::move(origin)), error_(error) {}

  ~Table() {
    for (const auto& [name, node] : table_) {
      if (std::find(known_.begin(), known_.end(), name.str()) != known_.end()) continue;
      std::string nearest;
      std::size_t best = 4;  // further away is another word
      for (const std::string& candidate : known_) {
        if (const std::size_t distance = edit_distance(name.str(), candidate); distance < best) {
          best = distance;
          nearest = candidate;
        }
      }
      set_error(node, fmt::format("no such key: {}{}", full(name.str()),
                                  nearest.empty() ? "" : ", did you mean " + nearest + "?"));
    }
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const toml::node* find(std::string_view name) {
    known_.emplace_back(name);
    return table_.get(name);
  }
  void text(std::string_view name, std::string& into, bool required = false) {
    const toml::node* node = find(name);
    if (node == nullptr) {
      if (required) set_error(table_, fmt::format("{} is missing", full(name)));
      return;
    }
    if (const auto value = node->value_exact<std::string>()) {
      into = *value;
    } else {
      set_error(*node, fmt::format("{} must be a string", full(name)));
    }
  }
  void texts(std::string_view name, std::vector<std::string>& into) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return set_error(*node, fmt::format("{} must be a list of strings", full(name)));
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::string>();
      if (!value) return set_error(item, fmt::format("{} must be a list of strings", full(name)));
      into.push_back(*value);
    }
  }
  void texts(std::string_view name, std::map<std::string, std::string>& into) {
    table(name, [&](Table& inner) {
      for (const auto& [key, node] : inner.table_) inner.text(key.str(), into[std::string(key.str())]);
    });
  }
  void flag(std::string_view name, bool& into) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    if (const auto value = node->value_exact<bool>()) {
      into = *value;
    } else {
      set_error(*node, fmt::format("{} must be true or false", full(name)));
    }
  }
  void flag(std::string_view name, std::optional<bool>& into) {
    bool value = false;
    flag(name, value);
    if (table_.contains(name)) into = value;
  }
  template <class T>
  void number(std::string_view name, T& into, std::int64_t least, std::int64_t most) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < least || *value > most) {
      return set_error(*node,
                       fmt::format("{} must be a whole number from {} to {}", full(name), least, most));
    }
    into = static_cast<T>(*value);
  }
  void duration(std::string_view name, TimeMs& into) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    const auto parsed = value ? parse_duration(*value) : std::nullopt;
    if (!parsed)
      return set_error(*node,
                       fmt::format("{} must be a duration such as \"15 min\" or \"90 d\"", full(name)));
    into = *parsed;
  }
  void duration(std::string_view name, std::optional<TimeMs>& into) {
    TimeMs value = 0;
    duration(name, value);
    if (table_.contains(name)) into = value;
  }
  void one_of(std::string_view name, std::string& into, std::initializer_list<std::string_view> allowed,
              bool required = false) {
    const toml::node* node = find(name);
    text(name, into, required);
    if (node == nullptr || std::find(allowed.begin(), allowed.end(), into) != allowed.end()) return;
    set_error(*node, fmt::format("{} must be one of {}", full(name), fmt::join(allowed, ", ")));
  }
  void table(std::string_view name, const std::function<void(Table&)>& read) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    if (node->as_table() == nullptr) return set_error(*node, fmt::format("{} must be a table", full(name)));
    Table inner(*node->as_table(), full(name), origin_, error_);
    read(inner);
  }
  void tables(std::string_view name, const std::function<void(Table&)>& read) {
    const toml::node* node = find(name);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr)
      return set_error(*node, fmt::format("{} must be a list of tables: [[{}]]", full(name), full(name)));
    for (const toml::node& item : *array) {
      if (item.as_table() == nullptr)
        return set_error(item, fmt::format("{} must be a list of tables", full(name)));
      Table inner(*item.as_table(), full(name), origin_, error_);
      read(inner);
    }
  }
  void set_error(const toml::node& node, std::string what) {
    if (!error_) error_ = Error{ErrorKind::invalid, std::move(what), place_of(node), -1};
  }
  std::string place() const { return place_of(table_); }
  void refuse(std::string what) { set_error(table_, std::move(what)); }

 private:
  std::string place_of(const toml::node& node) const {
    return fmt::format("{}:{}", origin_, node.source().begin.line);
  }
  std::string full(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }
  const toml::table& table_;
  const std::string path_, origin_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

}  // namespace

std::optional<TimeMs> parse_duration(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  static constexpr std::pair<std::string_view, TimeMs> units[] = {
      {"ms", 1}, {"s", second_ms}, {"min", minute_ms}, {"m", minute_ms}, {"h", hour_ms}, {"d", day_ms}};
  for (const auto& [name, factor] : units) {
    if (unit == name && value <= INT64_MAX / factor) return value * factor;
  }
  return std::nullopt;
}

namespace {

void read_list_format(Table& table, std::string& into) {
  table.one_of("format", into,
               {"TXT", "CSV", "STIX", "OTX_CSV", "ALIEN_VAULT", "PROOF_POINT", "FIRE_EYE", "TOR_CONSENSUS",
                "ONIONOO"});
}

FeedKeys read_feed(Table& table) {
  FeedKeys keys;
  table.text("name", keys.name, true);
  table.text("url", keys.url);
  table.text("home", keys.home);
  table.text("licence", keys.licence);
  table.text("category", keys.category);
  read_list_format(table, keys.format);
  table.one_of("match", keys.match, {"exact", "subdomains"});
  table.text("checksum_url", keys.checksum_url);
  table.text("key_header", keys.key_header);
  table.text("key_file", keys.key_file);
  table.duration("refresh", keys.refresh);
  table.flag("enabled", keys.enabled);
  return keys;
}

void read_playbooks(Table& table, RespondKeys& keys) {
  table.tables("playbook", [&](Table& playbook) {
    PlaybookKeys& one = keys.playbooks.emplace_back();
    one.where = playbook.place();
    playbook.text("name", one.name, true);
    playbook.one_of("action", one.action,
                    {"isolate_instance", "disable_access_key", "revoke_role_sessions", "block_public_bucket",
                     "quarantine_service_account", "block_address"},
                    true);
    playbook.one_of("mode", one.mode, {"dry_run", "by_hand", "automatic"});
    playbook.number("runs_per_hour", one.runs_per_hour, 0, 10'000);
    playbook.texts("network_acls", one.network_acls);
    playbook.text("ip_set", one.ip_set);
  });
  table.tables("cluster", [&](Table& cluster) {
    ClusterKeys& one = keys.clusters.emplace_back();
    one.where = cluster.place();
    cluster.text("name", one.name, true);
    cluster.text("endpoint", one.endpoint, true);
    while (one.endpoint.ends_with('/')) one.endpoint.pop_back();
    cluster.text("token_file", one.token_file);
    cluster.text("account", one.account);
    cluster.text("region", one.region);
    cluster.text("ca_file", one.ca_file);
  });
  table.table("playbooks", [&](Table& settings) {
    PlaybookSettingsKeys& one = keys.playbook_settings;
    settings.text("role", one.role);
    settings.text("external_id", one.external_id);
    settings.text("endpoint", one.endpoint);
    while (one.endpoint.ends_with('/')) one.endpoint.pop_back();
    settings.texts("protected", one.protected_names);
  });
}

void read_respond(Table& table, RespondKeys& keys) {
  table.text("credentials", keys.credentials);
  table.text("profile", keys.profile);
  table.text("dead_letters", keys.dead_letters);
  table.tables("rule", [&](Table& rule) {
    RespondRuleKeys& one = keys.rules.emplace_back();
    one.where = rule.place();
    rule.text("name", one.name, true);
    rule.text("pattern", one.pattern);
    rule.texts("targets", one.targets);
  });
  table.tables("target", [&](Table& target) {
    RespondTargetKeys& one = keys.targets.emplace_back();
    one.where = target.place();
    target.text("name", one.name, true);
    target.one_of("kind", one.kind,
                  {"eventbridge", "sns", "sqs", "lambda", "stepfunctions", "securityhub", "webhook", "syslog",
                   "file", "email", "cloudwatch", "logs", "kafka"},
                  true);
    target.text("arn", one.arn);
    target.text("endpoint", one.endpoint);
    while (one.endpoint.ends_with('/')) one.endpoint.pop_back();
    target.text("source", one.source);
    target.text("url", one.url);
    target.texts("headers", one.headers);
    target.text("secret_file", one.secret_file);
    target.text("path", one.path);
    target.text("address", one.address);
    target.one_of("transport", one.transport, {"udp", "tcp", "tls", "starttls", "plain"});
    target.text("from", one.from);
    target.texts("to", one.to);
    target.text("username", one.username);
    target.text("password_file", one.password_file);
    target.texts("properties", one.properties);
    target.text("region", one.region);
    target.text("namespace", one.name_space);
    target.one_of("format", one.format,
                  {"eventbridge", "guardduty", "asff", "ocsf", "cef", "slack", "teams"});
    target.text("input", one.input);
    target.text("input_path", one.input_path);
    target.text("input_template", one.input_template);
    target.texts("input_paths", one.input_paths);
    target.number("rate_per_minute", one.rate_per_minute, 0, 1'000'000);
    target.duration("timeout", one.timeout);
    target.duration("retry_for", one.retry_for);
  });
  read_playbooks(table, keys);
}

void read_oidc(Table& table, OidcKeys& keys) {
  constexpr std::string_view callback = "/console/api/oidc/callback";
  table.text("issuer", keys.issuer, true);
  table.text("client_id", keys.client_id, true);
  table.text("client_secret_file", keys.client_secret_file);
  table.text("redirect_url", keys.redirect_url, true);
  if (!keys.redirect_url.ends_with(callback))
    table.refuse(fmt::format("console.oidc.redirect_url must end with {}", callback));
  keys.name = keys.issuer;
  table.text("name", keys.name);
  table.text("name_claim", keys.name_claim);
  std::vector<std::string> scopes;
  table.texts("scopes", scopes);
  if (!scopes.empty()) keys.scopes = std::move(scopes);
  if (std::ranges::find(keys.scopes, "openid") == keys.scopes.end())
    table.refuse("console.oidc.scopes must have openid among them");
  table.tables("grant", [&](Table& grant) {
    OidcGrantKeys& one = keys.grants.emplace_back();
    one.where = grant.place();
    grant.text("claim", one.claim);
    grant.text("value", one.value, true);
    grant.text("profile", one.profile);
    grant.one_of("role", one.role,
                 {"administrator", "delegated-administrator", "member", "read-only", "responder"});
  });
  if (keys.grants.empty()) table.refuse("console.oidc needs a [[console.oidc.grant]]: nobody could sign in");
}

// Which keys a source has besides those of every one depends on its URL.
void read_source_url(Table& table, const toml::node* url, SourceKeys& source) {
  struct Key {
    std::string_view name, scheme, of;
    std::string* into;
  };
  const Key keys[] = {{"queue", "s3://", "buckets", &source.queue},
                      {"endpoint", "s3://", "buckets", &source.endpoint},
                      {"role", "s3://", "buckets", &source.role},
                      {"external_id", "s3://", "buckets", &source.external_id},
                      {"credentials", "s3://", "buckets", &source.credentials},
                      {"profile", "s3://", "buckets", &source.profile},
                      {"list_every", "s3://", "buckets", nullptr},
                      {"access_key_file", "firehose://", "Firehose", &source.access_key_file},
                      {"tls_certificate", "firehose://", "Firehose", &source.tls_certificate},
                      {"tls_key", "firehose://", "Firehose", &source.tls_key},
                      {"password_file", "kafka://", "Kafka", &source.password_file},
                      {"properties", "kafka://", "Kafka", nullptr},
                      {"start", "kafka://", "Kafka", nullptr}};
  static constexpr std::string_view schemes[] = {"s3://", "firehose://", "unix:///", "stdin:", "kafka://"};
  if (url != nullptr && std::ranges::none_of(schemes, [&](std::string_view scheme) {
        return scheme == "stdin:" ? source.url == scheme : source.url.starts_with(scheme);
      }))
    table.set_error(
        *url,
        "source.url must be s3://BUCKET/PREFIX, firehose://HOST:PORT/PATH, unix:///PATH, stdin: or "
        "kafka://HOST:PORT/TOPIC");
  for (const Key& key : keys) {
    if (const toml::node* node = table.find(key.name); node != nullptr && !source.url.starts_with(key.scheme))
      table.set_error(*node, fmt::format("source.{} is of {}: it needs source.url = \"{}…\"", key.name,
                                         key.of, key.scheme));
    if (key.into != nullptr) table.text(key.name, *key.into);
  }
  if (source.url.starts_with("firehose://") && source.access_key_file.empty())
    table.set_error(*url, "source.access_key_file is missing: senders are known by a key");
  if (source.tls_certificate.empty() != source.tls_key.empty())
    table.set_error(*url, "source.tls_certificate and source.tls_key belong together");
  table.duration("list_every", source.list_every);
  table.texts("properties", source.properties);
  table.one_of("start", source.start, {"earliest", "latest"});
}

Result<toml::table> parse_toml(std::string_view text, const std::string& origin) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid, std::string(error.description()),
                fmt::format("{}:{}", origin, error.source().begin.line));
  }
}

SourceKeys read_source(Table& table) {
  SourceKeys source;
  const toml::node* url = table.find("url");
  table.text("url", source.url);
  table.text("path", source.path, url == nullptr);
  if (url != nullptr && !source.path.empty())
    table.set_error(*url, "source: path and url exclude each other");
  read_source_url(table, url, source);
  while (source.endpoint.ends_with('/')) source.endpoint.pop_back();
  source.name = source.url.empty() ? source.path : source.url;
  table.text("name", source.name);
  std::string kind;
  table.one_of("kind", kind, {"cloudtrail", "vpcflow", "dns", "k8saudit"});
  for (const LogKind known : log_kinds) {
    if (kind == name_of(known)) source.kind = known;
  }
  table.text("account", source.account);
  table.text("region", source.region);
  table.text("cluster", source.cluster);
  table.text("flow_format", source.flow_format);
  table.duration("lateness", source.lateness);
  return source;
}

void read_intel(Table& table, Config& config) {
  table.flag("builtin", config.intel_builtin);
  table.flag("feeds", config.intel_use_feeds);
  table.tables("feed", [&](Table& feed) { config.intel_feeds.push_back(read_feed(feed)); });
  table.tables("list", [&](Table& list) {
    IntelListKeys keys;
    list.text("name", keys.name, true);
    list.one_of("kind", keys.kind, {"threat", "trusted"}, true);
    list.text("path", keys.path, true);
    read_list_format(list, keys.format);
    list.text("category", keys.category);
    list.one_of("match", keys.match, {"exact", "subdomains"});
    config.intel_lists.push_back(std::move(keys));
  });
  table.table("sets", [&](Table& sets) {
    IntelSetKeys& keys = config.intel_sets;
    sets.texts("folders", keys.folders);
    sets.number("bytes_max", keys.bytes_max, 1 << 10, 1 << 30);
    sets.number("trusted_ips_max", keys.trusted_ips_max, 0, 10'000'000);
    sets.number("threat_ips_max", keys.threat_ips_max, 0, 10'000'000);
    sets.number("entities_max", keys.entities_max, 0, 10'000'000);
    sets.number("trusted_ip_sets_max", keys.trusted_ip_sets_max, 0, 1000);
    sets.number("threat_intel_sets_max", keys.threat_intel_sets_max, 0, 1000);
    sets.number("trusted_entity_sets_max", keys.trusted_entity_sets_max, 0, 1000);
    sets.number("threat_entity_sets_max", keys.threat_entity_sets_max, 0, 1000);
  });
}

}  // namespace

Result<std::vector<FeedKeys>> parse_feeds(std::string_view text, const std::string& origin) {
  const auto root = parse_toml(text, origin);
  if (!root) return std::unexpected(root.error());
  std::vector<FeedKeys> feeds;
  std::optional<Error> error;
  {
    Table top(*root, "", origin, error);
    top.tables("feed", [&](Table& table) { feeds.push_back(read_feed(table)); });
  }
  if (error) return std::unexpected(*error);
  return feeds;
}

Result<Config> parse_config(std::string_view text, const std::string& origin) {
  const auto parsed = parse_toml(text, origin);
  if (!parsed) return std::unexpected(parsed.error());
  const toml::table& root = *parsed;
  Config config;
  std::optional<Error> error;
  {
    Table top(root, "", origin, error);
    top.texts("rules", config.rules);
    top.texts("rules_dry_run", config.rules_dry_run);
    top.tables("source", [&](Table& table) { config.sources.push_back(read_source(table)); });
    top.tables("account", [&](Table& table) {
      AccountKeys account;
      table.text("id", account.id, true);
      table.text("name", account.name);
      table.text("email", account.email);
      table.one_of("role", account.role, {"member", "delegated-administrator"});
      config.accounts.push_back(std::move(account));
    });
    top.table("organization", [&](Table& table) {
      table.text("id", config.organization_id);
      table.text("management_account", config.management_account);
    });
    top.table("intel", [&](Table& table) { read_intel(table, config); });
    top.table("network", [&](Table& table) {
      table.texts("allow_hosts", config.network.allow_hosts);
      table.text("ca_file", config.network.ca_file);
    });
    top.table("s3", [&](Table& table) {
      table.text("endpoint", config.s3.endpoint);
      table.text("credentials", config.s3.credentials);
      table.text("profile", config.s3.profile);
      while (config.s3.endpoint.ends_with('/')) config.s3.endpoint.pop_back();
    });
    top.table("log", [&](Table& table) {
      table.one_of("format", config.log.format, {"text", "json"});
      table.one_of("level", config.log.level, {"debug", "info", "warning", "error"});
    });
    top.table("integrity", [&](Table& table) {
      table.texts("keys", config.integrity.keys);
      table.duration("every", config.integrity.every);
      if (config.integrity.every < second_ms) table.refuse("integrity.every must be a second at least");
    });
    top.table("respond", [&](Table& table) { read_respond(table, config.respond); });
    top.table("console",
              [&](Table& table) { table.table("oidc", [&](Table& oidc) { read_oidc(oidc, config.oidc); }); });
    top.table("geoip", [&](Table& table) { table.texts("databases", config.geoip_databases); });
    top.table("aws", [&](Table& table) { table.text("ip_ranges", config.aws_ranges); });
    top.table("inventory", [&](Table& table) { table.texts("files", config.inventory); });
    top.table("lateness", [&](Table& table) {
      table.duration("cloudtrail", config.lateness_cloudtrail);
      table.duration("vpcflow", config.lateness_vpcflow);
      table.duration("dns", config.lateness_dns);
      table.duration("k8saudit", config.lateness_k8saudit);
    });
    top.table("custom_rules", [&](Table& table) {
      if (table.find("live") != nullptr) config.custom_rules_live.clear();
      table.texts("live", config.custom_rules_live);
      table.texts("dry_run", config.custom_rules_dry_run);
    });
    top.table("retention", [&](Table& table) {
      table.duration("findings", config.retention);
      table.duration("audit_log", config.audit_retention);
    });
    top.table("api", [&](Table& table) {
      table.flag("auto_detectors", config.auto_detectors);
      table.duration("clock_skew", config.clock_skew);
      table.flag("audit_log", config.audit_log);
      table.text("master_key_file", config.master_key_file);
      table.text("tls_certificate", config.tls_certificate);
      table.text("tls_key", config.tls_key);
      if (config.tls_certificate.empty() != config.tls_key.empty())
        table.refuse("api.tls_certificate and api.tls_key are needed both");
    });
    top.table("limits", [&](Table& table) {
      table.number("record_bytes_max", config.record_bytes_max, 1 << 10, 64 << 20);
      table.number("object_bytes_max", config.object_bytes_max, 1 << 20, std::int64_t{1} << 40);
      table.number("inbox_bytes_max", config.inbox_bytes_max, 1 << 16, std::int64_t{1} << 40);
      table.number("pushed_bytes_kept", config.pushed_bytes_kept, 0, std::int64_t{1} << 50);
      table.number("identities_max", config.identities_max, 1 << 10, std::int64_t{1} << 36);
      table.number("entity_bytes_max", config.entity_bytes_max, 0, std::int64_t{1} << 40);
    });
    top.table("engine", [&](Table& table) {
      table.number("threads", config.threads, 0, 1024);
      table.duration("snapshot_interval", config.snapshot_interval);
    });
  }
  if (error) return std::unexpected(*error);
  return config;
}

Result<Config> config_or_default(const std::string& path) {
  return path.empty() ? Result<Config>(Config{}) : load_config(path);
}

Result<Config> load_config(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return fail(ErrorKind::io, "cannot read the configuration: " + text.error().what, path);
  auto config = parse_config(*text, path);
  if (!config) return config;
  // Relative paths are meant from where the file lies.
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const auto anchor = [&](std::string& place) {
    if (!place.empty() && std::filesystem::path(place).is_relative())
      place = (folder / place).lexically_normal().string();
  };
  for (SourceKeys& source : config->sources) {
    anchor(source.path);
    anchor(source.credentials);
    anchor(source.access_key_file);
    anchor(source.tls_certificate);
    anchor(source.tls_key);
    anchor(source.password_file);
  }
  for (IntelListKeys& list : config->intel_lists) anchor(list.path);
  for (FeedKeys& feed : config->intel_feeds) anchor(feed.key_file);
  for (std::string& database : config->geoip_databases) anchor(database);
  for (std::string& inventory : config->inventory) anchor(inventory);
  for (std::string& rules : config->rules) anchor(rules);
  for (std::string& rules : config->rules_dry_run) anchor(rules);
  anchor(config->aws_ranges);
  anchor(config->master_key_file);
  for (std::string& folder : config->intel_sets.folders) anchor(folder);
  anchor(config->network.ca_file);
  anchor(config->s3.credentials);
  anchor(config->tls_certificate);
  anchor(config->tls_key);
  for (std::string& keys : config->integrity.keys) anchor(keys);
  anchor(config->oidc.client_secret_file);
  anchor(config->respond.credentials);
  anchor(config->respond.dead_letters);
  for (RespondTargetKeys& target : config->respond.targets) {
    anchor(target.path);
    anchor(target.secret_file);
    anchor(target.password_file);
  }
  for (ClusterKeys& cluster : config->respond.clusters) {
    anchor(cluster.token_file);
    anchor(cluster.ca_file);
  }
  return config;
}

}  // namespace picket
