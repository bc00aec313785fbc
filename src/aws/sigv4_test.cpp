#include "aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>

namespace picket::aws {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view key_id = "AKIDEXAMPLEKEY000001";
constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

struct Vector {
  std::string name, method, path, query, body, service, region;
  std::vector<std::pair<std::string, std::string>> headers;

  std::vector<HttpHeader> views() const {
    std::vector<HttpHeader> out;
    for (const auto& [key, value] : headers) out.push_back({key, value});
    return out;
  }
  std::string* header(std::string_view name_wanted) {
    for (auto& [key, value] : headers)
      if (key == name_wanted) return &value;
    return nullptr;
  }
};

struct Vectors {
  std::string session_token;
  TimeMs time = 0;
  std::vector<Vector> all;
};

// Computed by botocore, as the file says.
Vectors load() {
  Vectors out;
  simdjson::dom::parser parser;
  const simdjson::dom::element root =
      parser.load(std::string(PICKET_SOURCE_DIR) + "/src/aws/testdata/sigv4_botocore.json").value();
  out.session_token = std::string_view(root["session_token"]);
  out.time = *parse_time(std::string_view(root["time"]));
  for (const auto row : simdjson::dom::array(root["vectors"])) {
    Vector v;
    const auto text = [&](const char* name) { return std::string(std::string_view(row[name])); };
    v.name = text("name"), v.method = text("method"), v.path = text("path"), v.query = text("query");
    v.body = text("body"), v.service = text("service"), v.region = text("region");
    for (const auto pair : simdjson::dom::array(row["headers"]))
      v.headers.emplace_back(std::string_view(pair.at(0)), std::string_view(pair.at(1)));
    out.all.push_back(std::move(v));
  }
  return out;
}

std::expected<Verified, AuthenticationError> check(const Vector& v, TimeMs now, std::string_view token = {},
                                                   std::optional<TimeMs> expires_at = {}) {
  const std::vector<HttpHeader> headers = v.views();
  const AccessKeyLookup lookup = [&](std::string_view id) -> std::optional<AccessKey> {
    if (id != key_id) return std::nullopt;
    return AccessKey{std::string(secret), std::string(token), expires_at};
  };
  return verify({v.method, v.path, v.query, headers, v.body}, lookup, {.service = v.service}, now);
}

class BotocoreRequest : public ::testing::Test {
 protected:
  Vectors vectors = load();
  Vector post = vectors.all.at(1);

  void expect_refused(std::string_view type, std::string_view text) {
    const auto result = check(post, vectors.time);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().type, type);
    EXPECT_THAT(result.error().message, HasSubstr(text));
  }
  std::string& authorization() { return *post.header("Authorization"); }
  void replace(std::string_view from, std::string_view to) {
    std::string& text = authorization();
    text.replace(text.find(from), from.size(), to);
  }
};

TEST_F(BotocoreRequest, EveryVectorVerifies) {
  ASSERT_EQ(vectors.all.size(), 13U);
  for (const Vector& v : vectors.all) {
    const bool session = v.name == "session token";
    const auto result = check(v, vectors.time, session ? vectors.session_token : "");
    ASSERT_TRUE(result) << v.name << ": " << result.error().message;
    EXPECT_EQ(result->region, v.region);
    EXPECT_EQ(result->access_key_id, key_id);
  }
}

TEST_F(BotocoreRequest, SignerGivesTheSameAuthorization) {
  for (Vector& v : vectors.all) {
    const std::string expected = *v.header("Authorization");
    // What botocore added after signing, or adds itself, is not given to the signer.
    std::erase_if(v.headers, [](const auto& h) {
      return h.first == "Authorization" || h.first == "X-Amz-Date" || h.first == "X-Amz-Security-Token" ||
             h.first == "X-Amz-Content-SHA256" || h.first == "Content-Length";
    });
    const std::vector<HttpHeader> headers = v.views();
    const auto added = sign({v.method, v.path, v.query, headers, v.body},
                            {key_id, secret, v.name == "session token" ? vectors.session_token : ""},
                            {v.region, v.service}, vectors.time);
    EXPECT_EQ(added.back().second, expected) << v.name;
  }
}

TEST_F(BotocoreRequest, AnyChangeIsRefused) {
  const std::string mismatch = "does not match the signature you provided";
  const Vector original = post;
  post.body += ' ';
  expect_refused("InvalidSignatureException", mismatch);
  post = original, post.method = "PUT";
  expect_refused("InvalidSignatureException", mismatch);
  post = original, post.path += "x";
  expect_refused("InvalidSignatureException", mismatch);
  post = original, post.query = "a=b";
  expect_refused("InvalidSignatureException", mismatch);
  post = original, *post.header("Content-Type") = "text/plain";
  expect_refused("InvalidSignatureException", mismatch);
  post = original, *post.header("Host") = "127.0.0.1:7789";
  expect_refused("InvalidSignatureException", mismatch);
  post = original, authorization().back() = authorization().back() == '0' ? '1' : '0';
  expect_refused("InvalidSignatureException", mismatch);
  post = original, replace("eu-central-1", "us-east-1");
  expect_refused("InvalidSignatureException", mismatch);
}

TEST_F(BotocoreRequest, AbsentOrBrokenAuthorization) {
  const Vector original = post;
  std::erase_if(post.headers, [](const auto& h) { return h.first == "Authorization"; });
  expect_refused("MissingAuthenticationTokenException", "Missing Authentication Token");
  post.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00";
  expect_refused("MissingAuthenticationTokenException", "presigned");
  const auto with = [&](std::string_view from, std::string_view to, std::string_view text) {
    post = original;
    replace(from, to);
    expect_refused("IncompleteSignatureException", text);
  };
  with("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "Unsupported AWS 'algorithm'");
  with("AWS4-HMAC-SHA256", "aws4-hmac-sha256", "Unsupported AWS 'algorithm'");
  with("Credential=", "Credentials=", "unknown or repeated");
  with("Signature=", "Signature", "missing equal-sign");
  with(", SignedHeaders=content-type;host;x-amz-date", "", "requires 'SignedHeaders'");
  with("/aws4_request", "", "exactly 5");
  with("Signature=", "Signature=0", "64 lower-case");
  with("content-type;host", "host;content-type", "sorted");
  with("content-type;host", "content-type;host;host", "sorted");
  with("content-type;host", "Content-Type;host", "lower-case");
  with("host;", "", "'host' must be a 'SignedHeader'");
  with(";x-amz-date", "", "'x-amz-date' must be a 'SignedHeader'");
  with("content-type;host", "content-type;date;host", "'date' is not in the request");
  post = original;
  authorization() += ", Signature=" + std::string(64, '0');
  expect_refused("IncompleteSignatureException", "repeated parameter");
}

TEST_F(BotocoreRequest, RepeatedHeadersAreRefused) {
  const Vector original = post;
  for (const char* name : {"Authorization", "X-Amz-Date", "Host"}) {
    post = original;
    post.headers.emplace_back(name, *post.header(name));
    expect_refused("IncompleteSignatureException", "must not be repeated");
  }
}

TEST_F(BotocoreRequest, UnsignedAmzHeaderIsRefused) {
  post.headers.emplace_back("X-Amz-Target", "other");
  expect_refused("IncompleteSignatureException", "'x-amz-target' must be a 'SignedHeader'");
}

TEST_F(BotocoreRequest, ScopeMustFit) {
  const Vector original = post;
  replace("/guardduty/", "/s3/");
  expect_refused("InvalidSignatureException", "correct service: 'guardduty'");
  post = original, replace("/20261124/", "/20261123/");
  expect_refused("InvalidSignatureException", "Date in Credential scope");
  post = original, replace("aws4_request", "aws4_requesT");
  expect_refused("InvalidSignatureException", "valid terminator");
  post = original, replace(key_id, "AKIDEXAMPLEKEY000002");
  expect_refused("UnrecognizedClientException", "security token included in the request is invalid");
  post = original, *post.header("X-Amz-Date") = "2026-11-24T03:10:50Z";
  expect_refused("IncompleteSignatureException", "ISO-8601 'basic format'");
}

TEST_F(BotocoreRequest, ClockSkewFromBothSides) {
  EXPECT_TRUE(check(post, vectors.time + 5 * minute_ms));
  EXPECT_TRUE(check(post, vectors.time - 5 * minute_ms));
  const auto old = check(post, vectors.time + 5 * minute_ms + 1);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().type, "InvalidSignatureException");
  EXPECT_EQ(
      old.error().message,
      "Signature expired: 20261124T031050Z is now earlier than 20261124T031050Z (20261124T031550Z - 5 min.)");
  const auto early = check(post, vectors.time - 5 * minute_ms - 1);
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message,
              HasSubstr("Signature not yet current: 20261124T031050Z is still later than"));
}

TEST_F(BotocoreRequest, SessionTokenBelongsToItsKey) {
  const auto session = std::ranges::find(vectors.all, std::string("session token"), &Vector::name);
  EXPECT_TRUE(check(*session, vectors.time, vectors.session_token, vectors.time + 1));
  EXPECT_EQ(check(*session, vectors.time, vectors.session_token, vectors.time).error().type,
            "ExpiredTokenException");
  EXPECT_EQ(check(*session, vectors.time, "other").error().type, "UnrecognizedClientException");
  EXPECT_EQ(check(*session, vectors.time, "").error().type, "UnrecognizedClientException");
  EXPECT_EQ(check(post, vectors.time, vectors.session_token).error().type, "UnrecognizedClientException");
}

// AWS's published cases, as testdata/make_vectors.py signs them from the specification alone.
TEST(Sigv4Specification, EveryCaseVerifiesAndIsSignedAlike) {
  simdjson::dom::parser parser;
  const simdjson::dom::element root =
      parser.load(std::string(PICKET_SOURCE_DIR) + "/src/aws/testdata/sigv4_specification.json").value();
  const auto text = [](const simdjson::dom::element& from, const char* name) {
    return std::string(std::string_view(from[name]));
  };
  const std::string id = text(root, "access_key_id"), key = text(root, "secret_access_key");
  const std::string region = text(root, "region"), service = text(root, "service");
  const TimeMs time = *parse_time(text(root, "time"));
  std::size_t cases = 0;
  for (const auto row : simdjson::dom::array(root["vectors"])) {
    const std::string name = text(row, "name"), method = text(row, "method"), path = text(row, "path");
    const std::string query = text(row, "query"), body = text(row, "body"), token = text(row, "token");
    std::vector<HttpHeader> headers, unsigned_headers;
    std::string authorization;
    for (const auto pair : simdjson::dom::array(row["headers"])) {
      const HttpHeader header{std::string_view(pair.at(0)), std::string_view(pair.at(1))};
      headers.push_back(header);
      if (header.name == "Authorization") authorization = header.value;
      if (header.name != "Authorization" && !header.name.starts_with("X-Amz-"))
        unsigned_headers.push_back(header);
    }
    const AccessKeyLookup lookup = [&](std::string_view) { return AccessKey{key, token, {}}; };
    const auto result = verify({method, path, query, headers, body}, lookup, {.service = service}, time);
    EXPECT_TRUE(result) << name << ": " << (result ? "" : result.error().message);
    const auto added =
        sign({method, path, query, unsigned_headers, body}, {id, key, token}, {region, service}, time);
    EXPECT_EQ(added.back().second, authorization) << name;
    ++cases;
  }
  EXPECT_EQ(cases, 33U);
}

TEST_F(BotocoreRequest, WhatTheServiceDoesNotTakeIsRefused) {
  const Vector original = post;
  // aws-chunked: the body's hash stands for chunks that are signed one by one.
  post.headers.emplace_back("Content-Encoding", "aws-chunked");
  post.headers.emplace_back("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  replace("host;x-amz-date", "host;x-amz-content-sha256;x-amz-date");
  expect_refused("InvalidSignatureException", "is not accepted");
  // SigV4a
  post = original;
  post.headers.emplace_back("X-Amz-Region-Set", "*");
  replace("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 ");
  expect_refused("IncompleteSignatureException", "Unsupported AWS 'algorithm'");
  // Signed in the query, with and without a header besides.
  post = original;
  post.query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=20261124T031050Z&X-Amz-Expires=60&"
      "X-Amz-SignedHeaders=host&X-Amz-Signature=0";
  EXPECT_FALSE(check(post, vectors.time));
  std::erase_if(post.headers, [](const auto& h) { return h.first == "Authorization"; });
  expect_refused("MissingAuthenticationTokenException", "presigned");
}

TEST(Sigv4, BodyHashHeaderMustBeTheRealHash) {
  const TimeMs now = *parse_time("2026-11-24T03:10:50Z");
  const AccessKeyLookup lookup = [](std::string_view) { return AccessKey{std::string(secret), "", {}}; };
  const auto result = [&](std::string_view hash, std::string_view body) {
    std::vector<HttpHeader> headers{{"host", "localhost"}, {"x-amz-content-sha256", hash}};
    HttpRequest request{"POST", "/detector", "", headers, body};
    const auto added = sign(request, {key_id, secret, ""}, {"eu-central-1", "guardduty"}, now);
    for (const auto& [name, value] : added) headers.push_back({name, value});
    request.headers = headers;
    return verify(request, lookup, {}, now);
  };
  EXPECT_TRUE(result(sha256_hex("{}"), "{}"));
  EXPECT_THAT(result(sha256_hex("{ }"), "{}").error().message, HasSubstr("does not match what was computed"));
  for (const std::string_view hash : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}) {
    EXPECT_EQ(result(hash, "{}").error().type, "InvalidSignatureException");
    EXPECT_THAT(result(hash, "{}").error().message, HasSubstr("is not accepted"));
  }
}

// By botocore 1.43.11's SigV4QueryAuth, as `aws eks get-token` uses it.
TEST(Sigv4, PresignsAsBotocoreDoes) {
  const HttpHeader headers[] = {{"host", "sts.eu-west-1.amazonaws.com"}, {"x-k8s-aws-id", "parcel prod"}};
  const HttpRequest request{.method = "GET",
                            .path = "/",
                            .query = "Action=GetCallerIdentity&Version=2011-06-15",
                            .headers = headers,
                            .body = {},
                            .remote_address = {}};
  EXPECT_EQ(
      presign(request,
              {"ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "token/with+signs=="},
              {"eu-west-1", "sts"}, *parse_time("2026-09-14T10:00:00Z"), minute_ms),
      "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "ASIAIOSFODNN7EXAMPLE%2F20260914%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20260914T100000Z&"
      "X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token="
      "token%2Fwith%2Bsigns%3D%3D&X-Amz-Signature="
      "9dbf397ed5de5c47674bc68461f4066be4c8caf4e5f5cdfc4c531aa9d4e52ac4");
}

TEST(Sigv4, PercentCoding) {
  EXPECT_EQ(uri_encode("a/b c~"), "a%2Fb%20c~");
  EXPECT_EQ(uri_decode("a%2fb%20c+%zz%2"), "a/b c+%zz%2");
}

}  // namespace
}  // namespace picket::aws
