#include "cli/open_store.h"

#include <filesystem>

#include "store/sqlite_store.h"

namespace picket::cli {

Result<std::unique_ptr<FindingStore>> open_store(const std::string& data_dir) {
  const std::filesystem::path file = std::filesystem::path(data_dir) / "findings.db";
  if (!std::filesystem::exists(file)) {
    return fail(ErrorKind::not_found,
                "there are no findings here; run `picket scan … --save DIR` or `picket serve` first",
                data_dir);
  }
  return open_sqlite_store(file);
}

}  // namespace picket::cli
