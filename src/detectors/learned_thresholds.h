// Every number the detectors of learned network behaviour decide by, beside network_thresholds.h. What they
// may look at is in engine/host_day.h; habits are those of the last 30 days (state/host_norms.h).
#pragma once

#include <cstdint>

namespace picket::detectors::threshold {

// ---- what is known well enough ------------------------------------------------------------------
// AWS does not tell GuardDuty's learning period; study notes say 7 to 14 days. A week has every weekday once.
constexpr unsigned host_days_min = 7;
// A host without a week of its own is judged by its subnet, when that was there for two.
constexpr unsigned neighbours_days_min = 14;
// Neither: then by its account of two weeks, if it is no longer new itself. What is new in the account then
// is new indeed.
constexpr unsigned account_days_min = 14, settled_days_min = 2;
// What several hosts did on this many days is the account's habit.
constexpr unsigned many_days_min = 2;
// A roll-out: half of the subnet's hosts of the day, at least three, take a thing up together.
constexpr std::uint64_t rollout_hosts_min = 3;

// ---- unusual port -------------------------------------------------------------------------------
// Who begins something new every week (of four in the norms' memory) is a workbench, not a server.
constexpr unsigned explorer_days_min = 4;
// A port that hosts of the account took up on so many days is one that hosts there take up.
constexpr unsigned taken_up_days_min = 2;
// More new ports than that on one day are a peer-to-peer program's, or a scan, which Portscan tells.
constexpr std::size_t new_ports_max = 5;
// LDAP, and the port that log4j exploit kits serve it on (GuardDuty's user guide names both).
constexpr std::uint16_t ldap_port = 389, ldap_exploit_port = 1389;

// ---- unusual volume -----------------------------------------------------------------------------
// Per remote host and day.
constexpr std::uint64_t volume_bytes_min = 1'000'000'000;
// Times as much as on half of the host's days, and as any host of the account sent to that network.
constexpr std::uint64_t volume_factor = 10;
// An upload's acknowledgements are a seventieth of it (40 bytes for two segments of 1,400); a tunnel or a
// replication has traffic both ways.
constexpr std::uint64_t volume_one_way_factor = 20;
// A network that was sent much on so many days is where such things go.
constexpr unsigned volume_days_min = 2;
// On a single day before, such things went there when it was at least this part of it: back-ups grow by
// little from one week to the next.
constexpr std::uint64_t volume_again_factor = 2;

// ---- spam ---------------------------------------------------------------------------------------
// Distinct mail servers in one hour. A host that reports to its administrators knows one relay, a
// misconfigured one the mail exchangers of a few domains.
constexpr std::uint64_t mail_servers_min = 10;
// Of a host that sent mail before: times its busiest hour.
constexpr std::uint64_t mail_factor = 8;
// Of a host that little is known of, in an account that never sent mail.
constexpr std::uint64_t mail_servers_of_new_host_min = 20;

// ---- other resolvers ----------------------------------------------------------------------------
// Queries to a listed resolver; fewer are somebody's look at it (dig @8.8.8.8).
constexpr std::uint64_t resolver_queries_min = 5;
// To an address nobody lists: certificate and DNS tools ask a zone's own servers a handful of questions.
constexpr std::uint64_t unlisted_queries_min = 20;

}  // namespace picket::detectors::threshold
