#include "aws/policy.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/text.h"

namespace picket::aws {

namespace {

using simdjson::dom::element;

constexpr std::size_t policy_bytes_max = 6'144;  // IAM's limit of a managed policy
constexpr std::size_t depth_max = 16;

std::unexpected<Error> broken(std::string why) { return fail(ErrorKind::invalid, std::move(why), "policy"); }

// A string, or a list of strings.
bool read_texts(const element& value, std::vector<std::string>& into) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    into.emplace_back(text);
    return true;
  }
  simdjson::dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return false;
  for (const element item : list) {
    if (item.get(text) != simdjson::SUCCESS) return false;
    into.emplace_back(text);
  }
  return true;
}

Result<Policy::Statement> read_statement(const element& row) {
  simdjson::dom::object members;
  if (row.get(members) != simdjson::SUCCESS) return broken("a statement is not an object");
  Policy::Statement out;
  std::string effect;
  for (const auto& [name, value] : members) {
    std::string_view text;
    if (name == "Sid") {
      if (value.get(text) != simdjson::SUCCESS) return broken("Sid must be a string");
    } else if (name == "Effect") {
      if (value.get(text) == simdjson::SUCCESS) effect = text;
    } else if (name == "Action") {
      if (!read_texts(value, out.actions)) return broken("Action must be a string or a list of strings");
    } else if (name == "Resource") {
      std::vector<std::string> resources;
      if (!read_texts(value, resources) || resources != std::vector<std::string>{"*"})
        return broken("Resource can only be \"*\": a key's account is its wall");
    } else {
      return broken("a statement has Sid, Effect, Action and Resource, not " + std::string(name));
    }
  }
  if (effect != "Allow" && effect != "Deny") return broken("Effect must be Allow or Deny");
  if (out.actions.empty()) return broken("a statement needs an Action");
  for (const std::string& action : out.actions)
    if (action != "*" && action.find(':') == std::string::npos)
      return broken("an action is SERVICE:NAME or *, not " + action);
  out.allow = effect == "Allow";
  return out;
}

}  // namespace

Verdict Policy::judge(std::string_view action) const {
  Verdict verdict = Verdict::none;
  const std::string asked = lower(action);
  for (const Statement& statement : statements) {
    const bool meant = std::ranges::any_of(
        statement.actions, [&](const std::string& p) { return wildcard_match(lower(p), asked); });
    if (!meant) continue;
    if (!statement.allow) return Verdict::deny;
    verdict = Verdict::allow;
  }
  return verdict;
}

Result<Policy> parse_policy(std::string_view json) {
  if (json.size() > policy_bytes_max)
    return fail(ErrorKind::too_large, "a policy has at most 6144 bytes", "policy");
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::object members;
  if (parser.allocate(std::max<std::size_t>(json.size(), 1), depth_max) != simdjson::SUCCESS ||
      parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root.get(members) != simdjson::SUCCESS)
    return broken("is not a JSON object");
  Policy out;
  for (const auto& [name, value] : members) {
    if (name == "Version" || name == "Id") continue;
    if (name != "Statement") return broken("has Version, Id and Statement, not " + std::string(name));
    simdjson::dom::array rows;
    if (value.get(rows) == simdjson::SUCCESS) {
      for (const element row : rows) {
        auto statement = read_statement(row);
        if (!statement) return std::unexpected(statement.error());
        out.statements.push_back(std::move(*statement));
      }
    } else {
      auto statement = read_statement(value);
      if (!statement) return std::unexpected(statement.error());
      out.statements.push_back(std::move(*statement));
    }
  }
  if (out.statements.empty()) return broken("has no Statement");
  return out;
}

std::string write_policy(const Policy& policy) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("Version", "2012-10-17");
  json.key("Statement");
  json.begin_array();
  for (const Policy::Statement& statement : policy.statements) {
    json.begin_object();
    json.member("Effect", statement.allow ? "Allow" : "Deny");
    json.key("Action");
    json.value(statement.actions);
    json.member("Resource", "*");
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

}  // namespace picket::aws
