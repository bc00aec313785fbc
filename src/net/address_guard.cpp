#include "net/address_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace picket::net {

namespace {

// Azure answers a virtual machine's questions about itself at this public address.
const IpAddress azure_wire_server = IpAddress::v4(0xa83f8110);

IpAddress v4_at(const IpAddress& ip, std::size_t offset, std::uint8_t mask = 0) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<std::uint8_t>(ip.bytes()[offset + i] ^ mask);
  return IpAddress::v4(value);
}

bool in(const char* range, const IpAddress& ip) { return IpPrefix::parse(range)->contains(ip); }

}  // namespace

bool is_public_destination(const IpAddress& ip) {
  if (ip == azure_wire_server || !ip.is_public()) return false;
  if (ip.is_v4()) return !in("192.88.99.0/24", ip);  // 6to4 relays
  if (in("64:ff9b::/96", ip)) return is_public_destination(v4_at(ip, 12));
  if (in("64:ff9b:1::/48", ip)) return false;  // NAT64 of a network's own
  if (in("2002::/16", ip)) return is_public_destination(v4_at(ip, 2));
  if (in("2001::/32", ip))  // Teredo: the server, and the client's address with every bit turned
    return is_public_destination(v4_at(ip, 4)) && is_public_destination(v4_at(ip, 12, 0xff));
  return !in("::/96", ip);  // IPv4-compatible
}

std::optional<IpAddress> address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return IpAddress::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

Result<AddressGuard> AddressGuard::make(const std::vector<std::string>& allow_hosts) {
  AddressGuard guard;
  for (const std::string& entry : allow_hosts) {
    if (const auto range = IpPrefix::parse(entry)) {
      guard.ranges_.push_back(*range);
    } else if (entry.empty() || entry.find_first_of("/:@ ") != std::string::npos) {
      return fail(ErrorKind::invalid, "network.allow_hosts: not a host name, an address or a range", entry);
    } else {
      guard.names_.push_back(lower(entry));
    }
  }
  return guard;
}

bool AddressGuard::names(std::string_view host) const {
  return std::ranges::find(names_, lower(host)) != names_.end();
}

bool AddressGuard::allows(std::string_view host, const IpAddress& ip) const {
  return is_public_destination(ip) || names(host) ||
         std::ranges::any_of(ranges_, [&](const IpPrefix& range) { return range.contains(ip); });
}

}  // namespace picket::net
