#include "net/send_bytes.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>

#include "net/guarded_socket.h"

namespace picket::net {

namespace {

Result<void> send_datagram(const Peer& peer, std::string_view bytes, const AddressGuard& guard,
                           const std::string& where) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (const int error = ::getaddrinfo(peer.host.c_str(), std::to_string(peer.port).c_str(), &hints, &found);
      error != 0)
    return fail(ErrorKind::io, ::gai_strerror(error), where);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  std::string last = "there is no address";
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    const auto ip = address_of(*at->ai_addr);
    if (!ip || !guard.allows(peer.host, *ip)) return refused_address(ip.value_or(IpAddress()), where);
    const int fd = ::socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const ssize_t sent = ::sendto(fd, bytes.data(), bytes.size(), 0, at->ai_addr, at->ai_addrlen);
    const int error = errno;
    ::close(fd);
    if (sent == static_cast<ssize_t>(bytes.size())) return {};
    if (error == EMSGSIZE)
      return fail(ErrorKind::invalid, fmt::format("{} bytes are more than a datagram takes", bytes.size()),
                  where);
    last = std::strerror(error);
  }
  return fail(ErrorKind::io, last, where);
}

Result<void> send_on(CURL* curl, std::string_view bytes, TimeMs timeout, const std::string& where) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout);
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
  while (!bytes.empty()) {
    std::size_t sent = 0;
    const CURLcode code = curl_easy_send(curl, bytes.data(), bytes.size(), &sent);
    bytes.remove_prefix(sent);
    if (code == CURLE_OK) continue;
    if (code != CURLE_AGAIN) return fail(ErrorKind::io, curl_easy_strerror(code), where);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())
            .count();
    pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0)
      return fail(ErrorKind::io, "the other side takes nothing", where);
  }
  return {};
}

}  // namespace

std::optional<Peer> parse_peer(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Peer peer{.host = std::string(text.substr(0, colon))};
  if (peer.host.front() == '[' && peer.host.back() == ']') {
    peer.host = peer.host.substr(1, peer.host.size() - 2);
  } else if (peer.host.contains(':')) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), peer.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || peer.port == 0 || peer.host.empty())
    return std::nullopt;
  return peer;
}

Result<void> send_bytes(const Peer& peer, Transport transport, std::string_view bytes,
                        const AddressGuard& guard, const std::string& ca_file, TimeMs timeout) {
  const bool is_v6 = peer.host.contains(':');
  const std::string where =
      fmt::format("{}{}{}:{}", is_v6 ? "[" : "", peer.host, is_v6 ? "]" : "", peer.port);
  const bool excepted = is_excepted(guard, peer.host);
  if (transport != Transport::tls && !excepted)
    return fail(ErrorKind::unsupported, "only TLS is used with hosts that network.allow_hosts does not name",
                where);
  if (transport == Transport::udp) return send_datagram(peer, bytes, guard, where);

  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return fail(ErrorKind::internal, "curl cannot be set up", where);
  GuardedConnection connection{guard, peer.host};
  char error[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, fmt::format("{}://{}", transport == Transport::tls ? "https" : "http", where).c_str());
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_SSL_ENABLE_ALPN, 0L);  // what is spoken is not HTTP
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout));
  set(CURLOPT_OPENSOCKETFUNCTION, open_guarded);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&connection));
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK && connection.refused) return refused_address(*connection.refused, where);
  if (code != CURLE_OK)
    return fail(ErrorKind::io, error[0] != '\0' ? error : curl_easy_strerror(code), where);
  return send_on(curl.get(), bytes, timeout, where);
}

}  // namespace picket::net
