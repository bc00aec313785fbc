// AWS's own addresses, from the ip-ranges.json that AWS publishes and the user gives us. Without a file
// nothing is known: loaded() is false, and "outside AWS" must not be concluded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "enrich/range_map.h"

namespace picket {

struct AwsNetwork {
  std::string region;  // "us-east-1", or "GLOBAL"
  std::string border_group;
  std::vector<std::string> services;  // "AMAZON", "EC2", "S3", …, of this and all wider ranges, sorted

  bool has_service(std::string_view service) const;
};

class AwsRanges {
 public:
  AwsRanges() = default;
  static Result<AwsRanges> load(const std::string& path);
  static Result<AwsRanges> parse(std::string_view json);

  bool loaded() const { return !networks_.empty(); }
  std::optional<TimeMs> created() const { return created_; }  // the file's createDate
  std::size_t prefixes() const { return prefixes_; }
  std::size_t set_aside() const { return set_aside_; }  // entries of the file that could not be used

  // Nothing when the address is not AWS's, or when no file is loaded.
  const AwsNetwork* find(const IpAddress& ip) const {
    const std::uint32_t index = ranges_.find(ip);
    return index == RangeMap::none ? nullptr : &networks_[index];
  }

 private:
  RangeMap ranges_;
  std::vector<AwsNetwork> networks_;
  std::optional<TimeMs> created_;
  std::size_t prefixes_ = 0, set_aside_ = 0;
};

}  // namespace picket
