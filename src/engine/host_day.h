// What one host said to public addresses in one day (UTC), as far as it takes to learn what is usual for it.
// Order-free: adding and merging commute, so that neither threads nor the order of records can show.
// 0.5 kB, 125 bytes for each remote address it talks to (at most 24) and 145 for each port, mail server,
// resolver or receiver of much; 24 kB when all samples are full.
//
// Which of two ends began is inferred (engine/flow_sides.h): of what cannot be told, nothing is learned.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/archive.h"
#include "base/hash.h"
#include "event/flow_record.h"
#include "state/distinct_sample.h"
#include "state/flow_stamp.h"
#include "state/host_norms.h"
#include "state/minute_set.h"

namespace picket {

class Facts;
struct HostTally;

// What of a record is kept. Services everyone uses (HTTP, HTTPS, NTP) count as presence only.
enum class TalkKind : std::uint8_t { presence, service, mail, dns, dns_over_tls, dns_over_https };

// Kinds of traits that the norms hold (state/host_norms.h), and of which thing.
enum class HostTrait : std::uint8_t {
  present,        // it sent something
  service,        // talked on this port
  service_peer,   // ... to this address
  mail,           // sent mail; most distinct servers in an hour
  resolver,       // asked this public resolver
  bulk,           // sent a lot to this network; most a day, in bulk_unit
  periodic,       // connected to this network at regular intervals
  began_service,  // talked on a port that was new for it
  taken_up,       // some host began to talk on this port
  many,           // several hosts did it: `thing` is another trait
  suspected,      // new on a day with a finding, not learned: `thing` is another trait
};

// Whom flow records were exchanged with, and when.
struct Exchange {
  IpAddress remote;  // with the ports of the earliest record
  std::uint16_t local_port = 0, remote_port = 0;
  std::uint8_t protocol = 0;
  FlowStamp first, last;

  // Whether the other's earliest record is now this one's; `fresh`: this one has none yet.
  bool take(const Exchange& other, bool fresh) {
    const bool earlier = fresh || other.first < first;
    const FlowStamp latest = std::max(last, other.last);
    if (earlier) *this = other;
    last = latest;
    return earlier;
  }
};

// The records of one kind between the host and one remote port or address.
struct Talk : Exchange {
  TalkKind kind = TalkKind::presence;
  std::uint32_t hours = 0;  // bit per hour of the day
  std::uint64_t records = 0, packets = 0, bytes_out = 0, bytes_in = 0;

  void merge(const Talk& other) {
    if (other.records == 0) return;
    if (take(other, records == 0)) kind = other.kind;
    hours |= other.hours;
    records += other.records;
    packets += other.packets;
    bytes_out += other.bytes_out;
    bytes_in += other.bytes_in;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(remote, local_port, remote_port, protocol, kind, hours, records, packets, bytes_out, bytes_in, first,
       last);
  }
};

// Connections to one remote address, other than for names, time and mail, as far as they are small: when
// they began.
struct Contact : Exchange {
  std::uint32_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t client_ports = 0;  // hashed to 64 bits: a connection that lasts keeps its port
  MinuteSet minutes;

  void merge(const Contact& other) {
    if (other.records == 0) return;
    take(other, records == 0);
    records += other.records;
    bytes += other.bytes;
    client_ports |= other.client_ports;
    minutes.merge(other.minutes);
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(remote, local_port, remote_port, protocol, records, bytes, client_ports, minutes, first, last);
  }
};

struct HostDay {
  // Whose norms apply, as hashes: the host's, its neighbours' and its account's.
  std::uint64_t host = 0, neighbours = 0, everyone = 0;
  std::int32_t day = 0;  // since 1970
  std::string account, region;
  ShortText interface;
  IpAddress local;
  std::array<std::uint32_t, 24> hours{};  // records by hour, of connections that it began
  DistinctSample<Talk, 24> services;      // by protocol and remote port; only what carried data
  DistinctSample<Talk, 64> mail;          // by remote address
  DistinctSample<Talk, 24> resolvers;     // by kind and remote address
  DistinctSample<Talk, 32> bulk;          // by remote address: records of 256 KiB and more
  DistinctSample<Contact, 24> contacts;   // by remote address

  static std::uint64_t service_hash(std::uint8_t protocol, std::uint16_t port) {
    return hash_mix(hash_mix(0x5e81ceU, protocol), port);
  }
  static std::uint64_t address_hash(const IpAddress& ip) {
    return hash_mix(hash_mix(1, ip.high()), ip.low());
  }

  void merge(const HostDay& other) {
    for (std::size_t i = 0; i < hours.size(); ++i) hours[i] += other.hours[i];
    services.merge(other.services);
    mail.merge(other.mail);
    resolvers.merge(other.resolvers);
    bulk.merge(other.bulk);
    contacts.merge(other.contacts);
  }
  std::size_t bytes() const {
    std::size_t minutes = 0;
    for (const auto& [hash, contact] : contacts.entries()) minutes += contact.minutes.bytes();
    return sizeof *this + services.bytes() + mail.bytes() + resolvers.bytes() + bulk.bytes() +
           contacts.bytes() + minutes;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(host, neighbours, everyone, day, account, region, interface, local, hours, services, mail, resolvers,
       bulk, contacts);
  }
};

// So many hosts of an account make a thing the account's habit, not one host's.
constexpr std::uint64_t many_hosts = 3;

// Of HostTrait::bulk, so that an amount reaches 4 TB.
constexpr std::uint64_t bulk_unit = 1024;

// A trait of a host, its neighbours or everyone (HostDay), for the norms.
inline std::uint64_t host_trait(std::uint64_t scope, HostTrait kind, std::uint64_t thing) {
  return HostNorms::trait(scope, static_cast<std::uint8_t>(kind), thing);
}
// Of HostTrait::service_peer: the port and the remote address.
std::uint64_t service_peer_thing(const Talk& talk);
// Of HostTrait::resolver: a provider's addresses are one resolver, however it is asked is told apart.
std::uint64_t resolver_thing(const Talk& talk);
// Of HostTrait::bulk and periodic: the network that the address is of; amazon_network for all of Amazon's,
// when its ranges are known.
constexpr std::uint64_t amazon_network = 1;
std::uint64_t network_thing(const IpAddress& ip, const Facts& facts);
std::uint64_t most_mail_servers_in_an_hour(const HostDay& day);
// For who investigates: whom the host talked to, as far as the samples tell.
HostTally tally_of(const HostDay& day, const Facts& facts);
// A host that asks so many DNS servers in a day resolves names itself, or forwards: they are not its habits.
constexpr std::ptrdiff_t recursive_servers_min = 8;
bool resolves_itself(const HostDay& day);
// A host of more ports than are kept (a peer-to-peer program, a scanner) has none that is its habit, or not.
inline bool has_any_port(const HostDay& day) {
  return day.services.counted() < day.services.entries().size();
}
// The minutes between connections when they come like clockwork: far more regular than by chance. Fixed
// tables and integers only.
std::optional<std::uint32_t> period_of(const Contact& contact);

}  // namespace picket
