#include "net/kafka_producer.h"

#ifdef PICKET_KAFKA

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <optional>

#include "net/guarded_socket.h"
#include "net/send_bytes.h"

namespace picket::net {

namespace {

// What would break the promise that a message is there when send() returns.
constexpr std::array<std::string_view, 8> reserved{
    "metadata.broker.list", "delivery.report.only.error", "message.send.max.retries", "retries",
    "transactional.id",     "delivery.timeout.ms",        "request.required.acks",    "acks"};
constexpr int poll_ms = 100;

class RdKafkaProducer final : public KafkaProducer {
 public:
  RdKafkaProducer(KafkaTopic topic, const AddressGuard& guard) : topic_(std::move(topic)), guard_(guard) {}
  Result<void> open();
  Result<void> send(const KafkaMessage& message) override;

 private:
  // Of one message, told by librdkafka while it is polled.
  struct Delivery {
    std::optional<rd_kafka_resp_err_t> outcome;
  };
  int connect(int socket, const sockaddr& to, int size, std::string_view broker);
  Error error_of(rd_kafka_resp_err_t code);

  const KafkaTopic topic_;
  const AddressGuard& guard_;
  KafkaHeld<rd_kafka_t> kafka_;
  std::mutex mutex_;
  std::string trouble_;  // the latest with a broker, told by librdkafka's own threads
};

Result<void> RdKafkaProducer::open() {
  const auto at = topic_.properties.find("security.protocol");
  const bool encrypted = at != topic_.properties.end() && at->second.ends_with("SSL");
  std::string_view rest = topic_.brokers;
  while (!encrypted && !rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const auto peer = parse_peer(one);
    if (!peer || !is_excepted(guard_, peer->host))
      return fail(ErrorKind::unsupported,
                  "only with properties \"security.protocol\" = \"SSL\" or \"SASL_SSL\", unless "
                  "network.allow_hosts names the broker",
                  topic_.place);
  }
  auto conf = make_kafka_conf({.given = topic_.properties,
                               .defaults = {{"client.id", "picket"}, {"compression.type", "gzip"}},
                               // Without idempotence a repetition within librdkafka could arrive twice.
                               .own = {{"bootstrap.servers", topic_.brokers},
                                       {"enable.idempotence", "true"},
                                       {"message.timeout.ms", std::to_string(topic_.timeout)}},
                               .reserved = reserved,
                               .key = "properties",
                               .where = topic_.place});
  if (!conf) return std::unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    static_cast<Delivery*>(message->_private)->outcome = message->err;
  });
  rd_kafka_conf_set_error_cb(conf->get(), [](rd_kafka_t*, int, const char* reason, void* self) {
    auto& producer = *static_cast<RdKafkaProducer*>(self);
    const std::lock_guard lock(producer.mutex_);
    if (!producer.trouble_.contains("allow_hosts")) producer.trouble_ = reason;
  });
  rd_kafka_conf_set_connect_cb(
      conf->get(), [](int socket, const sockaddr* to, int size, const char* broker, void* self) {
        return static_cast<RdKafkaProducer*>(self)->connect(socket, *to, size, broker);
      });
  std::array<char, 512> why{};
  kafka_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why.data(), why.size()));
  if (!kafka_) return fail(ErrorKind::invalid, fmt::format("properties: {}", why.data()), topic_.place);
  static_cast<void>(conf->release());  // the client's now
  return {};
}

// Where a name leads, and where the cluster's metadata says that brokers are. `broker`: "ssl://HOST:PORT/ID".
int RdKafkaProducer::connect(int socket, const sockaddr& to, int size, std::string_view broker) {
  if (const std::size_t scheme = broker.find("://"); scheme != std::string_view::npos)
    broker.remove_prefix(scheme + 3);
  const auto peer = parse_peer(broker.substr(0, broker.find('/')));
  const auto ip = address_of(to);
  if (!ip || !guard_.allows(peer ? peer->host : std::string(), *ip)) {
    const std::lock_guard lock(mutex_);
    trouble_ = refused_address(ip.value_or(IpAddress()), topic_.place).error().what;
    return EACCES;
  }
  // librdkafka waits for the connection itself.
  return ::connect(socket, &to, static_cast<socklen_t>(size)) == 0 || errno == EINPROGRESS ? 0 : errno;
}

Error RdKafkaProducer::error_of(rd_kafka_resp_err_t code) {
  const bool refused = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                       code == RD_KAFKA_RESP_ERR_INVALID_MSG || code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
  const std::lock_guard lock(mutex_);
  return {refused ? ErrorKind::invalid : ErrorKind::io,
          fmt::format("{}{}{}", rd_kafka_err2str(code), trouble_.empty() ? "" : ": ", trouble_), topic_.place,
          -1};
}

Result<void> RdKafkaProducer::send(const KafkaMessage& message) {
  if (!kafka_)
    if (auto opened = open(); !opened) return opened;
  {
    const std::lock_guard lock(mutex_);
    trouble_.clear();
  }
  KafkaHeld<rd_kafka_headers_t> headers(rd_kafka_headers_new(message.headers.size()));
  for (const auto& [name, value] : message.headers)
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  Delivery delivery;
  // By value: librdkafka's macros for this are no C++.
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic_.topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[1].u.i = RD_KAFKA_MSG_F_COPY;
  const auto bytes = [](rd_kafka_vu_t& part, rd_kafka_vtype_t type, std::string_view text) {
    part.vtype = type;
    part.u.mem.ptr = const_cast<char*>(text.data());
    part.u.mem.size = text.size();
  };
  bytes(parts[2], RD_KAFKA_VTYPE_KEY, message.key);
  bytes(parts[3], RD_KAFKA_VTYPE_VALUE, message.body);
  parts[4].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[4].u.headers = headers.get();
  parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[5].u.ptr = &delivery;
  rd_kafka_error_t* const refused = rd_kafka_produceva(kafka_.get(), parts.data(), parts.size());
  rd_kafka_resp_err_t outcome = rd_kafka_error_code(refused);
  if (refused != nullptr) rd_kafka_error_destroy(refused);
  if (outcome == RD_KAFKA_RESP_ERR_NO_ERROR) {
    static_cast<void>(headers.release());  // the message's now
    // Its report comes at message.timeout.ms at the latest.
    while (!delivery.outcome) rd_kafka_poll(kafka_.get(), poll_ms);
    outcome = *delivery.outcome;
  }
  if (outcome == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const Error error = error_of(outcome);
  // Such a client takes nothing any more.
  if (rd_kafka_fatal_error(kafka_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) kafka_.reset();
  return std::unexpected(error);
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::make(KafkaTopic topic, const AddressGuard& guard) {
  auto producer = std::make_unique<RdKafkaProducer>(std::move(topic), guard);
  if (auto opened = producer->open(); !opened) return std::unexpected(opened.error());
  return producer;
}

}  // namespace picket::net

#else

namespace picket::net {

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::make(KafkaTopic topic, const AddressGuard&) {
  return fail(ErrorKind::unsupported, std::string(without_kafka), topic.place);
}

}  // namespace picket::net

#endif
