// What was set aside and waits: objects that could not be read to their end, and records in good ones. Part
// of the runner's state, so that a crash neither loses nor doubles it. A running server keeps a copy in a
// file of the data directory, where `picket quarantine` finds it, and takes requests out of a folder there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/object_ledger.h"
#include "log/entry.h"

namespace picket {

struct QuarantinedObject {
  Manifest manifest;                 // by which it was read last
  std::uint64_t records_before = 0;  // of the same growing file
  ObjectLedger ledger;               // of the last reading; totals of what waits
  std::uint32_t retries = 0;
  std::string refusal;  // why the last retry evaluated nothing
  template <class Ar>
  void io(Ar& ar) {
    ar(manifest, records_before, ledger, retries, refusal);
  }
};

class Quarantine {
 public:
  // About 100 MB at worst, usually 1 kB an object. The oldest are forgotten beyond it, and counted.
  static constexpr std::size_t objects_max = 10'000;

  // Keeps the object when something of it was set aside.
  void note(const Manifest& manifest, std::uint64_t records_before, const ObjectLedger& ledger);
  // What became of an object that was read again.
  void settle(std::uint64_t id, const Manifest& manifest, const ObjectLedger& ledger);
  // The file was replaced; what it held before can never be read again.
  void replaced(const std::string& path);
  const QuarantinedObject* find(std::uint64_t id) const;
  const std::map<std::uint64_t, QuarantinedObject>& objects() const { return objects_; }  // by id
  std::uint64_t forgotten() const { return forgotten_; }
  std::uint64_t cleared() const { return cleared_; }  // objects that were good when read again
  // Counts changes.
  std::uint64_t version() const { return version_; }
  template <class Ar>
  void io(Ar& ar) {
    ar(objects_, forgotten_, cleared_);
    ++version_;
  }

 private:
  std::map<std::uint64_t, QuarantinedObject> objects_;  // by their first manifest's number
  std::uint64_t forgotten_ = 0, cleared_ = 0, version_ = 0;
};

// {"objects": […], "forgotten": N, "cleared": N}, oldest first.
std::string quarantine_json(const Quarantine& quarantine);
Result<void> write_quarantine(const std::string& data_dir, const Quarantine& quarantine);
// The text of quarantine_json, as last written.
Result<std::string> read_quarantine(const std::string& data_dir);

// Requests to read objects again: one file each, which the server removes when the input log has them.
struct RetryRequest {
  std::string path;
  std::optional<std::uint64_t> id;  // absent: all
};
Result<RetryRequest> request_retry(const std::string& data_dir, std::optional<std::uint64_t> id);
// Oldest first; what is no request is removed.
std::vector<RetryRequest> retry_requests(const std::string& data_dir);

}  // namespace picket
