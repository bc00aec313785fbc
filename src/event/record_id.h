// The id that a vendor gave a record: CloudTrail's eventID, an audit event's auditID. Nearly all are UUIDs in
// lower case, which take 16 bytes and no heap; any other text is kept as it stands.
#pragma once

#include <array>
#include <compare>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/boxed.h"

namespace picket {

class RecordId {
 public:
  RecordId() = default;
  // Implicit: an id is its text.
  template <std::convertible_to<std::string_view> Text>
  RecordId(const Text& text) : RecordId(std::string_view(text), 0) {}

  bool empty() const { return uuid_ == Uuid{} && !other_; }
  std::string text() const;
  // Valid while the id and `room` are.
  using Room = std::array<char, 36>;
  std::string_view text(Room& room) const;
  std::uint64_t hash() const;

  friend bool operator==(const RecordId& a, const RecordId& b) { return (a <=> b) == 0; }
  // As their texts.
  friend std::strong_ordering operator<=>(const RecordId& a, const RecordId& b) {
    if (a.other_ || b.other_) return a.by_text(b);
    return a.uuid_ <=> b.uuid_;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(uuid_, other_);
  }

 private:
  using Uuid = std::array<std::uint64_t, 2>;  // as numbers, so that they are in the order of their texts
  RecordId(std::string_view text, int);
  std::strong_ordering by_text(const RecordId& other) const;

  Uuid uuid_{};  // none: there is no id, or another text
  Boxed<std::string> other_;
};

}  // namespace picket
