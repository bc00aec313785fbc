// Places that a URL of a user or of a feed must not make picket connect to, in every way of writing them. The
// C library's connect() and getaddrinfo() are taken over, so that a connection that is merely tried shows,
// also to addresses this machine does not have, and names resolve as an attacker's do.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_client.h"
#include "net/send_bytes.h"
#include "net/test_support.h"

namespace {

std::mutex mutex;
bool watching = false;
std::vector<std::string> tried;                         // addresses, while watching
std::map<std::string, std::vector<const char*>> names;  // answers of the resolver, in turn
std::map<std::string, std::size_t> asked;               // how often
std::map<std::string, const char*> also;                // a second address in every answer

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

// Whether it may leave: nothing does but to this machine.
bool note(const sockaddr* to) {
  const std::lock_guard lock(mutex);
  if (!watching || to == nullptr) return true;
  const auto ip = picket::net::address_of(*to);  // none: a socket of this machine, of the resolver for one
  if (ip) tried.push_back(ip->to_string());
  if (!ip || ip->is_loopback()) return true;
  errno = ECONNREFUSED;
  return false;
}

}  // namespace

extern "C" {

int connect(int fd, const sockaddr* to, socklen_t size) {
  if (!note(to)) return -1;
  return next<int (*)(int, const sockaddr*, socklen_t)>("connect")(fd, to, size);
}

ssize_t sendto(int fd, const void* data, size_t count, int flags, const sockaddr* to, socklen_t size) {
  if (!note(to)) return -1;
  return next<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto")(
      fd, data, count, flags, to, size);
}

int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  const auto real = next<decltype(&getaddrinfo)>("getaddrinfo");
  std::string answer = name == nullptr ? "" : name, second;
  {
    const std::lock_guard lock(mutex);
    if (const auto known = names.find(answer); known != names.end()) {
      const std::size_t turn = asked[answer]++;
      if (const auto more = also.find(answer); more != also.end()) second = more->second;
      answer = known->second[std::min(turn, known->second.size() - 1)];
    }
  }
  const int error = real(name == nullptr ? nullptr : answer.c_str(), service, hints, found);
  if (error != 0 || second.empty()) return error;
  // glibc frees an answer piece by piece, so two may be one.
  addrinfo* more = nullptr;
  if (real(second.c_str(), service, hints, &more) != 0) return 0;
  addrinfo* last = *found;
  while (last->ai_next != nullptr) last = last->ai_next;
  last->ai_next = more;
  return 0;
}

}  // extern "C"

namespace picket::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Ssrf : public ::testing::Test {
 protected:
  Ssrf() { watch(true); }
  ~Ssrf() override {
    watch(false);
    names.clear();
    asked.clear();
    also.clear();
  }
  static void watch(bool on) {
    const std::lock_guard lock(mutex);
    watching = on;
    tried.clear();
  }
  static std::vector<std::string> connections() {
    const std::lock_guard lock(mutex);
    return tried;
  }
  // As a location of a list or a webhook, and as a syslog server.
  static void expect_none(const std::string& host, const AddressGuard& guard) {
    const HttpClient http(guard);
    const HttpLimits limits{.connect_ms_max = 500, .total_ms_max = 2000, .redirects_max = 3};
    for (const char* scheme : {"https://", "http://"})
      for (const char* port : {"", ":443", ":8080"})
        EXPECT_FALSE(http.send({.url = scheme + host + port + "/latest/meta-data/"}, limits)) << host;
    if (const auto peer = parse_peer(host + ":514")) {
      for (const Transport transport : {Transport::udp, Transport::tcp, Transport::tls})
        EXPECT_FALSE(send_bytes(*peer, transport, "x", guard, "", 500)) << host;
    }
    EXPECT_THAT(connections(), IsEmpty()) << host;
    watch(true);
  }
};

TEST_F(Ssrf, NoWayOfWritingAnInsideAddressConnects) {
  const auto guard = AddressGuard::make({"192.0.2.1"});
  for (const char* host :
       {// Loopback, in decimal, hexadecimal, octal, short and with a dot at the end.
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0x0.0x0.0x1", "0x7f.1",
        "0177.0.0.1", "017700000001", "127.0.0.1.", "127.255.255.254", "0", "0.0.0.0", "localhost",
        "LOCALHOST", "localhost.",
        // Link-local addresses and what answers there: EC2, ECS, EKS, Azure, GCP, Alibaba, Oracle.
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "2852039166", "0xa9fea9fe",
        "0251.0376.0251.0376", "169.254.43518", "168.63.129.16", "100.100.100.200", "192.0.0.192",
        // Private and shared networks, those for tests of networks, relays, groups, everybody.
        "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1", "198.18.0.1", "192.88.99.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255",
        // IPv6: itself, nobody, link-local, unique local (EC2's metadata among them), site-local, groups.
        "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd00:ec2::254]",
        "[fd00:ec2::23]", "[fd20:ce::254]", "[fec0::1]", "[ff02::1]",
        // IPv4 inside IPv6: mapped, compatible, translated, NAT64 (well-known and a network's own), 6to4,
        // Teredo.
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::ffff:10.0.0.1]",
        "[::127.0.0.1]", "[::a9fe:a9fe]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:a00:1::1]", "[2001:0:7f00:1::]",
        "[2001:0:808:808:0:0:5601:5601]"})
    expect_none(host, *guard);
}

TEST_F(Ssrf, NamesOfInsideAddressesDoNotConnect) {
  const auto guard = AddressGuard::make({"192.0.2.1"});
  names = {{"metadata.google.internal", {"169.254.169.254"}},
           {"instance-data.ec2.internal", {"169.254.169.254"}},
           {"127.0.0.1.nip.example", {"127.0.0.1"}},
           {"private.example", {"10.1.2.3"}},
           {"six.example", {"::1"}},
           {"mapped.example", {"::ffff:127.0.0.1"}},
           {"nat64.example", {"64:ff9b::a9fe:a9fe"}},
           {"ula.example", {"fd00:ec2::254"}}};
  for (const auto& [host, answers] : std::map(names)) {
    expect_none(host, *guard);
    EXPECT_GT(asked[host], 0U) << host;
  }
}

// What is checked is the address of the connection, not an answer of before.
TEST_F(Ssrf, AChangedAnswerDoesNotConnect) {
  const test::LoopbackServer server([](const std::string&) { return test::ok("secret"); });
  const std::string url = server.url("rebinding.example");
  const auto guard = AddressGuard::make({"192.0.2.1"});
  names["rebinding.example"] = {"127.0.0.1"};
  const HttpClient http(*guard);
  const HttpLimits limits{.connect_ms_max = 500, .total_ms_max = 2000, .redirects_max = 3};
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(http.send({.url = "https" + url.substr(4)}, limits));
    EXPECT_THAT(connections(), IsEmpty());
  }
  EXPECT_GT(asked["rebinding.example"], 1U);  // nothing is kept between calls
  // A name that was public at the first look and is not at the next.
  names["turning.example"] = {"8.8.8.8", "127.0.0.1"};
  for (int i = 0; i < 2; ++i)
    EXPECT_FALSE(
        http.send({.url = "https://turning.example:1/"}, {.connect_ms_max = 300, .total_ms_max = 600}));
  EXPECT_THAT(connections(), ::testing::Each("8.8.8.8"));
  EXPECT_EQ(asked["turning.example"], 2U);
  watch(true);
  // Both in one answer: a client that tries the second when the first does not answer.
  names["both.example"] = {"8.8.8.8"};
  also["both.example"] = "127.0.0.1";
  EXPECT_FALSE(http.send({.url = "https://both.example:1/"}, {.connect_ms_max = 500, .total_ms_max = 900}));
  EXPECT_THAT(connections(), ::testing::Each("8.8.8.8"));
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(Ssrf, ARedirectInsideDoesNotConnect) {
  const test::LoopbackServer inside([](const std::string&) { return test::ok("secret"); });
  std::string target;
  const test::LoopbackServer door([&](const std::string&) {
    return "HTTP/1.1 307 Temporary Redirect\r\nLocation: " + target +
           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  });
  // The door is an exception by its name; what it leads to is none.
  const auto guard = AddressGuard::make({"door.example"});
  names["door.example"] = {"127.0.0.1"};
  names["inside.example"] = {"127.0.0.1"};
  const HttpClient http(*guard);
  const std::string port = inside.url("").substr(7);
  for (const std::string& host :
       {std::string("127.0.0.1"), std::string("2130706433"), std::string("[::ffff:127.0.0.1]"),
        std::string("localhost"), std::string("inside.example"), std::string("169.254.169.254"),
        std::string("[fd00:ec2::254]"), std::string("[64:ff9b::7f00:1]")})
    for (const char* scheme : {"https://", "http://", "//"}) {
      target = scheme + host + port;
      watch(true);
      EXPECT_FALSE(http.send({.url = door.url("door.example")},
                             {.connect_ms_max = 500, .total_ms_max = 2000, .redirects_max = 3}))
          << target;
      EXPECT_THAT(connections(), ElementsAre("127.0.0.1")) << target;  // the door itself
    }
  EXPECT_EQ(inside.connections(), 0);
  EXPECT_GT(door.connections(), 0);
}

// That the list above would notice.
TEST_F(Ssrf, AnExceptionConnects) {
  const test::LoopbackServer server([](const std::string&) { return test::ok("answer"); });
  const auto guard = AddressGuard::make({"127.0.0.1"});
  EXPECT_TRUE(HttpClient(*guard).send({.url = server.url("127.0.0.1")}));
  EXPECT_THAT(connections(), ElementsAre("127.0.0.1"));
}

}  // namespace
}  // namespace picket::net
