#include "console/oidc.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <simdjson.h>

#include <algorithm>

#include "aws/sigv4.h"
#include "base/base64.h"
#include "console/sessions.h"

namespace picket::console {

namespace {

namespace dom = simdjson::dom;

constexpr std::size_t name_max = 64;

std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string form(const std::vector<std::pair<std::string_view, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields)
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, aws::uri_encode(value));
  return out;
}

std::string_view text_at(const dom::element& object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// A name that can stand in an ARN; the subject tells persons apart where it does not.
std::string safe_name(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
  std::string out(text.substr(0, name_max));
  for (char& c : out)
    if (!allowed.contains(c)) c = '_';
  return out;
}

bool has(const dom::element& claims, const OidcGrant& grant) {
  const auto fits = [&](const dom::element& one) {
    std::string_view text;
    return one.get(text) == simdjson::SUCCESS && (grant.value == "*" || text == grant.value);
  };
  dom::element claim;
  if (claims[grant.claim].get(claim) != simdjson::SUCCESS) return false;
  dom::array several;
  if (claim.get(several) != simdjson::SUCCESS) return fits(claim);
  return std::any_of(several.begin(), several.end(), fits);
}

}  // namespace

Result<std::string> OidcClient::fetched(const std::string& url) {
  auto answer = send_({.method = "GET", .url = url, .headers = {{"Accept", "application/json"}}, .body = {}});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return fail(ErrorKind::io, fmt::format("answers {}", answer->status), url);
  return std::move(answer->body);
}

Result<OidcClient::Provider> OidcClient::provider() {
  const TimeMs now = now_();
  {
    const std::scoped_lock lock(mutex_);
    if (provider_ && now - provider_->read_at < metadata_kept) return *provider_;
  }
  std::string url = settings_.issuer;
  while (url.ends_with('/')) url.pop_back();
  url += "/.well-known/openid-configuration";
  const auto text = fetched(url);
  if (!text) return std::unexpected(text.error());
  dom::parser parser;
  dom::element root;
  if (parser.parse(*text).get(root) != simdjson::SUCCESS || text_at(root, "issuer") != settings_.issuer)
    return fail(ErrorKind::invalid, "is not the configuration of the issuer that is expected", url);
  Provider out{.authorization_endpoint = std::string(text_at(root, "authorization_endpoint")),
               .token_endpoint = std::string(text_at(root, "token_endpoint")),
               .keys_endpoint = std::string(text_at(root, "jwks_uri"))};
  // The browser goes there: to no other kind of place.
  if (!out.authorization_endpoint.starts_with("https://") &&
      !(out.authorization_endpoint.starts_with("http://") && settings_.issuer.starts_with("http://")))
    return fail(ErrorKind::invalid, "has no authorization endpoint that is safe", url);
  if (out.token_endpoint.empty() || out.keys_endpoint.empty())
    return fail(ErrorKind::invalid, "lacks token_endpoint or jwks_uri", url);
  dom::array methods;
  if (root["token_endpoint_auth_methods_supported"].get(methods) == simdjson::SUCCESS) {
    out.secret_in_body = std::none_of(methods.begin(), methods.end(), [](const dom::element& one) {
      std::string_view method;
      return one.get(method) == simdjson::SUCCESS && method == "client_secret_basic";
    });
  }
  auto keys = fetched(out.keys_endpoint);
  if (!keys) return std::unexpected(keys.error());
  out.keys = std::move(*keys);
  out.read_at = out.keys_read_at = now;
  const std::scoped_lock lock(mutex_);
  provider_ = out;
  return out;
}

// After the provider changed its keys; not more often than now and then, whatever tokens come.
Result<std::string> OidcClient::keys_again(const Provider& known) {
  const TimeMs now = now_();
  {
    const std::scoped_lock lock(mutex_);
    if (provider_ && provider_->keys != known.keys) return provider_->keys;
    if (provider_ && now - provider_->keys_read_at < keys_asked_again_after) return known.keys;
    if (provider_) provider_->keys_read_at = now;
  }
  auto keys = fetched(known.keys_endpoint);
  if (!keys) return keys;
  const std::scoped_lock lock(mutex_);
  if (provider_) provider_->keys = *keys;
  return keys;
}

Result<OidcClient::Begun> OidcClient::begin() {
  const auto known = provider();
  if (!known) return std::unexpected(known.error());
  auto state = new_token(), nonce = new_token(), verifier = new_token();
  for (const auto* token : {&state, &nonce, &verifier})
    if (!*token) return std::unexpected(token->error());
  const TimeMs now = now_();
  const std::string query = form({{"response_type", "code"},
                                  {"client_id", settings_.client_id},
                                  {"redirect_uri", settings_.redirect_url},
                                  {"scope", fmt::format("{}", fmt::join(settings_.scopes, " "))},
                                  {"state", *state},
                                  {"nonce", *nonce},
                                  {"code_challenge", to_base64url(sha256(*verifier))},
                                  {"code_challenge_method", "S256"}});
  const std::string& place = known->authorization_endpoint;
  const std::scoped_lock lock(mutex_);
  std::erase_if(begun_, [&](const auto& entry) { return now - entry.second.began >= sign_in_lasts; });
  if (begun_.size() >= begun_max)
    begun_.erase(std::ranges::min_element(begun_, {}, [](const auto& entry) { return entry.second.began; }));
  begun_[*state] = {.nonce = std::move(*nonce), .verifier = std::move(*verifier), .began = now};
  return Begun{std::move(*state), fmt::format("{}{}{}", place, place.contains('?') ? '&' : '?', query)};
}

Result<OidcClient::Tokens> OidcClient::tokens_for(
    const Provider& provider, std::vector<std::pair<std::string_view, std::string>> fields) {
  net::Request request{
      .method = "POST",
      .url = provider.token_endpoint,
      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
      .body = {}};
  if (settings_.client_secret.empty() || provider.secret_in_body) {
    fields.emplace_back("client_id", settings_.client_id);
    if (!settings_.client_secret.empty()) fields.emplace_back("client_secret", settings_.client_secret);
  } else {
    const std::string both =
        fmt::format("{}:{}", aws::uri_encode(settings_.client_id), aws::uri_encode(settings_.client_secret));
    request.headers.emplace_back("Authorization", "Basic " + to_base64(both));
  }
  const std::string body = form(fields);
  request.body = body;
  const auto answer = send_(request);
  if (!answer) return std::unexpected(answer.error());
  dom::parser parser;
  dom::element root;
  const bool is_json = parser.parse(answer->body).get(root) == simdjson::SUCCESS && root.is_object();
  if (answer->status != 200 || !is_json) {
    const std::string_view error = is_json ? text_at(root, "error") : std::string_view();
    return fail(answer->status == 400 && error == "invalid_grant" ? ErrorKind::conflict : ErrorKind::io,
                fmt::format("answers {} {}", answer->status, error.substr(0, name_max)),
                provider.token_endpoint);
  }
  return Tokens{std::string(text_at(root, "id_token")), std::string(text_at(root, "refresh_token"))};
}

Result<OidcPerson> OidcClient::person_of(std::string_view text) const {
  dom::parser parser;
  dom::element claims;
  if (parser.parse(text.data(), text.size()).get(claims) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the ID token has no claims");
  const std::string_view subject = text_at(claims, "sub"), name = text_at(claims, settings_.name_claim);
  for (const OidcGrant& grant : settings_.grants)
    if (has(claims, grant))
      return OidcPerson{safe_name(name.empty() ? subject : name), std::string(subject), grant, {}};
  return fail(ErrorKind::unsupported,
              fmt::format("{} signed in, but no [[console.oidc.grant]] fits its claims",
                          safe_name(name.empty() ? subject : name)));
}

Result<OidcPerson> OidcClient::finish(std::string_view state, std::string_view code,
                                      std::string_view issuer) {
  Pending pending;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = begun_.find(state);
    if (found == begun_.end()) return fail(ErrorKind::not_found, "nobody began this sign-in");
    pending = std::move(found->second);
    begun_.erase(found);  // once
  }
  const TimeMs now = now_();
  if (now - pending.began >= sign_in_lasts) return fail(ErrorKind::not_found, "the sign-in took too long");
  // RFC 9207: from another provider than the one that was asked.
  if (!issuer.empty() && issuer != settings_.issuer)
    return fail(ErrorKind::invalid, "the answer is of another issuer", std::string(issuer.substr(0, 256)));
  if (code.empty()) return fail(ErrorKind::invalid, "the answer has no code");
  const auto known = provider();
  if (!known) return std::unexpected(known.error());
  auto tokens = tokens_for(*known, {{"grant_type", "authorization_code"},
                                    {"code", std::string(code)},
                                    {"redirect_uri", settings_.redirect_url},
                                    {"code_verifier", pending.verifier}});
  if (!tokens) return std::unexpected(tokens.error());
  if (tokens->id.empty())
    return fail(ErrorKind::invalid, "answers without an ID token", known->token_endpoint);
  auto person = person_in(*known, tokens->id,
                          {.issuer = settings_.issuer,
                           .client_id = settings_.client_id,
                           .nonce = pending.nonce,
                           .now = now_(),
                           .skew = settings_.skew});
  if (person) person->refresh_token = std::move(tokens->refresh);
  return person;
}

Result<OidcPerson> OidcClient::person_in(const Provider& known, const std::string& id_token,
                                         const IdTokenExpected& expected) {
  auto claims = verified_claims(id_token, known.keys, expected);
  if (!claims && claims.error().kind == ErrorKind::not_found) {
    const auto newer = keys_again(known);
    if (!newer) return std::unexpected(newer.error());
    claims = verified_claims(id_token, *newer, expected);
    if (!claims && claims.error().kind == ErrorKind::not_found) claims.error().kind = ErrorKind::invalid;
  }
  if (!claims) return std::unexpected(claims.error());
  return person_of(*claims);
}

Result<OidcPerson> OidcClient::again(const OidcPerson& person) {
  const auto known = provider();
  if (!known) return std::unexpected(known.error());
  auto tokens =
      tokens_for(*known, {{"grant_type", "refresh_token"}, {"refresh_token", person.refresh_token}});
  if (!tokens) {
    Error error = tokens.error();
    if (error.kind == ErrorKind::conflict) error.kind = ErrorKind::not_found;
    return std::unexpected(std::move(error));
  }
  OidcPerson out = person;
  // A provider need not send a new ID token: then what it said before holds.
  if (!tokens->id.empty()) {
    auto now = person_in(*known, tokens->id,
                         {.issuer = settings_.issuer,
                          .client_id = settings_.client_id,
                          .nonce = {},
                          .renewed = true,
                          .now = now_(),
                          .skew = settings_.skew});
    if (!now) return now;
    if (now->subject != person.subject)
      return fail(ErrorKind::invalid, "the ID token is of another person", known->token_endpoint);
    out = std::move(*now);
    out.refresh_token = person.refresh_token;
  }
  if (!tokens->refresh.empty()) out.refresh_token = std::move(tokens->refresh);
  return out;
}

}  // namespace picket::console
