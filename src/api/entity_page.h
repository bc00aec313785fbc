// What is told of an entity (state/entities.h) over a time: activity beside what is usual, what it did, what
// is new about it, whom it had to do with, its findings. For /picket/v1/entity and for investigations.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.h"
#include "base/json_writer.h"
#include "state/entities.h"

namespace picket::api {

struct EntityQuery {
  EntityKind kind = EntityKind::principal;
  std::string name;
  std::optional<TimeMs> from, to;  // absent: the seven days up to when it was last seen
};

// How active it usually is: percentiles (10, 50, 90) over the days before the time asked for.
struct Range {
  std::uint64_t low = 0, median = 0, high = 0;
};
struct EntityBaseline {
  std::uint32_t days = 0;              // that were looked at, of at most 28; none: nothing is known
  Range day;                           // activity of a day
  std::uint32_t hourly_days = 0;       // of at most 13
  std::array<Range, 24> hours_of_day;  // UTC
};

struct EntityFinding {
  std::string id, type, account, region, title;
  double severity = 0;
  TimeMs first_seen = 0, last_seen = 0;
  std::int64_t count = 0;
  bool archived = false;
};

struct EntityPage {
  Entities::Data data;
  TimeMs from = 0, to = 0;
  bool is_new = false;  // nothing is known of it before the time
  EntityBaseline baseline;
  std::optional<UsualBehaviour> usual;  // of principals, before the time
  std::vector<EntityFinding> findings;  // the most severe first, then the latest; at most 100
  bool more_findings = false;
  // Whether the value was never seen before the time, although the entity was.
  bool news(const Entities::Value& value) const;
};

// Whose entities a caller may ask for: its own account's, and those of members that it administers in every
// Region that has logs of them, since entities are told over all Regions.
Entities::Accounts entity_accounts(const Backend& backend, const aws::Credential& caller,
                                   const Members& members, const std::string& region);

// Absent: nobody of this name is known in the accounts. A principal may be named by the end of its ARN.
std::expected<std::optional<EntityPage>, ApiError> entity_page(const Backend& backend, const Scope& findings,
                                                               const Entities::Accounts& accounts,
                                                               EntityQuery query);
std::expected<std::vector<EntityFinding>, ApiError> findings_of(const Backend& backend, const Scope& scope,
                                                                EntityKind kind, std::string_view name,
                                                                bool& more);
// The member "findings", of a page or a report.
void write_findings(JsonWriter& json, std::span<const EntityFinding> findings);
void write_entity_page(JsonWriter& json, const EntityPage& page, const Backend& backend);
std::string iso_day(std::int32_t day);  // "2026-11-30"

}  // namespace picket::api
