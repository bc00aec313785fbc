#include "cli/bucket.h"

#include "base/clock.h"
#include "source/s3_source.h"

namespace picket::cli {

Result<std::optional<aws::CallerKey>> key_of(const Config& config, const SourceKeys& source) {
  const bool own = !source.credentials.empty() || !source.profile.empty();
  return aws::load_caller_key(
      source.credentials.empty() ? config.s3.credentials : source.credentials,
      source.profile.empty() ? (own ? "default" : config.s3.profile) : source.profile);
}

SourceKeys source_of_bucket(const Config& config, const std::string& bucket, const std::string& region) {
  SourceKeys source;
  for (const SourceKeys& one : config.sources)
    if (const auto place = parse_bucket_url(one.url); place && place->first == bucket) source = one;
  if (!region.empty()) source.region = region;
  return source;
}

Result<std::shared_ptr<const integrity::Archive>> archive_of(const Config& config, const SourceKeys& source) {
  auto key = key_of(config, source);
  if (!key) return std::unexpected(key.error());
  auto made = integrity::BucketArchive::make(
      {.region = source.region.empty() ? "us-east-1" : source.region,
       .endpoint = source.endpoint.empty() ? config.s3.endpoint : source.endpoint,
       .role = source.role,
       .external_id = source.external_id},
      config.network.allow_hosts, config.network.ca_file, std::move(*key), wall_clock);
  if (!made) return std::unexpected(made.error());
  return std::shared_ptr<const integrity::Archive>(std::move(*made));
}

}  // namespace picket::cli
