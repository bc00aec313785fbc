#include "detectors/shared/stolen_sessions.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/oldest.h"
#include "detectors/shared/row_value.h"
#include "engine/behaviours.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// An address that so many of an account's workloads call from is its egress (NAT, proxy, line to the
// office)...
constexpr std::size_t egress_workloads = 3;
// ...but one that already raised a finding only after so many used it on each of so many days: a thief can
// hold the credentials of three workloads too.
constexpr std::size_t egress_days = 3;
// Where so many people of the account work is the company's own line.
constexpr std::size_t office_people = 3;
// How long a person's use of an address speaks for it.
constexpr TimeMs person_memory = day_ms;
// Credentials of instance roles are replaced after at most six hours (EC2 user guide, instance metadata)...
constexpr TimeMs key_life = 6 * hour_ms;
// ...and twice that is forgotten.
constexpr TimeMs session_memory = 2 * key_life;
// A workload whose place is known was there within a week, if it calls at all.
constexpr TimeMs own_memory = 7 * day_ms;
// Instances report to Systems Manager within a minute or two of their launch; a thief needs longer.
constexpr TimeMs launch_span = 3 * minute_ms;
// What is true of an address becomes true a little before or after the call that tells it, and connections
// outlive their address as long.
constexpr TimeMs grace = 5 * minute_ms;
// How long a look into the inventory holds for a workload that stays where it is.
constexpr TimeMs checked_span = 10 * minute_ms;
// Of one account; places and sessions about 300 bytes each, workloads 240. Beyond it the longest unused
// quarter goes.
constexpr std::size_t places_max = 8192, sessions_max = 65536, workloads_max = 16384;

constexpr std::size_t clients_max = 8;   // of an instance; one of more is a workbench
constexpr std::size_t reached_max = 16;  // instances that people reached from one address

// Calls by which people get at instances: they list them, sign in, log on to one or run a command on it.
constexpr std::array<std::string_view, 7> reaching_calls = {
    "DescribeInstances", "ConsoleLogin",    "SendCommand",         "StartSession",
    "SendSSHPublicKey",  "GetPasswordData", "GetCommandInvocation"};

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

// AWS's SDKs tell the function's or task's environment (AWS_EXECUTION_ENV): "exec-env/AWS_Lambda_python3.12".
// Lambda itself opens a function's log streams, with the function's role.
bool in_environment(const Candidate& row) {
  if (!row.subject.api_call) return false;
  const std::string& agent = row.subject.api_call->user_agent;
  return agent.contains("exec-env/AWS_") || agent.starts_with("awslambda-worker/");
}
// A workload's clients are known after so many calls, as ones that tell when all but a tenth did.
constexpr std::uint32_t environment_calls_min = 20, environment_share = 10;

constexpr auto last_of = [](const auto& entry) { return entry.last; };

bool contains(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

// Whether the account's instance of that name has the address, or the account without any instance.
bool at_own_place(std::string_view account, std::string_view workload, const IpAddress& address, TimeMs at,
                  const Facts& facts) {
  const auto holder = facts.public_address(address, at);
  if (holder && holder->account == account &&
      (holder->instance_id.empty() || holder->instance_id == workload))
    return true;
  return contains(facts.public_addresses_of_instance(workload, at), address);
}

}  // namespace

// A row as the ladder sees it.
struct StolenSessions::Call {
  const Candidate& row;
  const std::string& workload;
  const std::string& account;
  WorkloadKind kind;
  TimeMs now;
  std::optional<IpAddress> address;

  Candidate raised(Place& place, std::uint8_t type, std::string_view why, Severity severity) const {
    place.raised = true;
    Candidate made = row;
    made.type = type;
    made.severity = number_of(severity);
    made.evidence.emplace_back("why", why);
    if (!place.person.empty()) made.evidence.emplace_back("person_at_address", place.person);
    return made;
  }
  // GuardDuty makes it medium when the other account has the same administrator; ours watches all accounts
  // it sees.
  Candidate from_account(Place& place, std::string_view why, const std::string& owner, bool watched) const {
    Candidate made = raised(place, inside_aws, why, watched ? Severity::medium : Severity::high);
    if (made.subject.api_call && !owner.empty()) {
      made.subject.api_call->remote_account_id = owner;
      made.subject.api_call->remote_account_affiliated = watched;
    }
    return made;
  }
  // The thief may be an administrator who tries something out; a key at both places at once leaves less
  // doubt.
  Candidate from_instance(Place& place, const std::string& instance, bool split) const {
    Candidate made =
        raised(place, inside_account,
               split ? "another instance has the address, and the key is in use at its own place too"
                     : "another instance has the address",
               split ? Severity::medium : Severity::low);
    made.evidence.emplace_back("used_on", instance);
    made.evidence.emplace_back("used_from", address->to_string());
    return made;
  }
};

WorkloadKind kind_of(std::string_view name, std::string_view workload) {
  if (name == instance_name) return WorkloadKind::instance;
  return workload.contains(":function:") ? WorkloadKind::function : WorkloadKind::container;
}

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

std::optional<Evidence> session_row_of(const CloudTrailEvent& call, std::string_view name,
                                       std::string_view workload) {
  const UserIdentity& identity = call.user_identity;
  if (through_service(identity) || call.event_category == "NetworkActivity") return std::nullopt;
  // The copy of a call that the other account of a cross-account access gets: judged where the instance is.
  const std::string_view account = identity.account_id;
  if (!call.recipient_account_id.empty() && account != call.recipient_account_id) return std::nullopt;
  const std::string_view endpoint_account = call.vpc_endpoint_account_id;
  const bool foreign_endpoint = !endpoint_account.empty() && endpoint_account != account;
  const bool endpoint = foreign_endpoint || !call.vpc_endpoint_id.empty();
  // Behind an endpoint of the account's own, containers have addresses of the instances they run on.
  if (endpoint ? !foreign_endpoint && (!call.source_ip || kind_of(name, workload) == WorkloadKind::container)
               : !has_outside_address(call))
    return std::nullopt;

  Evidence evidence{};
  evidence.values.reserve(6);
  evidence.add(name, std::string(workload));
  evidence.add(session_row::account, std::string(account));
  evidence.add("api", std::string(call.event_name));
  if (foreign_endpoint) evidence.add(session_row::endpoint_account, std::string(endpoint_account));
  if (endpoint) {
    evidence.add(session_row::endpoint, std::string(call.vpc_endpoint_id));
    if (call.source_ip) evidence.add(session_row::inner_address, std::string(call.source_ip_address));
  }
  if (!identity.ec2_role_delivery.empty())
    evidence.add("imds_version", std::string(identity.ec2_role_delivery));
  return evidence;
}

std::optional<Candidate> StolenSessions::step(const Candidate& row, const Facts& facts) {
  const std::string* workload = value_of(row, name_);
  if (workload == nullptr) {
    see_person(row);
    return std::nullopt;
  }
  Call call{row,
            *workload,
            *value_of(row, session_row::account),
            kind_of(name_, *workload),
            row.first.time,
            row.subject.remote_ip};
  if (value_of(row, session_row::endpoint) != nullptr) {
    const std::string* address = value_of(row, session_row::inner_address);
    call.address = address ? IpAddress::parse(*address) : std::nullopt;
    return through_endpoint(call, facts);
  }
  return call.address ? from_internet(call, facts) : std::nullopt;
}

// The address is one of a VPC: whose VPC, the endpoint tells.
std::optional<Candidate> StolenSessions::through_endpoint(const Call& call, const Facts& facts) {
  const TimeMs now = call.now;
  const std::string& endpoint = *value_of(call.row, session_row::endpoint);
  const std::string* said = value_of(call.row, session_row::endpoint_account);
  Workload& workload = workload_of(call, facts);
  if (said == nullptr && call.address && workload.unknown_inner.holds(*call.address, now))
    return std::nullopt;
  const std::optional<std::string> maker = facts.vpc_endpoint_owner(endpoint, now);
  // Older records name the endpoint alone.
  std::optional<std::string> owner = said ? *said : maker;
  if (owner == call.account) owner.reset();
  const bool watched = owner && facts.knows_account(*owner, now);
  Looked& own = workload.inner;
  // In a stranger's VPC addresses are as the stranger likes.
  if (call.kind == WorkloadKind::instance && call.address && (!owner || watched)) {
    if (own.see(*call.address, now, [&] {
          return contains(facts.inner_addresses_of_instance(call.workload, now), *call.address);
        }))
      return std::nullopt;
  }
  const auto split = [&] {
    return own.address && now - own.last <= key_life &&
           contains(facts.inner_addresses_of_instance(call.workload, now), *own.address);
  };
  // An account of the organisation may keep endpoints for all: there, only an address that one of its
  // instances has tells, or that the workload is at its own as well.
  if (owner &&
      (!watched || split() || (call.address && facts.instance_by_ip(*owner, endpoint, *call.address, now)))) {
    Place& place = use("account " + *owner, call);
    if (place.is_egress()) return std::nullopt;
    return call.from_account(place, "the call came through a VPC endpoint of another account", *owner,
                             watched);
  }
  if (!call.address || call.kind == WorkloadKind::container) return std::nullopt;
  // VPCs of an account may use the same addresses: the endpoint's is meant, else the instance's own.
  const std::string vpc =
      maker ? endpoint : facts.instance(call.workload, now).value_or(InstanceFact{}).vpc_id;
  const auto holder =
      vpc.empty() ? std::nullopt : facts.instance_by_ip(call.account, vpc, *call.address, now);
  if (!holder || *holder == call.workload || facts.forwards_traffic(*holder, now)) {
    workload.unknown_inner = {call.address, now, now};
    return std::nullopt;
  }
  if (facts.instance_by_ip(call.account, vpc, *call.address, now - grace) != holder) return std::nullopt;
  Place& place = use(*holder, call);
  if (place.is_egress()) return std::nullopt;
  return call.from_instance(place, *holder, split());
}

std::optional<Candidate> StolenSessions::from_internet(const Call& call, const Facts& facts) {
  const TimeMs now = call.now;
  const IpAddress& address = *call.address;
  const std::optional<bool> aws = facts.aws_address(address);
  const std::optional<IpAddress> elsewhere = aws ? std::nullopt : other_address(call);
  Workload& workload = workload_of(call, facts);
  const bool stranger = call.kind != WorkloadKind::instance && !in_environment(call.row) &&
                        workload.in_environment >= environment_calls_min &&
                        workload.elsewhere * environment_share <= workload.in_environment;
  if (call.kind != WorkloadKind::instance && !stranger)
    ++(in_environment(call.row) ? workload.in_environment : workload.elsewhere);
  const auto own_at = [&](const IpAddress& ip, TimeMs at) {
    return at_own_place(call.account, call.workload, ip, at, facts);
  };
  std::optional<PublicAddressFact> holder;
  if (!workload.unknown.holds(address, now)) {
    if (workload.outer.see(address, now, [&] { return own_at(address, now); })) return std::nullopt;
    if (own_at(address, now - grace)) return std::nullopt;
    holder = facts.public_address(address, now);
    if (!holder) workload.unknown = {address, now, now};
  }
  if (workload.home == address) return std::nullopt;
  // The workload's place, if the inventory knows it to be its own still, and whether the key is in use there.
  const auto still_own = [&](const IpAddress& ip) {
    const auto holder = facts.public_address(ip, now);
    return holder ? holder->nat_gateway || holder->instance_id == call.workload : own_at(ip, now);
  };
  const Looked& own = workload.outer;
  const bool settled = own.address && now - own.last <= own_memory &&
                       own.address->is_v4() == address.is_v4() && still_own(*own.address);
  const bool split = settled && now - own.last <= key_life;
  if (holder && holder->account == call.account) {
    const std::string& instance = holder->instance_id;
    if (call.kind == WorkloadKind::container || facts.forwards_traffic(instance, now)) return std::nullopt;
    // An instance without a way out of its own may leave through another; a function never does, once it
    // called from AWS's pool.
    const bool other_way = call.kind == WorkloadKind::instance
                               ? !facts.public_addresses_of_instance(call.workload, now).empty()
                               : workload.pool_last != 0 && now - workload.pool_last <= key_life;
    if (!split && !other_way) return std::nullopt;
    Place& place = use(instance, call);
    if (place.is_egress()) return std::nullopt;
    return call.from_instance(place, instance, split);
  }

  if (holder && holder->nat_gateway) {
    const auto instance = facts.instance(call.workload, now);
    if (instance && facts.share_transit_gateway(instance->vpc_id, holder->vpc_id, now)) return std::nullopt;
  }
  Place& place = use(address.to_string(), call);
  const std::string client = call.kind == WorkloadKind::instance && call.row.subject.api_call
                                 ? client_of(call.row.subject.api_call->user_agent)
                                 : std::string();
  if (place.is_egress() || facts.beside_customer_gateway(address, now)) {
    workload.egress_last = now;
    if (!client.empty() && workload.clients.size() < clients_max) workload.clients.insert(client);
    return std::nullopt;
  }
  if (holder) {
    // Who watches several accounts may have a gateway for all, told of nowhere in the logs.
    if (holder->nat_gateway && !split) return std::nullopt;
    return call.from_account(place, "the address belongs to another account", holder->account, true);
  }
  // Nobody else uses the address, and the client is not one of the workload's. Another gateway of the
  // account's would bring the clients that the instance has, and other instances.
  const bool alone = place.workloads.size() == 1;
  const bool strange_client = alone && !client.empty() && workload.egress_last != 0 &&
                              now - workload.egress_last <= own_memory &&
                              workload.clients.size() < clients_max && !workload.clients.contains(client);
  if (!aws) {
    if (auto made = without_ranges(call, place, split ? own.address : elsewhere, facts)) return made;
    if (place.people_first || !(strange_client || (stranger && alone))) return std::nullopt;
    return call.raised(place, outside_aws,
                       strange_client
                           ? "the instance leaves by the account's own egress, and never used such a "
                             "client; AWS's ranges are not loaded"
                           : "the client does not say that it runs where the workload does; AWS's "
                             "ranges are not loaded",
                       Severity::medium);
  }

  const bool reached = place.people_first && place.reached.contains(call.workload);
  if (*aws) {
    // Whose it is, is not known.
    if (stranger) {
      return call.from_account(place, "the client does not say that it runs where the workload does", {},
                               false);
    }
    if (call.kind == WorkloadKind::function) {
      workload.pool_last = now;
    } else if (reached) {
      return call.from_account(place, "a person who had reached the instance is at the address", {}, false);
    } else if (settled) {
      return call.from_account(place,
                               split ? "the key is in use at the workload's own place too"
                                     : "the workload calls from a place of its own, which is known",
                               {}, false);
    } else if (strange_client) {
      return call.from_account(
          place, "the instance leaves by the account's own egress, and never used such a client", {}, true);
    }
    return std::nullopt;
  }
  // The company's own line may be how its machines leave as well.
  if (place.people.size() >= office_people && !reached && !split) return std::nullopt;
  return call.raised(place, outside_aws,
                     split ? "the address is outside AWS's ranges, and the key is in use at its own place too"
                           : "the address is outside AWS's ranges",
                     Severity::high);
}

// A single unknown address may be the usual place of a healthy instance.
std::optional<Candidate> StolenSessions::without_ranges(const Call& call, Place& place,
                                                        const std::optional<IpAddress>& elsewhere,
                                                        const Facts& facts) {
  if (place.people_first) {
    const bool reached = place.reached.contains(call.workload);
    if (!reached && place.people.size() >= office_people) return std::nullopt;
    return call.raised(place, outside_aws,
                       reached
                           ? "a person who had reached the instance is at the address"
                           : "a person was at the address before any instance; AWS's ranges are not loaded",
                       Severity::high);
  }
  if (elsewhere && call.kind == WorkloadKind::instance) {
    Candidate made =
        call.raised(place, outside_aws,
                    "the same key is in use at another address; AWS's ranges are not loaded", Severity::high);
    made.evidence.emplace_back("first_address", elsewhere->to_string());
    return made;
  }
  if (from_macos(call.row) &&
      !facts.instance(call.workload, call.now).value_or(InstanceFact{}).instance_type.starts_with("mac")) {
    return call.raised(place, outside_aws, "the client runs on macOS; AWS's ranges are not loaded",
                       Severity::high);
  }
  return std::nullopt;
}

bool StolenSessions::Place::is_egress() const {
  return workloads.size() >= egress_workloads && (!raised || days_since.size() >= egress_days);
}

bool StolenSessions::Looked::holds(const IpAddress& seen, TimeMs now) const {
  return address == seen && now - checked <= checked_span;
}

template <class IsOwn>
bool StolenSessions::Looked::see(const IpAddress& seen, TimeMs now, IsOwn is_own) {
  if (!holds(seen, now)) {
    if (!is_own()) return false;
    address = seen;
    checked = now;
  }
  last = now;
  return true;
}

StolenSessions::Workload& StolenSessions::workload_of(const Call& call, const Facts& facts) {
  evicted_ += erase_oldest_quarter(workloads_, workloads_max - 1, last_of);
  const auto [at, fresh] = workloads_.try_emplace(call.workload);
  Workload& workload = at->second;
  workload.last = call.now;
  if (fresh && call.kind == WorkloadKind::instance && call.address && call.address->is_public()) {
    const auto launch =
        parse_time(facts.instance(call.workload, call.now).value_or(InstanceFact{}).launch_time);
    if (launch && *launch <= call.now && call.now - *launch <= launch_span) workload.home = call.address;
  }
  return workload;
}

StolenSessions::Place& StolenSessions::place_of(const std::string& name, TimeMs now) {
  evicted_ += erase_oldest_quarter(places_, places_max - 1, last_of);
  Place& place = places_[name];
  place.last = now;
  return place;
}

StolenSessions::Place& StolenSessions::use(const std::string& name, const Call& call) {
  Place& place = place_of(name, call.now);
  if (place.workloads.empty()) {
    place.people_first = !place.person.empty() && call.now - place.person_last <= person_memory;
  }
  if (place.workloads.size() < egress_workloads) place.workloads.insert(call.workload);
  if (place.raised && place.days_since.size() < egress_days) {
    const std::int64_t today = call.now / day_ms;
    if (std::exchange(place.today, today) != today) place.workloads_today.clear();
    place.workloads_today.insert(call.workload);
    if (place.workloads_today.size() >= egress_workloads) {
      place.days_since.insert(today);
      place.workloads_today.clear();
    }
  }
  return place;
}

void StolenSessions::see_person(const Candidate& row) {
  if (!row.subject.remote_ip) return;
  Place& place = place_of(row.subject.remote_ip->to_string(), row.first.time);
  place.person_last = row.first.time;
  place.person = *value_of(row, session_row::person);
  if (place.people.size() < office_people) place.people.insert(place.person);
  const std::string& ids = *value_of(row, session_row::reached);
  for (std::size_t at = 0; at < ids.size() && place.reached.size() < reached_max;) {
    const std::size_t end = std::min(ids.find(' ', at), ids.size());
    place.reached.insert(ids.substr(at, end - at));
    at = end + 1;
  }
}

std::optional<IpAddress> StolenSessions::other_address(const Call& call) {
  if (!call.row.subject.access_key || call.row.subject.access_key->access_key_id.empty()) return std::nullopt;
  if (call.now - swept_ > hour_ms) {
    std::erase_if(sessions_, [&](const auto& item) { return call.now - item.second.last > session_memory; });
    swept_ = call.now;
  }
  evicted_ += erase_oldest_quarter(sessions_, sessions_max - 1, last_of);
  Session& session = sessions_[call.row.subject.access_key->access_key_id];
  session.last = call.now;
  std::optional<IpAddress>& first = call.address->is_v4() ? session.v4 : session.v6;
  if (!first) first = call.address;
  return *first == *call.address ? std::nullopt : first;
}

}  // namespace picket::detectors
