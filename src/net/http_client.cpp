#include "net/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

namespace picket::net {

namespace {

constexpr std::size_t header_bytes_max = 256U << 10;

struct CurlUrl {
  std::string scheme, host;
};

struct FreeCurlText {
  void operator()(char* text) const { curl_free(text); }
};

Result<CurlUrl> parse_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> handle(curl_url(), curl_url_cleanup);
  if (!handle ||
      curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return fail(ErrorKind::invalid, "not a URL", url);
  const auto part = [&](CURLUPart which) -> std::string {
    char* text = nullptr;
    if (curl_url_get(handle.get(), which, &text, 0) != CURLUE_OK) return {};
    return std::unique_ptr<char, FreeCurlText>(text).get();
  };
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return fail(ErrorKind::invalid, "a URL must not carry a user or password", url);
  CurlUrl parsed{part(CURLUPART_SCHEME), part(CURLUPART_HOST)};
  if (parsed.host.starts_with('[')) parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  if (parsed.host.empty()) return fail(ErrorKind::invalid, "the URL names no host", url);
  return parsed;
}

// One transfer, as curl's callbacks see it.
struct Transfer {
  const AddressGuard* guard = nullptr;
  std::string host;
  std::size_t bytes_max = 0;
  std::size_t header_bytes = 0;
  Response response;
  std::optional<IpAddress> refused;
  bool too_large = false;
};

curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  const auto ip = address_of(to->addr);
  if (!ip || !transfer.guard->allows(transfer.host, *ip)) {
    transfer.refused = ip.value_or(IpAddress());
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  if (transfer.response.body.size() + size > transfer.bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, size);
  return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  transfer.header_bytes += size;
  if (transfer.header_bytes > header_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) transfer.response.headers.clear();  // an interim answer came before
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  value = first == std::string_view::npos
              ? std::string_view()
              : value.substr(first, value.find_last_not_of(" \t\r\n") - first + 1);
  transfer.response.headers[name] = value;
  return size;
}

struct Upload {
  std::string_view rest;
};

std::size_t give_body(char* to, std::size_t, std::size_t room, void* self) {
  std::string_view& rest = static_cast<Upload*>(self)->rest;
  const std::size_t size = std::min(room, rest.size());
  std::memcpy(to, rest.data(), size);
  rest.remove_prefix(size);
  return size;
}

int end_when_stopped(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(stopped) ? 1 : 0;
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Absolute form of a Location header.
std::string resolve(const std::string& base, std::string_view location) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> handle(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_URL, std::string(location).c_str(), CURLU_NON_SUPPORT_SCHEME) !=
          CURLUE_OK ||
      curl_url_get(handle.get(), CURLUPART_URL, &text, 0) != CURLUE_OK)
    return {};
  return std::unique_ptr<char, FreeCurlText>(text).get();
}

TimeMs steady_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::string> host_of(const std::string& url) {
  auto parsed = parse_url(url);
  if (!parsed) return std::unexpected(parsed.error());
  return std::move(parsed->host);
}

std::string_view Response::header(std::string_view lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

HttpClient::HttpClient(AddressGuard guard, std::string ca_file)
    : guard_(std::move(guard)), ca_file_(std::move(ca_file)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

Result<Response> HttpClient::send(const Request& request, const HttpLimits& limits) const {
  const TimeMs until = steady_now() + limits.total_ms_max;
  Request current = request;
  for (unsigned redirects = 0;; ++redirects) {
    auto response = send_once(current, limits, std::max<TimeMs>(1, until - steady_now()));
    if (!response || !is_redirect(response->status) || redirects == limits.redirects_max) return response;
    const std::string next = resolve(current.url, response->header("location"));
    if (next.empty()) return fail(ErrorKind::io, "the redirect names no usable place", current.url);
    // Only what was asked for, never who asked: the new host gets no credentials.
    current = {.method = "GET", .url = next, .headers = {}, .body = {}};
  }
}

Result<Response> HttpClient::send_once(const Request& request, const HttpLimits& limits,
                                       TimeMs ms_left) const {
  const auto url = parse_url(request.url);
  if (!url) return std::unexpected(url.error());
  if (url->scheme != "https" && url->scheme != "http")
    return fail(ErrorKind::unsupported, fmt::format("{}:// is not fetched, only https://", url->scheme),
                request.url);
  const auto lone = IpAddress::parse(url->host);
  const bool excepted =
      guard_.names(url->host) || (lone && !is_public_destination(*lone) && guard_.allows("", *lone));
  if (url->scheme == "http" && !excepted)
    return fail(ErrorKind::unsupported, "http:// is used only with hosts that network.allow_hosts names",
                request.url);

  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return fail(ErrorKind::internal, "curl cannot be set up", request.url);
  Transfer transfer{.guard = &guard_, .host = url->host, .bytes_max = limits.bytes_max};
  transfer.response.url = request.url;
  Upload upload{request.body};
  char error[CURL_ERROR_SIZE] = "";
  curl_slist* list = nullptr;
  const auto add_header = [&](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
  for (const auto& [name, value] : request.headers)
    add_header(value.empty() ? name + ";" : name + ": " + value);
  add_header("Expect:");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);

  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect_ms_max));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(ms_left));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.bytes_max));
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, end_when_stopped);
  set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stopped_));  // only read
  if (!ca_file_.empty()) set(CURLOPT_CAINFO, ca_file_.c_str());
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_READFUNCTION, give_body);
    set(CURLOPT_READDATA, static_cast<void*>(&upload));
  } else if (!request.body.empty()) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_FILESIZE_EXCEEDED || transfer.too_large)
    return fail(ErrorKind::too_large, fmt::format("the answer is over {} bytes", limits.bytes_max),
                request.url);
  if (code != CURLE_OK && transfer.refused)
    return fail(ErrorKind::unsupported,
                fmt::format("{} is not on the public Internet; network.allow_hosts can allow it",
                            transfer.refused->to_string()),
                request.url);
  if (code != CURLE_OK)
    return fail(ErrorKind::io, error[0] != '\0' ? error : curl_easy_strerror(code), request.url);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<unsigned>(status);
  return std::move(transfer.response);
}

}  // namespace picket::net
