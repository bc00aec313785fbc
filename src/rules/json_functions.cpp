#include "rules/json_functions.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "event/raw_json.h"
#include "state/bucket_policy.h"

namespace picket::rules {

namespace {

namespace dom = simdjson::dom;

// Accounts that Elastic Load Balancing writes access logs from, by Region, as its guide lists them: bucket
// policies of load balancer logs name them.
constexpr std::string_view log_delivery_accounts[] = {
    "127311923021", "033677994240", "027434742980", "797873946194", "098369216593", "754344448648",
    "589379963580", "718504428378", "383597477331", "600734575887", "114774131450", "783225319266",
    "582318560864", "985666609251", "054676820928", "156460612806", "652711504416", "635631232127",
    "009996457667", "897822967062", "076674570225", "507241528517", "048591011584", "190560391635",
    "638102146993", "037604701340"};

// Calls visit(text) for a string, or for each string of an array.
template <class F>
void each_text(const dom::element& value, F visit) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return visit(text);
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return;
  for (const dom::element item : list) {
    if (item.get(text) == simdjson::SUCCESS) visit(text);
  }
}

// Calls visit(element) for an element, or for each one of an array: XML turned into JSON has a single one
// bare.
template <class F>
void each_element(const dom::element& value, F visit) {
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return visit(value);
  for (const dom::element item : list) visit(item);
}

// Calls visit(root) of the JSON text.
template <class F>
void with_json(std::string_view text, F visit) {
  const JsonDocument document(text);
  if (document.root()) visit(*document.root());
}

void collect(const dom::element& element, std::string_view member, std::vector<std::string>& values) {
  dom::object object;
  if (element.get(object) == simdjson::SUCCESS) {
    for (const auto& [name, value] : object) {
      if (name == member) {
        each_element(value, [&](const dom::element& item) {
          if (auto text = scalar_text(item)) values.push_back(std::move(*text));
        });
      }
      collect(value, member, values);
    }
    return;
  }
  dom::array list;
  if (element.get(list) != simdjson::SUCCESS) return;
  for (const dom::element item : list) collect(item, member, values);
}

// The account in "111122223333" or "arn:aws:iam::111122223333:user/name"; empty when there is none.
std::string_view account_of(std::string_view principal) {
  if (is_account_id(principal)) return principal;
  if (!principal.starts_with("arn:")) return {};
  for (int field = 0; field < 4; ++field) {
    const std::size_t colon = principal.find(':');
    if (colon == std::string_view::npos) return {};
    principal.remove_prefix(colon + 1);
  }
  principal = principal.substr(0, principal.find(':'));
  return is_account_id(principal) ? principal : std::string_view{};
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == (y >= 'A' && y <= 'Z' ? y - 'A' + 'a' : y);
  });
}

void add_accounts(const dom::element& value, std::vector<std::string>& accounts) {
  each_text(value, [&](std::string_view text) {
    const std::string_view account = account_of(text);
    if (!account.empty() &&
        std::ranges::find(log_delivery_accounts, account) == std::end(log_delivery_accounts))
      accounts.emplace_back(account);
  });
}

// A grant to everybody whose condition names accounts or principals is a grant to those.
void add_condition_accounts(const dom::element& statement, std::vector<std::string>& accounts) {
  dom::object operators;
  if (statement["Condition"].get(operators) != simdjson::SUCCESS) return;
  for (const auto& [name, tests] : operators) {
    dom::object keys;
    if (name.find("Not") != std::string_view::npos || tests.get(keys) != simdjson::SUCCESS) continue;
    for (const auto& [key, value] : keys) {
      if (same_name(key, "aws:PrincipalAccount") || same_name(key, "aws:PrincipalArn"))
        add_accounts(value, accounts);
    }
  }
}

void add_statement(const dom::element& statement, std::vector<std::string>& accounts) {
  std::string_view effect;
  if (!statement.is_object() || statement["Effect"].get(effect) != simdjson::SUCCESS || effect != "Allow")
    return;
  dom::element principal, aws;
  if (statement["Principal"].get(principal) != simdjson::SUCCESS) return;
  if (principal.is_object() && principal["AWS"].get(aws) == simdjson::SUCCESS) add_accounts(aws, accounts);
  add_condition_accounts(statement, accounts);
}

std::optional<std::int64_t> number_in(const dom::element& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    dom::element value;
    if (object[name].get(value) != simdjson::SUCCESS) continue;
    const auto text = scalar_text(value);
    std::int64_t number = 0;
    if (text && std::from_chars(text->data(), text->data() + text->size(), number).ec == std::errc{})
      return number;
  }
  return std::nullopt;
}

bool carries_tcp(std::string_view protocol) {
  return protocol == "tcp" || protocol == "6" || protocol == "-1";
}

// Whether this permission is one for TCP traffic to the port: {"ipProtocol": "tcp", "fromPort": 22, …}.
bool opens(const dom::element& permission, std::int64_t port) {
  std::optional<std::string> protocol;
  for (const char* name : {"ipProtocol", "IpProtocol"}) {
    dom::element value;
    if (permission[name].get(value) == simdjson::SUCCESS) protocol = scalar_text(value);
  }
  if (!protocol || !carries_tcp(*protocol)) return false;
  if (*protocol == "-1") return true;  // All traffic: EC2 ignores the ports.
  const auto from = number_in(permission, {"fromPort", "FromPort"}),
             to = number_in(permission, {"toPort", "ToPort"});
  return from && to && *from <= port && port <= *to;
}

void add_prefixes(const dom::element& permission, std::vector<std::string>& lengths) {
  for (const char* member : {"cidrIp", "cidrIpv6", "CidrIp", "CidrIpv4", "CidrIpv6"}) {
    std::vector<std::string> ranges;
    collect(permission, member, ranges);
    for (const std::string& range : ranges) {
      const std::size_t slash = range.rfind('/');
      if (slash != std::string::npos && slash + 1 < range.size()) lengths.push_back(range.substr(slash + 1));
    }
  }
}

// Permissions stand at different depths: at the top of the request, in ipPermissions.items, in
// SecurityGroupRule.SecurityGroupRule of newer calls.
void add_permissions(const dom::element& element, std::int64_t port, std::vector<std::string>& lengths) {
  dom::object object;
  if (element.get(object) == simdjson::SUCCESS) {
    if (opens(element, port)) return add_prefixes(element, lengths);
    for (const auto& [name, value] : object) add_permissions(value, port, lengths);
    return;
  }
  dom::array list;
  if (element.get(list) != simdjson::SUCCESS) return;
  for (const dom::element item : list) add_permissions(item, port, lengths);
}

}  // namespace

std::vector<std::string> json_collect_values(std::string_view json, std::string_view member) {
  std::vector<std::string> values;
  with_json(json, [&](const dom::element& root) { collect(root, member, values); });
  return values;
}

std::vector<std::string> get_aws_principal(std::string_view policy, std::string_view) {
  std::vector<std::string> accounts;
  with_json(policy, [&](const dom::element& root) {
    dom::element statements;
    if (!root.is_object() || root["Statement"].get(statements) != simdjson::SUCCESS) return;
    each_element(statements, [&](const dom::element& statement) { add_statement(statement, accounts); });
  });
  return accounts;
}

std::vector<std::string> policy_has_public_principal(std::string_view policy, std::string_view) {
  if (evaluate_bucket_policy(policy).audience == BucketAudience::named) return {};
  return {"true"};
}

std::vector<std::string> ingress_prefix_length(std::string_view request, std::string_view port) {
  std::vector<std::string> lengths;
  std::int64_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  with_json(request, [&](const dom::element& root) { add_permissions(root, number, lengths); });
  return lengths;
}

std::vector<std::string> lifecycle_expiration_days(std::string_view request, std::string_view) {
  std::vector<std::string> days;
  with_json(request, [&](const dom::element& root) {
    dom::element rules;
    if (!root.is_object() || root["LifecycleConfiguration"]["Rule"].get(rules) != simdjson::SUCCESS) return;
    each_element(rules, [&](const dom::element& rule) {
      std::string_view status;
      dom::element value;
      if (!rule.is_object() || rule["Status"].get(status) != simdjson::SUCCESS || status != "Enabled") return;
      if (rule["Expiration"]["Days"].get(value) != simdjson::SUCCESS) return;
      if (auto text = scalar_text(value)) days.push_back(std::move(*text));
    });
  });
  return days;
}

}  // namespace picket::rules
