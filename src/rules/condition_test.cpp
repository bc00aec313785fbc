#include "rules/condition.h"

#include <gmock/gmock.h>

#include "decode/decoder.h"
#include "rules/matcher.h"

namespace picket::rules {
namespace {

using testing::HasSubstr;

// Whether the condition holds for the one CloudTrail record of the text.
class Judge final : public EventSink {
 public:
  explicit Judge(const Predicate& predicate) : one_{&predicate}, compiled_(LogKind::cloudtrail, one_) {}
  bool operator()(std::string_view text) {
    const auto bytes = memory_source(text);
    ObjectInfo info;
    info.kind = LogKind::cloudtrail;
    decode_object(*bytes, info, {}, *this);
    return !matched_.empty();
  }
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t) override {
    compiled_.match({.cloudtrail = &event}, scratch_, matched_);
  }
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined& record) override { ADD_FAILURE() << record.reason; }

 private:
  const Predicate* one_[1];
  CompiledPredicates compiled_;
  CompiledPredicates::Scratch scratch_;
  std::vector<std::uint32_t> matched_;
};

constexpr std::string_view call =
    R"({"eventVersion":"1.10","eventTime":"2026-09-07T10:00:00Z","eventID":"0d3e",
  "eventSource":"iam.amazonaws.com","eventName":"PutRolePolicy","awsRegion":"us-east-1","recipientAccountId":"111122223333",
  "sourceIPAddress":"198.51.100.7","userAgent":"it's me","userIdentity":{"type":"IAMUser","userName":"ines.barros",
  "accountId":"111122223333"},"requestParameters":{"roleName":"deploy_1","size":3,"ready":true,"empty":null,
  "accounts":["111122223333","444455556666"],"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":
  {\"AWS\":\"arn:aws:iam::777788889999:root\"},\"Action\":[\"s3:Get*\",\"s3:Put*\"]}]}","items":[{"id":"a"},{"id":"b"}]}})";

struct Case {
  const char* name;
  std::string_view condition;
  bool holds;
};
class Conditions : public testing::TestWithParam<Case> {};

TEST_P(Conditions, on_one_call) {
  std::string one_line(call);
  std::erase(one_line, '\n');
  const auto predicate = parse_condition(GetParam().condition);
  ASSERT_TRUE(predicate) << predicate.error().message();
  ASSERT_TRUE(check(*predicate, LogKind::cloudtrail));
  EXPECT_EQ(Judge(*predicate)(one_line), GetParam().holds);
}

INSTANTIATE_TEST_SUITE_P(
    Language, Conditions,
    testing::Values(
        Case{"equal", "eventName = 'PutRolePolicy'", true},
        Case{"case_matters", "eventName = 'putrolepolicy'", false},
        Case{"words_in_any_case", "eventName = 'x' or eventName is not null", true},
        Case{"quote_in_text", "userAgent = 'it''s me'", true}, Case{"different", "eventName <> 'x'", true},
        Case{"different_c", "eventName != 'PutRolePolicy'", false},
        Case{"different_without_value", "errorCode <> 'x'", false},
        Case{"not_equal_without_value", "NOT errorCode = 'x'", true},
        Case{"is_null", "errorCode IS NULL", true}, Case{"is_not_null", "errorCode IS NOT NULL", false},
        Case{"json_null_is_null", "get_json_object(requestParameters, '$.empty') IS NULL", true},
        Case{"in", "eventName IN ('x', 'PutRolePolicy')", true},
        Case{"not_in", "eventName NOT IN ('x', 'PutRolePolicy')", false},
        Case{"like", "eventName LIKE 'Put%Policy'", true},
        Case{"like_one", "eventName LIKE 'Put_olePolicy'", true},
        Case{"like_is_whole", "eventName LIKE 'Put'", false},
        Case{"not_like", "eventName NOT LIKE 'Get%'", true},
        Case{"like_takes_stars_as_they_are", "eventName LIKE 'Put*'", false},
        Case{"member_of_column", "userIdentity.userName = 'ines.barros'", true},
        Case{"member_of_parameters", "get_json_object(requestParameters, '$.roleName') = 'deploy_1'", true},
        Case{"number", "get_json_object(requestParameters, '$.size') <= 3", true},
        Case{"number_above", "get_json_object(requestParameters, '$.size') > 3", false},
        Case{"number_equal", "get_json_object(requestParameters, '$.size') = 3", true},
        Case{"flag", "get_json_object(requestParameters, '$.ready') = true", true},
        Case{"flag_as_text", "get_json_object(requestParameters, '$.ready') = 'true'", true},
        Case{"one_of_a_list", "get_json_object(requestParameters, '$.accounts[*]') = '444455556666'", true},
        Case{"one_of_a_list_by_number",
             "get_json_object(requestParameters, '$.accounts[0]') = '444455556666'", false},
        Case{"one_of_a_list_differs",
             "get_json_object(requestParameters, '$.accounts[*]') <> recipientAccountId", true},
        Case{"same_column", "userIdentity.accountId = recipientAccountId", true},
        Case{"elements_of_a_list", "get_json_object(requestParameters, '$.items[*].id') = 'b'", true},
        Case{"and_before_or", "eventName = 'x' AND eventName = 'y' OR awsRegion = 'us-east-1'", true},
        Case{"parentheses", "eventName = 'x' AND (eventName = 'y' OR awsRegion = 'us-east-1')", false},
        Case{"negation", "NOT (eventName = 'x' OR awsRegion = 'eu-west-1')", true},
        Case{"collected",
             "json_collect_values(get_json_object(requestParameters, '$.policyDocument'), 'Action') = "
             "'s3:Put*'",
             true},
        Case{"collected_at_depth", "json_collect_values(requestParameters, 'id') IN ('b')", true},
        Case{
            "principal",
            "get_aws_principal(get_json_object(requestParameters, '$.policyDocument')) <> recipientAccountId",
            true},
        Case{"principal_of_no_policy",
             "get_aws_principal(get_json_object(requestParameters, '$.roleName')) IS NULL", true},
        Case{"public_principal",
             "policy_has_public_principal(get_json_object(requestParameters, '$.policyDocument'))", false},
        Case{"no_public_principal",
             "NOT policy_has_public_principal(get_json_object(requestParameters, '$.policyDocument'))",
             true}),
    [](const auto& info) { return info.param.name; });

struct Refused {
  const char* name;
  std::string_view condition, where, what;
};
class RefusedConditions : public testing::TestWithParam<Refused> {};

TEST_P(RefusedConditions, tell_where_and_why) {
  const auto predicate = parse_condition(GetParam().condition);
  ASSERT_FALSE(predicate);
  EXPECT_EQ(predicate.error().where, GetParam().where);
  EXPECT_THAT(predicate.error().what, HasSubstr(std::string(GetParam().what)));
}

INSTANTIATE_TEST_SUITE_P(
    Language, RefusedConditions,
    testing::Values(
        Refused{"empty", "", "line 1, column 1", "expected a column"},
        Refused{"unknown_column", "eventname = 'x'", "line 1, column 1", "no such column: eventname"},
        Refused{"second_line", "eventName = 'x'\nAND foo = 'y'", "line 2, column 5", "no such column: foo"},
        Refused{"no_comparison", "eventName", "line 1, column 10", "expected a comparison"},
        Refused{"no_value", "eventName =", "line 1, column 12", "expected a column"},
        Refused{"open_text", "eventName = 'x", "line 1, column 13", "expected a column"},
        Refused{"open_parenthesis", "(eventName = 'x'", "line 1, column 17", "expected )"},
        Refused{"empty_list", "eventName IN ()", "line 1, column 15", "expected a value"},
        Refused{"not_alone", "eventName NOT 'x'", "line 1, column 15", "expected IN or LIKE"},
        Refused{"order_of_texts", "eventName < 'x'", "line 1, column 13", "expected a number"},
        Refused{"bad_path", "get_json_object(requestParameters, 'a.b') IS NULL", "line 1, column 36",
                "expected a path"},
        Refused{"path_without_name", "get_json_object(requestParameters, '$.a..b') IS NULL",
                "line 1, column 36", "expected a path"},
        Refused{"unknown_function", "regexp(eventName, 'x')", "line 1, column 1", "no such column: regexp"},
        Refused{"missing_argument", "json_collect_values(requestParameters) = 'x'", "line 1, column 38",
                "expected ,"},
        Refused{"two_conditions", "eventName = 'x' eventSource = 'y'", "line 1, column 17",
                "expected AND, OR"},
        Refused{"compared_condition", "policy_has_public_principal(requestParameters) = true",
                "line 1, column 48", "expected AND, OR"}),
    [](const auto& info) { return info.param.name; });

TEST(ConditionTest, limits_the_depth) {
  EXPECT_TRUE(parse_condition(std::string(20, '(') + "eventName = 'x'" + std::string(20, ')')));
  const auto deep = parse_condition(std::string(100'000, '('));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().what, HasSubstr("levels"));
}

}  // namespace
}  // namespace picket::rules
