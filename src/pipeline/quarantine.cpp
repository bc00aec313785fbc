#include "pipeline/quarantine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/whole_file.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

fs::path file_in(const std::string& data_dir) { return fs::path(data_dir) / "quarantine.json"; }
fs::path requests_in(const std::string& data_dir) { return fs::path(data_dir) / "quarantine-requests"; }

bool holds_something(const ObjectLedger& ledger) {
  return ledger.state == ObjectState::failed || !ledger.set_aside.empty();
}

void write_object(JsonWriter& json, std::uint64_t id, const QuarantinedObject& object) {
  const ObjectLedger& ledger = object.ledger;
  const Manifest& manifest = object.manifest;
  json.begin_object();
  json.member("id", id);
  json.member("source", manifest.source);
  json.member("object", manifest.key);
  json.member("path", manifest.path);
  if (manifest.offset > 0) json.member("offset", manifest.offset);
  if (ledger.kind) json.member("kind", name_of(*ledger.kind));
  json.member("account", manifest.account);
  json.member("region", manifest.region);
  json.member("state", ledger.state == ObjectState::failed ? "failed" : "read");
  if (!ledger.reason.empty()) json.member("reason", ledger.reason);
  json.member("recordsInObject", ledger.records_numbered);
  json.member("recordsSetAside", ledger.set_aside.count());
  json.key("reasons");
  json.begin_object();
  for (const auto& [reason, count] : ledger.quarantine_reasons) json.member(reason, count);
  json.end_object();
  json.key("records");
  json.begin_array();
  for (const SetAsideRecord& record : ledger.set_aside_first) {
    json.begin_object();
    json.member("position", object.records_before + record.position);
    json.member("offset", record.offset);
    json.member("length", record.length);
    json.member("reason", record.reason);
    json.member("detail", record.detail);
    json.end_object();
  }
  json.end_array();
  json.member("retries", object.retries);
  if (!object.refusal.empty()) json.member("lastRetry", object.refusal);
  json.end_object();
}

}  // namespace

void Quarantine::note(const Manifest& manifest, std::uint64_t records_before, const ObjectLedger& ledger) {
  if (!holds_something(ledger)) return;
  ++version_;
  QuarantinedObject& object = objects_[manifest.sequence] = {manifest, records_before, ledger, 0, {}};
  object.ledger.shares.clear();
  if (objects_.size() <= objects_max) return;
  objects_.erase(objects_.begin());
  ++forgotten_;
}

void Quarantine::settle(std::uint64_t id, const Manifest& manifest, const ObjectLedger& ledger) {
  const auto at = objects_.find(id);
  if (at == objects_.end()) return;
  ++version_;
  QuarantinedObject& object = at->second;
  ++object.retries;
  if (ledger.state == ObjectState::skipped) {
    object.refusal = ledger.reason;
    return;
  }
  if (!holds_something(ledger)) {
    objects_.erase(at);
    ++cleared_;
    return;
  }
  const std::uint64_t last = std::max(object.ledger.last_position, ledger.last_position);
  object.manifest = manifest;
  object.ledger = ledger;
  object.ledger.last_position = last;
  object.ledger.shares.clear();
  object.refusal.clear();
}

void Quarantine::replaced(const std::string& path) {
  if (std::erase_if(objects_, [&](const auto& item) { return item.second.manifest.path == path; }) > 0)
    ++version_;
}

const QuarantinedObject* Quarantine::find(std::uint64_t id) const {
  const auto at = objects_.find(id);
  return at == objects_.end() ? nullptr : &at->second;
}

std::string quarantine_json(const Quarantine& quarantine) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("objects");
  json.begin_array();
  for (const auto& [id, object] : quarantine.objects()) write_object(json, id, object);
  json.end_array();
  json.member("forgotten", quarantine.forgotten());
  json.member("cleared", quarantine.cleared());
  json.end_object();
  return out;
}

Result<void> write_quarantine(const std::string& data_dir, const Quarantine& quarantine) {
  return write_whole_file(file_in(data_dir), quarantine_json(quarantine));
}

Result<std::string> read_quarantine(const std::string& data_dir) {
  std::ifstream file(file_in(data_dir), std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "no server has run with this data directory", data_dir);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<RetryRequest> request_retry(const std::string& data_dir, std::optional<std::uint64_t> id) {
  const fs::path folder = requests_in(data_dir);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder.string());
  const fs::path path = folder / fmt::format("{:020}-{}.retry", wall_clock(), ::getpid());
  const std::string text = id ? std::to_string(*id) : "all";
  if (auto written = write_whole_file(path, text); !written) return std::unexpected(written.error());
  return RetryRequest{path.string(), id};
}

std::vector<RetryRequest> retry_requests(const std::string& data_dir) {
  std::vector<RetryRequest> out;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(requests_in(data_dir), error)) {
    if (item.path().extension() != ".retry") continue;
    std::ifstream file(item.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::uint64_t id = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text == "all") {
      out.push_back({item.path().string(), {}});
    } else if (wrong == std::errc{} && end == text.data() + text.size()) {
      out.push_back({item.path().string(), id});
    } else {
      std::error_code ignored;
      fs::remove(item.path(), ignored);
    }
  }
  std::ranges::sort(out, {}, &RetryRequest::path);
  return out;
}

}  // namespace picket
