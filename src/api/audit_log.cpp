#include "api/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <tuple>

#include "api/neighbours.h"
#include "base/gzip.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/whole_file.h"

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

// Records of the spool by account, Region and day. A last line without its end was being written when the
// process ended: its call had not been answered.
std::map<std::tuple<std::string, std::string, std::string>, std::vector<std::string>> sorted_records(
    std::istream& spool) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<std::string>> out;
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
    out[{std::string(account), std::string(region), day_folder(time)}].push_back(line);
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
  if (spooled_ == 0) spooled_since_ = call.time;
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
    const std::string body = fmt::format(R"({{"Records":[{}]}})", fmt::join(records, ","));
    // Named by its content: what a crash makes us write twice replaces itself.
    const std::string id = hash128(body).hex().substr(0, 16);
    simdjson::dom::parser parser;
    const std::string_view time = parser.parse(records.back())["eventTime"];
    const fs::path folder = settings_.folder / "AWSLogs" / account / "CloudTrail" / region / day;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder);
    const std::string name =
        fmt::format("{}_CloudTrail_{}_{}_{}.json.gz", account, region, minute_text(time), id);
    if (auto done = write_whole_file(folder / name, gzip(body)); !done) return done;
  }
  in.close();
  if (::ftruncate(spool_, 0) != 0) return io_error("cannot empty", spool);
  spooled_ = 0;
  remove_old(settings_.folder / "AWSLogs", now - settings_.retention);
  return {};
}

}  // namespace picket::api
