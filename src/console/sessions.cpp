#include "console/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aws/private_file.h"
#include "aws/sigv4.h"

namespace picket::console {

namespace {

constexpr std::size_t token_bytes = 32;

// What an attempt is counted under, and how many of it go free. A name alone has many, so that strangers
// cannot lock its owner out from where the owner sits.
struct Counted {
  std::string key;
  unsigned free;
};
std::array<Counted, 3> counted(std::string_view name, std::string_view address) {
  return {Counted{fmt::format("{}\x1f{}", name, address), 5}, Counted{fmt::format("\x1f{}", address), 20},
          Counted{std::string(name), 50}};
}

constexpr TimeMs wait_first = 2 * second_ms, wait_longest = 5 * minute_ms;

}  // namespace

Result<std::string> new_token() {
  const auto bytes = aws::random_bytes(token_bytes);
  if (!bytes) return bytes;
  std::string out;
  for (const char byte : *bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

Result<std::string> Sessions::begin(const User& user, const OidcPerson* guest, TimeMs now) {
  auto cookie = new_token();
  if (!cookie) return cookie;
  auto csrf = new_token();
  if (!csrf) return csrf;
  const std::scoped_lock lock(mutex_);
  std::erase_if(sessions_, [&](const auto& entry) {
    return now - entry.second.began >= longest || now - entry.second.used >= idle_max;
  });
  if (sessions_.size() >= sessions_max)
    sessions_.erase(
        std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second.used; }));
  sessions_[aws::sha256_hex(*cookie)] = {.user = user.name,
                                         .guest = guest != nullptr ? std::optional(user) : std::nullopt,
                                         .csrf = std::move(*csrf),
                                         .password_at = user.password_at,
                                         .began = now,
                                         .used = now,
                                         .person = guest != nullptr ? *guest : OidcPerson{},
                                         .asked = now};
  return cookie;
}

std::optional<OidcPerson> Sessions::due(std::string_view cookie, TimeMs now) {
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(aws::sha256_hex(cookie));
  if (found == sessions_.end() || found->second.person.refresh_token.empty() ||
      now - found->second.asked < asked_every)
    return std::nullopt;
  found->second.asked = now;
  return found->second.person;
}

void Sessions::renew(std::string_view cookie, const User& guest, OidcPerson person) {
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(aws::sha256_hex(cookie));
  if (found == sessions_.end()) return;
  found->second.user = guest.name;
  found->second.guest = guest;
  found->second.person = std::move(person);
}

std::optional<Session> Sessions::find(std::string_view cookie, TimeMs now) {
  if (cookie.size() != 2 * token_bytes) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(aws::sha256_hex(cookie));
  if (found == sessions_.end()) return std::nullopt;
  if (now - found->second.began >= longest || now - found->second.used >= idle_max) {
    sessions_.erase(found);
    return std::nullopt;
  }
  found->second.used = now;
  return found->second;
}

void Sessions::end(std::string_view cookie) {
  const std::scoped_lock lock(mutex_);
  sessions_.erase(aws::sha256_hex(cookie));
}

TimeMs Attempts::wait(std::string_view name, std::string_view address, TimeMs now) {
  const std::scoped_lock lock(mutex_);
  TimeMs longest = 0;
  for (const Counted& one : counted(name, address)) {
    const auto found = failures_.find(one.key);
    if (found == failures_.end() || found->second.count < one.free) continue;
    const unsigned doublings = std::min(found->second.count - one.free, 16U);
    const TimeMs until = found->second.last + std::min(wait_first << doublings, wait_longest);
    longest = std::max(longest, until - now);
  }
  return longest;
}

void Attempts::failed(std::string_view name, std::string_view address, TimeMs now) {
  const std::scoped_lock lock(mutex_);
  if (failures_.size() >= entries_max)
    std::erase_if(failures_, [&](const auto& entry) { return now - entry.second.last > forgotten_after; });
  for (Counted& one : counted(name, address)) {
    while (failures_.size() >= entries_max && !failures_.contains(one.key))
      failures_.erase(
          std::ranges::min_element(failures_, {}, [](const auto& entry) { return entry.second.last; }));
    Failures& failures = failures_[std::move(one.key)];
    if (now - failures.last > forgotten_after) failures.count = 0;
    ++failures.count;
    failures.last = now;
  }
}

void Attempts::succeeded(std::string_view name, std::string_view address) {
  const std::scoped_lock lock(mutex_);
  failures_.erase(counted(name, address).front().key);
}

}  // namespace picket::console
