// What service.detection.sequence is written from: what one rule told of a finding that it may share with
// others, and the signals of an attack sequence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "finding/subject.h"

namespace picket {

struct Signal {
  std::uint64_t count = 0;
  TimeMs first = 0, last = 0;
  double severity = 0;   // the highest
  std::string event_id;  // of the latest record, of which the rest is
  ApiCall call;
  std::optional<IpAddress> remote_ip;

  // In any order: the latest record's call stays.
  void merge(const Signal& other) {
    count += other.count;
    first = std::min(first, other.first);
    severity = std::max(severity, other.severity);
    if (std::tie(other.last, other.event_id) <= std::tie(last, event_id)) return;
    last = other.last;
    event_id = other.event_id;
    call = other.call;
    remote_ip = other.remote_ip;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(count, first, last, severity, event_id, call, remote_ip);
  }
};

// Whose identity took part in a sequence.
struct SequenceActor {
  AccessKeySubject who;  // with one of its access keys
  std::string account;
  template <class Ar>
  void io(Ar& ar) {
    ar(who, account);
  }
};

enum class SignalKind : std::uint8_t { call, refused_call, finding, refused_finding, context };
constexpr bool is_refused(SignalKind kind) {
  return kind == SignalKind::refused_call || kind == SignalKind::refused_finding;
}
constexpr bool is_finding(SignalKind kind) {
  return kind == SignalKind::finding || kind == SignalKind::refused_finding;
}
constexpr bool is_call(SignalKind kind) {
  return kind == SignalKind::call || kind == SignalKind::refused_call;
}

// "s3" of "s3.amazonaws.com", as sequences name services.
inline std::string_view short_service(std::string_view event_source) {
  return event_source.substr(0, event_source.find('.'));
}
// "iam:ListUsers"
inline std::string call_name(const ApiCall& call) {
  return std::string(short_service(call.service_name)) + ':' + call.api;
}

// One kind of thing that an actor did: a call that serves a tactic, a finding, or what was new about it.
struct SequenceSignal {
  SignalKind kind = SignalKind::call;
  std::string name;               // "iam:ListUsers", or the finding's type
  std::string tactic, technique;  // ATT&CK's name of the tactic and id of the technique
  std::int32_t bits = 0;          // evidence, in 1/256 bit
  bool advances = false;          // the first of its tactic, and not behind the tactics before it
  double severity = 0;
  std::uint64_t count = 0;
  ProofRecord first, last;
  ApiCall call;  // of the first record
  std::string region;
  std::set<std::string> actors, accounts, buckets, indicators;  // indicators: categories of intelligence
  std::set<IpAddress> addresses;
  std::string network;  // of the addresses: "AS64500"
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, name, tactic, technique, bits, advances, severity, count, first, last, call, region, actors,
       accounts, buckets, indicators, addresses, network);
  }
};

// An attack sequence as it stands.
struct Sequence {
  std::string root;  // the identity all others descend from
  TimeMs raised = 0;
  std::int32_t score = 0;  // in 1/256 bit
  std::map<std::string, SequenceActor> actors;
  std::vector<SequenceSignal> signals;  // by time of their first record
  template <class Ar>
  void io(Ar& ar) {
    ar(root, raised, score, actors, signals);
  }
};

}  // namespace picket
