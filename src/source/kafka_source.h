// A topic of Kafka, all its partitions. Messages go into the inbox, and the position of a partition is told
// by the names of its batches in the input log and the inbox: no consumer group keeps it, and none is joined.
// Needs librdkafka, without which make() says so.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "net/kafka_client.h"
#include "source/push_source.h"

namespace picket {

struct KafkaSettings {
  std::string name, place;
  std::string brokers, topic;
  net::KafkaProperties properties;
  bool from_latest = false;  // where nothing was read yet
  RecordOrigin origin;
};

// A batch's name: "TOPIC/PARTITION/FIRST-NEXT", offsets of the first message in it and of the one behind the
// last.
struct KafkaBatch {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t first = 0, next = 0;
  std::string name() const;
  // Of an object's key, which goes on behind the name.
  static std::optional<KafkaBatch> of(std::string_view key);
};

class KafkaSource : public PushSource {
 public:
  KafkaSource(KafkaSettings settings, Inbox& inbox, std::function<TimeMs()> wall_clock)
      : PushSource(settings.name, settings.place, inbox, std::move(wall_clock)),
        settings_(std::move(settings)) {}
  // One that reads from the brokers.
  static Result<std::unique_ptr<KafkaSource>> make(KafkaSettings settings, Inbox& inbox,
                                                   std::function<TimeMs()> wall_clock);
  void know(std::string_view key) final;
  bool needs(std::string_view key) const final;

 protected:
  const KafkaSettings settings_;
  std::map<std::int32_t, std::int64_t> next_;  // offset by partition; under mutex_
};

}  // namespace picket
