#include "engine/host_day.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <vector>

#include "state/entities.h"
#include "state/facts.h"
#include "state/public_resolvers.h"

namespace picket {

namespace {

// What a regular contact is at least: a dozen connections over three hours, each of them small.
constexpr std::uint32_t contact_records_min = 12;
constexpr unsigned contact_minutes_min = 180;
constexpr std::uint64_t contact_bytes_mean_max = 16U << 10;
// A connection that lasts shows in every aggregation interval, like clockwork, from one client port.
constexpr int client_ports_min = 6;
// Jitter of the period either way, in percent: frameworks' usual 30, and rounding to minutes.
constexpr std::uint32_t jitter_percent_max = 35, in_period_percent_min = 85;
// Below two minutes the minutes themselves are too coarse; then far fewer of them must be empty than random
// arrivals of that rate leave. Beyond three a minute those leave hardly any.
constexpr std::uint32_t coarse_period = 2, coarse_rate_max = 3;
// At least so many by chance, and this much fewer: the square of the difference in units of the expectation,
// whose variance is at most a fifth of it.
constexpr std::uint64_t empty_by_chance_min = 12, far_fewer = 8;

// Of `minutes` minutes those that random arrivals leave empty, `records` of them: minutes * exp(-rate).
std::uint64_t empty_by_chance(std::uint64_t minutes, std::uint64_t records) {
  // exp(-i/16) * 2^16, rounded.
  static constexpr std::array<std::uint32_t, 50> exponential = {
      65536, 61565, 57835, 54331, 51039, 47947, 45042, 42313, 39750, 37341, 35079, 32954, 30957,
      29081, 27319, 25664, 24109, 22649, 21276, 19987, 18776, 17639, 16570, 15566, 14623, 13737,
      12905, 12123, 11388, 10698, 10050, 9441,  8869,  8332,  7827,  7353,  6907,  6489,  6096,
      5726,  5380,  5054,  4747,  4460,  4190,  3936,  3697,  3473,  3263,  3065};
  const std::uint64_t step = std::min<std::uint64_t>(records * 16 / minutes, exponential.size() - 1);
  return minutes * exponential[step] >> 16U;
}

// base^exponent with 32 bits behind the point, below 1.
std::uint64_t power(std::uint64_t base, std::uint32_t exponent) {
  std::uint64_t result = std::uint64_t{1} << 32U;
  for (; exponent > 0; exponent >>= 1U) {
    if ((exponent & 1U) != 0) result = result * (base >> 16U) >> 16U;
    base = base * (base >> 16U) >> 16U;
  }
  return result;
}

// Whether so many of the gaps lie from `low` to `high` that random arrivals of the same rate hardly ever do:
// 4.5 standard deviations above the share that they have there, which is geometric.
bool far_from_chance(std::uint64_t regular, std::uint64_t gaps, unsigned span, std::uint32_t low,
                     std::uint32_t high) {
  constexpr std::uint64_t deviations_squared = 20, one = 1U << 16U;
  const std::uint64_t none = (std::uint64_t{span} - gaps) * (std::uint64_t{1} << 32U) / span;  // in a minute
  const std::uint64_t share = (power(none, low - 1) - power(none, high)) >> 16U;
  const std::uint64_t expected = gaps * share;
  if (regular * one <= expected) return false;
  const std::uint64_t excess = regular * one - expected;
  return excess * excess >= deviations_squared * expected * (one - share);
}

}  // namespace

std::uint64_t service_peer_thing(const Talk& talk) {
  return hash_mix(HostDay::service_hash(talk.protocol, talk.remote_port), HostDay::address_hash(talk.remote));
}

std::uint64_t resolver_thing(const Talk& talk) {
  const PublicResolver* listed = public_resolver(talk.remote);
  const std::uint64_t who = listed != nullptr ? hash64(listed->provider) : HostDay::address_hash(talk.remote);
  return hash_mix(who, static_cast<std::uint64_t>(talk.kind));
}

// Networks are owned by /16 (IPv4) and /32 (IPv6) more often than not, and a service's addresses change
// within them. Amazon's are one: what is stored there moves about all of them.
std::uint64_t network_thing(const IpAddress& ip, const Facts& facts) {
  if (facts.aws_address(ip).value_or(false)) return amazon_network;
  return ip.is_v4() ? (std::uint64_t{ip.v4_value()} >> 16U) + 2 : ip.high() >> 32U;
}

std::uint64_t most_mail_servers_in_an_hour(const HostDay& day) {
  std::array<std::uint64_t, 24> servers{};
  for (std::size_t i = 0; i < day.mail.counted(); ++i) {
    const Talk& talk = day.mail.entries()[i].second;
    for (std::size_t hour = 0; hour < servers.size(); ++hour) servers[hour] += talk.hours >> hour & 1U;
  }
  return day.mail.scaled(*std::max_element(servers.begin(), servers.end()));
}

bool resolves_itself(const HostDay& day) {
  return std::ranges::count_if(day.resolvers.entries(), [](const auto& entry) {
           return entry.second.kind == TalkKind::dns;
         }) >= recursive_servers_min;
}

std::optional<std::uint32_t> period_of(const Contact& contact) {
  if (contact.records < contact_records_min || contact.bytes > contact.records * contact_bytes_mean_max ||
      std::popcount(contact.client_ports) < client_ports_min)
    return std::nullopt;
  const std::vector<std::uint16_t> minutes = contact.minutes.sorted();
  const unsigned span = minutes.back() - minutes.front();
  if (span < contact_minutes_min) return std::nullopt;
  std::vector<std::uint16_t> gaps;
  for (std::size_t i = 1; i < minutes.size(); ++i)
    gaps.push_back(static_cast<std::uint16_t>(minutes[i] - minutes[i - 1]));
  const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  const std::uint32_t median = *middle;
  if (median < coarse_period) {
    const std::uint64_t empty = span + 1 - minutes.size();
    const std::uint64_t by_chance = empty_by_chance(span + 1, contact.records);
    const bool clockwork = contact.records <= coarse_rate_max * span && by_chance >= empty_by_chance_min &&
                           empty < by_chance &&
                           (by_chance - empty) * (by_chance - empty) >= far_fewer * by_chance;
    return clockwork ? std::optional(std::max<std::uint32_t>(1, (span + 1) / contact.records)) : std::nullopt;
  }
  // As many connections as minutes with one, give or take: bursts are visits.
  if (gaps.size() + 1 < contact_records_min || contact.records > 2 * minutes.size()) return std::nullopt;
  const std::uint32_t slack = std::max<std::uint32_t>(1, median * jitter_percent_max / 100);
  const std::uint32_t low = std::max<std::uint32_t>(1, median - slack), high = median + slack;
  const auto regular = static_cast<std::uint64_t>(
      std::ranges::count_if(gaps, [&](std::uint32_t gap) { return gap >= low && gap <= high; }));
  if (regular * 100 < gaps.size() * in_period_percent_min ||
      !far_from_chance(regular, gaps.size(), span, low, high))
    return std::nullopt;
  return median;
}

HostTally tally_of(const HostDay& day, const Facts& facts) {
  HostTally made;
  made.account = day.account;
  made.region = day.region;
  made.source = hash_mix(day.host, static_cast<std::uint64_t>(day.day));
  made.day = day.day;
  made.hours = day.hours;
  made.first = std::numeric_limits<TimeMs>::max();
  made.last = std::numeric_limits<TimeMs>::min();
  std::map<IpAddress, HostTally::Peer> peers;
  const auto meet = [&](const Exchange& exchange, std::uint64_t records, std::uint64_t bytes) {
    made.first = std::min(made.first, exchange.first.time);
    made.last = std::max(made.last, exchange.last.time);
    HostTally::Peer& peer = peers[exchange.remote];
    peer.remote = exchange.remote;
    // Samples overlap: large transfers are contacts too.
    peer.records = std::max(peer.records, records);
    peer.bytes = std::max(peer.bytes, bytes);
  };
  for (const auto& [hash, contact] : day.contacts.entries()) meet(contact, contact.records, contact.bytes);
  const auto meet_all = [&](const auto& talks) {
    for (const auto& [hash, talk] : talks.entries()) meet(talk, talk.records, talk.bytes_out + talk.bytes_in);
  };
  meet_all(day.bulk);
  meet_all(day.mail);
  meet_all(day.resolvers);
  for (auto& [remote, peer] : peers) made.peers.push_back(peer);
  constexpr std::uint8_t tcp = 6;
  for (const auto& [hash, talk] : day.services.entries()) {
    made.first = std::min(made.first, talk.first.time);
    made.last = std::max(made.last, talk.last.time);
    made.ports.push_back({fmt::format("{}/{}", talk.protocol == tcp ? "tcp" : "udp", talk.remote_port),
                          talk.records, talk.bytes_out + talk.bytes_in});
  }
  // Of web traffic alone the day is known, not more.
  const TimeMs start = TimeMs{day.day} * day_ms;
  if (made.first > made.last) {
    made.first = start;
    made.last = start;
  }
  const std::string_view interface = day.interface.view();
  const auto known = facts.interface(interface, made.last);
  made.instance = known && !known->instance_id.empty() ? known->instance_id : std::string(interface);
  return made;
}

}  // namespace picket
