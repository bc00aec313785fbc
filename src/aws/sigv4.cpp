#include "aws/sigv4.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/text.h"

namespace picket::aws {

namespace {

using Digest = std::array<unsigned char, 32>;

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

Digest hmac(std::string_view key, std::string_view text) {
  Digest out{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &length);
  return out;
}

std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(const Digest& digest) {
  std::string out;
  out.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

bool same_name(std::string_view a, std::string_view lower_b) {
  return a.size() == lower_b.size() &&
         std::equal(a.begin(), a.end(), lower_b.begin(), [](char x, char y) { return lower(x) == y; });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Trimmed, runs of blanks squeezed to one.
void append_header_value(std::string& out, std::string_view value) {
  bool blank = false;
  for (const char c : trim(value)) {
    const bool now_blank = c == ' ' || c == '\t';
    if (!now_blank) out += c;
    if (now_blank && !blank) out += ' ';
    blank = now_blank;
  }
}

// Services other than S3 sign the path without empty and dot segments, each remaining segment
// encoded once more than it is on the wire.
std::string canonical_path(std::string_view path, bool s3) {
  if (s3) {
    std::string out;
    for (const std::string_view segment : split(path.substr(path.starts_with('/')), '/'))
      out += '/' + uri_encode(uri_decode(segment));
    return out;
  }
  std::vector<std::string_view> kept;
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..")
      kept.push_back(segment);
    else if (!kept.empty())
      kept.pop_back();
  }
  std::string out;
  for (const std::string_view segment : kept) out += '/' + uri_encode(segment);
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    pairs.emplace_back(
        uri_encode(uri_decode(part.substr(0, equals))),
        equals == std::string_view::npos ? "" : uri_encode(uri_decode(part.substr(equals + 1))));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + '=' + value;
  return out;
}

// `signed_headers` are lower-case names in the order they are signed in.
std::string canonical_request(const HttpRequest& request, std::span<const std::string> signed_headers,
                              std::string_view body_hash, bool s3) {
  std::string out = fmt::format("{}\n{}\n{}\n", request.method, canonical_path(request.path, s3),
                                canonical_query(request.query));
  std::string names;
  for (const std::string& name : signed_headers) {
    out += name + ':';
    bool first = true;
    for (const HttpHeader& header : request.headers) {
      if (!same_name(header.name, name)) continue;
      if (!first) out += ',';
      append_header_value(out, header.value);
      first = false;
    }
    out += '\n';
    names += (names.empty() ? "" : ";") + name;
  }
  out += '\n' + names + '\n';
  out += body_hash;
  return out;
}

std::string signature_of(std::string_view canonical, std::string_view secret, std::string_view amz_date,
                         const SigningScope& scope) {
  const std::string_view day = amz_date.substr(0, 8);
  const std::string to_sign = fmt::format("{}\n{}\n{}/{}/{}/aws4_request\n{}", algorithm, amz_date, day,
                                          scope.region, scope.service, sha256_hex(canonical));
  std::string start = fmt::format("AWS4{}", secret);
  Digest key = hmac(start, day);
  OPENSSL_cleanse(start.data(), start.size());
  key = hmac(view(key), scope.region);
  key = hmac(view(key), scope.service);
  key = hmac(view(key), "aws4_request");
  const std::string signature = hex(hmac(view(key), to_sign));
  OPENSSL_cleanse(key.data(), key.size());
  return signature;
}

// "20261124T031050Z".
std::string compact_time(TimeMs time) {
  std::string text = format_time_seconds(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::optional<TimeMs> parse_compact_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < 15; ++i)
    if (i != 8 && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  return parse_time(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                                text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
}

std::unexpected<AuthenticationError> missing(std::string message) {
  return std::unexpected(AuthenticationError{"MissingAuthenticationTokenException", std::move(message)});
}
std::unexpected<AuthenticationError> incomplete(std::string message) {
  return std::unexpected(AuthenticationError{"IncompleteSignatureException", std::move(message)});
}
// AWS's sentence, and what it means here.
std::unexpected<AuthenticationError> unrecognized(std::string_view meaning) {
  return std::unexpected(
      AuthenticationError{"UnrecognizedClientException",
                          fmt::format("The security token included in the request is invalid. {}", meaning)});
}
std::unexpected<AuthenticationError> invalid(std::string message) {
  return std::unexpected(AuthenticationError{"InvalidSignatureException", std::move(message)});
}

// The value of a header that may appear once at most; `repeated` is set when it does not.
std::optional<std::string_view> single(const HttpRequest& request, std::string_view lower_name,
                                       bool& repeated) {
  std::optional<std::string_view> found;
  for (const HttpHeader& header : request.headers) {
    if (!same_name(header.name, lower_name)) continue;
    if (found) repeated = true;
    found = trim(header.value);
  }
  return found;
}

bool is_hex_signature(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return hex_value(c) >= 0 && lower(c) == c; });
}

// The three parameters of the Authorization header.
struct Authorization {
  std::string_view access_key_id, day, region, service, terminator, signature;
  std::vector<std::string> signed_headers;
};

std::expected<Authorization, AuthenticationError> parse_authorization(std::string_view header) {
  const std::size_t blank = header.find(' ');
  const std::string_view scheme = header.substr(0, blank);
  if (scheme != algorithm)
    return incomplete(
        fmt::format("Unsupported AWS 'algorithm': '{}'. Only {} is accepted.", scheme, algorithm));
  std::optional<std::string_view> credential, names, signature;
  for (std::string_view part : split(blank == std::string_view::npos ? "" : header.substr(blank + 1), ',')) {
    part = trim(part);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos)
      return incomplete(
          fmt::format("'{}' not a valid key=value pair (missing equal-sign) in Authorization header.", part));
    const std::string_view name = part.substr(0, equals);
    std::optional<std::string_view>* target = name == "Credential"      ? &credential
                                              : name == "SignedHeaders" ? &names
                                              : name == "Signature"     ? &signature
                                                                        : nullptr;
    if (target == nullptr || *target)
      return incomplete(fmt::format("Authorization header has an unknown or repeated parameter '{}'.", name));
    *target = part.substr(equals + 1);
  }
  std::string absent;
  if (!credential) absent += " Authorization header requires 'Credential' parameter.";
  if (!signature) absent += " Authorization header requires 'Signature' parameter.";
  if (!names) absent += " Authorization header requires 'SignedHeaders' parameter.";
  if (!absent.empty()) return incomplete(absent.substr(1));

  const std::vector<std::string_view> scope = split(*credential, '/');
  if (scope.size() != 5 || std::ranges::any_of(scope, [](std::string_view part) { return part.empty(); }))
    return incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term.");
  if (!is_hex_signature(*signature)) return incomplete("Signature must be 64 lower-case hexadecimal digits.");
  Authorization out{.access_key_id = scope[0],
                    .day = scope[1],
                    .region = scope[2],
                    .service = scope[3],
                    .terminator = scope[4],
                    .signature = *signature,
                    .signed_headers = {}};
  for (const std::string_view name : split(*names, ';')) {
    if (name.empty() || lower(name) != name)
      return incomplete("SignedHeaders must be lower-case header names.");
    if (!out.signed_headers.empty() && out.signed_headers.back() >= name)
      return incomplete("SignedHeaders must be sorted and without repeats.");
    out.signed_headers.emplace_back(name);
  }
  return out;
}

std::optional<AuthenticationError> check_signed_headers(const HttpRequest& request,
                                                        const std::vector<std::string>& names) {
  const auto is_signed = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  const auto unsigned_header = [](std::string_view name) {
    return incomplete(fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", name)).error();
  };
  for (const std::string_view needed : {"host", "x-amz-date"})
    if (!is_signed(needed)) return unsigned_header(needed);
  for (const HttpHeader& header : request.headers) {
    const std::string name = lower(header.name);
    if (name.starts_with("x-amz-") && !is_signed(name)) return unsigned_header(name);
  }
  for (const std::string& name : names)
    if (std::ranges::none_of(request.headers, [&](const HttpHeader& h) { return same_name(h.name, name); }))
      return incomplete(fmt::format("Signed header '{}' is not in the request.", name)).error();
  return std::nullopt;
}

}  // namespace

std::string_view claimed_service(const HttpRequest& request) {
  bool repeated = false;
  std::string_view header = single(request, "authorization", repeated).value_or("");
  const std::size_t at = header.find("Credential=");
  if (at == std::string_view::npos) return {};
  header.remove_prefix(at);
  const auto scope = split(header.substr(0, header.find_first_of(", ")), '/');
  return scope.size() == 5 ? scope[3] : std::string_view();
}

std::string_view session_token(const HttpRequest& request) {
  bool repeated = false;
  return single(request, "x-amz-security-token", repeated).value_or("");
}

std::string sha256_hex(std::string_view bytes) {
  Digest out{};
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, EVP_sha256(), nullptr);
  return hex(out);
}

std::string uri_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '_' || c == '.' || c == '~';
    if (unreserved) {
      out += c;
      continue;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string uri_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> sign(const HttpRequest& request, const SigningKey& key,
                                                      const SigningScope& scope, TimeMs now) {
  const bool s3 = scope.service == "s3";
  const std::string amz_date = compact_time(now);
  const std::string body_hash = sha256_hex(request.body);
  std::vector<std::pair<std::string, std::string>> added{{"X-Amz-Date", amz_date}};
  if (!key.session_token.empty()) added.emplace_back("X-Amz-Security-Token", key.session_token);
  if (s3) added.emplace_back("X-Amz-Content-Sha256", body_hash);

  std::vector<HttpHeader> headers(request.headers.begin(), request.headers.end());
  for (const auto& [name, value] : added) headers.push_back({name, value});
  std::vector<std::string> names;
  for (const HttpHeader& header : headers) {
    std::string name = lower(header.name);
    static constexpr std::array<std::string_view, 5> changed_by_proxies{
        "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"};
    if (std::ranges::find(changed_by_proxies, name) == changed_by_proxies.end())
      names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());

  HttpRequest whole = request;
  whole.headers = headers;
  const std::string signature =
      signature_of(canonical_request(whole, names, body_hash, s3), key.secret_access_key, amz_date, scope);
  added.emplace_back("Authorization",
                     fmt::format("{} Credential={}/{}/{}/{}/aws4_request, SignedHeaders={}, Signature={}",
                                 algorithm, key.access_key_id, amz_date.substr(0, 8), scope.region,
                                 scope.service, fmt::join(names, ";"), signature));
  return added;
}

std::string presign(const HttpRequest& request, const SigningKey& key, const SigningScope& scope, TimeMs now,
                    TimeMs lifetime) {
  const std::string amz_date = compact_time(now);
  std::vector<std::string> names;
  for (const HttpHeader& header : request.headers) names.push_back(lower(header.name));
  std::ranges::sort(names);
  std::string query(request.query);
  const auto add = [&](std::string_view name, std::string_view value) {
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, uri_encode(value));
  };
  add("X-Amz-Algorithm", algorithm);
  add("X-Amz-Credential", fmt::format("{}/{}/{}/{}/aws4_request", key.access_key_id, amz_date.substr(0, 8),
                                      scope.region, scope.service));
  add("X-Amz-Date", amz_date);
  add("X-Amz-Expires", std::to_string(lifetime / second_ms));
  add("X-Amz-SignedHeaders", fmt::format("{}", fmt::join(names, ";")));
  if (!key.session_token.empty()) add("X-Amz-Security-Token", key.session_token);
  HttpRequest whole = request;
  whole.query = query;
  const std::string signature = signature_of(canonical_request(whole, names, sha256_hex({}), false),
                                             key.secret_access_key, amz_date, scope);
  add("X-Amz-Signature", signature);
  return query;
}

std::expected<Verified, AuthenticationError> verify(const HttpRequest& request, const AccessKeyLookup& lookup,
                                                    const VerifierSettings& settings, TimeMs now) {
  bool repeated = false;
  const auto authorization_header = single(request, "authorization", repeated);
  const auto amz_date = single(request, "x-amz-date", repeated);
  const auto claimed_hash = single(request, "x-amz-content-sha256", repeated);
  const auto token = single(request, "x-amz-security-token", repeated);
  single(request, "host", repeated);
  if (repeated)
    return incomplete(
        "Authorization, Host, X-Amz-Date, X-Amz-Content-Sha256 and X-Amz-Security-Token must not be "
        "repeated.");
  if (!authorization_header) {
    if (request.query.find("X-Amz-Signature=") != std::string_view::npos)
      return missing("Missing Authentication Token: presigned requests are not accepted.");
    return missing("Missing Authentication Token");
  }
  auto authorization = parse_authorization(*authorization_header);
  if (!authorization) return std::unexpected(authorization.error());

  if (!amz_date) return incomplete("Authorization header requires existence of a 'X-Amz-Date' header.");
  const std::optional<TimeMs> date = parse_compact_time(*amz_date);
  if (!date) return incomplete(fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'.", *amz_date));
  if (auto error = check_signed_headers(request, authorization->signed_headers))
    return std::unexpected(*error);

  if (authorization->day != amz_date->substr(0, 8))
    return invalid(
        fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
                    "HTTP: '{}' != '{}'.",
                    authorization->day, amz_date->substr(0, 8)));
  if (authorization->service != settings.service)
    return invalid(fmt::format("Credential should be scoped to correct service: '{}'.", settings.service));
  if (authorization->terminator != "aws4_request")
    return invalid("Credential should be scoped with a valid terminator: 'aws4_request'.");
  const TimeMs skew_minutes = settings.skew_ms_max / minute_ms;
  if (*date < now - settings.skew_ms_max)
    return invalid(fmt::format("Signature expired: {} is now earlier than {} ({} - {} min.)", *amz_date,
                               compact_time(now - settings.skew_ms_max), compact_time(now), skew_minutes));
  if (*date > now + settings.skew_ms_max)
    return invalid(fmt::format("Signature not yet current: {} is still later than {} ({} + {} min.)",
                               *amz_date, compact_time(now + settings.skew_ms_max), compact_time(now),
                               skew_minutes));

  std::optional<AccessKey> key = lookup(authorization->access_key_id);
  const std::string_view brought = token.value_or("");
  if (!key) {
    return unrecognized(
        brought.empty() ? "This server has no such access key, or it is disabled or deleted."
                        : "This server has no such session; is AWS_SESSION_TOKEN left over from elsewhere?");
  }
  const bool same_token = brought.size() == key->session_token.size() &&
                          CRYPTO_memcmp(brought.data(), key->session_token.data(), brought.size()) == 0;
  if (!same_token) {
    return unrecognized(
        brought.empty() ? "The access key is of a session, whose token is missing."
                        : "This server has no such session; is AWS_SESSION_TOKEN left over from elsewhere?");
  }
  if (key->expires_at && *key->expires_at <= now)
    return std::unexpected(AuthenticationError{"ExpiredTokenException",
                                               "The security token included in the request is expired"});

  const std::string body_hash = sha256_hex(request.body);
  if (claimed_hash) {
    if (*claimed_hash == "UNSIGNED-PAYLOAD" || claimed_hash->starts_with("STREAMING-"))
      return invalid(fmt::format(
          "The body must be signed as a whole: x-amz-content-sha256 '{}' is not accepted.", *claimed_hash));
    if (*claimed_hash != body_hash)
      return invalid("The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  const std::string canonical =
      canonical_request(request, authorization->signed_headers, body_hash, settings.service == "s3");
  const std::string expected =
      signature_of(canonical, key->secret_access_key, *amz_date, {authorization->region, settings.service});
  OPENSSL_cleanse(key->secret_access_key.data(), key->secret_access_key.size());
  if (CRYPTO_memcmp(expected.data(), authorization->signature.data(), expected.size()) != 0)
    return invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method. Consult the service documentation for details.");
  return Verified{std::string(authorization->access_key_id), std::string(authorization->region), expected};
}

std::string_view header_of(const HttpRequest& request, std::string_view lower_name) {
  for (const HttpHeader& header : request.headers)
    if (same_name(header.name, lower_name)) return header.value;
  return {};
}

}  // namespace picket::aws
