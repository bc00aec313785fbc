// HTTP/1.1 on one address: limits, keep-alive, graceful stop. It has threads of its own, so neither a
// slow client nor a heavy query takes time from the reading of logs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/response.h"
#include "aws/sigv4.h"
#include "base/result.h"
#include "base/time.h"

namespace picket::api {

// PEM files: a certificate with its chain, and its key.
struct TlsFiles {
  std::string certificate, key;
};

struct ServerSettings {
  std::optional<TlsFiles> tls;     // absent: plain HTTP
  std::string host = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 7788;       // 0: any free one
  unsigned workers = 4;            // threads that run the handler; one more does the sockets
  std::uint32_t header_bytes_max = 16 * 1024;
  std::uint64_t body_bytes_max = 1024 * 1024;
  std::size_t connections_max = 512;
  std::chrono::milliseconds idle_max{60'000};     // between two requests of a connection
  std::chrono::milliseconds request_max{15'000};  // from a request's first byte to its last
  std::chrono::milliseconds write_max{30'000};
  std::chrono::milliseconds stop_max{5'000};  // what requests under way get when the server stops
};

struct ServerCounters {
  std::uint64_t connections = 0, requests = 0;
  std::uint64_t refused_connections = 0;  // above connections_max
  std::uint64_t malformed = 0;            // no HTTP, or beyond a limit
  std::uint64_t timeouts = 0;
  std::uint64_t handshakes_failed = 0;
};

class Server {
 public:
  // Called from several threads at once. An exception becomes a 500.
  using Handler = std::function<Response(const aws::HttpRequest&)>;

  // Sees a request's line and headers before its body is read, on the thread of the sockets: what it answers
  // goes out, and the body is not taken in.
  using Screen = std::function<std::optional<Response>(const aws::HttpRequest&)>;

  // Listens when it returns.
  static Result<std::unique_ptr<Server>> start(const ServerSettings& settings, Handler handler,
                                               Screen screen = {});
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  ServerCounters counters() const;
  // Reads the files again; new connections use what they hold now. After an error the old certificate stays.
  Result<void> reload_tls();
  // When the certificate in use ends; absent without TLS.
  std::optional<TimeMs> tls_ends() const;
  // Accepts no more, finishes requests under way within stop_max, closes idle connections. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace picket::api
