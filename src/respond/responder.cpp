#include "respond/responder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/json_writer.h"
#include "base/metrics_text.h"
#include "base/program_log.h"
#include "playbook/finding_facts.h"
#include "respond/dead_letters.h"
#include "respond/update_times.h"
#include "store/publishing.h"

namespace picket::respond {

namespace {

constexpr std::size_t rows_at_once = 1000;
constexpr auto pause = std::chrono::milliseconds(200);
constexpr TimeMs look_interval = 5 * second_ms;  // at settings that change rarely
constexpr TimeMs backoff_first = second_ms, backoff_last = 5 * minute_ms;
constexpr TimeMs provisional_pause = 15 * second_ms;

std::size_t level_of(Severity severity) { return static_cast<std::size_t>(severity); }

}  // namespace

// ---- Lane

bool Lane::add(Item item) {
  const std::lock_guard lock(mutex_);
  const std::size_t level = level_of(item.severity);
  if (item.change != FindingChange::withdrawn) {
    if (joined(item)) return false;
    waiting_.emplace(item.finding_id, Spot{level, item.sequence});
  }
  due_[level].add(std::move(item));
  wake_.notify_one();
  return true;
}

bool Lane::join(const Item& item) {
  const std::lock_guard lock(mutex_);
  return joined(item);
}

bool Lane::joined(const Item& item) {
  const auto at = waiting_.find(item.finding_id);
  if (at == waiting_.end()) return false;
  Spot& spot = at->second;
  const std::size_t level = level_of(item.severity);
  if (level > spot.level) {
    if (auto waiting = due_[spot.level].remove(spot.sequence)) {
      waiting->severity = item.severity;
      due_[level].add(std::move(*waiting));
      spot.level = level;
    }
  }
  return true;
}

// A second's worth may go at once.
bool Lane::take_token(std::size_t level, TimeMs now) {
  const double rate = target_.keys.rate_per_minute;
  if (rate == 0) return true;
  Bucket& bucket = buckets_[level];
  const double most = std::max(1.0, rate / 60);
  if (bucket.filled_at == 0) bucket.tokens = most;
  const auto passed = static_cast<double>(std::max<TimeMs>(0, now - bucket.filled_at));
  bucket.tokens = std::min(most, bucket.tokens + passed * rate / minute_ms);
  bucket.filled_at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::optional<Lane::Item> Lane::take(TimeMs now) {
  const std::lock_guard lock(mutex_);
  // Nothing waits longer than the longest pause: else the clock was set back.
  const auto passed = [&](TimeMs at) { return at <= now || at > now + backoff_last; };
  while (!later_.empty() && passed(later_.begin()->first)) {
    Item item = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    due_[level_of(item.severity)].add(std::move(item));
  }
  if (!passed(paused_until_)) return std::nullopt;
  for (std::size_t level = severity_levels; level-- > 0;) {
    auto& waiting = due_[level];
    if (waiting.empty() || !take_token(level, now)) continue;
    Item item = waiting.take();
    if (item.change != FindingChange::withdrawn) waiting_.erase(item.finding_id);
    return item;
  }
  return std::nullopt;
}

TimeMs Lane::backoff(unsigned attempts) {
  const TimeMs most = std::min(backoff_last, backoff_first << std::min(attempts - 1, 16U));
  return most / 2 + static_cast<TimeMs>(jitter_() % static_cast<std::uint64_t>(most / 2 + 1));
}

// Others go first meanwhile, so that one event the target cannot bear does not stop them.
void Lane::put_back(Item item, bool unreachable, TimeMs now) {
  const std::lock_guard lock(mutex_);
  if (unreachable) {
    paused_until_ = now + backoff(++failures_);
    counts_.paused = true;
  }
  wait_until(now + backoff(std::max(1U, item.attempts)), std::move(item));
}

void Lane::wait_until(TimeMs at, Item item) {
  if (item.change != FindingChange::withdrawn)
    waiting_.try_emplace(item.finding_id, Spot{level_of(item.severity), item.sequence});
  later_.emplace(at, std::move(item));
}

Result<bool> Lane::turn(FindingStore& store, LineFile& dead_letters, TimeMs now) {
  auto item = take(now);
  if (!item) return false;
  const auto count = [this](std::uint64_t LaneCounts::* what) {
    const std::lock_guard lock(mutex_);
    ++(counts_.*what);
  };
  const auto end = [&]() -> Result<bool> {
    if (auto done = store.outbox_done({&item->sequence, 1}); !done) {
      put_back(std::move(*item), false, now);  // sent twice rather than forgotten
      return std::unexpected(done.error());
    }
    return true;
  };
  const auto try_again = [&](const Error& error) -> Result<bool> {
    ++item->attempts;
    put_back(std::move(*item), false, now);
    return std::unexpected(error);
  };
  const auto stored = store.get({}, {&item->finding_id, 1});
  if (!stored) return try_again(stored.error());
  const bool withdrawn = item->change == FindingChange::withdrawn;
  // One that is not there any more has expired or was taken back; one that was taken back may be there again.
  if (stored->empty() != withdrawn || (!withdrawn && stored->front().archived == Archived::automatic)) {
    count(&LaneCounts::dropped);
    return end();
  }
  // A playbook acts on what is sure; what is provisional becomes so within the lateness of its logs, or goes.
  if (target_.kind == TargetKind::playbook && !withdrawn)
    if (const auto facts = playbook::facts_of(stored->front().document); facts && facts->provisional) {
      const std::lock_guard lock(mutex_);
      wait_until(now + provisional_pause, std::move(*item));
      return true;
    }
  const auto document =
      withdrawn ? store.outbox_document(item->sequence) : Result<std::string>(stored->front().document);
  if (!document) return try_again(document.error());
  const FindingEvent event =
      event_of(*document, item->finding_id, withdrawn ? item->epoch : stored->front().epoch, item->change);
  const auto sent = send_(event, target_.body(event, item->rule, now));
  if (sent) {
    {
      const std::lock_guard lock(mutex_);
      ++counts_.delivered;
      counts_.last_delivered = now;
      failures_ = 0;
      counts_.paused = false;
    }
    return end();
  }
  {
    const std::lock_guard lock(mutex_);
    ++counts_.failed;
    counts_.last_failed = now;
    counts_.last_error = sent.error().message();
  }
  if (item->attempts++ == 0) item->first_tried = now;
  if (now - item->first_tried < target_.keys.retry_for) {
    const bool unreachable = sent.error().kind != ErrorKind::invalid;
    log_with(
        spdlog::level::warn,
        {{"target", target_.keys.name}, {"finding", item->finding_id}, {"error", sent.error().message()}},
        "respond.target {}: {}; tried again", target_.keys.name, sent.error().message());
    put_back(std::move(*item), unreachable, now);
    return true;
  }
  log_with(spdlog::level::err,
           {{"target", target_.keys.name}, {"finding", item->finding_id}, {"error", sent.error().message()}},
           "respond.target {}: {}; given up after {} attempts: {}", target_.keys.name, sent.error().message(),
           item->attempts, dead_letters.path());
  if (auto kept = dead_letters.append(dead_letter_line({.time = now,
                                                        .target = target_.keys.name,
                                                        .rule = item->rule,
                                                        .error = sent.error().message(),
                                                        .attempts = item->attempts,
                                                        .event = event}));
      !kept) {
    put_back(std::move(*item), false, now);
    return std::unexpected(kept.error());
  }
  count(&LaneCounts::dead_lettered);
  return end();
}

void Lane::wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!stop.stop_requested()) wake_.wait_for(lock, pause);
}

LaneCounts Lane::counts() const {
  const std::lock_guard lock(mutex_);
  LaneCounts now = counts_;
  now.waiting = later_.size();
  for (const auto& waiting : due_) now.waiting += waiting.size();
  return now;
}

// ---- Responder

Result<std::unique_ptr<Responder>> Responder::make(FindingStore& store, const Rules& rules,
                                                   const Means& means, const std::string& dead_letters) {
  std::unique_ptr<Responder> made(new Responder(store, rules, means, dead_letters));
  std::uint32_t seed = std::random_device{}();
  for (const auto& [name, target] : rules.targets()) {
    auto send = make_sender(target, means);
    if (!send)
      return fail(send.error().kind, fmt::format("respond.target {}: {}", name, send.error().message()),
                  target.keys.where);
    made->lanes_.emplace(name, std::make_unique<Lane>(target, std::move(*send), seed++));
  }
  return made;
}

void Responder::add(Update update, std::vector<std::uint64_t>& superseded) {
  const std::uint64_t sequence = update.item.sequence;
  if (!lanes_.find(update.target)->second->add(std::move(update.item))) superseded.push_back(sequence);
}

Result<void> Responder::take_in() {
  for (;;) {
    const auto rows = store_.outbox(last_sequence_, rows_at_once);
    if (!rows) return std::unexpected(rows.error());
    std::vector<std::uint64_t> over;  // needs no sending
    std::vector<Update> updates;
    for (const OutboxEntry& row : *rows) {
      auto task = parse_task(row.kind);
      if (!task) continue;
      if (!lanes_.contains(task->target)) {
        log_with(spdlog::level::warn, {{"target", task->target}, {"finding", row.finding_id}},
                 "respond: finding {} was meant for target {}, which is not configured any more",
                 row.finding_id, task->target);
        ++without_target_;
        over.push_back(row.sequence);
        continue;
      }
      Update update{std::move(task->target),
                    {.sequence = row.sequence,
                     .finding_id = row.finding_id,
                     .rule = std::move(task->rule),
                     .entity = task->entity,
                     .change = task->change,
                     .epoch = row.epoch,
                     .severity = task->severity}};
      if (task->change != FindingChange::updated) {
        add(std::move(update), over);
      } else if (lanes_.find(update.target)->second->join(update.item)) {
        over.push_back(row.sequence);
      } else {
        updates.push_back(std::move(update));
      }
    }
    if (auto held = hold(std::move(updates), over); !held) return held;
    if (!over.empty()) {
      if (auto done = store_.outbox_done(over); !done) return done;
    }
    if (!rows->empty()) last_sequence_ = rows->back().sequence;
    if (rows->size() < rows_at_once) break;
  }
  return release();
}

// Sorts updates by account and Region. Of one finding and target the oldest row stays: it goes first.
Result<void> Responder::hold(std::vector<Update> updates, std::vector<std::uint64_t>& superseded) {
  if (updates.empty()) return {};
  std::vector<std::string> ids;
  for (const Update& update : updates) ids.push_back(update.item.finding_id);
  const auto stored = store_.get({}, ids);
  if (!stored) return std::unexpected(stored.error());
  std::map<std::string_view, const Finding*> findings;
  for (const Finding& finding : *stored) findings.emplace(finding.id, &finding);
  for (Update& update : updates) {
    const auto finding = findings.find(update.item.finding_id);
    if (finding == findings.end()) {
      superseded.push_back(update.item.sequence);
      continue;
    }
    Held& held = held_[{finding->second->account, finding->second->region}];
    if (held.known.emplace(update.target, update.item.finding_id).second) {
      held.updates.push_back(std::move(update));
      ++held_count_;
    } else {
      superseded.push_back(update.item.sequence);
    }
  }
  return {};
}

Result<void> Responder::release() {
  const TimeMs now = clock_();
  std::vector<std::uint64_t> superseded;
  for (auto& [place, held] : held_) {
    if (held.updates.empty() || (now < held.look_at && held.look_at <= now + look_interval)) continue;
    held.look_at = now + look_interval;
    const auto& [account, region] = place;
    const auto interval = publishing_interval(store_, account, region);
    if (!interval) return std::unexpected(interval.error());
    auto last = load_update_time(store_, account, region);
    if (!last) return std::unexpected(last.error());
    if (!*last) {  // The first update ever: its interval begins now.
      *last = UpdateTime{now, 0};
      if (auto saved = save_update_time(store_, account, region, **last); !saved) return saved;
    }
    if (now - (*last)->released_at >= *interval) {
      *last = UpdateTime{now, held.updates.back().item.sequence};
      if (auto saved = save_update_time(store_, account, region, **last); !saved) return saved;
    }
    // Besides those of now, what a crash kept from being sent.
    const auto kept = std::partition(held.updates.begin(), held.updates.end(), [&](const Update& update) {
      return update.item.sequence > (*last)->through;
    });
    for (auto at = kept; at != held.updates.end(); ++at) {
      held.known.erase({at->target, at->item.finding_id});
      --held_count_;
      add(std::move(*at), superseded);
    }
    held.updates.erase(kept, held.updates.end());
  }
  return superseded.empty() ? Result<void>() : store_.outbox_done(superseded);
}

Result<bool> Responder::turn() {
  bool sent = false;
  for (const auto& [name, lane] : lanes_) {
    const auto turned = lane->turn(store_, dead_letters_, clock_());
    if (!turned) return turned;
    sent |= *turned;
  }
  return sent;
}

void Responder::run(const std::stop_token& stop) {
  std::vector<std::jthread> threads;
  for (const auto& [name, lane] : lanes_) {
    threads.emplace_back([this, &lane = *lane](const std::stop_token& own) {
      while (!own.stop_requested()) {
        const auto turned = lane.turn(store_, dead_letters_, clock_());
        if (!turned) spdlog::error("respond: {}", turned.error().message());
        if (!turned || !*turned) lane.wait(own);
      }
    });
  }
  while (!stop.stop_requested()) {
    if (const auto taken = take_in(); !taken) spdlog::error("respond: {}", taken.error().message());
    std::this_thread::sleep_for(pause);
  }
  for (std::jthread& thread : threads) thread.request_stop();
}

std::string Responder::described() const {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const auto& [name, lane] : lanes_) {
    const Target& target = rules_.targets().find(name)->second;
    const LaneCounts counts = lane->counts();
    const bool webhook = target.kind == TargetKind::webhook;
    std::vector<std::string> rules;
    for (const Rules::Rule& rule : rules_.all())
      if (std::ranges::find(rule.targets, name) != rule.targets.end()) rules.push_back(rule.name);
    json.begin_object();
    json.member("name", name);
    json.member("kind", target.keys.kind);
    json.member("place", webhook ? net::host_of(target.keys.url).value_or("") : target.place());
    json.member("rules", rules);
    json.member("delivered", counts.delivered);
    json.member("failed", counts.failed);
    json.member("waiting", counts.waiting);
    json.member("deadLettered", counts.dead_lettered);
    json.member("unreachable", counts.paused);
    if (counts.last_delivered != 0) json.member("lastDeliveredAt", counts.last_delivered);
    if (counts.last_failed != 0) {
      json.member("lastFailedAt", counts.last_failed);
      // An error may name the URL, which may be a secret.
      json.member("lastError", webhook && counts.last_error.starts_with(target.keys.url)
                                   ? counts.last_error.substr(target.keys.url.size())
                                   : counts.last_error);
    }
    json.end_object();
  }
  json.end_array();
  return out;
}

std::string Responder::metrics() const {
  MetricsText out;
  using enum MetricsText::Type;
  std::map<std::string_view, LaneCounts> counts;
  for (const auto& [name, lane] : lanes_) counts.emplace(name, lane->counts());
  out.begin(counter, "picket_respond_attempts_total", "Attempts to send a finding to a target.");
  for (const auto& [name, lane] : counts) {
    out.sample({{"target", name}, {"outcome", "delivered"}}, lane.delivered);
    out.sample({{"target", name}, {"outcome", "failed"}}, lane.failed);
  }
  const auto each_lane = [&](MetricsText::Type type, std::string_view name, std::string_view help,
                             const auto& value) {
    out.begin(type, name, help);
    for (const auto& [target, lane] : counts) out.sample({{"target", target}}, value(lane));
  };
  each_lane(counter, "picket_respond_dead_letters_total", "Findings given up after retry_for.",
            [](const LaneCounts& lane) { return lane.dead_lettered; });
  each_lane(counter, "picket_respond_dropped_total",
            "Findings that were gone or archived by a filter when it was their turn.",
            [](const LaneCounts& lane) { return lane.dropped; });
  each_lane(gauge, "picket_respond_waiting", "Findings that wait for a target.",
            [](const LaneCounts& lane) { return lane.waiting; });
  each_lane(gauge, "picket_respond_unreachable", "1 when the last attempt could not reach the target.",
            [](const LaneCounts& lane) { return lane.paused ? 1 : 0; });
  out.gauge("picket_respond_updates_held", "Updates that wait for the detector's publishing frequency.",
            held_count_.load());
  out.counter("picket_respond_without_target_total", "Findings whose target is not configured any more.",
              without_target_.load());
  return out.take();
}

}  // namespace picket::respond
