#include "store/publishing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "store/detector_settings.h"
#include "store/stored.h"

namespace picket {

namespace {

constexpr std::string_view setting_kind = "publishing_destination";
constexpr std::string_view publish_prefix = "publish/";
constexpr std::array<std::string_view, 4> status_names{
    "PENDING_VERIFICATION", "PUBLISHING", "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY", "STOPPED"};

std::string write(const PublishingDestination& destination) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("destination_arn", destination.destination_arn);
  json.member("kms_key_arn", destination.kms_key_arn);
  json.member("expected_bucket_owner", destination.expected_bucket_owner);
  json.member("status", to_string(destination.status));
  json.member("failing_since", destination.failing_since);
  json.member("updates_published_at", destination.updates_published_at);
  json.member("created_at", destination.created_at);
  json.member("updated_at", destination.updated_at);
  json.member("tags", destination.tags);
  json.end_object();
  return out;
}

PublishingDestination read(const Setting& setting, const simdjson::dom::element& root) {
  const auto text = [&](std::string_view name) { return stored_text(root, name); };
  PublishingDestination destination{.account = setting.account, .region = setting.region, .id = setting.id};
  destination.destination_arn = text("destination_arn");
  destination.kms_key_arn = text("kms_key_arn");
  destination.expected_bucket_owner = text("expected_bucket_owner");
  const auto status = std::ranges::find(status_names, std::string_view(root["status"]));
  if (status == status_names.end()) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  destination.status = static_cast<PublishingStatus>(status - status_names.begin());
  destination.failing_since = root["failing_since"];
  destination.updates_published_at = root["updates_published_at"];
  destination.created_at = root["created_at"];
  destination.updated_at = root["updated_at"];
  destination.tags = stored_texts(root, "tags");
  destination.version = setting.version;
  return destination;
}

}  // namespace

std::string_view to_string(PublishingStatus status) { return status_names[static_cast<std::size_t>(status)]; }

Result<std::optional<PublishingDestination>> load_destination(FindingStore& store, std::string_view account,
                                                              std::string_view region, std::string_view id) {
  return load_stored(store, account, region, setting_kind, id, read);
}

Result<std::vector<PublishingDestination>> load_destinations(FindingStore& store,
                                                             std::optional<std::string_view> account,
                                                             std::optional<std::string_view> region) {
  return load_all_stored(store, account, region, setting_kind, read);
}

SettingChange save_change(const PublishingDestination& destination) {
  return {destination.account, destination.region, std::string(setting_kind), destination.id,
          write(destination)};
}

SettingChange remove_change(const PublishingDestination& destination) {
  return {destination.account, destination.region, std::string(setting_kind), destination.id, std::nullopt};
}

Result<TimeMs> publishing_interval(FindingStore& store, std::string_view account, std::string_view region) {
  const auto detector = load_detector(store, account, region);
  if (!detector) return std::unexpected(detector.error());
  const std::string name = *detector ? (*detector)->finding_publishing_frequency
                                     : default_detector(0).finding_publishing_frequency;
  if (name == "FIFTEEN_MINUTES") return 15 * minute_ms;
  if (name == "ONE_HOUR") return hour_ms;
  return 6 * hour_ms;
}

std::optional<BucketPlace> parse_bucket_arn(std::string_view arn) {
  // arn:PARTITION:s3:::BUCKET/PREFIX
  if (!arn.starts_with("arn:aws")) return std::nullopt;
  const std::size_t at = arn.find(":s3:::");
  if (at == std::string_view::npos || arn.find(':', 4) != at) return std::nullopt;
  const std::string_view place = arn.substr(at + 6);
  const std::size_t slash = std::min(place.find('/'), place.size());
  BucketPlace out{std::string(place.substr(0, slash)), std::string(place.substr(slash))};
  const auto of_bucket = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  };
  if (out.bucket.size() < 3 || out.bucket.size() > 63 || !std::ranges::all_of(out.bucket, of_bucket))
    return std::nullopt;
  while (out.prefix.starts_with('/')) out.prefix.erase(0, 1);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  return out;
}

std::string outbox_kind(const PublishRow& row) {
  return fmt::format("{}{}/{}", publish_prefix, word_of(row.change), row.destination);
}

std::optional<PublishRow> parse_outbox_kind(std::string_view kind) {
  if (!kind.starts_with(publish_prefix)) return std::nullopt;
  kind.remove_prefix(publish_prefix.size());
  const std::size_t slash = kind.find('/');
  const auto change = parse_change(kind.substr(0, slash));
  if (slash == std::string_view::npos || !change) return std::nullopt;
  return PublishRow{*change, std::string(kind.substr(slash + 1))};
}

}  // namespace picket
