#include "state/norms.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "base/fixed_log2.h"

namespace picket {

namespace {

// A month, and what is "daily to weekly" and "a few times" in it.
constexpr unsigned month_days = 30;
constexpr int frequent_days_min = 4, infrequent_days_min = 2;
// However much it was seen before: a value seen is never as rare as one that was not.
constexpr std::int32_t rare_bits_max = 4 * 256;

bool before(const Norm::Value& value, Norm::Key key) { return std::pair(value.factor, value.print) < key; }

}  // namespace

std::string_view name_of(Factor factor) {
  static constexpr std::array<std::string_view, factor_count> names{
      "api",        "service", "network",  "country", "client", "region",
      "credential", "error",   "resource", "user",    "account"};
  return names[static_cast<std::size_t>(factor)];
}

std::string_view name_of(Frequency frequency) {
  static constexpr std::array<std::string_view, 4> names{"UNSEEN", "RARE", "INFREQUENT", "FREQUENT"};
  return names[static_cast<std::size_t>(frequency)];
}

std::uint32_t DayBits::count(const Besides& besides) const {
  // Bits of the days that do not count.
  const Day low = std::max(0, last - besides.to + 1), high = std::min(span - 1, last - besides.from);
  std::uint64_t without = 0;
  if (low <= high) {
    without = ~0ULL << static_cast<unsigned>(low);
    if (high < span - 1) without &= (2ULL << static_cast<unsigned>(high)) - 1;
  }
  return static_cast<std::uint32_t>(std::popcount(bits & ~without));
}

Frequency DayBits::frequency(Day day) const {
  const std::uint64_t earlier = ago(day) & ~1ULL;
  const int month = std::popcount(earlier & ((2ULL << month_days) - 1));
  if (month >= frequent_days_min) return Frequency::frequent;
  if (month >= infrequent_days_min) return Frequency::infrequent;
  return earlier != 0 ? Frequency::rare : Frequency::unseen;
}

std::int32_t Variety::new_bits() const { return log2_256(total + 2ULL) - log2_256(single + 1ULL); }

std::int32_t Variety::rare_bits(std::uint32_t count) const {
  if (count == 0 || distinct == 0) return 0;
  const std::int32_t bits = log2_256(std::max(total, 1U)) - log2_256(std::uint64_t{distinct} * count);
  return std::clamp(bits, 0, rare_bits_max);
}

std::vector<Norm::Value>::iterator Norm::place(Factor factor, std::uint32_t print) {
  return std::lower_bound(values_.begin(), values_.end(), Key{factor, print}, before);
}

const Norm::Value* Norm::find(Factor factor, std::uint32_t print) const {
  const auto at = std::lower_bound(values_.begin(), values_.end(), Key{factor, print}, before);
  return at != values_.end() && at->factor == factor && at->print == print ? &*at : nullptr;
}

bool Norm::note(Factor factor, std::uint32_t print, Day day, std::vector<Key>& gone) {
  auto at = place(factor, print);
  const bool known = at != values_.end() && at->factor == factor && at->print == print;
  if (!known) {
    if (values_.size() >= values_max) {
      // The one seen on fewest days goes, of equal ones the oldest, then by fingerprint.
      const auto rarer = [&](const Value& a, const Value& b) {
        return std::tuple(std::popcount(a.bits), a.last, a.factor, a.print) <
               std::tuple(std::popcount(b.bits), b.last, b.factor, b.print);
      };
      const auto rarest = std::min_element(values_.begin(), values_.end(), rarer);
      gone.emplace_back(rarest->factor, rarest->print);
      values_.erase(rarest);
      at = place(factor, print);
    }
    // In small steps: there are very many of these, and few grow for long.
    constexpr std::size_t step = 6;
    if (values_.size() == values_.capacity()) {
      const auto index = at - values_.begin();
      values_.reserve(values_.size() + step);
      at = values_.begin() + index;
    }
    at = values_.insert(at, Value{.bits = 0, .print = print, .last = 0, .factor = factor});
  }
  DayBits days = at->days();
  days.set(day);
  at->bits = days.bits;
  at->last = days.last;
  return !known;
}

bool Norm::forget(Factor factor, std::uint32_t print, Day day) {
  const auto at = place(factor, print);
  if (at == values_.end() || at->factor != factor || at->print != print) return false;
  DayBits days = at->days();
  days.clear(day);
  at->bits = days.bits;
  if (days.bits != 0) return false;
  values_.erase(at);
  return true;
}

void Norm::expire(Day today, std::vector<Key>& gone) {
  std::erase_if(values_, [&](const Value& value) {
    if (value.days().ago(today) != 0) return false;
    gone.emplace_back(value.factor, value.print);
    return true;
  });
}

Variety Norm::variety(Factor factor, const Besides& besides) const {
  Variety variety;
  for (auto at = std::lower_bound(values_.begin(), values_.end(), Key{factor, 0}, before);
       at != values_.end() && at->factor == factor; ++at) {
    if (const std::uint32_t count = at->days().count(besides); count > 0) variety.add(count);
  }
  return variety;
}

bool Norm::valid() const {
  const auto ordered = [](const Value& a, const Value& b) {
    return std::pair(a.factor, a.print) < std::pair(b.factor, b.print);
  };
  return values_.size() <= values_max &&
         std::ranges::adjacent_find(values_, std::not_fn(ordered)) == values_.end() &&
         std::ranges::all_of(values_, [](const Value& value) {
           return static_cast<std::size_t>(value.factor) < factor_count && value.print != 0;
         });
}

void Norm::merge(const Norm& other) {
  if (days.bits == 0) {
    *this = other;
    return;
  }
  first_day = std::min(first_day, other.first_day);
  alarms = std::max(alarms, other.alarms);
  last_alarm = std::max(last_alarm, other.last_alarm);
  days.merge(other.days);
  std::vector<Value> merged;
  merged.reserve(values_.size() + other.values_.size());
  const auto key = [](const Value& value) { return std::pair(value.factor, value.print); };
  auto a = values_.begin();
  for (const Value& value : other.values_) {
    while (a != values_.end() && key(*a) < key(value)) merged.push_back(*a++);
    merged.push_back(value);
    if (a == values_.end() || key(*a) != key(value)) continue;
    DayBits both = value.days();
    both.merge(a->days());
    merged.back().bits = both.bits;
    merged.back().last = both.last;
    ++a;
  }
  merged.insert(merged.end(), a, values_.end());
  if (merged.size() > values_max) {
    std::ranges::sort(merged, [](const Value& x, const Value& y) {
      return std::tuple(std::popcount(x.bits), x.last, x.factor, x.print) >
             std::tuple(std::popcount(y.bits), y.last, y.factor, y.print);
    });
    merged.resize(values_max);
    std::ranges::sort(merged, [&](const Value& x, const Value& y) { return key(x) < key(y); });
  }
  values_ = std::move(merged);
}

void GroupNorm::count(Factor factor, std::uint32_t from, std::uint32_t to) {
  Variety& variety = variety_[static_cast<std::size_t>(factor)];
  variety.total += to - from;
  variety.distinct += (to > 0 ? 1U : 0U) - (from > 0 ? 1U : 0U);
  variety.single += (to == 1 ? 1U : 0U) - (from == 1 ? 1U : 0U);
}

void GroupNorm::note(Factor factor, std::uint32_t print, Day day, bool joined) {
  if (first_day == 0) first_day = static_cast<std::uint16_t>(day);
  const auto [at, fresh] = values_.try_emplace(key_of(factor, print));
  at->second.days.set(day);
  // One that was evicted here and is still somebody's.
  if (!joined && !fresh) return;
  count(factor, at->second.people, at->second.people + 1);
  ++at->second.people;
}

void GroupNorm::join(Factor factor, std::uint32_t print, const DayBits& days) {
  Value& value = values_[key_of(factor, print)];
  value.days.merge(days);
  count(factor, value.people, value.people + 1);
  ++value.people;
}

bool GroupNorm::leave(Factor factor, std::uint32_t print) {
  const auto at = values_.find(key_of(factor, print));
  if (at == values_.end()) return false;
  count(factor, at->second.people, at->second.people - 1);
  if (--at->second.people > 0) return false;
  values_.erase(at);
  return true;
}

std::uint64_t GroupNorm::evict(std::size_t values_max, std::vector<Norm::Key>* gone) {
  if (values_.size() <= values_max) return 0;
  std::vector<std::pair<std::uint16_t, std::uint64_t>> by_age;
  by_age.reserve(values_.size());
  for (const auto& [key, value] : values_) by_age.emplace_back(value.days.last, key);
  std::sort(by_age.begin(), by_age.end());
  // Some room, so that this does not come every day.
  by_age.resize(values_.size() - values_max + values_max / 8);
  for (const auto& [age, key] : by_age) {
    const auto at = values_.find(key);
    count(factor_of(key), at->second.people, 0);
    if (gone != nullptr) gone->emplace_back(factor_of(key), static_cast<std::uint32_t>(key));
    values_.erase(at);
  }
  return by_age.size();
}

void GroupNorm::save(Writer& out) const {
  std::vector<std::uint64_t> keys;
  keys.reserve(values_.size());
  for (const auto& [key, value] : values_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  out(first_day, static_cast<std::uint32_t>(keys.size()));
  for (const std::uint64_t key : keys) out(key, values_.find(key)->second);
}

void GroupNorm::load(Reader& in) {
  std::uint32_t size = 0;
  in(first_day, size);
  for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
    std::uint64_t key = 0;
    Value value;
    in(key, value);
    if (static_cast<std::size_t>(key >> 32U) >= factor_count || value.people == 0) return in.fail();
    count(factor_of(key), 0, value.people);
    values_.emplace(key, value);
  }
}

}  // namespace picket
