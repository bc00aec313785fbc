// Every number a network detector decides by, in one table. "Tester" is awslabs/amazon-guardduty-tester,
// whose volumes must fire; ours fire at about a tenth of them unless ordinary traffic forbids it.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace picket::detectors::threshold {

// ---- port scan: distinct ports of one host tried by another in one window ------------------------
constexpr TimeMs scan_span = 10 * minute_ms;
// Tester: nmap's default of 1,000 ports. Slips takes 5 ports, Panther 10, Zeek's old policy 15 in 5 minutes;
// a domain member reaches about a dozen ports of its controller, a monitoring system some 20 of a host.
constexpr std::size_t scan_ports_min = 25;
constexpr std::size_t scan_ports_kept = 128;  // more are "128 or more"
constexpr std::size_t scan_ports_shown = 20;  // as GuardDuty's portsScannedSample has
// A probe is a SYN and its repetitions, or a connect and its reset: SYN, ACK, RST and one retransmission.
constexpr std::uint64_t probe_packets_max = 4;
constexpr std::uint64_t probe_packet_bytes_max = 60;  // IPv4 20 + TCP 20 + the SYN's options 20
constexpr std::uint64_t windows_syn_bytes = 52;       // its options are MSS, window scale and SACK
constexpr std::uint64_t bare_packet_bytes = 40;       // without options: every reset, but also raw SYNs
// Linux hands out client ports from here: what is sent to a higher one is more often an answer than a probe.
constexpr std::uint16_t client_port_min = 32768;
// NAT hands out client ports from here (AWS NAT gateway: 1024-65535).
constexpr std::uint16_t unprivileged_port_min = 1024;

// ---- port sweep: distinct public addresses one host tried on one port in one window --------------
// Zeek's old policy took 25 hosts in five minutes. A mail server whose peers are down, or a crawler, fails at
// a dozen addresses in ten minutes; a sweep of a /24 tries 254.
constexpr std::size_t sweep_hosts_min = 50;
constexpr std::size_t sweep_hosts_kept = 256;  // more are "256 or more"

// ---- password guessing: sessions of one pair on SSH's, RDP's or WinRM's port -------------------
constexpr TimeMs guess_bucket = hour_ms;
constexpr TimeMs guess_span = 10 * minute_ms;  // counted per tenth minute within the hour
// Tester: 20 rounds of a key list, at least one connection each. Zeek: 30 guesses in 30 minutes.
constexpr std::uint32_t guess_sessions_min = 15;
// SSHCure and science: a guess takes 8 to 80 packets; fewer is a probe or a health check, more is work.
constexpr std::uint64_t guess_packets_min = 8, guess_packets_max = 80;
constexpr double guess_variation_max = 0.35;  // standard deviation / mean of the packets of a session
// A pair whose earlier hours were at least this share as busy is configuration management or polling.
constexpr double guess_usual_share = 0.5;

// Spread over many addresses. Three times Zeek's 30 guesses in half an hour, from more places than people of
// one company sit at in one hour with sessions all alike.
constexpr std::size_t spread_sources_min = 20, spread_sources_kept = 256;
constexpr std::uint64_t spread_sessions_each_min = 2;  // on average: who comes once may be a scanner

// ---- floods to one public address ----------------------------------------------------------------
constexpr TimeMs flood_span = 10 * minute_ms;
// Tester: 400,000 datagrams. A tenth is 40,000; 30,000 is a 60-second record at the least rate below.
constexpr std::uint64_t flood_packets_min = 30'000;
// RTP is 50-100 packets/s, a busy one-way syslog sender some hundred. 40,000 in 60 s are 667.
constexpr std::uint64_t flood_rate_min = 500;
// Share of answers in a conversation: QUIC acknowledges every tenth packet or oftener, DNS answers each.
constexpr double flood_answers_max = 0.05;
// The half that may answer: the least that can be the share above of the least flood.
constexpr std::uint64_t answer_rate_min = 25, answer_packets_min = 250;
// The two halves of a conversation start within this of each other; nearer to the edge of a window the other
// half may be in the next.
constexpr TimeMs halves_apart_max = 2 * second_ms;
// Fresh sockets (DNS, SYN floods): one short flow for each packet or two.
constexpr std::uint64_t fresh_packets_max = 3;
// Of those one client port in 16 is looked at and stands for all, which keeps the cost of ordinary DNS low: a
// flood of 30,000 sockets shows 1,875, give or take 2 %. Linux gives a program even ports first, so the
// lowest bit does not choose.
constexpr std::uint64_t fresh_share = 16;
// Of sockets with more packets one in 64: their other halves, of whatever they carry, are looked at too. A
// flood of 30,000 packets at ten a socket shows 47.
constexpr std::uint64_t around_share = 64;

}  // namespace picket::detectors::threshold
