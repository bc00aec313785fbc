// Whom and what the logs tell of, in a form small enough to keep and to ask: of each entity and day its calls
// by API and success, Regions, countries, networks, clients, ports, and which other entities it had to do
// with; of the last two weeks its activity by the hour. For people who investigate: no detector reads it.
//
// Entities belong to the account whose log tells of them, so that an account never learns from another's.
// Counting is additive and ends with the epoch in an order of its own, so that neither threads nor the order
// of objects show; copies of a record count once. It reads no clock.
//
// Budget: 24 bytes a row (one value of one kind on one day), 12 an hour, about 200 an entity. Of one kind and
// day at most 200 values are kept apart, of an entity at most 4,096 rows (the oldest days go first). Days
// older than 30 are told by the week, what is older than 90 is forgotten. When all is more than `bytes_max`,
// the least active entities of the accounts that take most go first, and are counted.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/archive.h"
#include "base/ip.h"
#include "base/time.h"

namespace picket {

struct GeoPlace;

enum class EntityKind : std::uint8_t { principal, session, address, domain, instance, bucket, cluster_user };
constexpr std::size_t entity_kinds = 7;
std::string_view name_of(EntityKind kind);  // "clusterUser", as the API says
std::optional<EntityKind> parse_entity_kind(std::string_view name);

// What a row counts. The last ones, from `neighbour` on, are neighbours by their EntityKind.
enum class Facet : std::uint8_t { call, error, region, country, network, client, port, neighbour };
constexpr std::size_t facet_count = 7 + entity_kinds;
constexpr Facet facet_of(EntityKind kind) {
  return static_cast<Facet>(static_cast<unsigned>(Facet::neighbour) + static_cast<unsigned>(kind));
}

struct HourCount {
  std::int32_t hour = 0;  // since 1970
  std::uint32_t count = 0, failed = 0;
  bool operator==(const HourCount&) const = default;
};

// Calls of one kind that a worker met in an epoch: who, what, from where, with which success.
struct CallTally {
  std::string account;
  std::string principal;     // empty: nobody in particular
  std::string session;       // of a role, as an ARN; may be empty, like what follows
  std::string cluster_user;  // "CLUSTER/NAME"
  std::string instance, bucket, domain;
  std::optional<IpAddress> remote_ip;
  std::string call, error, region, client, network;  // network: where there is no public address
  bool failed = false;
  TimeMs first = 0, last = 0;
  std::vector<HourCount> hours;  // `failed` in them is unused

  void count(TimeMs time) {
    const auto hour = static_cast<std::int32_t>(time / hour_ms);
    first = hours.empty() ? time : std::min(first, time);
    last = hours.empty() ? time : std::max(last, time);
    for (HourCount& known : hours) {
      if (known.hour != hour) continue;
      ++known.count;
      return;
    }
    hours.push_back({hour, 1, 0});
  }
  // Takes a copy of a record back.
  void uncount(std::int32_t hour) {
    for (HourCount& known : hours)
      if (known.hour == hour && known.count > 0) --known.count;
  }
};

// What an instance did on the network on one day, as far as it is known now: replaces what was told before.
struct HostTally {
  std::string account, region;
  std::string instance;      // its id, or the interface's where no instance is known
  std::uint64_t source = 0;  // of the day, the same whenever it is told
  std::int32_t day = 0;      // since 1970
  TimeMs first = 0, last = 0;
  std::array<std::uint32_t, 24> hours{};  // records by hour
  struct Peer {
    IpAddress remote;
    std::uint64_t records = 0, bytes = 0;
  };
  std::vector<Peer> peers;
  struct Port {
    std::string name;  // "tcp/443"
    std::uint64_t records = 0, bytes = 0;
  };
  std::vector<Port> ports;
};

// What a principal does as of a day, by factor and frequency (state/norms.h): {"api": {"FREQUENT": […]}}.
struct UsualBehaviour {
  std::uint32_t days = 0;  // of the 63 before, on which it was active
  std::map<std::string, std::map<std::string, std::vector<std::string>>> values;
};

class Entities {
 public:
  static constexpr std::int32_t days_kept = 90, days_exact = 30, days_hourly = 14;
  static constexpr std::size_t values_a_day_max = 200, rows_max = 4096;
  using PlaceOf = std::function<std::optional<GeoPlace>(const IpAddress&)>;

  explicit Entities(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  bool wanted() const { return bytes_max_ > 0; }

  // --- the engine, between epochs ---
  void add(std::span<const CallTally> calls, const PlaceOf& place_of);
  void replace(std::span<const HostTally> hosts, const PlaceOf& place_of);
  // The epoch is over: hosts' days before `settled_day` will not be told again.
  void end_epoch(std::int32_t settled_day);

  // --- anybody, at any time ---
  using Accounts = std::optional<std::vector<std::string>>;  // absent: all
  struct Found {
    EntityKind kind = EntityKind::principal;
    std::string account, name;
    TimeMs first = 0, last = 0;
    std::uint64_t activity = 0;  // calls, or records of connections
  };
  // Those whose names contain the text (letters of either case are the same), the most active first, then by
  // name; ids need not be whole.
  std::vector<Found> find(const Accounts& accounts, std::optional<EntityKind> kind, std::string_view text,
                          std::size_t most) const;

  // One value of one facet, over the days asked for.
  struct Value {
    Facet facet = Facet::call;
    std::string text;  // empty: all those that were not kept apart
    std::uint64_t count = 0, failed = 0, bytes = 0;
    std::int32_t first_day = 0, last_day = 0;  // within the time asked for
    std::int32_t known_since = 0;              // first day ever kept; weeks count as their first day
    // By day of the time asked for.
    std::vector<std::pair<std::int32_t, std::uint64_t>> days;
  };
  struct Data {
    EntityKind kind = EntityKind::principal;
    std::string name;
    std::vector<std::string> accounts;  // that tell of it
    TimeMs first = 0, last = 0;
    std::uint64_t activity = 0;
    std::int32_t days_since = 0;                           // rows are complete from this day on
    std::vector<HourCount> hours;                          // all that are kept, ascending
    std::vector<std::pair<std::int32_t, HourCount>> days;  // activity by day: everything kept
    std::vector<Value> values;  // within the days; by facet, count descending, text
  };
  // Over the accounts together; the days asked for are [from, to].
  std::optional<Data> data(const Accounts& accounts, EntityKind kind, std::string_view name,
                           std::int32_t from, std::int32_t to) const;

  struct Counts {
    std::uint64_t entities = 0, bytes = 0;
    std::uint64_t evicted = 0;   // for want of room
    std::uint64_t expired = 0;   // not seen for 90 days
    std::uint64_t rows_cut = 0;  // of days that went because one entity had too many
  };
  Counts counts() const;

  void save(Writer& out) const;
  void load(Reader& in);

 private:
  using Text = std::uint32_t;  // of texts_; 0: ""
  struct Row {
    Text value = 0;
    std::uint16_t day = 0;
    Facet facet = Facet::call;
    std::uint8_t unused = 0;
    std::uint32_t count = 0, failed = 0;
    std::uint64_t bytes = 0;
    bool same(const Row& other) const {
      return day == other.day && facet == other.facet && value == other.value;
    }
    bool operator<(const Row& other) const {
      return std::tie(day, facet, value) < std::tie(other.day, other.facet, other.value);
    }
  };
  static_assert(sizeof(Row) == 24);
  // Of a host's day that may still change.
  struct Open {
    std::uint64_t source = 0;
    std::int32_t day = 0;
    std::vector<HourCount> hours;
    std::vector<Row> rows;
    std::uint64_t activity() const;
  };
  struct Entity {
    EntityKind kind = EntityKind::principal;
    Text account = 0, name = 0;
    TimeMs first = 0, last = 0;
    std::uint64_t activity = 0;
    std::int32_t days_since = 0;
    std::int32_t rolled = 0;       // the newest day when old ones were last told by the week
    std::vector<HourCount> hours;  // sorted, but for what came in this epoch
    std::vector<Row> rows;         // the same
    std::uint32_t sorted_hours = 0, sorted_rows = 0;
    std::vector<Open> open;
    bool touched = false;
    std::size_t bytes() const;
  };
  struct Hashed {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };

  Text intern(std::string_view text);
  std::string_view text(Text id) const { return texts_[id]; }
  Entity& entity(EntityKind kind, Text account, std::string_view name);
  // The same, when no rows or hours are added.
  Entity& known_entity(EntityKind kind, Text account, std::string_view name);
  const Entity* find_one(EntityKind kind, std::string_view account, std::string_view name) const;
  void touch(Entity& one);
  void settle(Entity& one, std::int32_t before);
  void compact(Entity& one);
  void roll_up(Entity& one);
  void cut(Entity& one);
  void expire();
  void evict();
  void evict_least_active();
  void sweep_texts();
  static void add_rows(std::vector<Row>& rows, std::size_t sorted);

  const std::size_t bytes_max_;
  mutable std::shared_mutex mutex_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Entity>, Hashed> entities_;
  std::deque<std::string> texts_{std::string()};
  boost::unordered_flat_map<std::string_view, Text> ids_;
  std::size_t text_bytes_ = 0, bytes_ = 0;
  std::vector<Entity*> touched_;                   // in this epoch
  boost::unordered_flat_set<Entity*> open_hosts_;  // those with days that may still change
  std::int32_t newest_day_ = 0, expired_at_ = 0;
  std::int32_t settled_ = 0;  // hosts' days before it are
  std::uint64_t evicted_ = 0, expired_ = 0, rows_cut_ = 0;
};

}  // namespace picket
