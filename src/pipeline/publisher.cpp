#include "pipeline/publisher.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/gzip.h"
#include "base/hash.h"
#include "base/program_log.h"
#include "finding/export.h"

namespace picket {

namespace {

constexpr std::size_t outbox_rows = 1000;
constexpr std::size_t findings_per_batch = 500;
constexpr TimeMs retry_interval = 30 * second_ms;
constexpr auto pause = std::chrono::milliseconds(500);

// "2026-11-25T…" as "2026/11/25".
std::string day_of(TimeMs time) {
  std::string day = format_time(time).substr(0, 10);
  std::ranges::replace(day, '-', '/');
  return day;
}

// The same findings sent again after a crash get the same name, so that they are there once.
std::string name_for(std::string_view body) {
  const std::string hex = hash128(body).hex();
  return fmt::format("{}-{}-{}-{}-{}.jsonl.gz", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

std::string account_of(const std::string& document) {
  simdjson::dom::parser parser;
  std::string_view account;
  return parser.parse(document)["accountId"].get(account) == simdjson::SUCCESS ? std::string(account)
                                                                               : std::string();
}

}  // namespace

Publisher::Publisher(FindingStore& store, const aws::S3Client& s3, std::function<TimeMs()> wall_clock)
    : store_(store), s3_(s3), wall_clock_(std::move(wall_clock)) {}

Result<void> Publisher::turn() {
  if (auto taken = take_in(); !taken) return taken;
  auto destinations = load_destinations(store_);
  if (!destinations) return std::unexpected(destinations.error());
  std::set<std::string> known;
  for (PublishingDestination& destination : *destinations) {
    known.insert(destination.id);
    if (auto served = serve(std::move(destination)); !served) return served;
  }
  // What was meant for a destination that is gone goes nowhere.
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (known.contains(at->first)) {
      ++at;
      continue;
    }
    std::vector<std::uint64_t> dropped;
    for (const auto* rows : {&at->second.fresh, &at->second.updates})
      for (const auto& [finding, sequence] : *rows) dropped.push_back(sequence);
    if (auto done = store_.outbox_done(dropped); !done) return done;
    retry_at_.erase(at->first);
    at = waiting_.erase(at);
  }
  return {};
}

// One row a finding and destination is enough: what is sent is the finding as it is then.
Result<void> Publisher::take_in() {
  for (;;) {
    const auto rows = store_.outbox(last_sequence_, outbox_rows);
    if (!rows) return std::unexpected(rows.error());
    std::vector<std::uint64_t> superseded;
    for (const OutboxEntry& row : *rows) {
      last_sequence_ = row.sequence;
      const auto meant = parse_outbox_kind(row.kind);
      if (!meant) continue;
      Waiting& waiting = waiting_[meant->destination];
      if (meant->change == FindingChange::updated && waiting.fresh.contains(row.finding_id)) {
        superseded.push_back(row.sequence);
        continue;
      }
      auto& queue = meant->change == FindingChange::created ? waiting.fresh : waiting.updates;
      const auto [at, first] = queue.try_emplace(row.finding_id, row.sequence);
      if (!first) superseded.push_back(std::exchange(at->second, row.sequence));
    }
    if (!superseded.empty()) {
      if (auto done = store_.outbox_done(superseded); !done) return done;
    }
    if (rows->size() < outbox_rows) return {};
  }
}

Result<void> Publisher::serve(PublishingDestination destination) {
  const TimeMs now = wall_clock_();
  const bool verified = destination.status == PublishingStatus::publishing;
  if (destination.status != PublishingStatus::pending_verification && now < retry_at_[destination.id])
    return {};
  Waiting& waiting = waiting_[destination.id];
  const PublishingDestination before = destination;
  Result<Refusal> refused = verified ? Refusal() : verify(destination);
  if (refused && !*refused) refused = send(destination, waiting.fresh);
  if (refused && !*refused && !waiting.updates.empty()) {
    const auto interval = publishing_interval(store_, destination.account, destination.region);
    if (!interval) return std::unexpected(interval.error());
    if (now - destination.updates_published_at >= *interval) {
      refused = send(destination, waiting.updates);
      if (refused && !*refused) destination.updates_published_at = now;
    }
  }
  if (!refused) return std::unexpected(refused.error());
  if (!*refused) {
    destination.status = PublishingStatus::publishing;
    destination.failing_since = 0;
    retry_at_.erase(destination.id);
    return note(before, std::move(destination));
  }
  // Told in the destination's status and tried again; nothing is lost meanwhile.
  log_with(spdlog::level::warn,
           {{"destination", destination.destination_arn}, {"error", (*refused)->message()}},
           "publishing to {}: {}", destination.destination_arn, (*refused)->message());
  retry_at_[destination.id] = now + retry_interval;
  if (destination.failing_since == 0) destination.failing_since = now;
  destination.status = PublishingStatus::unable;
  return note(before, std::move(destination));
}

// An empty object under the keys to come shows that writing works.
Publisher::Refusal Publisher::verify(const PublishingDestination& destination) const {
  const auto written = put(destination, destination.account, "", {});
  return written ? Refusal() : written.error();
}

Result<Publisher::Refusal> Publisher::send(const PublishingDestination& destination,
                                           std::map<std::string, std::uint64_t>& findings) {
  while (!findings.empty()) {
    std::vector<std::string> ids;
    std::vector<std::uint64_t> sequences;
    for (const auto& [finding, sequence] : findings) {
      if (ids.size() == findings_per_batch) break;
      ids.push_back(finding);
      sequences.push_back(sequence);
    }
    const auto stored = store_.get({}, ids);
    if (!stored) return std::unexpected(stored.error());
    std::map<std::string, std::string> lines;  // by account
    for (const Finding& finding : *stored) {
      if (finding.archived != Archived::automatic)
        lines[finding.account] += exported_form(finding.document) + '\n';
    }
    // One that is not there any more has expired or was taken back, which its row may tell.
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (std::ranges::find(*stored, ids[i], &Finding::id) != stored->end()) continue;
      const auto withdrawn = store_.outbox_document(sequences[i]);
      if (!withdrawn) return std::unexpected(withdrawn.error());
      if (!withdrawn->empty()) lines[account_of(*withdrawn)] += *withdrawn + '\n';
    }
    for (const auto& [account, text] : lines) {
      const auto written =
          put(destination, account, day_of(wall_clock_()) + '/' + name_for(text), gzip(text));
      if (!written) return Refusal(written.error());
    }
    if (auto done = store_.outbox_done(sequences); !done) return std::unexpected(done.error());
    for (const std::string& id : ids) findings.erase(id);
  }
  return Refusal();
}

Result<void> Publisher::put(const PublishingDestination& destination, const std::string& account,
                            const std::string& name, std::string_view body) const {
  const auto place = parse_bucket_arn(destination.destination_arn);
  if (!place) return fail(ErrorKind::invalid, "names no bucket", destination.destination_arn);
  const std::string key = fmt::format("{}{}AWSLogs/{}/GuardDuty/{}/{}", place->prefix,
                                      place->prefix.empty() ? "" : "/", account, destination.region, name);
  aws::HttpHeaders headers;
  if (!destination.kms_key_arn.empty()) {
    headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", destination.kms_key_arn);
  }
  if (!destination.expected_bucket_owner.empty())
    headers.emplace_back("x-amz-expected-bucket-owner", destination.expected_bucket_owner);
  return s3_.put({place->bucket, key, ""}, destination.region, body, headers);
}

Result<void> Publisher::note(const PublishingDestination& before, PublishingDestination now) {
  SettingChange change = save_change(now);
  if (change.body == save_change(before).body) return {};
  change.of_version = before.version;
  const auto saved = store_.change_settings({&change, 1});
  // In a conflict a client changed the destination meanwhile: the next turn verifies it anew.
  if (!saved && saved.error().kind != ErrorKind::conflict) return std::unexpected(saved.error());
  return {};
}

void Publisher::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const auto turned = turn(); !turned) spdlog::error("publishing: {}", turned.error().message());
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace picket
