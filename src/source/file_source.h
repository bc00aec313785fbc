// Local files as log objects: walks folders and globs, reads bytes, never follows what leads out of a folder
// in a circle, and says of every path what it could not use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "decode/decoder.h"

namespace picket {

// One file as listed.
struct ListedFile {
  std::string path;  // to open
  std::string key;   // relative to its root with "/", or the path as given when it was named alone
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // where its content begins
  std::uint64_t device = 0, inode = 0;
  std::int64_t modified_ns = 0;
};

// Paths that do not exist, dangling links, folders that cannot be read; each with the reason.
using PathFailures = std::vector<std::pair<std::string, std::string>>;

struct Listing {
  std::vector<ListedFile> files;  // sorted by key
  PathFailures failures;
};

// `argument` is a file, a folder (walked) or a glob pattern.
Listing list_files(const std::string& argument);

// What walks of folders saw, so that the next one can leave out those in which nothing came or went.
class FolderMemory {
 private:
  friend class FolderWalk;
  struct Seen {
    std::int64_t changed_ns = 0;
    bool settled = false;                                      // nothing in it was new
    std::vector<std::pair<std::string, std::string>> folders;  // path and key
  };
  std::unordered_map<std::string, Seen> seen_;  // by path
};

// The same, and remembers it; not `all`: only what lies in folders in which something came, went or was
// written since they were remembered, or shortly before. What is appended to a file that was left alone for a
// while does not show then. `now_ns`: wall clock.
Listing list_files(const std::string& argument, FolderMemory& memory, bool all, std::int64_t now_ns);

// Opens a file; with `length` reads only [offset, offset + length).
Result<std::unique_ptr<ByteSource>> open_file(const std::string& path, std::uint64_t offset = 0,
                                              std::uint64_t length = UINT64_MAX);

// At most `length` bytes from `offset` on; shorter when the file is, or cannot be read.
std::string read_at(const std::string& path, std::uint64_t offset, std::size_t length);

}  // namespace picket
