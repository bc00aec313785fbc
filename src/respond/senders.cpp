#include "respond/senders.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "aws/private_file.h"
#include "base/base64.h"
#include "base/clock.h"
#include "net/kafka_producer.h"
#include "net/send_bytes.h"
#include "net/send_mail.h"
#include "respond/aws_senders.h"
#include "respond/formats.h"
#include "respond/line_file.h"

namespace picket::respond {

namespace {

// The key in a secret's text: "whsec_BASE64", or the text itself.
Result<std::string> key_of(std::string secret, const std::string& file) {
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.starts_with("whsec_")) {
    auto key = from_base64(std::string_view(secret).substr(6));
    if (!key) return fail(ErrorKind::invalid, "what follows whsec_ is not base64", file);
    secret = std::move(*key);
  }
  if (secret.size() < 16) return fail(ErrorKind::invalid, "a secret needs at least 16 bytes", file);
  return secret;
}

Result<std::string> read_password(const std::string& file) {
  auto password = aws::read_private(file);
  if (!password) return password;
  while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
  if (password->empty()) return fail(ErrorKind::invalid, "the password is empty", file);
  return password;
}

Result<Send> make_webhook(const Target& target, const Means& means) {
  std::string key;
  if (!target.keys.secret_file.empty()) {
    auto text = aws::read_private(target.keys.secret_file);
    if (!text) return std::unexpected(text.error());
    auto read = key_of(std::move(*text), target.keys.secret_file);
    if (!read) return std::unexpected(read.error());
    key = std::move(*read);
  }
  const std::string type = target.format == Format::cef ? "text/plain; charset=utf-8" : "application/json";
  return [keys = target.keys, key, type, &http = means.http, clock = means.clock](
             const FindingEvent& event, const std::string& body) -> Result<void> {
    const std::string timestamp = std::to_string(clock() / second_ms);
    net::Request request{.method = "POST",
                         .url = keys.url,
                         .headers = {{"Content-Type", type},
                                     {"User-Agent", "picket"},
                                     {"webhook-id", event.id},
                                     {"webhook-timestamp", timestamp},
                                     {"Idempotency-Key", event.id}},
                         .body = body};
    if (!key.empty())
      request.headers.emplace_back("webhook-signature", webhook_signature(key, event.id, timestamp, body));
    for (const auto& header : keys.headers) request.headers.push_back(header);
    const auto response = http.send(request, {.bytes_max = 1U << 20, .total_ms_max = keys.timeout});
    if (!response) return std::unexpected(response.error());
    const unsigned status = response->status;
    if (status >= 200 && status < 300) return {};
    // Of these a server says that they are about the request itself.
    const bool refused = status == 400 || status == 413 || status == 422;
    return fail(refused ? ErrorKind::invalid : ErrorKind::io, fmt::format("answered with status {}", status),
                keys.url);
  };
}

Result<Send> make_syslog(const Target& target, const Means& means) {
  const net::Transport transport = target.keys.transport == "udp"   ? net::Transport::udp
                                   : target.keys.transport == "tls" ? net::Transport::tls
                                                                    : net::Transport::tcp;
  const net::Peer peer = net::parse_peer(target.keys.address).value_or(net::Peer());
  return [peer, transport, &guard = means.guard, ca_file = means.ca_file, timeout = target.keys.timeout](
             const FindingEvent& event, const std::string& body) {
    std::string message = syslog_message(event, body);
    // RFC 6587 and 5425: counted, so that nothing in a message ends it.
    if (transport != net::Transport::udp) message = fmt::format("{} {}", message.size(), message);
    return net::send_bytes(peer, transport, message, guard, ca_file, timeout);
  };
}

Result<Send> make_email(const Target& target, const Means& means) {
  const RespondTargetKeys& keys = target.keys;
  net::MailServer server{.peer = net::parse_peer(keys.address).value_or(net::Peer()),
                         .transport = keys.transport == "tls"     ? net::MailTransport::tls
                                      : keys.transport == "plain" ? net::MailTransport::plain
                                                                  : net::MailTransport::starttls,
                         .username = keys.username,
                         .password = {}};
  if (!keys.password_file.empty()) {
    auto password = read_password(keys.password_file);
    if (!password) return std::unexpected(password.error());
    server.password = std::move(*password);
  }
  return [server, keys, &guard = means.guard, ca_file = means.ca_file, clock = means.clock](
             const FindingEvent& event, const std::string& body) {
    return net::send_mail(server, keys.from, keys.to, mail_message(event, keys.from, keys.to, body, clock()),
                          guard, ca_file, keys.timeout);
  };
}

Result<Send> make_kafka(const Target& target, const Means& means) {
  const RespondTargetKeys& keys = target.keys;
  auto place = net::parse_kafka_url(keys.url).value_or(std::pair<std::string, std::string>());
  net::KafkaTopic topic{.place = keys.url,
                        .brokers = std::move(place.first),
                        .topic = std::move(place.second),
                        .properties = keys.properties,
                        .timeout = keys.timeout};
  if (!keys.password_file.empty()) {
    auto password = read_password(keys.password_file);
    if (!password) return std::unexpected(password.error());
    topic.properties["sasl.password"] = std::move(*password);
  }
  auto made = net::KafkaProducer::make(std::move(topic), means.guard);
  if (!made) return std::unexpected(made.error());
  return [producer = std::shared_ptr<net::KafkaProducer>(std::move(*made))](const FindingEvent& event,
                                                                            const std::string& body) {
    return producer->send({.key = event.finding_id,
                           .body = body,
                           .headers = {{"id", event.id}, {"type", event.type}, {"account", event.account}}});
  };
}

// What the run came to stands in its history; only what could not be tried is tried again.
Result<Send> make_playbook(const Target& target, const Means& means) {
  if (means.playbooks == nullptr) return fail(ErrorKind::internal, "there are no playbooks here");
  return [name = target.keys.name, &playbooks = *means.playbooks](const FindingEvent& event,
                                                                  const std::string& rule) -> Result<void> {
    const auto run = playbooks.run(name, event.detail, {.actor = rule, .by_rule = true});
    if (!run) return std::unexpected(run.error());
    return {};
  };
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view timestamp,
                              std::string_view body) {
  const std::string text = fmt::format("{}.{}.{}", id, timestamp, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return "v1," + to_base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string syslog_message(const FindingEvent& event, std::string_view body) {
  constexpr int log_audit = 13;
  static constexpr int severities[] = {5, 4, 2, 1};  // notice, warning, critical, alert
  const int severity = severities[static_cast<std::size_t>(severity_of(event.severity))];
  static constexpr std::string_view message_ids[] = {"FindingNew", "FindingUpdate", "FindingWithdrawn"};
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("<{}>1 {} {} picket {} {} - {}", log_audit * 8 + severity, format_time(event.time),
                     host[0] == '\0' ? "-" : host.data(), ::getpid(),
                     message_ids[static_cast<std::size_t>(event.change)], body);
}

Result<Send> make_sender(const Target& target, const Means& means) {
  switch (target.kind) {
    case TargetKind::webhook:
      return make_webhook(target, means);
    case TargetKind::syslog:
      return make_syslog(target, means);
    case TargetKind::email:
      return make_email(target, means);
    case TargetKind::playbook:
      return make_playbook(target, means);
    case TargetKind::kafka:
      return make_kafka(target, means);
    case TargetKind::file:
      return [file = std::make_shared<LineFile>(target.keys.path)](
                 const FindingEvent&, const std::string& body) { return file->append(body); };
    default:
      return make_aws_sender(target, means.aws, means.clock);
  }
}

}  // namespace picket::respond
