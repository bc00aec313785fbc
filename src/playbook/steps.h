// The kinds of steps: how the state of a thing is read, and how it is changed.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "playbook/aws_session.h"
#include "playbook/kubernetes.h"
#include "playbook/run.h"

namespace picket::playbook {

// With what a step works.
struct Hands {
  AwsSession& aws;
  const Cluster* cluster = nullptr;  // of steps in Kubernetes
  std::string run;                   // its id, which tags what is made
};

struct StepKind {
  std::string_view name;
  // The state now, in the kind's own notation.
  Result<std::string> (*read)(Hands& hands, const Step& step);
  // Moves it from the one state to the other. `conflict` when it is not in the first any more, as far as the
  // service can tell by itself.
  Result<void> (*write)(Hands& hands, const Step& step, const std::string& from, const std::string& to);
  // Whether a state is what the step is for; null: when it equals `after`.
  bool (*reached)(const Step& step, const std::string& state) = nullptr;
  // Whether a state is one that `write` passes through; null: none.
  bool (*passes)(const std::string& state) = nullptr;
  bool kept = false;  // what it makes stays when the run is undone

  bool is_reached(const Step& step, const std::string& state) const {
    return reached != nullptr ? reached(step, state) : state == step.after;
  }
};

std::span<const StepKind> ec2_steps();
std::span<const StepKind> iam_steps();
std::span<const StepKind> bucket_steps();
std::span<const StepKind> waf_steps();
std::span<const StepKind> kubernetes_steps();
// Null when there is no such kind.
const StepKind* find_step_kind(std::string_view name);

// What the steps of each file write, for plans.
constexpr std::string_view isolated_groups =
    "isolated";  // interface_groups: only picket's group without rules
constexpr std::string_view public_access_blocked =
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true";
constexpr std::string_view revoke_policy_name = "PicketRevokeOlderSessions";
// The inline policy that denies everything to sessions issued before `time`.
std::string revoke_policy(TimeMs time);
// That time of such a policy; 0 of others.
TimeMs revoked_before(std::string_view policy);

// A member of the set is "present" or "absent".
struct IpSetPlace {
  std::string name, id, scope;  // "REGIONAL" or "CLOUDFRONT"
};
// Of "arn:aws:wafv2:REGION:ACCOUNT:regional/ipset/NAME/ID".
Result<IpSetPlace> parse_ip_set_arn(std::string_view arn);

}  // namespace picket::playbook
