// The HTTP client for everything picket fetches or sends: one request, the whole answer in memory, within
// caps of size and time. Every connection is checked against the AddressGuard by the address it really goes
// to, at the moment it is made, so that neither a redirect nor a changed DNS answer leads inside. Proxies and
// credentials of the environment are not used. Any number of threads may send at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address_guard.h"

namespace picket::net {

struct HttpLimits {
  std::size_t bytes_max = 64U << 20;  // of the answer's body
  TimeMs connect_ms_max = 10 * second_ms;
  TimeMs total_ms_max = 60 * second_ms;
  unsigned redirects_max = 0;  // each one is checked as the first request was; credentials do not follow
};

struct Request {
  std::string method = "GET";
  std::string url;  // https://…; http:// only to hosts that allow_hosts names
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;
};

struct Response {
  unsigned status = 0;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case; the last of a name counts
  std::string body;
  std::string url;  // that answered, after redirects

  // "" when there is none.
  std::string_view header(std::string_view lower_case_name) const;
};

// The host a URL names, without brackets.
Result<std::string> host_of(const std::string& url);

class HttpClient {
 public:
  explicit HttpClient(AddressGuard guard, std::string ca_file = {});

  // An answer of any status is an answer. Errors: `unsupported` for a destination or scheme that is refused
  // (the message names the key that opens it), `too_large`, `io` for all the network's failures.
  Result<Response> send(const Request& request, const HttpLimits& limits = {}) const;
  // Ends what is under way, and every later call, so that a process can stop without waiting for others.
  void stop() { stopped_ = true; }

 private:
  Result<Response> send_once(const Request& request, const HttpLimits& limits, TimeMs ms_left) const;

  std::atomic<bool> stopped_ = false;
  AddressGuard guard_;
  std::string ca_file_;  // PEM; empty: the system's
};

}  // namespace picket::net
