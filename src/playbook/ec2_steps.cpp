// Steps in EC2 and Auto Scaling: snapshots, scaling groups, security groups, network ACLs.
#include <fmt/format.h>

#include <algorithm>

#include "playbook/steps.h"

namespace picket::playbook {

namespace {

constexpr std::string_view isolation_group = "picket-isolation", untracking_group = "picket-untracking";
constexpr std::string_view run_tag = "picket:run";

const std::string& where(const Step& step, const char* name) {
  static const std::string none;
  const auto found = step.where.find(name);
  return found == step.where.end() ? none : found->second;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Result<void> done(const Result<aws::Xml>& answer) {
  if (!answer) return std::unexpected(answer.error());
  return {};
}

// ---- snapshots of an instance's volumes: their ids, "" before there are any

Result<std::string> read_snapshots(Hands& hands, const Step&) {
  const auto answer = hands.aws.ec2("DescribeSnapshots", {{"Filter.1.Name", fmt::format("tag:{}", run_tag)},
                                                          {"Filter.1.Value.1", hands.run}});
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::string> ids;
  for (const aws::Xml* item : answer->all("snapshotSet/item")) ids.emplace_back(item->at("snapshotId"));
  std::ranges::sort(ids);
  return fmt::format("{}", fmt::join(ids, ","));
}

Result<void> write_snapshots(Hands& hands, const Step& step, const std::string&, const std::string&) {
  return done(
      hands.aws.ec2("CreateSnapshots",
                    {{"InstanceSpecification.InstanceId", where(step, "instance")},
                     {"Description", fmt::format("picket: {} before its isolation", where(step, "instance"))},
                     {"TagSpecification.1.ResourceType", "snapshot"},
                     {"TagSpecification.1.Tag.1.Key", std::string(run_tag)},
                     {"TagSpecification.1.Tag.1.Value", hands.run},
                     {"TagSpecification.1.Tag.2.Key", "picket:instance"},
                     {"TagSpecification.1.Tag.2.Value", where(step, "instance")}}));
}

bool snapshots_there(const Step&, const std::string& state) { return !state.empty(); }

// ---- the scaling group an instance is in: its name, or ""

Result<std::string> read_scaling_group(Hands& hands, const Step& step) {
  const auto answer = hands.aws.autoscaling("DescribeAutoScalingInstances",
                                            {{"InstanceIds.member.1", where(step, "instance")}});
  if (!answer) return std::unexpected(answer.error());
  const aws::Xml* member = answer->find("DescribeAutoScalingInstancesResult/AutoScalingInstances/member");
  if (member == nullptr || member->at("LifecycleState").starts_with("Detach")) return std::string();
  return std::string(member->at("AutoScalingGroupName"));
}

// The group keeps its capacity, so it starts another instance in its place.
Result<void> write_scaling_group(Hands& hands, const Step& step, const std::string& from,
                                 const std::string& to) {
  const Parameters instance{{"InstanceIds.member.1", where(step, "instance")},
                            {"AutoScalingGroupName", to.empty() ? from : to}};
  if (!to.empty()) return done(hands.aws.autoscaling("AttachInstances", instance));
  Parameters detach = instance;
  detach.emplace_back("ShouldDecrementDesiredCapacity", "false");
  return done(hands.aws.autoscaling("DetachInstances", detach));
}

// ---- security groups of an interface: "sg-1,sg-2", or "isolated"

struct Group {
  std::string id;
  std::size_t ingress = 0, egress = 0;  // rules
  bool egress_v6 = false;
};

Result<std::optional<Group>> find_group(Hands& hands, const std::string& vpc, std::string_view name) {
  const auto answer = hands.aws.ec2("DescribeSecurityGroups", {{"Filter.1.Name", "vpc-id"},
                                                               {"Filter.1.Value.1", vpc},
                                                               {"Filter.2.Name", "group-name"},
                                                               {"Filter.2.Value.1", std::string(name)}});
  if (!answer) return std::unexpected(answer.error());
  const aws::Xml* item = answer->find("securityGroupInfo/item");
  if (item == nullptr) return std::nullopt;
  return Group{std::string(item->at("groupId")), item->all("ipPermissions/item").size(),
               item->all("ipPermissionsEgress/item").size(),
               item->find("ipPermissionsEgress/item/ipv6Ranges/item") != nullptr};
}

Result<std::string> make_group(Hands& hands, const std::string& vpc, std::string_view name,
                               std::string_view description) {
  const auto made = hands.aws.ec2(
      "CreateSecurityGroup",
      {{"GroupName", std::string(name)}, {"GroupDescription", std::string(description)}, {"VpcId", vpc}});
  if (!made) return std::unexpected(made.error());
  return std::string(made->at("groupId"));
}

// Every protocol from and to everywhere.
Parameters everything(const std::string& group, bool v6) {
  Parameters rule{{"GroupId", group},
                  {"IpPermissions.1.IpProtocol", "-1"},
                  {"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}};
  if (v6) rule.emplace_back("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "::/0");
  return rule;
}

// The group that lets nothing through. One that has rules is somebody else's, or was tampered with.
Result<std::string> isolation_group_of(Hands& hands, const std::string& vpc) {
  auto found = find_group(hands, vpc, isolation_group);
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    if (auto made = make_group(hands, vpc, isolation_group, "picket: lets nothing in or out"); !made)
      return made;
    if (found = find_group(hands, vpc, isolation_group); !found) return std::unexpected(found.error());
    if (!*found) return fail(ErrorKind::io, "the new security group is not there yet", vpc);
  }
  // A new group lets everything out; a crash may have left one so.
  if ((*found)->ingress == 0 && (*found)->egress == 1) {
    if (auto revoked =
            hands.aws.ec2("RevokeSecurityGroupEgress", everything((*found)->id, (*found)->egress_v6));
        revoked || revoked.error().kind == ErrorKind::not_found) {
      if (found = find_group(hands, vpc, isolation_group); !found) return std::unexpected(found.error());
    } else {
      return std::unexpected(revoked.error());
    }
  }
  if (!*found || (*found)->ingress != 0 || (*found)->egress != 0)
    return fail(ErrorKind::conflict, fmt::format("the security group {} of {} has rules: somebody changed it",
                                                 isolation_group, vpc));
  return (*found)->id;
}

// The group under which connections are not tracked: everything may pass both ways.
Result<std::string> untracking_group_of(Hands& hands, const std::string& vpc) {
  auto found = find_group(hands, vpc, untracking_group);
  if (!found) return std::unexpected(found.error());
  std::string id;
  if (*found) {
    id = (*found)->id;
  } else {
    auto made = make_group(hands, vpc, untracking_group, "picket: for a moment, so that connections are cut");
    if (!made) return made;
    id = *made;
  }
  if (!*found || (*found)->ingress == 0) {
    if (const auto opened = hands.aws.ec2("AuthorizeSecurityGroupIngress", everything(id, true)); !opened)
      return std::unexpected(opened.error());
  }
  return id;
}

Result<std::string> read_groups(Hands& hands, const Step& step) {
  const auto answer =
      hands.aws.ec2("DescribeNetworkInterfaces", {{"NetworkInterfaceId.1", where(step, "interface")}});
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::string> ids;
  std::string name;
  for (const aws::Xml* item : answer->all("networkInterfaceSet/item/groupSet/item")) {
    ids.emplace_back(item->at("groupId"));
    name = item->at("groupName");
  }
  if (ids.size() == 1 && (name == isolation_group || name == untracking_group)) {
    if (name == untracking_group) return std::string("untracking");
    const auto group = find_group(hands, where(step, "vpc"), isolation_group);
    if (!group) return std::unexpected(group.error());
    if (*group && (*group)->id == ids.front() && (*group)->ingress == 0 && (*group)->egress == 0)
      return std::string(isolated_groups);
  }
  std::ranges::sort(ids);
  return fmt::format("{}", fmt::join(ids, ","));
}

Result<void> set_groups(Hands& hands, const Step& step, const std::vector<std::string>& groups) {
  Parameters parameters{{"NetworkInterfaceId", where(step, "interface")}};
  for (std::size_t at = 0; at < groups.size(); ++at)
    parameters.emplace_back(fmt::format("SecurityGroupId.{}", at + 1), groups[at]);
  return done(hands.aws.ec2("ModifyNetworkInterfaceAttribute", parameters));
}

// A connection that is tracked survives the change of its security groups. So that it is cut, it is made
// untracked first: under a group that lets everything pass, for the moment between two calls.
Result<void> write_groups(Hands& hands, const Step& step, const std::string&, const std::string& to) {
  if (to != isolated_groups) return set_groups(hands, step, split(to));
  const auto isolation = isolation_group_of(hands, where(step, "vpc"));
  if (!isolation) return std::unexpected(isolation.error());
  const auto untracking = untracking_group_of(hands, where(step, "vpc"));
  if (!untracking) return std::unexpected(untracking.error());
  if (auto opened = set_groups(hands, step, {*untracking}); !opened) return opened;
  return set_groups(hands, step, {*isolation});
}

bool groups_pass(const std::string& state) { return state == "untracking"; }

// ---- an entry of a network ACL under a rule number: "deny 203.0.113.7/32", or "none"

std::string_view block_name(const std::string& cidr) {
  return cidr.contains(':') ? "Ipv6CidrBlock" : "CidrBlock";
}

Result<std::string> read_acl_entry(Hands& hands, const Step& step) {
  const auto answer = hands.aws.ec2("DescribeNetworkAcls", {{"NetworkAclId.1", where(step, "acl")}});
  if (!answer) return std::unexpected(answer.error());
  const std::string& egress = where(step, "egress");
  for (const aws::Xml* entry : answer->all("networkAclSet/item/entrySet/item")) {
    if (entry->at("ruleNumber") != where(step, "rule") || entry->at("egress") != egress) continue;
    const std::string_view v4 = entry->at("cidrBlock");
    return fmt::format(
        "{} {}{}", entry->at("ruleAction"), v4.empty() ? entry->at("ipv6CidrBlock") : v4,
        entry->at("protocol") == "-1" ? "" : fmt::format(" protocol {}", entry->at("protocol")));
  }
  return std::string("none");
}

Result<void> write_acl_entry(Hands& hands, const Step& step, const std::string& from, const std::string& to) {
  Parameters parameters{{"NetworkAclId", where(step, "acl")},
                        {"RuleNumber", where(step, "rule")},
                        {"Egress", where(step, "egress")}};
  if (to == "none") return done(hands.aws.ec2("DeleteNetworkAclEntry", parameters));
  if (from != "none") return fail(ErrorKind::conflict, "the rule number is taken", where(step, "acl"));
  const std::string& cidr = where(step, "cidr");
  parameters.emplace_back("Protocol", "-1");
  parameters.emplace_back("RuleAction", "deny");
  parameters.emplace_back(block_name(cidr), cidr);
  return done(hands.aws.ec2("CreateNetworkAclEntry", parameters));
}

constexpr StepKind kinds[] = {
    {"snapshots", read_snapshots, write_snapshots, snapshots_there, nullptr, true},
    {"scaling_group", read_scaling_group, write_scaling_group},
    {"interface_groups", read_groups, write_groups, nullptr, groups_pass},
    {"network_acl_entry", read_acl_entry, write_acl_entry},
};

}  // namespace

std::span<const StepKind> ec2_steps() { return kinds; }

}  // namespace picket::playbook
