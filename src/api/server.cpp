#include "api/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <ctime>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "api/errors.h"

namespace picket::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::uint64_t drained_bytes_max = 16 * 1024 * 1024;
constexpr std::chrono::seconds drain_max{2};

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

// "Tue, 24 Nov 2026 03:10:50 GMT". Clients correct their clock by it.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Response refusal(unsigned status, std::string message) {
  const ApiError error{.status = status, .message = std::move(message)};
  Response response{.status = status, .headers = {}, .body = error_body(error)};
  response.headers.emplace_back("x-amzn-ErrorType", error.type);
  response.headers.emplace_back("Content-Type", "application/json");
  return response;
}

using Parser = http::request_parser<http::string_body>;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

struct Tls {
  ssl::context context{ssl::context::tls_server};
  TimeMs ends = 0;
};

// HTTP/1.1 is all that is spoken here.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned int length, void*) {
  static constexpr unsigned char wanted[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, wanted, sizeof wanted - 1, in, length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

TimeMs end_of(SSL_CTX* context) {
  std::tm parts{};
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return 0;
  return static_cast<TimeMs>(::timegm(&parts)) * second_ms;
}

Result<std::shared_ptr<Tls>> load_tls(const TlsFiles& files) {
  auto tls = std::make_shared<Tls>();
  SSL_CTX* context = tls->context.native_handle();
  error_code error;
  tls->context.use_certificate_chain_file(files.certificate, error);
  if (error)
    return fail(ErrorKind::invalid, "it is no certificate in PEM: " + error.message(), files.certificate);
  tls->context.use_private_key_file(files.key, ssl::context::pem, error);
  if (error)
    return fail(ErrorKind::invalid, "it is not the certificate's key in PEM: " + error.message(), files.key);
  if (SSL_CTX_check_private_key(context) != 1)
    return fail(ErrorKind::invalid, "it is not the key of " + files.certificate, files.key);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  tls->ends = end_of(context);
  return tls;
}

}  // namespace

struct Server::Impl {
  struct Connection {
    Connection(tcp::socket socket, std::shared_ptr<Tls> with) : tls(std::move(with)) {
      error_code error;
      const auto peer = socket.remote_endpoint(error);
      if (!error) remote_address = peer.address().to_string();
      if (tls) {
        secure.emplace(std::move(socket), tls->context);
      } else {
        plain.emplace(std::move(socket));
      }
    }
    beast::tcp_stream& lowest() { return secure ? beast::get_lowest_layer(*secure) : *plain; }
    std::shared_ptr<Tls> tls;  // as it was when the connection came
    std::optional<PlainStream> plain;
    std::optional<TlsStream> secure;
    beast::flat_buffer buffer;
    std::string remote_address;
    bool idle = true;     // waiting for a request's first byte
    bool unread = false;  // refused before all of it was read
  };

  Impl(const ServerSettings& wanted, Handler on_request, Screen on_head)
      : settings(wanted),
        handler(std::move(on_request)),
        screen(std::move(on_head)),
        acceptor(io),
        workers(std::max(1U, wanted.workers)) {}

  Result<void> listen();
  asio::awaitable<void> accept_loop();
  asio::awaitable<void> serve(std::list<Connection>::iterator connection);
  asio::awaitable<bool> shake_hands(Connection& connection);
  template <class Stream>
  asio::awaitable<void> serve_all(Connection& connection, Stream& stream);
  template <class Stream>
  asio::awaitable<bool> serve_one(Connection& connection, Stream& stream);
  template <class Stream>
  asio::awaitable<bool> read_request(Connection& connection, Stream& stream, Parser& parser);
  template <class Stream>
  asio::awaitable<void> drain(Connection& connection, Stream& stream);
  template <class Stream>
  asio::awaitable<void> write(Connection& connection, Stream& stream, Response response, unsigned version,
                              bool keep_alive);
  std::shared_ptr<Tls> tls_now() const {
    const std::lock_guard lock(tls_mutex);
    return tls;
  }
  // `answer` is the handler or the screen.
  template <class F>
  static auto run(const F& answer, const Parser::value_type& request, std::string_view remote_address)
      -> decltype(answer(aws::HttpRequest{}));
  void stop();

  const ServerSettings settings;
  const Handler handler;
  const Screen screen;
  // Only its one thread touches sockets and `connections`.
  asio::io_context io{1};
  tcp::acceptor acceptor;
  asio::thread_pool workers;
  std::thread io_thread;
  std::list<Connection> connections;
  mutable std::mutex tls_mutex;
  std::shared_ptr<Tls> tls;  // absent: plain HTTP
  std::uint16_t port = 0;
  bool stopping = false;  // of the io thread
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> accepted = 0, requests = 0, refused = 0, malformed = 0, timeouts = 0,
                             handshakes_failed = 0;
};

Result<void> Server::Impl::listen() {
  error_code error;
  const auto address = asio::ip::make_address(settings.host, error);
  const std::string place = fmt::format("{}:{}", settings.host, settings.port);
  if (settings.tls) {
    auto loaded = load_tls(*settings.tls);
    if (!loaded) return std::unexpected(loaded.error());
    tls = std::move(*loaded);
  }
  if (error) return fail(ErrorKind::invalid, "the address to listen on is no IP address", place);
  const tcp::endpoint endpoint(address, settings.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(ErrorKind::io, "cannot listen: " + error.message(), place);
  port = acceptor.local_endpoint().port();
  asio::co_spawn(io, accept_loop(), asio::detached);
  io_thread = std::thread([this] { io.run(); });
  return {};
}

asio::awaitable<void> Server::Impl::accept_loop() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(no_throw);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Out of descriptors or memory: leave the waiting clients in the queue for a moment.
      asio::steady_timer pause(io, std::chrono::milliseconds(50));
      co_await pause.async_wait(no_throw);
      continue;
    }
    ++accepted;
    if (connections.size() >= settings.connections_max) {
      ++refused;
      continue;  // closes it
    }
    socket.set_option(tcp::no_delay(true), error);
    connections.emplace_front(std::move(socket), tls_now());
    asio::co_spawn(io, serve(connections.begin()), asio::detached);
  }
}

asio::awaitable<void> Server::Impl::serve(std::list<Connection>::iterator connection) {
  bool agreed = true;
  if (connection->secure) agreed = co_await shake_hands(*connection);
  if (agreed && connection->secure) co_await serve_all(*connection, *connection->secure);
  if (agreed && connection->plain) co_await serve_all(*connection, *connection->plain);
  connections.erase(connection);
}

asio::awaitable<bool> Server::Impl::shake_hands(Connection& connection) {
  connection.idle = false;
  connection.lowest().expires_after(settings.request_max);
  auto [error] = co_await connection.secure->async_handshake(ssl::stream_base::server, no_throw);
  if (!error) co_return true;
  ++handshakes_failed;
  co_return false;
}

template <class Stream>
asio::awaitable<void> Server::Impl::serve_all(Connection& connection, Stream& stream) {
  while (co_await serve_one(connection, stream)) {
  }
  error_code ignored;
  if constexpr (std::is_same_v<Stream, TlsStream>) {
    // Says that nothing was cut off; who does not answer is not waited for.
    if (!connection.unread && connection.lowest().socket().is_open()) {
      connection.lowest().expires_after(drain_max);
      std::tie(ignored) = co_await stream.async_shutdown(no_throw);
    }
  }
  connection.lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
  if (connection.unread) co_await drain(connection, stream);
}

// Closing a socket with bytes unread resets the connection, and the client may never see why it was refused.
template <class Stream>
asio::awaitable<void> Server::Impl::drain(Connection& connection, Stream& stream) {
  std::uint64_t left = drained_bytes_max;
  connection.lowest().expires_after(drain_max);
  while (left > 0) {
    connection.buffer.clear();
    auto [error, bytes] = co_await stream.async_read_some(connection.buffer.prepare(65536), no_throw);
    if (error) co_return;
    left -= std::min<std::uint64_t>(left, bytes);
  }
}

// True when the connection may carry another request.
template <class Stream>
asio::awaitable<bool> Server::Impl::serve_one(Connection& connection, Stream& stream) {
  Parser parser;
  parser.header_limit(settings.header_bytes_max);
  parser.body_limit(settings.body_bytes_max);
  if (!co_await read_request(connection, stream, parser)) co_return false;
  ++requests;
  const Parser::value_type& request = parser.get();
  Response response = co_await asio::co_spawn(
      workers,
      [this, &request, &connection]() -> asio::awaitable<Response> {
        co_return run(handler, request, connection.remote_address);
      },
      asio::use_awaitable);
  const bool keep_alive = request.keep_alive() && !stopping;
  co_await write(connection, stream, std::move(response), request.version(), keep_alive);
  co_return keep_alive&& connection.lowest().socket().is_open();
}

template <class Stream>
asio::awaitable<bool> Server::Impl::read_request(Connection& connection, Stream& stream, Parser& parser) {
  beast::tcp_stream& lowest = connection.lowest();
  error_code error;
  if (connection.buffer.size() == 0) {
    connection.idle = true;
    if (stopping) co_return false;
    lowest.expires_after(settings.idle_max);
    auto [first_error, bytes] = co_await stream.async_read_some(connection.buffer.prepare(4096), no_throw);
    connection.idle = false;
    if (first_error) co_return false;
    connection.buffer.commit(bytes);
  }
  // From here one deadline for the whole request: a client that drips bytes gains nothing.
  lowest.expires_after(settings.request_max);
  std::tie(error, std::ignore) =
      co_await http::async_read_header(stream, connection.buffer, parser, no_throw);
  if (!error && screen) {
    if (auto refused = run(screen, parser.get(), connection.remote_address)) {
      ++requests;
      connection.unread = true;
      co_await write(connection, stream, std::move(*refused), parser.get().version(), false);
      co_return false;
    }
  }
  if (!error && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
    std::tie(error, std::ignore) = co_await http::async_write(stream, go_on, no_throw);
  }
  if (!error)
    std::tie(error, std::ignore) = co_await http::async_read(stream, connection.buffer, parser, no_throw);
  if (!error) co_return true;
  if (error == beast::error::timeout) ++timeouts;
  connection.unread = true;
  if (error == http::error::body_limit || error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    ++malformed;
    const bool body = error == http::error::body_limit;
    std::string message =
        body ? fmt::format("The request is rejected because its body is larger than {} bytes.",
                           settings.body_bytes_max)
             : fmt::format("The request is rejected because its headers are larger than {} bytes.",
                           settings.header_bytes_max);
    co_await write(connection, stream, refusal(body ? 413 : 431, std::move(message)), 11, false);
  } else if (error.category() == http::make_error_code(http::error::bad_target).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    ++malformed;
    co_await write(connection, stream, refusal(400, "The request is rejected because it is not valid HTTP."),
                   11, false);
  }
  co_return false;
}

template <class Stream>
asio::awaitable<void> Server::Impl::write(Connection& connection, Stream& stream, Response response,
                                          unsigned version, bool keep_alive) {
  http::response<http::string_body> message(http::int_to_status(response.status), version);
  message.result(response.status);
  for (const auto& [name, value] : response.headers) {
    if (name == "Set-Cookie") {
      message.insert(name, value);  // there may be several
    } else {
      message.set(name, value);
    }
  }
  message.set(http::field::date, http_date());
  message.keep_alive(keep_alive);
  message.body() = std::move(response.body);
  if (response.status != 204) message.prepare_payload();
  connection.lowest().expires_after(settings.write_max);
  auto [error, bytes] = co_await http::async_write(stream, message, no_throw);
  if (error == beast::error::timeout) ++timeouts;
  if (error) connection.lowest().close();
}

template <class F>
auto Server::Impl::run(const F& answer, const Parser::value_type& request, std::string_view remote_address)
    -> decltype(answer(aws::HttpRequest{})) {
  const std::string_view target(request.target().data(), request.target().size());
  if (!target.starts_with('/'))
    return refusal(400, "The request is rejected because its target is not a path.");
  const std::size_t mark = target.find('?');
  std::vector<aws::HttpHeader> headers;
  for (const auto& field : request)
    headers.push_back({{field.name_string().data(), field.name_string().size()},
                       {field.value().data(), field.value().size()}});
  const aws::HttpRequest plain{.method = {request.method_string().data(), request.method_string().size()},
                               .path = target.substr(0, mark),
                               .query = mark == std::string_view::npos ? "" : target.substr(mark + 1),
                               .headers = headers,
                               .body = request.body(),
                               .remote_address = remote_address};
  try {
    return answer(plain);
  } catch (const std::exception& error) {
    spdlog::error("api: {} {}: {}", plain.method, plain.path, error.what());
    const auto failed = internal_error();
    Response response = refusal(failed.error().status, failed.error().message);
    response.headers.front().second = failed.error().type;
    return response;
  }
}

void Server::Impl::stop() {
  if (stopped.exchange(true)) return;
  std::promise<void> drained;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        stopping = true;
        error_code ignored;
        acceptor.close(ignored);
        for (Connection& connection : connections)
          if (connection.idle) connection.lowest().cancel();
        const auto deadline = std::chrono::steady_clock::now() + settings.stop_max;
        while (!connections.empty() && std::chrono::steady_clock::now() < deadline) {
          asio::steady_timer pause(io, std::chrono::milliseconds(5));
          co_await pause.async_wait(no_throw);
        }
        for (Connection& connection : connections) connection.lowest().close();
        drained.set_value();
      },
      asio::detached);
  drained.get_future().wait();
  workers.join();  // a handler under way must end before what it refers to does
  io.stop();
  io_thread.join();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(const ServerSettings& settings, Handler handler,
                                              Screen screen) {
  auto impl = std::make_unique<Impl>(settings, std::move(handler), std::move(screen));
  if (auto ok = impl->listen(); !ok) {
    impl->stopped = true;
    return std::unexpected(ok.error());
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const { return impl_->port; }

ServerCounters Server::counters() const {
  return {.connections = impl_->accepted,
          .requests = impl_->requests,
          .refused_connections = impl_->refused,
          .malformed = impl_->malformed,
          .timeouts = impl_->timeouts,
          .handshakes_failed = impl_->handshakes_failed};
}

Result<void> Server::reload_tls() {
  if (!impl_->settings.tls) return {};
  auto loaded = load_tls(*impl_->settings.tls);
  if (!loaded) return std::unexpected(loaded.error());
  const std::lock_guard lock(impl_->tls_mutex);
  impl_->tls = std::move(*loaded);
  return {};
}

std::optional<TimeMs> Server::tls_ends() const {
  const auto tls = impl_->tls_now();
  return tls ? std::optional(tls->ends) : std::nullopt;
}

void Server::stop() { impl_->stop(); }

}  // namespace picket::api
