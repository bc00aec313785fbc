// Records as senders push them (Firehose, Kafka, a socket), made into objects that decoders read: records of
// one kind and place together, CloudWatch Logs subscriptions and {"message": …} wrappers told apart, and what
// is no record set aside with its reason.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/sniff.h"

namespace picket {

// What is known of records that do not say it themselves.
struct RecordOrigin {
  std::optional<LogKind> kind;
  std::string account, region, cluster, flow_format;
  auto operator<=>(const RecordOrigin&) const = default;
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, account, region, cluster, flow_format);
  }
};

// Becomes one object.
struct PushedPart {
  RecordOrigin origin;
  bool refused = false;  // content: one line for each record that was set aside (decode/refused.h)
  std::string content;
};

class Intake {
 public:
  // What a compressed record may hold: CloudWatch Logs packs at most some MiB into one.
  static constexpr std::size_t record_inflated_max = 64U << 20;

  explicit Intake(RecordOrigin origin) : origin_(std::move(origin)) {}

  // One record as it was sent: text, or text packed with gzip or zstd.
  void add(std::string_view record);
  // Sets a record aside; `reason` is one of decode/refused.h.
  void refuse(std::string_view reason, std::string_view record);

  bool empty() const { return records_ == 0; }
  std::uint64_t records() const { return records_; }
  std::uint64_t bytes() const { return bytes_; }  // of content, so far
  // CloudWatch Logs' own health checks: no records.
  std::uint64_t control_messages() const { return control_messages_; }
  // In an order that depends on the records alone; the intake is empty afterwards.
  std::vector<PushedPart> finish();

 private:
  using Group = std::pair<RecordOrigin, Container>;
  void add_text(std::string_view text, bool unwrapped);
  bool add_subscription(std::string_view text);
  void append(const RecordOrigin& origin, Container container, std::string_view text);

  RecordOrigin origin_;
  std::map<Group, std::string> groups_;
  std::string refused_;
  std::uint64_t records_ = 0, bytes_ = 0, control_messages_ = 0;
};

}  // namespace picket
