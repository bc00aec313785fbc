// What learned detectors judge: behaviours that a principal shows within hours, against what is normal for it
// (state/rarity.h). A behaviour is a way of calling: which API, from which network, with what client, on
// what, with which success. The first record of each behaviour of a principal and day is judged; that is also
// all that is learned of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "base/boxed.h"
#include "base/ip.h"
#include "engine/evidence.h"
#include "finding/subject.h"
#include "state/api_tactics.h"
#include "state/call_aim.h"
#include "state/rarity.h"

namespace picket {

// Which detector's business a behaviour is. Principals are the same in all of a log.
enum class Domain : std::uint8_t {
  api,      // AWS's management API
  object,   // S3 objects, and who may reach them
  model,    // models that are invoked
  cluster,  // a Kubernetes cluster's API
};

// Of a record that tells something new, what judging and a finding need.
struct Behaviour {
  Domain domain = Domain::api;
  std::string account, region;
  AccessKeySubject who;
  std::string peers;   // group of like principals
  std::string person;  // who has principals in several accounts; empty when that is not known
  ApiCall call;
  std::optional<IpAddress> remote_ip;
  std::string source;  // what the caller's network is called when it has no public address
  std::string client, credential, error, resource;
  CallAim aim;
  // Of clusters; the account's place is taken by the cluster, the Region's by the namespace.
  Boxed<KubernetesSubject> kubernetes;
  Boxed<KubernetesCall> request;
  // What the detector that selects requests said of it: which of its types it may be, and why.
  std::optional<std::uint8_t> type;
  NamedValues details;
  ProofRecord first;  // the earliest record
  std::uint64_t tuple = 0;

  static Day day_of(TimeMs time) { return static_cast<Day>(time / day_ms); }
  template <class Ar>
  void io(Ar& ar) {
    ar(first, tuple, domain, account, region, who, peers, person, call, remote_ip, source, client, credential,
       error, resource, aim, kubernetes, request, type, details);
  }
};

// A behaviour while it waits for its judgement: packed it takes a third of the memory.
class PackedBehaviour {
 public:
  PackedBehaviour() = default;
  explicit PackedBehaviour(const Behaviour& whole);
  bool empty() const { return packed_.empty(); }
  const ProofRecord& first() const { return first_; }
  std::uint64_t tuple() const { return tuple_; }
  Behaviour whole() const;
  void save(Writer& out) const { out.bytes(packed_.data(), packed_.size()); }  // as the whole is

 private:
  ProofRecord first_;
  std::uint64_t tuple_ = 0;
  std::string packed_;
};

// A behaviour with its judgement, as of its time.
struct JudgedBehaviour {
  Behaviour what;
  Act act;
  std::array<std::string, factor_count> texts;
  std::array<FactorBits, factor_count> bits;
  std::array<Frequency, factor_count> own,
      account;  // how often the principal, and anybody of the account, did
  ApiTactic tactic;
  const FactorBits& of(Factor factor) const { return bits[static_cast<std::size_t>(factor)]; }
  const std::string& text(Factor factor) const { return texts[static_cast<std::size_t>(factor)]; }
  bool refused() const { return !what.call.error_code.empty(); }
  template <class Ar>
  void io(Ar& ar) {
    ar(what, act, texts, bits, own, account, tactic);
  }
};

// Unusual behaviours of one principal in one domain, none more than an hour after the one before, a day at
// most.
struct Incident {
  Domain domain = Domain::api;
  std::vector<JudgedBehaviour> behaviours;  // that are unusual, by time; never empty
  std::uint32_t usual = 0;                  // others in between
  bool young = false;                       // little is known of the principal
  template <class Ar>
  void io(Ar& ar) {
    ar(domain, behaviours, usual, young);
  }
};

// What an incident comes to, in 1/256 bit.
struct IncidentScore {
  std::int32_t calls = 0;    // calls that are new to the principal, its peers, …
  std::int32_t risk = 0;     // what they serve in an intruder's hands
  std::int32_t context = 0;  // where from, with what, on what, with which success
  std::size_t primary = 0;   // the riskiest call
  std::int32_t total() const { return calls + risk + context; }
};
IncidentScore weigh(const Incident& incident);

// Evidence from which on an incident is anomalous, in 1/256 bit.
std::int32_t threshold_of(Domain domain);
bool is_anomalous(const Incident& incident, const IncidentScore& score);

}  // namespace picket
