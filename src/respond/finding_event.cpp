#include "respond/finding_event.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/hash.h"
#include "base/json_writer.h"
#include "finding/export.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

// In the form of a UUID of version 8, whose bits are the maker's own.
std::string uuid_of(const Hash128& hash) {
  std::string hex = hash.hex();
  hex[12] = '8';
  hex[16] = '8';
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace

FindingEvent event_of(std::string_view document, std::string_view finding_id, std::uint64_t epoch,
                      FindingChange change) {
  FindingEvent event;
  event.id = uuid_of(hash128(fmt::format("event\x1f{}\x1f{}", finding_id, epoch)));
  event.finding_id = finding_id;
  event.change = change;
  event.detail = exported_form(document);
  dom::parser parser;
  dom::element root;
  if (parser.parse(event.detail).get(root) != simdjson::SUCCESS) return event;
  const auto text = [&](const char* name) {
    std::string_view value;
    return root[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  event.account = text("accountId");
  event.region = text("region");
  event.type = text("type");
  event.time = parse_time(text("updatedAt")).value_or(0);
  double severity = 0;
  if (root["severity"].get(severity) == simdjson::SUCCESS) event.severity = severity;
  return event;
}

std::string event_json(const FindingEvent& event, std::string_view source) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("version", "0");
  json.member("id", event.id);
  json.member("detail-type", finding_detail_type);
  json.member("source", source);
  json.member("account", event.account);
  json.member("time", format_time_seconds(event.time));
  json.member("region", event.region);
  json.member_raw("resources", "[]");
  json.member_raw("detail", event.detail);
  json.end_object();
  return out;
}

}  // namespace picket::respond
