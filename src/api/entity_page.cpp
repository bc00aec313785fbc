#include "api/entity_page.h"

#include <simdjson.h>

#include <algorithm>
#include <set>

#include "api/call.h"
#include "base/time.h"

namespace picket::api {

namespace {

constexpr std::int32_t days_before_max = 28, hourly_days_max = Entities::days_hourly - 1, hours_a_day = 24;
constexpr TimeMs default_span_days = 7;
constexpr std::size_t findings_max = 100;

std::int32_t day_of(TimeMs time) { return static_cast<std::int32_t>(time / day_ms); }

Range range_of(std::vector<std::uint64_t> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
  return {at(10), at(50), at(90)};
}

EntityBaseline baseline_of(const Entities::Data& data, TimeMs from) {
  EntityBaseline out;
  const std::int32_t before = day_of(from), known = day_of(data.first);
  const auto on = [&](std::int32_t day) {
    const auto at = std::ranges::lower_bound(data.days, day, {}, &std::pair<std::int32_t, HourCount>::first);
    return at != data.days.end() && at->first == day ? std::uint64_t{at->second.count} : 0;
  };
  std::vector<std::uint64_t> days;
  for (std::int32_t day = std::max(known, before - days_before_max); day < before; ++day)
    days.push_back(on(day));
  out.days = static_cast<std::uint32_t>(days.size());
  out.day = range_of(std::move(days));
  // Only of the last days before the newest is known when within the day.
  const std::int32_t hourly_from =
      std::max({known, before - hourly_days_max, day_of(data.last) - Entities::days_hourly});
  if (hourly_from >= before) return out;
  out.hourly_days = static_cast<std::uint32_t>(before - hourly_from);
  std::array<std::vector<std::uint64_t>, 24> by_hour;
  for (auto& values : by_hour) values.resize(out.hourly_days);
  for (const HourCount& hour : data.hours) {
    const std::int32_t day = hour.hour / hours_a_day;
    if (day < hourly_from || day >= before) continue;
    by_hour[static_cast<std::size_t>(hour.hour % hours_a_day)][static_cast<std::size_t>(day - hourly_from)] +=
        hour.count;
  }
  for (std::size_t i = 0; i < by_hour.size(); ++i) out.hours_of_day[i] = range_of(std::move(by_hour[i]));
  return out;
}

// The attributes of findings that name an entity of this kind.
std::vector<std::string_view> attributes_of(EntityKind kind) {
  switch (kind) {
    case EntityKind::principal:
    case EntityKind::session:
      return {"resource.accessKeyDetails.userName", "service.detection.sequence.actors.user.name"};
    case EntityKind::address:
      return {"service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
              "service.action.awsApiCallAction.remoteIpDetails.ipAddressV6",
              "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4",
              "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV6",
              "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
              "service.action.networkConnectionAction.remoteIpDetails.ipAddressV6",
              "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4",
              "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV6",
              "service.detection.sequence.endpoints.ip"};
    case EntityKind::domain:
      return {"service.action.dnsRequestAction.domain", "service.action.dnsRequestAction.domainWithSuffix",
              "service.detection.sequence.endpoints.domain"};
    case EntityKind::instance:
      return {"resource.instanceDetails.instanceId",
              "resource.instanceDetails.networkInterfaces.networkInterfaceId"};
    case EntityKind::bucket:
      return {"resource.s3BucketDetails.name"};
    case EntityKind::cluster_user:
      return {"resource.kubernetesDetails.kubernetesUserDetails.username"};
  }
  return {};
}

// What findings call it.
std::string_view name_in_findings(EntityKind kind, std::string_view name) {
  const auto behind = [&](char mark) {
    const std::size_t at = name.rfind(mark);
    return at == std::string_view::npos ? name : name.substr(at + 1);
  };
  switch (kind) {
    case EntityKind::session: {
      // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
      const std::size_t role = name.find('/');
      if (role == std::string_view::npos) return name;
      const std::string_view rest = name.substr(role + 1);
      return rest.substr(0, rest.find('/'));
    }
    case EntityKind::principal: {
      if (name.ends_with(":root")) return "root";
      // A permission set's user is part of the key: arn:…:role/…/AWSReservedSSO_NAME_ID/USER
      const std::size_t sso = name.find("/AWSReservedSSO_");
      if (sso != std::string_view::npos) {
        const std::string_view role = name.substr(sso + 1);
        return role.substr(0, role.find('/'));
      }
      return behind('/');
    }
    case EntityKind::cluster_user:
      return name.substr(std::min(name.size(), name.find('/') + 1));
    default:
      return name;
  }
}

EntityFinding told(const Finding& finding) {
  EntityFinding out{finding.id,
                    finding.type,
                    finding.account,
                    finding.region,
                    {},
                    finding.severity,
                    finding.created_at,
                    finding.updated_at,
                    finding.count,
                    finding.archived != Archived::no};
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view text;
  if (parser.parse(finding.document).get(root) != simdjson::SUCCESS) return out;
  if (root["title"].get(text) == simdjson::SUCCESS) out.title = text;
  for (const auto& [name, time] :
       {std::pair{"eventFirstSeen", &out.first_seen}, std::pair{"eventLastSeen", &out.last_seen}}) {
    if (root["service"][name].get(text) != simdjson::SUCCESS) continue;
    if (const auto parsed = parse_time(text)) *time = *parsed;
  }
  return out;
}

constexpr std::array<std::string_view, 7> facet_names{"calls",    "errors",  "regions", "countries",
                                                      "networks", "clients", "ports"};

void write_value(JsonWriter& json, const EntityPage& page, const Entities::Value& value) {
  json.member("count", value.count);
  if (value.failed > 0) json.member("failed", value.failed);
  if (value.bytes > 0) json.member("bytes", value.bytes);
  json.member("firstDay", iso_day(value.first_day));
  json.member("lastDay", iso_day(value.last_day));
  json.member("new", page.news(value));
}

void write_range(JsonWriter& json, const Range& range) {
  json.begin_object();
  json.member("low", range.low);
  json.member("median", range.median);
  json.member("high", range.high);
  json.end_object();
}

void write_activity(JsonWriter& json, const EntityPage& page) {
  json.key("activity");
  json.begin_object();
  json.key("hours");
  json.begin_array();
  for (const HourCount& hour : page.data.hours) {
    const TimeMs at = TimeMs{hour.hour} * hour_ms;
    if (at < page.from - page.from % hour_ms || at >= page.to) continue;
    json.begin_object();
    json.member("at", format_time(at));
    json.member("count", hour.count);
    json.member("failed", hour.failed);
    json.end_object();
  }
  json.end_array();
  json.key("days");
  json.begin_array();
  for (const auto& [day, sum] : page.data.days) {
    json.begin_object();
    json.member("day", iso_day(day));
    json.member("count", sum.count);
    json.member("failed", sum.failed);
    json.end_object();
  }
  json.end_array();
  // Before that day hours are told together.
  json.member("hourlySince", iso_day(day_of(page.data.last) - Entities::days_hourly));
  json.end_object();
  json.key("baseline");
  json.begin_object();
  json.member("days", page.baseline.days);
  if (page.baseline.days > 0) {
    json.key("perDay");
    write_range(json, page.baseline.day);
  }
  json.member("hourlyDays", page.baseline.hourly_days);
  if (page.baseline.hourly_days > 0) {
    json.key("hoursOfDay");
    json.begin_array();
    for (const Range& range : page.baseline.hours_of_day) write_range(json, range);
    json.end_array();
  }
  json.end_object();
}

void write_neighbours(JsonWriter& json, const EntityPage& page, const Backend& backend) {
  json.key("neighbours");
  json.begin_array();
  for (const Entities::Value& value : page.data.values) {
    if (value.facet < Facet::neighbour) continue;
    const auto kind =
        static_cast<EntityKind>(static_cast<unsigned>(value.facet) - static_cast<unsigned>(Facet::neighbour));
    json.begin_object();
    json.member("kind", name_of(kind));
    json.member("name", value.text);
    write_value(json, page, value);
    if (const auto ip = kind == EntityKind::address ? IpAddress::parse(value.text) : std::nullopt;
        ip && backend.place) {
      if (const auto place = backend.place(*ip)) {
        json.member("country", place->country_code);
        json.member("latitude", place->latitude);
        json.member("longitude", place->longitude);
        if (place->asn != 0) json.member("asn", place->asn);
        json.member("asOrg", place->as_org);
      }
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string iso_day(std::int32_t day) { return format_time(TimeMs{day} * day_ms).substr(0, 10); }

bool EntityPage::news(const Entities::Value& value) const {
  return !is_new && !value.text.empty() && value.known_since >= day_of(from);
}

Entities::Accounts entity_accounts(const Backend& backend, const aws::Credential& caller,
                                   const Members& members, const std::string& region) {
  const Scope here = scope_of(caller, members, region);
  if (!here.accounts) return std::nullopt;
  std::vector<std::string> out{caller.account};
  const auto places = backend.places ? backend.places() : std::vector<std::pair<std::string, std::string>>{};
  for (const std::string& account : *here.accounts) {
    if (account == caller.account) continue;
    const bool everywhere = std::ranges::all_of(places, [&](const auto& place) {
      if (place.first != account || place.second == region) return true;
      const Scope there = scope_of(caller, members, place.second);
      return std::ranges::find(*there.accounts, account) != there.accounts->end();
    });
    if (everywhere) out.push_back(account);
  }
  return out;
}

std::expected<std::vector<EntityFinding>, ApiError> findings_of(const Backend& backend, const Scope& scope,
                                                                EntityKind kind, std::string_view name,
                                                                bool& more) {
  const std::string wanted(name_in_findings(kind, name));
  std::set<std::string> ids;
  more = false;
  for (const std::string_view path : attributes_of(kind)) {
    const auto attribute = find_attribute(path);
    if (!attribute) continue;
    Condition condition;
    condition.attribute = *attribute;
    condition.equals.push_back(wanted);
    if (wanted == "root") condition.equals.emplace_back("Root");
    const auto page = backend.store->list(scope, Criteria{{condition}}, {}, findings_max, "");
    if (!page) return store_error(page.error(), "name");
    ids.insert(page->ids.begin(), page->ids.end());
    more = more || !page->next_token.empty();
  }
  const std::vector<std::string> wanted_ids(ids.begin(), ids.end());
  const auto found = backend.store->get(scope, wanted_ids);
  if (!found) return store_error(found.error(), "name");
  std::vector<EntityFinding> out;
  for (const Finding& finding : *found) {
    // A role has many sessions; the one in the finding stands behind the colon of its id.
    if (kind == EntityKind::session &&
        !finding.document.contains(std::string(":") + std::string(name.substr(name.rfind('/') + 1)) + '"'))
      continue;
    if (kind == EntityKind::cluster_user &&
        !finding.document.contains('"' + std::string(name.substr(0, name.find('/'))) + '"'))
      continue;
    out.push_back(told(finding));
  }
  std::ranges::sort(out, [](const EntityFinding& a, const EntityFinding& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    return a.last_seen != b.last_seen ? a.last_seen > b.last_seen : a.id < b.id;
  });
  if (out.size() > findings_max) {
    out.resize(findings_max);
    more = true;
  }
  return out;
}

std::expected<std::optional<EntityPage>, ApiError> entity_page(const Backend& backend, const Scope& findings,
                                                               const Entities::Accounts& accounts,
                                                               EntityQuery query) {
  if (backend.entities == nullptr) return std::nullopt;
  constexpr std::int32_t all_days = 1 << 16;
  auto data = backend.entities->data(accounts, query.kind, query.name, 0, all_days);
  if (!data && query.kind == EntityKind::principal && !query.name.empty()) {
    // "alice" for arn:aws:iam::123456789012:user/alice: the most active one of that name.
    constexpr std::size_t looked_at = 1000;
    for (const auto& found : backend.entities->find(accounts, query.kind, query.name, looked_at)) {
      if (!found.name.ends_with('/' + query.name) && !found.name.ends_with(':' + query.name)) continue;
      query.name = found.name;
      data = backend.entities->data(accounts, query.kind, query.name, 0, all_days);
      break;
    }
  }
  if (!data) return std::nullopt;
  EntityPage page;
  const TimeMs last_day_end = (TimeMs{day_of(data->last)} + 1) * day_ms;
  page.to = query.to.value_or(last_day_end);
  page.from = query.from.value_or(page.to - default_span_days * day_ms);
  if (page.from >= page.to) return invalid_parameter("from");
  auto within =
      backend.entities->data(accounts, query.kind, query.name, day_of(page.from), day_of(page.to - 1));
  if (!within) return std::nullopt;
  page.data = std::move(*within);
  page.is_new = page.data.first >= TimeMs{day_of(page.from)} * day_ms;
  page.baseline = baseline_of(page.data, page.from);
  if (query.kind == EntityKind::principal && backend.usual)
    page.usual = backend.usual(page.data.accounts.front(), page.data.name, day_of(page.from));
  // Names mean something within their accounts only.
  Scope within_accounts = findings;
  within_accounts.accounts = page.data.accounts;
  auto found = findings_of(backend, within_accounts, query.kind, page.data.name, page.more_findings);
  if (!found) return std::unexpected(found.error());
  page.findings = std::move(*found);
  return page;
}

void write_findings(JsonWriter& json, std::span<const EntityFinding> findings) {
  json.key("findings");
  json.begin_array();
  for (const EntityFinding& finding : findings) {
    json.begin_object();
    json.member("id", finding.id);
    json.member("type", finding.type);
    json.member("title", finding.title);
    json.member("severity", finding.severity);
    json.member("accountId", finding.account);
    json.member("region", finding.region);
    json.member("firstSeen", format_time(finding.first_seen));
    json.member("lastSeen", format_time(finding.last_seen));
    json.member("count", finding.count);
    json.member("archived", finding.archived);
    json.end_object();
  }
  json.end_array();
}

void write_entity_page(JsonWriter& json, const EntityPage& page, const Backend& backend) {
  json.begin_object();
  json.member("kind", name_of(page.data.kind));
  json.member("name", page.data.name);
  json.member("accounts", page.data.accounts);
  json.member("firstSeen", format_time(page.data.first));
  json.member("lastSeen", format_time(page.data.last));
  json.member("total", page.data.activity);
  json.member("from", format_time(page.from));
  json.member("to", format_time(page.to));
  json.member("isNew", page.is_new);
  if (page.data.days_since > 0) json.member("completeSince", iso_day(page.data.days_since));
  if (const auto ip = page.data.kind == EntityKind::address ? IpAddress::parse(page.data.name) : std::nullopt;
      ip && backend.place) {
    if (const auto place = backend.place(*ip)) {
      json.key("place");
      json.begin_object();
      json.member("country", place->country_code);
      json.member("latitude", place->latitude);
      json.member("longitude", place->longitude);
      if (place->asn != 0) json.member("asn", place->asn);
      json.member("asOrg", place->as_org);
      json.end_object();
    }
  }
  write_activity(json, page);
  for (std::size_t i = 0; i < facet_names.size(); ++i) {
    json.key(facet_names[i]);
    json.begin_array();
    for (const Entities::Value& value : page.data.values) {
      if (value.facet != static_cast<Facet>(i)) continue;
      json.begin_object();
      json.member("value", value.text);
      write_value(json, page, value);
      json.end_object();
    }
    json.end_array();
  }
  write_neighbours(json, page, backend);
  if (page.usual) {
    json.key("usual");
    json.begin_object();
    json.member("activeDays", page.usual->days);
    json.key("values");
    json.begin_object();
    for (const auto& [factor, by_frequency] : page.usual->values) {
      json.key(factor);
      json.begin_object();
      for (const auto& [frequency, texts] : by_frequency) json.member(frequency, texts);
      json.end_object();
    }
    json.end_object();
    json.end_object();
  }
  write_findings(json, page.findings);
  json.member("moreFindings", page.more_findings);
  json.end_object();
}

}  // namespace picket::api
