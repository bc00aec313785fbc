// How curl opens sockets that are checked against the AddressGuard, for protocols other than HTTP.
#pragma once

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "net/address_guard.h"

namespace picket::net {

struct GuardedConnection {
  const AddressGuard& guard;
  const std::string& host;
  std::optional<IpAddress> refused = {};
};

inline std::unexpected<Error> refused_address(const IpAddress& ip, const std::string& where) {
  return fail(
      ErrorKind::unsupported,
      fmt::format("{} is not on the public Internet; network.allow_hosts can allow it", ip.to_string()),
      where);
}

// Whether the guard names the host itself, so that what goes there may be read on the way.
inline bool is_excepted(const AddressGuard& guard, const std::string& host) {
  const auto lone = IpAddress::parse(host);
  return guard.names(host) || (lone && !is_public_destination(*lone) && guard.allows("", *lone));
}

// For CURLOPT_OPENSOCKETFUNCTION; `self` is a GuardedConnection.
inline curl_socket_t open_guarded(void* self, curlsocktype, curl_sockaddr* to) {
  GuardedConnection& connection = *static_cast<GuardedConnection*>(self);
  const auto ip = address_of(to->addr);
  if (!ip || !connection.guard.allows(connection.host, *ip)) {
    connection.refused = ip.value_or(IpAddress());
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

}  // namespace picket::net
