#include "state/call_aim.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <set>

#include "base/flat_map.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/text.h"
#include "event/principal.h"
#include "state/bucket_policy.h"

namespace picket {

namespace {

namespace dom = simdjson::dom;

// Of accounts that are let in, and of policies.
class Guests {
 public:
  explicit Guests(std::string_view own) : own_(own) {}
  // An account's number, an ARN, or a word for everybody.
  bool add(std::string_view whom) {
    if (whom == "*" || whom == "all" || whom.contains("/groups/global/AllUsers") ||
        whom.contains("/groups/global/AuthenticatedUsers")) {
      everybody_ = true;
    } else if (is_account_id(whom)) {
      if (whom != own_) accounts_.emplace(whom);
    } else if (whom.starts_with("arn:")) {
      for (int colons = 0; colons < 4 && !whom.empty(); ++colons)
        whom.remove_prefix(std::min(whom.find(':') + 1, whom.size()));
      add_account(whom.substr(0, whom.find(':')));
    }
    return false;
  }
  void add_policy(std::string_view policy) {
    const BucketPolicyVerdict verdict = evaluate_bucket_policy(policy);
    everybody_ |= verdict.lets_in_strangers();
    for (const std::string& account : verdict.accounts) add_account(account);
  }
  CallAim aim() const {
    if (everybody_) return {Aim::outsiders, {}};
    if (accounts_.empty()) return {Aim::ordinary, {}};
    CallAim made{Aim::outsiders, {}};
    for (const std::string& account : accounts_) {
      if (!made.accounts.empty()) made.accounts += ' ';
      made.accounts += account;
      if (made.accounts.size() >= text_max) break;
    }
    return made;
  }

 private:
  static constexpr std::size_t text_max = 128;
  void add_account(std::string_view account) {
    if (is_account_id(account) && account != own_) accounts_.emplace(account);
  }
  std::string_view own_;
  std::set<std::string> accounts_;
  bool everybody_ = false;
};

// Visits each item of an array that may stand alone, at `path`, or each in its "items" or "item".
template <class F>
void each_of(const std::optional<dom::element>& value, F visit) {
  if (!value) return;
  dom::array list;
  if (value->get(list) == simdjson::SUCCESS) {
    for (const dom::element one : list) visit(one);
    return;
  }
  for (const char* member : {"items", "item"}) {
    dom::element inner;
    if (value->is_object() && (*value)[member].get(inner) == simdjson::SUCCESS)
      return each_of({inner}, visit);
  }
  visit(*value);
}

std::string_view text_at(const dom::element& object, std::string_view member) {
  std::string_view text;
  if (!object.is_object() || object[member].get(text) != simdjson::SUCCESS) return {};
  return text;
}

bool has_star(const dom::element& statement, std::string_view member, bool rights) {
  dom::element value;
  return statement[member].get(value) == simdjson::SUCCESS && any_text(value, [&](std::string_view text) {
           // Whoever may do everything with identities may do everything.
           return text == "*" || text == "*:*" || (rights && lower(text) == "iam:*");
         });
}

CallAim when(bool grave, Aim aim) { return {grave ? aim : Aim::ordinary, {}}; }

// ---- by API: each reads the request's parameters ----

using Reader = CallAim (*)(const CloudTrailEvent&, const JsonDocument&);

std::string text_of(const JsonDocument& request, std::string_view path) {
  const auto value = request.at(path);
  return value ? scalar_text(*value).value_or("") : std::string();
}

CallAim managed_policy(const CloudTrailEvent&, const JsonDocument& request) {
  const std::string arn = text_of(request, "policyArn");
  return when(arn.ends_with(":aws:policy/AdministratorAccess") ||
                  arn.ends_with(":aws:policy/IAMFullAccess") || arn.ends_with("/AmazonEKSClusterAdminPolicy"),
              Aim::all_rights);
}

CallAim rights_policy(const CloudTrailEvent&, const JsonDocument& request) {
  return when(allows_everything(text_of(request, "policyDocument")), Aim::all_rights);
}

// A policy that stands in the request as text or as JSON.
std::string policy_text(const dom::element& policy) {
  std::string_view text;
  return policy.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(policy);
}

// A policy of a role or thing, under the name that its service gives it.
CallAim guests_of_policy(const CloudTrailEvent& event, const JsonDocument& request) {
  Guests guests(event_account(event));
  for (const char* member : {"assumeRolePolicyDocument", "policyDocument", "bucketPolicy", "resourcePolicy",
                             "policy", "policyText"}) {
    const auto value = request.at(member);
    if (!value) continue;
    guests.add_policy(policy_text(*value));
  }
  return guests.aim();
}

// Whether a policy shuts people out, and not only their plain or unencrypted requests.
bool shuts_out(const JsonDocument& policy) {
  bool shuts = false;
  each_of(policy.at("Statement"), [&](const dom::element& statement) {
    if (text_at(statement, "Effect") != "Deny") return;
    dom::object condition;
    const bool of_requests = statement["Condition"].get(condition) == simdjson::SUCCESS &&
                             std::ranges::all_of(condition, [](const dom::key_value_pair& test) {
                               dom::object keys;
                               return test.value.get(keys) == simdjson::SUCCESS &&
                                      std::ranges::all_of(keys, [](const dom::key_value_pair& one) {
                                        const std::string key = lower(one.key);
                                        return key == "aws:securetransport" || key == "s3:tlsversion" ||
                                               key.starts_with("s3:x-amz-server-side-encryption");
                                      });
                             });
    shuts |= !of_requests;
  });
  return shuts;
}

CallAim bucket_policy(const CloudTrailEvent& event, const JsonDocument& request) {
  const CallAim aim = guests_of_policy(event, request);
  const auto policy = request.at("bucketPolicy");
  if (aim.aim != Aim::ordinary || !policy) return aim;
  const std::string text = policy_text(*policy);
  const JsonDocument document(text);
  return {document.at("Statement") && !shuts_out(document) ? Aim::harmless : Aim::ordinary, {}};
}

// Who may use an image, a snapshot, a document.
CallAim guests_of_share(const CloudTrailEvent& event, const JsonDocument& request) {
  Guests guests(event_account(event));
  for (const char* list : {"launchPermission.add", "createVolumePermission.add"}) {
    each_of(request.at(list), [&](const dom::element& one) {
      guests.add(text_at(one, "userId"));
      guests.add(text_at(one, "group"));
    });
  }
  for (const char* list : {"valuesToAdd", "accountIdsToAdd"})
    if (const auto values = request.at(list))
      any_text(*values, [&](std::string_view whom) { return guests.add(whom); });
  return guests.aim();
}

CallAim guests_of_function(const CloudTrailEvent& event, const JsonDocument& request) {
  Guests guests(event_account(event));
  guests.add(text_of(request, "principal"));
  if (text_of(request, "authType") == "NONE" || text_of(request, "functionUrlAuthType") == "NONE")
    guests.add("*");
  return guests.aim();
}

// Code that another account keeps.
CallAim layers_of_function(const CloudTrailEvent& event, const JsonDocument& request) {
  Guests guests(event_account(event));
  if (const auto layers = request.at("layers"))
    any_text(*layers, [&](std::string_view arn) { return guests.add(arn); });
  return guests.aim();
}

CallAim bucket_acl(const CloudTrailEvent& event, const JsonDocument& request) {
  Guests guests(event_account(event));
  if (const std::string canned = text_of(request, "x-amz-acl");
      canned.starts_with("public-") || canned == "authenticated-read")
    guests.add("*");
  each_of(request.at("AccessControlPolicy.AccessControlList.Grant"), [&](const dom::element& grant) {
    dom::element grantee;
    if (grant.is_object() && grant["Grantee"].get(grantee) == simdjson::SUCCESS)
      guests.add(text_at(grantee, "URI"));
  });
  return guests.aim();
}

CallAim public_access_block(const CloudTrailEvent&, const JsonDocument& request) {
  const bool open = std::ranges::any_of(
      std::initializer_list<const char*>{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                         "RestrictPublicBuckets"},
      [&](const char* member) {
        return text_of(request, std::string("PublicAccessBlockConfiguration.") + member) == "false";
      });
  return {open ? Aim::outsiders : Aim::harmless, {}};
}

CallAim versioning(const CloudTrailEvent&, const JsonDocument& request) {
  return when(text_of(request, "VersioningConfiguration.Status") == "Suspended", Aim::unguarded);
}

// AWS's custom detection rule takes three days for a wipe.
CallAim expiry(const CloudTrailEvent&, const JsonDocument& request) {
  constexpr std::int64_t days_of_wipe = 3;
  bool soon = false;
  each_of(request.at("LifecycleConfiguration.Rule"), [&](const dom::element& rule) {
    std::int64_t days = 0;
    soon |= text_at(rule, "Status") != "Disabled" &&
            rule.at_pointer("/Expiration/Days").get(days) == simdjson::SUCCESS && days <= days_of_wipe;
  });
  return when(soon, Aim::unguarded);
}

CallAim ingress(const CloudTrailEvent&, const JsonDocument& request) {
  // What the Web is served on is open by nature.
  const auto serves_web = [](const dom::element& rule) {
    std::int64_t from = 0, to = 0;
    return rule["fromPort"].get(from) == simdjson::SUCCESS && rule["toPort"].get(to) == simdjson::SUCCESS &&
           from == to && (from == 80 || from == 443);
  };
  bool open = false;
  const auto look = [&](const dom::element& rule) {
    if (!rule.is_object() || serves_web(rule)) return;
    for (const char* member : {"cidrIp", "cidrIpv6"}) {
      const auto prefix = IpPrefix::parse(text_at(rule, member));
      // As AWS's custom detection rule says of wide ranges.
      constexpr unsigned wide = 8;
      open |= prefix && prefix->length < wide;
    }
  };
  if (const auto root = request.root()) look(*root);
  each_of(request.at("ipPermissions"), [&](const dom::element& rule) {
    if (!rule.is_object() || serves_web(rule)) return;
    for (const char* ranges : {"ipRanges", "ipv6Ranges"}) {
      dom::element inner;
      if (rule[ranges].get(inner) == simdjson::SUCCESS) each_of({inner}, look);
    }
  });
  return when(open, Aim::exposure);
}

CallAim instance_attribute(const CloudTrailEvent&, const JsonDocument& request) {
  return when(request.at("userData").has_value() || text_of(request, "attribute") == "userData",
              Aim::takeover);
}

CallAim database(const CloudTrailEvent&, const JsonDocument& request) {
  if (request.at("masterUserPassword")) return {Aim::takeover, {}};
  return when(text_of(request, "publiclyAccessible") == "true", Aim::exposure);
}

CallAim database_gone(const CloudTrailEvent&, const JsonDocument& request) {
  return when(text_of(request, "skipFinalSnapshot") == "true", Aim::unguarded);
}

// Whoever sets up a colleague has the first password changed at once.
CallAim login_profile(const CloudTrailEvent& event, const JsonDocument& request) {
  const bool own = text_of(request, "userName") == event.user_identity.user_name;
  return when(!own && text_of(request, "passwordResetRequired") != "true", Aim::takeover);
}

CallAim detector_off(const CloudTrailEvent&, const JsonDocument& request) {
  return when(text_of(request, "enable") == "false", Aim::unguarded);
}

// Passwords that are long, or of all kinds of characters, weaken nothing.
CallAim password_policy(const CloudTrailEvent&, const JsonDocument& request) {
  std::int64_t length = 0;
  const auto value = request.at("minimumPasswordLength");
  if (!value || value->get(length) != simdjson::SUCCESS) return {};
  constexpr std::int64_t long_enough = 14, least = 8;  // as Stealth:IAMUser/PasswordPolicyChange has it
  const bool all_kinds = std::ranges::all_of(
      std::initializer_list<const char*>{"requireSymbols", "requireNumbers", "requireUppercaseCharacters",
                                         "requireLowercaseCharacters"},
      [&](const char* member) { return text_of(request, member) == "true"; });
  return {length >= long_enough || (length >= least && all_kinds) ? Aim::harmless : Aim::untold, {}};
}

// A trail that records no less than before, whatever it was: nothing is switched off, and its bucket stays.
CallAim trail(const CloudTrailEvent&, const JsonDocument& request) {
  for (const char* member : {"includeGlobalServiceEvents", "isMultiRegionTrail", "enableLogFileValidation",
                             "isOrganizationTrail"}) {
    if (text_of(request, member) == "false") return {};
  }
  // Another's bucket or key takes the log away from its readers.
  return {request.at("s3BucketName") || request.at("kmsKeyId") ? Aim::untold : Aim::harmless, {}};
}

// All management events.
CallAim event_selectors(const CloudTrailEvent&, const JsonDocument& request) {
  CallAim aim;
  each_of(request.at("eventSelectors"), [&](const dom::element& selector) {
    if (text_at(selector, "readWriteType") != "All" || !selector.is_object()) return;
    bool management = false;
    dom::array left_out;
    const bool leaves_out = selector["excludeManagementEventSources"].get(left_out) == simdjson::SUCCESS &&
                            left_out.begin() != left_out.end();
    if (selector["includeManagementEvents"].get(management) == simdjson::SUCCESS && management && !leaves_out)
      aim = {Aim::harmless, {}};
  });
  return aim;
}

CallAim bucket_logging(const CloudTrailEvent&, const JsonDocument& request) {
  return {request.at("BucketLoggingStatus.LoggingEnabled") ? Aim::harmless : Aim::untold, {}};
}

// Encrypted under a key that only the caller has: nobody else reads the object any more.
CallAim customer_key(const CloudTrailEvent& event, const JsonDocument&) {
  return event.request_parameters.mentions("x-amz-server-side-encryption-customer-algorithm")
             ? CallAim{Aim::unguarded, {}}
             : CallAim{};
}

struct Told {
  std::string_view event_source, api;
  Reader read;
};
constexpr std::string_view iam = "iam.amazonaws.com", ec2 = "ec2.amazonaws.com", rds = "rds.amazonaws.com",
                           s3 = "s3.amazonaws.com", lambda = "lambda.amazonaws.com";
constexpr std::array told_apis{
    Told{iam, "AttachUserPolicy", managed_policy},
    Told{iam, "AttachRolePolicy", managed_policy},
    Told{iam, "AttachGroupPolicy", managed_policy},
    Told{"eks.amazonaws.com", "AssociateAccessPolicy", managed_policy},
    Told{iam, "PutUserPolicy", rights_policy},
    Told{iam, "PutRolePolicy", rights_policy},
    Told{iam, "PutGroupPolicy", rights_policy},
    Told{iam, "CreatePolicy", rights_policy},
    Told{iam, "CreatePolicyVersion", rights_policy},
    Told{iam, "CreateRole", guests_of_policy},
    Told{iam, "UpdateAssumeRolePolicy", guests_of_policy},
    Told{s3, "PutBucketPolicy", bucket_policy},
    Told{"kms.amazonaws.com", "PutKeyPolicy", guests_of_policy},
    Told{"secretsmanager.amazonaws.com", "PutResourcePolicy", guests_of_policy},
    Told{"ecr.amazonaws.com", "SetRepositoryPolicy", guests_of_policy},
    Told{ec2, "ModifyImageAttribute", guests_of_share},
    Told{ec2, "ModifySnapshotAttribute", guests_of_share},
    Told{rds, "ModifyDBSnapshotAttribute", guests_of_share},
    Told{rds, "ModifyDBClusterSnapshotAttribute", guests_of_share},
    Told{"ssm.amazonaws.com", "ModifyDocumentPermission", guests_of_share},
    Told{lambda, "AddPermission", guests_of_function},
    Told{lambda, "AddLayerVersionPermission", guests_of_function},
    Told{lambda, "CreateFunctionUrlConfig", guests_of_function},
    Told{lambda, "UpdateFunctionUrlConfig", guests_of_function},
    Told{lambda, "UpdateFunctionConfiguration", layers_of_function},
    Told{s3, "PutBucketAcl", bucket_acl},
    Told{s3, "PutObjectAcl", bucket_acl},
    Told{s3, "PutBucketPublicAccessBlock", public_access_block},
    Told{s3, "PutBucketVersioning", versioning},
    Told{s3, "PutBucketLifecycle", expiry},
    Told{s3, "PutBucketLifecycleConfiguration", expiry},
    Told{s3, "PutObject", customer_key},
    Told{s3, "CopyObject", customer_key},
    Told{ec2, "AuthorizeSecurityGroupIngress", ingress},
    Told{ec2, "ModifyInstanceAttribute", instance_attribute},
    Told{rds, "ModifyDBInstance", database},
    Told{rds, "ModifyDBCluster", database},
    Told{rds, "DeleteDBInstance", database_gone},
    Told{rds, "DeleteDBCluster", database_gone},
    Told{iam, "CreateLoginProfile", login_profile},
    Told{iam, "UpdateLoginProfile", login_profile},
    Told{"guardduty.amazonaws.com", "UpdateDetector", detector_off},
    Told{iam, "UpdateAccountPasswordPolicy", password_policy},
    Told{"cloudtrail.amazonaws.com", "UpdateTrail", trail},
    Told{"cloudtrail.amazonaws.com", "PutEventSelectors", event_selectors},
    Told{s3, "PutBucketLogging", bucket_logging},
};

Reader reader_of(std::string_view event_source, std::string_view api) {
  static const FlatMap<std::uint64_t, Reader> readers = [] {
    FlatMap<std::uint64_t, Reader> made;
    for (const Told& told : told_apis)
      made.try_emplace(hash64(told.api, hash64(told.event_source)), told.read);
    return made;
  }();
  const auto at = readers.find(hash64(api, hash64(event_source)));
  return at == readers.end() ? nullptr : at->second;
}

}  // namespace

std::string_view name_of(Aim aim) {
  constexpr std::array<std::string_view, aim_kinds> names{"",
                                                          "",
                                                          "",
                                                          "lets in outsiders",
                                                          "grants all rights",
                                                          "opens to the Internet",
                                                          "gives up what guards",
                                                          "takes over"};
  return names[static_cast<std::size_t>(aim)];
}

bool tells_aim(std::string_view event_source, std::string_view api) {
  return reader_of(event_source, api) != nullptr;
}

CallAim aim_of(const CloudTrailEvent& event) {
  const Reader read = reader_of(event.event_source, api_name(event.event_name));
  if (read == nullptr || event.request_parameters.absent()) return {};
  if (read == customer_key) return customer_key(event, JsonDocument(std::string_view()));
  const JsonDocument request = event.request_parameters.parse();
  return request.root() ? read(event, request) : CallAim{};
}

unsigned weight_of(const ApiTactic& api, Aim aim) {
  constexpr unsigned grave = 2, ordinary = 2;
  if (is_grave(aim)) return api.weight_bits + grave;
  if (aim == Aim::harmless) return 0;
  return aim == Aim::ordinary ? std::max(1U, api.weight_bits - std::min<unsigned>(api.weight_bits, ordinary))
                              : api.weight_bits;
}

bool allows_everything(std::string_view policy) {
  const JsonDocument document(policy);
  bool everything = false;
  each_of(document.at("Statement"), [&](const dom::element& statement) {
    everything |= text_at(statement, "Effect") == "Allow" && has_star(statement, "Action", true) &&
                  has_star(statement, "Resource", false);
  });
  return everything;
}

}  // namespace picket
