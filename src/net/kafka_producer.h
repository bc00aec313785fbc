// Writes messages to a topic of Kafka, one at a time, and knows of each whether the brokers have it. Checked
// against the AddressGuard like HTTP is, also where the cluster says that its brokers are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address_guard.h"
#include "net/kafka_client.h"

namespace picket::net {

struct KafkaTopic {
  std::string place;  // "kafka://…", for errors
  std::string brokers, topic;
  KafkaProperties properties;
  TimeMs timeout = 10 * second_ms;  // of one message
};

struct KafkaMessage {
  std::string_view key;  // messages of one key stay in order
  std::string_view body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

class KafkaProducer {
 public:
  virtual ~KafkaProducer() = default;
  // Checks the properties; connects when there is something to send. The guard outlives it; brokers that are
  // reached without TLS must be named by it. `unsupported` without librdkafka.
  static Result<std::unique_ptr<KafkaProducer>> make(KafkaTopic topic, const AddressGuard& guard);
  // All in-sync replicas have it when it returns. Errors: `invalid` when the brokers refuse this message,
  // else `io`; what timed out may be there all the same. From one thread at a time.
  virtual Result<void> send(const KafkaMessage& message) = 0;
};

}  // namespace picket::net
