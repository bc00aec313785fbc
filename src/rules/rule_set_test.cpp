// Rules in the engine: findings, evidence, correlations in order of time, restart, any number of threads.
#include "rules/rule_set.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

#include "engine/engine.h"
#include "rules/sigma.h"
#include "rules/testdata/records.h"

namespace picket::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const TimeMs start = *parse_time("2026-09-14T10:00:00Z");

std::shared_ptr<const RuleSet> rules_of(const std::string& text) {
  SigmaLoader loader;
  loader.add_text(text, "rules.yml");
  LoadedRules loaded = loader.finish();
  EXPECT_THAT(loaded.refused, IsEmpty()) << (loaded.refused.empty() ? "" : loaded.refused[0].reason);
  return std::make_shared<const RuleSet>(std::move(loaded.rules), std::span<const Detector* const>{});
}

// A log in memory: its key and text.
struct Log {
  std::string key, text;
};

class Job {
 public:
  explicit Job(std::shared_ptr<const RuleSet> rules, unsigned threads = 1)
      : rules_(std::move(rules)),
        engine_(rules_->detectors(), IntelBuilder().build(), Lateness{}, EngineLimits{}, threads, rules_) {}

  void epoch(const std::vector<Log>& logs, bool last) {
    std::vector<EpochObject> objects;
    for (const Log& log : logs) {
      EpochObject object;
      object.info.key = log.key;
      object.info.account = "111122223333";
      object.info.region = "eu-west-1";
      object.stream = "all";
      object.open = [&log]() -> Result<std::unique_ptr<ByteSource>> { return memory_source(log.text); };
      objects.push_back(std::move(object));
    }
    if (last) engine_.release("", start + 30 * day_ms);
    take(engine_.run_epoch(objects, {}));
    if (last) {
      engine_.release("", start + 30 * day_ms);
      take(engine_.run_epoch({}, {}));
    }
  }

  Engine& engine() { return engine_; }
  // Type, count and evidence of each finding.
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const auto& [id, finding] : findings_) {
      const Detection& latest = finding.activity.latest;
      std::string text =
          fmt::format("{} x{}", rules_->detectors()[latest.detector]->types[0].name, finding.activity.count);
      for (const auto& [name, value] : latest.evidence) text += fmt::format("; {}={}", name, value);
      all.push_back(std::move(text));
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  const std::map<std::string, AggregatedFinding>& findings() const { return findings_; }

 private:
  void take(const EpochResult& result) {
    for (const std::string& id : result.retracted) findings_.erase(id);
    for (const AggregatedFinding& finding : result.updated) findings_.insert_or_assign(finding.id, finding);
  }
  std::shared_ptr<const RuleSet> rules_;
  Engine engine_;
  std::map<std::string, AggregatedFinding> findings_;
};

std::vector<std::string> told(const std::string& rules, const std::vector<Log>& logs, unsigned threads = 1) {
  Job run(rules_of(rules), threads);
  run.epoch(logs, true);
  return run.told();
}

std::string at(int minute, std::string_view name, std::string_view more = "",
               std::string_view user = "alice") {
  static int number = 0;
  return testdata::call(name, more, user, format_time_seconds(start + minute * minute_ms),
                        fmt::format("e{:05}", ++number));
}

std::string base(std::string_view name, std::string_view api) {
  return fmt::format(
      "title: {} seen\nname: {}\nlevel: high\nlogsource: {{product: aws, service: cloudtrail}}\n"
      "detection: {{s: {{eventName: {}}}, condition: s}}\n---\n",
      name, name, api);
}

std::string correlation(std::string_view type, std::string_view rules, std::string_view condition) {
  return fmt::format(
      "title: Together\nlevel: critical\ncorrelation:\n  type: {}\n  rules: {}\n  group-by: "
      "[userIdentity.userName]\n  timespan: 10m\n{}",
      type, rules, condition.empty() ? "" : fmt::format("  condition: {}\n", condition));
}

TEST(RuleSetTest, raises_findings) {
  const std::string rules =
      "title: Key made for another\nid: k1\nlevel: high\ntags: [attack.t1098.001]\nfields: [userAgent]\n"
      "logsource: {product: aws, service: cloudtrail}\n"
      "detection:\n  s:\n    eventName: CreateAccessKey\n    requestParameters.userName|exists: true\n"
      "  own: {requestParameters.userName|fieldref: userIdentity.userName}\n  condition: s and not own\n";
  Job run(rules_of(rules));
  run.epoch({{"a.json",
              at(0, "CreateAccessKey", R"("userAgent":"cli","requestParameters":{"userName":"bob"})") +
                  at(1, "CreateAccessKey", R"("requestParameters":{"userName":"alice"})") +
                  at(2, "CreateAccessKey", R"("userAgent":"cli","requestParameters":{"userName":"carol"})")}},
            true);
  EXPECT_THAT(
      run.told(),
      ElementsAre(
          "Custom:IAMUser/KeyMadeForAnother x2; rule=Key made for another; eventName=CreateAccessKey; "
          "requestParameters.userName=carol; userAgent=cli"));
  const Activity& activity = run.findings().begin()->second.activity;
  EXPECT_EQ(activity.severity, 8);
  EXPECT_EQ(activity.first.time, start);
  EXPECT_EQ(activity.latest.subject.access_key->user_name, "alice");
}

TEST(RuleSetTest, counts_a_record_once_and_tells_of_the_newest) {
  const std::string older = at(0, "CreateUser"), newer = at(2, "CreateUser"), middle = at(1, "CreateUser");
  const auto run = [&](const std::vector<std::vector<Log>>& epochs) {
    Job job(rules_of(base("made", "CreateUser")), 1);
    for (const std::vector<Log>& logs : epochs) job.epoch(logs, &logs == &epochs.back());
    EXPECT_THAT(job.told(), ElementsAre(testing::StartsWith("Custom:IAMUser/MadeSeen x3")));
    const Activity& activity = job.findings().begin()->second.activity;
    EXPECT_EQ(activity.first.time, start);
    EXPECT_EQ(activity.latest.last.time, start + 2 * minute_ms);
    EXPECT_EQ(activity.proof.records().size(), 3U);
    return job.findings().begin()->first;
  };
  const std::string id = run({{{"a.json", older + newer + middle}}});
  EXPECT_EQ(run({{{"a.json", older + newer}, {"b.json", newer + middle}}}), id);
  EXPECT_EQ(run({{{"a.json", newer + middle}, {"b.json", older + newer}}}), id);
  EXPECT_EQ(run({{{"b.json", older + newer}}, {{"a.json", newer + older + middle}}}), id);
}

TEST(RuleSetTest, one_finding_for_each_principal) {
  EXPECT_THAT(
      told(base("made", "CreateUser"), {{"a.json", at(0, "CreateUser") + at(1, "CreateUser", "", "bob")}}),
      SizeIs(2));
}

TEST(RuleSetTest, copies_of_a_record_count_once) {
  const std::string record = at(0, "CreateUser");
  EXPECT_THAT(told(base("made", "CreateUser"), {{"a.json", record}, {"b.json", record}}),
              ElementsAre("Custom:IAMUser/MadeSeen x1; rule=made seen; eventName=CreateUser"));
}

TEST(RuleSetTest, counts_events_within_the_timespan) {
  const std::string rules = base("made", "CreateUser") + correlation("event_count", "made", "{gte: 3}");
  // Three within ten minutes; four with one too early; those of two people are not added up.
  EXPECT_THAT(
      told(rules, {{"a.json", at(0, "CreateUser") + at(5, "CreateUser") + at(10, "CreateUser")}}),
      ElementsAre(
          "Custom:IAMUser/Together x3; rule=Together; group_by=111122223333, userIdentity.userName=alice; "
          "count=3; needed=3; timespan_seconds=600; rules=made seen"));
  EXPECT_THAT(told(rules, {{"a.json", at(0, "CreateUser") + at(11, "CreateUser") + at(12, "CreateUser")}}),
              IsEmpty());
  EXPECT_THAT(
      told(rules, {{"a.json", at(0, "CreateUser") + at(1, "CreateUser") + at(2, "CreateUser", "", "bob")}}),
      IsEmpty());
  // Each further event is one more, none counts twice.
  EXPECT_THAT(told(rules, {{"a.json", at(0, "CreateUser") + at(1, "CreateUser") + at(2, "CreateUser") +
                                          at(3, "CreateUser") + at(30, "CreateUser")}}),
              ElementsAre(testing::HasSubstr("Together x4;")));
}

TEST(RuleSetTest, ranges_have_an_upper_end) {
  const std::string rules =
      base("made", "CreateUser") + correlation("event_count", "made", "{gte: 2, lte: 2}");
  EXPECT_THAT(told(rules, {{"a.json", at(0, "CreateUser") + at(1, "CreateUser") + at(2, "CreateUser")}}),
              ElementsAre(testing::HasSubstr("Together x2;")));
}

TEST(RuleSetTest, counts_distinct_values) {
  const std::string rules = base("reads", "GetObject") +
                            correlation("value_count", "reads", "{field: requestParameters.key, gte: 3}");
  const auto read = [](int minute, const std::string& key) {
    return at(minute, "GetObject", R"("requestParameters":{"key":")" + key + "\"}");
  };
  EXPECT_THAT(told(rules, {{"a.json", read(0, "a") + read(1, "b") + read(2, "c")}}),
              ElementsAre(testing::HasSubstr("count=3; needed=3; timespan_seconds=600; values=a, b, c")));
  EXPECT_THAT(told(rules, {{"a.json", read(0, "a") + read(1, "b") + read(2, "a") + read(3, "b")}}),
              IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", read(0, "a") + read(11, "b") + read(12, "c")}}), IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", read(0, "a") + read(1, "b") + at(2, "GetObject")}}), IsEmpty());
}

TEST(RuleSetTest, takes_rules_together_in_any_order) {
  const std::string rules = base("made", "CreateUser") + base("armed", "AttachUserPolicy") +
                            correlation("temporal", "[made, armed]", "");
  EXPECT_THAT(told(rules, {{"a.json", at(0, "AttachUserPolicy") + at(9, "CreateUser")}}), SizeIs(1));
  EXPECT_THAT(told(rules, {{"a.json", at(0, "AttachUserPolicy") + at(11, "CreateUser")}}), IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", at(0, "CreateUser") + at(9, "CreateUser")}}), IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", at(0, "AttachUserPolicy", "", "bob") + at(9, "CreateUser")}}),
              IsEmpty());
}

TEST(RuleSetTest, takes_rules_in_order) {
  const std::string rules = base("made", "CreateUser") + base("armed", "AttachUserPolicy") +
                            base("keyed", "CreateAccessKey") +
                            correlation("temporal_ordered", "[made, armed, keyed]", "");
  const auto sequence = [&](std::initializer_list<std::pair<int, const char*>> calls) {
    std::string text;
    for (const auto& [minute, name] : calls) text += at(minute, name);
    return told(rules, {{"a.json", text}});
  };
  EXPECT_THAT(sequence({{0, "CreateUser"}, {1, "AttachUserPolicy"}, {2, "CreateAccessKey"}}), SizeIs(1));
  EXPECT_THAT(sequence({{0, "CreateUser"}, {2, "CreateAccessKey"}, {3, "AttachUserPolicy"}}), IsEmpty());
  EXPECT_THAT(sequence({{0, "CreateUser"}, {5, "AttachUserPolicy"}, {11, "CreateAccessKey"}}), IsEmpty());
  // A later start saves the chain.
  EXPECT_THAT(
      sequence({{0, "CreateUser"}, {4, "CreateUser"}, {5, "AttachUserPolicy"}, {11, "CreateAccessKey"}}),
      SizeIs(1));
}

// A correlation's findings are the events of another one.
std::string chained(std::string_view name, std::string_view type, std::string_view rules,
                    std::string_view group_by, std::string_view condition) {
  return fmt::format(
      "title: {0} together\nname: {0}\ncorrelation: {{type: {1}, rules: {2}, group-by: {3}, timespan: "
      "10m{4}}}\n---\n",
      name, type, rules, group_by, condition.empty() ? "" : fmt::format(", condition: {}", condition));
}

TEST(RuleSetTest, chains_correlations) {
  const std::string rules = base("refused", "ListUsers") + base("made", "CreateUser") +
                            chained("guesses", "event_count", "[refused]",
                                    "[userIdentity.userName, requestParameters.key]", "{gte: 3}") +
                            correlation("temporal_ordered", "[guesses, made]", "");
  const std::string key_a = R"("requestParameters":{"key":"a"})",
                    key_b = R"("requestParameters":{"key":"b"})";
  const auto run_of = [&](std::initializer_list<std::pair<int, const char*>> calls) {
    std::string text;
    for (const auto& [minute, name] : calls) text += at(minute, name, key_a);
    return told(rules, {{"a.json", text}});
  };
  const auto found = run_of({{0, "ListUsers"}, {1, "ListUsers"}, {2, "ListUsers"}, {5, "CreateUser"}});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0], testing::HasSubstr("rules=guesses together, made seen"));
  EXPECT_THAT(run_of({{0, "ListUsers"}, {1, "ListUsers"}, {5, "CreateUser"}}), IsEmpty()) << "one too few";
  EXPECT_THAT(run_of({{0, "CreateUser"}, {1, "ListUsers"}, {2, "ListUsers"}, {3, "ListUsers"}}), IsEmpty())
      << "in the other order";
  EXPECT_THAT(run_of({{0, "ListUsers"}, {1, "ListUsers"}, {2, "ListUsers"}, {15, "CreateUser"}}), IsEmpty())
      << "too late";
  // Another key is another group of the one that is chained, and the same of the other.
  const std::string two = at(0, "ListUsers", key_a) + at(1, "ListUsers", key_a), made = at(5, "CreateUser");
  EXPECT_THAT(told(rules, {{"a.json", two + at(2, "ListUsers", key_b) + made}}), IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", two + at(2, "ListUsers", key_a) + made}}), SizeIs(1));
}

TEST(RuleSetTest, chains_correlations_that_count_values) {
  const std::string rules = base("looked", "GetObject") + base("made", "CreateUser") +
                            chained("wide", "value_count", "[looked]", "[userIdentity.userName]",
                                    "{field: requestParameters.key, gte: 2}") +
                            correlation("temporal", "[wide, made]", "");
  const auto look = [](int minute, const char* key) {
    return at(minute, "GetObject", fmt::format(R"("requestParameters":{{"key":"{}"}})", key));
  };
  EXPECT_THAT(told(rules, {{"a.json", look(0, "a") + look(1, "a") + at(2, "CreateUser")}}), IsEmpty());
  EXPECT_THAT(told(rules, {{"a.json", at(0, "CreateUser") + look(1, "a") + look(2, "b")}}), SizeIs(1));
}

// Of two rules that match one record both are events of the correlation that is chained.
TEST(RuleSetTest, chains_correlations_of_rules_that_match_the_same) {
  const std::string rules = base("one", "GetObject") + base("two", "GetObject") + base("made", "CreateUser") +
                            chained("both", "temporal", "[one, two]", "[userIdentity.userName]", "") +
                            correlation("temporal_ordered", "[both, made]", "");
  EXPECT_THAT(told(rules, {{"a.json", at(0, "GetObject") + at(1, "CreateUser")}}), SizeIs(1));
}

TEST(RuleSetTest, chained_correlations_survive_a_restart) {
  const auto rules =
      rules_of(base("refused", "ListUsers") + base("made", "CreateUser") +
               chained("guesses", "event_count", "[refused]", "[userIdentity.userName]", "{gte: 3}") +
               correlation("temporal_ordered", "[guesses, made]", ""));
  std::vector<std::string> records{at(0, "ListUsers"), at(1, "ListUsers"),
                                   at(70, "GetCallerIdentity", "", "bob"), at(2, "ListUsers"),
                                   at(5, "CreateUser")};
  Job once(rules);
  once.epoch({{"a.json", records[0] + records[1] + records[3] + records[4]}}, true);
  ASSERT_THAT(once.told(), SizeIs(1));
  // What waits and what is counted, each behind a restart.
  for (const std::size_t cut : {1U, 2U}) {
    Job before(rules);
    std::string first, second;
    for (std::size_t i = 0; i < records.size(); ++i) (i <= cut ? first : second) += records[i];
    before.epoch({{"a.json", first}}, false);
    const std::string saved = before.engine().save();
    Job after(rules);
    const auto left = after.engine().load(saved);
    ASSERT_TRUE(left && left->empty());
    EXPECT_EQ(after.engine().save(), saved);
    after.epoch({{"b.json", second}}, true);
    EXPECT_THAT(after.told(), SizeIs(1)) << cut;
  }
}

TEST(RuleSetTest, counts_in_the_old_form) {
  const std::string rules =
      "title: Doors tried\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {errorCode: "
      "AccessDenied}\n"
      "  timeframe: 10m\n  condition: s | count(eventName) by userIdentity.userName > 2\n";
  const auto denied = [](int minute, const char* name) {
    return at(minute, name, R"("errorCode":"AccessDenied")");
  };
  EXPECT_THAT(
      told(rules, {{"a.json", denied(0, "ListUsers") + denied(1, "ListRoles") + denied(2, "ListBuckets")}}),
      SizeIs(1));
  EXPECT_THAT(
      told(rules, {{"a.json", denied(0, "ListUsers") + denied(1, "ListRoles") + denied(2, "ListRoles")}}),
      IsEmpty());
}

TEST(RuleSetTest, matches_flows_and_queries) {
  const std::string rules =
      "title: Database from outside\nlogsource: {category: firewall}\n"
      "detection:\n  s: {dst_port: 5432, action: accept}\n  inside: {src_ip|cidr: [10.0.0.0/8, "
      "192.168.0.0/16]}\n"
      "  condition: s and not inside\n---\n"
      "title: Many refused ports\nname: refused\nlogsource: {product: aws, service: vpcflow}\n"
      "detection: {s: {action: REJECT}, condition: s}\n---\n"
      "title: Ports tried\ncorrelation: {type: value_count, rules: refused, group-by: [srcaddr], timespan: "
      "5m, "
      "condition: {field: dstport, gte: 3}}\n---\n"
      "title: Tunnel\nlogsource: {category: dns}\ndetection: {s: {query|endswith: .tunnel.example, "
      "record_type: TXT}, condition: s}\n";
  const auto flow = [](const char* source, int port, const char* action) {
    return fmt::format("2 111122223333 eni-0a {} 10.0.0.5 40000 {} 6 5 400 {} {} {} OK\n", source, port,
                       start / 1000, start / 1000 + 30, action);
  };
  const std::string flows = flow("198.51.100.9", 5432, "ACCEPT") + flow("10.0.0.9", 5432, "ACCEPT") +
                            flow("203.0.113.5", 22, "REJECT") + flow("203.0.113.5", 23, "REJECT") +
                            flow("203.0.113.5", 80, "REJECT") + flow("203.0.113.6", 22, "REJECT");
  const std::string query =
      R"({"version":"1.100000","account_id":"111122223333","region":"eu-west-1","vpc_id":"vpc-1","query_timestamp":"2026-09-14T10:00:00Z",)"
      R"("query_name":"abc.tunnel.example.","query_type":"TXT","query_class":"IN","rcode":"NOERROR","answers":[],"srcaddr":"10.0.0.5",)"
      R"("srcport":"4000","transport":"UDP","srcids":{"instance":"i-0a"}})"
      "\n";
  EXPECT_THAT(
      told(rules, {{"flows.log", flows}, {"dns.json", query}}),
      ElementsAre(
          "Custom:EC2/DatabaseFromOutside x1; rule=Database from outside; dstport=5432; action=ACCEPT",
          testing::StartsWith(
              "Custom:EC2/PortsTried x3; rule=Ports tried; group_by=111122223333, srcaddr=203.0.113.5; "
              "count=3; needed=3; timespan_seconds=300; values=22, 23, 80"),
          "Custom:EC2/Tunnel x1; rule=Tunnel; query_name=abc.tunnel.example; query_type=TXT"));
}

TEST(RuleSetTest, matches_kubernetes_audit) {
  const std::string rules =
      "title: Shell in a pod\nlogsource: {product: kubernetes, category: application, service: audit}\n"
      "detection: {s: {verb: create, objectRef.resource: pods, objectRef.subresource: exec}, "
      "system: {user.username|startswith: 'system:'}, condition: s and not system}\n";
  const auto request = [](const char* id, const char* user) {
    return fmt::format(
        R"({{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{}","stage":"ResponseComplete",)"
        R"("requestURI":"/api/v1/namespaces/shop/pods/web/exec","verb":"create","user":{{"username":"{}","groups":["x"]}},)"
        R"("sourceIPs":["198.51.100.7"],"userAgent":"kubectl","objectRef":{{"resource":"pods","namespace":"shop","name":"web","subresource":"exec"}},)"
        R"("responseStatus":{{"code":101}},"requestReceivedTimestamp":"2026-09-14T10:00:00.000000Z","stageTimestamp":"2026-09-14T10:00:00.000000Z"}})"
        "\n",
        id, user);
  };
  EXPECT_THAT(
      told(rules, {{"audit.log", request("a1", "jane") + request("a2", "system:node:n1")}}),
      ElementsAre(
          "Custom:Kubernetes/ShellInAPod x1; rule=Shell in a pod; verb=create; objectRef.resource=pods; "
          "objectRef.subresource=exec"));
}

// Correlations survive a restart, and neither the cut into objects and epochs nor threads show.
TEST(RuleSetTest, the_same_whatever_the_route) {
  const std::string text = base("made", "CreateUser") + base("armed", "AttachUserPolicy") +
                           correlation("event_count", "[made, armed]", "{gte: 4}");
  const auto rules = rules_of(text);
  std::vector<std::string> records;
  for (int i = 0; i < 40; ++i)
    records.push_back(
        at(i * 2, i % 3 == 0 ? "AttachUserPolicy" : "CreateUser", "", i % 4 == 0 ? "bob" : "alice"));
  std::string whole;
  for (const std::string& record : records) whole += record;
  Job once(rules);
  once.epoch({{"a.json", whole}}, true);
  ASSERT_THAT(once.told(), Contains(testing::HasSubstr("Together")));

  std::vector<Log> logs;
  for (std::size_t i = 0; i < records.size(); ++i)
    logs.push_back({fmt::format("{:02}.json", i), records[(i * 7) % 40]});
  Job shuffled(rules, 3);
  shuffled.epoch(logs, true);
  EXPECT_EQ(shuffled.told(), once.told());

  std::string half;
  for (std::size_t i = 0; i < 20; ++i) half += records[i];
  Job before(rules);
  before.epoch({{"a.json", half}}, false);
  const std::string saved = before.engine().save();
  Job after(rules);
  ASSERT_TRUE(after.engine().load(saved));
  after.epoch({{"b.json", whole.substr(half.size())}}, true);
  EXPECT_THAT(after.told(), Contains(testing::HasSubstr("Together")));

  // One rule more changes nothing for the others.
  Job more(rules_of(base("another", "DeleteUser") + base("made", "CreateUser") +
                    base("armed", "AttachUserPolicy") +
                    correlation("event_count", "[made, armed]", "{gte: 4}")));
  const auto nothing = more.engine().load(saved);
  ASSERT_TRUE(nothing) << nothing.error().message();
  EXPECT_EQ(*nothing, "");
  more.epoch({{"b.json", whole.substr(half.size())}}, true);
  EXPECT_EQ(more.told(), after.told());

  // Another wording is another rule: its state starts anew, the others' does not.
  Job other(rules_of(base("made", "CreateUser") + base("armed", "AttachUserPolicy") +
                     correlation("event_count", "[made, armed]", "{gte: 5}")));
  const auto left = other.engine().load(saved);
  ASSERT_TRUE(left) << left.error().message();
  EXPECT_THAT(*left, testing::HasSubstr("start empty: rule "));
  EXPECT_EQ(other.engine().epoch(), before.engine().epoch());
}

TEST(RuleSetTest, counts_matches) {
  const auto rules = rules_of(base("made", "CreateUser"));
  Job run(rules);
  run.epoch({{"a.json", at(0, "CreateUser") + at(1, "DeleteUser") + at(2, "CreateUser", "", "bob")}}, true);
  EXPECT_EQ(rules->matches(0), 2u);
  EXPECT_EQ(rules->rule_of(0), &rules->rules()[0]);
}

}  // namespace
}  // namespace picket::rules
