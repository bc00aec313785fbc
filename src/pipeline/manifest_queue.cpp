#include "pipeline/manifest_queue.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace picket {

std::uint32_t ManifestQueue::share(const std::string& text) {
  const auto [at, fresh] = numbers_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
  if (fresh) texts_.push_back(&at->first);
  return at->second;
}

void ManifestQueue::push_back(const Manifest& m) {
  const std::size_t folder_size = m.path.rfind('/') + 1;  // 0 without one
  const std::string_view name = std::string_view(m.path).substr(folder_size);
  Head head{};
  head.sequence = m.sequence;
  head.offset = m.offset;
  head.length = m.length.value_or(0);
  head.records_before = m.records_before;
  head.size = m.size;
  head.device = m.device;
  head.inode = m.inode;
  head.head_hash = m.head_hash;
  head.modified_ns = m.modified_ns;
  head.lower_bound = m.lower_bound;
  head.shared = {share(m.path.substr(0, folder_size)),
                 share(m.source),
                 share(m.account),
                 share(m.region),
                 share(m.cluster),
                 share(m.flow_format),
                 share(m.stream)};
  head.name_size = static_cast<std::uint32_t>(name.size());
  head.key_size = static_cast<std::uint32_t>(m.key.size());
  head.has_kind = m.kind.has_value();
  if (m.kind) head.kind = static_cast<std::uint8_t>(*m.kind);
  head.has_length = m.length.has_value();
  head.key_apart = !m.path.ends_with(m.key);

  if (blocks_.empty() || blocks_.back().bytes.size() >= block_bytes) {
    blocks_.emplace_back().bytes.reserve(block_bytes + sizeof head + 4096);
  }
  Block& block = blocks_.back();
  places_.push_back({first_block_ + static_cast<std::uint32_t>(blocks_.size() - 1),
                     static_cast<std::uint32_t>(block.bytes.size())});
  block.bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
  block.bytes += name;
  if (head.key_apart) block.bytes += m.key;
  ++block.waiting;
}

ManifestQueue::Head ManifestQueue::head_at(std::size_t index) const {
  Head head;
  std::memcpy(&head, bytes_at(places_[index]), sizeof head);
  return head;
}

Manifest ManifestQueue::unpack(Place place) const {
  Head head;
  const char* const bytes = bytes_at(place);
  std::memcpy(&head, bytes, sizeof head);
  const std::string_view name(bytes + sizeof head, head.name_size);
  Manifest m;
  m.sequence = head.sequence;
  m.source = *texts_[head.shared.source];
  m.path = *texts_[head.shared.folder];
  m.path += name;
  m.key = head.key_apart ? std::string(name.data() + name.size(), head.key_size)
                         : m.path.substr(m.path.size() - head.key_size);
  m.offset = head.offset;
  if (head.has_length) m.length = head.length;
  m.records_before = head.records_before;
  m.size = head.size;
  m.device = head.device;
  m.inode = head.inode;
  m.modified_ns = head.modified_ns;
  m.head_hash = head.head_hash;
  if (head.has_kind) m.kind = static_cast<LogKind>(head.kind);
  m.account = *texts_[head.shared.account];
  m.region = *texts_[head.shared.region];
  m.cluster = *texts_[head.shared.cluster];
  m.flow_format = *texts_[head.shared.flow_format];
  m.stream = *texts_[head.shared.stream];
  m.lower_bound = head.lower_bound;
  return m;
}

Manifest ManifestQueue::at(std::size_t index) const { return unpack(places_[index]); }

void ManifestQueue::drop_front(std::size_t count) {
  for (; count > 0; --count) {
    Block& block = blocks_[places_.front().block - first_block_];
    places_.pop_front();
    if (--block.waiting == 0) block.bytes = {};
  }
  if (places_.empty()) {
    blocks_.clear();
    numbers_.clear();
    texts_.clear();
    return;
  }
  // The last block may yet be written to.
  while (blocks_.size() > 1 && blocks_.front().waiting == 0) {
    blocks_.pop_front();
    ++first_block_;
  }
}

void ManifestQueue::sort() {
  struct Item {
    TimeMs lower_bound;
    Place place;
  };
  std::vector<Item> items;
  items.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) items.push_back({head_at(i).lower_bound, places_[i]});
  std::ranges::sort(items, {}, &Item::lower_bound);
  // Those of one time, which many accounts deliver, by what has to be unpacked.
  struct Named {
    std::string key, path;
    Place place;
  };
  std::vector<Named> named;
  std::size_t to = 0;
  for (std::size_t from = 0; from < items.size(); from = to) {
    to = from;
    named.clear();
    for (; to < items.size() && items[to].lower_bound == items[from].lower_bound; ++to) {
      Manifest m = unpack(items[to].place);
      named.push_back({std::move(m.key), std::move(m.path), items[to].place});
    }
    std::ranges::sort(named, {}, [](const Named& one) { return std::tie(one.key, one.path); });
    for (std::size_t i = 0; i < named.size(); ++i) places_[from + i] = named[i].place;
  }
}

void ManifestQueue::each(const std::function<void(const Manifest&)>& visit) const {
  for (const Place place : places_) visit(unpack(place));
}

void ManifestQueue::each_source(
    const std::function<void(const std::string& source, TimeMs modified)>& visit) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const Head head = head_at(i);
    visit(*texts_[head.shared.source], head.modified_ns / 1'000'000);
  }
}

}  // namespace picket
