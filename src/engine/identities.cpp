#include "engine/identities.h"

#include <algorithm>

namespace picket {

void IdentityShard::add(const std::vector<RecordIdentity>& identities,
                        std::vector<std::uint64_t>& duplicates) {
  auto at = hours_.end();
  for (const RecordIdentity& record : identities) {
    if (at == hours_.end() || at->first != record.hour) at = hours_.try_emplace(record.hour).first;
    if (!at->second.insert(record.id).second) duplicates.push_back(record.position);
  }
}

void IdentityShard::forget(TimeMs time) {
  while (!hours_.empty() && (static_cast<TimeMs>(hours_.begin()->first) + 1) * hour_ms <= time) {
    hours_.erase(hours_.begin());
  }
}

std::uint64_t IdentityShard::evict(std::size_t ids_max) {
  std::uint64_t evicted = 0;
  for (std::size_t left = size(); left > ids_max && !hours_.empty();) {
    const std::size_t gone = hours_.begin()->second.size();
    hours_.erase(hours_.begin());
    evicted += gone;
    left -= gone;
  }
  return evicted;
}

std::size_t IdentityShard::size() const {
  std::size_t sum = 0;
  for (const auto& [hour, ids] : hours_) sum += ids.size();
  return sum;
}

void IdentityShard::save(Writer& out) const {
  out(static_cast<std::uint32_t>(hours_.size()));
  for (const auto& [hour, ids] : hours_) {
    std::vector<std::uint64_t> sorted(ids.begin(), ids.end());
    std::sort(sorted.begin(), sorted.end());
    out(hour, sorted);
  }
}

void IdentityShard::load(Reader& in) {
  std::uint32_t count = 0;
  in(count);
  hours_.clear();
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::int32_t hour = 0;
    std::vector<std::uint64_t> ids;
    in(hour, ids);
    hours_[hour].insert(ids.begin(), ids.end());
  }
}

}  // namespace picket
