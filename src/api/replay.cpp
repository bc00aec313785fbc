#include "api/replay.h"

namespace picket::api {

namespace {

constexpr TimeMs same_second_ms = 2 * second_ms;  // the client's second, and its clock's distance from ours

std::string entry_key(std::string_view access_key_id, std::string_view signature) {
  return std::string(access_key_id) + '/' + std::string(signature);
}

}  // namespace

void ReplayCache::expire(TimeMs now) {
  while (!by_age_.empty() && (by_age_.front().first + kept_ms_ < now || by_age_.size() > entries_max_)) {
    const auto found = entries_.find(by_age_.front().second);
    if (found != entries_.end() && found->second.at == by_age_.front().first) entries_.erase(found);
    by_age_.pop_front();
  }
}

std::optional<Response> ReplayCache::find(std::string_view access_key_id, std::string_view signature,
                                          TimeMs now) {
  const std::scoped_lock lock(mutex_);
  expire(now);
  const auto found = entries_.find(entry_key(access_key_id, signature));
  if (found == entries_.end()) return std::nullopt;
  const auto calls = calls_of_key_.find(access_key_id);
  const bool others_since = calls != calls_of_key_.end() && calls->second != found->second.order;
  if (others_since && now - found->second.at < same_second_ms) return std::nullopt;
  return found->second.response;
}

void ReplayCache::store(std::string_view access_key_id, std::string_view signature, const Response& response,
                        TimeMs now) {
  const std::scoped_lock lock(mutex_);
  auto calls = calls_of_key_.find(access_key_id);
  if (calls == calls_of_key_.end()) calls = calls_of_key_.emplace(access_key_id, 0).first;
  ++calls->second;
  std::string key = entry_key(access_key_id, signature);
  by_age_.emplace_back(now, key);
  entries_.insert_or_assign(std::move(key), Entry{response, now, calls->second});
  expire(now);
}

}  // namespace picket::api
