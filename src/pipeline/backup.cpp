#include "pipeline/backup.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <set>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/time.h"
#include "base/whole_file.h"
#include "event/raw_json.h"
#include "integrity/digest.h"
#include "store/sqlite.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t format = 1;
constexpr const char* manifest_name = "backup.json";
constexpr unsigned tries_max = 5;
// Not worth keeping: what can be fetched again, says only how things are now, or is temporary.
constexpr std::array<std::string_view, 7> left_out = {
    "spool", "lock", "sources.json", "quarantine.json", "findings.db-wal", "findings.db-shm", "findings.db"};

struct Entry {
  std::string path;  // relative
  std::uint64_t size = 0;
  std::string sha256;
};

Error error_of(const std::error_code& error, const fs::path& path) {
  return {ErrorKind::io, error.message(), path.string(), -1};
}

Result<std::string> sha256_of(const fs::path& path, std::uint64_t& size) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::io, "cannot be read", path.string());
  integrity::Sha256 hash;
  std::vector<char> buffer(1U << 20);
  size = 0;
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
    hash.add({buffer.data(), static_cast<std::size_t>(file.gcount())});
    size += static_cast<std::uint64_t>(file.gcount());
  }
  if (file.bad()) return fail(ErrorKind::io, "cannot be read to its end", path.string());
  return hash.hex();
}

// A file that goes away meanwhile is left out, and said to be.
Result<bool> copy_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error == std::errc::no_such_file_or_directory) return false;
  if (error) return std::unexpected(error_of(error, from));
  fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write, error);
  if (error) return std::unexpected(error_of(error, to));
  return true;
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error))
    if (item.path().filename().string().starts_with(prefix) && item.path().extension() != ".tmp")
      out.push_back(item.path());
  std::ranges::sort(out);
  return out;
}

Result<void> copy_findings(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return {};
  auto database = SqliteConnection::open(from, true);
  if (!database) return std::unexpected(database.error());
  auto statement = (*database)->prepare("VACUUM INTO ?1");
  if (!statement) return std::unexpected(statement.error());
  const std::string target = to.string();
  statement->bind(target);
  if (auto done = statement->run(); !done) return done;
  fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write, error);
  return error ? Result<void>(std::unexpected(error_of(error, to))) : Result<void>{};
}

// Whether the copied snapshot, findings and log belong together.
Result<bool> copy_state(const fs::path& data_dir, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to / "state", error);
  fs::remove(to / "findings.db", error);
  fs::create_directories(to / "state", error);
  if (error) return std::unexpected(error_of(error, to / "state"));
  const std::vector<fs::path> snapshots = files_in(data_dir / "state", "snapshot-");
  for (const fs::path& path : snapshots) {
    auto copied = copy_to(path, to / "state" / path.filename());
    if (!copied) return copied;
    if (!*copied && path == snapshots.back()) return false;
  }
  if (auto done = copy_findings(data_dir / "findings.db", to / "findings.db"); !done)
    return std::unexpected(done.error());
  for (const fs::path& path : files_in(data_dir / "state", "input-")) {
    auto copied = copy_to(path, to / "state" / path.filename());
    if (!copied) return copied;
    if (!*copied) return false;
  }
  // The log is kept for as long as the snapshot is.
  return snapshots.empty() ? files_in(data_dir / "state", "snapshot-").empty()
                           : fs::exists(snapshots.back(), error);
}

Result<void> copy_rest(const fs::path& data_dir, const fs::path& to) {
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(data_dir, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const fs::path relative = at->path().lexically_relative(data_dir);
    const std::string first = relative.begin()->string();
    if (first == "state" || std::ranges::find(left_out, first) != left_out.end()) {
      if (at->is_directory(error)) at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file(error) || at->is_symlink(error)) continue;
    const std::string extension = at->path().extension().string();
    if (extension == ".part" || extension == ".tmp") continue;
    if (auto copied = copy_to(at->path(), to / relative); !copied) return std::unexpected(copied.error());
  }
  if (error) return std::unexpected(error_of(error, data_dir));
  return {};
}

Result<std::vector<Entry>> entries_of(const fs::path& folder) {
  std::vector<Entry> out;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    Entry entry;
    entry.path = at->path().lexically_relative(folder).generic_string();
    if (entry.path == manifest_name) continue;
    auto hash = sha256_of(at->path(), entry.size);
    if (!hash) return std::unexpected(hash.error());
    entry.sha256 = std::move(*hash);
    out.push_back(std::move(entry));
  }
  if (error) return std::unexpected(error_of(error, folder));
  std::ranges::sort(out, {}, &Entry::path);
  return out;
}

std::string manifest_of(const std::vector<Entry>& entries, const std::string& version,
                        const std::string& time) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("format", format);
  json.member("version", version);
  json.member("time", time);
  json.key("files");
  json.begin_array();
  for (const Entry& entry : entries) {
    json.begin_object();
    json.member("path", entry.path);
    json.member("size", entry.size);
    json.member("sha256", entry.sha256);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

// "0.12.3" as numbers; a part that is none counts as 0.
std::array<unsigned, 3> parts_of(std::string_view version) {
  std::array<unsigned, 3> out{};
  for (unsigned& part : out) {
    const std::size_t dot = std::min(version.find('.'), version.size());
    std::from_chars(version.data(), version.data() + dot, part);
    version.remove_prefix(std::min(version.size(), dot + 1));
  }
  return out;
}

struct Contents {
  BackupReport report;
  std::vector<Entry> entries;
};

Result<Contents> read_manifest(const fs::path& backup, const std::string& version) {
  const fs::path path = backup / manifest_name;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "this is no backup: it has no backup.json", backup.string());
  const JsonDocument document(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto wrong = [&](std::string what) {
    return fail(ErrorKind::invalid, std::move(what), path.string());
  };
  std::uint64_t number = 0;
  std::string_view text;
  simdjson::dom::array files;
  if (!document.root() || (*document.root())["format"].get(number) != simdjson::SUCCESS ||
      (*document.root())["files"].get(files) != simdjson::SUCCESS ||
      (*document.root())["version"].get(text) != simdjson::SUCCESS)
    return wrong("it says neither a format nor a version nor files");
  Contents out;
  out.report.version = text;
  if ((*document.root())["time"].get(text) == simdjson::SUCCESS) out.report.time = text;
  if (number > format || parts_of(out.report.version) > parts_of(version))
    return fail(
        ErrorKind::unsupported,
        fmt::format(
            "the backup was made by picket {}, which is newer than this one ({}); restore it with that "
            "version or a later one",
            out.report.version, version),
        path.string());
  for (const simdjson::dom::element item : files) {
    Entry entry;
    std::string_view name, hash;
    if (item["path"].get(name) != simdjson::SUCCESS || item["sha256"].get(hash) != simdjson::SUCCESS ||
        item["size"].get(entry.size) != simdjson::SUCCESS)
      return wrong("a file of it needs path, size and sha256");
    const fs::path relative{std::string(name)};
    if (relative.is_absolute() || relative.empty() ||
        std::ranges::any_of(relative, [](const fs::path& part) { return part == ".." || part == "."; }))
      return wrong("a file of it lies outside the backup");
    entry.path = name;
    entry.sha256 = hash;
    out.report.bytes += entry.size;
    ++out.report.files;
    out.entries.push_back(std::move(entry));
  }
  return out;
}

Result<Contents> checked(const fs::path& backup, const std::string& version) {
  auto manifest = read_manifest(backup, version);
  if (!manifest) return manifest;
  for (const Entry& entry : manifest->entries) {
    std::uint64_t size = 0;
    const auto hash = sha256_of(backup / entry.path, size);
    if (!hash) return std::unexpected(hash.error());
    if (size != entry.size || *hash != entry.sha256)
      return fail(ErrorKind::invalid, "it is not as it was when the backup was made",
                  (backup / entry.path).string());
  }
  return manifest;
}

}  // namespace

Result<BackupReport> make_backup(const fs::path& data_dir, const fs::path& to, const std::string& version) {
  std::error_code error;
  if (!fs::is_directory(data_dir, error))
    return fail(ErrorKind::not_found, "there is no data directory", data_dir.string());
  if (fs::exists(to, error))
    return fail(ErrorKind::conflict, "it exists already; a backup is a new folder", to.string());
  if (fs::weakly_canonical(to, error).string().starts_with(fs::weakly_canonical(data_dir, error).string() +
                                                           '/'))
    return fail(ErrorKind::invalid, "a backup cannot lie in the data directory", to.string());
  const fs::path part = to.string() + ".part";
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  if (!error) fs::permissions(part, fs::perms::owner_all, error);
  if (error) return std::unexpected(error_of(error, part));
  const std::string time = format_time_seconds(wall_clock());
  bool agrees = false;
  for (unsigned tries = 0; tries < tries_max && !agrees; ++tries) {
    auto copied = copy_state(data_dir, part);
    if (!copied) return std::unexpected(copied.error());
    agrees = *copied;
  }
  if (!agrees)
    return fail(ErrorKind::conflict,
                "the server saves snapshots faster than they can be copied; stop it for the backup",
                data_dir.string());
  if (auto done = copy_rest(data_dir, part); !done) return std::unexpected(done.error());
  auto entries = entries_of(part);
  if (!entries) return std::unexpected(entries.error());
  if (auto written = write_whole_file(part / manifest_name, manifest_of(*entries, version, time)); !written)
    return std::unexpected(written.error());
  fs::rename(part, to, error);
  if (error) return std::unexpected(error_of(error, to));
  BackupReport report{entries->size(), 0, version, time};
  for (const Entry& entry : *entries) report.bytes += entry.size;
  return report;
}

Result<BackupReport> check_backup(const fs::path& backup, const std::string& version) {
  const auto manifest = checked(backup, version);
  if (!manifest) return std::unexpected(manifest.error());
  return manifest->report;
}

Result<BackupReport> restore_backup(const fs::path& backup, const fs::path& data_dir,
                                    const std::string& version) {
  std::error_code error;
  if (fs::exists(data_dir, error) && !fs::is_empty(data_dir, error))
    return fail(ErrorKind::conflict, "it is not empty; restore into a new data directory", data_dir.string());
  const auto manifest = checked(backup, version);
  if (!manifest) return std::unexpected(manifest.error());
  const fs::path part = data_dir.lexically_normal().string() + ".part";
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  if (!error) fs::permissions(part, fs::perms::owner_all, error);
  if (error) return std::unexpected(error_of(error, part));
  for (const Entry& entry : manifest->entries) {
    const auto copied = copy_to(backup / entry.path, part / entry.path);
    if (!copied) return std::unexpected(copied.error());
    std::uint64_t size = 0;
    const auto hash = sha256_of(part / entry.path, size);
    if (!hash || *hash != entry.sha256)
      return fail(ErrorKind::io, "it did not arrive as it is in the backup", (part / entry.path).string());
  }
  fs::remove(data_dir, error);  // empty, if it is there
  fs::rename(part, data_dir, error);
  if (error) return std::unexpected(error_of(error, data_dir));
  return manifest->report;
}

}  // namespace picket
