// What was pushed and read, for whoever asks for the records behind a finding: batches come here when the
// inbox needs them no more, and go again, the oldest first, when there is no room. Those that findings name
// go last. Any thread. A disk that fills is not filled by these: they take a tenth of what is left at most.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/result.h"
#include "base/time.h"
#include "source/pushed_file.h"

namespace picket {

class PushedArchive {
 public:
  // `bytes_max`: of all that is kept; 0: nothing is.
  PushedArchive(std::string folder, std::uint64_t bytes_max);

  // Takes up what earlier runs kept. Creates nothing; files that are no batches are left alone.
  void recover();
  // Moves the file here.
  void keep(const std::string& file, const PushedObject& object);
  // `named`: hash64 of the keys of objects that findings name now. What came before `oldest` goes in any
  // case.
  void trim(const std::unordered_set<std::uint64_t>& named, TimeMs oldest);

  std::optional<StoredPush> find(std::string_view key) const;
  std::uint64_t bytes() const;
  bool empty() const { return bytes() == 0; }

 private:
  struct Kept {
    std::uint64_t key = 0;  // hash64
    TimeMs received = 0;
    std::uint64_t size = 0;  // of the file
  };

  const std::string folder_;
  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by file
  std::uint64_t bytes_ = 0;
};

}  // namespace picket
