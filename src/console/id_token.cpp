#include "console/id_token.h"

#include <fmt/format.h>
#include <jansson.h>
#include <simdjson.h>

extern "C" {
#include <jose/cfg.h>
#include <jose/jws.h>
}

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/base64.h"

namespace picket::console {

namespace {

namespace dom = simdjson::dom;

constexpr std::size_t token_bytes_max = 32'768;
// Asymmetric ones only: with another, who knows what is public could sign.
constexpr std::array<std::string_view, 9> algorithms{"RS256", "RS384", "RS512", "PS256", "PS384",
                                                     "PS512", "ES256", "ES384", "ES512"};

struct JsonDeleter {
  void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, JsonDeleter>;

std::unexpected<Error> refused(std::string why) {
  return fail(ErrorKind::invalid, "the ID token " + std::move(why));
}

std::string_view text_of(const json_t* object, const char* name) {
  const json_t* value = json_object_get(object, name);
  return json_is_string(value) ? std::string_view(json_string_value(value), json_string_length(value))
                               : std::string_view();
}

// Keys that may have signed it: of the token's key id where it has one, for signatures, none that is secret.
Json candidates(const json_t* set, std::string_view key_id) {
  Json out(json_array());
  const json_t* keys = json_object_get(set, "keys");
  for (std::size_t i = 0; i < json_array_size(keys); ++i) {
    json_t* key = json_array_get(keys, i);
    const std::string_view use = text_of(key, "use"), kind = text_of(key, "kty");
    if ((!use.empty() && use != "sig") || (kind != "RSA" && kind != "EC")) continue;
    if (!key_id.empty() && text_of(key, "kid") != key_id) continue;
    json_array_append(out.get(), key);
  }
  return out;
}

bool is_signed_by(std::string_view header, std::string_view payload, std::string_view signature,
                  const json_t* key) {
  const Json jws(json_pack("{s:s%, s:s%, s:s%}", "protected", header.data(), header.size(), "payload",
                           payload.data(), payload.size(), "signature", signature.data(), signature.size()));
  // Its errors would go to standard error: a key of another kind is one.
  const std::unique_ptr<jose_cfg_t, void (*)(jose_cfg_t*)> quiet(jose_cfg(), jose_cfg_decref);
  jose_cfg_set_err_func(quiet.get(), [](void*, const char*, int, uint64_t, const char*, va_list) {}, nullptr);
  return jws && jose_jws_ver(quiet.get(), jws.get(), nullptr, key, false);
}

// A NumericDate in milliseconds.
std::optional<TimeMs> time_claim(const dom::element& claims, const char* name) {
  double seconds = 0;
  constexpr double most = 1e11;  // the year 5138
  if (claims[name].get(seconds) != simdjson::SUCCESS || !(seconds >= 0) || seconds > most)
    return std::nullopt;
  return static_cast<TimeMs>(seconds * 1000);
}

std::string_view text_claim(const dom::element& claims, const char* name) {
  std::string_view text;
  return claims[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

Result<void> check_claims(const dom::element& claims, const IdTokenExpected& expected) {
  if (text_claim(claims, "iss") != expected.issuer) return refused("is of another issuer");
  dom::array audiences;
  const std::string_view party = text_claim(claims, "azp");
  if (claims["aud"].get(audiences) == simdjson::SUCCESS) {
    const bool meant = std::any_of(audiences.begin(), audiences.end(), [&](const dom::element& one) {
      std::string_view audience;
      return one.get(audience) == simdjson::SUCCESS && audience == expected.client_id;
    });
    if (!meant) return refused("is for another client");
    if (audiences.size() > 1 && party.empty()) return refused("names no authorized party");
  } else if (text_claim(claims, "aud") != expected.client_id) {
    return refused("is for another client");
  }
  if (!party.empty() && party != expected.client_id) return refused("was issued to another client");
  const auto ends = time_claim(claims, "exp"), made = time_claim(claims, "iat");
  if (!ends || !made) return refused("does not say when it was made and when it ends");
  if (expected.now - expected.skew >= *ends) return refused("is over");
  if (*made > expected.now + expected.skew) return refused("is of the future: compare the clocks");
  if (const auto begins = time_claim(claims, "nbf"); begins && *begins > expected.now + expected.skew)
    return refused("does not hold yet: compare the clocks");
  if (!expected.renewed && (expected.nonce.empty() || text_claim(claims, "nonce") != expected.nonce))
    return refused("belongs to another sign-in");
  if (text_claim(claims, "sub").empty()) return refused("names nobody");
  return {};
}

}  // namespace

Result<std::string> verified_claims(std::string_view token, std::string_view keys,
                                    const IdTokenExpected& expected) {
  const std::size_t first = token.find('.'), second = token.find('.', first + 1);
  if (token.size() > token_bytes_max || first == std::string_view::npos || second == std::string_view::npos ||
      token.find('.', second + 1) != std::string_view::npos)
    return refused("is no signed token");
  const std::string_view header = token.substr(0, first),
                         payload = token.substr(first + 1, second - first - 1),
                         signature = token.substr(second + 1);
  const auto header_text = from_base64url(header), payload_text = from_base64url(payload);
  if (!header_text || !payload_text) return refused("is not encoded as one");
  const Json head(json_loadb(header_text->data(), header_text->size(), JSON_REJECT_DUPLICATES, nullptr));
  if (!json_is_object(head.get())) return refused("has no header");
  if (std::ranges::find(algorithms, text_of(head.get(), "alg")) == algorithms.end())
    return refused("is signed in a way that is not accepted");
  if (json_object_get(head.get(), "crit") != nullptr) return refused("asks for extensions");
  const Json set(json_loadb(keys.data(), keys.size(), 0, nullptr));
  if (!json_is_object(set.get())) return refused("cannot be checked: the provider's keys are no JWK set");
  const std::string_view key_id = text_of(head.get(), "kid");
  const Json possible = candidates(set.get(), key_id);
  if (json_array_size(possible.get()) == 0)
    return fail(ErrorKind::not_found, fmt::format("the provider has no key \"{}\"", key_id));
  bool is_signed = false;
  for (std::size_t i = 0; i < json_array_size(possible.get()) && !is_signed; ++i)
    is_signed = is_signed_by(header, payload, signature, json_array_get(possible.get(), i));
  if (!is_signed && key_id.empty()) return fail(ErrorKind::not_found, "no key of the provider signed it");
  if (!is_signed) return refused("is not signed by the provider");
  dom::parser parser;
  dom::element claims;
  if (parser.parse(*payload_text).get(claims) != simdjson::SUCCESS || !claims.is_object())
    return refused("has no claims");
  if (const auto right = check_claims(claims, expected); !right) return std::unexpected(right.error());
  return *payload_text;
}

}  // namespace picket::console
