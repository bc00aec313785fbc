// Lines from a Unix socket or from standard input, a record each. Runs of lines go into the inbox, and then
// the socket's sender is told by a line of its own how many lines of its connection are durable; who was cut
// off sends on from there. While the inbox is full nothing is read, so that the sender waits.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "source/push_source.h"

namespace picket {

struct LineSettings {
  std::string name, place;
  std::string socket;  // path; empty: standard input
  RecordOrigin origin;
};

// "unix:///PATH" as "/PATH"; nothing when it is none.
std::optional<std::string> parse_unix_url(std::string_view url);

class LineSource final : public PushSource {
 public:
  static constexpr std::size_t line_bytes_max = 4U << 20;  // more is set aside as one record
  static constexpr std::size_t run_bytes_max = 4U << 20;   // of lines that are stored together
  static constexpr std::size_t connections_max = 64;

  LineSource(LineSettings settings, Inbox& inbox, std::function<TimeMs()> wall_clock);
  ~LineSource() override { LineSource::stop(); }

  // Of a socket: takes its path, which an earlier run may have left.
  Result<void> listen();
  void start() override;
  void stop() override;
  bool caught_up() const override;

 private:
  struct Connection {
    int fd = -1;
    std::jthread thread;
    std::atomic<bool> ended = false;
  };
  void accept_loop(const std::stop_token& stop);
  // Until the sender ends; `answers` says whether it is told what is stored.
  void read_lines(const std::stop_token& stop, int fd, bool answers);

  const LineSettings settings_;
  const std::string run_;  // tells batches of different runs apart
  std::atomic<std::uint64_t> next_batch_ = 0;
  int listener_ = -1;
  std::list<Connection> connections_;
  std::atomic<bool> ended_ = false;  // standard input came to its end
  std::jthread thread_;
};

}  // namespace picket
