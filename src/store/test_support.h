// Rows and folders for the store's tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "store/sqlite_store.h"

namespace picket::store_test {

// A folder that goes away with its owner.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_store_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path file() const { return path_ / "findings.db"; }

 private:
  std::filesystem::path path_;
};

inline std::string finding_id(unsigned number) {
  char text[33];
  std::snprintf(text, sizeof text, "%032x", number);
  return text;
}

inline FindingRow finding_row(unsigned number, std::uint64_t epoch = 1) {
  return {.id = finding_id(number),
          .account = "111122223333",
          .region = "eu-west-1",
          .type = "Recon:EC2/Portscan",
          .detector_id = finding_id(0xd),
          .severity = 5,
          .created_at = 1'700'000'000'000 + number * 1000,
          .updated_at = 1'700'000'000'000 + number * 1000,
          .first_seen = 1'700'000'000'000,
          .last_seen = 1'700'000'000'000,
          .count = 1,
          .epoch = epoch,
          .document = R"({"schemaVersion":"2.0","service":{"serviceName":"guardduty"}})"};
}

inline std::unique_ptr<FindingStore> open_store(const ScratchFolder& folder,
                                                const SqliteOptions& options = {}) {
  auto store = open_sqlite_store(folder.file(), options);
  if (!store) throw std::runtime_error(store.error().message());
  return std::move(*store);
}

inline Applied put_rows(FindingStore& store, const std::vector<FindingRow>& rows, std::uint64_t epoch = 1,
                        const std::vector<std::string>& retracted = {},
                        const std::vector<OutboxRow>& outbox = {}, TimeMs now = 1'000) {
  auto applied = store.apply(rows, retracted, epoch, outbox, now);
  if (!applied) throw std::runtime_error(applied.error().message());
  return *applied;
}

inline Criteria criteria(std::string_view criterion, CriteriaUse use = CriteriaUse::filter) {
  auto parsed = parse_criteria(R"({"criterion":)" + std::string(criterion) + "}", use);
  if (!parsed) throw std::runtime_error(parsed.error().message());
  return *parsed;
}

inline std::vector<std::string> list_all(FindingStore& store, const Criteria& wanted = {},
                                         const Scope& scope = {}) {
  auto page = store.list(scope, wanted, {.attribute = attribute::id(), .descending = false}, 1'000'000, "");
  if (!page) throw std::runtime_error(page.error().message());
  return page->ids;
}

}  // namespace picket::store_test
