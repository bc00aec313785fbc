// Signing in through a provider that the test plays: what is asked of it, and which tokens are not believed.
#include "console/oidc.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

extern "C" {
#include <jose/b64.h>
#include <jose/jwk.h>
#include <jose/jws.h>
}

#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>

#include "aws/sigv4.h"
#include "base/base64.h"
#include "console/console.h"
#include "console/id_token.h"

namespace picket::console {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct JsonDeleter {
  void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, JsonDeleter>;

Json parsed(const std::string& text) { return Json(json_loads(text.c_str(), 0, nullptr)); }

std::string dumped(const json_t* json) {
  char* text = json_dumps(json, JSON_COMPACT);
  std::string out(text == nullptr ? "" : text);
  std::free(text);
  return out;
}

// A key pair; made once, since RSA keys take long.
Json key_pair(const char* algorithm, const char* id) {
  Json key(json_pack("{s:s, s:s, s:s}", "alg", algorithm, "kid", id, "use", "sig"));
  EXPECT_TRUE(jose_jwk_gen(nullptr, key.get()));
  return key;
}
const json_t* rsa_key() {
  static const Json key = key_pair("RS256", "rsa-1");
  return key.get();
}
const json_t* ec_key() {
  static const Json key = key_pair("ES256", "ec-1");
  return key.get();
}

std::string key_set(std::initializer_list<const json_t*> keys) {
  Json set(json_pack("{s:[]}", "keys"));
  for (const json_t* key : keys) {
    json_t* copy = json_deep_copy(key);
    EXPECT_TRUE(jose_jwk_pub(nullptr, copy));
    json_array_append_new(json_object_get(set.get(), "keys"), copy);
  }
  return dumped(set.get());
}

std::string signed_token(const std::string& claims, const json_t* key, const std::string& header) {
  Json jws(json_pack("{s:s}", "payload", to_base64url(claims).c_str()));
  Json signature(json_pack("{s:o}", "protected", parsed(header).release()));
  EXPECT_TRUE(jose_jws_sig(nullptr, jws.get(), signature.get(), key)) << header;
  const auto part = [&](const char* name) {
    return std::string(json_string_value(json_object_get(jws.get(), name)));
  };
  return part("protected") + "." + part("payload") + "." + part("signature");
}

constexpr TimeMs now = 1'800'000'000'000;
constexpr const char* rsa_header = R"({"alg":"RS256","kid":"rsa-1"})";

std::string claims(const std::string& changes = "{}") {
  Json all = parsed(
      R"({"iss":"https://idp.example.com","aud":"picket","sub":"248289761001","exp":1800000300,"iat":1800000000,"nonce":"n"})");
  json_object_update(all.get(), parsed(changes).get());
  return dumped(all.get());
}

Result<std::string> checked(const std::string& token, const std::string& keys) {
  return verified_claims(
      token, keys, {.issuer = "https://idp.example.com", .client_id = "picket", .nonce = "n", .now = now});
}
std::string why_not(const std::string& changes) {
  const auto result = checked(signed_token(claims(changes), rsa_key(), rsa_header), key_set({rsa_key()}));
  return result ? "believed" : result.error().what;
}

TEST(IdToken, IsBelievedWhenTheProviderSignedIt) {
  const auto rsa = checked(signed_token(claims(), rsa_key(), rsa_header), key_set({ec_key(), rsa_key()}));
  ASSERT_TRUE(rsa) << rsa.error().message();
  EXPECT_THAT(*rsa, HasSubstr("248289761001"));
  EXPECT_TRUE(checked(signed_token(claims(), ec_key(), R"({"alg":"ES256","kid":"ec-1"})"),
                      key_set({ec_key(), rsa_key()})));
  EXPECT_TRUE(
      checked(signed_token(claims(), ec_key(), R"({"alg":"ES256"})"), key_set({rsa_key(), ec_key()})));
}

TEST(IdToken, IsNotBelievedFromOthers) {
  const std::string keys = key_set({rsa_key()});
  const Json stranger = key_pair("RS256", "rsa-1");
  EXPECT_THAT(checked(signed_token(claims(), stranger.get(), rsa_header), keys).error().what,
              HasSubstr("not signed by the provider"));
  // Another key's id: newer keys may help.
  const Json other = key_pair("RS256", "rsa-2");
  EXPECT_EQ(
      checked(signed_token(claims(), other.get(), R"({"alg":"RS256","kid":"rsa-2"})"), keys).error().kind,
      ErrorKind::not_found);
  // Any change.
  std::string token = signed_token(claims(), rsa_key(), rsa_header);
  const std::size_t dot = token.find('.');
  const std::string forged =
      token.substr(0, dot + 1) + to_base64url(claims(R"({"sub":"root"})")) + token.substr(token.rfind('.'));
  EXPECT_THAT(checked(forged, keys).error().what, HasSubstr("not signed by the provider"));
}

TEST(IdToken, IsNotBelievedWithAnAlgorithmThatAnybodyCanUse) {
  const std::string keys = key_set({rsa_key()});
  const std::string none = to_base64url(R"({"alg":"none"})") + "." + to_base64url(claims()) + ".";
  EXPECT_THAT(checked(none, keys).error().what, HasSubstr("not accepted"));
  // The public key as the secret of an HMAC.
  Json secret(json_pack("{s:s, s:s, s:s}", "kty", "oct", "k", to_base64url(keys).c_str(), "alg", "HS256"));
  const std::string symmetric = signed_token(claims(), secret.get(), R"({"alg":"HS256","kid":"rsa-1"})");
  EXPECT_THAT(checked(symmetric, keys).error().what, HasSubstr("not accepted"));
  EXPECT_FALSE(checked(symmetric, dumped(Json(json_pack("{s:[O]}", "keys", secret.get())).get())));
}

TEST(IdToken, IsNotBelievedWhenItIsNotForThisSignIn) {
  EXPECT_THAT(why_not(R"({"iss":"https://idp.example.org"})"), HasSubstr("another issuer"));
  EXPECT_THAT(why_not(R"({"iss":"https://idp.example.com/"})"), HasSubstr("another issuer"));
  EXPECT_THAT(why_not(R"({"aud":"other"})"), HasSubstr("another client"));
  EXPECT_THAT(why_not(R"({"aud":["other"]})"), HasSubstr("another client"));
  EXPECT_THAT(why_not(R"({"aud":["other","picket"]})"), HasSubstr("authorized party"));
  EXPECT_EQ(why_not(R"({"aud":["other","picket"],"azp":"picket"})"), "believed");
  EXPECT_THAT(why_not(R"({"azp":"other"})"), HasSubstr("another client"));
  EXPECT_THAT(why_not(R"({"nonce":"m"})"), HasSubstr("another sign-in"));
  EXPECT_THAT(why_not(R"({"nonce":null})"), HasSubstr("another sign-in"));
  EXPECT_THAT(why_not(R"({"sub":""})"), HasSubstr("nobody"));
}

TEST(IdToken, TimesHoldWithinTheSkew) {
  EXPECT_EQ(why_not(R"({"exp":1799999701})"), "believed");  // 299 s ago
  EXPECT_THAT(why_not(R"({"exp":1799999700})"), HasSubstr("is over"));
  EXPECT_EQ(why_not(R"({"iat":1800000300})"), "believed");
  EXPECT_THAT(why_not(R"({"iat":1800000301})"), HasSubstr("future"));
  EXPECT_THAT(why_not(R"({"nbf":1800000301})"), HasSubstr("not hold yet"));
  EXPECT_THAT(why_not(R"({"exp":null})"), HasSubstr("does not say when"));
  EXPECT_THAT(why_not(R"({"exp":"later"})"), HasSubstr("does not say when"));
}

TEST(IdToken, IsRefusedWhenItIsNone) {
  const std::string keys = key_set({rsa_key()});
  for (const char* text :
       {"", "a", "a.b", "a.b.c", "..", "a.b.c.d", "e30.e30.e30", "e30.e30.", "W10.W10.W10"})
    EXPECT_FALSE(checked(text, keys)) << text;
  const std::string token = signed_token(claims(), rsa_key(), rsa_header);
  for (const char* set : {"", "[]", "{}", R"({"keys":7})", R"({"keys":[7,"x",{}]})"})
    EXPECT_FALSE(checked(token, set)) << set;
  EXPECT_THAT(
      checked(signed_token(claims(), rsa_key(), R"({"alg":"RS256","kid":"rsa-1","crit":["exp"],"exp":1})"),
              keys)
          .error()
          .what,
      HasSubstr("extensions"));
}

// A provider in the test's hands.
class Oidc : public ::testing::Test {
 protected:
  static constexpr const char* token_place = "https://idp.example.com/token";
  Oidc() {
    settings = {.name = "Example",
                .issuer = "https://idp.example.com",
                .client_id = "picket",
                .client_secret = "s:e/cret",
                .redirect_url = "https://picket.example.com/console/api/oidc/callback",
                .scopes = {"openid", "email"},
                .name_claim = "email",
                .grants = {{"groups", "admins", "default", aws::Role::administrator},
                           {"groups", "soc", "audit", aws::Role::responder},
                           {"email", "*", "audit", aws::Role::read_only}}};
    start();
  }
  void start() {
    client = std::make_unique<OidcClient>(
        settings, [this](const net::Request& request) { return answer(request); }, [this] { return time; });
  }
  Result<net::Response> answer(const net::Request& request) {
    ++asked[request.url];
    if (request.url == "https://idp.example.com/.well-known/openid-configuration")
      return net::Response{.status = 200, .headers = {}, .body = configuration, .url = request.url};
    if (request.url == "https://idp.example.com/keys")
      return net::Response{.status = 200, .headers = {}, .body = keys, .url = request.url};
    if (request.url != token_place) return fail(ErrorKind::io, "no such place", request.url);
    form = request.body;
    authorization.clear();
    for (const auto& [name, value] : request.headers)
      if (name == "Authorization") authorization = value;
    const std::string token = signed_token(claims(more), key, header);
    return net::Response{
        .status = token_status,
        .headers = {},
        .body = fmt::format(
            R"({{"access_token":"a","id_token":"{}","error":"invalid_grant","refresh_token":"{}"}})",
            sends_id_token ? token : "", refresh_token),
        .url = request.url};
  }
  static std::string parameter(const std::string& url, const std::string& name) {
    const std::size_t at = url.find(name + "=");
    const std::size_t from = at + name.size() + 1;
    return at == std::string::npos ? "" : aws::uri_decode(url.substr(from, url.find('&', from) - from));
  }
  // Signs in; `changes` are the person's claims.
  Result<OidcPerson> sign_in(const std::string& changes) {
    const auto begun = client->begin();
    if (!begun) return std::unexpected(begun.error());
    Json all = parsed(changes);
    json_object_set_new(all.get(), "nonce", json_string(parameter(begun->url, "nonce").c_str()));
    more = dumped(all.get());
    challenge = parameter(begun->url, "code_challenge");
    return client->finish(begun->state, "the-code", "");
  }

  std::string configuration =
      R"({"issuer":"https://idp.example.com","authorization_endpoint":"https://idp.example.com/auth",
          "token_endpoint":"https://idp.example.com/token","jwks_uri":"https://idp.example.com/keys"})";
  std::string keys = key_set({rsa_key()});
  const json_t* key = rsa_key();
  std::string header = rsa_header, more = "{}";
  std::string refresh_token;
  bool sends_id_token = true;
  unsigned token_status = 200;
  TimeMs time = now;
  std::map<std::string, int> asked;
  std::string form, authorization, challenge;
  OidcSettings settings;
  std::unique_ptr<OidcClient> client;
};

TEST_F(Oidc, TheFirstGrantThatFitsDecides) {
  auto person = sign_in(R"({"email":"ana@example.com","groups":["soc","admins"]})");
  ASSERT_TRUE(person) << person.error().message();
  EXPECT_EQ(person->name, "ana@example.com");
  EXPECT_EQ(person->subject, "248289761001");
  EXPECT_EQ(person->grant.profile, "default");
  EXPECT_EQ(person->grant.role, aws::Role::administrator);
  EXPECT_EQ(sign_in(R"({"email":"bo@example.com","groups":"soc"})")->grant.role, aws::Role::responder);
  EXPECT_EQ(sign_in(R"({"email":"cy@example.com","groups":["x"]})")->grant.role, aws::Role::read_only);
  person = sign_in(R"({"groups":["x", 7, null]})");
  EXPECT_EQ(person.error().kind, ErrorKind::unsupported);
  person = sign_in(R"({"groups":["soc"]})");
  EXPECT_EQ(person->name, "248289761001");  // no name: the subject
  EXPECT_EQ(sign_in(R"({"email":"<b>/é","groups":["soc"]})")->name, "_b____");
}

TEST_F(Oidc, TheCodeIsBoundToWhoAskedForIt) {
  const auto begun = client->begin();
  ASSERT_TRUE(begun);
  EXPECT_TRUE(begun->url.starts_with("https://idp.example.com/auth?response_type=code&client_id=picket&"));
  EXPECT_EQ(parameter(begun->url, "redirect_uri"), settings.redirect_url);
  EXPECT_EQ(parameter(begun->url, "scope"), "openid email");
  EXPECT_EQ(parameter(begun->url, "code_challenge_method"), "S256");
  EXPECT_EQ(parameter(begun->url, "state"), begun->state);
  ASSERT_TRUE(sign_in(R"({"groups":["soc"]})"));
  const std::string verifier = parameter(form, "code_verifier");
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(verifier.data()), verifier.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  EXPECT_EQ(to_base64url(digest), challenge);
  EXPECT_EQ(parameter(form, "code"), "the-code");
  EXPECT_EQ(authorization, "Basic " + to_base64("picket:s%3Ae%2Fcret"));
  EXPECT_THAT(form, Not(HasSubstr("secret")));
}

TEST_F(Oidc, OnceAndInTime) {
  const auto begun = client->begin();
  ASSERT_TRUE(begun);
  EXPECT_EQ(client->finish("another", "c", "").error().kind, ErrorKind::not_found);
  EXPECT_EQ(client->finish("", "c", "").error().kind, ErrorKind::not_found);
  EXPECT_FALSE(client->finish(begun->state, "", ""));
  EXPECT_EQ(client->finish(begun->state, "c", "").error().kind, ErrorKind::not_found);
  const auto late = client->begin();
  time += OidcClient::sign_in_lasts;
  EXPECT_EQ(client->finish(late->state, "c", "").error().kind, ErrorKind::not_found);
  time = now;
  const auto mixed = client->begin();
  EXPECT_THAT(client->finish(mixed->state, "c", "https://evil.example").error().what,
              HasSubstr("another issuer"));
}

TEST_F(Oidc, NewKeysOfTheProviderAreFetchedNowAndThen) {
  const std::string person = R"({"groups":["soc"]})";
  ASSERT_TRUE(sign_in(person));
  const Json newer = key_pair("RS256", "rsa-2");
  key = newer.get();
  header = R"({"alg":"RS256","kid":"rsa-2"})";
  EXPECT_FALSE(sign_in(person));  // its keys were read just now
  time += minute_ms;
  keys = key_set({rsa_key(), newer.get()});
  EXPECT_TRUE(sign_in(person));
  EXPECT_TRUE(sign_in(person));
  EXPECT_EQ(asked["https://idp.example.com/keys"], 2);
  EXPECT_EQ(asked["https://idp.example.com/.well-known/openid-configuration"], 1);
}

TEST_F(Oidc, AProviderThatIsWrongIsNotUsed) {
  for (const char* wrong :
       {"", "{}", R"({"issuer":"https://idp.example.org"})", R"({"issuer":"https://idp.example.com"})",
        R"({"issuer":"https://idp.example.com","authorization_endpoint":"javascript:alert",
         "token_endpoint" : "https://idp.example.com/token",
         "jwks_uri" : "https://idp.example.com/keys"
       })
    ",
    R"({"issuer":"https://idp.example.com","authorization_endpoint":"http://idp.example.com/auth","token_endpoint":"https://idp.example.com/token","jwks_uri":"https://idp.example.com/keys"})"}) {
    configuration = wrong;
    start();
    EXPECT_FALSE(client->begin()) << wrong;
  }
}

TEST_F(Oidc, TheProvidersRefusalIsTold) {
  token_status = 400;
  const auto person = sign_in(R"({"groups":["soc"]})");
  ASSERT_FALSE(person);
  EXPECT_THAT(person.error().message(), HasSubstr("invalid_grant"));
}

TEST_F(Oidc, APersonIsAskedAboutAgain) {
  refresh_token = "r1";
  const auto first = sign_in(R"({"groups":["admins"]})");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->refresh_token, "r1");
  // Another group by now, in a token that names no sign-in; and the refresh token is good once.
  refresh_token = "r2";
  more = R"({"groups":["soc"],"nonce":null})";
  const auto second = client->again(*first);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(parameter(form, "grant_type"), "refresh_token");
  EXPECT_EQ(parameter(form, "refresh_token"), "r1");
  EXPECT_EQ(second->grant.role, aws::Role::responder);
  EXPECT_EQ(second->refresh_token, "r2");
  // Without an ID token, and with the old refresh token, what was said holds.
  sends_id_token = false;
  refresh_token.clear();
  const auto third = client->again(*second);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->grant.role, aws::Role::responder);
  EXPECT_EQ(third->refresh_token, "r2");
  sends_id_token = true;
  more = R"({"sub":"another","groups":["soc"]})";
  EXPECT_EQ(client->again(*third).error().kind, ErrorKind::invalid);
  more = R"({"groups":["guests"]})";
  EXPECT_EQ(client->again(*third).error().kind, ErrorKind::unsupported);
  token_status = 400;
  EXPECT_EQ(client->again(*third).error().kind, ErrorKind::not_found);
  token_status = 503;
  EXPECT_EQ(client->again(*third).error().kind, ErrorKind::io);
}

// A browser that signs in through the provider and works for a while.
TEST_F(Oidc, WhoLeftTheOrganisationIsOut) {
  std::string pattern = (std::filesystem::temp_directory_path() / "picket_oidc_XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path folder = pattern;
  const aws::Credential made =
      *aws::create_credential(folder, {"default", "111122223333", aws::Role::administrator, "eu-west-1"});
  ASSERT_TRUE(aws::create_credential(folder, {"audit", "111122223333", aws::Role::responder, "eu-west-1"}));
  const auto known = aws::KeyStore::open(folder);
  ASSERT_TRUE(known);
  UserStore users(folder);
  constexpr File files[] = {{"index.html", "text/html; charset=utf-8", "h1", "<html>", false}};
  Console console({.version = "1",
                   .files = files,
                   .oidc = client.get(),
                   .now = [this] { return time; },
                   .places = [] { return std::vector<std::pair<std::string, std::string>>{}; }},
                  **known, users, made.access_key_id);
  std::map<std::string, std::string> cookies;
  const auto get = [&](std::string_view path, std::string_view query) {
    std::string cookie;
    for (const auto& [name, value] : cookies) cookie += fmt::format("{}={}; ", name, value);
    const std::vector<aws::HttpHeader> headers{{"Host", "picket.example.com"}, {"Cookie", cookie}};
    auto response = *console.handle({"GET", path, query, headers, "", "192.0.2.1"});
    for (const auto& [name, value] : response.headers) {
      const std::size_t equals = value.find('=');
      if (name == "Set-Cookie")
        cookies[value.substr(0, equals)] = value.substr(equals + 1, value.find(';') - equals - 1);
    }
    return response;
  };
  refresh_token = "r1";
  std::string place;
  for (const auto& [name, value] : get("/console/api/oidc/begin", "").headers)
    if (name == "Location") place = value;
  more = fmt::format(R"({{"groups":["admins"],"email":"ana","nonce":"{}"}})", parameter(place, "nonce"));
  get("/console/api/oidc/callback", fmt::format("state={}&code=c", parameter(place, "state")));
  const auto session = [&] { return get("/console/api/session", "").body; };
  EXPECT_THAT(session(), AllOf(HasSubstr("sso/ana"), HasSubstr(R"("role":"administrator")")));
  const int before = asked[token_place];
  time += 10 * minute_ms;
  EXPECT_THAT(session(), HasSubstr("sso/ana"));
  EXPECT_EQ(asked[token_place], before);
  // Asked once, although several requests come; and by now of another group.
  time += 6 * minute_ms;
  more = R"({"groups":["soc"],"email":"ana","iat":1800000900,"exp":1800001900})";
  EXPECT_THAT(session(), HasSubstr(R"("role":"responder")"));
  EXPECT_THAT(session(), HasSubstr(R"("role":"responder")"));
  EXPECT_EQ(asked[token_place], before + 1);
  // A provider that is away changes nothing; one that vouches no more does.
  time += 16 * minute_ms;
  token_status = 503;
  EXPECT_THAT(session(), HasSubstr("sso/ana"));
  time += 16 * minute_ms;
  token_status = 400;
  EXPECT_THAT(session(), Not(HasSubstr("sso/ana")));
  std::filesystem::remove_all(folder);
}

TEST_F(Oidc, ASecretGoesWhereTheProviderTakesIt) {
  configuration.insert(configuration.size() - 1,
                       R"(,"token_endpoint_auth_methods_supported":["client_secret_post"])");
  start();
  ASSERT_TRUE(sign_in(R"({"groups":["soc"]})"));
  EXPECT_EQ(authorization, "");
  EXPECT_EQ(parameter(form, "client_secret"), "s:e/cret");
  settings.client_secret.clear();
  start();
  ASSERT_TRUE(sign_in(R"({"groups":["soc"]})"));
  EXPECT_EQ(parameter(form, "client_id"), "picket");
  EXPECT_THAT(form, Not(HasSubstr("client_secret")));
}

}  // namespace
}  // namespace picket::console
