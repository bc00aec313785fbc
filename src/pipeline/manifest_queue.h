// Manifests that wait for their turn, packed: an archive has millions of objects, most of whose paths differ
// in nothing but the file's name. About 200 bytes each, where a manifest takes 900.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "log/entry.h"

namespace picket {

// The lower bounds of a stream's waiting objects, which come nearly in order.
class LowerBounds {
 public:
  void add(TimeMs time) { times_.insert(std::ranges::upper_bound(times_, time), time); }
  void remove(TimeMs time) { times_.erase(std::ranges::lower_bound(times_, time)); }  // one that was added
  TimeMs least() const { return times_.front(); }
  bool empty() const { return times_.empty(); }

 private:
  std::deque<TimeMs> times_;
};

class ManifestQueue {
 public:
  void push_back(const Manifest& manifest);
  // From the front.
  Manifest at(std::size_t index) const;
  std::uint64_t sequence_at(std::size_t index) const { return head_at(index).sequence; }
  void drop_front(std::size_t count);
  // By lower bound, then by key and path.
  void sort();

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }
  void each(const std::function<void(const Manifest&)>& visit) const;
  // The same without unpacking: what of a manifest reports tell.
  void each_source(const std::function<void(const std::string& source, TimeMs modified)>& visit) const;

 private:
  static constexpr std::size_t block_bytes = 64U << 10;
  // Strings that many have.
  struct Shared {
    std::uint32_t folder, source, account, region, cluster, flow_format, stream;
  };
  // Of a packed manifest; its name follows, and its key unless the path ends with it.
  struct Head {
    std::uint64_t sequence, offset, length, records_before, size, device, inode, head_hash;
    std::int64_t modified_ns;
    TimeMs lower_bound;
    Shared shared;
    std::uint32_t name_size, key_size;
    std::uint8_t kind;
    bool has_kind, has_length, key_apart;
  };
  struct Place {
    std::uint32_t block, begin;  // blocks are numbered from the first ever on
  };
  struct Block {
    std::string bytes;
    std::size_t waiting = 0;
  };
  std::uint32_t share(const std::string& text);
  const char* bytes_at(Place place) const {
    return blocks_[place.block - first_block_].bytes.data() + place.begin;
  }
  Head head_at(std::size_t index) const;
  Manifest unpack(Place place) const;

  std::deque<Place> places_;
  std::deque<Block> blocks_;
  std::uint32_t first_block_ = 0;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // of shared strings; forgotten when nothing waits
  std::vector<const std::string*> texts_;
};

}  // namespace picket
