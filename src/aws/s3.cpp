#include "aws/s3.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "aws/sigv4.h"

namespace picket::aws {

namespace {

bool is_bucket_name(std::string_view name) {
  return name.size() >= 3 && name.size() <= 255 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '-' || c == '_';
         });
}

bool is_region(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Of "s3", "s3.REGION", "s3-REGION" and "s3.dualstack.REGION", in front of amazonaws.com: the Region, "" for
// none; nothing when it is no such host.
std::optional<std::string> region_of_host(std::string_view host) {
  if (host == "s3") return "";
  if (!host.starts_with("s3.") && !host.starts_with("s3-")) return std::nullopt;
  host.remove_prefix(3);
  if (host.starts_with("dualstack.")) host.remove_prefix(10);
  if (!is_region(host)) return std::nullopt;
  return std::string(host);
}

std::optional<S3Place> place_of(std::string_view bucket, std::string_view key, std::string region) {
  if (!is_bucket_name(bucket) || key.empty()) return std::nullopt;
  return S3Place{std::string(bucket), std::string(key), std::move(region)};
}

std::optional<S3Place> place_in_path(std::string_view path, std::string region) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return place_of(path.substr(0, slash), uri_decode(path.substr(slash + 1)), std::move(region));
}

std::string encoded_key(std::string_view key) {
  std::string out;
  for (std::size_t at = 0; at <= key.size();) {
    const std::size_t slash = std::min(key.find('/', at), key.size());
    out += '/' + uri_encode(key.substr(at, slash - at));
    at = slash + 1;
  }
  return out;
}

std::unexpected<Error> refusal(const net::Response& response, const S3Place& place) {
  const bool may_pass = response.status >= 500 || response.status == 429 || response.status == 408;
  const std::string_view code = xml_text(response.body, "Code");
  const std::string_view message = xml_text(response.body, "Message");
  return fail(may_pass              ? ErrorKind::io
              : code == "NoSuchKey" ? ErrorKind::not_found
                                    : ErrorKind::invalid,
              code.empty() ? fmt::format("S3 answered with status {}", response.status)
                           : fmt::format("S3 answered {}: {}", code, message.substr(0, 300)),
              fmt::format("s3://{}/{}", place.bucket, place.key));
}

}  // namespace

std::string_view xml_text(std::string_view xml, std::string_view element) {
  const std::string open = fmt::format("<{}>", element), close = fmt::format("</{}>", element);
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = xml.find(close, begin + open.size());
  if (end == std::string_view::npos) return {};
  return xml.substr(begin + open.size(), end - begin - open.size());
}

std::optional<S3Place> parse_s3_url(std::string_view url, std::string_view endpoint) {
  if (url.starts_with("s3://")) {
    url.remove_prefix(5);
    const std::size_t slash = url.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return place_of(url.substr(0, slash), url.substr(slash + 1), "");
  }
  if (!endpoint.empty() && url.starts_with(endpoint) && url.substr(endpoint.size()).starts_with('/'))
    return place_in_path(url.substr(endpoint.size() + 1), "");
  if (!url.starts_with("https://") || url.find_first_of("?#") != std::string_view::npos) return std::nullopt;
  url.remove_prefix(8);
  const std::size_t slash = url.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view host = url.substr(0, slash);
  const std::string_view path = url.substr(slash + 1);
  if (host.ends_with(".cn")) host.remove_suffix(3);
  constexpr std::string_view suffix = ".amazonaws.com";
  if (!host.ends_with(suffix)) return std::nullopt;
  host.remove_suffix(suffix.size());
  if (auto region = region_of_host(host)) return place_in_path(path, std::move(*region));
  // The bucket's name may hold dots, and even ".s3.": the last one that leaves an S3 host behind it counts.
  for (std::size_t dot = host.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = host.rfind('.', dot - 1)) {
    if (auto region = region_of_host(host.substr(dot + 1)))
      return place_of(host.substr(0, dot), uri_decode(path), std::move(*region));
  }
  return std::nullopt;
}

std::string etag_of(std::string_view text) {
  std::string out(text);
  for (const std::string_view quote : {"&quot;", "&#34;", "\""})
    for (std::size_t at = out.find(quote); at != std::string::npos; at = out.find(quote))
      out.erase(at, quote.size());
  return out;
}

std::optional<S3Page> parse_page(std::string_view xml) {
  if (xml.find("<ListBucketResult") == std::string_view::npos) return std::nullopt;
  // Of a listing, "+" is a blank.
  const auto decoded = [](std::string_view text) {
    std::string plain(text);
    std::ranges::replace(plain, '+', ' ');
    return uri_decode(plain);
  };
  const auto each = [&](std::string_view element, const auto& visit) {
    const std::string open = fmt::format("<{}>", element), close = fmt::format("</{}>", element);
    for (std::size_t at = xml.find(open); at != std::string_view::npos;) {
      const std::size_t end = xml.find(close, at);
      if (end == std::string_view::npos) return false;
      if (!visit(xml.substr(at + open.size(), end - at - open.size()))) return false;
      at = xml.find(open, end);
    }
    return true;
  };
  S3Page page;
  const bool whole =
      each("Contents",
           [&](std::string_view item) {
             S3Object object;
             object.key = decoded(xml_text(item, "Key"));
             object.etag = etag_of(xml_text(item, "ETag"));
             const std::string_view size = xml_text(item, "Size");
             const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), object.size);
             const auto modified = parse_time(xml_text(item, "LastModified"));
             if (object.key.empty() || object.etag.empty() || error != std::errc{} || !modified) return false;
             object.modified = *modified;
             page.objects.push_back(std::move(object));
             return true;
           }) &&
      each("CommonPrefixes", [&](std::string_view item) {
        page.folders.push_back(decoded(xml_text(item, "Prefix")));
        return !page.folders.back().empty();
      });
  if (!whole) return std::nullopt;
  if (xml_text(xml, "IsTruncated") == "true") {
    page.next = xml_text(xml, "NextContinuationToken");
    if (page.next.empty()) return std::nullopt;
  }
  return page;
}

Result<net::Response> S3Client::call_in(const Call& call, const std::string& region) const {
  const S3Place& place = call.place;
  // A certificate for *.s3.REGION.amazonaws.com covers no bucket with a dot.
  const bool in_path = !settings_.endpoint.empty() || place.bucket.find_first_of("._") != std::string::npos ||
                       std::ranges::any_of(place.bucket, [](char c) { return c >= 'A' && c <= 'Z'; });
  const std::string_view suffix = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const std::string base = !settings_.endpoint.empty() ? settings_.endpoint
                           : in_path                   ? fmt::format("https://s3.{}.{}", region, suffix)
                                     : fmt::format("https://{}.s3.{}.{}", place.bucket, region, suffix);
  const std::string path = (in_path ? '/' + place.bucket : std::string()) + encoded_key(place.key);
  net::Request request{.method = call.method, .url = base + path, .headers = call.more, .body = call.body};
  if (!call.query.empty()) request.url.append("?").append(call.query);
  if (settings_.key) {
    const std::string host = base.substr(base.find("://") + 3);
    std::vector<HttpHeader> headers{{"Host", host}};
    for (const auto& [name, value] : call.more) headers.push_back({name, value});
    const HttpRequest to_sign{call.method, path, call.query, headers, call.body, {}};
    for (auto& header :
         sign(to_sign,
              {settings_.key->access_key_id, settings_.key->secret_access_key, settings_.key->session_token},
              {region, "s3"}, clock_()))
      request.headers.push_back(std::move(header));
  }
  return http_.send(request, {.bytes_max = call.bytes_max});
}

Result<net::Response> S3Client::call(const Call& call, std::string_view region) const {
  const std::string first = call.place.region.empty() ? std::string(region) : call.place.region;
  auto response = call_in(call, first);
  if (!response || response->status < 300) return response;
  const std::string there(response->header("x-amz-bucket-region"));
  if (is_region(there) && there != first) response = call_in(call, there);
  if (response && response->status >= 300) return refusal(*response, call.place);
  return response;
}

Result<std::string> S3Client::get(const S3Place& place, std::string_view region, std::size_t bytes_max,
                                  const HttpHeaders& more) const {
  auto response = call({"GET", place, {}, {}, more, bytes_max}, region);
  if (!response) return std::unexpected(response.error());
  return std::move(response->body);
}

Result<S3Content> S3Client::get_content(const S3Place& place, std::string_view region,
                                        std::size_t bytes_max) const {
  auto response = call({"GET", place, {}, {}, {}, bytes_max}, region);
  if (!response) return std::unexpected(response.error());
  S3Content content{std::move(response->body), etag_of(response->header("etag")), {}};
  constexpr std::string_view prefix = "x-amz-meta-";
  for (auto at = response->headers.lower_bound(prefix);
       at != response->headers.end() && at->first.starts_with(prefix); ++at)
    content.metadata.emplace(at->first.substr(prefix.size()), at->second);
  return content;
}

Result<S3Page> S3Client::list(const std::string& bucket, std::string_view prefix, std::string_view region,
                              bool folders, std::string_view next) const {
  constexpr std::size_t page_bytes_max = 16U << 20;
  const std::string query =
      fmt::format("{}{}encoding-type=url&list-type=2&prefix={}",
                  next.empty() ? "" : fmt::format("continuation-token={}&", uri_encode(next)),
                  folders ? "delimiter=%2F&" : "", uri_encode(prefix));
  const auto response = call({"GET", {bucket, "", ""}, query, {}, {}, page_bytes_max}, region);
  if (!response) return std::unexpected(response.error());
  auto page = parse_page(response->body);
  if (!page)
    return fail(ErrorKind::invalid, "the answer is no listing", fmt::format("s3://{}/{}", bucket, prefix));
  return std::move(*page);
}

Result<void> S3Client::put(const S3Place& place, std::string_view region, std::string_view body,
                           const HttpHeaders& more) const {
  constexpr std::size_t answer_bytes_max = 1U << 20;
  const auto response = call({"PUT", place, {}, body, more, answer_bytes_max}, region);
  if (!response) return std::unexpected(response.error());
  return {};
}

}  // namespace picket::aws
