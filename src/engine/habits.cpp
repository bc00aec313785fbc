#include "engine/habits.h"

#include <algorithm>
#include <ranges>

#include "base/fixed_log2.h"
#include "base/oldest.h"

namespace picket {

namespace {

// An identity's days are remembered for about two months, a circle's for as many days of its identities.
constexpr std::uint32_t identity_days_max = 60, circle_days_max = 20'000;
// How many days of experience a circle's figures count for against those of the one within, and the shipped
// weight against the widest's (add-half smoothing, with the tenant as the prior).
constexpr std::uint64_t circle_worth = 5, weight_worth = 20;
// Somebody who tries something new of a kind each day does one of about so many things. (Administrators of
// tools/attack_chains.py: with 8 none of their 1,848 account-days is taken for an attack.)
constexpr std::uint64_t novelties = 8;
// Before anything is known, one day in ten brings something new of a kind.
constexpr std::uint64_t novel_day = 10;
// Until then everything about an identity is new.
constexpr std::uint32_t novelty_days_min = 3;
// A month without any novelty is worth no more than this.
constexpr std::int32_t novelty_bits_max = 5;
// GuardDuty's learning takes 7 to 14 days.
constexpr std::int32_t settled_days = 14;
constexpr std::size_t things_max = 2048;      // of one identity or account; the APIs of the table are 1,360
constexpr std::size_t known_max = 1'000'000;  // about 300 MB of typical ones
constexpr std::uint64_t one = 1ULL << 32U;    // a probability of 1

}  // namespace

std::uint32_t Habits::Known::count(Thing thing) const {
  const auto at = std::ranges::lower_bound(things, thing, {}, &std::pair<Thing, std::uint32_t>::first);
  return at != things.end() && at->first == thing ? at->second : 0;
}

void Habits::Known::add(Thing thing) {
  const auto at = std::ranges::lower_bound(things, thing, {}, &std::pair<Thing, std::uint32_t>::first);
  if (at != things.end() && at->first == thing) {
    ++at->second;
    return;
  }
  if (things.size() >= things_max) {
    // The rarest goes, of equal ones the smallest.
    const auto rarer = [](const auto& a, const auto& b) {
      return std::pair(a.second, a.first) < std::pair(b.second, b.first);
    };
    things.erase(std::ranges::min_element(things, rarer));
    return add(thing);
  }
  things.insert(at, {thing, 1});
}

void Habits::fold(std::uint64_t who, const Today& today, std::uint32_t days_max) {
  Known& known = known_[who];
  if (known.days == 0) known.first_day = day_;
  known.last_day = day_;
  ++known.days;
  for (const Thing thing : today.things) known.add(thing);
  if (known.days <= days_max) return;
  known.days /= 2;
  for (auto& [thing, days] : known.things) days /= 2;
  std::erase_if(known.things, [](const auto& item) { return item.second == 0; });
}

void Habits::begin_day(std::int32_t day) {
  if (day <= day_) return;
  // In one order: which day of many halves a circle's figures must not depend on the table.
  for (const std::uint64_t identity : open_.keys()) {
    const Today& today = open_.find(identity)->second;
    if (today.poisoned) continue;
    fold(identity, today, identity_days_max);
    for (const std::uint64_t circle : today.wider) {
      if (circle != 0) fold(circle, today, circle_days_max);
    }
  }
  open_.clear();
  day_ = day;
}

std::int32_t Habits::bits(const Circles& who, Thing thing, unsigned weight, Thing novelty) const {
  // On every second of an intruder's days; of everybody's as much more rarely as its weight says.
  std::uint64_t usual = one >> (weight + 1), novel = one / novel_day, worth = weight_worth;
  const auto narrow = [&](const Known* known) {
    const std::uint64_t days = known == nullptr ? 0 : known->days;
    const auto with = [&](std::uint64_t wider, Thing of) {
      const std::uint64_t did = known == nullptr ? 0 : known->count(of);
      return (did * one + worth * wider) / (days + worth);
    };
    usual = with(usual, thing);
    novel = with(novel, novelty);
    worth = circle_worth;
  };
  for (const std::uint64_t circle : who.wider | std::views::reverse) {
    if (circle != 0) narrow(find(circle));
  }
  const Known* self = find(who.identity);
  narrow(self);
  if (self != nullptr && self->days >= novelty_days_min) usual = std::max(usual, novel / novelties);
  const std::int32_t bits = log2_256(one / 2) - log2_256(std::max<std::uint64_t>(1, usual));
  return std::clamp(bits, 0, (static_cast<std::int32_t>(weight) + novelty_bits_max) * 256);
}

std::uint32_t Habits::days(std::uint64_t who) const {
  const Known* known = find(who);
  return known == nullptr ? 0 : known->days;
}

std::uint32_t Habits::days(std::uint64_t who, Thing thing) const {
  const Known* known = find(who);
  return known == nullptr ? 0 : known->count(thing);
}

bool Habits::today(std::uint64_t identity, Thing thing) const {
  const auto at = open_.find(identity);
  return at != open_.end() && std::ranges::binary_search(at->second.things, thing);
}

bool Habits::settled(std::uint64_t circle) const {
  const Known* known = find(circle);
  return known != nullptr && day_ - known->first_day >= settled_days;
}

void Habits::note(const Circles& who, Thing thing, Thing novelty) {
  Today& today = open_[who.identity];
  today.wider = who.wider;
  const auto add = [&](Thing one_more) {
    const auto at = std::ranges::lower_bound(today.things, one_more);
    if (at == today.things.end() || *at != one_more) today.things.insert(at, one_more);
  };
  if (const Known* known = find(who.identity);
      known != nullptr && known->days > 0 && known->count(thing) == 0)
    add(novelty);
  add(thing);
}

void Habits::forget_today(std::uint64_t identity) {
  if (const auto at = open_.find(identity); at != open_.end()) at->second.poisoned = true;
}

std::uint64_t Habits::evict() {
  return erase_oldest(known_, known_max, [](const Known& known) { return known.last_day; });
}

}  // namespace picket
