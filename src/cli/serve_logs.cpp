#include "cli/serve_logs.h"

#include <chrono>

#include "base/clock.h"
#include "base/text_file.h"
#include "cli/bucket.h"
#include "pipeline/records.h"
#include "pipeline/setup.h"

namespace picket::cli {

namespace {

SourceSettings settings_of(const SourceKeys& source) {
  return {source.name, source.kind, source.account, source.region, source.cluster, source.flow_format};
}

LiveSettings live_settings_of(const Config& config, const ServeFlags& flags) {
  LiveSettings settings;
  settings.data_dir = flags.data_dir;
  settings.retention = config.retention;
  settings.baseline = flags.baseline;
  if (flags.exit_when_done) settings.quiet_before_release = 0;  // What is there is all.
  settings.snapshot_interval = config.snapshot_interval;
  settings.lateness = lateness_of(config);
  settings.builtin_lists = config.intel_builtin;
  settings.set_limits = {config.intel_sets.bytes_max, config.intel_sets.trusted_ips_max,
                         config.intel_sets.threat_ips_max, config.intel_sets.entities_max};
  for (const std::string& path : flags.watch) settings.sources.push_back({path, {}});
  for (const SourceKeys& source : config.sources)
    if (source.url.empty()) settings.sources.push_back({source.path, settings_of(source)});
  return settings;
}

Result<std::optional<DigestWatchSettings>> digest_settings(const Config& config, const LiveSettings& live) {
  if (config.integrity.keys.empty()) return std::nullopt;
  DigestWatchSettings out;
  out.every = config.integrity.every;
  for (const WatchSource& source : live.sources)
    if (!source.settings.kind || source.settings.kind == LogKind::cloudtrail)
      out.folders.push_back(source.path);
  for (const SourceKeys& source : config.sources) {
    if (!source.url.starts_with("s3://") || (source.kind && source.kind != LogKind::cloudtrail)) continue;
    auto archive = archive_of(config, source);
    if (!archive) return std::unexpected(archive.error());
    out.buckets.push_back({source.url, std::move(*archive)});
  }
  for (const std::string& path : config.integrity.keys) {
    const auto text = read_text_file(path);
    if (!text) return std::unexpected(text.error());
    if (const auto added = out.keys.add(*text, path); !added) return std::unexpected(added.error());
  }
  return out;
}

// One for each bucket among the sources.
Result<std::vector<std::unique_ptr<S3Source>>> make_buckets(const Config& config, const Spool& spool,
                                                            LiveSettings& live) {
  std::vector<std::unique_ptr<S3Source>> out;
  for (const SourceKeys& source : config.sources) {
    if (!source.url.starts_with("s3://")) continue;
    const auto place = parse_bucket_url(source.url);
    if (!place) return fail(ErrorKind::invalid, "source.url must be s3://BUCKET/PREFIX", source.url);
    auto key = key_of(config, source);
    if (!key) return std::unexpected(key.error());
    S3SourceSettings settings{.name = source.name,
                              .bucket = place->first,
                              .prefix = place->second,
                              .queue = source.queue,
                              .region = source.region.empty() ? "us-east-1" : source.region,
                              .endpoint = source.endpoint.empty() ? config.s3.endpoint : source.endpoint,
                              .role = source.role,
                              .external_id = source.external_id};
    // Without a queue listing is all there is.
    settings.list_every = source.list_every.value_or(source.queue.empty() ? minute_ms : 10 * minute_ms);
    auto bucket = S3Source::make(std::move(settings), config.network.allow_hosts, config.network.ca_file,
                                 std::move(*key), spool, wall_clock);
    if (!bucket) return std::unexpected(bucket.error());
    live.buckets.push_back({bucket->get(), settings_of(source)});
    out.push_back(std::move(*bucket));
  }
  if (!out.empty()) live.spool = &spool;
  return out;
}

}  // namespace

ServedLogs::ServedLogs(const Config& config, const ServeFlags& flags)
    : settings_(live_settings_of(config, flags)),
      spool_(flags.data_dir + "/spool"),
      pushed_archive_(pushed_folder(flags.data_dir), config.pushed_bytes_kept),
      inbox_(inbox_folder(flags.data_dir), config.inbox_bytes_max, wall_clock, &pushed_archive_) {}

Result<std::unique_ptr<ServedLogs>> ServedLogs::make(const Config& config, const ServeFlags& flags) {
  std::unique_ptr<ServedLogs> made(new ServedLogs(config, flags));
  auto digests = digest_settings(config, made->settings_);
  if (!digests) return std::unexpected(digests.error());
  made->settings_.digests = std::move(*digests);
  auto rules = respond::Rules::make(config.respond);
  if (!rules) return std::unexpected(rules.error());
  made->settings_.respond_by = std::make_shared<const respond::Rules>(std::move(*rules));
  auto buckets = make_buckets(config, made->spool_, made->settings_);
  if (!buckets) return std::unexpected(buckets.error());
  made->buckets_ = std::move(*buckets);
  auto pushed = PushedSources::make(config, made->inbox_);
  if (!pushed) return std::unexpected(pushed.error());
  made->pushed_ = std::move(*pushed);
  made->settings_.inbox = &made->inbox_;
  made->settings_.pushed_archive = &made->pushed_archive_;
  made->settings_.pushed = made->pushed_->sources();
  return made;
}

bool ServedLogs::any() const {
  return !settings_.sources.empty() || !settings_.buckets.empty() || !settings_.pushed.empty();
}

Result<std::string> ServedLogs::read_record(const std::string& object, std::uint64_t position) {
  constexpr std::chrono::seconds wait{5};
  const std::unique_lock one_reader(reading_, wait);
  if (!one_reader) return fail(ErrorKind::io, "another record is being read", object);
  const auto in_bucket = [&](const WatchedBucket& watched) -> Result<std::map<std::uint64_t, std::string>> {
    if (!object.starts_with(watched.bucket->settings().prefix))
      return fail(ErrorKind::not_found, "not below the source's prefix", object);
    const auto bytes = watched.bucket->content(object);
    if (!bytes) return std::unexpected(bytes.error());
    return read_records([&] { return Result<std::unique_ptr<ByteSource>>(memory_source(*bytes)); },
                        {.key = object}, {position});
  };
  const auto nowhere =
      fail(ErrorKind::not_found, "the object is neither among what is watched nor kept any more", object);
  Result<std::map<std::uint64_t, std::string>> found = nowhere;
  const auto is_settled = [&] { return found || found.error().kind != ErrorKind::not_found; };
  for (const WatchSource& source : settings_.sources)
    if (!is_settled()) found = read_records(source.path, object, {position});
  for (const WatchedBucket& watched : settings_.buckets)
    if (!is_settled()) found = in_bucket(watched);
  if (!is_settled())
    if (const auto pushed = inbox_.find(object)) found = read_records(*pushed, {position});
  if (!found) return is_settled() ? std::unexpected(found.error()) : nowhere;
  const auto at = found->find(position);
  if (at == found->end()) return fail(ErrorKind::not_found, "the object has no such record any more", object);
  return std::move(at->second);
}

}  // namespace picket::cli
