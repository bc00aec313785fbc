#include "ledger/object_ledger.h"

#include <algorithm>

namespace picket {

void KindTotals::add(const ObjectLedger& object) {
  ++objects;
  if (object.state == ObjectState::failed) ++objects_failed;
  if (object.processed > 0) {
    first = processed == 0 ? object.first : std::min(first, object.first);
    last = processed == 0 ? object.last : std::max(last, object.last);
  }
  bytes_in += object.bytes_in;
  bytes_decoded += object.bytes_decoded;
  records_read += object.records_read;
  processed += object.processed;
  filtered += object.filtered;
  duplicate += object.duplicate;
  quarantined += object.quarantined;
  late += object.late;
  no_data += object.no_data;
  skip_data += object.skip_data;
  for (const auto& [reason, count] : object.filter_reasons) filter_reasons[reason] += count;
  for (const auto& [reason, count] : object.quarantine_reasons) quarantine_reasons[reason] += count;
}

void KindTotals::take_back(const ObjectLedger& object) {
  --objects;
  if (object.state == ObjectState::failed) --objects_failed;
  records_read -= object.quarantined;
  quarantined -= object.quarantined;
  for (const auto& [reason, count] : object.quarantine_reasons) {
    const auto at = quarantine_reasons.find(reason);
    if (at != quarantine_reasons.end() && (at->second -= count) == 0) quarantine_reasons.erase(at);
  }
}

void LedgerTotals::add(const ObjectLedger& object) {
  if (object.state == ObjectState::skipped) {
    ++skipped;
    ++skip_reasons[object.reason];
    return;
  }
  if (object.state == ObjectState::failed && failures.size() < failures_max)
    failures[object.key] = object.reason;
  if (object.kind) {
    kinds[static_cast<std::size_t>(*object.kind)].add(object);
  } else if (object.state == ObjectState::failed) {
    ++failed_unknown;
  }
}

void LedgerTotals::take_back(const ObjectLedger& object) {
  if (object.state == ObjectState::failed) failures.erase(object.key);
  if (object.kind) {
    kinds[static_cast<std::size_t>(*object.kind)].take_back(object);
  } else if (object.state == ObjectState::failed) {
    --failed_unknown;
  }
}

std::uint64_t LedgerTotals::failed() const {
  std::uint64_t sum = failed_unknown;
  for (const KindTotals& kind : kinds) sum += kind.objects_failed;
  return sum;
}

std::uint64_t LedgerTotals::quarantined() const {
  std::uint64_t sum = 0;
  for (const KindTotals& kind : kinds) sum += kind.quarantined;
  return sum;
}

std::uint64_t LedgerTotals::late() const {
  std::uint64_t sum = 0;
  for (const KindTotals& kind : kinds) sum += kind.late;
  return sum;
}

void TimeSampler::sample(TimeMs time) {
  samples_.push_back(time);
  if (samples_.size() < samples_max) return;
  // Keep every other sample and take half as many from here on.
  for (std::size_t i = 0; i < samples_max / 2; ++i) samples_[i] = samples_[2 * i];
  samples_.resize(samples_max / 2);
  stride_ *= 2;
}

TimeMs TimeSampler::advance() const {
  std::vector<TimeMs> sorted = samples_;
  std::sort(sorted.begin(), sorted.end());
  const TimeMs cap = sorted[sorted.size() / 2] + past_median_max;
  if (last_ <= cap) return last_;
  return *std::prev(std::upper_bound(sorted.begin(), sorted.end(), cap));
}

}  // namespace picket
