#include "rules/matcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "decode/decoder.h"

namespace picket::rules {
namespace {

using Kind = FieldTest::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

// Hands every CloudTrail record of a text to `see`.
class Records final : public EventSink {
 public:
  explicit Records(std::function<void(const CloudTrailEvent&)> see) : see_(std::move(see)) {}
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t) override { see_(event); }
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined& record) override { ADD_FAILURE() << record.reason; }

 private:
  std::function<void(const CloudTrailEvent&)> see_;
};

std::string record(std::string_view name, std::string_view source, std::string_view rest = "") {
  return std::string(
             R"({"eventVersion":"1.08","eventTime":"2026-09-14T10:00:00Z","eventID":"0d3e","eventSource":")") +
         std::string(source) + R"(","eventName":")" + std::string(name) +
         R"(","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15",)"
         R"("userIdentity":{"type":"IAMUser","userName":"alice","accountId":"111122223333"},)"
         R"("recipientAccountId":"111122223333")" +
         (rest.empty() ? "" : "," + std::string(rest)) + "}\n";
}

std::vector<std::uint32_t> matches(const CompiledPredicates& compiled, const std::string& text,
                                   CompiledPredicates::Scratch&& scratch = {}) {
  std::vector<std::uint32_t> matched;
  Records records(
      [&](const CloudTrailEvent& event) { compiled.match({.cloudtrail = &event}, scratch, matched); });
  const auto bytes = memory_source(text);
  ObjectInfo info;
  info.kind = LogKind::cloudtrail;
  decode_object(*bytes, info, {}, records);
  return matched;
}

bool holds(const Predicate& predicate, const std::string& text) {
  const auto checked = check(predicate, LogKind::cloudtrail);
  EXPECT_TRUE(checked) << checked.error().what;
  const Predicate* one[] = {&predicate};
  return !matches(CompiledPredicates(LogKind::cloudtrail, one), text).empty();
}

// The first letters of a text, as many as `argument` says.
const ValueFunction letters{
    "letters", [](std::string_view text, std::string_view argument) {
      std::vector<std::string> made;
      for (const char c : text.substr(0, static_cast<std::size_t>(argument.front() - '0')))
        made.emplace_back(1, c);
      return made;
    }};

struct TestCase {
  const char* name;
  FieldTest test;
  bool holds;
};

class FieldTests : public testing::TestWithParam<TestCase> {};

const std::string policy_call = record(
    "PutBucketPolicy", "s3.amazonaws.com",
    R"("requestParameters":{"bucketName":"pay-slips","empty":"","nothing":null,"size":1024,"public":true,)"
    R"("rules":[{"port":22,"cidr":"0.0.0.0/0"},{"port":443,"cidr":"10.0.0.0/8"}],"tags":["alpha","Beta"],)"
    R"("nested":{"a.b":{"c":"deep"}},"document":"{\"Effect\":\"Allow\"}","again":"pay-slips"},"errorCode":"AccessDenied")");

TEST_P(FieldTests, on_one_record) { EXPECT_EQ(holds(test(GetParam().test), policy_call), GetParam().holds); }

INSTANTIATE_TEST_SUITE_P(
    Kinds, FieldTests,
    testing::Values(
        TestCase{"equals", {"eventName", Kind::equals, {"PutBucketPolicy"}}, true},
        TestCase{"equals_any_case", {"eventName", Kind::equals, {"putbucketPOLICY"}}, true},
        TestCase{"equals_cased", {"eventName", Kind::equals, {"putbucketpolicy"}, true}, false},
        TestCase{"equals_one_of", {"eventName", Kind::equals, {"GetObject", "PutBucketPolicy"}}, true},
        TestCase{"equals_one_of_many",
                 {"requestParameters.bucketName", Kind::equals, {"a", "b", "c", "d", "e", "f", "Pay-Slips"}},
                 true},
        TestCase{"equals_part", {"eventName", Kind::equals, {"PutBucket"}}, false},
        TestCase{"equals_number", {"requestParameters.size", Kind::equals, {"1024"}}, true},
        TestCase{"equals_flag", {"requestParameters.public", Kind::equals, {"true"}}, true},
        TestCase{"equals_empty", {"requestParameters.empty", Kind::equals, {""}}, true},
        TestCase{"equals_empty_where_absent", {"errorMessage", Kind::equals, {""}}, true},
        TestCase{"equals_empty_where_not", {"errorCode", Kind::equals, {""}}, false},
        TestCase{"contains", {"requestParameters.bucketName", Kind::contains, {"SLIP"}}, true},
        TestCase{"contains_cased", {"requestParameters.bucketName", Kind::contains, {"SLIP"}, true}, false},
        TestCase{"contains_of_object", {"requestParameters.nested", Kind::contains, {"deep"}}, true},
        TestCase{"contains_of_part", {"requestParameters", Kind::contains, {"pay-slips"}}, true},
        TestCase{"contains_inside_text",
                 {"requestParameters.document", Kind::contains, {"\"Effect\":\"Allow\""}},
                 true},
        TestCase{"prefix", {"userAgent", Kind::prefix, {"AWS-CLI/"}}, true},
        TestCase{"prefix_not_inside", {"userAgent", Kind::prefix, {"cli"}}, false},
        TestCase{"suffix", {"eventName", Kind::suffix, {"policy"}}, true},
        TestCase{"suffix_not_inside", {"eventName", Kind::suffix, {"Bucket"}}, false},
        TestCase{"wildcard", {"eventName", Kind::wildcard, {"Put*Pol?cy"}}, true},
        TestCase{"wildcard_whole", {"eventName", Kind::wildcard, {"Put*Polic"}}, false},
        TestCase{"wildcard_escaped", {"eventName", Kind::wildcard, {"Put\\*"}}, false},
        TestCase{"regex", {"eventName", Kind::regex, {"^Put(Bucket|Object)Policy$"}}, true},
        TestCase{"regex_is_cased", {"eventName", Kind::regex, {"putbucket"}}, false},
        TestCase{"cidr", {"sourceIPAddress", Kind::cidr, {"198.51.100.0/24"}}, true},
        TestCase{"cidr_outside", {"sourceIPAddress", Kind::cidr, {"198.51.101.0/24", "10.0.0.0/8"}}, false},
        TestCase{"cidr_of_no_address", {"userAgent", Kind::cidr, {"0.0.0.0/0"}}, false},
        TestCase{"less", {"requestParameters.size", Kind::less, {"1024"}}, false},
        TestCase{"less_equal", {"requestParameters.size", Kind::less_equal, {"1024"}}, true},
        TestCase{"greater", {"requestParameters.size", Kind::greater, {"1023.5"}}, true},
        TestCase{"greater_equal", {"requestParameters.size", Kind::greater_equal, {"1025"}}, false},
        TestCase{"number_of_text", {"eventName", Kind::greater, {"0"}}, false},
        TestCase{"exists", {"requestParameters.size", Kind::exists}, true},
        TestCase{"exists_not", {"requestParameters.colour", Kind::exists}, false},
        TestCase{"exists_null", {"requestParameters.nothing", Kind::exists}, false},
        TestCase{"absent", {"requestParameters.colour", Kind::absent}, true},
        TestCase{"absent_null", {"requestParameters.nothing", Kind::absent}, true},
        TestCase{"absent_not", {"errorCode", Kind::absent}, false},
        TestCase{"other_field",
                 {"requestParameters.again", Kind::equals, {"requestParameters.bucketName"}, false, true},
                 true},
        TestCase{"other_field_differs", {"eventName", Kind::equals, {"eventSource"}, false, true}, false},
        TestCase{"array_of_texts", {"requestParameters.tags", Kind::equals, {"beta"}}, true},
        TestCase{"array_of_objects", {"requestParameters.rules.port", Kind::equals, {"443"}}, true},
        TestCase{"array_index", {"requestParameters.rules.0.port", Kind::equals, {"443"}}, false},
        TestCase{"any_member", {"requestParameters.*.port", Kind::equals, {"22"}}, true},
        TestCase{"any_depth", {"requestParameters.**.cidr", Kind::equals, {"0.0.0.0/0"}}, true},
        TestCase{"any_depth_other", {"requestParameters.**.cidr", Kind::equals, {"0.0.0.0/1"}}, false},
        TestCase{"dots_in_names", {"requestParameters.nested.a.b.c", Kind::equals, {"deep"}}, true},
        TestCase{"keyword", {"", Kind::contains, {"PAY-slips"}}, true},
        TestCase{"keyword_absent", {"", Kind::contains, {"pay-rolls"}}, false},
        TestCase{"none_of", {.field = "requestParameters.tags", .values = {"alpha"}, .none_of = true}, true},
        TestCase{"none_of_all",
                 {.field = "requestParameters.tags", .values = {"alpha", "beta"}, .none_of = true},
                 false},
        TestCase{"none_of_absent",
                 {.field = "requestParameters.labels", .values = {"alpha"}, .none_of = true},
                 false},
        TestCase{
            "function", {.field = "eventName", .values = {"P"}, .function = &letters, .argument = "1"}, true},
        TestCase{
            "function_none_of",
            {.field = "eventName", .values = {"P"}, .none_of = true, .function = &letters, .argument = "1"},
            false},
        TestCase{"function_without_values",
                 {.field = "eventName", .kind = Kind::absent, .function = &letters, .argument = "0"},
                 true},
        TestCase{"function_of_absent_field",
                 {.field = "requestParameters.labels",
                  .kind = Kind::exists,
                  .function = &letters,
                  .argument = "1"},
                 false}),
    [](const auto& info) { return info.param.name; });

TEST(MatcherTest, joins_tests) {
  const Predicate put = test({"eventName", Kind::equals, {"PutBucketPolicy"}});
  const Predicate get = test({"eventName", Kind::equals, {"GetBucketPolicy"}});
  EXPECT_TRUE(holds(all_of({put, negation(get)}), policy_call));
  EXPECT_FALSE(holds(all_of({put, get}), policy_call));
  EXPECT_TRUE(holds(any_of({get, put}), policy_call));
  EXPECT_FALSE(holds(negation(any_of({get, put})), policy_call));
  EXPECT_TRUE(holds(all_of({}), policy_call));
  EXPECT_FALSE(holds(any_of({}), policy_call));
}

TEST(MatcherTest, refuses_what_a_log_does_not_have) {
  EXPECT_FALSE(check(test({"event.action", Kind::exists}), LogKind::cloudtrail));
  EXPECT_FALSE(check(test({"dstpot", Kind::exists}), LogKind::vpcflow));
  EXPECT_TRUE(check(test({"dst_port", Kind::exists}), LogKind::vpcflow));
  EXPECT_FALSE(check(test({"eventName", Kind::regex, {"("}}), LogKind::cloudtrail));
  EXPECT_FALSE(check(test({"sourceIPAddress", Kind::cidr, {"300.1.1.1/8"}}), LogKind::cloudtrail));
  EXPECT_FALSE(check(test({"eventName", Kind::less, {"many"}}), LogKind::cloudtrail));
}

TEST(MatcherTest, tells_what_passed) {
  const Predicate predicate =
      all_of({test({"eventName", Kind::prefix, {"put"}}), negation(test({"errorCode", Kind::absent})),
              test({"requestParameters.tags", Kind::equals, {"beta"}})});
  const Predicate* one[] = {&predicate};
  const CompiledPredicates compiled(LogKind::cloudtrail, one);
  CompiledPredicates::Scratch scratch;
  std::vector<std::string> told;
  Records records([&](const CloudTrailEvent& event) {
    std::vector<std::uint32_t> matched;
    compiled.match({.cloudtrail = &event}, scratch, matched);
    ASSERT_THAT(matched, ElementsAre(0));
    compiled.passed(0, scratch, [&](std::string_view name, std::string_view value) {
      told.push_back(fmt::format("{}={}", name, value));
    });
  });
  const auto bytes = memory_source(policy_call);
  ObjectInfo info;
  info.kind = LogKind::cloudtrail;
  decode_object(*bytes, info, {}, records);
  EXPECT_THAT(told, ElementsAre("eventName=PutBucketPolicy", "requestParameters.tags=Beta"));
}

// The short cuts (groups by name, indexes by field) never change what matches: many rules compiled together
// agree with each compiled alone.
TEST(MatcherTest, together_as_alone) {
  std::mt19937_64 random(20260914);
  const auto pick = [&](std::initializer_list<const char*> from) {
    return std::string(*(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size())));
  };
  const auto some_test = [&]() -> Predicate {
    switch (random() % 7) {
      case 0:
        return test({"eventName",
                     Kind::equals,
                     {pick({"PutObject", "GetObject", "DeleteTrail"}), pick({"RunInstances", "getobject"})}});
      case 1:
        return test({"eventName",
                     random() % 2 == 0 ? Kind::prefix : Kind::contains,
                     {pick({"Put", "object", "e", "Trail"})}});
      case 2:
        return test({"eventSource", Kind::equals, {pick({"s3.amazonaws.com", "ec2.amazonaws.com"})}});
      case 3:
        return test({"requestParameters.name", Kind::contains, {pick({"alp", "bet", "a", "gamma"})}});
      case 4:
        return test({"requestParameters.name", Kind::wildcard, {pick({"*ph?", "b*", "*"})}});
      case 5:
        return test({"errorCode", random() % 2 == 0 ? Kind::absent : Kind::exists});
      default:
        return test({"requestParameters.name", Kind::equals, {pick({"alpha", "beta", ""})}});
    }
  };
  const std::function<Predicate(int)> some = [&](int depth) -> Predicate {
    if (depth == 0 || random() % 4 == 0) return some_test();
    std::vector<Predicate> parts;
    for (std::uint64_t i = 1 + random() % 3; i > 0; --i) parts.push_back(some(depth - 1));
    switch (random() % 4) {
      case 0:
        return negation(std::move(parts.front()));
      case 1:
        return any_of(std::move(parts));
      default:
        return all_of(std::move(parts));
    }
  };
  std::vector<Predicate> predicates;
  for (int i = 0; i < 400; ++i) predicates.push_back(some(3));
  std::vector<const Predicate*> all;
  for (const Predicate& predicate : predicates) all.push_back(&predicate);
  const CompiledPredicates together(LogKind::cloudtrail, all);
  std::size_t matched = 0;
  CompiledPredicates::Scratch kept;  // remembers from record to record
  for (const char* name : {"PutObject", "GetObject", "DeleteTrail", "RunInstances", "ListKeys"}) {
    for (const char* source : {"s3.amazonaws.com", "ec2.amazonaws.com"}) {
      for (const char* rest : {"", R"("errorCode":"AccessDenied")", R"("requestParameters":{"name":"ALPHA"})",
                               R"("requestParameters":{"name":["beta","x"]},"errorCode":"x")",
                               R"("requestParameters":{"name":""})"}) {
        const std::string text = record(name, source, rest);
        std::vector<std::uint32_t> alone;
        for (std::uint32_t i = 0; i < all.size(); ++i) {
          const Predicate* one[] = {all[i]};
          if (!matches(CompiledPredicates(LogKind::cloudtrail, one), text).empty()) alone.push_back(i);
        }
        EXPECT_EQ(matches(together, text), alone) << text;
        for (int again = 0; again < 2; ++again)
          EXPECT_EQ(matches(together, text, std::move(kept)), alone) << text;
        matched += alone.size();
      }
    }
  }
  EXPECT_GT(matched, 1000u);

  // What was remembered of these is not taken for what others say.
  const Predicate other = test({"eventName", Kind::equals, {"ListKeys"}});
  const Predicate* one[] = {&other};
  const CompiledPredicates lone(LogKind::cloudtrail, one);
  EXPECT_THAT(matches(lone, record("ListKeys", "kms.amazonaws.com"), std::move(kept)), ElementsAre(0));
  EXPECT_THAT(matches(lone, record("PutObject", "s3.amazonaws.com"), std::move(kept)), IsEmpty());
}

TEST(MatcherTest, an_escaped_name_of_a_member_is_found) {
  const Predicate named = test({"requestParameters.bucketName", Kind::equals, {"pay-slips"}});
  EXPECT_TRUE(holds(named, record("GetObject", "s3.amazonaws.com",
                                  R"("requestParameters":{"buck\u0065tName":"pay-slips"})")));
  EXPECT_FALSE(holds(
      named, record("GetObject", "s3.amazonaws.com", R"("requestParameters":{"basketName":"pay-slips"})")));
}

TEST(LiteralAutomatonTest, finds_every_occurrence) {
  const LiteralAutomaton automaton({"he", "she", "his", "hers", std::string("\xff\x00", 2)});
  std::vector<std::uint32_t> found;
  automaton.scan("ushers", [&](std::uint32_t literal) { found.push_back(literal); });
  EXPECT_THAT(found, ElementsAre(1, 0, 3));
  found.clear();
  automaton.scan(std::string_view("a\xff\x00z", 4), [&](std::uint32_t literal) { found.push_back(literal); });
  EXPECT_THAT(found, ElementsAre(4));
  found.clear();
  automaton.scan("xyz", [&](std::uint32_t literal) { found.push_back(literal); });
  EXPECT_THAT(found, IsEmpty());
}

}  // namespace
}  // namespace picket::rules
