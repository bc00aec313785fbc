// What every flow window keeps of two hosts on one interface: who they are, how many records, the first and
// the last of them. Kept small: there may be a hundred thousand at a time.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/hash.h"
#include "engine/window.h"

namespace picket::detectors {

// A short text in place: an interface id ("eni-" and 8 or 17 digits) needs no allocation. A longer one is
// cut.
class ShortText {
 public:
  ShortText& operator=(std::string_view text) {
    size_ = static_cast<std::uint8_t>(std::min(text.size(), text_.size()));
    std::copy_n(text.data(), size_, text_.data());
    return *this;
  }
  std::string_view view() const { return {text_.data(), size_}; }
  template <class Ar>
  void io(Ar& ar) {
    ar(text_, size_);
    if (size_ > text_.size()) size_ = 0;  // hostile bytes
  }

 private:
  std::array<char, 31> text_{};
  std::uint8_t size_ = 0;
};

// A flow record's place in the proof; flow records have no id of their own.
struct FlowStamp {
  TimeMs time = 0;
  std::uint64_t object = 0, position = 0;
  auto operator<=>(const FlowStamp&) const = default;
  ProofRecord proof() const { return {time, object, position, {}}; }
  template <class Ar>
  void io(Ar& ar) {
    ar(time, object, position);
  }
};

class FlowPair {
 public:
  static std::uint64_t entity(const FlowRecord& flow, const IpAddress& a, const IpAddress& b) {
    std::uint64_t hash = hash64(flow.interface_id);
    for (const IpAddress* ip : {&a, &b}) hash = hash_mix(hash_mix(hash, ip->high()), ip->low());
    return hash;
  }

  void add(const FlowRecord& flow, const ProofRecord& record);
  void merge(const FlowPair& other);

  // The interface's own address of the two: by the inventory or what its records have in common, else by one
  // being private and the other public. Nothing when it cannot be told.
  std::optional<IpAddress> local(const Judging& judging) const;
  // As the earliest record shows it, seen from `local`.
  Subject subject(const IpAddress& local, Direction direction) const;

  std::uint64_t records() const { return records_; }
  ProofRecord first() const { return first_.proof(); }
  ProofRecord last() const { return last_.proof(); }
  const IpAddress& source() const { return source_; }  // of the earliest record
  const IpAddress& destination() const { return destination_; }

  template <class Ar>
  void io(Ar& ar) {
    ar(interface_, source_, destination_, source_port_, destination_port_, protocol_, rejected_, records_,
       first_, last_);
  }

 private:
  ShortText interface_;
  IpAddress source_, destination_;
  std::uint16_t source_port_ = 0, destination_port_ = 0;
  std::uint8_t protocol_ = 0;
  bool rejected_ = false;
  std::uint64_t records_ = 0;
  FlowStamp first_, last_;
};

}  // namespace picket::detectors
