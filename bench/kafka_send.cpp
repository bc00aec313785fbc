// Sends files to topics as fast as a broker takes them, for bench/latency.py, whose own language cannot.
//
//     kafka_send BROKER < commands
//
// A command is a line "NUMBER TOPIC PARTITION FILE"; the file, packed with gzip or not, holds messages that a
// zero byte divides. The line NUMBER is written when the broker has acknowledged all of them.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "decode/decoder.h"
#include "decode/inflate.h"

namespace {

using namespace picket;

struct Delivery {
  std::string number, text;
  std::size_t left = 0;  // messages that are not acknowledged
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "kafka_send: %s\n", why.c_str());
  std::exit(1);
}

std::string unpacked(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) give_up("cannot read " + file);
  const std::string packed(std::istreambuf_iterator<char>(in), {});
  const auto source = memory_source(packed);
  InflateWorkspace workspace;
  const DecodeLimits limits{};
  InflatingSource inflating(*source, limits, workspace);
  std::string text;
  for (constexpr std::size_t step = 1 << 20;;) {
    const std::size_t size = text.size();
    text.resize(size + step);
    const auto got = inflating.read({text.data() + size, step});
    if (!got) give_up(file + ": " + got.error().what);
    text.resize(size + *got);
    if (*got == 0) return text;
  }
}

void one_less(Delivery* delivery) {
  if (--delivery->left > 0) return;
  std::cout << delivery->number << std::endl;
  delete delivery;
}

// On the thread that polls: the main one.
void acknowledged(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_err2str(message->err));
  one_less(static_cast<Delivery*>(message->_private));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) give_up("usage: kafka_send BROKER < commands");
  char error[512] = "";
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const std::pair<const char*, const char*> properties[] = {{"bootstrap.servers", arguments[1]},
                                                            {"acks", "all"},
                                                            {"linger.ms", "5"},
                                                            {"compression.codec", "lz4"},
                                                            {"batch.size", "1000000"},
                                                            {"queue.buffering.max.messages", "1000000"},
                                                            {"message.max.bytes", "4000000"}};
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) give_up(error);
  rd_kafka_conf_set_dr_msg_cb(conf, acknowledged);
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (producer == nullptr) give_up(error);
  // Acknowledgements come in while the next command is waited for.
  std::atomic<bool> reading = true;
  std::jthread poller([&] {
    while (reading || rd_kafka_outq_len(producer) > 0) rd_kafka_poll(producer, 10);
  });
  std::map<std::string, rd_kafka_topic_t*> topics;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string topic, file;
    std::int32_t partition = 0;
    auto* delivery = new Delivery;
    if (!(words >> delivery->number >> topic >> partition >> file)) give_up("a wrong command: " + line);
    rd_kafka_topic_t*& known = topics[topic];
    if (known == nullptr) known = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
    delivery->text = unpacked(file);
    delivery->left = 1 + static_cast<std::size_t>(std::ranges::count(delivery->text, '\0'));
    std::string_view rest = delivery->text;
    for (bool more = true; more;) {
      const std::size_t end = rest.find('\0');
      more = end != std::string_view::npos;
      const std::string_view message = rest.substr(0, end);
      rest.remove_prefix(more ? end + 1 : rest.size());
      while (true) {
        if (rd_kafka_produce(known, partition, 0, const_cast<char*>(message.data()), message.size(), nullptr,
                             0, delivery) == 0)
          break;
        const rd_kafka_resp_err_t why = rd_kafka_last_error();
        if (why != RD_KAFKA_RESP_ERR__QUEUE_FULL) give_up(rd_kafka_err2str(why));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
  reading = false;
  poller.join();
  for (const auto& [name, topic] : topics) rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
}
