#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// Type indexes of the literal below.
constexpr std::uint8_t inside_aws = 0, outside_aws = 1;

// An address that so many of an account's instances call from is its egress (NAT, proxy, line to the
// office)...
constexpr std::size_t egress_instances = 3;
// ...but one that already raised a finding only after it was in use on so many days: a thief can hold the
// credentials of three instances too.
constexpr std::size_t egress_days = 3;
// How long a person's use of an address speaks for it.
constexpr TimeMs person_memory = day_ms;
// Credentials of instance roles are replaced after at most six hours; twice that is forgotten.
constexpr TimeMs session_memory = 12 * hour_ms;
// Of one account; about 300 bytes each. Beyond it the longest unused quarter goes.
constexpr std::size_t places_max = 8192, sessions_max = 65536;

// Calls by which people get at instances: they list them, sign in, log on to one or run a command on it.
constexpr std::array<std::string_view, 7> reaching_calls = {
    "DescribeInstances", "ConsoleLogin",    "SendCommand",         "StartSession",
    "SendSSHPublicKey",  "GetPasswordData", "GetCommandInvocation"};

// What a row carries for the state; the finding shows it too.
constexpr std::string_view instance_name = "instance", account_name = "instance_account",
                           person_name = "person", reached_name = "reached_instances",
                           endpoint_name = "vpc_endpoint_account";

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

// A row of a person at work marks an address; it is never raised itself.
std::optional<Evidence> mark_person(const CloudTrailEvent& call) {
  if (!people(call.user_identity)) return std::nullopt;
  if (std::find(reaching_calls.begin(), reaching_calls.end(), call.event_name) == reaching_calls.end()) {
    return std::nullopt;
  }
  // The console forwards a person's calls and tells the person's address.
  const std::string_view forwarder = call.user_identity.invoked_by;
  if (!forwarder.empty() && forwarder != "signin.amazonaws.com") return std::nullopt;
  if (!call.source_ip || !call.source_ip->is_public()) return std::nullopt;
  if (!call.vpc_endpoint_id.empty() || outcome(call) != Outcome::success) return std::nullopt;
  return Evidence{{account_name, std::string(call.recipient_account_id)},
                  {person_name, principal_of(call).name},
                  {reached_name, instances_of(call.request_parameters)}};
}

// The instance whose credentials made the call, empty for all others; the first test is cheap, for it runs on
// every call.
std::string_view instance_of(const UserIdentity& identity) {
  if (identity.type != "AssumedRole") return {};
  // Only credentials from an instance's metadata service have this member, whatever the session's name looks
  // like.
  if (!identity.ec2_role_delivery.empty()) return session_name(identity);
  const std::string_view whole = identity.arn.empty() ? identity.principal_id : identity.arn;
  const std::size_t separator = whole.find_last_of(identity.arn.empty() ? ':' : '/');
  if (separator == std::string_view::npos || !whole.substr(separator + 1).starts_with("i-")) return {};
  return instance_session(identity);
}

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  const UserIdentity& identity = call.user_identity;
  const std::string_view instance = instance_of(identity);
  if (instance.empty()) return mark_person(call);
  if (!identity.invoked_by.empty() || call.event_category == "NetworkActivity") return std::nullopt;
  // The copy of a call that the other account of a cross-account access gets: judged where the instance is.
  const std::string_view account = identity.account_id;
  if (!call.recipient_account_id.empty() && account != call.recipient_account_id) return std::nullopt;
  const std::string_view endpoint_account = call.vpc_endpoint_account_id;
  const bool foreign_endpoint = !endpoint_account.empty() && endpoint_account != account;
  if (!foreign_endpoint && !has_outside_address(call)) return std::nullopt;

  Evidence evidence{};
  evidence.values.reserve(4);
  evidence.add(instance_name, std::string(instance));
  evidence.add(account_name, std::string(account));
  evidence.add("api", std::string(call.event_name));
  if (foreign_endpoint) {
    evidence.add(endpoint_name, std::string(endpoint_account));
    evidence.add("vpc_endpoint", std::string(call.vpc_endpoint_id));
  }
  if (!identity.ec2_role_delivery.empty())
    evidence.add("imds_version", std::string(identity.ec2_role_delivery));
  return evidence;
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

// Where the sessions of an account's instances call from, and who else is there.
//
// An instance's own addresses, those of its account's other instances and of its NAT gateways are known from
// the inventory, and AWS's published ranges tell the rest apart: outside them, and outside learned egress,
// nobody's instance calls. Often neither is there: an archive begins after the instances were launched, and
// ranges must be loaded. A single unknown address is then the usual place of a healthy instance, so something
// else must say that the session is used elsewhere: the same key at two addresses, a person at work at that
// address before any instance was seen there, or a client that runs on macOS.
class InstanceSessions {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts& facts) {
    const std::string* instance = value_of(row, instance_name);
    if (instance == nullptr) {
      see_person(row);
      return std::nullopt;
    }
    const TimeMs now = row.first.time;
    const std::string& account = *value_of(row, account_name);
    if (const std::string* owner = value_of(row, endpoint_name)) {
      Place& place = use("account " + *owner, *instance, now);
      if (egress(place)) return std::nullopt;
      const std::string* endpoint = value_of(row, "vpc_endpoint");
      const bool ours = endpoint != nullptr && facts.vpc_endpoint_owner(*endpoint, now).has_value();
      return raise(row, place, inside_aws, "the call came through a VPC endpoint of another account", *owner,
                   ours);
    }
    if (!row.subject.remote_ip) return std::nullopt;
    const IpAddress& address = *row.subject.remote_ip;
    const std::optional<IpAddress> elsewhere = other_address(row, address, now);
    const std::optional<std::string> owner = facts.owner_of_public_ip(address, now);
    if (owner == account) return std::nullopt;
    const std::vector<IpAddress> own = facts.public_addresses_of_instance(*instance, now);
    if (std::find(own.begin(), own.end(), address) != own.end()) return std::nullopt;

    Place& place = use(address.to_string(), *instance, now);
    if (egress(place)) return std::nullopt;
    if (owner) return raise(row, place, inside_aws, "the address belongs to another account", *owner, true);

    const std::optional<bool> aws = facts.aws_address(address);
    const bool reached = place.people_first && place.reached.contains(*instance);
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
    if (elsewhere) {
      return raise(row, place, outside_aws,
                   "the same key is in use at another address; AWS's ranges are not loaded",
                   elsewhere->to_string(), false);
    }
    if (from_macos(row) &&
        !facts.instance(*instance, now).value_or(InstanceFact{}).instance_type.starts_with("mac")) {
      return raise(row, place, outside_aws, "the client runs on macOS; AWS's ranges are not loaded", {},
                   false);
    }
    return std::nullopt;
  }

  template <class Ar>
  void io(Ar& ar) {
    ar(places_, sessions_, swept_);
  }

 private:
  struct Place {  // an address, or the account of a VPC endpoint
    TimeMs last = 0;
    std::set<std::string> instances;  // at most egress_instances
    bool raised = false;
    std::set<std::int64_t> days_since;  // on which instances used it after it was raised, at most egress_days
    TimeMs person_last = 0;
    std::string person;
    std::set<std::string> reached;  // instances that people reached from here, at most reached_max
    bool people_first = false;      // a person was here, not long before the first instance
    template <class Ar>
    void io(Ar& ar) {
      ar(last, instances, raised, days_since, person_last, person, reached, people_first);
    }
  };
  struct Session {  // a temporary key
    TimeMs last = 0;
    std::optional<IpAddress> v4, v6;  // first seen at; a host may well use both families
    template <class Ar>
    void io(Ar& ar) {
      ar(last, v4, v6);
    }
  };
  static constexpr std::size_t reached_max = 16;

  static bool egress(const Place& place) {
    return place.instances.size() >= egress_instances &&
           (!place.raised || place.days_since.size() >= egress_days);
  }

  Place& use(const std::string& name, const std::string& instance, TimeMs now) {
    trim(places_, places_max - 1);
    Place& place = places_[name];
    place.last = std::max(place.last, now);
    if (place.instances.empty()) {
      place.people_first = !place.person.empty() && now - place.person_last <= person_memory;
    }
    if (place.instances.size() < egress_instances) place.instances.insert(instance);
    if (place.raised && place.days_since.size() < egress_days) place.days_since.insert(now / day_ms);
    return place;
  }

  void see_person(const Candidate& row) {
    if (!row.subject.remote_ip) return;
    trim(places_, places_max - 1);
    Place& place = places_[row.subject.remote_ip->to_string()];
    place.last = place.person_last = std::max(place.last, row.first.time);
    place.person = *value_of(row, person_name);
    const std::string& ids = *value_of(row, reached_name);
    for (std::size_t at = 0; at < ids.size() && place.reached.size() < reached_max;) {
      const std::size_t end = std::min(ids.find(' ', at), ids.size());
      place.reached.insert(ids.substr(at, end - at));
      at = end + 1;
    }
  }

  // The address of the same family that the row's key was first seen at, when it is another.
  std::optional<IpAddress> other_address(const Candidate& row, const IpAddress& address, TimeMs now) {
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

  std::optional<Candidate> raise(const Candidate& row, Place& place, std::uint8_t type, std::string_view why,
                                 const std::string& other, bool affiliated) {
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

  std::map<std::string, Place> places_;
  std::map<std::string, Session> sessions_;
  TimeMs swept_ = 0;
};

}  // namespace

extern const Detector instance_credential_exfiltration = {
    .types = {{.name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.005"},  // Credential Access: Cloud Instance Metadata API
               .title = "Credentials of instance {instance} were used from elsewhere in AWS.",
               .description =
                   "Credentials that only instance {instance} should hold were used to call {api} from "
                   "{remote_ip}, inside AWS but not where the instance is: {why}."},
              {.name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1552.005"},
               .title = "Credentials of instance {instance} were used from outside AWS.",
               .description =
                   "Credentials that only instance {instance} should hold were used to call {api} from "
                   "{remote_ip}, which is not where the instance is: {why}."}},
    .summary = "An instance role's session was used from where the instance is not.",
    .when = {any_call()},
    .issue = {key::principal, key::evidence("instance")},
    .entity = key::evidence("instance_account"),
    .logic = ordered<InstanceSessions>(select),
    .blind_spots =
        "Use from other instances and NAT gateways of the same account; from unknown addresses inside AWS's "
        "ranges; without loaded ranges, a stolen session that is only ever seen at one address where nobody "
        "else was. Instances that leave through an office line look stolen until three were seen there.",
};

}  // namespace picket::detectors
