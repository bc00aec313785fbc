#include "pipeline/content_folder.h"

#include <fstream>

#include "aws/sigv4.h"
#include "base/whole_file.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

bool is_hash(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::string> ContentFolder::keep(std::string_view content) {
  const std::string hash = aws::sha256_hex(content);
  const std::lock_guard lock(mutex_);
  fresh_.insert(hash);
  if (read(hash)) return hash;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder_.string());
  if (auto written = write_whole_file(folder_ / hash, content); !written)
    return std::unexpected(written.error());
  return hash;
}

Result<std::string> ContentFolder::read(const std::string& sha256) const {
  const fs::path path = folder_ / sha256;
  if (!is_hash(sha256)) return fail(ErrorKind::invalid, "not a hash", sha256);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "the kept content is not there", path.string());
  std::string content(std::istreambuf_iterator<char>(file), {});
  if (aws::sha256_hex(content) != sha256)
    return fail(ErrorKind::invalid, "the kept content is not what it was", path.string());
  return content;
}

bool ContentFolder::has(const std::string& sha256) const {
  std::error_code ignored;
  return is_hash(sha256) && fs::exists(folder_ / sha256, ignored);
}

void ContentFolder::named(const std::set<std::string>& hashes) {
  const std::lock_guard lock(mutex_);
  in_effect_ = hashes;
  since_snapshot_.insert(hashes.begin(), hashes.end());
}

void ContentFolder::snapshot_saved(const std::set<std::string>& wanted) {
  const std::lock_guard lock(mutex_);
  snapshots_.push_back(std::move(since_snapshot_));
  since_snapshot_ = in_effect_;
  if (snapshots_.size() < snapshots_kept) return;  // What was named before this process began is not known.
  snapshots_.pop_front();
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder_, error)) {
    const std::string name = item.path().filename().string();
    bool needed =
        !is_hash(name) || wanted.contains(name) || fresh_.contains(name) || since_snapshot_.contains(name);
    for (const auto& snapshot : snapshots_) needed = needed || snapshot.contains(name);
    if (!needed) fs::remove(item.path(), error);
  }
  fresh_.clear();
}

}  // namespace picket
