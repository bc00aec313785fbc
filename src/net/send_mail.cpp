#include "net/send_mail.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "net/guarded_socket.h"

namespace picket::net {

namespace {

std::size_t give(char* to, std::size_t, std::size_t room, void* self) {
  std::string_view& rest = *static_cast<std::string_view*>(self);
  const std::size_t size = std::min(room, rest.size());
  std::memcpy(to, rest.data(), size);
  rest.remove_prefix(size);
  return size;
}

}  // namespace

Result<void> send_mail(const MailServer& server, const std::string& from, const std::vector<std::string>& to,
                       std::string_view message, const AddressGuard& guard, const std::string& ca_file,
                       TimeMs timeout) {
  const bool is_v6 = server.peer.host.contains(':');
  const std::string where =
      fmt::format("{}://{}{}{}:{}", server.transport == MailTransport::tls ? "smtps" : "smtp",
                  is_v6 ? "[" : "", server.peer.host, is_v6 ? "]" : "", server.peer.port);
  if (server.transport == MailTransport::plain && !is_excepted(guard, server.peer.host))
    return fail(ErrorKind::unsupported, "only TLS is used with hosts that network.allow_hosts does not name",
                where);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return fail(ErrorKind::internal, "curl cannot be set up", where);
  curl_slist* list = nullptr;
  for (const std::string& one : to) list = curl_slist_append(list, fmt::format("<{}>", one).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(list, curl_slist_free_all);
  GuardedConnection connection{guard, server.peer.host};
  std::string_view rest = message;
  char error[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, where.c_str());
  set(CURLOPT_USE_SSL,
      static_cast<long>(server.transport == MailTransport::plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
  if (!server.username.empty()) {
    set(CURLOPT_USERNAME, server.username.c_str());
    set(CURLOPT_PASSWORD, server.password.c_str());
  }
  const std::string sender = fmt::format("<{}>", from);
  set(CURLOPT_MAIL_FROM, sender.c_str());
  set(CURLOPT_MAIL_RCPT, list);
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_READFUNCTION, give);
  set(CURLOPT_READDATA, static_cast<void*>(&rest));
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(message.size()));
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout));
  set(CURLOPT_OPENSOCKETFUNCTION, open_guarded);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&connection));
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) return {};
  if (connection.refused) return refused_address(*connection.refused, where);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  // A sign-in that is refused is about the configuration, not about this mail.
  const bool refused = status >= 500 && code != CURLE_LOGIN_DENIED;
  return fail(refused ? ErrorKind::invalid : ErrorKind::io,
              error[0] != '\0' ? error : curl_easy_strerror(code), where);
}

}  // namespace picket::net
