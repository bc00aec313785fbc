#include "state/rarity.h"

#include <algorithm>
#include <tuple>

namespace picket {

namespace {

constexpr std::size_t principals_max = 1'000'000;    // about 1 GB of typical ones
constexpr std::size_t group_values_max = 1U << 15U;  // 1 MB an account
constexpr std::size_t organisation_values_max = 1U << 19U;
constexpr Day expire_every_days = 8, tail_half_life_days = 32;
constexpr std::size_t text_max = 128;

std::vector<std::uint64_t> sorted_keys(const boost::unordered_flat_map<std::uint64_t, Norm>& map) {
  std::vector<std::uint64_t> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

Besides Rarity::besides(Day today) const {
  if (period_days_ == 0) return Besides::later(today);
  const Day from = today / period_days_ * period_days_;
  return {from, from + period_days_};
}

FactorBits Rarity::bits_of(const Own& own, const Act& act, Factor factor, const Besides& besides) const {
  FactorBits bits;
  const std::uint32_t print = act.print(factor);
  if (print == 0) {
    bits.seen = bits.seen_in_account = true;
    return bits;
  }
  const auto value_in = [&](const Norm* norm) {
    return norm == nullptr ? nullptr : norm->find(factor, print);
  };
  const Norm::Value* mine = value_in(own.principal);
  // Others of the group who do it, and the group's variety without the principal.
  const auto others = [&](const GroupNorm* in) {
    std::pair<std::uint32_t, Variety> known;
    if (in == nullptr) return known;
    known.second = in->variety(factor);
    const GroupNorm::Value* value = in->find(factor, print);
    if (value == nullptr) return known;
    known.first = value->people;
    if (mine == nullptr) return known;
    --known.second.total;
    if (known.first == 1) {
      --known.second.distinct;
      --known.second.single;
    }
    --known.first;
    return known;
  };
  bits.seen_in_account = others(group(act.account)).first > 0;
  // What a person does in one account it may do in another.
  for (const Norm* norm : {own.principal, own.person}) {
    const Norm::Value* value = value_in(norm);
    const std::uint32_t days = value == nullptr ? 0 : value->days().count(besides);
    if (days == 0) continue;
    bits.seen = true;
    if (!own.young) bits.own = norm->variety(factor, besides).rare_bits(days);
    return bits;
  }
  // Of the two the one that knows more.
  if (!own.young) {
    for (const Norm* norm : {own.principal, own.person}) {
      if (norm != nullptr) bits.own = std::max(bits.own, norm->variety(factor, besides).new_bits());
    }
  }
  std::int32_t* const level_bits[] = {&bits.peers, &bits.account, &bits.organisation};
  const GroupNorm* const levels[] = {group(act.peers), group(act.account), &organisation_};
  for (std::size_t i = 0; i < std::size(levels); ++i) {
    const auto [people, variety] = others(levels[i]);
    if (people > 0) {
      *level_bits[i] = variety.rare_bits(people);
      break;
    }
    if (variety.total > 0) *level_bits[i] = variety.new_bits();
  }
  return bits;
}

bool Rarity::settled(const Act& act, Day today) const {
  const GroupNorm* account = group(act.account);
  if (account == nullptr) return false;
  const Day known = (period_days_ == 0 ? today : day_) - account->first_day;
  if (known < warm_up_days) return false;
  // Days on which anybody did anything.
  const std::uint32_t print = act.print(Factor::account);
  if (print == 0) return true;
  // Of a few records in weeks nothing is known; working days are five in seven.
  constexpr Day remembered = 63, active_share = 3;
  const GroupNorm::Value* active = account->find(Factor::account, print);
  return active != nullptr &&
         static_cast<Day>(active->days.count(besides(today))) * active_share >= std::min(known, remembered);
}

Rarity::Judgement Rarity::judge(const Act& act, Day today) const {
  Judgement judgement;
  Own own{find(act.principal), find(people_, act.person), false};
  const Besides without = besides(today);
  const auto days = [&](const Norm* norm) { return norm == nullptr ? 0 : norm->days.count(without); };
  own.young = judgement.young = std::max(days(own.principal), days(own.person)) < young_days;
  judgement.settled = settled(act, today);
  for (std::size_t i = 0; i < factor_count; ++i)
    judgement.bits[i] = bits_of(own, act, static_cast<Factor>(i), without);
  return judgement;
}

void Rarity::leave(const Norm& norm, Norm::Key key) {
  for (const std::uint64_t id : {norm.peers, norm.account}) {
    if (const auto at = groups_.find(id); at != groups_.end()) at->second.leave(key.first, key.second);
  }
  if (organisation_.leave(key.first, key.second)) texts_.erase(key);
}

std::uint64_t Rarity::forget_oldest(Norms& norms, std::size_t most, std::vector<Norm>* gone) {
  if (norms.size() <= most) return 0;
  std::vector<std::pair<std::uint16_t, std::uint64_t>> by_age;
  for (const auto& [id, norm] : norms) by_age.emplace_back(norm.days.last, id);
  std::sort(by_age.begin(), by_age.end());
  by_age.resize(norms.size() - most);
  for (const auto& [age, id] : by_age) {
    const auto at = norms.find(id);
    if (gone != nullptr) gone->push_back(std::move(at->second));
    norms.erase(at);
  }
  return by_age.size();
}

void Rarity::evict(GroupNorm& group) {
  std::vector<Norm::Key> gone;
  const bool organisation = &group == &organisation_;
  evicted_ +=
      group.evict(organisation ? organisation_values_max : group_values_max, organisation ? &gone : nullptr);
  for (const Norm::Key& key : gone) texts_.erase(key);
}

void Rarity::begin_day(Day day) {
  if (day <= day_ || period_days_ != 0) return;
  if (day / expire_every_days != day_ / expire_every_days) {
    std::vector<std::pair<std::uint64_t, Norm::Key>> gone;
    std::vector<Norm::Key> of_one;
    for (auto& [id, norm] : principals_) {
      of_one.clear();
      norm.expire(day, of_one);
      for (const Norm::Key& key : of_one) gone.emplace_back(id, key);
    }
    for (const auto& [id, key] : gone) leave(principals_.find(id)->second, key);
    for (auto& [id, norm] : people_) norm.expire(day, of_one);
    for (Norms* norms : {&principals_, &people_})
      boost::unordered::erase_if(*norms, [&](const auto& item) { return item.second.days.ago(day) == 0; });
    std::vector<Norm> forgotten;
    evicted_ += forget_oldest(principals_, principals_max, &forgotten);
    for (const Norm& norm : forgotten) {
      for (const Norm::Value& value : norm.values()) leave(norm, {value.factor, value.print});
    }
    evicted_ += forget_oldest(people_, principals_max, nullptr);
    std::erase_if(groups_, [](const auto& item) { return item.second.size() == 0; });
    for (auto& [id, norm] : groups_) evict(norm);
    evict(organisation_);
  }
  if (day / tail_half_life_days != day_ / tail_half_life_days) {
    for (auto& [account, tail] : tails_) {
      for (std::uint32_t& count : tail.counts) count /= 2;
    }
  }
  day_ = day;
}

void Rarity::learn(const Act& act, Day day, const std::array<std::string, factor_count>& texts) {
  if (period_days_ != 0) return;
  Norm& norm = principals_[act.principal];
  if (norm.days.bits == 0) {
    norm.first_day = static_cast<std::uint16_t>(day);
    norm.account = act.account;
    norm.peers = act.peers;
  }
  norm.days.set(day);
  if (norm.last_alarm == day && norm.alarms <= alarms_kept_out) return;
  std::vector<Norm::Key> gone;
  GroupNorm* const groups[] = {norm.peers == 0 ? nullptr : &groups_[norm.peers],
                               norm.account == 0 ? nullptr : &groups_[norm.account], &organisation_};
  for (std::size_t i = 0; i < factor_count; ++i) {
    const std::uint32_t print = act.prints[i];
    if (print == 0) continue;
    const auto factor = static_cast<Factor>(i);
    const bool joined = norm.note(factor, print, day, gone);
    for (GroupNorm* group : groups) {
      if (group != nullptr) group->note(factor, print, day, joined);
    }
    if (joined) texts_.try_emplace({factor, print}, texts[i], 0, text_max);
  }
  for (const Norm::Key& key : gone) leave(norm, key);
  // A day may bring more than a group's budget; a quarter over it is room enough.
  for (GroupNorm* group : groups) {
    const std::size_t most = group == &organisation_ ? organisation_values_max : group_values_max;
    if (group != nullptr && group->size() > most + most / 4) evict(*group);
  }
  if (act.person == 0) return;
  Norm& person = people_[act.person];
  if (person.days.bits == 0) person.first_day = static_cast<std::uint16_t>(day);
  person.days.set(day);
  for (std::size_t i = 0; i < factor_count; ++i) {
    if (act.prints[i] != 0) person.note(static_cast<Factor>(i), act.prints[i], day, gone);
  }
}

bool Rarity::alarm(std::uint64_t principal, Day day) {
  constexpr Day month = 30;
  if (period_days_ != 0) return false;
  Norm& norm = principals_[principal];
  if (norm.last_alarm != day) {
    if (day - norm.last_alarm > month) norm.alarms = 0;
    norm.last_alarm = static_cast<std::uint16_t>(day);
    if (norm.alarms <= alarms_kept_out) ++norm.alarms;
  }
  return norm.alarms <= alarms_kept_out;
}

void Rarity::unlearn(const Act& act, Day day) {
  const auto at = principals_.find(act.principal);
  const auto person = people_.find(act.person);
  if (at == principals_.end()) return;
  for (std::size_t i = 0; i < factor_count; ++i) {
    const auto factor = static_cast<Factor>(i);
    if (act.prints[i] == 0) continue;
    if (at->second.forget(factor, act.prints[i], day)) leave(at->second, {factor, act.prints[i]});
    if (person != people_.end()) person->second.forget(factor, act.prints[i], day);
  }
}

Frequency Rarity::frequency(Scope scope, const Act& act, Factor factor, Day today) const {
  const std::uint32_t print = act.print(factor);
  if (scope == Scope::principal) {
    const Norm* own = find(act.principal);
    const Norm::Value* value = own == nullptr ? nullptr : own->find(factor, print);
    return value == nullptr ? Frequency::unseen : value->days().frequency(today);
  }
  const GroupNorm* in = group(act.account);
  const GroupNorm::Value* value = in == nullptr ? nullptr : in->find(factor, print);
  return value == nullptr ? Frequency::unseen : value->days.frequency(today);
}

std::map<Frequency, std::vector<std::string>> Rarity::usual(Scope scope, const Act& act, Factor factor,
                                                            Day today, std::size_t most) const {
  struct Told {
    std::uint32_t days;
    std::string text;
    Frequency frequency;
  };
  std::vector<Told> told;
  const auto see = [&](Factor of, std::uint32_t print, const DayBits& days) {
    if (of != factor || days.frequency(today) == Frequency::unseen) return;
    told.push_back({days.before(today), text_of(of, print), days.frequency(today)});
  };
  if (scope == Scope::principal) {
    if (const Norm* own = find(act.principal)) {
      for (const Norm::Value& value : own->values()) see(value.factor, value.print, value.days());
    }
  } else if (const GroupNorm* in = group(act.account)) {
    in->each(
        [&](Factor of, std::uint32_t print, const GroupNorm::Value& value) { see(of, print, value.days); });
  }
  std::ranges::sort(told, [](const Told& a, const Told& b) {
    return a.days != b.days ? a.days > b.days : a.text < b.text;
  });
  std::map<Frequency, std::vector<std::string>> by_frequency;
  for (Told& one : told) {
    std::vector<std::string>& texts = by_frequency[one.frequency];
    if (texts.size() < most) texts.push_back(std::move(one.text));
  }
  return by_frequency;
}

std::uint32_t Rarity::days_of(std::uint64_t principal, Day today) const {
  const Norm* own = find(principal);
  return own == nullptr ? 0 : own->days.before(today);
}

std::vector<const Norm*> Rarity::principals_with(Factor factor, std::uint32_t print) const {
  std::vector<const Norm*> found;
  for (const std::uint64_t id : sorted_keys(principals_)) {
    const Norm& norm = principals_.find(id)->second;
    if (norm.find(factor, print) != nullptr) found.push_back(&norm);
  }
  return found;
}

std::string Rarity::text_of(Factor factor, std::uint32_t print) const {
  const auto at = texts_.find({factor, print});
  return at == texts_.end() ? std::string() : at->second;
}

std::size_t Rarity::Tail::step_of(std::int32_t score) {
  return static_cast<std::size_t>(std::clamp(score / 128, 0, static_cast<std::int32_t>(steps) - 1));
}

void Rarity::note_score(std::uint64_t account, std::int32_t score) {
  std::uint32_t& count = tails_[account].counts[Tail::step_of(score)];
  if (count < 0xffffffffU) ++count;
}

std::uint64_t Rarity::one_in(std::uint64_t account, std::int32_t score) const {
  const auto at = tails_.find(account);
  if (at == tails_.end()) return 1;
  std::uint64_t all = 0, above = 0;
  for (std::size_t i = 0; i < Tail::steps; ++i) {
    all += at->second.counts[i];
    if (i >= Tail::step_of(score)) above += at->second.counts[i];
  }
  return std::max<std::uint64_t>(1, all / std::max<std::uint64_t>(1, above));
}

void Rarity::merge(const Rarity& other) {
  day_ = std::max(day_, other.day_);
  const auto join = [](Norms& into, const Norms& from) {
    for (const auto& [id, norm] : from) {
      const auto [at, fresh] = into.try_emplace(id, norm);
      if (!fresh) at->second.merge(norm);
    }
  };
  join(principals_, other.principals_);
  join(people_, other.people_);
  texts_.insert(other.texts_.begin(), other.texts_.end());
  for (const auto& [account, tail] : other.tails_) {
    Tail& own = tails_[account];
    for (std::size_t i = 0; i < Tail::steps; ++i)
      own.counts[i] += std::min(tail.counts[i], 0xffffffffU - own.counts[i]);
  }
  evicted_ += other.evicted_;
  rebuild();
}

void Rarity::rebuild() {
  std::map<std::uint64_t, GroupNorm> groups;
  GroupNorm organisation;
  for (const std::uint64_t id : sorted_keys(principals_)) {
    const Norm& norm = principals_.find(id)->second;
    for (const Norm::Value& value : norm.values()) {
      for (const std::uint64_t group : {norm.peers, norm.account}) {
        if (group != 0) groups[group].join(value.factor, value.print, value.days());
      }
      organisation.join(value.factor, value.print, value.days());
    }
    for (const std::uint64_t group : {norm.peers, norm.account}) {
      std::uint16_t& first = groups[group].first_day;
      if (first == 0 || norm.first_day < first) first = norm.first_day;
    }
  }
  groups_ = std::move(groups);
  organisation_ = std::move(organisation);
  std::erase_if(texts_,
                [&](const auto& item) { return !organisation_.find(item.first.first, item.first.second); });
}

std::size_t Rarity::bytes() const {
  std::size_t bytes = 0;
  for (const Norms* norms : {&principals_, &people_}) {
    for (const auto& [id, norm] : *norms) bytes += sizeof id + norm.bytes();
  }
  return bytes;
}

void Rarity::save(Writer& out) const {
  out(day_, evicted_);
  for (const Norms* norms : {&principals_, &people_}) {
    out(static_cast<std::uint32_t>(norms->size()));
    for (const std::uint64_t id : sorted_keys(*norms)) out(id, norms->find(id)->second);
  }
  out(static_cast<std::uint32_t>(groups_.size()));
  for (const auto& [id, norm] : groups_) {
    out(id);
    norm.save(out);
  }
  organisation_.save(out);
  out(texts_, tails_);
}

void Rarity::load(Reader& in) {
  std::uint32_t size = 0;
  in(day_, evicted_);
  for (Norms* norms : {&principals_, &people_}) {
    in(size);
    for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
      std::uint64_t id = 0;
      Norm norm;
      in(id, norm);
      if (!norm.valid()) return in.fail();
      norms->emplace(id, std::move(norm));
    }
  }
  in(size);
  for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
    std::uint64_t id = 0;
    in(id);
    groups_[id].load(in);
  }
  organisation_.load(in);
  in(texts_, tails_);
}

}  // namespace picket
