// Temporary credentials used from where their workload is not: what the detectors of stolen instance and
// stolen resource credentials share. Rows come in order of time, by account.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/detector.h"

namespace picket::detectors {

// Type indexes of the literals that use this.
constexpr std::uint8_t inside_aws = 0, outside_aws = 1, inside_account = 2;

// The words for a workload in evidence.
constexpr std::string_view instance_name = "instance", resource_name = "resource";

// What a row carries for the state; the finding shows it too.
namespace session_row {
constexpr std::string_view account = "workload_account", person = "person", reached = "reached_instances",
                           endpoint = "vpc_endpoint", endpoint_account = "vpc_endpoint_account",
                           inner_address = "address_in_vpc";
}

// What holds the credentials decides what its addresses say.
enum class WorkloadKind : std::uint8_t {
  instance,
  // Runs on nobody's machine: outside VPCs its calls leave through AWS's pool of addresses, each from
  // another.
  function,
  // Runs on an instance or on none, and shares the addresses of what it runs on.
  container,
};

// What the names of a detector's workloads say they are: functions have ARNs.
WorkloadKind kind_of(std::string_view name, std::string_view workload);

// The row of a call with a workload's credentials, when its address can say anything; `name` is the word for
// what `workload` is.
std::optional<Evidence> session_row_of(const CloudTrailEvent& call, std::string_view name,
                                       std::string_view workload);

// A row of a person at work marks an address; it is never raised itself.
std::optional<Evidence> person_row_of(const CloudTrailEvent& call);

// Where the sessions of an account's workloads call from, and who else is there. A call is judged by the
// first of these that knows its address:
//   - the workload's own place (its instance's addresses, its VPC's NAT gateways, others of its account that
//     no instance has): nothing;
//   - where it called from when it had just been launched, the network of the company's VPN gateway, what
//     three workloads of the account call from (a NAT, proxy or line nobody told of), the NAT gateway of a
//     VPC that shares a transit gateway with the workload's: egress, nothing;
//   - another instance of the account: InsideAccount;
//   - another account, by its address or its VPC endpoint: InsideAWS;
//   - AWS's ranges, but whose address is not known: InsideAWS only if something else tells, see below;
//   - outside AWS's ranges: OutsideAWS.
// What else tells: the workload's place is known and it called from there, best of all during the key's life,
// so that the key is at two places; or a person who had reached the instance is at the address; or the client
// does not say that it runs in a function or task, as the workload's clients do; or it is one that the
// instance never used, and nobody else uses the address, while the instance leaves by the account's egress.
//
// Often neither inventory nor ranges are there: an archive begins after the instances were launched, and
// ranges must be loaded. A single unknown address is then the usual place of a healthy instance, so something
// else must say that the session is used elsewhere: the same key at two addresses, a person at work at that
// address before any instance was seen there, a client that runs on macOS, or, where nobody else uses the
// address, one that the workload never had.
class StolenSessions {
 public:
  explicit StolenSessions(std::string_view name) : name_(name) {}
  std::optional<Candidate> step(const Candidate& row, const Facts& facts);
  std::uint64_t take_evicted() { return std::exchange(evicted_, 0); }
  template <class Ar>
  void io(Ar& ar) {
    ar(places_, sessions_, workloads_, swept_);
  }

 private:
  struct Place {  // an address, an instance of the account, or the account of a VPC endpoint
    TimeMs last = 0;
    std::set<std::string> workloads;  // at most three
    bool raised = false;
    // Days after it was raised on which three workloads used it; those of the last such day so far.
    std::set<std::int64_t> days_since;
    std::int64_t today = 0;
    std::set<std::string> workloads_today;
    TimeMs person_last = 0;
    std::string person;             // the last one
    std::set<std::string> people;   // at most three
    std::set<std::string> reached;  // instances that people reached from here
    bool people_first = false;      // a person was here, not long before the first workload
    bool is_egress() const;
    template <class Ar>
    void io(Ar& ar) {
      ar(last, workloads, raised, days_since, today, workloads_today, person_last, person, people, reached,
         people_first);
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
  // An address the workload was last seen at, and when the inventory was asked about it.
  struct Looked {
    std::optional<IpAddress> address;
    TimeMs last = 0, checked = 0;
    bool holds(const IpAddress& seen, TimeMs now) const;  // was looked up lately
    // Whether the workload is there now; `is_own` asks the inventory, which holds for a while.
    template <class IsOwn>
    bool see(const IpAddress& seen, TimeMs now, IsOwn is_own);
    template <class Ar>
    void io(Ar& ar) {
      ar(address, last, checked);
    }
  };
  struct Workload {
    TimeMs last = 0;
    Looked outer, inner;            // on the Internet; in the VPC, through an endpoint
    Looked unknown, unknown_inner;  // of which the inventory says nothing: seen to be nobody's, lately
    std::optional<IpAddress> home;  // where it called from right after its launch
    TimeMs pool_last = 0;           // of functions: when it last called from AWS's pool
    // Of functions and tasks: calls whose client said that it runs in one, and the others not raised.
    std::uint32_t in_environment = 0, elsewhere = 0;
    TimeMs egress_last = 0;         // of instances: when it last left by the account's egress,
    std::set<std::string> clients;  // and by which clients, at most eight
    template <class Ar>
    void io(Ar& ar) {
      ar(last, outer, inner, unknown, unknown_inner, home, pool_last, in_environment, elsewhere, egress_last,
         clients);
    }
  };
  struct Call;

  std::optional<Candidate> through_endpoint(const Call& call, const Facts& facts);
  std::optional<Candidate> from_internet(const Call& call, const Facts& facts);
  std::optional<Candidate> without_ranges(const Call& call, Place& place,
                                          const std::optional<IpAddress>& elsewhere, const Facts& facts);
  Workload& workload_of(const Call& call, const Facts& facts);
  Place& place_of(const std::string& name, TimeMs now);
  Place& use(const std::string& name, const Call& call);
  void see_person(const Candidate& row);
  // The address of the same family that the row's key was first seen at, when it is another.
  std::optional<IpAddress> other_address(const Call& call);

  std::string_view name_;
  std::map<std::string, Place> places_;
  std::map<std::string, Session> sessions_;
  std::map<std::string, Workload> workloads_;
  TimeMs swept_ = 0;
  std::uint64_t evicted_ = 0;  // since it was last asked; not saved
};

}  // namespace picket::detectors
