#include "pipeline/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <limits>
#include <thread>

#include "base/metrics_text.h"
#include "pipeline/baseline.h"
#include "pipeline/rule_controls.h"
#include "store/publishing.h"

namespace picket {

namespace {

constexpr TimeMs retry_interval = 2 * second_ms;  // after an error of the disk
constexpr TimeMs expiry_interval = hour_ms;
constexpr std::uint64_t freed_by_snapshot_min = 64ULL << 20;

// Also when the clock was set back: what happens every so often must not wait until it has caught up.
bool is_due(TimeMs now, TimeMs last, TimeMs every) { return now - last >= every || now < last; }

TimeMs ms_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - then)
      .count();
}

}  // namespace

Live::Live(LiveSettings settings, Setup& setup, FindingStore& store, ContentFolder& contents,
           Workers& workers, std::function<TimeMs()> wall_clock)
    : settings_(std::move(settings)),
      setup_(setup),
      store_(store),
      workers_(workers),
      wall_clock_(std::move(wall_clock)),
      renderer_(*setup.engine, setup.geo),
      writer_(store, *setup.engine, renderer_, wall_clock_),
      contents_(contents),
      watcher_(settings_.sources) {
  writer_.respond_by(settings_.respond_by);
  controls_.add(
      {.name = "detectors",
       .wanted = [this] { return disabled_detectors(store_); },
       .take_effect = [this](const std::string& body) { return writer_.use_disabled_detectors(body); }});
  controls_.add({.name = "custom_rules",
                 .wanted = [this] { return custom_rule_state(store_); },
                 .take_effect = [this](const std::string& body) -> Result<void> {
                   RuleModes modes = setup_.rule_modes;
                   if (auto used = use_custom_rule_state(body, modes); !used) return used;
                   setup_.engine->use_rule_modes(std::make_shared<const RuleModes>(std::move(modes)));
                   return {};
                 }});
  controls_.add({.name = "own_calls",
                 .wanted = [this] { return own_calls_body(store_, wall_clock_()); },
                 .take_effect = [this](const std::string& body) -> Result<void> {
                   auto calls = read_own_calls(body);
                   if (!calls) return std::unexpected(calls.error());
                   setup_.engine->use_own_calls(std::move(*calls));
                   return {};
                 }});
  controls_.add({.name = "filters",
                 .wanted = [this]() -> Result<std::string> {
                   const auto accounts_of = governed();
                   if (!accounts_of) return std::unexpected(accounts_of.error());
                   return filters_body(store_, *accounts_of);
                 },
                 .take_effect = [this](const std::string& body) { return use_filters(body); }});
  controls_.add({.name = "lists",
                 .wanted = [this]() -> Result<std::string> {
                   const auto accounts_of = governed();
                   if (!accounts_of) return std::unexpected(accounts_of.error());
                   return lists_body(store_, settings_.builtin_lists, kept_lists_, *accounts_of);
                 },
                 .take_effect = [this](const std::string& body) { return use_lists(body); }});
}

Result<GovernedAccounts> Live::governed() const {
  return governed_accounts(store_, settings_.administrator_of_all);
}

Result<void> Live::note_settings() {
  if (auto noted = controls_.note_changes(store_, *runner_); !noted) return noted;
  const auto version = store_.settings_version();
  if (!version) return std::unexpected(version.error());
  if (noted_destinations_ == *version) return {};
  const auto destinations = load_destinations(store_);
  if (!destinations) return std::unexpected(destinations.error());
  const auto accounts_of = governed();
  if (!accounts_of) return std::unexpected(accounts_of.error());
  std::vector<FindingWriter::PublishTo> publish_to;
  for (const PublishingDestination& destination : *destinations)
    publish_to.push_back(
        {destination.id, destination.region, (*accounts_of)(destination.account, destination.region)});
  writer_.publish_to(std::move(publish_to));
  noted_destinations_ = *version;
  return {};
}

Result<void> Live::use_filters(const std::string& body) {
  std::vector<std::string>& warnings = control_warnings_["filters"];
  warnings.clear();
  auto suppressions = Suppressions::read(body, warnings);
  if (!suppressions) return std::unexpected(suppressions.error());
  writer_.use_suppressions(std::move(*suppressions));
  return {};
}

Result<void> Live::use_lists(const std::string& body) {
  auto lists = read_lists(body, contents_, settings_.set_limits);
  if (!lists) return std::unexpected(lists.error());
  setup_.engine->use_intel(std::move(lists->index));
  list_contents_ = std::move(lists->contents);
  tell_contents();
  control_warnings_["lists"] = std::move(lists->warnings);
  return {};
}

void Live::tell_contents() {
  std::set<std::string> contents = list_contents_;
  if (!baseline_content_.empty()) contents.insert(baseline_content_);
  contents_.named(contents);
}

Result<void> Live::bring_baseline() {
  if (settings_.baseline.empty()) return {};
  const auto bytes = read_baseline_file(settings_.baseline);
  if (!bytes) return std::unexpected(bytes.error());
  const auto sha256 = contents_.keep(*bytes);
  if (!sha256) return std::unexpected(sha256.error());
  const auto known = runner_->controls().find("baseline");
  if (known != runner_->controls().end() && known->second == *sha256) return {};
  return runner_->control({"baseline", *sha256});
}

Result<void> Live::use_baseline(const std::string& sha256) {
  baseline_content_ = sha256;
  tell_contents();
  if (runner_->restored()) return {};  // the state of the snapshot has it
  const auto bytes = contents_.read(sha256);
  if (!bytes) return std::unexpected(bytes.error());
  const auto baseline = unpack_baseline(*bytes);
  if (!baseline) return std::unexpected(baseline.error());
  start_from(*setup_.engine, *baseline);
  return {};
}

Result<Runner::Recovery> Live::start() {
  const std::string folder = settings_.data_dir + "/state";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), folder);
  auto log = open_file_log(folder);
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);
  RunnerSettings runner;
  runner.snapshot_folder = folder;
  runner.open_remote = [this](const Manifest& manifest) { return open_remote(manifest); };
  setup_.engine->spill_to(folder);
  setup_.engine->judge_ahead();
  runner_ = std::make_unique<Runner>(
      *setup_.engine, *log_, runner,
      [this](std::uint64_t epoch, const EpochResult& result) {
        for (const AggregatedFinding& finding : result.updated) {
          const Detection& latest = finding.activity.latest;
          seen_.try_emplace({latest.subject.account, latest.subject.region}, finding.activity.first.time);
        }
        written_ += result.updated.size();
        return writer_.write(epoch, result);
      },
      [this](const Control& control) { return take_effect(control); });
  auto kept = keep_lists(setup_.intel_lists, contents_);
  if (!kept) return std::unexpected(kept.error());
  kept_lists_ = std::move(*kept);
  auto recovered = runner_->recover();
  if (!recovered) return recovered;
  if (auto brought = bring_baseline(); !brought) return std::unexpected(brought.error());
  auto warnings = start_sources();
  if (!warnings) return std::unexpected(warnings.error());
  recovered->warnings.insert(recovered->warnings.end(), warnings->begin(), warnings->end());
  // Findings of earlier runs tell accounts too.
  const auto known = store_.for_each({}, {}, [&](const Finding& finding) {
    seen_.try_emplace({finding.account, finding.region}, finding.created_at);
    return true;
  });
  if (!known) return std::unexpected(known.error());
  snapshot_epoch_ = setup_.engine->epoch();
  last_snapshot_ = wall_clock_();
  next_clock_ = last_snapshot_ + std::min(settings_.clock_every, minute_ms);
  if (settings_.digests) {
    digest_watch_ = std::make_unique<DigestWatch>(*settings_.digests, wall_clock_);
    digest_watch_->start();
  }
  publish(false);
  return recovered;
}

// Each learns what manifests have named before.
Result<std::vector<std::string>> Live::start_sources() {
  std::vector<std::string> warnings;
  const auto each_file = [&](const std::string& ours, const auto& call) {
    for (auto at = runner_->files().lower_bound(ours);
         at != runner_->files().end() && at->first.starts_with(ours); ++at)
      call(at->first, at->second);
  };
  for (const WatchedBucket& watched : settings_.buckets) {
    each_file(watched.bucket->url_of(""), [&](const std::string& path, const KnownFile& file) {
      watched.bucket->know(path, file.head_hash);
    });
    watched.bucket->start();
  }
  if (settings_.inbox == nullptr) return warnings;
  each_file(std::string(Inbox::scheme), [&](const std::string& path, const KnownFile& file) {
    settings_.inbox->know(path, file.head_hash, file.modified_ns / 1'000'000);
  });
  if (settings_.pushed_archive != nullptr) settings_.pushed_archive->recover();
  const auto left = settings_.inbox->recover();
  if (!left) return std::unexpected(left.error());
  for (const std::string& file : settings_.inbox->damaged())
    warnings.push_back(file + ": cannot be read, and what was pushed in it neither");
  for (PushSource* source : settings_.pushed) {
    const std::string ours = Inbox::path_of(source->name(), "");
    each_file(ours, [&](const std::string& path, const KnownFile&) {
      source->know(std::string_view(path).substr(ours.size()));
    });
    for (const PushedObject& object : *left)
      if (object.source == source->name()) source->know(object.key);
    source->start();
  }
  return warnings;
}

void Live::take_arrived() {
  for (const WatchedBucket& watched : settings_.buckets) {
    const std::vector<S3Source::Fetched> fetched = watched.bucket->take();
    std::vector<ListedFile> files;
    std::map<std::string, const S3Source::Fetched*> by_path;
    for (const S3Source::Fetched& object : fetched) {
      files.push_back(object.file);
      by_path[object.file.path] = &object;
    }
    for (Manifest& manifest : plan(files, watched.settings, workers_)) {
      const S3Source::Fetched& object = *by_path.at(manifest.path);
      manifest.path = object.url;
      manifest.head_hash = object.tag_hash;
      arrived_.push_back(std::move(manifest));
    }
  }
  if (settings_.inbox == nullptr) return;
  std::vector<Manifest> pushed;
  for (const PushedObject& object : settings_.inbox->take()) {
    const std::string path = Inbox::path_of(object.source, object.key);
    ListedFile file;
    file.path = settings_.inbox->file_of(path, object.batch);
    file.key = object.key;
    file.size = object.size;
    file.offset = object.offset;
    file.modified_ns = object.received * 1'000'000;
    const RecordOrigin& origin = object.origin;
    Manifest& manifest =
        pushed.emplace_back(plan_one(file, {object.source, origin.kind, origin.account, origin.region,
                                            origin.cluster, origin.flow_format}));
    manifest.path = path;
    manifest.head_hash = object.batch;
  }
  std::ranges::sort(pushed, {}, [](const Manifest& m) { return std::tie(m.lower_bound, m.path); });
  std::ranges::move(pushed, std::back_inserter(arrived_));
}

Result<std::unique_ptr<ByteSource>> Live::open_remote(const Manifest& m) const {
  if (!m.path.starts_with(Inbox::scheme)) return open_in_bucket(m);
  if (settings_.inbox == nullptr) return fail(ErrorKind::not_found, "there is no inbox", m.path);
  return settings_.inbox->open(m.path, m.head_hash);
}

// Where an object of the quarantine lies, as the configuration is now.
std::optional<SourceSettings> Live::source_of(const Manifest& manifest) const {
  for (const WatchedBucket& watched : settings_.buckets)
    if (manifest.path.starts_with(watched.bucket->url_of(watched.bucket->settings().prefix)))
      return watched.settings;
  for (const WatchSource& source : settings_.sources)
    if (manifest.path == source.path || manifest.path.starts_with(source.path + '/') ||
        manifest.source == source.settings.name)
      return source.settings;
  return std::nullopt;
}

Result<void> Live::take_effect(const Control& control) {
  if (control.kind == "clock") {
    std::int64_t time = 0;
    const auto [end, wrong] =
        std::from_chars(control.body.data(), control.body.data() + control.body.size(), time);
    if (wrong != std::errc{}) return fail(ErrorKind::invalid, "the time of a control record is no number");
    setup_.engine->tell_time(time);
    return {};
  }
  if (control.kind == "digest_faults") {
    auto faults = read_digest_faults(control.body);
    if (!faults) return std::unexpected(faults.error());
    for (const DigestFault& fault : *faults) setup_.engine->tell_fault(gap_of(fault));
    return {};
  }
  if (control.kind == "baseline") return use_baseline(control.body);
  return controls_.take_effect(control);
}

Result<bool> Live::take_faults() {
  if (!digest_watch_) return false;
  const std::vector<DigestFault> faults = digest_watch_->take();
  if (faults.empty()) return false;
  if (auto logged = runner_->control({"digest_faults", digest_faults_body(faults)}); !logged)
    return std::unexpected(logged.error());
  return true;
}

// Only while all there is was read: who lags behind knows of no silence.
Result<bool> Live::note_time(bool quiet) {
  const TimeMs now = wall_clock_();
  if (!is_due(now, next_clock_ - settings_.clock_every, settings_.clock_every) || !quiet) return false;
  const bool failing = !watcher_.failures().empty() ||
                       std::ranges::any_of(settings_.buckets, [](const WatchedBucket& watched) {
                         return watched.bucket->status().failing;
                       });
  if (failing) return false;
  next_clock_ = now + settings_.clock_every;
  if (auto logged = runner_->control({"clock", std::to_string(now)}); !logged)
    return std::unexpected(logged.error());
  return true;
}

Result<EpochResult> Live::run_epoch() {
  const auto begun = std::chrono::steady_clock::now();
  auto ran = runner_->run_epoch();
  epochs_ms_ += ms_since(begun);
  return ran;
}

Result<void> Live::take_retries() {
  for (const RetryRequest& request : retry_requests(settings_.data_dir)) {
    for (const auto& [id, object] : runner_->quarantine().objects()) {
      if ((request.id && *request.id != id) || runner_->redriving(id)) continue;
      const auto source = source_of(object.manifest);
      Manifest manifest = source ? plan_again(object.manifest, object.ledger.kind, *source) : object.manifest;
      if (auto done = runner_->redrive(id, std::move(manifest)); !done) return done;
    }
    std::error_code ignored;
    std::filesystem::remove(request.path, ignored);
  }
  return {};
}

// From the spool, or, when it is not there any more, from the bucket again.
Result<std::unique_ptr<ByteSource>> Live::open_in_bucket(const Manifest& m) const {
  if (settings_.spool == nullptr) return fail(ErrorKind::not_found, "no bucket is configured", m.path);
  const std::string path = settings_.spool->path_of(S3Source::object_of(m.path, m.head_hash));
  std::error_code error;
  if (std::filesystem::file_size(path, error) != m.size || error) {
    const auto watched = std::ranges::find_if(settings_.buckets, [&](const WatchedBucket& item) {
      return m.path.starts_with(item.bucket->url_of(""));
    });
    if (watched == settings_.buckets.end())
      return fail(ErrorKind::not_found, "its bucket is not configured any more", m.path);
    if (auto fetched = watched->bucket->fetch_again(m.path, m.head_hash); !fetched)
      return std::unexpected(fetched.error());
  }
  return open_file(path);
}

void Live::tell_covering() {
  if (!arrived_.empty()) return;
  std::set<std::string> unread;
  runner_->waiting().each([&](const Manifest& manifest) { unread.insert(manifest.path); });
  for (const WatchedBucket& watched : settings_.buckets)
    watched.bucket->covering([&](const std::string& path) { return unread.contains(path); });
  if (settings_.inbox == nullptr) return;
  std::set<std::string> set_aside;
  for (const auto& [id, object] : runner_->quarantine().objects()) set_aside.insert(object.manifest.path);
  settings_.inbox->covering([&](const std::string& path) {
    return unread.contains(path)      ? Inbox::Use::unread
           : set_aside.contains(path) ? Inbox::Use::set_aside
                                      : Inbox::Use::none;
  });
}

void Live::tell_covered() {
  for (const WatchedBucket& watched : settings_.buckets) watched.bucket->covered();
  if (settings_.inbox != nullptr) settings_.inbox->covered(snapshot_epoch_);
  trim_pushed_archive();
}

void Live::trim_pushed_archive() {
  if (settings_.pushed_archive != nullptr && !settings_.pushed_archive->empty())
    settings_.pushed_archive->trim(setup_.engine->named_objects(), wall_clock_() - settings_.retention);
}

// Names of batches, so long as a repetition may come or a position is counted by them.
void Live::forget_pushed() {
  std::set<std::string> unread;
  runner_->waiting().each([&](const Manifest& manifest) { unread.insert(manifest.path); });
  const std::int64_t horizon_ns = (wall_clock_() - Inbox::repeats_known) * 1'000'000;
  runner_->forget_files([&](const std::string& path, const KnownFile& file) {
    if (!path.starts_with(Inbox::scheme) || file.modified_ns >= horizon_ns || unread.contains(path) ||
        (settings_.inbox != nullptr && settings_.inbox->holds(path, file.head_hash)))
      return false;
    return std::ranges::none_of(settings_.pushed, [&](const PushSource* source) {
      const std::string ours = Inbox::path_of(source->name(), "");
      return path.starts_with(ours) && source->needs(std::string_view(path).substr(ours.size()));
    });
  });
}

// To make room. A snapshot frees what was read before it, and takes as long for a little as for much, so that
// under load one after each epoch would leave no time to read.
bool Live::wants_snapshot() const {
  if (runner_->saving()) return false;
  if (!runner_->idle() && runner_->bytes_since_snapshot() < freed_by_snapshot_min) return false;
  return std::ranges::any_of(settings_.buckets,
                             [](const WatchedBucket& watched) { return watched.bucket->wants_snapshot(); }) ||
         (settings_.inbox != nullptr && settings_.inbox->wants_snapshot());
}

// A stream whose newest event is twice the lateness behind the wall clock has nothing to wait for. The
// control record holds the time, so a replay needs no clock.
Result<void> Live::release_silent() {
  const TimeMs now = wall_clock_();
  last_arrival_ = std::min(last_arrival_, now);
  release_deferred_ = false;
  std::array<TimeMs, log_kinds.size()> newest{};
  newest.fill(std::numeric_limits<TimeMs>::min() / 2);
  for (const auto& [name, stream] : setup_.engine->streams()) {
    TimeMs& time = newest[static_cast<std::size_t>(stream.kind)];
    time = std::max(time, stream.advanced);
  }
  for (const auto& [name, stream] : setup_.engine->streams()) {
    const TimeMs lateness = settings_.lateness.of_stream(name, stream.kind);
    // A day past the newest event of its kind closes every window; more would only fill the log.
    const TimeMs until = std::min(now - 2 * lateness, newest[static_cast<std::size_t>(stream.kind)] + day_ms);
    if (stream.advanced - lateness >= now - 2 * lateness || stream.released >= until) continue;
    if (now - last_arrival_ < settings_.quiet_before_release) {
      release_deferred_ = true;
      continue;
    }
    if (auto released = runner_->release(name, until); !released) return released;
  }
  return {};
}

Result<bool> Live::turn() {
  const bool all_known =
      std::ranges::all_of(settings_.buckets,
                          [](const WatchedBucket& watched) { return watched.bucket->caught_up(); }) &&
      std::ranges::all_of(settings_.pushed, [](const PushSource* source) { return source->caught_up(); });
  take_arrived();
  const bool look_at_all = std::chrono::steady_clock::now() >= next_look_;
  std::vector<Manifest> fresh =
      watcher_.poll(runner_->files(), wall_clock_() * 1'000'000, look_at_all, workers_);
  if (look_at_all) next_look_ = std::chrono::steady_clock::now() + look_pause * watcher_.look_time();
  if (!fresh.empty() || !arrived_.empty()) last_arrival_ = wall_clock_();
  // After the look at the sources: what was set before an object appeared holds for it.
  if (auto noted = note_settings(); !noted) return std::unexpected(noted.error());
  if (auto submitted = runner_->submit(std::move(fresh)); !submitted)
    return std::unexpected(submitted.error());
  if (auto submitted = runner_->submit(arrived_); !submitted) return std::unexpected(submitted.error());
  arrived_.clear();
  if (auto taken = take_retries(); !taken) return std::unexpected(taken.error());
  const bool worked = !runner_->idle();
  while (!runner_->idle() && !stopping_) {
    if (auto noted = note_settings(); !noted) return std::unexpected(noted.error());
    if (auto ran = run_epoch(); !ran) return std::unexpected(ran.error());
    publish(false);
    if (auto saved = note_snapshot(); !saved) return std::unexpected(saved.error());
    if (runner_->snapshot_due() || wants_snapshot()) {
      if (auto begun = begin_snapshot(); !begun) return std::unexpected(begun.error());
    }
  }
  if (stopping_) return worked;
  const auto marks = [&] {
    std::array<TimeMs, log_kinds.size()> all{};
    for (const LogKind kind : log_kinds) all[static_cast<std::size_t>(kind)] = setup_.engine->watermark(kind);
    return all;
  };
  // What was released moves watermarks in an epoch of its own; without effect none is cut.
  std::map<std::string, StreamProgress> before = setup_.engine->streams();
  // Who does not wait for quiet waits at least for all there is.
  if (all_known || settings_.quiet_before_release > 0) {
    if (auto released = release_silent(); !released) return std::unexpected(released.error());
  }
  const bool moved = std::any_of(before.begin(), before.end(), [&](const auto& item) {
    return setup_.engine->streams().at(item.first).released != item.second.released;
  });
  const auto old = marks();
  const auto faults = take_faults();
  if (!faults) return std::unexpected(faults.error());
  const auto time = note_time(watcher_.unquiet() == 0 && all_known);
  if (!time) return std::unexpected(time.error());
  if (worked || moved || *faults || *time) {
    if (auto ran = run_epoch(); !ran) return std::unexpected(ran.error());
  }
  ++turns_;
  if (setup_.engine->epoch() == snapshot_epoch_ && runner_->idle() && !runner_->saving()) {
    tell_covering();
    tell_covered();
  }
  publish(watcher_.unquiet() == 0 && !release_deferred_ && all_known);
  return worked || old != marks();
}

Result<void> Live::run() {
  struct AtTheEnd {
    std::atomic<bool>& ended;
    ~AtTheEnd() { ended = true; }
  } const at_the_end{ended_};
  while (!stopping_) {
    const auto begun = std::chrono::steady_clock::now();
    auto worked = turn();
    const TimeMs now = wall_clock_();
    if (!worked) {
      // A full or failing disk: nothing was acknowledged, so waiting loses nothing.
      const std::lock_guard lock(status_mutex_);
      status_.last_error = status_.stalled = worked.error().message();
      status_.alive = now;
      if (worked.error().kind != ErrorKind::io) return std::unexpected(worked.error());
    }
    // The inbox is freed by snapshots, also when nothing comes any more.
    if (worked && settings_.inbox != nullptr && settings_.inbox->wants_snapshot() &&
        setup_.engine->epoch() == snapshot_epoch_ && runner_->idle())
      if (auto ran = runner_->run_epoch(); !ran) worked = std::unexpected(ran.error());
    auto saved = note_snapshot();
    if (saved && !runner_->saving() && setup_.engine->epoch() != snapshot_epoch_ &&
        (is_due(now, last_snapshot_, settings_.snapshot_interval) || wants_snapshot())) {
      last_snapshot_ = now;
      saved = begin_snapshot();
    }
    if (!saved) {
      trim_pushed_archive();  // the disk may be full
      const std::lock_guard lock(status_mutex_);
      status_.last_error = saved.error().message();
    }
    if (is_due(now, last_expiry_, expiry_interval)) {
      last_expiry_ = now;
      if (auto expired = store_.expire(now, settings_.retention); !expired) {
        const std::lock_guard lock(status_mutex_);
        status_.last_error = expired.error().message();
      }
    }
    // Under load the next look comes as soon as its time has, or at once when that has passed.
    const auto from = worked && *worked ? begun : std::chrono::steady_clock::now();
    const auto until = from + std::chrono::milliseconds(worked ? settings_.poll_interval : retry_interval);
    while (!stopping_ && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (PushSource* source : settings_.pushed) source->stop();
  if (digest_watch_) digest_watch_->stop();
  if (auto left = runner_->wait_for_snapshot(); !left) {
    const std::lock_guard lock(status_mutex_);
    status_.last_error = left.error().message();
  }
  snapshot_begun_ = std::chrono::steady_clock::now();
  snapshot_begun_epoch_ = setup_.engine->epoch();
  forget_pushed();
  tell_covering();
  auto saved = runner_->save_snapshot();
  if (saved) saved = snapshot_saved();
  if (saved)
    for (const WatchedBucket& watched : settings_.buckets) watched.bucket->settle_messages();
  for (const WatchedBucket& watched : settings_.buckets) watched.bucket->stop();
  return saved;
}

Result<void> Live::begin_snapshot() {
  snapshot_begun_ = std::chrono::steady_clock::now();
  snapshot_begun_epoch_ = setup_.engine->epoch();
  forget_pushed();
  tell_covering();
  const auto begun = runner_->begin_snapshot();
  snapshot_pause_ms_ = ms_since(snapshot_begun_);
  return begun && !runner_->saving() ? snapshot_saved() : begun;
}

Result<void> Live::note_snapshot() {
  const auto ended = runner_->snapshot_ended();
  return ended && *ended ? snapshot_saved() : ended.value_or(Result<void>{});
}

Result<void> Live::snapshot_saved() {
  snapshot_ms_ = ms_since(snapshot_begun_);
  ++snapshots_;
  snapshot_epoch_ = snapshot_begun_epoch_;
  // What settings name but no record yet may be fetched a moment ago.
  std::set<std::string> wanted;
  for (const KeptList& list : kept_lists_) wanted.insert(list.sha256);
  const auto feeds = published_feeds(store_);
  if (!feeds) return std::unexpected(feeds.error());
  for (const KeptList& feed : *feeds) wanted.insert(feed.sha256);
  for (const ListSetKind kind : list_set_kinds) {
    const auto sets = load_list_sets(store_, kind);
    if (!sets) return std::unexpected(sets.error());
    for (const ListSet& set : *sets) wanted.insert(set.content_sha256);
  }
  contents_.snapshot_saved(wanted);
  tell_covered();
  if (settings_.spool != nullptr && !spool_swept_) {
    spool_swept_ = true;
    std::set<std::uint64_t> used;
    runner_->waiting().each([&](const Manifest& manifest) {
      used.insert(S3Source::object_of(manifest.path, manifest.head_hash));
    });
    for (const WatchedBucket& watched : settings_.buckets) used.merge(watched.bucket->spooled());
    settings_.spool->keep_only(used);
  }
  return {};
}

std::vector<SourceReport> Live::report_sources(TimeMs now) {
  std::map<std::string, std::pair<std::uint64_t, TimeMs>> waiting;  // how many, and the oldest
  runner_->waiting().each_source([&](const std::string& source, TimeMs modified) {
    auto& [count, oldest] = waiting[source];
    oldest = count++ == 0 ? modified : std::min(oldest, modified);
  });
  std::vector<SourceReport> out;
  const auto add = [&](const std::string& name, const std::string& place) -> SourceReport& {
    SourceReport& report = out.emplace_back();
    report.name = name;
    report.place = place;
    if (const auto at = runner_->sources().find(name); at != runner_->sources().end())
      report.totals = at->second;
    if (const auto at = waiting.find(name); at != waiting.end()) {
      report.waiting = at->second.first;
      report.lag = std::max<TimeMs>(0, now - at->second.second);
    }
    rates_[name].measure(now, report);
    return report;
  };
  for (const WatchSource& source : settings_.sources) {
    SourceReport& report = add(source.settings.name, source.path);
    for (const auto& [path, why] : watcher_.failures())
      if (path.starts_with(source.path)) {
        report.failing = true;
        report.last_error = path + ": " + why;
        report.last_error_at = now;
      }
  }
  for (const WatchedBucket& watched : settings_.buckets) {
    SourceReport& report =
        add(watched.settings.name, watched.bucket->url_of(watched.bucket->settings().prefix));
    report.bucket = watched.bucket->status();
    report.waiting += report.bucket->waiting;
    if (report.bucket->oldest_waiting != 0)
      report.lag = std::max(report.lag, now - report.bucket->oldest_waiting);
    report.failing = report.bucket->failing;
    report.last_error = report.bucket->last_error;
    report.last_error_at = report.bucket->last_error_at;
  }
  for (const PushSource* source : settings_.pushed) {
    SourceReport& report = add(source->name(), source->place());
    report.pushed = source->status();
    report.failing = report.pushed->failing;
    report.last_error = report.pushed->last_error;
    report.last_error_at = report.pushed->last_error_at;
  }
  return out;
}

void Live::publish(bool caught_up) {
  // For people, so not with every epoch.
  constexpr TimeMs report_every = second_ms;
  std::optional<std::vector<SourceReport>> sources;
  if (const TimeMs now = wall_clock_(); is_due(now, last_report_, report_every)) {
    last_report_ = now;
    sources = report_sources(now);
    write_sources(settings_.data_dir, *sources, now);
    const std::uint64_t version = runner_->quarantine().version();
    if (!quarantine_written_ || written_quarantine_ != version) {
      // What cannot be written now is tried again: `picket quarantine` shows the last state that was.
      quarantine_written_ = write_quarantine(settings_.data_dir, runner_->quarantine()).has_value();
      written_quarantine_ = version;
    }
  }
  const bool stale = status_.epoch != setup_.engine->epoch();
  auto usage = stale ? std::make_shared<const Usage>(setup_.engine->usage()) : nullptr;
  const std::lock_guard lock(status_mutex_);
  if (usage) usage_ = std::move(usage);
  if (sources) status_.sources = std::move(*sources);
  status_.ledger = setup_.engine->ledger();
  status_.evictions = setup_.engine->evictions();
  status_.left_out = setup_.engine->left_out();
  status_.dry_run_counts = setup_.engine->dry_run_counts();
  status_.findings_withheld = writer_.withheld();
  status_.findings_withdrawn = writer_.withdrawn();
  status_.epoch = setup_.engine->epoch();
  status_.turns = turns_;
  status_.pending_objects = runner_->pending();
  status_.findings_written = written_;
  status_.quarantined_objects = runner_->quarantine().objects().size();
  status_.quarantined_records = 0;
  for (const auto& [id, object] : runner_->quarantine().objects())
    status_.quarantined_records += object.ledger.set_aside.count();
  status_.findings_refused = writer_.rejected();
  status_.seen = seen_;
  for (const auto& [place, first] : setup_.engine->places()) {
    const auto [at, fresh] = status_.seen.try_emplace(place, first);
    at->second = std::min(at->second, first);
  }
  status_.caught_up = caught_up;
  status_.stalled.clear();
  status_.alive = wall_clock_();
  for (const LogKind kind : log_kinds)
    status_.watermark[static_cast<std::size_t>(kind)] = setup_.engine->watermark(kind);
  status_.snapshots = snapshots_;
  status_.last_snapshot = last_snapshot_;
  status_.snapshot_ms = snapshot_ms_;
  status_.snapshot_pause_ms = snapshot_pause_ms_;
  status_.epochs_ms = epochs_ms_;
  if (digest_watch_) status_.digests = digest_watch_->status();
  status_.last_error = writer_.first_rejection();
  if (status_.digests && !status_.digests->failure.empty()) status_.last_error = status_.digests->failure;
  for (const auto& [kind, warnings] : control_warnings_) {
    if (!warnings.empty()) status_.last_error = warnings.front();
  }
  for (const auto& [path, why] : watcher_.failures()) status_.last_error = path + ": " + why;
}

std::optional<TimeMs> Live::first_seen(std::string_view account, std::string_view region) const {
  const std::lock_guard lock(status_mutex_);
  std::optional<TimeMs> first;
  for (const auto& [place, time] : status_.seen) {
    if (place.second != region || (!account.empty() && place.first != account)) continue;
    first = first ? std::min(*first, time) : time;
  }
  return first;
}

std::vector<std::pair<std::string, std::string>> Live::places() const {
  const std::lock_guard lock(status_mutex_);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [place, time] : status_.seen) out.push_back(place);
  return out;
}

std::shared_ptr<const std::vector<ResourceFact>> Live::resources() const {
  const std::uint64_t epoch = status().epoch;
  const std::lock_guard lock(resources_mutex_);
  if (!resources_ || resources_epoch_ != epoch) {
    resources_ = std::make_shared<const std::vector<ResourceFact>>(setup_.engine->resources());
    resources_epoch_ = epoch;
  }
  return resources_;
}

std::shared_ptr<const Usage> Live::usage() const {
  const std::lock_guard lock(status_mutex_);
  return usage_;
}

LiveStatus Live::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

std::string Live::unhealthy() const {
  // An epoch and a snapshot of the largest state take a minute; a replay is over before anybody can ask.
  constexpr TimeMs stuck_after = 10 * minute_ms;
  if (ended_) return "the sources are not watched any more";
  const TimeMs since = wall_clock_() - status().alive;
  return since > stuck_after ? fmt::format("the sources were not looked at for {} minutes", since / minute_ms)
                             : std::string();
}

std::string Live::not_ready() const {
  if (std::string trouble = unhealthy(); !trouble.empty()) return trouble;
  const LiveStatus now = status();
  if (!now.stalled.empty()) return now.stalled;
  return now.turns == 0 ? "the sources were not looked at yet" : "";
}

std::string Live::metrics() const {
  const LiveStatus now = status();
  MetricsText out;
  using enum MetricsText::Type;
  struct Row {
    std::string_view name, help;
    std::uint64_t KindTotals::* member;
    MetricsText::Type type = counter;
  };
  static constexpr Row rows[] = {
      {"picket_objects_total", "Log objects read.", &KindTotals::objects},
      {"picket_objects_failed_total", "Log objects that could not be read.", &KindTotals::objects_failed},
      {"picket_bytes_in_total", "Bytes read, as stored.", &KindTotals::bytes_in},
      {"picket_bytes_decoded_total", "Bytes after decompression.", &KindTotals::bytes_decoded},
      {"picket_records_read_total", "Records read.", &KindTotals::records_read},
      {"picket_records_processed_total", "Records evaluated.", &KindTotals::processed},
      {"picket_records_filtered_total", "Records left out by name.", &KindTotals::filtered},
      {"picket_records_duplicate_total", "Records delivered before.", &KindTotals::duplicate},
      {"picket_records_quarantined_total", "Records set aside; falls when they are good when read again.",
       &KindTotals::quarantined, gauge},
      {"picket_records_late_total", "Records older than their watermark.", &KindTotals::late},
  };
  for (const Row& row : rows) {
    out.begin(row.type, row.name, row.help);
    for (const LogKind kind : log_kinds)
      out.sample({{"kind", name_of(kind)}}, now.ledger.kinds[static_cast<std::size_t>(kind)].*row.member);
  }
  out.counter("picket_objects_skipped_total", "Objects that are no log.", now.ledger.skipped);
  out.gauge("picket_epoch", "Number of the last epoch.", now.epoch);
  out.counter("picket_turns_total", "Looks at the sources that were carried through.", now.turns);
  out.gauge("picket_caught_up", "1 when nothing was waiting or being written at the last look.",
            now.caught_up ? 1 : 0);
  out.gauge("picket_pending_objects", "Objects in the input log that no epoch has had yet.",
            now.pending_objects);
  out.gauge("picket_quarantine_objects", "Objects that were set aside, or records of, and can be retried.",
            now.quarantined_objects);
  out.gauge("picket_quarantine_records", "Records of them.", now.quarantined_records);
  const auto each_source = [&](MetricsText::Type type, std::string_view name, std::string_view help,
                               const auto& value) {
    out.begin(type, name, help);
    for (const SourceReport& source : now.sources) out.sample({{"source", source.name}}, value(source));
  };
  each_source(gauge, "picket_source_failing", "1 when the last call to a source did not succeed.",
              [](const SourceReport& source) { return source.failing ? 1 : 0; });
  each_source(gauge, "picket_source_waiting_objects", "Objects of a source that are known and not read.",
              [](const SourceReport& source) { return source.waiting; });
  each_source(gauge, "picket_source_lag_seconds", "How long the oldest of them has been there.",
              [](const SourceReport& source) { return source.lag / second_ms; });
  each_source(counter, "picket_source_records_read_total", "Records read of a source.",
              [](const SourceReport& source) { return source.totals.read.records_read; });
  out.begin(gauge, "picket_watermark_timestamp_seconds", "Up to when windows and sequences were judged.");
  for (const LogKind kind : log_kinds)
    if (const TimeMs mark = now.watermark[static_cast<std::size_t>(kind)]; mark > 0)
      out.sample({{"kind", name_of(kind)}}, mark / second_ms);
  out.begin(counter, "picket_flow_windows_total",
            "Capture windows without records: NODATA, and SKIPDATA that AWS left out.");
  const KindTotals& flows = now.ledger.kinds[static_cast<std::size_t>(LogKind::vpcflow)];
  out.sample({{"status", "NODATA"}}, flows.no_data);
  out.sample({{"status", "SKIPDATA"}}, flows.skip_data);
  out.counter("picket_epochs_seconds_total", "Time that epochs took since the start.",
              static_cast<double>(now.epochs_ms) / 1000);
  out.counter("picket_snapshots_total", "Snapshots saved since the start.", now.snapshots);
  out.gauge("picket_snapshot_seconds", "How long the last one took.",
            static_cast<double>(now.snapshot_ms) / 1000);
  out.gauge("picket_snapshot_pause_seconds", "How long epochs waited for it.",
            static_cast<double>(now.snapshot_pause_ms) / 1000);
  out.gauge("picket_snapshot_timestamp_seconds", "When the last one was begun.",
            now.last_snapshot / second_ms);
  if (now.digests) {
    out.counter("picket_digest_looks_total", "Looks at CloudTrail's digest chains.", now.digests->looks);
    out.gauge("picket_digest_unreachable", "1 when the last look could not see all there is.",
              now.digests->failure.empty() ? 0 : 1);
    out.gauge("picket_digest_chains", "Chains at the last look.", now.digests->chains);
    out.begin(gauge, "picket_digest_problems",
              "What the last look could not prove, and what it found broken.");
    out.sample({{"verdict", "broken"}}, now.digests->faults);
    out.sample({{"verdict", "unproven"}}, now.digests->unproven);
    out.begin(gauge, "picket_digest_proven", "Digests and log files that the last look proved.");
    out.sample({{"what", "digests"}}, now.digests->digests_valid);
    out.sample({{"what", "logs"}}, now.digests->logs_valid);
  }
  out.counter("picket_findings_written_total", "Findings raised or updated.", now.findings_written);
  out.counter("picket_findings_withdrawn_total",
              "Findings taken back, most of them told provisionally before.", now.findings_withdrawn);
  out.counter("picket_findings_refused_total", "Findings the store refused.", now.findings_refused);
  out.begin(counter, "picket_detections_left_out_total", "Detections left out by rule.");
  out.sample({{"why", "trusted"}}, now.left_out.trusted);
  out.sample({{"why", "not_an_instance"}}, now.left_out.not_an_instance);
  out.sample({{"why", "detector_disabled"}}, now.findings_withheld);
  out.begin(
      counter, "picket_custom_rule_dry_run_matches_total",
      "Records that custom detection rules in DRY_RUN, and rules of users on dry run, would have raised "
      "something for.");
  for (const auto& [key, count] : now.dry_run_counts) {
    out.sample({{"rule", key.rule}, {"account", key.account}, {"region", key.region}}, count);
  }
  if (settings_.pushed_archive != nullptr)
    out.gauge("picket_pushed_kept_bytes", "Of what was pushed and read, kept for the records of findings.",
              settings_.pushed_archive->bytes());
  const Entities::Counts entities = setup_.engine->entities().counts();
  out.gauge("picket_entities", "Entities that are kept for who investigates.", entities.entities);
  out.gauge("picket_entity_bytes", "Memory they take, of limits.entity_bytes_max.", entities.bytes);
  out.begin(counter, "picket_evicted_total", "State evicted to stay within budgets.");
  out.sample({{"what", "identities"}}, now.evictions.identities);
  out.sample({{"what", "ordered_rows"}}, now.evictions.ordered_rows);
  out.sample({{"what", "sequence_signals"}}, now.evictions.sequences.signals);
  out.sample({{"what", "sequence_rows"}}, now.evictions.sequences.early);
  out.sample({{"what", "host_days"}}, now.evictions.hosts.days);
  out.sample({{"what", "host_norms"}}, now.evictions.hosts.norms);
  out.sample({{"what", "issued_keys"}}, now.evictions.sequences.keys);
  out.sample({{"what", "habits"}}, now.evictions.sequences.habits);
  out.sample({{"what", "facts"}}, now.evictions.facts);
  out.sample({{"what", "norms"}}, now.evictions.norms);
  out.sample({{"what", "entities"}}, now.evictions.entities);
  for (const auto& [detector, count] : now.evictions.windows) {
    out.sample({{"what", "windows"}, {"detector", detector}}, count);
  }
  return out.take();
}

}  // namespace picket
