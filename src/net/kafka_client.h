// What reading from Kafka and writing to it have in common. The parts with librdkafka are there when picket
// is built with it (PICKET_KAFKA).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

#ifdef PICKET_KAFKA
#include <librdkafka/rdkafka.h>

#include <memory>
#include <span>
#endif

namespace picket::net {

// "kafka://HOST:PORT,HOST:PORT/TOPIC" as ("HOST:PORT,HOST:PORT", "TOPIC"); nothing when it is none.
std::optional<std::pair<std::string, std::string>> parse_kafka_url(std::string_view url);

using KafkaProperties = std::map<std::string, std::string>;  // librdkafka's names

constexpr std::string_view without_kafka =
    "this picket was built without librdkafka; install librdkafka-dev and build it again";

#ifdef PICKET_KAFKA

struct KafkaFreed {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_t* kafka) const { rd_kafka_destroy(kafka); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
template <class T>
using KafkaHeld = std::unique_ptr<T, KafkaFreed>;

// How a client is to be made. `given` are the user's, under the configuration key `key`, over `defaults`;
// what `own` has and `reserved` names nobody else may set.
struct KafkaConfiguration {
  const KafkaProperties& given;
  KafkaProperties defaults, own;
  std::span<const std::string_view> reserved;
  std::string_view key;  // "source.properties"
  std::string where;
};
// Errors name what is wrong. It logs nothing by itself.
Result<KafkaHeld<rd_kafka_conf_t>> make_kafka_conf(const KafkaConfiguration& configuration);

#endif

}  // namespace picket::net
