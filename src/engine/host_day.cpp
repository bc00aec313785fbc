#include "engine/host_day.h"

#include <array>

#include "state/facts.h"
#include "state/public_resolvers.h"

namespace picket {

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
std::uint64_t bulk_network(const IpAddress& ip, const Facts& facts) {
  constexpr std::uint64_t amazon = 1;
  if (facts.aws_address(ip).value_or(false)) return amazon;
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

}  // namespace picket
