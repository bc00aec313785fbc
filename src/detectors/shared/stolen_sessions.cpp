#include "detectors/shared/stolen_sessions.h"

#include <algorithm>
#include <array>
#include <vector>

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// An address that so many of an account's workloads call from is its egress (NAT, proxy, line to the
// office)...
constexpr std::size_t egress_workloads = 3;
// ...but one that already raised a finding only after it was in use on so many days: a thief can hold the
// credentials of three workloads too.
constexpr std::size_t egress_days = 3;
// How long a person's use of an address speaks for it.
constexpr TimeMs person_memory = day_ms;
// Credentials of instance roles are replaced after at most six hours; twice that is forgotten.
constexpr TimeMs session_memory = 12 * hour_ms;
// Of one account; about 300 bytes each. Beyond it the longest unused quarter goes.
constexpr std::size_t places_max = 8192, sessions_max = 65536;

constexpr std::size_t reached_max = 16;  // instances that people reached from one address

// Calls by which people get at instances: they list them, sign in, log on to one or run a command on it.
constexpr std::array<std::string_view, 7> reaching_calls = {
    "DescribeInstances", "ConsoleLogin",    "SendCommand",         "StartSession",
    "SendSSHPublicKey",  "GetPasswordData", "GetCommandInvocation"};

const std::string* value_of(const Candidate& row, std::string_view name) {
  for (const auto& [key, value] : row.evidence) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool people(const UserIdentity& identity) {
  return identity.type == "IAMUser" || identity.type == "Root" || identity.type == "IdentityCenterUser" ||
         identity.session_issuer.user_name.starts_with("AWSReservedSSO_");
}

// The instances a call names: SendCommand a list, StartSession a target, the others one id.
std::string instances_of(const RawJson& request) {
  if (!request.mentions("\"i-")) return {};
  const JsonDocument document = request.parse();
  std::string text;
  const auto add = [&](const dom::element& element) {
    std::string_view id;
    if (element.get(id) != simdjson::SUCCESS || !id.starts_with("i-")) return;
    if (!text.empty()) text += ' ';
    text += id;
  };
  for (const std::string_view member : {"instanceId", "target"}) {
    if (const auto id = document.at(member)) add(*id);
  }
  dom::array list;
  if (const auto ids = document.at("instanceIds"); ids && ids->get(list) == simdjson::SUCCESS) {
    for (const dom::element id : list) add(id);
  }
  return text;
}

// macOS reports itself as Darwin, or since 2023 as os/macos; nearly no instance runs it.
bool from_macos(const Candidate& row) {
  if (!row.subject.api_call) return false;
  const std::string& agent = row.subject.api_call->user_agent;
  return agent.find("Darwin/") != std::string::npos || agent.find("os/macos") != std::string::npos;
}

// Forgets what was longest unused once there are more than `max`: a quarter, all of equal age together.
template <class Map>
void trim(Map& map, std::size_t max) {
  if (map.size() <= max) return;
  std::vector<TimeMs> times;
  times.reserve(map.size());
  for (const auto& [key, entry] : map) times.push_back(entry.last);
  const auto quarter = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), quarter, times.end());
  const TimeMs oldest = *quarter;
  std::erase_if(map, [&](const auto& item) { return item.second.last <= oldest; });
}

bool egress(std::size_t workloads, bool raised, std::size_t days_since) {
  return workloads >= egress_workloads && (!raised || days_since >= egress_days);
}

}  // namespace

std::optional<Evidence> person_row_of(const CloudTrailEvent& call) {
  if (!people(call.user_identity)) return std::nullopt;
  if (std::find(reaching_calls.begin(), reaching_calls.end(), call.event_name) == reaching_calls.end()) {
    return std::nullopt;
  }
  // The console forwards a person's calls and tells the person's address.
  const std::string_view forwarder = call.user_identity.invoked_by;
  if (!forwarder.empty() && forwarder != "signin.amazonaws.com") return std::nullopt;
  if (!call.source_ip || !call.source_ip->is_public()) return std::nullopt;
  if (!call.vpc_endpoint_id.empty() || outcome(call) != Outcome::success) return std::nullopt;
  return Evidence{{session_row::account, std::string(call.recipient_account_id)},
                  {session_row::person, principal_of(call).name},
                  {session_row::reached, instances_of(call.request_parameters)}};
}

std::optional<Evidence> session_row_of(const CloudTrailEvent& call, const SessionKind& kind,
                                       std::string_view workload) {
  const UserIdentity& identity = call.user_identity;
  if (through_service(identity) || call.event_category == "NetworkActivity") return std::nullopt;
  // The copy of a call that the other account of a cross-account access gets: judged where the instance is.
  const std::string_view account = identity.account_id;
  if (!call.recipient_account_id.empty() && account != call.recipient_account_id) return std::nullopt;
  const std::string_view endpoint_account = call.vpc_endpoint_account_id;
  const bool foreign_endpoint = !endpoint_account.empty() && endpoint_account != account;
  if (!foreign_endpoint && !has_outside_address(call)) return std::nullopt;

  Evidence evidence{};
  evidence.values.reserve(4);
  evidence.add(kind.workload_name, std::string(workload));
  evidence.add(session_row::account, std::string(account));
  evidence.add("api", std::string(call.event_name));
  if (foreign_endpoint) {
    evidence.add(session_row::endpoint_account, std::string(endpoint_account));
    evidence.add("vpc_endpoint", std::string(call.vpc_endpoint_id));
  }
  if (!identity.ec2_role_delivery.empty())
    evidence.add("imds_version", std::string(identity.ec2_role_delivery));
  return evidence;
}

std::optional<Candidate> StolenSessions::step(const Candidate& row, const Facts& facts) {
  const std::string* workload = value_of(row, kind_.workload_name);
  if (workload == nullptr) {
    see_person(row);
    return std::nullopt;
  }
  const TimeMs now = row.first.time;
  const std::string& account = *value_of(row, session_row::account);
  if (const std::string* owner = value_of(row, session_row::endpoint_account)) {
    Place& place = use("account " + *owner, *workload, now);
    if (egress(place.workloads.size(), place.raised, place.days_since.size())) return std::nullopt;
    const std::string* endpoint = value_of(row, "vpc_endpoint");
    const bool ours = endpoint != nullptr && facts.vpc_endpoint_owner(*endpoint, now).has_value();
    return raise(row, place, inside_aws, "the call came through a VPC endpoint of another account", *owner,
                 ours);
  }
  if (!row.subject.remote_ip) return std::nullopt;
  const IpAddress& address = *row.subject.remote_ip;
  const std::optional<IpAddress> elsewhere = other_address(row, address, now);
  const auto holder = facts.public_address(address, now);
  const std::optional<std::string> owner = holder ? std::optional(holder->account) : std::nullopt;
  if (owner == account) return std::nullopt;
  const std::vector<IpAddress> own = facts.public_addresses_of_instance(*workload, now);
  if (std::find(own.begin(), own.end(), address) != own.end()) return std::nullopt;

  Place& place = use(address.to_string(), *workload, now);
  if (egress(place.workloads.size(), place.raised, place.days_since.size())) return std::nullopt;
  if (owner) return raise(row, place, inside_aws, "the address belongs to another account", *owner, true);

  const std::optional<bool> aws = facts.aws_address(address);
  const bool reached = place.people_first && place.reached.contains(*workload);
  if (aws == true) {
    // Whose it is, is not known; only the person who had just reached the instance gives it away.
    if (!reached) return std::nullopt;
    return raise(row, place, inside_aws, "a person who had reached the instance is at the address", {},
                 false);
  }
  if (aws == false) return raise(row, place, outside_aws, "the address is outside AWS's ranges", {}, false);
  if (place.people_first) {
    return raise(row, place, outside_aws,
                 reached ? "a person who had reached the instance is at the address"
                         : "a person was at the address before any instance; AWS's ranges are not loaded",
                 {}, false);
  }
  if (elsewhere && kind_.key_stays) {
    return raise(row, place, outside_aws,
                 "the same key is in use at another address; AWS's ranges are not loaded",
                 elsewhere->to_string(), false);
  }
  if (from_macos(row) &&
      !facts.instance(*workload, now).value_or(InstanceFact{}).instance_type.starts_with("mac")) {
    return raise(row, place, outside_aws, "the client runs on macOS; AWS's ranges are not loaded", {}, false);
  }
  return std::nullopt;
}

StolenSessions::Place& StolenSessions::use(const std::string& name, const std::string& workload, TimeMs now) {
  trim(places_, places_max - 1);
  Place& place = places_[name];
  place.last = std::max(place.last, now);
  if (place.workloads.empty()) {
    place.people_first = !place.person.empty() && now - place.person_last <= person_memory;
  }
  if (place.workloads.size() < egress_workloads) place.workloads.insert(workload);
  if (place.raised && place.days_since.size() < egress_days) place.days_since.insert(now / day_ms);
  return place;
}

void StolenSessions::see_person(const Candidate& row) {
  if (!row.subject.remote_ip) return;
  trim(places_, places_max - 1);
  Place& place = places_[row.subject.remote_ip->to_string()];
  place.last = place.person_last = std::max(place.last, row.first.time);
  place.person = *value_of(row, session_row::person);
  const std::string& ids = *value_of(row, session_row::reached);
  for (std::size_t at = 0; at < ids.size() && place.reached.size() < reached_max;) {
    const std::size_t end = std::min(ids.find(' ', at), ids.size());
    place.reached.insert(ids.substr(at, end - at));
    at = end + 1;
  }
}

std::optional<IpAddress> StolenSessions::other_address(const Candidate& row, const IpAddress& address,
                                                       TimeMs now) {
  if (!row.subject.access_key || row.subject.access_key->access_key_id.empty()) return std::nullopt;
  if (now - swept_ > hour_ms) {
    std::erase_if(sessions_, [&](const auto& item) { return now - item.second.last > session_memory; });
    swept_ = now;
  }
  trim(sessions_, sessions_max - 1);
  Session& session = sessions_[row.subject.access_key->access_key_id];
  session.last = std::max(session.last, now);
  std::optional<IpAddress>& first = address.is_v4() ? session.v4 : session.v6;
  if (!first) first = address;
  return *first == address ? std::nullopt : first;
}

std::optional<Candidate> StolenSessions::raise(const Candidate& row, Place& place, std::uint8_t type,
                                               std::string_view why, const std::string& other,
                                               bool affiliated) const {
  place.raised = true;
  Candidate made = row;
  made.type = type;
  // GuardDuty makes it medium when the other account has the same administrator; ours watches all accounts
  // it sees.
  made.severity = number_of(affiliated ? Severity::medium : Severity::high);
  made.evidence.emplace_back("why", why);
  if (!place.person.empty()) made.evidence.emplace_back("person_at_address", place.person);
  if (type == inside_aws && !other.empty() && made.subject.api_call) {
    made.subject.api_call->remote_account_id = other;
    made.subject.api_call->remote_account_affiliated = affiliated;
  } else if (!other.empty()) {
    made.evidence.emplace_back("first_address", other);
  }
  return made;
}

}  // namespace picket::detectors
