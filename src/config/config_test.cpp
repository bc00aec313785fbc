#include "config/config.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(R"(
rules = ["rules/ours", "rules/bought.yml"]
[organization]
id = "o-example"
management_account = "111122223333"
[[account]]
id = "111122223333"
name = "management"
[[source]]
path = "/logs"
kind = "dns"
account = "111122223333"
region = "eu-west-1"
lateness = "5 min"
[intel]
builtin = false
[[intel.list]]
name = "ours"
kind = "threat"
path = "list.txt"
category = "c2"
match = "exact"
[geoip]
databases = ["city.mmdb"]
[lateness]
cloudtrail = "90 min"
[custom_rules]
live = ["IAMAccessKeyCreated"]
dry_run = ["VPCFlowLogsDeleted"]
[retention]
findings = "30 d"
[api]
auto_detectors = false
[log]
format = "json"
level = "warning"
[engine]
threads = 3
)",
                                   "test.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->rules, (std::vector<std::string>{"rules/ours", "rules/bought.yml"}));
  EXPECT_EQ(config->custom_rules_live, std::vector<std::string>{"IAMAccessKeyCreated"});
  EXPECT_EQ(config->custom_rules_dry_run, std::vector<std::string>{"VPCFlowLogsDeleted"});
  EXPECT_EQ(config->organization_id, "o-example");
  EXPECT_EQ(config->sources.at(0).kind, LogKind::dns);
  EXPECT_EQ(config->sources.at(0).name, "/logs");
  EXPECT_FALSE(config->intel_builtin);
  EXPECT_EQ(config->intel_lists.at(0).match, "exact");
  EXPECT_EQ(config->lateness_cloudtrail, 90 * minute_ms);
  EXPECT_EQ(config->sources.at(0).lateness, 5 * minute_ms);
  EXPECT_EQ(config->log.format, "json");
  EXPECT_EQ(config->log.level, "warning");
  EXPECT_EQ(config->retention, 30 * day_ms);
  EXPECT_FALSE(config->auto_detectors);
  EXPECT_EQ(config->threads, 3U);
}

TEST(Config, ReadsPlaybooks) {
  const auto config = parse_config(R"(
[respond.playbooks]
role = "arn:aws:iam::*:role/r"
endpoint = "http://127.0.0.1:5000/"
protected = ["break-glass*"]
[[respond.playbook]]
name = "block"
action = "block_address"
network_acls = ["acl-1"]
[[respond.cluster]]
name = "parcel"
endpoint = "https://k.example/"
token_file = "token"
)",
                                   "c.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->respond.playbook_settings.endpoint, "http://127.0.0.1:5000");
  ASSERT_EQ(config->respond.playbooks.size(), 1U);
  EXPECT_EQ(config->respond.playbooks[0].mode, "dry_run");
  EXPECT_EQ(config->respond.playbooks[0].runs_per_hour, 5U);
  EXPECT_EQ(config->respond.clusters[0].endpoint, "https://k.example");
  const auto wrong = parse_config("[[respond.playbook]]\nname = \"x\"\naction = \"explode\"", "c.toml");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("respond.playbook.action must be one of isolate_instance"),
            std::string::npos);
}

TEST(Config, ReadsWhereFindingsAreSent) {
  const auto config = parse_config(R"(
[respond]
profile = "soc"
[[respond.rule]]
name = "high"
pattern = '''{"detail": {"severity": [8]}}'''
targets = ["queue"]
[[respond.target]]
name = "queue"
kind = "sqs"
arn = "arn:aws:sqs:eu-west-1:111122223333:findings"
endpoint = "https://sqs.example.org/"
input_template = "<id>"
timeout = "3 s"
[respond.target.input_paths]
id = "$.detail.id"
)",
                                   "c.toml");
  ASSERT_TRUE(config) << config.error().message();
  const RespondRuleKeys& rule = config->respond.rules.at(0);
  EXPECT_EQ(rule.pattern, R"({"detail": {"severity": [8]}})");
  EXPECT_EQ(rule.where, "c.toml:4");
  const RespondTargetKeys& target = config->respond.targets.at(0);
  EXPECT_EQ(target.endpoint, "https://sqs.example.org");
  EXPECT_EQ(target.input_paths.at("id"), "$.detail.id");
  EXPECT_EQ(target.timeout, 3 * second_ms);
  EXPECT_EQ(parse_config("[[respond.target]]\nname = \"x\"\nkind = \"sqss\"", "c.toml").error().message(),
            "c.toml:3: respond.target.kind must be one of eventbridge, sns, sqs, lambda, stepfunctions, "
            "securityhub, webhook, syslog, file, email, cloudwatch, logs, kafka");
  EXPECT_EQ(parse_config("[[respond.rule]]\nname = \"x\"\ntarget = []", "c.toml").error().message(),
            "c.toml:3: no such key: respond.rule.target, did you mean targets?");
}

TEST(Config, ReadsWhoSignsInThroughAProvider) {
  const std::string provider =
      "[console.oidc]\nissuer = \"https://idp.example.com\"\nclient_id = \"picket\"\n"
      "redirect_url = \"https://picket.example.com/console/api/oidc/callback\"\n";
  const auto config =
      parse_config(provider + "[[console.oidc.grant]]\nvalue = \"soc\"\nrole = \"responder\"\n", "c.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->oidc.name, "https://idp.example.com");
  EXPECT_EQ(config->oidc.scopes.front(), "openid");
  ASSERT_EQ(config->oidc.grants.size(), 1U);
  EXPECT_EQ(config->oidc.grants.front().claim, "groups");
  EXPECT_EQ(config->oidc.grants.front().profile, "default");
  EXPECT_EQ(config->oidc.grants.front().role, "responder");
  const auto what = [&](const std::string& text) { return parse_config(text, "c.toml").error().what; };
  EXPECT_EQ(what(provider), "console.oidc needs a [[console.oidc.grant]]: nobody could sign in");
  EXPECT_EQ(what("[console.oidc]\nissuer = \"https://idp.example.com\""),
            "console.oidc.client_id is missing");
  EXPECT_EQ(what(provider + "scopes = [\"email\"]\n"), "console.oidc.scopes must have openid among them");
  EXPECT_EQ(
      what(provider + "[[console.oidc.grant]]\nvalue = \"soc\"\nrole = \"king\""),
      "console.oidc.grant.role must be one of administrator, delegated-administrator, member, read-only, "
      "responder");
  EXPECT_EQ(what("[console.oidc]\nissuer = \"i\"\nclient_id = \"c\"\nredirect_url = \"https://x/\""),
            "console.oidc.redirect_url must end with /console/api/oidc/callback");
}

TEST(Config, NamesWhatIsWrong) {
  const auto what = [](std::string_view text) { return parse_config(text, "c.toml").error().message(); };
  EXPECT_EQ(what("[retention]\nfinding = \"3 d\""),
            "c.toml:2: no such key: retention.finding, did you mean findings?");
  EXPECT_EQ(what("[retention]\nfindings = 3"),
            "c.toml:2: retention.findings must be a duration such as \"15 min\" or \"90 d\"");
  EXPECT_EQ(what("[[source]]\nkind = \"dns\""), "c.toml:1: source.path is missing");
  EXPECT_EQ(what("[[source]]\npath = \"x\"\nurl = \"s3://b\""),
            "c.toml:3: source: path and url exclude each other");
  EXPECT_EQ(
      what("[[source]]\nurl = \"https://b\""),
      "c.toml:2: source.url must be s3://BUCKET/PREFIX, firehose://HOST:PORT/PATH, unix:///PATH, stdin: or "
      "kafka://HOST:PORT/TOPIC");
  EXPECT_EQ(what("[[source]]\nurl = \"firehose://127.0.0.1:8088/trail\""),
            "c.toml:2: source.access_key_file is missing: senders are known by a key");
  EXPECT_EQ(what("[[source]]\nurl = \"firehose://0.0.0.0:1/a\"\naccess_key_file = \"k\"\ntls_key = \"t\"\n"),
            "c.toml:2: source.tls_certificate and source.tls_key belong together");
  EXPECT_EQ(what("[[source]]\nurl = \"s3://b/\"\nstart = \"latest\""),
            "c.toml:3: source.start is of Kafka: it needs source.url = \"kafka://…\"");
  EXPECT_EQ(what("[[source]]\npath = \"x\"\nqueue = \"https://q\""),
            "c.toml:3: source.queue is of buckets: it needs source.url = \"s3://…\"");
  EXPECT_EQ(what("[[source]]\npath = \"x\"\nkind = \"syslog\""),
            "c.toml:3: source.kind must be one of cloudtrail, vpcflow, dns, k8saudit");
  EXPECT_EQ(what("[engine]\nthreads = -1"), "c.toml:2: engine.threads must be a whole number from 0 to 1024");
  EXPECT_NE(what("= 1").find("c.toml:1"), std::string::npos);
}

TEST(Config, ReadsDurations) {
  EXPECT_EQ(parse_duration("15 min"), 15 * minute_ms);
  EXPECT_EQ(parse_duration("250ms"), 250);
  EXPECT_EQ(parse_duration("2h"), 2 * hour_ms);
  for (const char* text : {"", "h", "-1 h", "5 weeks", "9999999999999999 d", "1.5 h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace picket
