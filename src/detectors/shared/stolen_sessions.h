// Temporary credentials used from where their workload is not: what the detectors of stolen instance and
// stolen resource credentials share. Rows come in order of time, by account.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/detector.h"

namespace picket::detectors {

// Type indexes of the literals that use this.
constexpr std::uint8_t inside_aws = 0, outside_aws = 1;

// What a row carries for the state; the finding shows it too. `workload_name` is the detector's own word:
// "instance", "resource".
namespace session_row {
constexpr std::string_view account = "workload_account", person = "person", reached = "reached_instances",
                           endpoint_account = "vpc_endpoint_account";
}

struct SessionKind {
  std::string_view workload_name;
  // Whether a key stays at one address as long as it lives, so that a second one tells. A function's calls
  // leave through AWS's pool.
  bool key_stays;
};

// The row of a call with a workload's credentials, when its address can say anything; `workload` names it.
std::optional<Evidence> session_row_of(const CloudTrailEvent& call, const SessionKind& kind,
                                       std::string_view workload);

// A row of a person at work marks an address; it is never raised itself.
std::optional<Evidence> person_row_of(const CloudTrailEvent& call);

// Where the sessions of an account's workloads call from, and who else is there.
//
// An instance's own addresses, those of its account's other instances and of its NAT gateways are known from
// the inventory, and AWS's published ranges tell the rest apart: outside them, and outside learned egress,
// nobody's instance calls. Often neither is there: an archive begins after the instances were launched, and
// ranges must be loaded. A single unknown address is then the usual place of a healthy instance, so something
// else must say that the session is used elsewhere: the same key at two addresses, a person at work at that
// address before any instance was seen there, or a client that runs on macOS.
class StolenSessions {
 public:
  explicit StolenSessions(const SessionKind& kind) : kind_(kind) {}
  std::optional<Candidate> step(const Candidate& row, const Facts& facts);
  template <class Ar>
  void io(Ar& ar) {
    ar(places_, sessions_, swept_);
  }

 private:
  struct Place {  // an address, or the account of a VPC endpoint
    TimeMs last = 0;
    std::set<std::string> workloads;  // at most three
    bool raised = false;
    std::set<std::int64_t> days_since;  // on which workloads used it after it was raised
    TimeMs person_last = 0;
    std::string person;
    std::set<std::string> reached;  // instances that people reached from here
    bool people_first = false;      // a person was here, not long before the first instance
    template <class Ar>
    void io(Ar& ar) {
      ar(last, workloads, raised, days_since, person_last, person, reached, people_first);
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

  Place& use(const std::string& name, const std::string& workload, TimeMs now);
  void see_person(const Candidate& row);
  // The address of the same family that the row's key was first seen at, when it is another.
  std::optional<IpAddress> other_address(const Candidate& row, const IpAddress& address, TimeMs now);
  std::optional<Candidate> raise(const Candidate& row, Place& place, std::uint8_t type, std::string_view why,
                                 const std::string& other, bool affiliated) const;

  const SessionKind& kind_;
  std::map<std::string, Place> places_;
  std::map<std::string, Session> sessions_;
  TimeMs swept_ = 0;
};

}  // namespace picket::detectors
