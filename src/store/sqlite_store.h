// The embedded finding store: one SQLite file (WAL, synchronous=FULL), one writing connection, a pool of
// reading ones, and in memory a column per filterable attribute, rebuilt from the file at start.
#pragma once

#include <filesystem>
#include <memory>

#include "store/finding_store.h"

namespace picket {

struct SqliteOptions {
  unsigned readers = 4;         // connections for reading
  std::uint64_t bytes_max = 0;  // cap on the database file, 0 for none; reaching it is ErrorKind::io
};

// Opens or creates the file (its folder must exist). A file of a newer schema, or one that is no
// database, is an error that names it.
Result<std::unique_ptr<FindingStore>> open_sqlite_store(const std::filesystem::path& file,
                                                        const SqliteOptions& options = {});

}  // namespace picket
