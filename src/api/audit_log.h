// Every call as a CloudTrail record, in files laid out as CloudTrail delivers them:
//   FOLDER/AWSLogs/ACCOUNT/CloudTrail/REGION/yyyy/mm/dd/ACCOUNT_CloudTrail_REGION_yyyymmddTHHmmZ_ID.json.gz
// A record is in FOLDER/audit.jsonl when append() returns, so a crash of the process loses none, and goes
// into its file when that spool is old or large enough. Thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

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

class AuditLog {
 public:
  // What an earlier process left in the spool goes into its files.
  static Result<std::unique_ptr<AuditLog>> open(AuditSettings settings, TimeMs now);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  Result<void> append(const AuditedCall& call);
  // Puts the spool into files, if it is due or `force` says so, and removes files past their retention.
  Result<void> rotate(TimeMs now, bool force = false);

 private:
  explicit AuditLog(AuditSettings settings) : settings_(std::move(settings)) {}
  Result<void> open_spool(TimeMs now);
  Result<void> rotate_locked(TimeMs now);

  const AuditSettings settings_;
  std::mutex mutex_;
  int spool_ = -1;
  std::uint64_t spooled_ = 0;  // bytes
  TimeMs spooled_since_ = 0;
};

}  // namespace picket::api
