#include "cli/open_store.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/table.h"
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

Result<Finding> finding_named(FindingStore& store, const std::string& id) {
  constexpr std::size_t page_ids = 10'000;
  if (id.size() < short_id_size)
    return fail(ErrorKind::invalid, fmt::format("an id has at least {} digits", short_id_size), id);
  std::vector<std::string> named;
  std::string token;
  do {
    auto page = store.list({}, {}, {}, page_ids, token);
    if (!page) return std::unexpected(page.error());
    for (std::string& one : page->ids)
      if (one.starts_with(id)) named.push_back(std::move(one));
    token = std::move(page->next_token);
  } while (!token.empty());
  if (named.size() > 1) return fail(ErrorKind::invalid, "several findings have an id that begins so", id);
  auto found = store.get({}, named);
  if (!found) return std::unexpected(found.error());
  if (found->empty())
    return fail(ErrorKind::not_found, "no finding has this id; `picket findings` shows them", id);
  return std::move(found->front());
}

}  // namespace picket::cli
