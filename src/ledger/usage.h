// How much was read of whom and from what: by account, Region, feature and resource. GetUsageStatistics tells
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ledger/object_ledger.h"

namespace picket {

enum class UsageFeature : std::uint8_t { cloud_trail, s3_data_events, flow_logs, dns_logs, eks_audit_logs };

struct UsageKey {
  std::string account, region;
  UsageFeature feature = UsageFeature::cloud_trail;
  std::string resource;  // cluster, flow log, or the folder that the log is delivered to
  auto operator<=>(const UsageKey&) const = default;
  template <class Ar>
  void io(Ar& ar) {
    ar(account, region, feature, resource);
  }
};

struct UsageVolume {
  std::uint64_t records = 0, bytes = 0;  // bytes after decompression
  TimeMs first = 0, last = 0;            // event times
  void add(const UsageVolume& more);
  template <class Ar>
  void io(Ar& ar) {
    ar(records, bytes, first, last);
  }
};

class Usage {
 public:
  // `account`, `region` and `cluster` are those of the object's source or key; `resource` names the log.
  // Bytes of an object with records of several accounts are shared by the number of records.
  void add(const ObjectLedger& object, const std::string& account, const std::string& region,
           const std::string& resource);
  const std::map<UsageKey, UsageVolume>& rows() const { return rows_; }

  static constexpr std::size_t rows_max = 20'000;
  static constexpr std::string_view rest = "(other)";  // resource of what comes beyond rows_max

  template <class Ar>
  void io(Ar& ar) {
    ar(rows_);
  }

 private:
  std::map<UsageKey, UsageVolume> rows_;
};

// The cluster, the flow log, or the folder of a key without its date: "AWSLogs/1…/CloudTrail/eu-west-1".
std::string usage_resource(std::string_view key, std::string_view cluster, std::string_view flow_log);

}  // namespace picket
