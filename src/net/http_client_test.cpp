#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/test_support.h"

namespace picket::net {
namespace {

using test::LoopbackServer;
using test::ok;
using ::testing::HasSubstr;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

HttpClient client(const std::vector<std::string>& allow_hosts) {
  return HttpClient(*AddressGuard::make(allow_hosts));
}

TEST(AddressGuard, KnowsWhatIsInside) {
  for (const char* inside : {"127.0.0.1",
                             "127.9.9.9",
                             "0.0.0.0",
                             "10.1.2.3",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "169.254.169.254",
                             "100.64.0.1",
                             "100.100.100.200",
                             "168.63.129.16",
                             "192.0.0.192",
                             "198.18.0.1",
                             "192.88.99.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::127.0.0.1",
                             "fe80::1",
                             "fc00::1",
                             "fd00:ec2::254",
                             "ff02::1",
                             "64:ff9b::7f00:1",
                             "64:ff9b::a9fe:a9fe",
                             "64:ff9b:1::808:808",
                             "2002:7f00:1::",
                             "2002:a9fe:a9fe::1",
                             "2002:c0a8:101::",
                             "2001:0:7f00:1::",
                             "2001:0:808:808:0:0:5601:5601"})
    EXPECT_FALSE(is_public_destination(ip(inside))) << inside;
  for (const char* outside : {"8.8.8.8", "172.15.255.255", "172.32.0.0", "100.128.0.1", "168.63.129.17",
                              "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"})
    EXPECT_TRUE(is_public_destination(ip(outside))) << outside;
}

TEST(AddressGuard, TakesExceptions) {
  const auto guard = AddressGuard::make({"MinIO.internal", "10.1.0.0/16", "127.0.0.1"});
  ASSERT_TRUE(guard);
  EXPECT_TRUE(guard->allows("minio.internal", ip("192.168.3.4")));
  EXPECT_TRUE(guard->allows("other", ip("10.1.2.3")));
  EXPECT_TRUE(guard->allows("other", ip("127.0.0.1")));
  EXPECT_FALSE(guard->allows("other", ip("10.2.0.1")));
  EXPECT_FALSE(guard->allows("sub.minio.internal", ip("192.168.3.4")));
  EXPECT_FALSE(AddressGuard::make({"http://minio.internal"}));
  EXPECT_FALSE(AddressGuard::make({""}));
}

TEST(HttpClient, SendsAndReceives) {
  std::string seen;
  const LoopbackServer server([&](const std::string& request) {
    seen = request;
    return ok("answer");
  });
  const std::string body(100'000, 'b');
  const auto response = client({"127.0.0.1"})
                            .send({.method = "PUT",
                                   .url = server.url("127.0.0.1", "/a/../b%2Fc?x=1"),
                                   .headers = {{"X-Own", "value"}},
                                   .body = body});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(response->body, "answer");
  EXPECT_EQ(response->header("x-seen"), "1");
  EXPECT_THAT(seen, ::testing::StartsWith("PUT /a/../b%2Fc?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Own: value\r\n"));
  EXPECT_THAT(seen, ::testing::EndsWith(body));
}

TEST(HttpClient, NeverConnectsInside) {
  const LoopbackServer server([](const std::string&) { return ok("secret"); });
  for (const char* host : {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]",
                           "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0", "localhost."}) {
    std::string url = server.url(host);
    const auto http = client({"192.0.2.1"}).send({.url = url});
    ASSERT_FALSE(http) << host;
    url.insert(4, "s");  // https, so that the address alone decides
    const auto https = client({"192.0.2.1"}).send({.url = url});
    ASSERT_FALSE(https) << host;
    EXPECT_THAT(https.error().what, ::testing::AnyOf(HasSubstr("network.allow_hosts"), HasSubstr("resolve")))
        << host;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(HttpClient, ChecksRedirects) {
  const LoopbackServer inside([](const std::string&) { return ok("secret"); });
  std::string target = inside.url("localhost");
  std::string authorization;
  const LoopbackServer door([&](const std::string& request) {
    authorization = request;
    return "HTTP/1.1 302 Found\r\nLocation: " + target + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  });
  const Request request{.url = door.url("127.0.0.1"), .headers = {{"Authorization", "k"}}};
  const auto not_followed = client({"127.0.0.1"}).send(request);
  ASSERT_TRUE(not_followed);
  EXPECT_EQ(not_followed->status, 302U);
  // "localhost" is no exception's name, and http:// is for those only.
  const HttpLimits follow{.redirects_max = 3};
  EXPECT_FALSE(client({"127.0.0.1"}).send(request, follow));
  target = "file:///etc/passwd";
  EXPECT_FALSE(client({"127.0.0.1"}).send(request, follow));
  target = "gopher://127.0.0.1/";
  EXPECT_FALSE(client({"127.0.0.1"}).send(request, follow));
  EXPECT_EQ(inside.connections(), 0);
  target = door.url("127.0.0.1", "/again");
  const auto looped = client({"127.0.0.1"}).send(request, follow);
  ASSERT_TRUE(looped);
  EXPECT_EQ(looped->status, 302U);
  EXPECT_EQ(authorization.find("Authorization"), std::string::npos) << "credentials followed the redirect";
}

TEST(HttpClient, StopsAtItsCaps) {
  const LoopbackServer large([](const std::string&) { return ok(std::string(5000, 'x')); });
  const HttpLimits limits{.bytes_max = 4999};
  const auto refused = client({"127.0.0.1"}).send({.url = large.url("127.0.0.1")}, limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
  EXPECT_TRUE(client({"127.0.0.1"}).send({.url = large.url("127.0.0.1")}, {.bytes_max = 5000}));

  const LoopbackServer endless([](const std::string&) {  // without a length
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(1 << 20, 'x');
  });
  const auto cut = client({"127.0.0.1"}).send({.url = endless.url("127.0.0.1")}, limits);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::too_large);

  const LoopbackServer slow([](const std::string&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return ok("late");
  });
  const auto late = client({"127.0.0.1"}).send({.url = slow.url("127.0.0.1")}, {.total_ms_max = 100});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::io);
}

TEST(HttpClient, RefusesOtherSchemesAndUsers) {
  for (const char* url : {"file:///etc/passwd", "ftp://192.0.2.1/x", "gopher://192.0.2.1/x",
                          "http://192.0.2.1/x", "https://user:pass@192.0.2.1/", "https://", "not a url", ""})
    EXPECT_FALSE(client({"127.0.0.1"}).send({.url = url}, {.connect_ms_max = 200})) << url;
}

}  // namespace
}  // namespace picket::net
