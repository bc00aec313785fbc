// Rows of ordered detectors that memory has no room for: in sorted runs on disk until their time comes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/ordered_row.h"

namespace picket {

// A nameless file that is gone with its last run, also when the process dies.
class SpillFile {
 public:
  static Result<std::shared_ptr<SpillFile>> create(const std::string& folder);
  explicit SpillFile(int fd) : fd_(fd) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Answers where the bytes begin.
  Result<std::uint64_t> append(std::string_view bytes);
  Result<std::string> read(std::uint64_t offset, std::uint64_t size) const;
  int number() const { return fd_; }

 private:
  const int fd_;
  std::uint64_t size_ = 0;
};

class RowRun {
 public:
  // The rows must be in order.
  static Result<RowRun> write(std::shared_ptr<SpillFile> file, std::span<const OrderedRow> rows);
  bool empty() const { return left_ == 0; }
  std::uint64_t rows_left() const { return left_; }
  int file() const { return file_ ? file_->number() : -1; }  // its descriptor
  // Moves the rows up to `until` to the end of `into`. After a failure the run is lost.
  Result<void> take(TimeMs until, std::vector<OrderedRow>& into);

 private:
  std::shared_ptr<SpillFile> file_;
  std::uint64_t at_ = 0, end_ = 0;  // what is left, in the file
  std::uint64_t left_ = 0;          // rows
  TimeMs next_ = 0;                 // time of the first of them
};

}  // namespace picket
