// Every call as a CloudTrail record, in files laid out as CloudTrail delivers them:
//   FOLDER/AWSLogs/ACCOUNT/CloudTrail/REGION/yyyy/mm/dd/ACCOUNT_CloudTrail_REGION_yyyymmddTHHmmZ_ID.json.gz
// A record is in FOLDER/audit.jsonl when append() returns, so a crash of the process loses none, and goes
// into its file when that spool is old or large enough. Thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/result.h"
#include "base/time.h"

namespace picket::api {

struct AuditedCall {
  TimeMs time = 0;
  const aws::Credential* caller = nullptr;
  std::string_view region;
  std::string_view event_source;  // "guardduty.amazonaws.com"
  std::string_view event_name;
  std::string_view request_id;
  std::string_view source_address, user_agent;
  std::string_view request_parameters, response_elements;  // JSON; empty: null
  std::string_view error_code, error_message;  // both empty: it succeeded; a failed sign-in has no code
  bool read_only = true;
  std::string_view event_type = "AwsApiCall";
};

// The record as CloudTrail writes it.
std::string audit_record(const AuditedCall& call);

struct AuditSettings {
  std::filesystem::path folder;
  TimeMs rotate_after = 5 * minute_ms;  // CloudTrail delivers about every five minutes
  std::uint64_t rotate_bytes = 8U << 20;
  TimeMs retention = 90 * day_ms;  // of the files
};

// Where a search goes on: at what is older than this record, by time and then by id.
struct AuditMark {
  TimeMs time = 0;
  std::string event_id;
  auto operator<=>(const AuditMark&) const = default;
};

struct AuditQuery {
  std::optional<std::string> account;  // the records' own; absent: every account
  std::optional<TimeMs> from, to;      // from <= time < to
  // Parts of the caller's ARN or key id, and of the operation's name; ASCII case does not count.
  std::string caller, operation;
  bool errors_only = false, changes_only = false;
  std::optional<AuditMark> before;
  std::size_t records_max = 50;
};

struct AuditPage {
  std::vector<std::string> records;  // newest first
  std::optional<AuditMark> next;     // absent: there are no older ones
};

class AuditLog {
 public:
  // A search looks through so much unpacked text and then tells how far it came.
  static constexpr std::size_t searched_bytes_max = 64U << 20;

  // What an earlier process left in the spool goes into its files.
  static Result<std::unique_ptr<AuditLog>> open(AuditSettings settings, TimeMs now);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  Result<void> append(const AuditedCall& call);
  // Puts the spool into files, if it is due or `force` says so, and removes files past their retention.
  Result<void> rotate(TimeMs now, bool force = false);
  Result<AuditPage> find(const AuditQuery& query);

 private:
  explicit AuditLog(AuditSettings settings) : settings_(std::move(settings)) {}
  Result<void> open_spool(TimeMs now);
  Result<void> rotate_locked(TimeMs now);

  const AuditSettings settings_;
  std::mutex mutex_;
  int spool_ = -1;
  std::uint64_t spooled_ = 0;  // bytes
  TimeMs spooled_since_ = 0;
  TimeMs spooled_from_ = 0, spooled_until_ = 0;  // the oldest and the newest record
};

}  // namespace picket::api
