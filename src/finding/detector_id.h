// The GuardDuty detector id of an account's Region: a function of both alone, so that findings made
// before anyone calls the API already carry the id that the API later shows.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"

namespace picket {

inline std::string detector_id_of(std::string_view account, std::string_view region) {
  return hash128("detector\x1f" + std::string(account) + '\x1f' + std::string(region)).hex();
}

// The AWS partition a Region belongs to, as ARNs name it.
constexpr std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

}  // namespace picket
