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
  std::string url;                          // webhook
  std::map<std::string, std::string> headers;
  std::string secret_file;        // signs webhooks
  std::string path;               // file
  std::string address;            // syslog: HOST:PORT
  std::string transport = "tcp";  // "udp", "tcp", "tls"
  std::string format;             // empty: what the kind takes
  std::string input, input_path, input_template;
  std::map<std::string, std::string> input_paths;
  unsigned rate_per_minute = 600;  // of each severity level; 0: no cap
  TimeMs timeout = 10 * second_ms;
  TimeMs retry_for = 24 * hour_ms;
  std::string where;
};

struct RespondKeys {
  std::string credentials;  // file in the AWS shared-credentials format; empty: the environment
  std::string profile = "default";
  std::string dead_letters;  // file; empty: in the data directory
  std::vector<RespondRuleKeys> rules;
  std::vector<RespondTargetKeys> targets;
};

}  // namespace picket
