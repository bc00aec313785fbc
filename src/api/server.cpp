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
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <future>
#include <list>
#include <optional>
#include <thread>

#include "api/errors.h"

namespace picket::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
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

}  // namespace

struct Server::Impl {
  struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::move(socket)) {
      error_code error;
      const auto peer = stream.socket().remote_endpoint(error);
      if (!error) remote_address = peer.address().to_string();
    }
    beast::tcp_stream stream;
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
  asio::awaitable<bool> serve_one(Connection& connection);
  asio::awaitable<bool> read_request(Connection& connection, Parser& parser);
  asio::awaitable<void> drain(Connection& connection);
  asio::awaitable<void> write(Connection& connection, Response response, unsigned version, bool keep_alive);
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
  std::uint16_t port = 0;
  bool stopping = false;  // of the io thread
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> accepted = 0, requests = 0, refused = 0, malformed = 0, timeouts = 0;
};

Result<void> Server::Impl::listen() {
  error_code error;
  const auto address = asio::ip::make_address(settings.host, error);
  const std::string place = fmt::format("{}:{}", settings.host, settings.port);
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
    connections.emplace_front(std::move(socket));
    asio::co_spawn(io, serve(connections.begin()), asio::detached);
  }
}

asio::awaitable<void> Server::Impl::serve(std::list<Connection>::iterator connection) {
  while (co_await serve_one(*connection)) {
  }
  error_code ignored;
  connection->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  if (connection->unread) co_await drain(*connection);
  connections.erase(connection);
}

// Closing a socket with bytes unread resets the connection, and the client may never see why it was refused.
asio::awaitable<void> Server::Impl::drain(Connection& connection) {
  std::uint64_t left = drained_bytes_max;
  connection.stream.expires_after(drain_max);
  while (left > 0) {
    connection.buffer.clear();
    auto [error, bytes] =
        co_await connection.stream.async_read_some(connection.buffer.prepare(65536), no_throw);
    if (error) co_return;
    left -= std::min<std::uint64_t>(left, bytes);
  }
}

// True when the connection may carry another request.
asio::awaitable<bool> Server::Impl::serve_one(Connection& connection) {
  Parser parser;
  parser.header_limit(settings.header_bytes_max);
  parser.body_limit(settings.body_bytes_max);
  if (!co_await read_request(connection, parser)) co_return false;
  ++requests;
  const Parser::value_type& request = parser.get();
  Response response = co_await asio::co_spawn(
      workers,
      [this, &request, &connection]() -> asio::awaitable<Response> {
        co_return run(handler, request, connection.remote_address);
      },
      asio::use_awaitable);
  const bool keep_alive = request.keep_alive() && !stopping;
  co_await write(connection, std::move(response), request.version(), keep_alive);
  co_return keep_alive&& connection.stream.socket().is_open();
}

asio::awaitable<bool> Server::Impl::read_request(Connection& connection, Parser& parser) {
  beast::tcp_stream& stream = connection.stream;
  error_code error;
  if (connection.buffer.size() == 0) {
    connection.idle = true;
    if (stopping) co_return false;
    stream.expires_after(settings.idle_max);
    auto [first_error, bytes] = co_await stream.async_read_some(connection.buffer.prepare(4096), no_throw);
    connection.idle = false;
    if (first_error) co_return false;
    connection.buffer.commit(bytes);
  }
  // From here one deadline for the whole request: a client that drips bytes gains nothing.
  stream.expires_after(settings.request_max);
  std::tie(error, std::ignore) =
      co_await http::async_read_header(stream, connection.buffer, parser, no_throw);
  if (!error && screen) {
    if (auto refused = run(screen, parser.get(), connection.remote_address)) {
      ++requests;
      connection.unread = true;
      co_await write(connection, std::move(*refused), parser.get().version(), false);
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
    co_await write(connection, refusal(body ? 413 : 431, std::move(message)), 11, false);
  } else if (error.category() == http::make_error_code(http::error::bad_target).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    ++malformed;
    co_await write(connection, refusal(400, "The request is rejected because it is not valid HTTP."), 11,
                   false);
  }
  co_return false;
}

asio::awaitable<void> Server::Impl::write(Connection& connection, Response response, unsigned version,
                                          bool keep_alive) {
  http::response<http::string_body> message(http::int_to_status(response.status), version);
  message.result(response.status);
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.set(http::field::date, http_date());
  message.keep_alive(keep_alive);
  message.body() = std::move(response.body);
  if (response.status != 204) message.prepare_payload();
  connection.stream.expires_after(settings.write_max);
  auto [error, bytes] = co_await http::async_write(connection.stream, message, no_throw);
  if (error == beast::error::timeout) ++timeouts;
  if (error) connection.stream.close();
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
          if (connection.idle) connection.stream.cancel();
        const auto deadline = std::chrono::steady_clock::now() + settings.stop_max;
        while (!connections.empty() && std::chrono::steady_clock::now() < deadline) {
          asio::steady_timer pause(io, std::chrono::milliseconds(5));
          co_await pause.async_wait(no_throw);
        }
        for (Connection& connection : connections) connection.stream.close();
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
          .timeouts = impl_->timeouts};
}

void Server::stop() { impl_->stop(); }

}  // namespace picket::api
