// Which network destinations picket may connect to when a user or a feed names them. Without an exception the
// public Internet only: a list's location must not make picket read the machine's own services, the network
// behind it or the cloud's instance metadata.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace picket::net {

class AddressGuard {
 public:
  // `allow_hosts`: host names, addresses and ranges that may be connected to although they are not public.
  static Result<AddressGuard> make(const std::vector<std::string>& allow_hosts);

  // `host` as the URL names it, `ip` what the connection really goes to.
  bool allows(std::string_view host, const IpAddress& ip) const;
  // Whether an exception names this host itself, not its address.
  bool names(std::string_view host) const;

 private:
  std::vector<std::string> names_;  // lower case
  std::vector<IpPrefix> ranges_;
};

// On the public Internet, and no way round to a place that is not: addresses that carry an IPv4 address
// inside (NAT64, 6to4, Teredo) count as what they carry.
bool is_public_destination(const IpAddress& ip);

// Of an Internet socket.
std::optional<IpAddress> address_of(const sockaddr& address);

}  // namespace picket::net
