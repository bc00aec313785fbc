#include "state/entities.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "state/facts.h"

namespace picket {

namespace {

constexpr std::array<std::string_view, entity_kinds> kind_names{
    "principal", "session", "address", "domain", "instance", "bucket", "clusterUser"};
constexpr std::int32_t week = 7;
constexpr std::int32_t day_max = std::numeric_limits<std::uint16_t>::max();
constexpr std::int32_t hours_a_day = 24;
// A text's place in the table of texts, beside its bytes.
constexpr std::size_t text_overhead = 80;
// So much room is made at once, so that not every epoch has to.
constexpr std::size_t slack = 10;

std::uint64_t hash_of(EntityKind kind, std::string_view account, std::string_view name) {
  return hash64(name, hash64(account, static_cast<std::uint64_t>(kind)));
}

template <class T>
void add_capped(T& to, std::uint64_t count) {
  to = static_cast<T>(std::min<std::uint64_t>(std::uint64_t{to} + count, std::numeric_limits<T>::max()));
}

bool allowed(const Entities::Accounts& accounts, std::string_view account) {
  return !accounts || std::ranges::find(*accounts, account) != accounts->end();
}

}  // namespace

std::string_view name_of(EntityKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

std::optional<EntityKind> parse_entity_kind(std::string_view name) {
  const auto* const at = std::ranges::find(kind_names, name);
  if (at == kind_names.end()) return std::nullopt;
  return static_cast<EntityKind>(at - kind_names.begin());
}

std::uint64_t Entities::Open::activity() const {
  std::uint64_t sum = 0;
  for (const HourCount& hour : hours) sum += hour.count;
  return sum;
}

std::size_t Entities::Entity::bytes() const {
  constexpr std::size_t in_table = 2 * sizeof(void*);
  std::size_t sum = sizeof *this + in_table + rows.size() * sizeof(Row) + hours.size() * sizeof(HourCount);
  for (const Open& day : open)
    sum += sizeof day + day.rows.size() * sizeof(Row) + day.hours.size() * sizeof(HourCount);
  return sum;
}

Entities::Text Entities::intern(std::string_view text) {
  if (text.empty()) return 0;
  constexpr std::size_t text_max = 512;  // no name of AWS is longer
  text = text.substr(0, text_max);
  if (const auto at = ids_.find(text); at != ids_.end()) return at->second;
  const auto id = static_cast<Text>(texts_.size());
  texts_.emplace_back(text);
  ids_.emplace(texts_.back(), id);
  text_bytes_ += text.size() + text_overhead;
  return id;
}

void Entities::touch(Entity& one) {
  if (one.touched) return;
  one.touched = true;
  one.sorted_rows = static_cast<std::uint32_t>(one.rows.size());
  one.sorted_hours = static_cast<std::uint32_t>(one.hours.size());
  bytes_ -= one.bytes();
  touched_.push_back(&one);
}

Entities::Entity& Entities::entity(EntityKind kind, Text account, std::string_view name) {
  Entity& one = known_entity(kind, account, name);
  touch(one);
  return one;
}

Entities::Entity& Entities::known_entity(EntityKind kind, Text account, std::string_view name) {
  std::unique_ptr<Entity>& kept = entities_[hash_of(kind, text(account), name)];
  if (!kept) {
    kept = std::make_unique<Entity>();
    kept->kind = kind;
    kept->account = account;
    kept->name = intern(name);
    kept->first = std::numeric_limits<TimeMs>::max();
    kept->last = std::numeric_limits<TimeMs>::min();
    bytes_ += kept->bytes();
  }
  return *kept;
}

void Entities::add(std::span<const CallTally> calls, const PlaceOf& place_of) {
  const std::unique_lock lock(mutex_);
  std::vector<Row> rows;  // that all entities of a call get
  for (const CallTally& call : calls) {
    std::uint64_t total = 0;
    for (const HourCount& hour : call.hours) total += hour.count;
    const std::int64_t day = call.first / day_ms;
    if (total == 0 || day < 0 || day > day_max) continue;
    newest_day_ = std::max(newest_day_, static_cast<std::int32_t>(day));

    const std::string address = call.remote_ip ? call.remote_ip->to_string() : std::string();
    std::array<std::string_view, entity_kinds> names;
    const auto name = [&](EntityKind kind) -> std::string_view& {
      return names[static_cast<std::size_t>(kind)];
    };
    name(EntityKind::principal) = call.principal;
    name(EntityKind::session) = call.session;
    name(EntityKind::address) = address;
    name(EntityKind::domain) = call.domain;
    name(EntityKind::instance) = call.instance;
    name(EntityKind::bucket) = call.bucket;
    name(EntityKind::cluster_user) = call.cluster_user;

    std::optional<GeoPlace> place;
    if (call.remote_ip) place = place_of(*call.remote_ip);
    std::string as;
    if (place && place->asn != 0) as = fmt::format("AS{} {}", place->asn, place->as_org);
    rows.clear();
    const auto row = [&](Facet facet, Text value) {
      if (value == 0) return;
      Row made{.value = value, .day = static_cast<std::uint16_t>(day), .facet = facet};
      add_capped(made.count, total);
      if (call.failed) add_capped(made.failed, total);
      rows.push_back(made);
    };
    row(Facet::call, intern(call.call));
    row(Facet::error, intern(call.error));
    row(Facet::region, intern(call.region));
    if (place) row(Facet::country, intern(place->country_code));
    row(Facet::network, intern(as.empty() ? std::string_view(call.network) : as));
    row(Facet::client, intern(call.client));
    const std::size_t shared = rows.size();
    for (std::size_t kind = 0; kind < entity_kinds; ++kind)
      row(facet_of(static_cast<EntityKind>(kind)), intern(names[kind]));

    const Text account = intern(call.account);
    for (std::size_t kind = 0; kind < entity_kinds; ++kind) {
      if (names[kind].empty()) continue;
      Entity& one = entity(static_cast<EntityKind>(kind), account, names[kind]);
      one.first = std::min(one.first, call.first);
      one.last = std::max(one.last, call.last);
      one.activity += total;
      for (const HourCount& hour : call.hours) {
        if (hour.count > 0) one.hours.push_back({hour.hour, hour.count, call.failed ? hour.count : 0});
      }
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool itself = i >= shared && rows[i].facet == facet_of(static_cast<EntityKind>(kind));
        // Of a cluster's requests the Region is a namespace, which says something of its users alone.
        const bool namespaced = !call.cluster_user.empty() && rows[i].facet == Facet::region &&
                                static_cast<EntityKind>(kind) != EntityKind::cluster_user;
        if (!itself && !namespaced) one.rows.push_back(rows[i]);
      }
    }
  }
}

void Entities::replace(std::span<const HostTally> hosts, const PlaceOf& place_of) {
  const std::unique_lock lock(mutex_);
  for (const HostTally& host : hosts) {
    if (host.day < 0 || host.day > day_max || host.instance.empty()) continue;
    newest_day_ = std::max(newest_day_, host.day);
    const Text account = intern(host.account);
    Entity& one = entity(EntityKind::instance, account, host.instance);
    one.first = std::min(one.first, host.first);
    one.last = std::max(one.last, host.last);
    auto at = std::ranges::find_if(
        one.open, [&](const Open& known) { return known.source == host.source && known.day == host.day; });
    if (at == one.open.end()) {
      at = one.open.insert(one.open.end(), Open{.source = host.source, .day = host.day});
      open_hosts_.insert(&one);
    } else {
      one.activity -= at->activity();
    }
    Open& open = *at;
    open.hours.clear();
    open.rows.clear();
    open.rows.reserve(host.peers.size() + host.ports.size() + 1);
    for (std::size_t i = 0; i < host.hours.size(); ++i) {
      if (host.hours[i] > 0)
        open.hours.push_back({host.day * hours_a_day + static_cast<std::int32_t>(i), host.hours[i], 0});
    }
    one.activity += open.activity();
    const auto row = [&](Facet facet, Text value, std::uint64_t records, std::uint64_t bytes) {
      if (value == 0) return;
      Row made{.value = value, .day = static_cast<std::uint16_t>(host.day), .facet = facet};
      add_capped(made.count, records);
      made.bytes = bytes;
      open.rows.push_back(made);
    };
    row(Facet::region, intern(host.region), open.activity(), 0);
    for (const HostTally::Port& port : host.ports)
      row(Facet::port, intern(port.name), port.records, port.bytes);
    for (const HostTally::Peer& peer : host.peers) {
      const std::string address = peer.remote.to_string();
      // Whom the address talked to is counted when the day is over, and until then found through the hosts.
      Entity& far = known_entity(EntityKind::address, account, address);
      far.first = std::min(far.first, host.first);
      far.last = std::max(far.last, host.last);
      row(facet_of(EntityKind::address), far.name, peer.records, peer.bytes);
      const auto place = place_of(peer.remote);
      if (!place) continue;
      row(Facet::country, intern(place->country_code), peer.records, peer.bytes);
      if (place->asn != 0)
        row(Facet::network, intern(fmt::format("AS{} {}", place->asn, place->as_org)), peer.records,
            peer.bytes);
    }
    add_rows(open.rows, 0);
  }
}

// Sorts what came behind `sorted` into the rest and adds up what is the same.
void Entities::add_rows(std::vector<Row>& rows, std::size_t sorted) {
  if (rows.size() == sorted) return;
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::sort(middle, rows.end());
  // Days come nearly in order: what lies before the first new row stays where it is.
  const auto from = std::lower_bound(rows.begin(), middle, *middle);
  std::inplace_merge(from, middle, rows.end());
  auto to = from;
  for (auto at = from + 1; at < rows.end(); ++at) {
    if (to->same(*at)) {
      add_capped(to->count, at->count);
      add_capped(to->failed, at->failed);
      add_capped(to->bytes, at->bytes);
    } else {
      *++to = *at;
    }
  }
  rows.erase(to + 1, rows.end());
}

// Days before `before` are over: the host's counts are final, and so are those of whom it talked to.
void Entities::settle(Entity& one, std::int32_t before) {
  for (const Open& open : one.open) {
    if (open.day >= before) continue;
    one.rows.insert(one.rows.end(), open.rows.begin(), open.rows.end());
    one.hours.insert(one.hours.end(), open.hours.begin(), open.hours.end());
    for (const Row& row : open.rows) {
      if (row.facet != facet_of(EntityKind::address)) continue;
      Entity& far = entity(EntityKind::address, one.account, text(row.value));
      // When within the day is known of the host, not of each peer.
      far.hours.push_back({open.day * hours_a_day, row.count, 0});
      far.activity += row.count;
      Row back = row;
      back.facet = facet_of(EntityKind::instance);
      back.value = one.name;
      far.rows.push_back(back);
    }
  }
  std::erase_if(one.open, [&](const Open& open) { return open.day < before; });
  if (one.open.empty()) open_hosts_.erase(&one);
}

// Old days by the week, old hours by the day, the oldest not at all.
void Entities::roll_up(Entity& one) {
  const auto newest = static_cast<std::int32_t>(one.last / day_ms);
  if (newest == one.rolled) return;
  one.rolled = newest;
  const std::int32_t exact = newest - days_exact, hourly = (newest - days_hourly) * hours_a_day;
  std::erase_if(one.rows, [&](const Row& row) { return row.day < newest - days_kept; });
  bool moved = false;
  for (Row& row : one.rows) {
    if (row.day >= exact || row.day % week == 0) continue;
    row.day = static_cast<std::uint16_t>(row.day - row.day % week);
    moved = true;
  }
  if (moved) add_rows(one.rows, 0);
  std::erase_if(one.hours,
                [&](const HourCount& hour) { return hour.hour < (newest - days_kept) * hours_a_day; });
  for (HourCount& hour : one.hours)
    if (hour.hour < hourly) hour.hour -= hour.hour % hours_a_day;
}

// Values beyond those that are kept apart become one; then the oldest days go.
void Entities::cut(Entity& one) {
  std::vector<Row> kept;
  for (auto from = one.rows.begin(); from != one.rows.end();) {
    const auto to = std::find_if(from, one.rows.end(), [&](const Row& row) {
      return row.day != from->day || row.facet != from->facet;
    });
    if (static_cast<std::size_t>(to - from) > values_a_day_max) {
      if (kept.empty()) kept.assign(one.rows.begin(), from);
      std::vector<Row> group(from, to);
      std::sort(group.begin(), group.end(), [&](const Row& a, const Row& b) {
        // What was folded before stays so.
        if ((a.value == 0) != (b.value == 0)) return b.value == 0;
        if (a.count != b.count) return a.count > b.count;
        return text(a.value) < text(b.value);
      });
      Row others = group[values_a_day_max - 1];
      others.value = 0;
      for (std::size_t i = values_a_day_max; i < group.size(); ++i) {
        add_capped(others.count, group[i].count);
        add_capped(others.failed, group[i].failed);
        add_capped(others.bytes, group[i].bytes);
      }
      group.resize(values_a_day_max);
      group.back() = others;
      std::sort(group.begin(), group.end());
      kept.insert(kept.end(), group.begin(), group.end());
    } else if (!kept.empty()) {
      kept.insert(kept.end(), from, to);
    }
    from = to;
  }
  if (!kept.empty()) one.rows = std::move(kept);
  if (one.rows.size() <= rows_max) return;
  // Whole days, so that what stays is complete: but for the newest one, of which the facets stay in order.
  const std::size_t room = rows_max - rows_max / slack;
  const auto newest = one.rows.back().day;
  std::size_t gone = 0;
  while (one.rows.size() - gone > room && one.rows[gone].day != newest) {
    const auto day = one.rows[gone].day;
    while (one.rows[gone].day == day) ++gone;
  }
  rows_cut_ += gone;
  one.days_since = one.rows[gone].day;
  one.rows.erase(one.rows.begin(), one.rows.begin() + static_cast<std::ptrdiff_t>(gone));
}

void Entities::compact(Entity& one) {
  add_rows(one.rows, one.sorted_rows);
  roll_up(one);
  const auto less = [](const HourCount& a, const HourCount& b) { return a.hour < b.hour; };
  std::sort(one.hours.begin(), one.hours.end(), less);
  std::size_t to = 0;
  for (std::size_t at = 1; at < one.hours.size(); ++at) {
    if (one.hours[at].hour == one.hours[to].hour) {
      add_capped(one.hours[to].count, one.hours[at].count);
      add_capped(one.hours[to].failed, one.hours[at].failed);
    } else {
      one.hours[++to] = one.hours[at];
    }
  }
  if (!one.hours.empty()) one.hours.resize(to + 1);
  cut(one);
}

void Entities::end_epoch(std::int32_t settled_day) {
  const std::unique_lock lock(mutex_);
  if (settled_day != settled_) {
    settled_ = settled_day;
    std::vector<Entity*> over;
    for (Entity* one : open_hosts_) {
      if (std::ranges::any_of(one->open, [&](const Open& open) { return open.day < settled_day; }))
        over.push_back(one);
    }
    for (Entity* one : over) {
      touch(*one);
      settle(*one, settled_day);
    }
  }
  for (Entity* one : touched_) {
    compact(*one);
    one->touched = false;
    bytes_ += one->bytes();
  }
  touched_.clear();
  expire();
  if (bytes_ + text_bytes_ > bytes_max_) evict();
}

void Entities::expire() {
  if (newest_day_ == expired_at_) return;
  expired_at_ = newest_day_;
  const TimeMs before = TimeMs{newest_day_ - days_kept} * day_ms;
  const auto gone = boost::unordered::erase_if(entities_, [&](const auto& item) {
    if (item.second->last >= before) return false;
    bytes_ -= item.second->bytes();
    open_hosts_.erase(item.second.get());
    return true;
  });
  if (gone == 0) return;
  expired_ += gone;
  sweep_texts();
}

void Entities::evict() {
  sweep_texts();
  while (bytes_ + text_bytes_ > bytes_max_ && !entities_.empty()) {
    evict_least_active();
    // Names that other entities' rows tell of stay until those go.
    sweep_texts();
  }
}

void Entities::evict_least_active() {
  // What an entity takes, its share of the texts included.
  const auto size_of = [&](const Entity& one) { return one.bytes() + text(one.name).size() + text_overhead; };
  std::map<Text, std::size_t> by_account;
  for (const auto& [hash, one] : entities_) by_account[one->account] += size_of(*one);
  struct Candidate {
    bool over;  // its account takes more than its share
    std::uint64_t activity;
    TimeMs last;
    std::uint64_t hash;
  };
  const std::size_t share = bytes_max_ / std::max<std::size_t>(1, by_account.size());
  std::vector<Candidate> candidates;
  candidates.reserve(entities_.size());
  for (const auto& [hash, one] : entities_)
    candidates.push_back({by_account[one->account] > share, one->activity, one->last, hash});
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.over != b.over) return a.over;
    return std::tie(a.activity, a.last, a.hash) < std::tie(b.activity, b.last, b.hash);
  });
  const std::size_t aim = bytes_max_ - bytes_max_ / slack;
  for (const Candidate& candidate : candidates) {
    if (bytes_ + text_bytes_ <= aim) break;
    const auto at = entities_.find(candidate.hash);
    std::size_t& of_account = by_account[at->second->account];
    if (candidate.over && of_account <= share) continue;
    of_account -= size_of(*at->second);
    bytes_ -= at->second->bytes();
    text_bytes_ -= std::min(text_bytes_, text(at->second->name).size() + text_overhead);
    open_hosts_.erase(at->second.get());
    entities_.erase(at);
    ++evicted_;
  }
}

// Texts that nobody names any more go, and the others get new numbers.
void Entities::sweep_texts() {
  std::vector<Text> renamed(texts_.size(), 0);
  std::deque<std::string> kept{std::string()};
  std::size_t bytes = 0;
  const auto keep = [&](Text& id) {
    if (id == 0) return;
    if (renamed[id] == 0) {
      renamed[id] = static_cast<Text>(kept.size());
      bytes += texts_[id].size() + text_overhead;
      kept.push_back(std::move(texts_[id]));
    }
    id = renamed[id];
  };
  for (const auto& [hash, one] : entities_) {
    keep(one->account);
    keep(one->name);
    for (Row& row : one->rows) keep(row.value);
    std::sort(one->rows.begin(), one->rows.end());
    for (Open& open : one->open) {
      for (Row& row : open.rows) keep(row.value);
      std::sort(open.rows.begin(), open.rows.end());
    }
  }
  texts_ = std::move(kept);
  text_bytes_ = bytes;
  ids_.clear();
  for (std::size_t id = 1; id < texts_.size(); ++id) ids_.emplace(texts_[id], static_cast<Text>(id));
}

std::vector<Entities::Found> Entities::find(const Accounts& accounts, std::optional<EntityKind> kind,
                                            std::string_view wanted, std::size_t most) const {
  const std::string needle = lower(wanted);
  std::vector<Found> out;
  const std::shared_lock lock(mutex_);
  for (const auto& [hash, one] : entities_) {
    if (kind && one->kind != *kind) continue;
    if (!allowed(accounts, text(one->account))) continue;
    if (!needle.empty() && !lower(text(one->name)).contains(needle)) continue;
    out.push_back({one->kind, std::string(text(one->account)), std::string(text(one->name)), one->first,
                   one->last, one->activity});
  }
  const auto before = [](const Found& a, const Found& b) {
    if (a.activity != b.activity) return a.activity > b.activity;
    return std::tie(a.name, a.kind, a.account) < std::tie(b.name, b.kind, b.account);
  };
  const std::size_t count = std::min(most, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), before);
  out.resize(count);
  return out;
}

const Entities::Entity* Entities::find_one(EntityKind kind, std::string_view account,
                                           std::string_view name) const {
  const auto at = entities_.find(hash_of(kind, account, name));
  return at == entities_.end() ? nullptr : at->second.get();
}

std::optional<Entities::Data> Entities::data(const Accounts& accounts, EntityKind kind, std::string_view name,
                                             std::int32_t from, std::int32_t to) const {
  const std::shared_lock lock(mutex_);
  std::vector<const Entity*> parts;
  if (accounts) {
    const std::set<std::string_view> distinct(accounts->begin(), accounts->end());
    for (const std::string_view account : distinct)
      if (const Entity* one = find_one(kind, account, name)) parts.push_back(one);
  } else {
    for (const auto& [hash, one] : entities_)
      if (one->kind == kind && text(one->name) == name) parts.push_back(one.get());
    std::ranges::sort(parts, {}, [&](const Entity* one) { return text(one->account); });
  }
  if (parts.empty()) return std::nullopt;

  Data out;
  out.kind = kind;
  out.name = name;
  out.first = std::numeric_limits<TimeMs>::max();
  out.last = std::numeric_limits<TimeMs>::min();
  std::map<std::int32_t, HourCount> hours, days;
  std::map<std::pair<Facet, Text>, Value> values;
  const auto take_hour = [&](const HourCount& hour) {
    for (auto* sums : {&hours, &days}) {
      const std::int32_t key = sums == &hours ? hour.hour : hour.hour / hours_a_day;
      HourCount& sum = (*sums)[key];
      sum.hour = hour.hour;
      add_capped(sum.count, hour.count);
      add_capped(sum.failed, hour.failed);
    }
  };
  const auto take_row = [&](const Row& row) {
    Value& value = values[{row.facet, row.value}];
    if (value.known_since == 0 || row.day < value.known_since) value.known_since = row.day;
    if (row.day < from || row.day > to) return;
    if (value.count == 0 || row.day < value.first_day) value.first_day = row.day;
    value.last_day = std::max(value.last_day, std::int32_t{row.day});
    value.count += row.count;
    value.failed += row.failed;
    value.bytes += row.bytes;
    const auto at = std::ranges::lower_bound(value.days, std::int32_t{row.day}, {},
                                             &std::pair<std::int32_t, std::uint64_t>::first);
    if (at != value.days.end() && at->first == row.day) {
      at->second += row.count;
    } else {
      value.days.insert(at, {row.day, row.count});
    }
  };
  if (const auto address = ids_.find(name); kind == EntityKind::address && address != ids_.end()) {
    // Whom it talked to on days that are not over.
    for (const Entity* host : open_hosts_) {
      if (!allowed(accounts, text(host->account))) continue;
      for (const Open& open : host->open) {
        for (const Row& row : open.rows) {
          if (row.facet != facet_of(EntityKind::address) || row.value != address->second) continue;
          Row back = row;
          back.facet = facet_of(EntityKind::instance);
          back.value = host->name;
          take_row(back);
          take_hour({open.day * hours_a_day, row.count, 0});
          out.activity += row.count;
        }
      }
    }
  }
  for (const Entity* one : parts) {
    out.accounts.emplace_back(text(one->account));
    out.first = std::min(out.first, one->first);
    out.last = std::max(out.last, one->last);
    out.activity += one->activity;
    out.days_since = std::max(out.days_since, one->days_since);
    std::ranges::for_each(one->hours, take_hour);
    std::ranges::for_each(one->rows, take_row);
    for (const Open& open : one->open) {
      std::ranges::for_each(open.hours, take_hour);
      std::ranges::for_each(open.rows, take_row);
    }
  }
  for (const auto& [number, hour] : hours) out.hours.push_back(hour);
  for (const auto& [number, day] : days) out.days.emplace_back(number, day);
  for (auto& [key, value] : values) {
    if (value.count == 0) continue;
    value.facet = key.first;
    value.text = text(key.second);
    out.values.push_back(std::move(value));
  }
  std::ranges::sort(out.values, [](const Value& a, const Value& b) {
    if (a.facet != b.facet) return a.facet < b.facet;
    return a.count != b.count ? a.count > b.count : a.text < b.text;
  });
  return out;
}

Entities::Counts Entities::counts() const {
  const std::shared_lock lock(mutex_);
  return {entities_.size(), bytes_ + text_bytes_, evicted_, expired_, rows_cut_};
}

void Entities::save(Writer& out) const {
  const std::shared_lock lock(mutex_);
  out(static_cast<std::uint32_t>(texts_.size()));
  for (const std::string& text : texts_) out(text);
  std::vector<std::uint64_t> order;
  for (const auto& [hash, one] : entities_) order.push_back(hash);
  std::ranges::sort(order);
  const auto rows = [&](const std::vector<Row>& written) {
    out(static_cast<std::uint32_t>(written.size()));
    out.bytes(written.data(), written.size() * sizeof(Row));
  };
  const auto hours = [&](const std::vector<HourCount>& written) {
    out(static_cast<std::uint32_t>(written.size()));
    for (const HourCount& hour : written) out(hour.hour, hour.count, hour.failed);
  };
  out(static_cast<std::uint32_t>(order.size()));
  for (const std::uint64_t hash : order) {
    const Entity& one = *entities_.find(hash)->second;
    out(one.kind, one.account, one.name, one.first, one.last, one.activity, one.days_since, one.rolled);
    hours(one.hours);
    rows(one.rows);
    out(static_cast<std::uint32_t>(one.open.size()));
    for (const Open& open : one.open) {
      out(open.source, open.day);
      hours(open.hours);
      rows(open.rows);
    }
  }
  out(newest_day_, expired_at_, evicted_, expired_, rows_cut_);
}

void Entities::load(Reader& in) {
  const std::unique_lock lock(mutex_);
  entities_.clear();
  open_hosts_.clear();
  ids_.clear();
  texts_.clear();
  text_bytes_ = bytes_ = 0;
  std::uint32_t texts = 0;
  in(texts);
  for (std::uint32_t i = 0; i < texts && !in.failed(); ++i) {
    std::string text;
    in(text);
    if ((i == 0) != text.empty()) in.fail();
    texts_.push_back(std::move(text));
    if (i == 0) continue;
    if (!ids_.emplace(texts_.back(), i).second) in.fail();
    text_bytes_ += texts_.back().size() + text_overhead;
  }
  if (texts_.empty()) {
    in.fail();
    texts_.emplace_back();
  }
  const auto rows = [&](std::vector<Row>& read) {
    std::uint32_t size = 0;
    in(size);
    const std::string_view bytes = in.bytes(std::size_t{size} * sizeof(Row));
    if (in.failed()) return;
    read.resize(size);
    if (size > 0) std::memcpy(read.data(), bytes.data(), bytes.size());
    for (const Row& row : read)
      if (row.value >= texts_.size() || static_cast<std::size_t>(row.facet) >= facet_count) in.fail();
    if (!std::is_sorted(read.begin(), read.end())) in.fail();
  };
  const auto hours = [&](std::vector<HourCount>& read) {
    std::uint32_t size = 0;
    in(size);
    for (std::uint32_t i = 0; i < size && !in.failed(); ++i) {
      HourCount hour;
      in(hour.hour, hour.count, hour.failed);
      read.push_back(hour);
    }
  };
  std::uint32_t count = 0;
  in(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    auto one = std::make_unique<Entity>();
    in(one->kind, one->account, one->name, one->first, one->last, one->activity, one->days_since,
       one->rolled);
    if (static_cast<std::size_t>(one->kind) >= entity_kinds || one->account >= texts_.size() ||
        one->name >= texts_.size())
      return in.fail();
    hours(one->hours);
    rows(one->rows);
    std::uint32_t open_days = 0;
    in(open_days);
    for (std::uint32_t day = 0; day < open_days && !in.failed(); ++day) {
      Open open;
      in(open.source, open.day);
      hours(open.hours);
      rows(open.rows);
      one->open.push_back(std::move(open));
    }
    bytes_ += one->bytes();
    const std::uint64_t hash = hash_of(one->kind, text(one->account), text(one->name));
    const auto [at, fresh] = entities_.emplace(hash, std::move(one));
    if (!fresh) {
      in.fail();
    } else if (!at->second->open.empty()) {
      open_hosts_.insert(at->second.get());
    }
  }
  in(newest_day_, expired_at_, evicted_, expired_, rows_cut_);
  if (!in.failed()) return;
  entities_.clear();
  open_hosts_.clear();
  bytes_ = 0;
}

}  // namespace picket
