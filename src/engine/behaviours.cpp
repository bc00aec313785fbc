#include "engine/behaviours.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/lineage.h"
#include "engine/subject.h"
#include "event/audit_stage.h"
#include "event/principal.h"
#include "state/pod_command.h"

namespace picket {

namespace {

// About 4 MB a worker; then they begin anew, and what is still done is sent once more.
constexpr std::size_t known_max = 100'000;

// The member of requestParameters that names on what a call acts, where it is told by that.
struct ResourceMember {
  std::string_view event_source, member;
};
constexpr std::array<ResourceMember, 6> resource_members{{{"s3.amazonaws.com", "bucketName"},
                                                          {"secretsmanager.amazonaws.com", "secretId"},
                                                          {"dynamodb.amazonaws.com", "tableName"},
                                                          {"lambda.amazonaws.com", "functionName"},
                                                          {"bedrock.amazonaws.com", "modelId"},
                                                          {"sagemaker.amazonaws.com", "endpointName"}}};

std::string_view resource_of(const CloudTrailEvent& event) {
  for (const ResourceMember& known : resource_members) {
    if (known.event_source == event.event_source)
      return plain_member(event.request_parameters.text(), known.member);
  }
  return {};
}

// What tells one way of calling from another, as it stands in the record.
std::uint64_t call_hash(const CloudTrailEvent& event, std::string_view resource, const CallAim& aim) {
  const UserIdentity& identity = event.user_identity;
  std::uint64_t hash =
      hash_mix(identity_hash(identity), static_cast<std::uint64_t>(event.event_time / day_ms));
  hash = hash64(event.event_name, hash);
  hash = hash64(event.event_source, hash);
  hash = hash64(event.user_agent, hash);
  hash = hash64(event.source_ip_address, hash);
  std::array<char, 16> few{};  // members of few and short values
  few[0] = identity.mfa_authenticated.empty() ? '-' : identity.mfa_authenticated.front();
  identity.access_key_id.substr(0, 4).copy(few.data() + 1, 4);
  few[5] = event.session_credential_from_console ? '1' : '0';
  few[6] = event.vpc_endpoint_id.empty() ? '0' : '1';
  hash = hash64({few.data(), few.size()}, hash);
  hash = hash64(event.recipient_account_id, hash);
  hash = hash64(event.aws_region, hash);
  if (!event.error_code.empty() || event.event_name == "ConsoleLogin")
    hash = hash64(event.error_code, hash_mix(hash, static_cast<std::uint64_t>(outcome(event))));
  if (aim.aim != Aim::untold)
    hash = hash64(aim.accounts, hash_mix(hash, static_cast<std::uint64_t>(aim.aim)));
  return resource.empty() ? hash : hash64(resource, hash);
}

bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f'); }

// "orders-handler-3f2a9c81" and "orders-handler-77d01be4" are made alike.
std::string alike(std::string_view name) {
  std::string made;
  for (std::size_t i = 0; i < name.size();) {
    std::size_t end = i;
    while (end < name.size() && hex(name[end])) ++end;
    const bool has_digit = std::any_of(name.begin() + static_cast<std::ptrdiff_t>(i),
                                       name.begin() + static_cast<std::ptrdiff_t>(end), digit);
    constexpr std::size_t identifier_min = 6;
    if (has_digit &&
        (end - i >= identifier_min || std::all_of(name.begin() + static_cast<std::ptrdiff_t>(i),
                                                  name.begin() + static_cast<std::ptrdiff_t>(end), digit))) {
      made += '#';
      i = end;
    } else {
      made += name[i++];
    }
  }
  return made;
}

std::string_view after_last(std::string_view text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

// "ASSUMED_ROLE", as GuardDuty's profiles say.
std::string_view user_type(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> names{
      {{"AssumedRole", "ASSUMED_ROLE"},
       {"IAMUser", "IAM_USER"},
       {"Root", "ROOT"},
       {"FederatedUser", "FEDERATED_USER"},
       {"AWSAccount", "AWS_ACCOUNT"},
       {"IdentityCenterUser", "IDENTITY_CENTER_USER"},
       {"SAMLUser", "SAML_USER"},
       {"WebIdentityUser", "WEB_IDENTITY_USER"},
       {"Role", "ROLE"},
       {"Directory", "DIRECTORY"}}};
  const auto* const at =
      std::ranges::find(names, type, &std::pair<std::string_view, std::string_view>::first);
  return at == names.end() ? std::string_view("UNKNOWN") : at->second;
}

std::string credential_of(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  std::string text(user_type(identity.type));
  if (event.session_credential_from_console || event.user_agent.starts_with("console.") ||
      event.user_agent.starts_with("signin.")) {
    text += " console";
  } else if (identity.access_key_id.starts_with("AKIA")) {
    text += " long-term key";
  } else if (identity.access_key_id.starts_with("ASIA")) {
    text += " session";
  }
  if (identity.mfa_authenticated == "true") text += " MFA";
  return text;
}

std::string source_of(const CloudTrailEvent& event) {
  if (!event.vpc_endpoint_id.empty()) return "VPC endpoint";
  if (event.source_ip) return "private address";
  return std::string(event.source_ip_address);
}

// An invocation of a model, by GuardDuty's list.
bool is_model_api(std::string_view event_source, std::string_view api) {
  if (event_source == "bedrock.amazonaws.com")
    return api.starts_with("InvokeModel") || api == "Converse" || api == "ConverseStream";
  if (event_source == "sagemaker.amazonaws.com") return api.starts_with("InvokeEndpoint");
  return event_source == "bedrock-mantle.amazonaws.com" && api == "CreateInference";
}

// Of the behaviour; addresses of one neighbourhood are one place.
std::uint64_t hash_of(const Behaviour& made, std::string_view principal, std::string_view service,
                      std::string_view api) {
  std::uint64_t hash = static_cast<std::uint64_t>(made.domain) + 1;
  if (made.remote_ip) {
    constexpr std::size_t v6_site_bytes = 6;
    const auto& bytes = made.remote_ip->bytes();
    hash = made.remote_ip->is_v4()
               ? hash_mix(hash, made.remote_ip->v4_value() >> 8U)
               : hash64({reinterpret_cast<const char*>(bytes.data()), v6_site_bytes}, hash);
  }
  for (const std::string_view part :
       {principal, std::string_view(made.account), service, api, std::string_view(made.call.service_name),
        std::string_view(made.source), std::string_view(made.client), std::string_view(made.credential),
        std::string_view(made.error), std::string_view(made.region), std::string_view(made.resource)})
    hash = hash64(part, hash_mix(hash, part.size()));
  if (made.aim.aim != Aim::untold)
    hash = hash64(made.aim.accounts, hash_mix(hash, static_cast<std::uint64_t>(made.aim.aim)));
  return hash_mix(hash, made.type.value_or(0xff));
}

CallTally tally_of(const CloudTrailEvent& event, std::string_view resource, const Principal& principal,
                   std::string client) {
  const UserIdentity& identity = event.user_identity;
  CallTally made;
  made.account = event_account(event);
  if (!principal.aws_service && !principal.anonymous) {
    made.principal = principal.key;
    if (identity.type == "AssumedRole") made.session = identity.arn;
    made.instance = instance_session(identity);
  }
  if (event.event_source == "s3.amazonaws.com") made.bucket = resource;
  if (event.source_ip && event.source_ip->is_public() && event.vpc_endpoint_id.empty()) {
    made.remote_ip = event.source_ip;
  } else {
    made.network = source_of(event);
  }
  made.call = event.event_source;
  (made.call += ':') += api_name(event.event_name);
  made.failed = outcome(event) != Outcome::success;
  if (made.failed) made.error = event.error_code.empty() ? std::string_view("Failure") : event.error_code;
  made.region = event.aws_region;
  made.client = std::move(client);
  return made;
}

// `account`: of the object, as audit records name none.
CallTally tally_of(const AuditEvent& event, std::string_view account) {
  constexpr int refused_from = 400;
  CallTally made;
  made.account = account;
  if (!event.user.username.empty()) {
    made.cluster_user = event.cluster_name;
    (made.cluster_user += '/') += event.user.username;
  }
  if (event.source_ip && event.source_ip->is_public()) {
    made.remote_ip = event.source_ip;
  } else {
    made.network = "inside";
  }
  made.call = event.verb;
  (made.call += ' ') += event.object_ref.resource;
  if (!event.object_ref.subresource.empty()) (made.call += '/') += event.object_ref.subresource;
  made.failed = event.response_code >= refused_from;
  if (made.failed) made.error = event.response_reason.empty() ? "Failure" : event.response_reason;
  made.region = event.object_ref.namespace_name;
  made.client = client_of(event.user_agent);
  made.principal = event.user.canonical_arn.empty() ? event.user.arn : event.user.canonical_arn;
  return made;
}

}  // namespace

std::string client_of(std::string_view user_agent) {
  if (user_agent.starts_with('[')) user_agent.remove_prefix(1);
  const std::string_view token = user_agent.substr(0, user_agent.find_first_of(" ],"));
  const std::size_t slash = token.find('/');
  std::string client(token.substr(0, slash));
  if (client == "Mozilla") {
    client = "browser";
  } else if (client == "APN" && user_agent.contains("Terraform/")) {
    client = "Terraform";
  } else if (slash != std::string_view::npos) {
    std::size_t end = slash + 1;
    while (end < token.size() && digit(token[end])) ++end;
    client += token.substr(slash, end - slash);
  }
  // "Linux/6.1" of SDKs, "os/linux#6.1", "Windows NT 10.0", "os/macos#24".
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> systems{{{"Android", "android"},
                                                                                  {"iPhone", "ios"},
                                                                                  {"inux", "linux"},
                                                                                  {"indows", "windows"},
                                                                                  {"Macintosh", "macos"},
                                                                                  {"macos", "macos"},
                                                                                  {"Darwin", "macos"},
                                                                                  {"darwin", "macos"},
                                                                                  {"macOS", "macos"}}};
  for (const auto& [mark, name] : systems) {
    if (!user_agent.contains(mark)) continue;
    client += " on ";
    client += name;
    break;
  }
  return client;
}

std::string_view error_class(const CloudTrailEvent& event) {
  const Outcome result = outcome(event);
  if (result == Outcome::success) return "success";
  const std::string_view code = event.error_code;
  if (code.contains("AuthFailure") || code.contains("Token") || code.contains("Signature") ||
      event.event_name == "ConsoleLogin")
    return "auth failure";
  if (result == Outcome::denied) return "access denied";
  if (code.contains("LimitExceeded")) return "instance limit exceeded";
  if (code == "InvalidPermission.Duplicate") return "invalid permission - duplicate";
  if (code == "InvalidPermission.NotFound") return "invalid permission - not found";
  if (code.contains("OperationNotPermitted")) return "operation not permitted";
  return "other error";
}

std::string peers_of(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  if (identity.type == "AssumedRole") {
    std::string_view role = identity.session_issuer.user_name;
    if (role.empty()) role = after_last(identity.session_issuer.arn, '/');
    if (role.empty()) {
      // "arn:aws:sts::123456789012:assumed-role/ROLE/SESSION"
      role = identity.arn.substr(std::min(identity.arn.size(), identity.arn.find('/') + 1));
      role = role.substr(0, role.find('/'));
    }
    return "role " + alike(role);
  }
  return std::string(identity.type) + ' ' + std::string(event.recipient_account_id);
}

std::string neighbourhood_of(const IpAddress& ip) {
  const std::string text = ip.to_string();
  return text.substr(0, text.find_last_of(ip.is_v4() ? '.' : ':'));
}

bool is_object_api(std::string_view api) {
  static constexpr std::array<std::string_view, 12> others{"ListMultipartUploads",
                                                           "ListParts",
                                                           "UploadPart",
                                                           "UploadPartCopy",
                                                           "CreateMultipartUpload",
                                                           "CompleteMultipartUpload",
                                                           "PutBucketPolicy",
                                                           "PutBucketAcl",
                                                           "DeleteBucketPolicy",
                                                           "PutBucketPublicAccessBlock",
                                                           "DeleteBucketPublicAccessBlock",
                                                           "DeletePublicAccessBlock"};
  if (std::ranges::find(others, api) != others.end()) return true;
  return api.contains("Object") && !api.contains("Bucket") && !api.contains("LockConfiguration");
}

bool Behaviours::is_new(Call& call, TimeMs time) {
  if (time > call.earliest) return false;
  call.earliest = time;
  return true;
}

void Behaviours::count(const Call& call, TimeMs time, std::uint64_t position) {
  tallies_[call.tally].count(time);
  marks_->push_back({static_cast<std::uint32_t>(position - records_before_), call.tally,
                     static_cast<std::int32_t>(time / hour_ms)});
}

void Behaviours::begin_tally(Call& call, CallTally tally) {
  call.batch = batch_;
  call.tally = static_cast<std::uint32_t>(tallies_.size());
  tallies_.push_back(std::move(tally));
}

template <class Fill>
void Behaviours::send(std::vector<PackedBehaviour>& fresh, Behaviour& made, Fill fill) {
  const TimeMs time = made.first.time;
  made.tuple = hash_mix(made.tuple, static_cast<std::uint64_t>(Behaviour::day_of(time)));
  const auto [sent, unseen] = sent_.try_emplace(made.tuple, Sent{time, batch_, 0});
  const bool of_batch = !unseen && sent->second.batch == batch_;
  if (!unseen) {
    if (time > sent->second.earliest) return;
    if (of_batch && !(made.first < fresh[sent->second.index].first())) return;
    sent->second.earliest = time;
  }
  fill(made);
  if (of_batch) {
    fresh[sent->second.index] = PackedBehaviour(made);
    return;
  }
  sent->second.batch = batch_;
  sent->second.index = static_cast<std::uint32_t>(fresh.size());
  fresh.emplace_back(made);
}

void Behaviours::add(const CloudTrailEvent& event, Caller& caller, const CallAim& aim, std::uint64_t object,
                     std::uint64_t position) {
  const UserIdentity& identity = event.user_identity;
  // Services speak for themselves, on somebody's behalf too; what passes an endpoint is told by its own
  // record besides.
  if (identity.type == "AWSService" || through_service(identity) || event.event_type == "AwsServiceEvent" ||
      event.event_type == "AwsVpceEvent" || event.event_category == "Insight")
    return;
  const std::string_view resource = resource_of(event);
  Call& call = calls_[call_hash(event, resource, aim)];
  const bool news = is_new(call, event.event_time), uncounted = marks_ != nullptr && call.batch != batch_;
  if (!news && !uncounted) {
    if (marks_ != nullptr) count(call, event.event_time, position);
    return;
  }
  const Principal& principal = caller.principal();
  std::string client = client_of(event.user_agent);
  if (uncounted) begin_tally(call, tally_of(event, resource, principal, client));
  if (marks_ != nullptr) count(call, event.event_time, position);
  if (!news) return;
  if (principal.aws_service || principal.anonymous) {
    call.earliest = std::numeric_limits<TimeMs>::min();
    return;
  }
  Behaviour made;
  made.client = std::move(client);
  made.credential = credential_of(event);
  made.error = error_class(event);
  made.account = event_account(event);
  made.region = event.aws_region;
  made.resource = resource;
  made.aim = aim;
  const std::string_view api = api_name(event.event_name);
  if (event.event_source == "s3.amazonaws.com" && is_object_api(api)) made.domain = Domain::object;
  if (is_model_api(event.event_source, api)) made.domain = Domain::model;
  if (event.source_ip && event.source_ip->is_public() && event.vpc_endpoint_id.empty()) {
    made.remote_ip = event.source_ip;
  } else {
    made.source = source_of(event);
  }
  made.tuple = hash_of(made, principal.key, event.event_source, api);
  made.first = {event.event_time, object, position, std::string(event.event_id)};
  send(fresh_.calls, made, [&](Behaviour& fresh) {
    fresh.who = {std::string(identity.access_key_id), std::string(identity.principal_id), principal.name,
                 std::string(identity.type), principal.key};
    fresh.peers = peers_of(event);
    // A session that is part of the principal is a person's name.
    if (!principal.workload.empty() && principal.key.ends_with('/' + principal.workload))
      fresh.person = principal.workload;
    fresh.call.api = api;
    fresh.call.service_name = event.event_source;
    fresh.call.error_code = event.error_code;
    fresh.call.user_agent = event.user_agent;
    if (event.source_ip) {
      fresh.call.caller_type = "Remote IP";
    } else {
      fresh.call.caller_type = "Domain";
      fresh.call.caller_domain = event.source_ip_address;
    }
  });
}

void Behaviours::add(const AuditEvent& event, std::uint64_t object, std::uint64_t position,
                     const Context& context, Classify classify) {
  const AuditObject& target = event.object_ref;
  const TimeMs time = event.request_received_timestamp;
  std::uint64_t hash = hash64(event.cluster_name, static_cast<std::uint64_t>(time / day_ms));
  for (const std::string_view part :
       {event.user.username, event.user.session_name, event.impersonated_user.username, event.verb,
        target.resource, target.subresource, target.namespace_name, event.user_agent,
        is_session(event) ? std::string_view() : event.stage})
    hash = hash64(part, hash_mix(hash, part.size()));
  if (event.source_ip) hash = hash64(event.source_ip->to_string(), hash);
  hash = hash_mix(hash, static_cast<std::uint64_t>(event.response_code));
  // Newer clients open a shell with get.
  const bool takes = target.subresource == "exec" && takes_credentials(event.request_uri);
  if (takes) hash = hash_mix(hash, 1);
  // What a workload is made of differs from one to the next: those are always looked at.
  const bool written = !event.request_object.absent();
  if (marks_ != nullptr) {
    Call& call = calls_[hash];
    if (call.batch != batch_) begin_tally(call, tally_of(event, context.account));
    count(call, time, position);
  }
  if (!written && !is_new(calls_[hash], time)) return;
  const std::optional<Evidence> evidence = classify(event, context);
  if (!evidence) return;

  Behaviour made;
  made.domain = Domain::cluster;
  // The cluster is to its users what the account is to callers of AWS.
  made.account = context.account;
  made.region = context.region;
  made.client = client_of(event.user_agent);
  made.credential = event.impersonated_user.username.empty()
                        ? std::string()
                        : "as " + std::string(event.impersonated_user.username);
  constexpr int refused_from = 400;
  made.error = event.response_code < refused_from     ? "success"
               : event.response_reason == "Forbidden" ? "access denied"
                                                      : "other error";
  if (!evidence->signal) made.type = evidence->type;
  made.details = evidence->values;
  if (event.source_ip && event.source_ip->is_public()) {
    made.remote_ip = event.source_ip;
  } else {
    made.source = "inside";
  }
  std::string name(event.user.username);
  // A name that many share is told apart by who is behind it.
  if (!event.user.session_name.empty()) (name += ' ') += event.user.session_name;
  // kubectl opens shells and tunnels with create, since 1.30 with get.
  std::string api(is_session(event) ? "create" : event.verb);
  (api += ' ') += target.resource;
  if (!target.subresource.empty()) (api += '/') += target.subresource;
  // Those of one namespace are an application's own; those of all take another role, and are worth all else.
  if (target.resource == "secrets" && target.namespace_name.empty() && target.name.empty())
    api += " of all namespaces";
  // A habit of its own, as calls of grave aim are.
  if (takes) api += credentials_taken;
  for (const auto& [key, value] : made.details) {
    if (key == "resource") made.resource = value;
  }
  made.call.service_name = target.namespace_name;
  made.tuple = hash_of(made, name, event.cluster_name, api);
  made.first = {time, object, position, std::string(event.audit_id)};
  send(fresh_.requests, made, [&](Behaviour& fresh) {
    Subject subject = subject_of(event);
    if (subject.kubernetes) fresh.kubernetes = Boxed(std::move(*subject.kubernetes));
    if (subject.kubernetes_call) fresh.request = Boxed(std::move(*subject.kubernetes_call));
    if (subject.access_key) fresh.who = *subject.access_key;
    fresh.who.user_name = event.user.username;
    fresh.who.principal_key = name;
    fresh.person = event.user.session_name;
    // Service accounts do as others of their kind, not as people do: those sit inside.
    fresh.peers =
        event.user.username.starts_with("system:serviceaccount:") ? "service accounts" : "cluster users";
    for (const std::string_view group : event.user.groups) {
      if (!group.starts_with("system:")) (fresh.peers += ' ') += group;
    }
    fresh.call.api = api;
    fresh.call.user_agent = event.user_agent;
    if (event.response_code >= refused_from) fresh.call.error_code = event.response_reason;
  });
}

Behaviours::Taken Behaviours::take() {
  ++batch_;
  if (calls_.size() > known_max) calls_.clear();
  if (sent_.size() > known_max) sent_.clear();
  return std::exchange(fresh_, {});
}

}  // namespace picket
