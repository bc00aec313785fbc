// picket's configuration file: TOML, every key optional, unknown keys refused by name with the nearest valid
// one. docs/configuration.md lists all keys; this header is their types and defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/respond_keys.h"
#include "event/kind.h"

namespace picket {

struct IntelListKeys {  // [[intel.list]]
  std::string name;     // required
  std::string kind;     // "threat" or "trusted"; required
  std::string path;     // required; what is fetched is a feed
  std::string
      format;  // "TXT", "CSV", "STIX", "OTX_CSV", "ALIEN_VAULT", "PROOF_POINT", "FIRE_EYE"; empty = guess
  std::string category;              // empty = the user's own: .Custom types
  std::string match = "subdomains";  // or "exact": domain entries without "*."
};

// [[intel.feed]], and [[feed]] of the built-in table: a feed of a known name is changed, another is added.
struct FeedKeys {
  std::string name;  // required
  std::string url, home, licence, category, format, match, checksum_url, key_header, key_file;
  std::optional<TimeMs> refresh;
  std::optional<bool> enabled;
};

struct SourceKeys {  // [[source]]
  std::string name;  // default: the path
  std::string path;  // file, folder or glob; this or `url` is required
  // "s3://BUCKET/PREFIX", "firehose://HOST:PORT/PATH", "unix:///PATH", "stdin:" or
  // "kafka://HOST:PORT,…/TOPIC"
  std::string url;
  std::string queue, endpoint, role, external_id, credentials, profile;  // of a bucket
  std::optional<TimeMs> list_every;
  std::string access_key_file;                    // of Firehose: a key a line
  std::string tls_certificate, tls_key;           // of Firehose: PEM files; empty: plain HTTP
  std::string password_file;                      // of Kafka: sasl.password
  std::map<std::string, std::string> properties;  // of Kafka: librdkafka's
  std::string start = "earliest";                 // of Kafka: or "latest", where nothing was read yet
  std::optional<LogKind> kind;
  std::string account, region, cluster, flow_format;
  std::optional<TimeMs> lateness;  // default: that of the kind
};

struct AccountKeys {  // [[account]]
  std::string id, name, email;
  std::string role;  // "member": of the organisation's administrator; "delegated-administrator"; or empty
};

struct IntelSetKeys {  // [intel.sets]: what sets made through the API may be; GuardDuty's quotas
  std::vector<std::string> folders;  // of which a set's location may be a file
  std::uint64_t bytes_max = 35U << 20;
  std::uint64_t trusted_ips_max = 2000, threat_ips_max = 250'000, entities_max = 1000;  // entries of one set
  unsigned trusted_ip_sets_max = 1, threat_intel_sets_max = 6;  // sets of an account in a Region
  unsigned trusted_entity_sets_max = 1, threat_entity_sets_max = 6;
};

struct NetworkKeys {                     // [network]
  std::vector<std::string> allow_hosts;  // not public, but may be connected to: names, addresses, ranges
  std::string ca_file;                   // PEM; empty: the system's
};

struct IntegrityKeys {            // [integrity]: CloudTrail's digest chains, while the server runs
  std::vector<std::string> keys;  // files: what `aws cloudtrail list-public-keys` prints, or PEM
  TimeMs every = 10 * minute_ms;
};

struct OidcGrantKeys {  // [[console.oidc.grant]]: the first that fits a person's claims holds
  std::string where;
  std::string claim = "groups", value;  // "*": any value
  std::string profile = "default";      // of picket credentials
  std::string role = "read-only";
};

struct OidcKeys {  // [console.oidc]: signing in to the console through an OpenID Connect provider
  std::string issuer, client_id;   // an empty issuer: local users only
  std::string client_secret_file;  // empty: a public client
  std::string redirect_url;        // "https://picket.example.com/console/api/oidc/callback"
  std::string name;                // on the button; default: the issuer
  std::string name_claim = "preferred_username";
  std::vector<std::string> scopes = {"openid", "profile", "email"};
  std::vector<OidcGrantKeys> grants;
};

struct LogKeys {                // [log]: what `picket serve` says of itself on standard error
  std::string format = "text";  // or "json": an object a line
  std::string level = "info";   // the least that is told: debug, info, warning, error
};

struct S3Keys {             // [s3]: where lists are fetched from and findings are published to
  std::string endpoint;     // empty: AWS
  std::string credentials;  // file in the AWS shared-credentials format; empty: the environment
  std::string profile = "default";
};

struct Config {
  std::vector<std::string> rules;          // Sigma rules: files and folders
  std::vector<std::string> rules_dry_run;  // of these matches are only counted
  std::vector<SourceKeys> sources;
  std::vector<AccountKeys> accounts;
  std::string organization_id, management_account;  // [organization]
  bool intel_builtin = true;                        // [intel] builtin
  bool intel_use_feeds = true;                      // [intel] feeds: what `picket intel update` fetched
  std::vector<FeedKeys> intel_feeds;
  std::vector<IntelListKeys> intel_lists;
  IntelSetKeys intel_sets;
  NetworkKeys network;
  S3Keys s3;
  RespondKeys respond;
  IntegrityKeys integrity;
  LogKeys log;
  OidcKeys oidc;
  std::vector<std::string> geoip_databases;  // [geoip] databases = ["….mmdb"]
  std::string aws_ranges;                    // [aws] ip_ranges = "ip-ranges.json"
  std::vector<std::string> inventory;        // [inventory] files: describe-* output
  TimeMs lateness_cloudtrail = 60 * minute_ms, lateness_vpcflow = 30 * minute_ms;  // [lateness], durations
  TimeMs lateness_dns = 15 * minute_ms, lateness_k8saudit = 15 * minute_ms;
  TimeMs retention = 90 * day_ms;        // [retention] findings
  TimeMs audit_retention = 90 * day_ms;  // [retention] audit_log
  // [custom_rules]: AWS's custom detection rules that hold where nobody decided through the API, by name or
  // "*"
  std::vector<std::string> custom_rules_live = {"*"};
  std::vector<std::string> custom_rules_dry_run;
  bool auto_detectors = true;                 // [api] auto_detectors
  bool audit_log = true;                      // [api] audit_log
  std::string master_key_file;                // [api] master_key_file; empty = in the data directory
  std::string tls_certificate, tls_key;       // [api]: PEM; empty: plain HTTP
  TimeMs clock_skew = 5 * minute_ms;          // [api] clock_skew
  std::uint64_t record_bytes_max = 1U << 20;  // [limits]
  std::uint64_t object_bytes_max = 16ULL << 30;
  std::uint64_t pushed_bytes_kept = 1ULL << 30;   // of pushed data that was read, for the records of findings
  std::uint64_t inbox_bytes_max = 512ULL << 20;   // of a source's pushed data that no snapshot covers yet
  std::uint64_t identities_max = 64U << 20;       // record ids kept to find duplicates
  std::uint64_t entity_bytes_max = 256ULL << 20;  // of what is kept for who investigates; 0: nothing
  unsigned threads = 0;                           // [engine] threads; 0 = one per core
  TimeMs snapshot_interval = 30 * second_ms;  // [engine] snapshot_interval: what a restart replays at most
};

// Errors name the key, the line and what would be valid.
Result<Config> parse_config(std::string_view text, const std::string& origin);
Result<Config> load_config(const std::string& path);
// Without a path everything is by default.
Result<Config> config_or_default(const std::string& path);

// The built-in table of feeds.
Result<std::vector<FeedKeys>> parse_feeds(std::string_view text, const std::string& origin);

// "90 d", "15 min", "30s", "250ms", "2h".
std::optional<TimeMs> parse_duration(std::string_view text);

}  // namespace picket
