#include "source/inbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/gzip.h"
#include "base/hash.h"
#include "base/whole_file.h"
#include "decode/refused.h"
#include "source/file_source.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t packed_from = 4096;  // bytes; of less there is little to win
// What decodes an object takes a file that unpacks to 500 times itself for a bomb.
constexpr std::size_t packed_ratio_max = 100;

std::uint64_t object_of(std::string_view path, std::uint64_t batch) { return hash64(path, batch); }

// As it lies on disk: what is pushed comes unpacked, and takes six times the room and the writing then.
std::string packed(std::string content) {
  if (content.size() < packed_from) return content;
  std::string out = gzip(content);
  return out.size() < content.size() && out.size() * packed_ratio_max > content.size() ? out : content;
}

}  // namespace

Inbox::Inbox(std::string folder, std::uint64_t bytes_max, std::function<TimeMs()> wall_clock,
             PushedArchive* archive)
    : folder_(std::move(folder)),
      bytes_max_(bytes_max),
      wall_clock_(std::move(wall_clock)),
      archive_(archive) {}

std::string Inbox::path_of(std::string_view source, std::string_view key) {
  return fmt::format("{}{}/{}", scheme, source, key);
}

std::string Inbox::file_of(std::string_view path, std::uint64_t batch) const {
  return fmt::format("{}/{:016x}", folder_, object_of(path, batch));
}

Result<std::unique_ptr<ByteSource>> Inbox::open(const std::string& path, std::uint64_t batch) const {
  const std::string file = file_of(path, batch);
  const auto object = read_pushed_head(file);
  if (!object) return fail(ErrorKind::not_found, "its file in the inbox is gone or damaged", path);
  return open_file(file, object->offset);
}

std::optional<StoredPush> Inbox::find(std::string_view key) const {
  {
    const std::lock_guard lock(mutex_);
    for (const PushedObject& object : ready_)
      if (object.key == key)
        return StoredPush{file_of(path_of(object.source, object.key), object.batch), object};
    for (const auto& [file, taken] : taken_)
      if (taken.object.key == key) return StoredPush{file, taken.object};
  }
  return archive_ == nullptr ? std::nullopt : archive_->find(key);
}

void Inbox::know(std::string_view path, std::uint64_t batch, TimeMs received) {
  const std::lock_guard lock(mutex_);
  known_[object_of(path, batch)] = received;
}

Result<std::vector<PushedObject>> Inbox::recover() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder_);
  std::map<std::string, PushedObject> found;
  for (const auto& item : fs::directory_iterator(folder_, error)) {
    const std::string file = item.path().string();
    if (file.ends_with(".tmp")) {
      fs::remove(item.path(), error);  // nobody was told that it is stored
    } else if (auto object = read_pushed_head(file)) {
      found.emplace(file, std::move(*object));
    } else {
      damaged_.push_back(file);
    }
  }
  if (error) return fail(ErrorKind::io, "cannot list the folder: " + error.message(), folder_);
  const std::lock_guard lock(mutex_);
  for (auto& [file, object] : found) {
    const std::string path = path_of(object.source, object.key);
    const std::string first = path_of(object.source, object.first_key);
    // A batch without its first object was not acknowledged.
    if (!known_.contains(object_of(first, object.batch)) && !found.contains(file_of(first, object.batch))) {
      fs::remove(file, error);
      continue;
    }
    bytes_[object.source] += object.size;
    if (known_.contains(object_of(path, object.batch))) {
      taken_[file] = {object, 0};
    } else {
      ready_.push_back(object);
    }
  }
  for (const PushedObject& object : ready_)
    known_[object_of(path_of(object.source, object.key), object.batch)] = object.received;
  std::ranges::sort(ready_, {},
                    [](const PushedObject& object) { return std::tie(object.received, object.key); });
  return ready_;
}

Result<Inbox::Outcome> Inbox::put(const std::string& source, const std::string& name,
                                  std::vector<PushedPart> parts) {
  if (parts.empty()) return Outcome::stored;
  std::uint64_t batch = 1;
  for (PushedPart& part : parts) {
    batch = hash_mix(batch, hash64(part.content));
    if (!part.refused) part.content = packed(std::move(part.content));  // those lines are read as they are
  }
  std::vector<PushedObject> objects;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    PushedObject& object = objects.emplace_back();
    object.source = source;
    object.key = fmt::format("{}.{}{}", name, i, parts[i].refused ? refused_suffix : "");
    object.origin = std::move(parts[i].origin);
    object.batch = batch;
    object.first_key = objects.front().key;
    object.received = wall_clock_();
    object.size = parts[i].content.size();
  }
  const std::uint64_t first = object_of(path_of(source, objects.front().key), batch);
  {
    std::unique_lock lock(mutex_);
    put_.wait(lock, [&] { return !putting_.contains(first); });
    if (known_.contains(first)) return Outcome::repeated;
    putting_.insert(first);
  }
  auto written = write(source, batch, objects, parts);
  {
    const std::lock_guard lock(mutex_);
    putting_.erase(first);
    if (written) {
      for (PushedObject& object : objects) {
        known_[object_of(path_of(source, object.key), batch)] = object.received;
        bytes_[source] += object.size;
        ready_.push_back(std::move(object));
      }
    }
  }
  put_.notify_all();
  if (!written) return std::unexpected(written.error());
  return Outcome::stored;
}

// The first object last: a batch without it was not acknowledged.
Result<void> Inbox::write(const std::string& source, std::uint64_t batch, std::vector<PushedObject>& objects,
                          const std::vector<PushedPart>& parts) const {
  for (std::size_t i = parts.size(); i-- > 0;) {
    std::string bytes = pushed_head(objects[i]);
    objects[i].offset = bytes.size();
    bytes += parts[i].content;
    if (auto written = write_whole_file(file_of(path_of(source, objects[i].key), batch), bytes); !written) {
      std::error_code ignored;
      for (std::size_t done = i + 1; done < parts.size(); ++done)
        fs::remove(file_of(path_of(source, objects[done].key), batch), ignored);
      return std::unexpected(written.error());
    }
  }
  return {};
}

bool Inbox::full(const std::string& source) const { return bytes(source) >= bytes_max_; }

std::uint64_t Inbox::bytes(const std::string& source) const {
  const std::lock_guard lock(mutex_);
  const auto at = bytes_.find(source);
  return at == bytes_.end() ? 0 : at->second;
}

std::vector<PushedObject> Inbox::take() {
  const std::lock_guard lock(mutex_);
  for (const PushedObject& object : ready_)
    taken_[file_of(path_of(object.source, object.key), object.batch)] = {object, 0};
  return std::exchange(ready_, {});
}

bool Inbox::holds(const std::string& path, std::uint64_t batch) const {
  const std::lock_guard lock(mutex_);
  return taken_.contains(file_of(path, batch));
}

bool Inbox::empty() const {
  const std::lock_guard lock(mutex_);
  return ready_.empty();
}

void Inbox::covering(const std::function<Use(const std::string& path)>& use_of) {
  const std::lock_guard lock(mutex_);
  covering_.clear();
  for (const auto& [file, taken] : taken_)
    covering_.emplace(file, use_of(path_of(taken.object.source, taken.object.key)));
}

void Inbox::covered(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  for (auto at = taken_.begin(); at != taken_.end();) {
    auto& [file, taken] = *at;
    const PushedObject& object = taken.object;
    const auto marked = covering_.find(file);
    const Use use = marked == covering_.end() ? Use::unread : marked->second;
    std::uint64_t& aside = aside_bytes_[object.source];
    if (use == Use::unread || (use == Use::set_aside && taken.aside)) {
      ++at;
    } else if (use == Use::set_aside && aside + object.size <= bytes_max_) {
      // What cannot be read must not keep senders waiting.
      taken.aside = true;
      aside += object.size;
      bytes_[object.source] -= object.size;
      ++at;
    } else if (taken.covered_at == 0 || taken.covered_at >= epoch) {
      // Until a second snapshot has it: the newest may turn out to be damaged.
      if (taken.covered_at == 0) taken.covered_at = epoch;
      ++at;
    } else {
      if (archive_ != nullptr) {
        archive_->keep(file, object);
      } else {
        std::error_code ignored;
        fs::remove(file, ignored);
      }
      (taken.aside ? aside : bytes_[object.source]) -= object.size;
      at = taken_.erase(at);
    }
  }
  covering_.clear();
  const TimeMs horizon = wall_clock_() - repeats_known;
  std::erase_if(known_, [&](const auto& known) { return known.second < horizon; });
  // What is still there is known all the same.
  for (const auto& [file, taken] : taken_)
    known_.try_emplace(object_of(path_of(taken.object.source, taken.object.key), taken.object.batch),
                       taken.object.received);
}

bool Inbox::wants_snapshot() const {
  const std::lock_guard lock(mutex_);
  if (taken_.empty()) return false;
  return std::ranges::any_of(bytes_, [&](const auto& source) { return source.second >= bytes_max_ / 2; });
}

}  // namespace picket
