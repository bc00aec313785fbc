// AWS Signature Version 4: the signer of our own calls and its twin, the verifier of calls made to us.
// Knows nothing of sockets: a request is its raw parts, as they are on the wire.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace picket::aws {

struct HttpHeader {
  std::string_view name, value;
};

struct HttpRequest {
  std::string_view method;
  std::string_view path;   // before any decoding, without the query
  std::string_view query;  // before any decoding, without the question mark
  std::span<const HttpHeader> headers;
  std::string_view body;
  std::string_view remote_address;  // of who sent it; empty when unknown. Not signed.
};

// What a signature is bound to besides the request.
struct SigningScope {
  std::string_view region;
  std::string_view service;  // the path of "s3" is encoded once, that of every other service twice
};

struct SigningKey {
  std::string_view access_key_id, secret_access_key;
  std::string_view session_token;  // empty for long-term keys
};

// Headers to add to the request, in order: X-Amz-Date, X-Amz-Security-Token when there is one,
// X-Amz-Content-Sha256 for S3, Authorization. Signs every header given but user-agent,
// connection, expect, transfer-encoding and x-amzn-trace-id, which proxies change. The
// request must carry Host as it will be sent.
std::vector<std::pair<std::string, std::string>> sign(const HttpRequest& request, const SigningKey& key,
                                                      const SigningScope& scope, TimeMs now);

// The query of a presigned request: what it had, and the signature. Signs every header given; whoever sends
// it sends the same. Its body is empty. Not for S3.
std::string presign(const HttpRequest& request, const SigningKey& key, const SigningScope& scope, TimeMs now,
                    TimeMs lifetime);

// What the verifier needs to know of an access key.
struct AccessKey {
  std::string secret_access_key;
  std::string session_token;         // empty: a request that brings a token is refused
  std::optional<TimeMs> expires_at;  // absent: never
};

// Why a call is not authenticated, under the names AWS services use. The answer has status 403.
struct AuthenticationError {
  std::string_view type;
  std::string message;
};

struct Verified {
  std::string access_key_id, region;
  std::string signature;  // 64 hex digits; the same again means the same request sent again
};

struct VerifierSettings {
  std::string service = "guardduty";
  TimeMs skew_ms_max = 5 * minute_ms;
};

using AccessKeyLookup = std::function<std::optional<AccessKey>(std::string_view access_key_id)>;

// Checks the Authorization header against the bytes received. Refused besides a wrong signature: more than
// one Authorization, date, token or content hash; scope of another day or service; signed headers
// that are unsorted, repeated, absent, or lack host, x-amz-date or a present x-amz-*; presigned queries,
// UNSIGNED-PAYLOAD, STREAMING-* bodies and SigV4a. Signatures are compared in constant time.
std::expected<Verified, AuthenticationError> verify(const HttpRequest& request, const AccessKeyLookup& lookup,
                                                    const VerifierSettings& settings, TimeMs now);

// What a request claims, before anything is verified; empty when it does not say.
std::string_view claimed_service(const HttpRequest& request);  // of the Authorization header's scope
std::string_view session_token(const HttpRequest& request);
// The first header of this name; empty when there is none.
std::string_view header_of(const HttpRequest& request, std::string_view lower_name);

// Parts of the algorithm that others need too.
std::string sha256_hex(std::string_view bytes);
// Percent-encodes all but A-Z a-z 0-9 - _ . ~
std::string uri_encode(std::string_view text);
// Percent-decodes; an escape that is none stays as it is, and so does "+".
std::string uri_decode(std::string_view text);

}  // namespace picket::aws
