#include "api/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "api/neighbours.h"
#include "base/gzip.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/text_file.h"
#include "base/whole_file.h"
#include "decode/inflate.h"

namespace picket::api {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t error_text_max = 1'000;

std::unexpected<Error> io_error(std::string_view what, const fs::path& file) {
  return fail(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(errno)), file.string());
}

Result<void> write_all(int fd, std::string_view text, const fs::path& file) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("cannot write", file);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

void write_identity(JsonWriter& json, const aws::Credential& caller, std::string_view region) {
  json.begin_object();
  const bool assumed = !caller.session_name.empty();
  json.member("type", assumed ? "AssumedRole" : "IAMUser");
  json.member("principalId", principal_id(caller));
  json.member("arn", principal_arn(caller, region));
  json.member("accountId", caller.account);
  json.member("accessKeyId", caller.access_key_id);
  if (!assumed) json.member("userName", caller.profile);
  if (caller.temporary()) {
    json.key("sessionContext");
    json.begin_object();
    json.key("attributes");
    json.begin_object();
    json.member("mfaAuthenticated", "false");
    json.end_object();
    json.end_object();
  }
  json.end_object();
}

// "2026/11/24" and "20261124T0310Z" of a record's eventTime.
std::string day_folder(std::string_view event_time) {
  return fmt::format("{}/{}/{}", event_time.substr(0, 4), event_time.substr(5, 2), event_time.substr(8, 2));
}
std::string minute_text(std::string_view event_time) {
  return fmt::format("{}{}{}T{}{}Z", event_time.substr(0, 4), event_time.substr(5, 2),
                     event_time.substr(8, 2), event_time.substr(11, 2), event_time.substr(14, 2));
}

struct SpooledRecords {
  std::vector<std::string> texts;
  std::string newest;  // eventTime
};

// Records of the spool by account, Region and day. A last line without its end was being written when the
// process ended: its call had not been answered.
std::map<std::tuple<std::string, std::string, std::string>, SpooledRecords> sorted_records(
    std::istream& spool) {
  std::map<std::tuple<std::string, std::string, std::string>, SpooledRecords> out;
  simdjson::dom::parser parser;
  for (std::string line; std::getline(spool, line);) {
    simdjson::dom::element root;
    std::string_view account, region, time;
    if (parser.parse(line).get(root) != simdjson::SUCCESS ||
        root["recipientAccountId"].get(account) != simdjson::SUCCESS ||
        root["awsRegion"].get(region) != simdjson::SUCCESS ||
        root["eventTime"].get(time) != simdjson::SUCCESS) {
      spdlog::warn("api: a line of the audit spool cannot be read and is left out: {} bytes", line.size());
      continue;
    }
    SpooledRecords& records = out[{std::string(account), std::string(region), day_folder(time)}];
    records.newest = std::max(records.newest, std::string(time));
    records.texts.push_back(line);
  }
  return out;
}

// Removes day folders older than the retention; their names tell their day.
void remove_old(const fs::path& logs, TimeMs oldest) {
  std::error_code error;
  const std::string limit = day_folder(format_time(oldest));
  std::vector<fs::path> gone;
  for (fs::recursive_directory_iterator entry(logs, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error) || entry.depth() != 5) continue;  // ACCOUNT/CloudTrail/REGION/y/m/d
    const fs::path day = entry->path();
    const std::string text = fmt::format("{}/{}/{}", day.parent_path().parent_path().filename().string(),
                                         day.parent_path().filename().string(), day.filename().string());
    if (text < limit) gone.push_back(day);
  }
  for (const fs::path& day : gone) fs::remove_all(day, error);
}

}  // namespace

std::string audit_record(const AuditedCall& call) {
  std::string out;
  JsonWriter json(out);
  const auto json_or_null = [&](std::string_view name, std::string_view text) {
    json.member_raw(name, text.empty() ? "null" : text);
  };
  json.begin_object();
  json.member("eventVersion", "1.11");
  json.key("userIdentity");
  write_identity(json, *call.caller, call.region);
  json.member("eventTime", format_time_seconds(call.time));
  json.member("eventSource", call.event_source);
  json.member("eventName", call.event_name);
  json.member("awsRegion", call.region);
  json.member("sourceIPAddress", call.source_address);
  json.member("userAgent", call.user_agent);
  if (!call.error_code.empty()) json.member("errorCode", call.error_code);
  if (!call.error_message.empty()) json.member("errorMessage", call.error_message.substr(0, error_text_max));
  json_or_null("requestParameters", call.request_parameters);
  json_or_null("responseElements", call.response_elements);
  json.member("requestID", call.request_id);
  const std::string id = hash128(fmt::format("audit\x1f{}", call.request_id)).hex();
  json.member("eventID", fmt::format("{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4), id.substr(12, 4),
                                     id.substr(16, 4), id.substr(20)));
  json.member("readOnly", call.read_only);
  json.member("eventType", call.event_type);
  json.member("managementEvent", true);
  json.member("recipientAccountId", call.caller->account);
  json.member("eventCategory", "Management");
  json.end_object();
  return out;
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditSettings settings, TimeMs now) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(settings)));
  if (auto done = log->open_spool(now); !done) return std::unexpected(done.error());
  if (auto done = log->rotate(now, true); !done) return std::unexpected(done.error());
  return log;
}

AuditLog::~AuditLog() {
  if (spool_ >= 0) ::close(spool_);
}

Result<void> AuditLog::open_spool(TimeMs now) {
  std::error_code error;
  fs::create_directories(settings_.folder, error);
  const fs::path file = settings_.folder / "audit.jsonl";
  spool_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (spool_ < 0) return io_error("cannot open", file);
  struct stat status{};
  if (::fstat(spool_, &status) != 0) return io_error("cannot stat", file);
  spooled_ = static_cast<std::uint64_t>(status.st_size);
  spooled_since_ = now;
  return {};
}

Result<void> AuditLog::append(const AuditedCall& call) {
  const std::string line = audit_record(call) + '\n';
  const std::scoped_lock lock(mutex_);
  if (spool_ < 0)
    if (auto done = open_spool(call.time); !done) return done;
  // No file tells of a longer time, which find() stands on: what a playbook did is told late.
  if (spooled_ > 0 &&
      std::max(spooled_until_, call.time) - std::min(spooled_from_, call.time) > settings_.rotate_after)
    if (auto done = rotate_locked(call.time); !done) return done;
  if (spooled_ == 0) spooled_since_ = spooled_from_ = spooled_until_ = call.time;
  spooled_from_ = std::min(spooled_from_, call.time);
  spooled_until_ = std::max(spooled_until_, call.time);
  if (auto done = write_all(spool_, line, settings_.folder / "audit.jsonl"); !done) return done;
  spooled_ += line.size();
  if (spooled_ >= settings_.rotate_bytes) return rotate_locked(call.time);
  return {};
}

Result<void> AuditLog::rotate(TimeMs now, bool force) {
  const std::scoped_lock lock(mutex_);
  if (spooled_ == 0 || (!force && now - spooled_since_ < settings_.rotate_after)) return {};
  return rotate_locked(now);
}

Result<void> AuditLog::rotate_locked(TimeMs now) {
  const fs::path spool = settings_.folder / "audit.jsonl";
  std::ifstream in(spool, std::ios::binary);
  if (!in) return fail(ErrorKind::io, "cannot read", spool.string());
  for (const auto& [place, records] : sorted_records(in)) {
    const auto& [account, region, day] = place;
    const std::string body = fmt::format(R"({{"Records":[{}]}})", fmt::join(records.texts, ","));
    // Named by its content: what a crash makes us write twice replaces itself.
    const std::string id = hash128(body).hex().substr(0, 16);
    const fs::path folder = settings_.folder / "AWSLogs" / account / "CloudTrail" / region / day;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder);
    const std::string name =
        fmt::format("{}_CloudTrail_{}_{}_{}.json.gz", account, region, minute_text(records.newest), id);
    if (auto done = write_whole_file(folder / name, gzip(body)); !done) return done;
  }
  in.close();
  if (::ftruncate(spool_, 0) != 0) return io_error("cannot empty", spool);
  spooled_ = 0;
  remove_old(settings_.folder / "AWSLogs", now - settings_.retention);
  return {};
}

namespace {

// A file of the log. Its name tells the minute of its newest record.
struct AuditFile {
  TimeMs minute = 0;
  fs::path path;
};

std::optional<TimeMs> minute_of(std::string_view name) {
  // ..._yyyymmddTHHmmZ_ID.json.gz
  const std::size_t end = name.rfind('_');
  constexpr std::size_t length = 14;
  if (end == std::string_view::npos || end < length) return std::nullopt;
  const std::string_view text = name.substr(end - length, length);
  return parse_time(fmt::format("{}-{}-{}T{}:{}:00Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                                text.substr(9, 2), text.substr(11, 2)));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  return names;
}

// The folders of each day, "yyyy/mm/dd", of one account or of all.
std::map<std::string, std::vector<fs::path>> day_folders(const fs::path& logs,
                                                         const std::optional<std::string>& account) {
  std::map<std::string, std::vector<fs::path>> out;
  for (const std::string& owner : account ? std::vector{*account} : names_in(logs)) {
    const fs::path trail = logs / owner / "CloudTrail";
    for (const std::string& region : names_in(trail))
      for (const std::string& year : names_in(trail / region))
        for (const std::string& month : names_in(trail / region / year))
          for (const std::string& day : names_in(trail / region / year / month))
            out[fmt::format("{}/{}/{}", year, month, day)].push_back(trail / region / year / month / day);
  }
  return out;
}

// The records that a query wants, as they come out of files whose order is only roughly that of time.
class AuditSearch {
 public:
  explicit AuditSearch(const AuditQuery& query)
      : query_(query), caller_(lower(query.caller)), operation_(lower(query.operation)) {}

  void add(const simdjson::dom::element& record) {
    const auto text = [&](const char* pointer) {
      std::string_view value;
      return record.at_pointer(pointer).get(value) == simdjson::SUCCESS ? value : std::string_view();
    };
    const auto time = parse_time(text("/eventTime"));
    if (!time) return;
    AuditMark mark{*time, std::string(text("/eventID"))};
    if (query_.before && !(mark < *query_.before)) return;
    if ((query_.from && *time < *query_.from) || (query_.to && *time >= *query_.to)) return;
    if (query_.account && text("/recipientAccountId") != *query_.account) return;
    if (query_.errors_only && text("/errorCode").empty() && text("/errorMessage").empty()) return;
    bool reads = false;
    if (query_.changes_only && record["readOnly"].get(reads) == simdjson::SUCCESS && reads) return;
    if (!lower(text("/eventName")).contains(operation_)) return;
    if (!lower(text("/userIdentity/arn")).contains(caller_) &&
        !lower(text("/userIdentity/accessKeyId")).contains(caller_))
      return;
    found_.emplace(std::move(mark), simdjson::minify(record));
  }
  // Whether enough is known that no file can change whose newest record is older than `time`.
  bool enough(TimeMs time) const {
    std::size_t settled = 0;
    for (auto one = found_.rbegin(); one != found_.rend() && one->first.time >= time; ++one)
      if (++settled > query_.records_max) return true;
    return false;
  }
  // Of those not older than `time`: what is older was not looked through to its end.
  AuditPage page(std::optional<TimeMs> time) {
    AuditPage out;
    for (auto one = found_.rbegin(); one != found_.rend(); ++one) {
      if (time && one->first.time < *time) break;
      if (out.records.size() == query_.records_max) {
        out.next = last_;
        return out;
      }
      last_ = one->first;
      out.records.push_back(std::move(one->second));
    }
    if (time) out.next = AuditMark{*time, {}};
    return out;
  }

 private:
  const AuditQuery& query_;
  const std::string caller_, operation_;
  std::map<AuditMark, std::string> found_;  // what a file and the spool have both is there once
  AuditMark last_;
};

}  // namespace

Result<AuditPage> AuditLog::find(const AuditQuery& query) {
  AuditSearch search(query);
  simdjson::dom::parser parser;
  std::size_t searched = 0;
  {
    // Before the files are listed: what is packed meanwhile is found there.
    const std::scoped_lock lock(mutex_);
    std::ifstream spool(settings_.folder / "audit.jsonl", std::ios::binary);
    for (std::string line; std::getline(spool, line); searched += line.size()) {
      simdjson::dom::element record;
      if (parser.parse(line).get(record) == simdjson::SUCCESS) search.add(record);
    }
  }
  const auto days = day_folders(settings_.folder / "AWSLogs", query.account);
  TimeMs latest = query.to.value_or(std::numeric_limits<TimeMs>::max() - settings_.rotate_after);
  if (query.before) latest = std::min(latest, query.before->time);
  for (auto day = days.rbegin(); day != days.rend(); ++day) {
    std::vector<AuditFile> files;
    for (const fs::path& folder : day->second)
      for (const std::string& name : names_in(folder))
        if (const auto minute = minute_of(name)) files.push_back({*minute, folder / name});
    std::ranges::sort(files, [](const AuditFile& a, const AuditFile& b) {
      return std::tie(a.minute, a.path) > std::tie(b.minute, b.path);
    });
    for (const AuditFile& file : files) {
      const TimeMs end = file.minute + minute_ms;  // this file's records and the later files' are older
      if (file.minute > latest + settings_.rotate_after) continue;  // newer altogether
      if (query.from && end <= *query.from) return search.page(std::nullopt);
      if (search.enough(end)) return search.page(end);
      if (searched >= searched_bytes_max) return search.page(end);
      const auto packed = read_text_file(file.path.string());
      if (!packed) continue;  // its retention ended meanwhile
      const auto text = inflated(*packed, 8 * searched_bytes_max);
      simdjson::dom::array records;
      if (!text || parser.parse(*text)["Records"].get(records) != simdjson::SUCCESS)
        return fail(ErrorKind::invalid, "is not what picket writes there", file.path.string());
      for (const simdjson::dom::element record : records) search.add(record);
      searched += text->size();
    }
  }
  return search.page(std::nullopt);
}

}  // namespace picket::api
