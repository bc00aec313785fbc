#include "api/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace picket::api {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }
  void send(std::string_view text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Until `end` was read, or the peer closed.
  std::string read(std::string_view end = "") {
    std::string out;
    char buffer[4096];
    while (end.empty() || out.find(end) == std::string::npos) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      out.append(buffer, static_cast<std::size_t>(got));
    }
    return out;
  }
  bool connected = false;

 private:
  int fd_;
};

std::unique_ptr<Server> start(ServerSettings settings, Server::Handler handler) {
  settings.port = 0;
  auto server = Server::start(settings, std::move(handler));
  if (!server) throw std::runtime_error(server.error().message());
  return std::move(*server);
}

Response echo(const aws::HttpRequest& request) {
  Response response;
  response.headers.emplace_back("Content-Type", "text/plain");
  response.body = std::string(request.method) + ' ' + std::string(request.path) + '?' +
                  std::string(request.query) + ' ' + std::to_string(request.body.size());
  return response;
}

TEST(HttpServer, AnswersByTheHeadersAloneBeforeTheBody) {
  std::atomic<int> handled = 0;
  auto server = Server::start(
      {.port = 0},
      [&](const aws::HttpRequest& request) {
        ++handled;
        return echo(request);
      },
      [](const aws::HttpRequest& head) -> std::optional<Response> {
        if (head.path == "/open") return std::nullopt;
        return Response{.status = 401, .headers = {}, .body = "no"};
      });
  ASSERT_TRUE(server);
  Client refused((*server)->port());
  refused.send("POST /closed HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\npart");
  const std::string answer = refused.read("no");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(handled, 0);
  Client taken((*server)->port());
  taken.send("POST /open HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(taken.read("POST /open? 4"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(handled, 1);
}

TEST(HttpServer, KeepsAliveAndAnswersPipelinedRequests) {
  const auto server = start({}, echo);
  Client client(server->port());
  client.send(
      "GET /a%2Fb?x=%20 HTTP/1.1\r\nHost: h\r\n\r\nPOST /c HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "3\r\n\r\nabc");
  const std::string answers = client.read("POST /c? 3");
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answers, HasSubstr("GET /a%2Fb?x=%20 0"));
  EXPECT_THAT(answers, HasSubstr("\r\nDate: "));
  client.send("GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read(), EndsWith("GET /d? 0"));
  EXPECT_EQ(server->counters().requests, 3U);
  EXPECT_EQ(server->counters().connections, 1U);
}

TEST(HttpServer, TakesChunksAndExpectations) {
  const auto server = start({}, echo);
  Client client(server->port());
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.read("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n"));
  client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.read("POST /x? 5"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, LimitsOfBodyAndHeaders) {
  const auto server = start({.header_bytes_max = 1024, .body_bytes_max = 100}, echo);
  const auto post = [&](std::size_t bytes) {
    Client client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
                std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x'));
    return client.read();
  };
  EXPECT_THAT(post(100), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post(101), StartsWith("HTTP/1.1 413"));
  Client client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 431"));
  EXPECT_EQ(server->counters().malformed, 2U);
}

TEST(HttpServer, RefusalReachesAClientThatSendsOn) {
  const auto server = start({}, echo);
  Client client(server->port());
  const std::string body(8 << 20, 'x');
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body);
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, RefusesWhatIsNoHttp) {
  const auto server = start({}, echo);
  for (const char* text :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        "GET http://elsewhere/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}) {
    Client client(server->port());
    client.send(text);
    EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 400")) << text;
  }
}

TEST(HttpServer, SlowAndIdleClientsAreLetGo) {
  const auto server = start({.idle_max = 500ms, .request_max = 50ms}, echo);
  Client idle(server->port()), slow(server->port());
  slow.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(slow.read(), "");
  EXPECT_EQ(idle.read(), "");
  EXPECT_EQ(server->counters().timeouts, 1U) << "half a second after the slow one was let go";
}

TEST(HttpServer, CapsConnections) {
  const auto server = start({.connections_max = 1}, echo);
  Client first(server->port());
  first.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(first.read("GET /? 0"), StartsWith("HTTP/1.1 200"));
  Client second(server->port());
  EXPECT_EQ(second.read(), "");
  EXPECT_EQ(server->counters().refused_connections, 1U);
}

TEST(HttpServer, ExceptionBecomesInternalError) {
  const auto server =
      start({}, [](const aws::HttpRequest&) -> Response { throw std::runtime_error("secret detail"); });
  Client client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, HasSubstr("InternalServerErrorException"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("secret detail")));
}

TEST(HttpServer, StopFinishesWhatIsUnderWay) {
  std::atomic<bool> begun = false;
  auto server = start({}, [&](const aws::HttpRequest& request) {
    begun = true;
    std::this_thread::sleep_for(100ms);
    return echo(request);
  });
  Client idle(server->port()), busy(server->port());
  busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  while (!begun) std::this_thread::sleep_for(1ms);
  const std::uint16_t port = server->port();
  server->stop();
  EXPECT_THAT(busy.read(), EndsWith("GET /slow? 0"));
  EXPECT_EQ(idle.read(), "");
  EXPECT_FALSE(Client(port).connected);
}

TEST(HttpServer, PortInUseIsAnError) {
  const auto first = start({}, echo);
  const auto second = Server::start({.port = first->port()}, echo);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("cannot listen"));
  EXPECT_FALSE(Server::start({.host = "localhost.example"}, echo));
}

}  // namespace
}  // namespace picket::api
