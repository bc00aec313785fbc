// Bytes to a host's port over UDP, TCP or TLS, without waiting for an answer: what syslog takes. Checked
// against the AddressGuard like HTTP is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/address_guard.h"

namespace picket::net {

enum class Transport : unsigned char { udp, tcp, tls };

struct Peer {
  std::string host;
  std::uint16_t port = 0;
};
// "host:514", "[2001:db8::1]:514".
std::optional<Peer> parse_peer(std::string_view text);

// Connects anew for each call. UDP and TCP only to hosts that the guard names, like http://, since anyone on
// the way can read them. `ca_file`: PEM; empty: the system's.
Result<void> send_bytes(const Peer& peer, Transport transport, std::string_view bytes,
                        const AddressGuard& guard, const std::string& ca_file, TimeMs timeout);

}  // namespace picket::net
