// Publishing destinations of GuardDuty's API, as the settings of the store hold them (kind
// "publishing_destination"), and the outbox rows that tell pipeline/publisher what to send there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "finding/change.h"
#include "store/finding_store.h"

namespace picket {

enum class PublishingStatus : std::uint8_t { pending_verification, publishing, unable, stopped };
std::string_view to_string(PublishingStatus status);  // GuardDuty's word

struct PublishingDestination {
  std::string account, region, id;
  std::string destination_arn;  // arn:aws:s3:::BUCKET[/PREFIX]
  std::string kms_key_arn, expected_bucket_owner;
  PublishingStatus status = PublishingStatus::pending_verification;
  TimeMs failing_since = 0;         // 0: is not failing
  TimeMs updates_published_at = 0;  // when updates of known findings were sent last
  TimeMs created_at = 0, updated_at = 0;
  std::map<std::string, std::string> tags;
  std::uint64_t version = 0;  // of the stored row
};

Result<std::optional<PublishingDestination>> load_destination(FindingStore& store, std::string_view account,
                                                              std::string_view region, std::string_view id);
Result<std::vector<PublishingDestination>> load_destinations(FindingStore& store,
                                                             std::optional<std::string_view> account = {},
                                                             std::optional<std::string_view> region = {});
SettingChange save_change(const PublishingDestination& destination);
SettingChange remove_change(const PublishingDestination& destination);

// How long the updates of known findings wait: findingPublishingFrequency of the account's detector.
Result<TimeMs> publishing_interval(FindingStore& store, std::string_view account, std::string_view region);

struct BucketPlace {
  std::string bucket;
  std::string prefix;  // without slashes at its ends; empty: the whole bucket
};
std::optional<BucketPlace> parse_bucket_arn(std::string_view arn);

// Kinds of outbox rows: "publish/new/DESTINATION", "publish/update/…" and "publish/withdrawn/…".
struct PublishRow {
  FindingChange change = FindingChange::updated;
  std::string destination;
};
std::string outbox_kind(const PublishRow& row);
std::optional<PublishRow> parse_outbox_kind(std::string_view kind);  // nothing: another consumer's row

}  // namespace picket
