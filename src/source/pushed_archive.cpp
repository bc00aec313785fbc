#include "source/pushed_archive.h"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <vector>

#include "base/hash.h"

namespace picket {

namespace fs = std::filesystem;

PushedArchive::PushedArchive(std::string folder, std::uint64_t bytes_max)
    : folder_(std::move(folder)), bytes_max_(bytes_max) {}

void PushedArchive::recover() {
  std::error_code error;
  const std::lock_guard lock(mutex_);
  for (const auto& item : fs::directory_iterator(folder_, error)) {
    const auto object = read_pushed_head(item.path().string());
    if (!object) continue;
    const std::uint64_t size = object->offset + object->size;
    if (kept_.try_emplace(item.path().string(), Kept{hash64(object->key), object->received, size}).second)
      bytes_ += size;
  }
}

void PushedArchive::keep(const std::string& file, const PushedObject& object) {
  std::error_code error;
  if (bytes_max_ > 0) {
    const fs::path target = fs::path(folder_) / fs::path(file).filename();
    fs::create_directories(folder_, error);
    fs::rename(file, target, error);
    if (!error) {
      const std::lock_guard lock(mutex_);
      const std::uint64_t size = object.offset + object.size;
      if (kept_.insert_or_assign(target.string(), Kept{hash64(object.key), object.received, size}).second)
        bytes_ += size;
      return;
    }
  }
  fs::remove(file, error);
}

void PushedArchive::trim(const std::unordered_set<std::uint64_t>& named, TimeMs oldest) {
  const std::lock_guard lock(mutex_);
  if (kept_.empty()) return;
  using Item = std::map<std::string, Kept>::iterator;
  std::vector<Item> items;
  for (auto at = kept_.begin(); at != kept_.end(); ++at) items.push_back(at);
  std::ranges::sort(items, {}, [&](const Item& at) {
    return std::tuple(at->second.received >= oldest, named.contains(at->second.key), at->second.received,
                      std::string_view(at->first));
  });
  std::error_code error;
  const auto available = fs::space(folder_, error).available;
  const std::uint64_t bytes_max = error ? bytes_max_ : std::min(bytes_max_, (available + bytes_) / 10);
  for (const Item& at : items) {
    if (at->second.received >= oldest && bytes_ <= bytes_max) break;
    std::error_code ignored;
    fs::remove(at->first, ignored);
    bytes_ -= at->second.size;
    kept_.erase(at);
  }
}

std::optional<StoredPush> PushedArchive::find(std::string_view key) const {
  const std::uint64_t hash = hash64(key);
  const std::lock_guard lock(mutex_);
  for (const auto& [file, kept] : kept_) {
    if (kept.key != hash) continue;
    if (auto object = read_pushed_head(file); object && object->key == key)
      return StoredPush{file, std::move(*object)};
  }
  return std::nullopt;
}

std::uint64_t PushedArchive::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace picket
