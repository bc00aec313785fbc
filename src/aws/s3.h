// Objects in S3 or an S3-compatible store: names of places, whole objects in and out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/caller_keys.h"
#include "base/result.h"
#include "base/time.h"
#include "net/http_client.h"

namespace picket::aws {

struct S3Place {
  std::string bucket, key;
  std::string region;  // empty: the name does not tell
  bool operator==(const S3Place&) const = default;
};

// "s3://BUCKET/KEY", AWS's https URLs with the bucket in the path or in the host, and, when `endpoint` is
// given (https://HOST[:PORT]), "ENDPOINT/BUCKET/KEY". Keys in https URLs are percent-decoded. Nothing when
// the text names no object.
std::optional<S3Place> parse_s3_url(std::string_view url, std::string_view endpoint = {});

// What stands in the first element of that name, as it stands there: of AWS's short XML errors.
std::string_view xml_text(std::string_view xml, std::string_view element);

struct S3Settings {
  std::string endpoint;          // "https://minio.example:9000"; empty: AWS, by Region
  std::optional<CallerKey> key;  // absent: requests are not signed, which public buckets answer
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// An entity tag, without quotes: what tells one content of a key from another.
std::string etag_of(std::string_view text);

struct S3Object {
  std::string key, etag;
  std::uint64_t size = 0;
  TimeMs modified = 0;
};

// Up to a thousand keys, in the order of their bytes.
struct S3Page {
  std::vector<S3Object> objects;
  std::vector<std::string> folders;  // prefixes up to the next "/", when asked for
  std::string next;                  // continues the listing; empty at the end
};
// Nothing when the text is no answer to ListObjectsV2 with encoding-type "url".
std::optional<S3Page> parse_page(std::string_view xml);

struct S3Content {
  std::string bytes, etag;
  std::map<std::string, std::string> metadata;  // users', without "x-amz-meta-"
};

class S3Client {
 public:
  // `http` outlives the client. `clock` is the wall clock, for signatures.
  S3Client(const net::HttpClient& http, S3Settings settings, std::function<TimeMs()> clock)
      : http_(http), settings_(std::move(settings)), clock_(std::move(clock)) {}

  // `region` is used when the place does not tell one; when the bucket is elsewhere, S3 says where. Errors:
  // `invalid` when the store refuses (its own code and message are told), `io` when trying again may help.
  Result<std::string> get(const S3Place& place, std::string_view region, std::size_t bytes_max,
                          const HttpHeaders& more = {}) const;
  Result<void> put(const S3Place& place, std::string_view region, std::string_view body,
                   const HttpHeaders& more = {}) const;
  // As `get`; when there is no such object the error is `not_found`.
  Result<S3Content> get_content(const S3Place& place, std::string_view region, std::size_t bytes_max) const;
  // `folders`: keys below a folder of `prefix` are told by that folder alone. `next` of the page before.
  Result<S3Page> list(const std::string& bucket, std::string_view prefix, std::string_view region,
                      bool folders, std::string_view next) const;
  const std::string& endpoint() const { return settings_.endpoint; }

 private:
  struct Call {
    std::string method;
    const S3Place& place;  // without a key: the bucket
    std::string_view query, body;
    const HttpHeaders& more;
    std::size_t bytes_max;
  };
  Result<net::Response> call(const Call& call, std::string_view region) const;
  Result<net::Response> call_in(const Call& call, const std::string& region) const;

  const net::HttpClient& http_;
  const S3Settings settings_;
  const std::function<TimeMs()> clock_;
};

}  // namespace picket::aws
