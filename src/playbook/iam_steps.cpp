// Steps in IAM: an access key's status, and the policy that ends a role's sessions.
#include <fmt/format.h>
#include <simdjson.h>

#include "aws/sigv4.h"
#include "playbook/steps.h"

namespace picket::playbook {

namespace {

std::string minified(std::string_view json) {
  std::string out(json.size(), '\0');
  std::size_t size = 0;
  if (simdjson::minify(json.data(), json.size(), out.data(), size) != simdjson::SUCCESS)
    return std::string(json);
  out.resize(size);
  return out;
}

// ---- "Active", "Inactive"; "gone" when the key is not there

Result<std::string> read_key(Hands& hands, const Step& step) {
  const auto answer = hands.aws.iam("ListAccessKeys", {{"UserName", step.where.at("user")}});
  if (!answer) return std::unexpected(answer.error());
  for (const aws::Xml* key : answer->all("ListAccessKeysResult/AccessKeyMetadata/member"))
    if (key->at("AccessKeyId") == step.where.at("key")) return std::string(key->at("Status"));
  return std::string("gone");
}

Result<void> write_key(Hands& hands, const Step& step, const std::string&, const std::string& to) {
  const auto answer = hands.aws.iam(
      "UpdateAccessKey",
      {{"UserName", step.where.at("user")}, {"AccessKeyId", step.where.at("key")}, {"Status", to}});
  if (!answer) return std::unexpected(answer.error());
  return {};
}

bool key_off(const Step&, const std::string& state) { return state != "Active"; }

// ---- the document of the role's inline policy, or "none"

Result<std::string> read_policy(Hands& hands, const Step& step) {
  const auto answer = hands.aws.iam("GetRolePolicy", {{"RoleName", step.where.at("role")},
                                                      {"PolicyName", std::string(revoke_policy_name)}});
  if (!answer && answer.error().kind == ErrorKind::not_found && step.status != "planned")
    return std::string("none");
  if (!answer && answer.error().kind == ErrorKind::not_found) {
    // The role itself must be there.
    const auto role = hands.aws.iam("GetRole", {{"RoleName", step.where.at("role")}});
    if (!role) return std::unexpected(role.error());
    return std::string("none");
  }
  if (!answer) return std::unexpected(answer.error());
  return minified(aws::uri_decode(answer->at("GetRolePolicyResult/PolicyDocument")));
}

Result<void> write_policy(Hands& hands, const Step& step, const std::string&, const std::string& to) {
  const Parameters policy{{"RoleName", step.where.at("role")},
                          {"PolicyName", std::string(revoke_policy_name)}};
  Parameters put = policy;
  put.emplace_back("PolicyDocument", to);
  const auto answer =
      to == "none" ? hands.aws.iam("DeleteRolePolicy", policy) : hands.aws.iam("PutRolePolicy", put);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

// Revoked is a session that was issued before the finding's last record, whoever saw to that.
bool sessions_revoked(const Step& step, const std::string& state) {
  if (state == step.after) return true;
  const auto last_seen = step.where.find("last_seen");
  const TimeMs since = revoked_before(state);
  return since != 0 && last_seen != step.where.end() && since > std::stoll(last_seen->second);
}

constexpr StepKind kinds[] = {
    {"access_key_status", read_key, write_key, key_off},
    {"role_policy", read_policy, write_policy, sessions_revoked},
};

}  // namespace

std::string revoke_policy(TimeMs time) {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":["*"],"Resource":["*"],)"
      R"("Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{}"}}}}}}]}})",
      format_time(time));
}

TimeMs revoked_before(std::string_view policy) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view effect, time;
  if (parser.parse(policy.data(), policy.size()).get(root) != simdjson::SUCCESS ||
      root.at_pointer("/Statement/0/Effect").get(effect) != simdjson::SUCCESS || effect != "Deny" ||
      root.at_pointer("/Statement/0/Condition/DateLessThan/aws:TokenIssueTime").get(time) !=
          simdjson::SUCCESS)
    return 0;
  return parse_time(time).value_or(0);
}

std::span<const StepKind> iam_steps() { return kinds; }

}  // namespace picket::playbook
