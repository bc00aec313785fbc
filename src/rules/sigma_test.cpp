#include "rules/sigma.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "rules/sigma_condition.h"
#include "rules/testdata/records.h"

namespace picket::rules {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string rule_text(const std::string& detection, const std::string& rest = "") {
  return "title: A rule\nlogsource: {product: aws, service: cloudtrail}\n" + rest + "detection:\n" +
         detection;
}

LoadedRules load(const std::string& text) {
  SigmaLoader loader;
  loader.add_text(text, "rules.yml");
  return loader.finish();
}

// A detection with one selection holds for a record or not.
bool holds(const std::string& selection, const std::string& record) {
  const LoadedRules loaded = load(rule_text("  selection:\n" + selection + "\n  condition: selection\n"));
  EXPECT_THAT(loaded.refused, IsEmpty())
      << selection << ": " << (loaded.refused.empty() ? "" : loaded.refused[0].reason);
  return loaded.rules.size() == 1 && testdata::matches(loaded.rules[0].when, record);
}

std::string with_parameters(const std::string& parameters) {
  return testdata::call("CreateUser", R"("requestParameters":{)" + parameters + "}");
}

struct ItemCase {
  const char* name;
  const char* item;        // of a selection
  const char* parameters;  // requestParameters of the record
  bool holds;
};

class SigmaItem : public testing::TestWithParam<ItemCase> {};

TEST_P(SigmaItem, on_one_record) {
  EXPECT_EQ(
      holds(std::string("    requestParameters.") + GetParam().item, with_parameters(GetParam().parameters)),
      GetParam().holds);
}

INSTANTIATE_TEST_SUITE_P(
    Modifiers, SigmaItem,
    testing::Values(
        ItemCase{"any_case", "v: ALICE", R"("v":"alice")", true},
        ItemCase{"whole_value", "v: alice", R"("v":"alice2")", false},
        ItemCase{"number", "v: 443", R"("v":443)", true},
        ItemCase{"quoted_number", "v: '443'", R"("v":443)", true},
        ItemCase{"flag", "v: true", R"("v":true)", true},
        ItemCase{"list_is_or", "v: [bob, alice]", R"("v":"alice")", true},
        ItemCase{"star", "v: 'al*ce'", R"("v":"alabaster-ice")", true},
        ItemCase{"star_end", "v: 'al*'", R"("v":"ALICE")", true},
        ItemCase{"star_front", "v: '*ice'", R"("v":"alice!")", false},
        ItemCase{"star_alone_is_there", "v: '*'", R"("v":"x")", true},
        ItemCase{"star_alone_is_not", "v: '*'", R"("w":"x")", false},
        ItemCase{"question_mark", "v: 'al?ce'", R"("v":"alice")", true},
        ItemCase{"question_mark_is_one", "v: 'al?ce'", R"("v":"alce")", false},
        ItemCase{"question_mark_umlaut", "v: 'z?rich'", R"("v":"zürich")", true},
        ItemCase{"escaped_star", "v: 'a\\*b'", R"("v":"a*b")", true},
        ItemCase{"escaped_star_only", "v: 'a\\*b'", R"("v":"axb")", false},
        ItemCase{"escaped_star_at_the_end", "v: 'a\\*'", R"("v":"ab")", false},
        ItemCase{"backslash", "v: 'a\\b'", R"("v":"a\\b")", true},
        ItemCase{"backslash_before_star", "v: 'a\\\\*'", R"("v":"a\\bc")", true},
        ItemCase{"contains", "v|contains: lic", R"("v":"ALICE")", true},
        ItemCase{"contains_all", "v|contains|all: [li, ce]", R"("v":"alice")", true},
        ItemCase{"contains_all_misses_one", "v|contains|all: [li, xx]", R"("v":"alice")", false},
        ItemCase{"contains_wildcard", "v|contains: 'l?c'", R"("v":"alice")", true},
        ItemCase{"startswith", "v|startswith: al", R"("v":"alice")", true},
        ItemCase{"endswith", "v|endswith: al", R"("v":"alice")", false},
        ItemCase{"cased", "v|cased: Alice", R"("v":"alice")", false},
        ItemCase{"contains_cased", "v|contains|cased: lic", R"("v":"alice")", true},
        ItemCase{"re", "v|re: '^a.+e$'", R"("v":"alice")", true},
        ItemCase{"re_is_cased", "v|re: '^A'", R"("v":"alice")", false},
        ItemCase{"re_i", "v|re|i: '^A'", R"("v":"alice")", true},
        ItemCase{"re_s", "v|re|s: 'a.b'", R"("v":"a\nb")", true},
        ItemCase{"re_without_s", "v|re: 'a.b'", R"("v":"a\nb")", false},
        ItemCase{"re_m", "v|re|m: '^b$'", R"("v":"a\nb")", true},
        ItemCase{"cidr", "v|cidr: 10.0.0.0/8", R"("v":"10.2.3.4")", true},
        ItemCase{"cidr_list", "v|cidr: [192.168.0.0/16, '2001:db8::/32']", R"("v":"2001:db8::1")", true},
        ItemCase{"cidr_outside", "v|cidr: 10.0.0.0/8", R"("v":"11.2.3.4")", false},
        ItemCase{"gt", "v|gt: 10", R"("v":10)", false}, ItemCase{"gte", "v|gte: 10", R"("v":10)", true},
        ItemCase{"lt", "v|lt: 10", R"("v":9.5)", true}, ItemCase{"lte", "v|lte: 10", R"("v":11)", false},
        ItemCase{"exists", "v|exists: true", R"("v":"")", true},
        ItemCase{"exists_not", "v|exists: true", R"("w":1)", false},
        ItemCase{"exists_as_yaml_may_write_it", "v|exists: True", R"("v":1)", true},
        ItemCase{"exists_no", "v|exists: no", R"("v":1)", false},
        ItemCase{"exists_false", "v|exists: false", R"("w":1)", true},
        ItemCase{"null_is_absent", "v: null", R"("w":1)", true},
        ItemCase{"null_is_null", "v: null", R"("v":null)", true},
        ItemCase{"null_is_not_empty_text", "v: null", R"("v":"x")", false},
        ItemCase{"null_in_list", "v: [null, x]", R"("w":1)", true},
        ItemCase{"quoted_null_is_text", "v: 'null'", R"("v":"null")", true},
        ItemCase{"empty", "v: ''", R"("v":"")", true}, ItemCase{"neq", "v|neq: alice", R"("v":"bob")", true},
        ItemCase{"neq_same", "v|neq: alice", R"("v":"alice")", false},
        ItemCase{"fieldref", "v|fieldref: requestParameters.w", R"("v":"x","w":"X")", true},
        ItemCase{"fieldref_differs", "v|fieldref: requestParameters.w", R"("v":"x","w":"y")", false},
        ItemCase{"fieldref_neq", "v|fieldref|neq: requestParameters.w", R"("v":"x","w":"y")", true},
        ItemCase{"fieldref_endswith", "v|fieldref|endswith: requestParameters.w", R"("v":"arn/x","w":"x")",
                 true},
        // "curl http" in Base64, as a whole and at any place of a longer text.
        ItemCase{"base64", "v|base64: 'curl http'", R"("v":"Y3VybCBodHRw")", true},
        ItemCase{"base64_contains", "v|base64|contains: 'curl http'", R"("v":"Y3VybCBodHRwOi8vYQ==")", true},
        ItemCase{"base64offset_0", "v|base64offset|contains: 'curl http'", R"("v":"Y3VybCBodHRwOi8v")", true},
        ItemCase{"base64offset_1", "v|base64offset|contains: 'curl http'", R"("v":"eGN1cmwgaHR0cDovLw==")",
                 true},
        ItemCase{"base64offset_2", "v|base64offset|contains: 'curl http'", R"("v":"eHhjdXJsIGh0dHA6Ly8=")",
                 true},
        ItemCase{"base64offset_other", "v|base64offset|contains: 'curl http'",
                 R"("v":"eHhjdXJsIGZ0cDovLw==")", false},
        // "cmd" in UTF-16 and then Base64.
        ItemCase{"wide", "v|wide|base64offset|contains: cmd", R"("v":"YwBtAGQA")", true},
        ItemCase{"utf16le", "v|utf16le|base64: cmd", R"("v":"YwBtAGQA")", true},
        ItemCase{"utf16be", "v|utf16be|base64: cmd", R"("v":"AGMAbQBk")", true},
        ItemCase{"utf16", "v|utf16|base64: cmd", R"("v":"//5jAG0AZAA=")", true},
        ItemCase{"windash_slash", "v|windash|contains: ' -enc'", R"("v":"powershell /enc x")", true},
        ItemCase{"windash_em", "v|windash|contains: ' -enc'", R"("v":"powershell —enc x")", true},
        ItemCase{"windash_itself", "v|windash|contains: ' -enc'", R"("v":"powershell -enc x")", true},
        ItemCase{"windash_inside_words", "v|windash|contains: 'pay-slips'", R"("v":"pay/slips")", false},
        ItemCase{"array", "list.port: 22", R"("list":[{"port":80},{"port":22}])", true},
        ItemCase{"list_of_texts", "list|contains: admin", R"("list":["a","cluster-admins"])", true},
        ItemCase{"object_text", "o|contains: deep", R"("o":{"a":{"b":"deep"}})", true}),
    [](const auto& info) { return info.param.name; });

TEST(SigmaTest, joins_items_and_lists) {
  const std::string record =
      testdata::call("DeleteTrail", R"("errorCode":"AccessDenied","userAgent":"aws-cli")");
  EXPECT_TRUE(holds("    eventName: DeleteTrail\n    errorCode: AccessDenied", record));
  EXPECT_FALSE(holds("    eventName: DeleteTrail\n    errorCode: null", record));
  EXPECT_TRUE(holds("    - eventName: StopLogging\n    - errorCode: AccessDenied", record));
  EXPECT_FALSE(holds("    - eventName: StopLogging\n    - errorCode: x", record));
  EXPECT_TRUE(holds("    - accessdenied\n    - nothing", record));  // keywords
  EXPECT_FALSE(holds("    - nothing", record));
  EXPECT_TRUE(holds("    '|all': [deletetrail, aws-cli]", record));
  EXPECT_FALSE(holds("    '|all': [deletetrail, nothing]", record));
}

struct ConditionCase {
  const char* condition;
  bool holds;
};

TEST(SigmaTest, reads_conditions) {
  // s1 and s2 hold, f1 and _h do not.
  const std::string detection =
      "  s1: {eventName: CreateUser}\n  s2: {eventSource: iam.amazonaws.com}\n  f1: {errorCode: '*'}\n"
      "  _h: {eventName: nothing}\n  condition: ";
  const std::string record = testdata::call("CreateUser");
  const ConditionCase cases[] = {
      {"s1", true},
      {"f1", false},
      {"not f1", true},
      {"s1 and s2 and not f1", true},
      {"s1 and not s2 or f1", false},
      {"s1 or f1 and f1", true},
      {"(s1 or f1) and f1", false},
      {"not (s1 and f1)", true},
      {"not not s1", true},
      {"NOT f1 AND s1", true},
      {"1 of s*", true},
      {"all of s*", true},
      {"all of them", false},
      {"any of them", true},
      {"1 of f*", false},
      {"not 1 of f*", true},
      {"all of s* and not 1 of f*", true},
      {"1 of *1", true},
      {"[s1, f1]", true},
      {"[f1, _h]", false},
  };
  for (const ConditionCase& one : cases) {
    const LoadedRules loaded = load(rule_text(detection + one.condition + "\n"));
    ASSERT_THAT(loaded.rules, SizeIs(1)) << one.condition;
    EXPECT_EQ(testdata::matches(loaded.rules[0].when, record), one.holds) << one.condition;
  }
}

struct RefusalCase {
  const char* text;
  const char* where;
  const char* reason;
};

TEST(SigmaTest, refuses_with_file_line_and_reason) {
  const std::string head = "title: A rule\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n";
  const RefusalCase cases[] = {
      {"title: [", "rules.yml:", "YAML: "},
      {"- a\n- b", "rules.yml:1", "must be a map"},
      {"title: x\n", "rules.yml:1", "needs a detection"},
      {"logsource: {product: aws}\ndetection: {s: {eventName: x}, condition: s}", "rules.yml:1",
       "title is missing"},
      {"title: x\nlogsource: {product: windows, category: process_creation}\ndetection: {s: {a: b}, "
       "condition: s}",
       "rules.yml:2", "no log that picket reads: logsource product windows category process_creation"},
      {"title: x\nlogsource: {product: aws}\nlevel: severe\ndetection: {s: {eventName: b}, condition: s}",
       "rules.yml:3", "no such level: severe"},
      {"\nDETECTION\n  s: {eventName: x}\n", "rules.yml:5", "condition is missing"},
      {"DETECTION\n  s: {eventName: x}\n  condition: t\n", "rules.yml:6", "no identifier t"},
      {"DETECTION\n  s: {eventName: x}\n  condition: (s\n", "rules.yml:6", "the condition ends where )"},
      {"DETECTION\n  s: {eventName: x}\n  condition: s s\n", "rules.yml:6",
       "s where and, or, or the end should be"},
      {"DETECTION\n  s: {eventName: x}\n  condition: s and\n", "rules.yml:6", "ends where an identifier"},
      {"DETECTION\n  s: {eventName: x}\n  condition: 2 of s*\n", "rules.yml:6", "only 1, any and all"},
      {"DETECTION\n  s: {eventName: x}\n  condition: 1 of t*\n", "rules.yml:6",
       "no identifier of the detection is like t*"},
      {"DETECTION\n  s: {eventName: x}\n  condition: s | near t\n", "rules.yml:6",
       "aggregation near is not supported"},
      {"DETECTION\n  s: {eventName: x}\n  timeframe: 5m\n  condition: s | count() < 5\n", "rules.yml:7",
       "too few events"},
      {"DETECTION\n  s: {eventName: x}\n  condition: s | count() > 5\n", "rules.yml:5",
       "timeframe is missing"},
      {"DETECTION\n  s: {CommandLine: x}\n  condition: s\n", "rules.yml:5",
       "cloudtrail records have no field CommandLine"},
      {"DETECTION\n  s:\n    eventName|expand: '%admins%'\n  condition: s\n", "rules.yml:6", "expand"},
      {"DETECTION\n  s:\n    eventName|hex: x\n  condition: s\n", "rules.yml:6", "no such modifier: hex"},
      {"DETECTION\n  s:\n    eventName|re: '(?<=a)b'\n  condition: s\n", "rules.yml:6", "regular expression"},
      {"DETECTION\n  s:\n    eventName|cidr: nowhere\n  condition: s\n", "rules.yml:6", "no address range"},
      {"DETECTION\n  s:\n    eventName|gt: many\n  condition: s\n", "rules.yml:6", "no number"},
      {"DETECTION\n  s:\n    eventName|contains|cidr: 10.0.0.0/8\n  condition: s\n", "rules.yml:6",
       "do not go together"},
      {"DETECTION\n  s:\n    eventName|base64: 'a*'\n  condition: s\n", "rules.yml:6", "cannot be encoded"},
      {"DETECTION\n  s:\n    eventName: {a: b}\n  condition: s\n", "rules.yml:6", "must be a value"},
      {"DETECTION\n  s: []\n  condition: s\n", "rules.yml:5", "empty"},
      {"DETECTION\n  s:\n    eventName: a\n    eventName: b\n  condition: s\n", "rules.yml:7",
       "eventName is there twice"},
      {"DETECTION\n  s: {eventName: a}\n  s: {eventName: b}\n  condition: s\n", "rules.yml:6",
       "s is there twice"},
      {"DETECTION\n  b: &b {eventName: a}\n  s: {<<: *b, readOnly: 'true'}\n  condition: s\n", "rules.yml:6",
       "merge keys"},
      {"DETECTION\n  s: {eventName: &a [*a]}\n  condition: s\n", "rules.yml:", ""},
      {"title: x\ntitle: y\nlogsource: {product: aws}\ndetection: {s: {eventName: b}, condition: s}",
       "rules.yml:2", "title is there twice"},
      {"action: global\ntitle: x", "rules.yml:1", "action"},
  };
  for (const RefusalCase& one : cases) {
    std::string text = one.text;
    if (const std::size_t at = text.find("DETECTION\n"); at != std::string::npos)
      text = "\n" + head + text.substr(at + 10);
    const LoadedRules loaded = load(text);
    ASSERT_THAT(loaded.refused, SizeIs(1)) << text;
    EXPECT_THAT(loaded.rules, IsEmpty()) << text;
    EXPECT_THAT(loaded.refused[0].where, HasSubstr(one.where)) << text;
    EXPECT_THAT(loaded.refused[0].reason, HasSubstr(one.reason)) << text;
  }
}

TEST(SigmaTest, a_broken_document_leaves_the_others) {
  const std::string good =
      "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: X}, condition: s}\n";
  const LoadedRules loaded =
      load("title: One\n" + good + "---\ntitle: [\n---\n# nothing\n---\ntitle: Two\n" + good);
  EXPECT_THAT(loaded.rules, SizeIs(2));
  ASSERT_THAT(loaded.refused, SizeIs(1));
  EXPECT_THAT(loaded.refused[0].where, HasSubstr("rules.yml:5"));
}

TEST(SigmaTest, reads_what_a_finding_needs) {
  const LoadedRules loaded = load(
      "title: Trail stopped by hand\nid: 6f1c\nstatus: test\ndescription: |\n  Somebody stopped a "
      "trail.\nlevel: high\n"
      "tags: [attack.defense-evasion, attack.t1562.008, cve.2021-1]\nfields: [userIdentity.arn]\n"
      "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: StopLogging}, condition: "
      "s}\n");
  ASSERT_THAT(loaded.rules, SizeIs(1));
  const Rule& rule = loaded.rules[0];
  EXPECT_EQ(rule.id, "6f1c");
  EXPECT_EQ(rule.type, "Custom:IAMUser/TrailStoppedByHand");
  EXPECT_EQ(rule.severity, 8);
  EXPECT_EQ(rule.tactic, "TA0005");
  EXPECT_EQ(rule.technique, "T1562.008");
  EXPECT_EQ(rule.description, "Somebody stopped a trail.");
  EXPECT_EQ(rule.origin_text, "rules.yml:1");
  EXPECT_THAT(rule.fields, ElementsAre("userIdentity.arn"));
}

TEST(SigmaTest, knows_its_logs) {
  const auto log_of = [](const std::string& source, const std::string& field) -> std::optional<LogKind> {
    const LoadedRules loaded =
        load("title: x\nlogsource: {" + source + "}\ndetection: {s: {" + field + ": 1}, condition: s}\n");
    if (loaded.rules.size() != 1) return std::nullopt;
    return loaded.rules[0].log;
  };
  EXPECT_EQ(log_of("product: aws, service: cloudtrail", "eventName"), LogKind::cloudtrail);
  EXPECT_EQ(log_of("product: kubernetes, service: audit", "verb"), LogKind::k8saudit);
  EXPECT_EQ(log_of("product: kubernetes, category: application, service: audit", "verb"), LogKind::k8saudit);
  EXPECT_EQ(log_of("product: aws, service: vpcflow", "dstport"), LogKind::vpcflow);
  EXPECT_EQ(log_of("category: firewall", "dst_port"), LogKind::vpcflow);
  EXPECT_EQ(log_of("category: dns", "query"), LogKind::dns);
  EXPECT_EQ(log_of("product: aws, service: route53", "query_name"), LogKind::dns);
  EXPECT_EQ(log_of("product: azure, service: signinlogs", "x"), std::nullopt);
  EXPECT_EQ(log_of("product: windows, category: dns", "query"), std::nullopt);
}

TEST(SigmaTest, tells_rules_of_one_name_apart) {
  const std::string rest =
      "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: X}, condition: s}\n";
  const LoadedRules loaded = load("title: Same\nid: a\n" + rest + "---\ntitle: Same\nid: b\n" + rest +
                                  "---\ntitle: Other\nid: a\n" + rest);
  ASSERT_THAT(loaded.rules, SizeIs(2));
  EXPECT_NE(loaded.rules[0].type, loaded.rules[1].type);
  ASSERT_THAT(loaded.refused, SizeIs(1));
  EXPECT_THAT(loaded.refused[0].reason, HasSubstr("another rule has the id a"));
}

TEST(SigmaTest, applies_filters) {
  const LoadedRules loaded =
      load(rule_text("  s: {eventName: CreateUser}\n  condition: s\n", "name: made\n") +
           "---\ntitle: Our own\nlogsource: {product: aws, service: cloudtrail}\n"
           "filter:\n  rules: [made]\n  ours: {userIdentity.userName: alice}\n  condition: not ours\n");
  ASSERT_THAT(loaded.rules, SizeIs(1));
  EXPECT_FALSE(testdata::matches(loaded.rules[0].when, testdata::call("CreateUser")));
  EXPECT_TRUE(testdata::matches(loaded.rules[0].when, testdata::call("CreateUser", "", "mallory")));
}

TEST(SigmaTest, resolves_correlations) {
  const std::string base = rule_text("  s: {eventName: GetObject}\n  condition: s\n", "name: reads\n");
  const std::string correlation =
      "---\ntitle: Many\ncorrelation:\n  type: value_count\n  rules: reads\n  group-by: [who]\n  timespan: "
      "10m\n"
      "  aliases: {who: {reads: userIdentity.arn}}\n  condition: {gte: 3, field: requestParameters.key}\n";
  LoadedRules loaded = load(base + correlation);
  ASSERT_THAT(loaded.rules, SizeIs(2)) << (loaded.refused.empty() ? "" : loaded.refused[0].reason);
  const Rule& many = loaded.rules[0].correlation ? loaded.rules[0] : loaded.rules[1];
  const Rule& reads = loaded.rules[0].correlation ? loaded.rules[1] : loaded.rules[0];
  EXPECT_FALSE(reads.raises);
  EXPECT_TRUE(many.raises);
  ASSERT_TRUE(many.correlation);
  EXPECT_EQ(many.correlation->timespan, 10 * minute_ms);
  EXPECT_EQ(many.correlation->rules[0].rule, reads.id);
  EXPECT_THAT(many.correlation->rules[0].group_by, ElementsAre("userIdentity.arn"));
  EXPECT_EQ(many.correlation->rules[0].field, "requestParameters.key");

  loaded = load(base + correlation + "  generate: true\n");
  for (const Rule& rule : loaded.rules) EXPECT_TRUE(rule.raises);
  const RefusalCase refusals[] = {
      {"correlation: {type: event_count, rules: [nobody], timespan: 1h, condition: {gte: 2}}", "",
       "no rule nobody was loaded"},
      {"correlation: {type: event_count, rules: [reads], timespan: 1h, condition: {lt: 2}}", "",
       "too few events"},
      {"correlation: {type: event_count, rules: [reads], timespan: 1y, condition: {gte: 2}}", "",
       "timespan must be like"},
      {"correlation: {type: event_count, rules: [reads], timespan: 1h}", "", "condition is missing"},
      {"correlation: {type: value_count, rules: [reads], timespan: 1h, condition: {gte: 2}}", "",
       "needs condition.field"},
      {"correlation: {type: median, rules: [reads], timespan: 1h, condition: {gte: 2}}", "",
       "no such correlation type: median"},
      {"correlation: {type: event_count, rules: [reads], group-by: [host], timespan: 1h, condition: {gte: "
       "2}}",
       "", "no field host"},
      {"correlation: {type: event_count, rules: [reads], timespan: 1h, condition: {gte: 20000}}", "",
       "up to 10000"},
  };
  for (const RefusalCase& one : refusals) {
    loaded = load(base + "---\ntitle: Many\n" + one.text + "\n");
    ASSERT_THAT(loaded.refused, SizeIs(1)) << one.text;
    EXPECT_THAT(loaded.refused[0].reason, HasSubstr(one.reason));
    EXPECT_THAT(loaded.rules, SizeIs(1));
  }
}

TEST(SigmaTest, chains_correlations) {
  const auto text = [](std::string_view name, std::string_view type, std::string_view rules,
                       std::string_view group_by, std::string_view condition) {
    return fmt::format(
        "---\ntitle: {0}\nname: {0}\ncorrelation: {{type: {1}, rules: {2}, group-by: {3}, timespan: 1h, "
        "condition: {4}}}\n",
        name, type, rules, group_by, condition);
  };
  const std::string base = rule_text("  s: {eventName: GetObject}\n  condition: s\n", "name: reads\n");
  const std::string many =
      text("many", "event_count", "[reads]", "[userIdentity.arn, eventName]", "{gte: 3}");
  // Whatever comes first in the file.
  for (const std::string& both :
       {many + text("outer", "temporal", "[many, reads]", "[userIdentity.arn]", "{gte: 2}"),
        text("outer", "temporal", "[many, reads]", "[userIdentity.arn]", "{gte: 2}") + many}) {
    const LoadedRules loaded = load(base + both);
    ASSERT_THAT(loaded.rules, SizeIs(3)) << (loaded.refused.empty() ? "" : loaded.refused[0].reason);
    for (const Rule& rule : loaded.rules) {
      EXPECT_EQ(rule.raises, rule.title == "outer") << rule.title;
      if (rule.title != "outer") continue;
      ASSERT_TRUE(rule.correlation->rules[0].chained);
      EXPECT_EQ(rule.correlation->rules[0].chained->at_least, 3U);
      EXPECT_FALSE(rule.correlation->rules[1].chained);
    }
  }
  const std::string outer = text("outer", "event_count", "[many]", "[userIdentity.arn]", "{gte: 2}");
  const std::pair<std::string, std::string> refusals[] = {
      {many + text("one", "event_count", "[many]", "[awsRegion]", "{gte: 2}"), "does not group by awsRegion"},
      {many + text("one", "value_count", "[many]", "[eventName]", "{gte: 2, field: eventName}"),
       "no values can be counted"},
      {many + outer + text("one", "event_count", "[outer]", "[userIdentity.arn]", "{gte: 2}"),
       "one level can be chained"},
      {text("one", "event_count", "[one]", "[eventName]", "{gte: 2}"), "refers to this one"},
  };
  for (const auto& [rules, reason] : refusals) {
    const LoadedRules loaded = load(base + rules);
    ASSERT_THAT(loaded.refused, SizeIs(1)) << rules;
    EXPECT_THAT(loaded.refused[0].reason, HasSubstr(reason));
  }
}

// Rules of the shapes that public rules for CloudTrail have, in words of our own: NAME.yml with records that
// it must and must not match.
class Shape : public testing::TestWithParam<std::filesystem::path> {
 public:
  static std::vector<std::filesystem::path> all() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(PICKET_SOURCE_DIR "/src/rules/testdata/shapes")) {
      if (entry.path().extension() == ".yml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
};

TEST_P(Shape, matches_its_records_only) {
  SigmaLoader loader;
  ASSERT_TRUE(loader.add_path(GetParam().string()));
  const LoadedRules loaded = loader.finish();
  ASSERT_THAT(loaded.refused, IsEmpty()) << loaded.refused[0].reason;
  ASSERT_THAT(loaded.rules, SizeIs(1));
  for (const bool fires : {true, false}) {
    std::filesystem::path records = GetParam();
    records.replace_extension(fires ? ".fires.jsonl" : ".quiet.jsonl");
    std::ifstream stream(records);
    std::size_t count = 0;
    for (std::string line; std::getline(stream, line); ++count)
      EXPECT_EQ(testdata::matches(loaded.rules[0].when, line + "\n"), fires) << line;
    EXPECT_GT(count, 0u) << records;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Shape, testing::ValuesIn(Shape::all()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace picket::rules
