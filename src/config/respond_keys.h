// [respond] of the configuration: which findings go where. src/respond/ judges what the keys say.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"

namespace picket {

struct RespondRuleKeys {  // [[respond.rule]]
  std::string name;       // required
  std::string pattern;    // EventBridge event pattern, JSON; empty: every finding
  std::vector<std::string> targets;
  std::string where;  // file and line, for errors
};

struct RespondTargetKeys {                  // [[respond.target]]
  std::string name, kind;                   // required
  std::string arn;                          // of what is called in AWS
  std::string endpoint;                     // instead of AWS's
  std::string source = "picket.guardduty";  // of what is put to another event bus; AWS refuses "aws.…"
  std::string url;                          // webhook; kafka: "kafka://HOST:PORT,…/TOPIC"
  std::map<std::string, std::string> headers;
  std::string secret_file;  // signs webhooks
  std::string path;         // file
  std::string address;      // syslog, email: HOST:PORT
  std::string
      transport;     // syslog: "udp", "tcp" (default), "tls"; email: "starttls" (default), "tls", "plain"
  std::string from;  // email
  std::vector<std::string> to;                    // email
  std::string username;                           // email; without a name nobody signs in
  std::string password_file;                      // email, kafka (sasl.password)
  std::map<std::string, std::string> properties;  // kafka: librdkafka's
  std::string region;                             // cloudwatch
  std::string name_space = "picket";              // cloudwatch, key "namespace"
  std::string format;                             // empty: what the kind takes
  std::string input, input_path, input_template;
  std::map<std::string, std::string> input_paths;
  unsigned rate_per_minute = 600;  // of each severity level; 0: no cap
  TimeMs timeout = 10 * second_ms;
  TimeMs retry_for = 24 * hour_ms;
  std::string where;
};

struct PlaybookKeys {                     // [[respond.playbook]]: a target of rules too
  std::string name, action;               // required
  std::string mode = "dry_run";           // "by_hand": rules only preview; "automatic": rules run it
  unsigned runs_per_hour = 5;             // 0: no cap
  std::vector<std::string> network_acls;  // block_address: ids
  std::string ip_set;                     // block_address: ARN of a WAFv2 IP set
  std::string where;
};

struct ClusterKeys {            // [[respond.cluster]]: where service accounts are quarantined
  std::string name, endpoint;   // required
  std::string token_file;       // this, or `region`: tokens of AWS STS, as EKS takes them
  std::string account, region;  // of an EKS cluster
  std::string ca_file;          // PEM; empty: the system's
  std::string where;
};

struct PlaybookSettingsKeys {  // [respond.playbooks]
  std::string role;         // assumed in the finding's account; "*" stands for its id; empty: the keys' own
  std::string external_id;  // of the role's trust
  std::string endpoint;     // of every AWS service; empty: AWS
  std::vector<std::string> protected_names;  // ids, names, ARNs with * and ?, address ranges
};

struct RespondKeys {
  std::string credentials;  // file in the AWS shared-credentials format; empty: the environment
  std::string profile = "default";
  std::string dead_letters;  // file; empty: in the data directory
  std::vector<RespondRuleKeys> rules;
  std::vector<RespondTargetKeys> targets;
  std::vector<PlaybookKeys> playbooks;
  std::vector<ClusterKeys> clusters;
  PlaybookSettingsKeys playbook_settings;
};

}  // namespace picket
