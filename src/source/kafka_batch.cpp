// What of the Kafka source needs no broker.
#include <fmt/format.h>

#include <charconv>

#include "source/kafka_source.h"

namespace picket {

namespace {

template <class T>
bool number(std::string_view text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size() && into >= 0;
}

}  // namespace

std::string KafkaBatch::name() const { return fmt::format("{}/{}/{}-{}", topic, partition, first, next); }

std::optional<KafkaBatch> KafkaBatch::of(std::string_view key) {
  const std::size_t range_at = key.rfind('/');
  const std::size_t partition_at = range_at == 0 || range_at == std::string_view::npos
                                       ? std::string_view::npos
                                       : key.rfind('/', range_at - 1);
  if (partition_at == std::string_view::npos) return std::nullopt;
  KafkaBatch batch;
  batch.topic = key.substr(0, partition_at);
  const std::string_view range = key.substr(range_at + 1, key.find('.', range_at) - range_at - 1);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos ||
      !number(key.substr(partition_at + 1, range_at - partition_at - 1), batch.partition) ||
      !number(range.substr(0, dash), batch.first) || !number(range.substr(dash + 1), batch.next))
    return std::nullopt;
  return batch;
}

void KafkaSource::know(std::string_view key) {
  const auto batch = KafkaBatch::of(key);
  if (!batch || batch->topic != settings_.topic) return;
  const std::lock_guard lock(mutex_);
  std::int64_t& next = next_[batch->partition];
  next = std::max(next, batch->next);
}

// The newest of a partition tells where to go on.
bool KafkaSource::needs(std::string_view key) const {
  const auto batch = KafkaBatch::of(key);
  if (!batch || batch->topic != settings_.topic) return false;
  const std::lock_guard lock(mutex_);
  const auto at = next_.find(batch->partition);
  return at != next_.end() && batch->next >= at->second;
}

}  // namespace picket
