#include "source/kafka_source.h"

#ifdef PICKET_KAFKA

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

namespace picket {

namespace {

constexpr std::uint64_t batch_bytes_max = 4U << 20;
constexpr TimeMs batch_ms_max = second_ms;  // from a batch's first message to its being stored
constexpr TimeMs look_every = 30 * second_ms, look_again = 2 * second_ms;  // at the topic's partitions
constexpr std::size_t flushes_max = 7;  // beside that of the source's own thread
constexpr int poll_ms = 200, call_ms_max = 5000;

constexpr std::array<std::string_view, 1> reserved{"metadata.broker.list"};

using net::KafkaHeld;

class RdKafkaSource final : public KafkaSource {
 public:
  using KafkaSource::KafkaSource;
  ~RdKafkaSource() override { RdKafkaSource::stop(); }

  Result<void> open();
  void start() override {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  void stop() override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  bool caught_up() const override { return inbox_.empty() && at_end_; }

 private:
  struct Partition {
    std::int64_t first = 0, next = 0;  // of the open batch; where to go on
    TimeMs opened = 0;                 // 0: no batch is open
    bool at_end = false;
    std::unique_ptr<Intake> intake;
  };
  void run(const std::stop_token& stop);
  bool look();  // at the topic's partitions; whether they are known
  void assign();
  void take(const rd_kafka_message_t& message);
  void take_gap(std::int32_t partition);
  bool flush(std::int32_t number, Partition& partition);
  void flush_due(const std::stop_token& stop);
  void note_progress();
  Error error_of(rd_kafka_resp_err_t code, std::string_view doing) const {
    return {ErrorKind::io, fmt::format("{}: {}", doing, rd_kafka_err2str(code)), settings_.place, -1};
  }

  KafkaHeld<rd_kafka_t> kafka_;
  KafkaHeld<rd_kafka_topic_t> topic_;
  std::map<std::int32_t, Partition> partitions_;  // of the thread
  std::atomic<bool> at_end_ = false;
  std::jthread thread_;
};

Result<void> RdKafkaSource::open() {
  // Errors come with the messages.
  auto conf = net::make_kafka_conf(
      {.given = settings_.properties,
       .defaults = {{"client.id", "picket"}, {"queued.max.messages.kbytes", "16384"}},
       .own = {{"bootstrap.servers", settings_.brokers},
               {"group.id", "picket"},  // which is never joined: partitions are assigned, positions are ours
               {"enable.auto.commit", "false"},
               {"enable.auto.offset.store", "false"},
               {"auto.offset.reset", "error"},
               {"enable.partition.eof", "true"},
               {"allow.auto.create.topics", "false"}},
       .reserved = reserved,
       .key = "source.properties",
       .where = settings_.place});
  if (!conf) return std::unexpected(conf.error());
  std::array<char, 512> why{};
  kafka_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why.data(), why.size()));
  if (!kafka_)
    return fail(ErrorKind::invalid, fmt::format("source.properties: {}", why.data()), settings_.place);
  static_cast<void>(conf->release());  // the client's now
  rd_kafka_poll_set_consumer(kafka_.get());
  topic_.reset(rd_kafka_topic_new(kafka_.get(), settings_.topic.c_str(), nullptr));
  if (!topic_) return std::unexpected(error_of(rd_kafka_last_error(), "the topic"));
  return {};
}

bool RdKafkaSource::look() {
  const rd_kafka_metadata_t* told = nullptr;
  const rd_kafka_resp_err_t failed = rd_kafka_metadata(kafka_.get(), 0, topic_.get(), &told, call_ms_max);
  const KafkaHeld<const rd_kafka_metadata_t> held(told);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR || told->topic_cnt != 1) {
    note(error_of(failed, "cannot ask for the topic's partitions"));
    return false;
  }
  const rd_kafka_metadata_topic_t& topic = told->topics[0];
  if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR || topic.partition_cnt == 0) {
    note(error_of(topic.err, "cannot read the topic"));
    return false;
  }
  bool more = false;
  const bool first_look = partitions_.empty();
  for (int i = 0; i < topic.partition_cnt; ++i) {
    const std::int32_t number = topic.partitions[i].id;
    if (partitions_.contains(number)) continue;
    more = true;
    Partition& partition = partitions_[number];
    const std::lock_guard lock(mutex_);
    const auto known = next_.find(number);
    // A partition that came later, or of a topic that was read before, is read from its beginning.
    const bool latest = settings_.from_latest && first_look && next_.empty();
    partition.next = known != next_.end() ? known->second
                     : latest             ? RD_KAFKA_OFFSET_END
                                          : RD_KAFKA_OFFSET_BEGINNING;
  }
  if (more) assign();
  return true;
}

void RdKafkaSource::assign() {
  const KafkaHeld<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
  for (auto& [number, partition] : partitions_) {
    partition.at_end = false;
    rd_kafka_topic_partition_list_add(list.get(), settings_.topic.c_str(), number)->offset = partition.next;
  }
  if (const auto failed = rd_kafka_assign(kafka_.get(), list.get()); failed != RD_KAFKA_RESP_ERR_NO_ERROR)
    note(error_of(failed, "cannot read the partitions"));
}

void RdKafkaSource::take(const rd_kafka_message_t& message) {
  const auto at = partitions_.find(message.partition);
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
    return take_gap(message.partition);
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF && at != partitions_.end()) {
    at->second.at_end = true;
    return note_success();
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* more = rd_kafka_message_errstr(&message);
    return note({ErrorKind::io, more != nullptr ? more : rd_kafka_err2str(message.err), settings_.place, -1});
  }
  if (at == partitions_.end()) return;
  Partition& partition = at->second;
  // Fetched before an assignment that went on elsewhere.
  if (partition.next >= 0 && message.offset < partition.next) return;
  if (partition.opened == 0) {
    partition.opened = wall_clock_();
    partition.first = message.offset;
    partition.intake = std::make_unique<Intake>(settings_.origin);
  }
  partition.at_end = false;
  partition.next = message.offset + 1;
  if (message.payload == nullptr) {
    partition.intake->refuse("tombstone", {static_cast<const char*>(message.key), message.key_len});
  } else {
    partition.intake->add({static_cast<const char*>(message.payload), message.len});
  }
}

// The position is not in the topic any more, or not yet: messages were removed, or the topic was made anew.
void RdKafkaSource::take_gap(std::int32_t number) {
  const auto at = partitions_.find(number);
  if (at == partitions_.end()) return;
  Partition& partition = at->second;
  std::int64_t low = 0, high = 0;
  const auto failed = rd_kafka_query_watermark_offsets(kafka_.get(), settings_.topic.c_str(), number, &low,
                                                       &high, call_ms_max);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    note(error_of(failed, "cannot ask which offsets there are"));
    return assign();  // the same will be told again
  }
  if (!flush(number, partition)) return assign();
  const std::int64_t lost = std::max<std::int64_t>(0, low - partition.next);
  note({ErrorKind::not_found,
        fmt::format("partition {}: offset {} is not there any more; read on at {}, {} offsets were not read",
                    number, partition.next, low, lost),
        settings_.place, -1});
  {
    const std::lock_guard lock(mutex_);
    status_.lost += static_cast<std::uint64_t>(lost);
  }
  partition.next = low;
  assign();
}

// False when there is no room on the disk.
bool RdKafkaSource::flush(std::int32_t number, Partition& partition) {
  if (partition.opened == 0) return true;
  const KafkaBatch batch{settings_.topic, number, partition.first, partition.next};
  if (!partition.intake->empty()) {
    Intake copy = *partition.intake;
    if (!store(batch.name(), copy)) return false;
  }
  partition.opened = 0;
  partition.intake.reset();
  const std::lock_guard lock(mutex_);
  next_[number] = partition.next;
  return true;
}

// Side by side, for most of the time the disk is waited for; with one that has to go, those that soon will.
void RdKafkaSource::flush_due(const std::stop_token& stop) {
  const TimeMs now = wall_clock_();
  const auto is_due = [&](const Partition& partition, unsigned share) {
    const TimeMs open_for = now - partition.opened;
    return partition.opened != 0 && (partition.at_end || open_for >= batch_ms_max / share || open_for < 0 ||
                                     partition.intake->bytes() >= batch_bytes_max / share);
  };
  if (std::ranges::none_of(partitions_, [&](const auto& item) { return is_due(item.second, 1); })) return;
  const auto store_it = [this, &stop](std::int32_t number, Partition& partition) {
    while (!flush(number, partition) && !stop.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(poll_ms));
  };
  std::vector<std::jthread> beside;
  std::pair<const std::int32_t, Partition>* last = nullptr;
  for (auto& item : partitions_) {
    if (!is_due(item.second, 2)) continue;
    if (last != nullptr && beside.size() < flushes_max)
      beside.emplace_back([&store_it, last] { store_it(last->first, last->second); });
    else if (last != nullptr)
      store_it(last->first, last->second);
    last = &item;
  }
  if (last != nullptr) store_it(last->first, last->second);
}

void RdKafkaSource::note_progress() {
  std::uint64_t behind = 0;
  bool at_end = !partitions_.empty();
  for (const auto& [number, partition] : partitions_) {
    std::int64_t low = 0, high = 0;
    if (rd_kafka_get_watermark_offsets(kafka_.get(), settings_.topic.c_str(), number, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high > 0 && partition.next >= 0 && high > partition.next)
      behind += static_cast<std::uint64_t>(high - partition.next);
    if (!partition.at_end || partition.opened != 0) at_end = false;
  }
  at_end_ = at_end;
  const std::lock_guard lock(mutex_);
  status_.behind = behind;
}

void RdKafkaSource::run(const std::stop_token& stop) {
  TimeMs next_look = 0;
  bool waiting = false;
  while (!stop.stop_requested()) {
    const TimeMs now = wall_clock_();
    // Later than that: the clock was set back.
    if (now >= next_look || next_look > now + look_every)
      next_look = wall_clock_() + (look() ? look_every : look_again);
    if (inbox_.full(name_)) {
      // Not asked for, messages stay with the broker, but for some MiB.
      if (!std::exchange(waiting, true)) {
        const std::lock_guard lock(mutex_);
        ++status_.put_off;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(poll_ms));
    } else {
      waiting = false;
      const KafkaHeld<rd_kafka_message_t> message(rd_kafka_consumer_poll(kafka_.get(), poll_ms));
      if (message) take(*message);
    }
    flush_due(stop);
    note_progress();
  }
  // What is not stored yet is fetched again.
  rd_kafka_assign(kafka_.get(), nullptr);
}

}  // namespace

Result<std::unique_ptr<KafkaSource>> KafkaSource::make(KafkaSettings settings, Inbox& inbox,
                                                       std::function<TimeMs()> wall_clock) {
  auto source = std::make_unique<RdKafkaSource>(std::move(settings), inbox, std::move(wall_clock));
  if (auto opened = source->open(); !opened) return std::unexpected(opened.error());
  return source;
}

}  // namespace picket

#else

namespace picket {

Result<std::unique_ptr<KafkaSource>> KafkaSource::make(KafkaSettings settings, Inbox&,
                                                       std::function<TimeMs()>) {
  return fail(ErrorKind::unsupported, std::string(net::without_kafka), settings.place);
}

}  // namespace picket

#endif
