// CreateSampleFindings: findings that show what each type looks like. They are marked (title, and
// service.additionalInfo.sample) and have ids of their own, so that they never meet real ones.
#include "api/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"
#include "respond/rules.h"
#include "store/publishing.h"

namespace picket::api {

namespace {

std::string filled(std::string_view part, const SamplePlace& place) {
  std::string out;
  out.reserve(part.size());
  while (true) {
    const std::size_t at = part.find("${");
    out += part.substr(0, at);
    if (at == std::string_view::npos) return out;
    part.remove_prefix(at);
    const std::size_t end = part.find('}');
    const std::string_view name = part.substr(2, end - 2);
    out += name == "ACCOUNT"  ? std::string_view(place.account)
           : name == "REGION" ? std::string_view(place.region)
                              : partition_of(place.region);
    part.remove_prefix(end + 1);
  }
}

// Samples show whether the caller's destinations and the rules' targets work, so they are sent like others.
std::expected<std::vector<OutboxRow>, ApiError> outbox_of(const Call& call,
                                                          const std::vector<FindingRow>& rows) {
  const auto destinations = load_destinations(call.store(), call.caller.account, call.region);
  if (!destinations) return store_error(destinations.error(), "findingTypes");
  std::vector<OutboxRow> outbox;
  for (const PublishingDestination& destination : *destinations) {
    for (const FindingRow& row : rows)
      outbox.push_back({row.id, outbox_kind({FindingChange::created, destination.id})});
  }
  if (call.backend.rules != nullptr) {
    for (const FindingRow& row : rows)
      std::ranges::move(respond::outbox_rows(*call.backend.rules, row, nullptr), std::back_inserter(outbox));
  }
  return outbox;
}

}  // namespace

FindingRow sample_finding(const SampleType& sample, const SamplePlace& place) {
  FindingRow row;
  row.id = hash128(fmt::format("sample\x1f{}\x1f{}\x1f{}\x1f{}", place.account, place.region, sample.type,
                               place.now))
               .hex();
  row.account = place.account;
  row.region = place.region;
  row.type = sample.type;
  row.detector_id = place.detector_id;
  row.severity = sample.severity;
  row.created_at = row.updated_at = row.first_seen = row.last_seen = place.now;
  row.count = 1;
  row.epoch = place.epoch;

  const std::string time = format_time(place.now);
  const std::string_view partition = partition_of(place.region);
  JsonWriter json(row.document);
  json.begin_object();
  json.member("schemaVersion", "2.0");
  json.member("accountId", row.account);
  json.member("region", row.region);
  json.member("partition", partition);
  json.member("id", row.id);
  json.member("arn", fmt::format("arn:{}:guardduty:{}:{}:detector/{}/finding/{}", partition, row.region,
                                 row.account, row.detector_id, row.id));
  json.member("type", row.type);
  json.member_raw("resource", filled(sample.resource, place));
  json.key("service");
  json.begin_object();
  json.member("serviceName", "guardduty");
  json.member("detectorId", row.detector_id);
  if (!sample.action.empty()) json.member_raw("action", filled(sample.action, place));
  json.member("resourceRole", sample.role);
  if (!sample.feature.empty()) json.member("featureName", sample.feature);
  if (!sample.extra.empty()) {
    std::string extra = filled(sample.extra, place);
    json.raw(extra);
  }
  json.member_raw("additionalInfo", R"({"sample":true})");
  json.member("eventFirstSeen", time);
  json.member("eventLastSeen", time);
  json.member("count", row.count);
  json.end_object();
  json.member("severity", row.severity);
  json.member("createdAt", time);
  json.member("updatedAt", time);
  json.member("title", fmt::format("[SAMPLE] {}", row.type));
  json.member("description",
              fmt::format("A sample of the finding type {}. Nothing was detected; the resources, "
                          "addresses and names in it are made up.",
                          row.type));
  json.end_object();
  return row;
}

const SampleType* find_sample(std::string_view type) {
  const auto sample = std::ranges::lower_bound(sample_types(), type, {}, &SampleType::type);
  return sample == sample_types().end() || sample->type != type ? nullptr : &*sample;
}

Answer create_sample_findings(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  std::vector<std::string> wanted = call.strings("findingTypes");
  const auto epoch = call.store().last_epoch();
  if (!epoch) return store_error(epoch.error(), "findingTypes");
  const SamplePlace place{call.caller.account, call.region, call.detector_id(), *epoch, call.now};
  std::vector<FindingRow> rows;
  if (wanted.empty()) {
    for (const SampleType& sample : sample_types()) rows.push_back(sample_finding(sample, place));
  }
  std::ranges::sort(wanted);
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const std::string& type : wanted) {
    const SampleType* sample = find_sample(type);
    if (sample == nullptr)
      return invalid_parameter("findingTypes",
                               "a sample can be made of GuardDuty's types only, spelled out in full");
    rows.push_back(sample_finding(*sample, place));
  }
  const auto outbox = outbox_of(call, rows);
  if (!outbox) return std::unexpected(outbox.error());
  const auto applied = call.store().apply(rows, {}, *epoch, *outbox, call.now);
  if (!applied) return store_error(applied.error(), "findingTypes");
  if (!applied->rejected.empty())
    return store_error(
        {ErrorKind::internal, "a sample finding was rejected: " + applied->rejected.front().why,
         applied->rejected.front().id, -1},
        "findingTypes");
  return "{}";
}

}  // namespace picket::api
