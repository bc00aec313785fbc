#include "source/firehose.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "decode/inflate.h"

namespace picket {

namespace {

constexpr std::size_t id_shown_max = 64;
constexpr std::string_view retry_after_seconds = "10";

std::string_view header(const aws::HttpRequest& request, std::string_view name) {
  for (const aws::HttpHeader& one : request.headers)
    if (lower(one.name) == name) return one.value;
  return {};
}

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
Digest digest(std::string_view text) {
  Digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

Result<std::string> unpack(std::string_view body) {
  thread_local InflateWorkspace workspace;
  DecodeLimits limits;
  limits.object_bytes_max = FirehoseSource::body_bytes_max;
  const auto raw = memory_source(body);
  InflatingSource source(*raw, limits, workspace);
  std::string text;
  for (std::size_t filled = 0;;) {
    text.resize(filled + std::max<std::size_t>(64U << 10, filled));
    const auto got = source.read(std::span(text).subspan(filled));
    if (!got) return std::unexpected(got.error());
    filled += *got;
    text.resize(filled);
    if (*got == 0) return text;
  }
}

// AWS's ids are GUIDs; what is none still tells requests apart.
std::string batch_name(std::string_view request_id) {
  const bool plain = request_id.size() <= 64 && std::ranges::all_of(request_id, [](char c) {
                       return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-';
                     });
  return "request-" + (plain ? std::string(request_id) : hash128(request_id).hex());
}

// "arn:aws:firehose:us-east-1:123456789012:deliverystream/NAME"
void fill_from_arn(RecordOrigin& origin, std::string_view arn) {
  std::array<std::string_view, 5> parts;
  for (std::string_view& part : parts) {
    part = arn.substr(0, arn.find(':'));
    arn.remove_prefix(std::min(part.size() + 1, arn.size()));
  }
  if (parts[0] != "arn" || parts[2] != "firehose") return;
  if (origin.region.empty()) origin.region = parts[3];
  if (origin.account.empty() && is_account_id(parts[4])) origin.account = parts[4];
}

// {"commonAttributes": {"account": "…", …}}: parameters of the delivery stream. What the configuration says
// of the source stands. False when it is none.
bool fill_from_attributes(RecordOrigin& origin, std::string_view header) {
  if (header.empty()) return true;
  simdjson::dom::parser parser;
  simdjson::dom::object attributes;
  if (parser.parse(header.data(), header.size())["commonAttributes"].get(attributes) != simdjson::SUCCESS)
    return false;
  const auto fill = [&](const char* name, std::string& into) {
    std::string_view text;
    if (into.empty() && attributes[name].get(text) == simdjson::SUCCESS) into = text;
  };
  std::string kind;
  fill("account", origin.account);
  fill("region", origin.region);
  fill("cluster", origin.cluster);
  fill("flow_format", origin.flow_format);
  fill("kind", kind);
  for (const LogKind known : log_kinds)
    if (!origin.kind && kind == name_of(known)) origin.kind = known;
  return true;
}

}  // namespace

std::optional<std::pair<std::string, std::string>> parse_firehose_url(std::string_view url) {
  constexpr std::string_view scheme = "firehose://";
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t slash = url.find('/');
  const std::string_view address = url.substr(0, slash);
  const std::string_view path = slash == std::string_view::npos ? "/" : url.substr(slash);
  if (address.rfind(':') == std::string_view::npos || address.starts_with(':') || path.contains('?') ||
      path.contains(' '))
    return std::nullopt;
  return std::pair(std::string(address), std::string(path));
}

std::optional<FirehoseError> read_firehose_body(std::string_view body, bool packed, std::string_view id,
                                                Intake& intake) {
  using Source = FirehoseSource;
  std::string unpacked;
  if (packed) {
    auto text = unpack(body);
    if (!text)
      return FirehoseError{text.error().kind == ErrorKind::too_large ? 413U : 400U,
                           "The body cannot be unpacked: " + text.error().what + "."};
    unpacked = std::move(*text);
    body = unpacked;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view told_id;
  simdjson::dom::array records;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS)
    return FirehoseError{400, "The body is not JSON."};
  if (root["requestId"].get(told_id) != simdjson::SUCCESS || told_id != id)
    return FirehoseError{400, "The body's requestId is not the one of the header."};
  if (root["records"].get(records) != simdjson::SUCCESS)
    return FirehoseError{400, "The body has no list of records."};
  if (records.size() > Source::records_max)
    return FirehoseError{413, fmt::format("The request has more than {} records.", Source::records_max)};
  for (const simdjson::dom::element record : records) {
    std::string_view data;
    if (record["data"].get(data) != simdjson::SUCCESS) return FirehoseError{400, "A record has no data."};
    if (const auto bytes = from_base64(data)) {
      intake.add(*bytes);
    } else {
      intake.refuse("bad_base64", data);
    }
    if (intake.bytes() > Source::records_bytes_max)
      return FirehoseError{413,
                           fmt::format("The records take more than {} bytes.", Source::records_bytes_max)};
  }
  return std::nullopt;
}

FirehoseSource::FirehoseSource(FirehoseSettings settings, Inbox& inbox, std::function<TimeMs()> wall_clock)
    : PushSource(settings.name, settings.place, inbox, std::move(wall_clock)),
      settings_(std::move(settings)) {}

// By digests, all of them: neither which key nor how much of it was right shows in the time.
bool FirehoseSource::has_key(std::string_view given) const {
  const Digest got = digest(given);
  int same = 0;
  for (const std::string& key : settings_.access_keys)
    same |= static_cast<int>(CRYPTO_memcmp(digest(key).data(), got.data(), got.size()) == 0);
  return same != 0;
}

FirehoseAnswer FirehoseSource::answer(unsigned status, std::string_view request_id, std::string_view error) {
  FirehoseAnswer out{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = {}};
  JsonWriter json(out.body);
  json.begin_object();
  json.member("requestId", request_id);
  json.member("timestamp", wall_clock_());
  if (!error.empty()) json.member("errorMessage", error);
  json.end_object();
  return out;
}

FirehoseAnswer FirehoseSource::refusal(unsigned status, std::string_view request_id, std::string_view error) {
  {
    const std::lock_guard lock(mutex_);
    ++status_.refused;
    status_.last_error = fmt::format(
        "request {}: {}", request_id.empty() ? "without an id" : request_id.substr(0, id_shown_max), error);
    status_.last_error_at = wall_clock_();
  }
  return answer(status, request_id, error);
}

std::optional<FirehoseAnswer> FirehoseSource::refuse(const aws::HttpRequest& head) {
  const std::string_view id = header(head, "x-amz-firehose-request-id");
  if (!has_key(header(head, "x-amz-firehose-access-key")))
    return refusal(401, id, "The access key is not the one that this endpoint was configured with.");
  if (head.method != "POST") {
    FirehoseAnswer out = refusal(405, id, "Requests are sent with POST.");
    out.headers.emplace_back("Allow", "POST");
    return out;
  }
  const std::string_view version = header(head, "x-amz-firehose-protocol-version");
  if (version != "1.0") return refusal(400, id, "The protocol version is not 1.0.");
  if (id.empty()) return refusal(400, id, "The header X-Amz-Firehose-Request-Id is missing.");
  const std::string encoding = lower(header(head, "content-encoding"));
  if (!encoding.empty() && encoding != "gzip") return refusal(415, id, "The content encoding is not gzip.");
  if (inbox_.full(name_)) {
    {
      const std::lock_guard lock(mutex_);
      ++status_.put_off;
    }
    FirehoseAnswer out = answer(503, id, "Earlier requests are still being read; send this one again later.");
    out.headers.emplace_back("Retry-After", retry_after_seconds);
    return out;
  }
  return std::nullopt;
}

FirehoseAnswer FirehoseSource::handle(const aws::HttpRequest& request) {
  if (auto refused = refuse(request)) return std::move(*refused);
  const std::string_view id = header(request, "x-amz-firehose-request-id");
  RecordOrigin origin = settings_.origin;
  if (!fill_from_attributes(origin, header(request, "x-amz-firehose-common-attributes")))
    return refusal(400, id, "The header X-Amz-Firehose-Common-Attributes has no commonAttributes.");
  fill_from_arn(origin, header(request, "x-amz-firehose-source-arn"));
  Intake intake(std::move(origin));
  const bool packed = !header(request, "content-encoding").empty();
  if (const auto wrong = read_firehose_body(request.body, packed, id, intake))
    return refusal(wrong->status, id, wrong->what);
  if (const auto stored = store(batch_name(id), intake); !stored) {
    FirehoseAnswer out = answer(503, id, "The records could not be stored; send the request again later.");
    out.headers.emplace_back("Retry-After", retry_after_seconds);
    return out;
  }
  return answer(200, id, {});
}

}  // namespace picket
