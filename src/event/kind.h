// The kinds of log picket reads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace picket {

enum class LogKind : std::uint8_t { cloudtrail, vpcflow, dns, k8saudit };

constexpr std::array<LogKind, 4> log_kinds{LogKind::cloudtrail, LogKind::vpcflow, LogKind::dns,
                                           LogKind::k8saudit};

// As written in --stats and the ledger.
constexpr std::string_view name_of(LogKind kind) {
  switch (kind) {
    case LogKind::cloudtrail:
      return "cloudtrail";
    case LogKind::vpcflow:
      return "vpcflow";
    case LogKind::dns:
      return "dns";
    case LogKind::k8saudit:
      return "k8saudit";
  }
  return "";
}

}  // namespace picket
