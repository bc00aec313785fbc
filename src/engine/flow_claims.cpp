#include "engine/flow_claims.h"

#include <algorithm>
#include <tuple>

namespace picket {

std::string_view flow_log_id(std::string_view key) {
  const std::size_t at = key.rfind("fl-");
  if (at == std::string_view::npos) return {};
  const std::size_t end = std::min(key.find_first_not_of("0123456789abcdef", at + 3), key.size());
  return end - at > 8 ? key.substr(at, end - at) : std::string_view{};
}

void MinuteCollector::on_flows(std::span<const FlowRecord> records) {
  for (const FlowRecord& flow : records) minutes.insert(MinuteKey::of(flow));
}

void FlowClaims::note(std::string_view account, std::string_view region, std::string_view flow_log) {
  if (flow_log.empty()) return;
  flow_logs_[std::string(account) + "/" + std::string(region)].emplace(flow_log);
}

bool FlowClaims::overlaps(std::string_view account, std::string_view region) const {
  const auto at = flow_logs_.find(std::string(account) + "/" + std::string(region));
  return at != flow_logs_.end() && at->second.size() > 1;
}

std::uint32_t FlowClaims::number_of(std::string_view flow_log) {
  const auto at =
      static_cast<std::size_t>(std::find(names_.begin(), names_.end(), flow_log) - names_.begin());
  if (at == names_.size()) names_.emplace_back(flow_log);
  return static_cast<std::uint32_t>(at);
}

void FlowClaims::claim(std::string_view flow_log, const MinuteCollector& collected) {
  const std::uint32_t number = number_of(flow_log);
  for (const MinuteKey& minute : collected.minutes) {
    const auto [at, fresh] = claims_.try_emplace(minute, Claim{number, false});
    if (!fresh && !at->second.standing && names_[number] < names_[at->second.flow_log])
      at->second.flow_log = number;
  }
}

void FlowClaims::settle() {
  for (auto& [minute, claim] : claims_) claim.standing = true;
}

bool FlowClaims::owns(std::string_view flow_log, const MinuteKey& minute) const {
  const auto at = claims_.find(minute);
  return at == claims_.end() || names_[at->second.flow_log] == flow_log;
}

void FlowClaims::forget(TimeMs time) {
  if (claims_.empty()) return;
  boost::unordered::erase_if(claims_,
                             [&](const auto& claim) { return (claim.first.minute + 1) * minute_ms <= time; });
}

void FlowClaims::save(Writer& out) const {
  std::vector<std::pair<MinuteKey, std::uint32_t>> sorted;
  for (const auto& [minute, claim] : claims_) sorted.emplace_back(minute, claim.flow_log);
  std::sort(sorted.begin(), sorted.end());
  out(flow_logs_, names_, static_cast<std::uint32_t>(sorted.size()));
  for (const auto& [minute, number] : sorted) out(minute.interface, minute.minute, number);
}

void FlowClaims::load(Reader& in) {
  std::uint32_t count = 0;
  in(flow_logs_, names_, count);
  claims_.clear();
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    MinuteKey minute;
    std::uint32_t number = 0;
    in(minute.interface, minute.minute, number);
    if (number >= names_.size()) return in.fail();
    claims_[minute] = {number, true};
  }
}

}  // namespace picket
