#include "ledger/usage.h"

#include <algorithm>

namespace picket {

namespace {

UsageFeature feature_of(LogKind kind) {
  switch (kind) {
    case LogKind::cloudtrail:
      return UsageFeature::cloud_trail;
    case LogKind::vpcflow:
      return UsageFeature::flow_logs;
    case LogKind::dns:
      return UsageFeature::dns_logs;
    case LogKind::k8saudit:
      return UsageFeature::eks_audit_logs;
  }
  return UsageFeature::cloud_trail;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void UsageVolume::add(const UsageVolume& more) {
  if (more.records == 0) return;
  first = records == 0 ? more.first : std::min(first, more.first);
  last = records == 0 ? more.last : std::max(last, more.last);
  records += more.records;
  bytes += more.bytes;
}

void Usage::add(const ObjectLedger& object, const std::string& account, const std::string& region,
                const std::string& resource) {
  const std::uint64_t total = object.processed + object.duplicate;
  if (!object.kind || total == 0) return;
  const auto put = [&](const std::pair<std::string, std::string>& place, UsageFeature feature,
                       std::uint64_t records) {
    if (records == 0) return;
    UsageKey key{place.first, place.second, feature, resource};
    if (rows_.size() >= rows_max && !rows_.contains(key)) key.resource = rest;
    const auto bytes = static_cast<std::uint64_t>(static_cast<double>(object.bytes_decoded) *
                                                  static_cast<double>(records) / static_cast<double>(total));
    rows_[key].add({records, bytes, object.first, object.last});
  };
  if (object.shares.empty()) return put({account, region}, feature_of(*object.kind), total);
  for (const auto& [place, share] : object.shares) {
    put(place, feature_of(*object.kind), share.records - share.s3_data_events);
    put(place, UsageFeature::s3_data_events, share.s3_data_events);
  }
}

std::string usage_resource(std::string_view key, std::string_view cluster, std::string_view flow_log) {
  if (!cluster.empty()) return std::string(cluster);
  if (!flow_log.empty()) return std::string(flow_log);
  std::string_view folder = key.substr(0, std::min(key.rfind('/'), key.size()));
  if (folder.size() == key.size()) return "";
  for (std::size_t slash = folder.rfind('/');
       slash != std::string_view::npos && all_digits(folder.substr(slash + 1)); slash = folder.rfind('/'))
    folder = folder.substr(0, slash);
  return std::string(folder);
}

}  // namespace picket
