// Steps in WAF: whether an address is in an IP set, "present" or "absent".
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/json_writer.h"
#include "playbook/steps.h"

namespace picket::playbook {

namespace dom = simdjson::dom;

namespace {

struct IpSet {
  std::string lock_token, description;
  std::vector<std::string> addresses;
};

void write_place(JsonWriter& json, const Step& step) {
  json.member("Name", step.where.at("name"));
  json.member("Scope", step.where.at("scope"));
  json.member("Id", step.where.at("id"));
}

bool is_cloudfront(const Step& step) { return step.where.at("scope") == "CLOUDFRONT"; }

Result<IpSet> get_set(Hands& hands, const Step& step) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  write_place(json, step);
  json.end_object();
  const auto answer = hands.aws.waf("GetIPSet", body, is_cloudfront(step));
  if (!answer) return std::unexpected(answer.error());
  dom::parser parser;
  dom::element root;
  std::string_view token, description;
  dom::array addresses;
  if (parser.parse(*answer).get(root) != simdjson::SUCCESS ||
      root["LockToken"].get(token) != simdjson::SUCCESS ||
      root.at_pointer("/IPSet/Addresses").get(addresses) != simdjson::SUCCESS)
    return fail(ErrorKind::io, "the answer is not what WAF gives", step.resource);
  IpSet set{.lock_token = std::string(token), .description = {}, .addresses = {}};
  if (root.at_pointer("/IPSet/Description").get(description) == simdjson::SUCCESS)
    set.description = description;
  for (const dom::element one : addresses) {
    std::string_view address;
    if (one.get(address) == simdjson::SUCCESS) set.addresses.emplace_back(address);
  }
  return set;
}

Result<std::string> read_member(Hands& hands, const Step& step) {
  const auto set = get_set(hands, step);
  if (!set) return std::unexpected(set.error());
  return std::string(std::ranges::find(set->addresses, step.where.at("cidr")) != set->addresses.end()
                         ? "present"
                         : "absent");
}

// The lock token makes WAF refuse what was read before somebody else's change; then it is read again.
Result<void> write_member(Hands& hands, const Step& step, const std::string& from, const std::string&) {
  constexpr int tries = 5;
  for (int attempt = 1;; ++attempt) {
    auto set = get_set(hands, step);
    if (!set) return std::unexpected(set.error());
    const auto at = std::ranges::find(set->addresses, step.where.at("cidr"));
    if ((at != set->addresses.end() ? "present" : "absent") != from)
      return fail(ErrorKind::conflict, "somebody else changed the set", step.resource);
    if (at != set->addresses.end())
      set->addresses.erase(at);
    else
      set->addresses.push_back(step.where.at("cidr"));
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    write_place(json, step);
    if (!set->description.empty()) json.member("Description", set->description);
    json.member("Addresses", set->addresses);
    json.member("LockToken", set->lock_token);
    json.end_object();
    const auto answer = hands.aws.waf("UpdateIPSet", body, is_cloudfront(step));
    if (answer) return {};
    if (answer.error().kind != ErrorKind::conflict || attempt == tries)
      return std::unexpected(answer.error());
  }
}

constexpr StepKind kinds[] = {{"ip_set_member", read_member, write_member}};

}  // namespace

Result<IpSetPlace> parse_ip_set_arn(std::string_view text) {
  const auto wrong =
      fail(ErrorKind::invalid, "not arn:aws:wafv2:REGION:ACCOUNT:regional/ipset/NAME/ID", std::string(text));
  const auto arn = aws::parse_arn(text);
  if (!arn || arn->service != "wafv2") return wrong;
  std::vector<std::string> parts;
  for (std::string_view rest = arn->resource; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    parts.emplace_back(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  if (parts.size() != 4 || parts[1] != "ipset" || (parts[0] != "regional" && parts[0] != "global"))
    return wrong;
  return IpSetPlace{parts[2], parts[3], parts[0] == "global" ? "CLOUDFRONT" : "REGIONAL"};
}

std::span<const StepKind> waf_steps() { return kinds; }

const StepKind* find_step_kind(std::string_view name) {
  for (const auto kinds : {ec2_steps(), iam_steps(), bucket_steps(), waf_steps(), kubernetes_steps()}) {
    const auto found = std::ranges::find(kinds, name, &StepKind::name);
    if (found != kinds.end()) return &*found;
  }
  return nullptr;
}

}  // namespace picket::playbook
