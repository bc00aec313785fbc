#include "playbook/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace picket::playbook {

namespace {

std::unexpected<Error> cannot(std::string what) { return fail(ErrorKind::unsupported, std::move(what)); }

// ---- isolate_instance

Result<Plan> plan_isolation(const PlanRequest& request, Hands& hands) {
  Plan plan{.subject_id = request.facts.instance_id, .protected_by = {}, .steps = {}};
  const auto answer = hands.aws.ec2("DescribeInstances", {{"InstanceId.1", plan.subject_id}});
  if (!answer) return std::unexpected(answer.error());
  const aws::Xml* instance = answer->find("reservationSet/item/instancesSet/item");
  if (instance == nullptr) return cannot("the instance is not there any more");
  if (instance->at("instanceState/name") == "terminated") return cannot("the instance is terminated");
  std::string name;
  for (const aws::Xml* tag : instance->all("tagSet/item")) {
    if (tag->at("key") == "Name") name = tag->at("value");
    if (tag->at("key") == "picket:protected" && tag->at("value") != "false")
      plan.protected_by = "its tag picket:protected says so";
  }
  if (plan.protected_by.empty())
    plan.protected_by =
        request.protection.of_name({plan.subject_id, name,
                                    fmt::format("arn:aws:ec2:{}:{}:instance/{}", request.facts.region,
                                                request.facts.account, plan.subject_id)});
  if (instance->find("blockDeviceMapping/item/ebs/volumeId") != nullptr) {
    plan.steps.push_back({.kind = "snapshots",
                          .resource = "volumes of " + plan.subject_id,
                          .where = {{"instance", plan.subject_id}},
                          .before = {},
                          .after = "taken",
                          .note = "kept when the run is undone"});
  }
  plan.steps.push_back({.kind = "scaling_group",
                        .resource = "scaling group of " + plan.subject_id,
                        .where = {{"instance", plan.subject_id}},
                        .before = {},
                        .after = "",
                        .note = "the group keeps its capacity and starts another instance"});
  for (const aws::Xml* interface : instance->all("networkInterfaceSet/item")) {
    const std::string id(interface->at("networkInterfaceId"));
    plan.steps.push_back({.kind = "interface_groups",
                          .resource = id,
                          .where = {{"interface", id}, {"vpc", std::string(interface->at("vpcId"))}},
                          .before = {},
                          .after = std::string(isolated_groups),
                          .note = "connections are cut"});
  }
  return plan;
}

// ---- disable_access_key

Result<Plan> plan_key(const PlanRequest& request, Hands& hands) {
  const FindingFacts& facts = request.facts;
  Plan plan{.subject_id = facts.access_key_id, .protected_by = {}, .steps = {}};
  const std::string arn = fmt::format("arn:aws:iam::{}:user/{}", facts.account, facts.user_name);
  plan.protected_by = request.protection.of_name({facts.user_name, arn, facts.access_key_id});
  if (facts.access_key_id == hands.aws.key().access_key_id ||
      facts.access_key_id == request.self.access_key_id || request.self.arn == arn)
    plan.protected_by = "it is the key that picket calls with";
  plan.steps.push_back({.kind = "access_key_status",
                        .resource = fmt::format("{} of {}", facts.access_key_id, facts.user_name),
                        .where = {{"user", facts.user_name}, {"key", facts.access_key_id}},
                        .before = {},
                        .after = "Inactive",
                        .note = {}});
  return plan;
}

// ---- revoke_role_sessions

Result<Plan> plan_role(const PlanRequest& request, Hands& hands) {
  const std::string& name = request.facts.user_name;
  const auto answer = hands.aws.iam("GetRole", {{"RoleName", name}});
  if (!answer && answer.error().kind == ErrorKind::not_found)
    return cannot(fmt::format("there is no role {}: sessions of people are not revoked", name));
  if (!answer) return std::unexpected(answer.error());
  const aws::Xml* role = answer->find("GetRoleResult/Role");
  if (role == nullptr) return fail(ErrorKind::io, "the answer is not what IAM gives", name);
  // A person's session may have the name of some role.
  const std::string_view id =
      std::string_view(request.facts.principal_id).substr(0, request.facts.principal_id.find(':'));
  if (role->at("RoleId") != id)
    return cannot(fmt::format("the session is not of the role {} that is there now", name));
  Plan plan{.subject_id = name, .protected_by = {}, .steps = {}};
  plan.protected_by = request.protection.of_role(role->at("Path"), name);
  if (plan.protected_by.empty()) plan.protected_by = request.protection.of_name({name, role->at("Arn")});
  if (request.self.arn.contains(fmt::format(":assumed-role/{}/", name)))
    plan.protected_by = "it is the role that picket calls with";
  plan.steps.push_back({.kind = "role_policy",
                        .resource = fmt::format("policy {} of role {}", revoke_policy_name, name),
                        .where = {{"role", name}, {"last_seen", std::to_string(request.facts.last_seen)}},
                        .before = {},
                        .after = revoke_policy(request.now),
                        .note = "sessions that began before that time may do nothing more"});
  return plan;
}

// ---- block_public_bucket

Result<Plan> plan_buckets(const PlanRequest& request, Hands&) {
  std::vector<std::string> buckets = request.facts.buckets;
  std::ranges::sort(buckets);
  buckets.erase(std::ranges::unique(buckets).begin(), buckets.end());
  Plan plan{.subject_id = fmt::format("{}", fmt::join(buckets, ", ")), .protected_by = {}, .steps = {}};
  for (const std::string& bucket : buckets) {
    if (plan.protected_by.empty())
      plan.protected_by = request.protection.of_name({bucket, "arn:aws:s3:::" + bucket});
    plan.steps.push_back({.kind = "public_access_block",
                          .resource = bucket,
                          .where = {{"bucket", bucket}},
                          .before = {},
                          .after = std::string(public_access_blocked),
                          .note = {}});
  }
  return plan;
}

// ---- quarantine_service_account

Result<Plan> plan_service_account(const PlanRequest& request, Hands& hands) {
  const auto account = parse_service_account(request.facts.kubernetes_user);
  if (hands.cluster == nullptr)
    return cannot(fmt::format("no [[respond.cluster]] has the name {}", request.facts.cluster));
  Plan plan{.subject_id = request.facts.kubernetes_user, .protected_by = {}, .steps = {}};
  plan.protected_by = request.protection.of_name(
      {request.facts.kubernetes_user, fmt::format("{}/{}", account->name_space, account->name)});
  if (account->name_space == "kube-system")
    plan.protected_by = "the cluster itself works with it (kube-system)";
  const auto bindings = bindings_of(*hands.cluster, *account);
  if (!bindings) return std::unexpected(bindings.error());
  for (const Binding& binding : *bindings) {
    plan.steps.push_back({.kind = "binding_subjects",
                          .resource = binding.label,
                          .where = {{"path", binding.path}, {"cluster", hands.cluster->name()}},
                          .before = {},
                          .after = binding.without,
                          .note = "its tokens lose " + binding.role});
  }
  return plan;
}

// ---- block_address

// The entry's number: of one that denies the address already, else the highest free one before every allow.
Result<int> rule_number(const aws::Xml& acl, bool egress, const std::string& cidr) {
  constexpr int last = 32766;
  int first_allow = last + 1, known = 0;
  std::set<int> taken;
  for (const aws::Xml* entry : acl.all("entrySet/item")) {
    if ((entry->at("egress") == "true") != egress) continue;
    int number = 0;
    const std::string_view digits = entry->at("ruleNumber");
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    taken.insert(number);
    if (entry->at("ruleAction") == "allow") first_allow = std::min(first_allow, number);
    if (entry->at("ruleAction") == "deny" && entry->at("protocol") == "-1" &&
        (entry->at("cidrBlock") == cidr || entry->at("ipv6CidrBlock") == cidr))
      known = known == 0 ? number : std::min(known, number);
  }
  if (known != 0 && known < first_allow) return known;
  for (int number = first_allow - 1; number >= 1; --number)
    if (!taken.contains(number)) return number;
  return cannot(
      fmt::format("network ACL {} has no free rule number before its first allow", acl.at("networkAclId")));
}

// Whether the address is one of the account's own in this Region.
Result<bool> is_own(Hands& hands, const IpAddress& address) {
  const auto answer = hands.aws.ec2(
      "DescribeNetworkInterfaces",
      {{"Filter.1.Name", address.is_v4() ? "association.public-ip" : "ipv6-addresses.ipv6-address"},
       {"Filter.1.Value.1", address.to_string()}});
  if (!answer) return std::unexpected(answer.error());
  if (answer->find("networkInterfaceSet/item") != nullptr) return true;
  if (!address.is_v4()) return false;
  // An address that is kept but lent to nothing now, and those of NAT gateways.
  const auto addresses = hands.aws.ec2(
      "DescribeAddresses", {{"Filter.1.Name", "public-ip"}, {"Filter.1.Value.1", address.to_string()}});
  if (!addresses) return std::unexpected(addresses.error());
  return addresses->find("addressesSet/item") != nullptr;
}

Result<void> add_acl_steps(const PlanRequest& request, Hands& hands, const std::string& cidr, Plan& plan) {
  for (const std::string& id : request.keys.network_acls) {
    const auto answer = hands.aws.ec2("DescribeNetworkAcls", {{"NetworkAclId.1", id}});
    if (!answer) return std::unexpected(answer.error());
    const aws::Xml* acl = answer->find("networkAclSet/item");
    if (acl == nullptr) return fail(ErrorKind::not_found, "there is no such network ACL", id);
    for (const bool egress : {false, true}) {
      const auto number = rule_number(*acl, egress, cidr);
      if (!number) return std::unexpected(number.error());
      plan.steps.push_back(
          {.kind = "network_acl_entry",
           .resource = fmt::format("{} {} rule {}", id, egress ? "egress" : "ingress", *number),
           .where = {{"acl", id},
                     {"egress", egress ? "true" : "false"},
                     {"rule", std::to_string(*number)},
                     {"cidr", cidr}},
           .before = {},
           .after = "deny " + cidr,
           .note = {}});
    }
  }
  return {};
}

Result<Plan> plan_address(const PlanRequest& request, Hands& hands) {
  const auto address = IpAddress::parse(request.facts.remote_address);
  Plan plan{.subject_id = address->to_string(), .protected_by = {}, .steps = {}};
  plan.protected_by = request.protection.of_address(*address);
  if (plan.protected_by.empty()) {
    const auto own = is_own(hands, *address);
    if (!own) return std::unexpected(own.error());
    if (*own) plan.protected_by = "it is an address of this account";
  }
  const std::string cidr = fmt::format("{}/{}", plan.subject_id, address->is_v4() ? 32 : 128);
  if (auto added = add_acl_steps(request, hands, cidr, plan); !added) return std::unexpected(added.error());
  if (!request.keys.ip_set.empty()) {
    const auto set = parse_ip_set_arn(request.keys.ip_set);
    if (!set) return std::unexpected(set.error());
    plan.steps.push_back(
        {.kind = "ip_set_member",
         .resource = fmt::format("IP set {}", set->name),
         .where = {{"name", set->name}, {"id", set->id}, {"scope", set->scope}, {"cidr", cidr}},
         .before = {},
         .after = "present",
         .note = {}});
  }
  return plan;
}

}  // namespace

Subject subject_of(std::string_view action) {
  if (action == "isolate_instance") return Subject::instance;
  if (action == "disable_access_key") return Subject::access_key;
  if (action == "revoke_role_sessions") return Subject::role;
  if (action == "block_public_bucket") return Subject::bucket;
  if (action == "quarantine_service_account") return Subject::service_account;
  return Subject::address;
}

Result<std::string> subject_id_of(std::string_view action, const FindingFacts& facts) {
  switch (subject_of(action)) {
    case Subject::instance:
      if (facts.instance_id.empty()) return cannot("the finding names no instance");
      return facts.instance_id;
    case Subject::access_key:
      if (facts.access_key_id.empty()) return cannot("the finding names no access key");
      if (facts.user_type == "Root") return cannot("keys of the root user can only be disabled by itself");
      if (facts.user_type != "IAMUser" || facts.access_key_id.starts_with("ASIA"))
        return cannot("keys of sessions cannot be disabled: revoke the role's sessions");
      return facts.access_key_id;
    case Subject::role:
      if (facts.user_type != "AssumedRole" || facts.user_name.empty())
        return cannot("the finding is not about a role's session");
      return facts.user_name;
    case Subject::bucket:
      if (facts.buckets.empty()) return cannot("the finding names no bucket");
      return fmt::format("{}", fmt::join(facts.buckets, ", "));
    case Subject::service_account:
      if (!parse_service_account(facts.kubernetes_user))
        return cannot("the finding names no service account");
      return facts.kubernetes_user;
    case Subject::address:
      if (!IpAddress::parse(facts.remote_address)) return cannot("the finding names no remote address");
      return facts.remote_address;
  }
  return cannot("no such action");
}

Result<Plan> make_plan(const PlanRequest& request, Hands& hands) {
  switch (subject_of(request.keys.action)) {
    case Subject::instance:
      return plan_isolation(request, hands);
    case Subject::access_key:
      return plan_key(request, hands);
    case Subject::role:
      return plan_role(request, hands);
    case Subject::bucket:
      return plan_buckets(request, hands);
    case Subject::service_account:
      return plan_service_account(request, hands);
    case Subject::address:
      return plan_address(request, hands);
  }
  return cannot("no such action");
}

}  // namespace picket::playbook
