#include "pipeline/digest_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "base/json_writer.h"
#include "event/raw_json.h"

namespace picket {

namespace {

// How far a chain may lie behind the clock: twice what it did in a day of watching, and what a digest and its
// delivery take. Folders that are filled once a day are judged by that.
constexpr TimeMs digest_delay = 2 * hour_ms;
constexpr TimeMs watched_min = day_ms;

std::string identity_of(const DigestFault& fault) {
  // The end of a chain moves with every look; the fault is the same.
  return fault.kind + '\x1f' + fault.account + '\x1f' + fault.region + '\x1f' + fault.object;
}

}  // namespace

std::string digest_faults_body(const std::vector<DigestFault>& faults) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const DigestFault& fault : faults) {
    json.begin_object();
    json.member("kind", fault.kind);
    json.member("object", fault.object);
    json.member("detail", fault.detail);
    json.member("account", fault.account);
    json.member("region", fault.region);
    json.member("time", fault.time);
    json.end_object();
  }
  json.end_array();
  return out;
}

Result<std::vector<DigestFault>> read_digest_faults(std::string_view body) {
  const JsonDocument document(body);
  simdjson::dom::array items;
  if (!document.root() || document.root()->get(items) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "faults of digests must be a list");
  std::vector<DigestFault> out;
  for (const simdjson::dom::element item : items) {
    DigestFault fault;
    const auto text = [&](std::string_view name, std::string& into) {
      std::string_view value;
      if (item[name].get(value) == simdjson::SUCCESS) into = value;
    };
    text("kind", fault.kind);
    text("object", fault.object);
    text("detail", fault.detail);
    text("account", fault.account);
    text("region", fault.region);
    std::int64_t time = 0;
    if (item["time"].get(time) != simdjson::SUCCESS || fault.kind.empty())
      return fail(ErrorKind::invalid, "a fault of a digest needs a kind and a time");
    fault.time = time;
    out.push_back(std::move(fault));
  }
  return out;
}

Gap gap_of(const DigestFault& fault) {
  Gap gap{.kind = GapKind::broken_digest,
          .log = LogKind::cloudtrail,
          .account = fault.account,
          .region = fault.region,
          .what = fault.kind,
          .object = fault.object,
          .detail = fault.detail,
          .from = fault.time,
          .to = fault.time};
  gap.first.time = gap.last.time = fault.time;
  return gap;
}

void DigestWatch::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex sleeping;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      look();
      std::unique_lock lock(sleeping);
      wake.wait_for(lock, stop, std::chrono::milliseconds(settings_.every), [] { return false; });
    }
  });
}

void DigestWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

integrity::VerifyReport DigestWatch::verify_folder(const std::string& folder) const {
  const auto newest = integrity::newest_digest(list_files(folder));
  if (!newest) return {};
  Workers one(1);  // beside the engine's
  return integrity::verify_archive({.paths = {folder},
                                    .from = *newest - settings_.look_back,
                                    .to = {},
                                    .limits = {},
                                    .archive = nullptr,
                                    .known = nullptr},
                                   settings_.keys, one);
}

// All of the bucket is listed once; later what is not older than the newest digest was.
integrity::VerifyReport DigestWatch::verify_bucket(const DigestWatchSettings::Bucket& bucket) {
  TimeMs& newest = newest_[bucket.place];
  if (newest == 0) {
    const Listing listing = bucket.archive->list(bucket.place, {});
    integrity::VerifyReport report;
    report.failures = listing.failures;
    if (!listing.failures.empty()) return report;
    newest = integrity::newest_digest(listing).value_or(0);
    if (newest == 0) return report;
  }
  Workers one(1);
  integrity::VerifyReport report = integrity::verify_archive({.paths = {bucket.place},
                                                              .from = newest - settings_.look_back,
                                                              .to = {},
                                                              .limits = {},
                                                              .archive = bucket.archive.get(),
                                                              .known = &known_},
                                                             settings_.keys, one);
  for (const integrity::ChainReport& chain : report.chains) newest = std::max(newest, chain.to);
  return report;
}

// The newest end of a chain that stops: nothing in the folder tells it, only the clock.
std::optional<DigestFault> DigestWatch::overdue(const integrity::ChainReport& chain) {
  if (chain.backfill || chain.to == 0) return std::nullopt;
  const TimeMs now = wall_clock_();
  ChainLag& lag = lags_[{chain.account, chain.region, chain.trail}];
  if (lag.since == 0) lag.since = now;
  const bool moved = chain.to > lag.end;
  const bool known = now - lag.since >= watched_min;
  if (moved && lag.end != 0) lag.longest = std::max(lag.longest, now - lag.end);
  lag.end = std::max(lag.end, chain.to);
  if (!known || moved || now - lag.end <= digest_delay + 2 * lag.longest) return std::nullopt;
  return DigestFault{
      std::string(integrity::name_of(integrity::ProblemKind::chain_cut)),
      "",
      "no digest came since that of " + format_time_seconds(chain.to) + ", though they come hourly",
      chain.account,
      chain.region,
      chain.to};
}

void DigestWatch::take_in(const integrity::VerifyReport& report, const std::string& place, Seen& seen,
                          DigestStatus& status) {
  const auto take = [&](const std::vector<integrity::Problem>& problems, const std::string& account,
                        const std::string& region, TimeMs time) {
    for (const integrity::Problem& problem : problems) {
      if (!integrity::is_fault(problem.kind)) {
        ++status.unproven;
        continue;
      }
      ++status.faults;
      DigestFault fault{std::string(integrity::name_of(problem.kind)),
                        problem.object,
                        problem.detail,
                        account,
                        region,
                        time};
      if (fault.object.starts_with(place + '/')) fault.object = fault.object.substr(place.size() + 1);
      seen.emplace(identity_of(fault), std::move(fault));
    }
  };
  TimeMs newest = 0;
  for (const integrity::ChainReport& chain : report.chains) {
    ++status.chains;
    status.digests_valid += chain.digests.valid;
    status.logs_valid += chain.logs.valid;
    newest = std::max(newest, chain.to);
    take(chain.problems, chain.account, chain.region, chain.to);
    if (auto fault = overdue(chain)) {
      ++status.faults;
      seen.emplace(identity_of(*fault), std::move(*fault));
    }
  }
  for (const auto& uncovered : report.uncovered)
    take(uncovered.problems, uncovered.account, uncovered.region, newest);
}

void DigestWatch::look() {
  Seen seen;
  DigestStatus status;
  for (const std::string& folder : settings_.folders) take_in(verify_folder(folder), folder, seen, status);
  for (const DigestWatchSettings::Bucket& bucket : settings_.buckets) {
    const integrity::VerifyReport report = verify_bucket(bucket);
    for (const auto& [path, why] : report.failures) status.failure = path + ": " + why;
    std::string place = bucket.place;
    while (place.ends_with('/')) place.pop_back();
    take_in(report, place, seen, status);
  }
  // Where something could not be reached, nobody asked for all.
  if (status.failure.empty()) known_.forget();
  status.last = wall_clock_();
  const std::lock_guard lock(mutex_);
  status.looks = status_.looks + 1;
  status_ = status;
  for (const auto& [identity, fault] : seen)
    if (suspected_.contains(identity) && told_.insert(identity).second) fresh_.push_back(fault);
  suspected_ = std::move(seen);
}

std::vector<DigestFault> DigestWatch::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fresh_, {});
}

DigestStatus DigestWatch::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace picket
