#include "source/s3_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/hash.h"
#include "base/whole_file.h"
#include "decode/sniff.h"
#include "source/notification.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

constexpr unsigned fetchers = 8;
constexpr std::uint64_t spool_bytes_max = 512ULL << 20;
constexpr std::size_t object_bytes_max = 1ULL << 30;  // as stored; it is in memory for a moment
constexpr std::size_t wanted_max = 300'000;           // listing waits beyond; some 250 B each
constexpr std::size_t messages_max = 2000;            // receiving waits beyond
constexpr unsigned hidden_seconds = 120;
constexpr unsigned receive_seconds = 5;
constexpr TimeMs first_pause = 500, longest_pause = minute_ms;  // of tries after errors
constexpr unsigned tries_in_order = 3;  // so long what comes after an object waits for it
// Folders of days before that are not listed again and again: AWS delivers within hours. Once a day all are,
// since CloudTrail tries for a month to deliver to a bucket that was closed to it.
constexpr TimeMs settled_after = 2 * day_ms, all_again_after = day_ms;

// When the day ends that a folder is of, "…/2026/09/14/" or "…/year=2026/month=09/day=14/".
std::optional<TimeMs> day_of_folder(std::string_view folder) {
  std::array<std::string_view, 3> parts;
  if (folder.ends_with('/')) folder.remove_suffix(1);
  for (std::size_t i = 3; i-- > 0;) {
    const std::size_t slash = folder.rfind('/');
    std::string_view part = folder.substr(slash == std::string_view::npos ? 0 : slash + 1);
    part = part.substr(part.find('=') + 1);
    if (part.size() != (i == 0 ? 4 : 2)) return std::nullopt;
    parts[i] = part;
    if (slash == std::string_view::npos && i > 0) return std::nullopt;
    folder = folder.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  const auto day = parse_time(fmt::format("{}-{}-{}T00:00:00Z", parts[0], parts[1], parts[2]));
  return day ? std::optional(*day + day_ms) : std::nullopt;
}

TimeMs backoff(unsigned tries) { return std::min(longest_pause, first_pause << std::min(tries, 10U)); }

}  // namespace

std::string Spool::path_of(std::uint64_t object) const { return fmt::format("{}/{:016x}", folder_, object); }

Result<void> Spool::put(std::uint64_t object, std::string_view bytes) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  return write_whole_file(path_of(object), bytes);
}

void Spool::remove(std::uint64_t object) const {
  std::error_code ignored;
  fs::remove(path_of(object), ignored);
}

void Spool::keep_only(const std::set<std::uint64_t>& objects) const {
  std::set<std::string> names;
  for (const std::uint64_t object : objects)
    for (const char* suffix : {"", ".tmp"}) names.insert(fmt::format("{:016x}{}", object, suffix));
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder_, error))
    if (!names.contains(item.path().filename().string())) fs::remove(item.path(), error);
}

std::optional<std::pair<std::string, std::string>> parse_bucket_url(std::string_view url) {
  constexpr std::string_view scheme = "s3://";
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  const std::string_view bucket = url.substr(0, slash);
  // As a bucket's name is judged where an object is named.
  if (!aws::parse_s3_url(fmt::format("s3://{}/key", bucket))) return std::nullopt;
  return std::pair(std::string(bucket), std::string(slash < url.size() ? url.substr(slash + 1) : ""));
}

Result<std::unique_ptr<S3Source>> S3Source::make(S3SourceSettings settings,
                                                 const std::vector<std::string>& allow_hosts,
                                                 const std::string& ca_file,
                                                 std::optional<aws::CallerKey> key, const Spool& spool,
                                                 std::function<TimeMs()> wall_clock) {
  // The operator chose the endpoints, so they may be anywhere.
  std::vector<std::string> allowed = allow_hosts;
  for (const std::string& url : {settings.endpoint, settings.queue}) {
    if (url.empty()) continue;
    auto host = net::host_of(url);
    if (!host) return std::unexpected(host.error());
    allowed.push_back(std::move(*host));
  }
  const auto guard = net::AddressGuard::make(allowed);
  if (!guard) return std::unexpected(guard.error());
  return std::unique_ptr<S3Source>(
      new S3Source(std::move(settings), *guard, ca_file, std::move(key), spool, std::move(wall_clock)));
}

S3Source::S3Source(S3SourceSettings settings, net::AddressGuard guard, const std::string& ca_file,
                   std::optional<aws::CallerKey> key, const Spool& spool, std::function<TimeMs()> wall_clock)
    : settings_(std::move(settings)),
      spool_(spool),
      wall_clock_(std::move(wall_clock)),
      http_(std::move(guard), ca_file),
      key_(http_, std::move(key),
           {settings_.role, settings_.external_id, settings_.region, settings_.endpoint}, wall_clock_),
      queue_(settings_.queue.empty()
                 ? std::nullopt
                 : std::optional<aws::Queue>(std::in_place, settings_.queue, settings_.region)) {}

S3Source::~S3Source() { stop(); }

std::string S3Source::url_of(std::string_view key) const {
  return fmt::format("s3://{}/{}", settings_.bucket, key);
}

std::uint64_t S3Source::tag_hash(std::string_view etag) { return std::max<std::uint64_t>(1, hash64(etag)); }

std::uint64_t S3Source::object_of(std::string_view url, std::uint64_t tag_hash) {
  return hash64(url, tag_hash);
}

void S3Source::know(std::string_view url, std::uint64_t tag_hash) { known_.insert(object_of(url, tag_hash)); }

void S3Source::start() {
  if (queue_) threads_.emplace_back([this](const std::stop_token& stop) { receive_loop(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { list_loop(stop); });
  for (unsigned i = 0; i < fetchers; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { fetch_loop(stop); });
}

void S3Source::stop() {
  stopping_ = true;
  http_.stop();
  for (std::jthread& thread : threads_) thread.request_stop();
  changed_.notify_all();
  threads_.clear();
}

bool S3Source::pause(const std::stop_token& stop, TimeMs time) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::chrono::milliseconds(time), [] { return false; });
  return !stop.stop_requested();
}

void S3Source::note_error(const Error& error) {
  status_.last_error = error.message();
  status_.last_error_at = wall_clock_();
}

void S3Source::note(Call call, const Result<void>& outcome) {
  const std::lock_guard lock(mutex_);
  failing_[static_cast<std::size_t>(call)] = !outcome;
  if (!outcome) note_error(outcome.error());
}

// Whether it is new.
bool S3Source::want(std::string key, std::string_view etag, std::uint64_t size, TimeMs modified) {
  const std::uint64_t tag = tag_hash(etag);
  const std::uint64_t object = object_of(url_of(key), tag);
  if (known_.contains(object) || underway_.contains(object)) return false;
  if (!read_key(key).skip_reason.empty()) {
    ++status_.not_logs;
    known_.insert(object);
    return true;
  }
  underway_.insert(object);
  const TimeMs time = object_time_hint(key).value_or(modified);
  wanted_[{time, next_number_++}] = {
      .object = object, .key = std::move(key), .tag_hash = tag, .size = size, .modified = modified};
  return true;
}

void S3Source::receive_loop(const std::stop_token& stop) {
  unsigned failures = 0;
  while (!stop.stop_requested()) {
    settle_messages();
    bool full = false;
    {
      const std::lock_guard lock(mutex_);
      full = messages_.size() >= messages_max;
    }
    if (full) {
      if (!pause(stop, second_ms)) return;
    } else if (receive()) {
      failures = 0;
    } else if (!pause(stop, backoff(failures++))) {
      return;
    }
  }
}

bool S3Source::receive() {
  const auto key = key_.get();
  if (!key) {
    note(Call::receive, std::unexpected(key.error()));
    return false;
  }
  auto messages =
      queue_->receive(aws::ServiceCaller(http_, *key, wall_clock_), receive_seconds, hidden_seconds);
  note(Call::receive, messages ? Result<void>{} : std::unexpected(messages.error()));
  if (!messages) return false;
  for (aws::QueueMessage& message : *messages) take_message(std::move(message));
  return true;
}

void S3Source::take_message(aws::QueueMessage message) {
  const auto told = read_notification(message.body);
  const std::lock_guard lock(mutex_);
  const bool ours = told && std::ranges::any_of(told->buckets, [&](const std::string& bucket) {
                      return bucket == settings_.bucket;
                    });
  if (!ours) {
    // Another reader's, or for the queue's own dead letters.
    ++status_.foreign;
    if (!told) note_error({ErrorKind::invalid, "a message is no notification of S3", settings_.queue, -1});
    return;
  }
  Message open{std::move(message.receipt), {}, wall_clock_() + hidden_seconds * second_ms};
  for (const AnnouncedObject& object : told->objects) {
    if (object.bucket != settings_.bucket || !object.key.starts_with(settings_.prefix)) continue;
    ++status_.announced;
    if (!want(object.key, object.etag, 0, wall_clock_())) ++status_.repeated;
    open.objects.push_back(object_of(url_of(object.key), tag_hash(object.etag)));
  }
  messages_.push_back(std::move(open));
  changed_.notify_all();
}

// Removes from the queue what is covered, and keeps the rest from being given to others.
void S3Source::settle_messages() {
  std::vector<std::string> done, open;
  {
    const std::lock_guard lock(mutex_);
    const TimeMs now = wall_clock_();
    std::erase_if(messages_, [&](Message& message) {
      std::erase_if(message.objects, [&](std::uint64_t object) { return known_.contains(object); });
      if (message.objects.empty()) {
        done.push_back(message.receipt);
        return true;
      }
      if (message.hidden_until - now < hidden_seconds * second_ms / 2) {
        open.push_back(message.receipt);
        message.hidden_until = now + hidden_seconds * second_ms;
      }
      return false;
    });
  }
  const auto key = key_.get();
  if (!key) return;
  const aws::ServiceCaller caller(http_, *key, wall_clock_);
  // A message that could not be removed or hidden comes again, and is known then.
  const auto each_batch = [&](const std::vector<std::string>& receipts, const auto& call) {
    for (std::size_t at = 0; at < receipts.size(); at += aws::Queue::batch_max) {
      const std::size_t end = std::min(receipts.size(), at + aws::Queue::batch_max);
      if (const auto called = call(std::vector(receipts.begin() + static_cast<std::ptrdiff_t>(at),
                                               receipts.begin() + static_cast<std::ptrdiff_t>(end)));
          !called)
        note(Call::receive, called);
    }
  };
  each_batch(done, [&](const auto& batch) { return queue_->remove(caller, batch); });
  each_batch(open, [&](const auto& batch) { return queue_->hide(caller, batch, hidden_seconds); });
}

void S3Source::list_loop(const std::stop_token& stop) {
  unsigned failures = 0;
  while (!stop.stop_requested()) {
    const TimeMs began = wall_clock_();
    const bool all = began - listed_all_at_ >= all_again_after;
    const auto listed = list(settings_.prefix, all);
    if (stop.stop_requested()) return;
    note(Call::list, listed);
    {
      const std::lock_guard lock(mutex_);
      listing_tried_ = true;
    }
    if (!listed) {
      if (!pause(stop, backoff(failures++))) return;
      continue;
    }
    failures = 0;
    if (all) listed_all_at_ = began;
    {
      const std::lock_guard lock(mutex_);
      status_.listed = true;
    }
    if (!pause(stop, settings_.list_every)) return;
  }
}

// Folder by folder, so that past days can be left out.
Result<void> S3Source::list(const std::string& prefix, bool all) {
  const auto day_end = day_of_folder(prefix);
  const bool past = day_end && wall_clock_() - *day_end > settled_after;
  if (past && !all && listed_days_.contains(prefix)) return {};
  const auto list_page = [&](const std::string& from) -> Result<aws::S3Page> {
    const auto key = key_.get();
    if (!key) return std::unexpected(key.error());
    return aws::S3Client(http_, {settings_.endpoint, *key}, wall_clock_)
        .list(settings_.bucket, prefix, settings_.region, !past, from);
  };
  std::string next;
  do {
    auto page = list_page(next);
    // What may pass is tried again here: a bucket of many folders would never be listed to the end otherwise.
    for (unsigned tries = 0; !page && page.error().kind == ErrorKind::io && !stopping_;
         page = list_page(next)) {
      note(Call::list, std::unexpected(page.error()));
      for (TimeMs left = backoff(tries++); left > 0 && !stopping_; left -= 100)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (!page) return std::unexpected(page.error());
    {
      std::unique_lock lock(mutex_);
      const bool first = !status_.listed;
      for (const aws::S3Object& object : page->objects) {
        if (object.key.ends_with('/') && object.size == 0) continue;  // a folder, as consoles make them
        if (want(object.key, object.etag, object.size, object.modified) && queue_ && !first)
          ++status_.unannounced;
      }
    }
    changed_.notify_all();
    for (const std::string& folder : page->folders)
      if (auto listed = list(folder, all); !listed) return listed;
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (wanted_.size() < wanted_max) break;
        listing_tried_ = true;  // as far as there is room
      }
      if (stopping_) return {};
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    next = page->next;
  } while (!next.empty());
  if (past) listed_days_.insert(prefix);
  return {};
}

Result<aws::S3Content> S3Source::get(const std::string& key) {
  const auto caller = key_.get();
  if (!caller) return std::unexpected(caller.error());
  return aws::S3Client(http_, {settings_.endpoint, *caller}, wall_clock_)
      .get_content({settings_.bucket, key, ""}, settings_.region, object_bytes_max);
}

void S3Source::fetch_loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Place place;
    std::string key;
    {
      std::unique_lock lock(mutex_);
      const TimeMs now = wall_clock_();
      const auto next = !listing_tried_ || spooled_bytes_ >= spool_bytes_max
                            ? wanted_.end()
                            : std::ranges::find_if(wanted_, [&](const auto& item) {
                                const TimeMs at = item.second.not_before;
                                // Later than that: the clock was set back.
                                return item.second.phase == Wanted::Phase::waiting &&
                                       (at <= now || at > now + longest_pause);
                              });
      if (next == wanted_.end()) {
        changed_.wait_for(lock, stop, std::chrono::milliseconds(200), [] { return false; });
        continue;
      }
      next->second.phase = Wanted::Phase::fetching;
      place = next->first;
      key = next->second.key;
    }
    fetched(place, get(key));
  }
}

void S3Source::try_again(Wanted& wanted, const Error& error) {
  ++status_.retries;
  failing_[static_cast<std::size_t>(Call::fetch)] = true;
  note_error(error);
  wanted.phase = Wanted::Phase::waiting;
  wanted.not_before = wall_clock_() + backoff(wanted.tries++);
}

void S3Source::fetched(const Place& place, Result<aws::S3Content> content) {
  std::unique_lock lock(mutex_);
  Wanted& wanted = wanted_.at(place);  // Stays where it is while it is being fetched.
  if (!content && content.error().kind != ErrorKind::not_found) return try_again(wanted, content.error());
  const std::uint64_t tag = content ? tag_hash(content->etag) : 0;
  if (!content || tag != wanted.tag_hash) {
    // Removed, or replaced, since it was told of. The new content is another object.
    settled_.push_back(wanted.object);
    underway_.erase(wanted.object);
    if (!content) ++status_.gone;
    const std::uint64_t object = object_of(url_of(wanted.key), tag);
    if (!content || known_.contains(object) || !underway_.insert(object).second) {
      wanted_.erase(place);
      return;
    }
    wanted.object = object;
    wanted.tag_hash = tag;
  }
  wanted.size = content->bytes.size();
  const std::uint64_t object = wanted.object;
  lock.unlock();
  const auto put = spool_.put(object, content->bytes);
  lock.lock();
  if (!put) return try_again(wanted, put.error());
  wanted.phase = Wanted::Phase::ready;
  failing_[static_cast<std::size_t>(Call::fetch)] = false;
  spooled_bytes_ += content->bytes.size();
  ++status_.fetched;
  status_.bytes_fetched += content->bytes.size();
}

std::vector<S3Source::Fetched> S3Source::take() {
  std::vector<Fetched> out;
  const std::lock_guard lock(mutex_);
  for (auto at = wanted_.begin(); at != wanted_.end();) {
    Wanted& wanted = at->second;
    if (wanted.phase != Wanted::Phase::ready) {
      if (wanted.tries < tries_in_order) break;
      ++at;
      continue;
    }
    Fetched& fetched = out.emplace_back();
    fetched.url = url_of(wanted.key);
    fetched.tag_hash = wanted.tag_hash;
    fetched.file.path = spool_.path_of(wanted.object);
    fetched.file.key = std::move(wanted.key);
    fetched.file.size = wanted.size;
    fetched.file.modified_ns = wanted.modified * 1'000'000;
    taken_[wanted.object] = {fetched.url, wanted.size};
    at = wanted_.erase(at);
  }
  return out;
}

void S3Source::covering(const std::function<bool(const std::string& url)>& unread) {
  const std::lock_guard lock(mutex_);
  // Of one that failed everything is in the next.
  std::ranges::move(settled_, std::back_inserter(covering_known_));
  settled_.clear();
  covering_read_.clear();
  for (const auto& [object, what] : taken_)
    (unread(what.first) ? covering_known_ : covering_read_).push_back(object);
}

void S3Source::covered() {
  {
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t object : std::exchange(covering_known_, {})) known_.insert(object);
    for (const std::uint64_t object : std::exchange(covering_read_, {})) {
      known_.insert(object);
      const auto at = taken_.find(object);
      if (at == taken_.end()) continue;
      spool_.remove(object);
      underway_.erase(object);
      spooled_bytes_ -= at->second.second;
      taken_.erase(at);
    }
  }
  changed_.notify_all();
}

std::set<std::uint64_t> S3Source::spooled() const {
  const std::lock_guard lock(mutex_);
  std::set<std::uint64_t> out;
  for (const auto& [place, wanted] : wanted_) out.insert(wanted.object);
  for (const auto& [object, what] : taken_) out.insert(object);
  return out;
}

bool S3Source::wants_snapshot() const {
  const std::lock_guard lock(mutex_);
  return spooled_bytes_ >= spool_bytes_max / 2 && !taken_.empty();
}

bool S3Source::caught_up() const {
  const std::lock_guard lock(mutex_);
  return status_.listed && wanted_.empty();
}

S3SourceStatus S3Source::status() const {
  const std::lock_guard lock(mutex_);
  S3SourceStatus out = status_;
  out.failing = std::ranges::any_of(failing_, [](bool one) { return one; });
  out.messages_open = messages_.size();
  out.waiting = wanted_.size();
  for (const auto& [place, wanted] : wanted_)
    out.oldest_waiting =
        out.oldest_waiting == 0 ? wanted.modified : std::min(out.oldest_waiting, wanted.modified);
  return out;
}

Result<std::string> S3Source::content(const std::string& key) {
  auto content = get(key);
  if (!content) return std::unexpected(content.error());
  return std::move(content->bytes);
}

Result<void> S3Source::fetch_again(const std::string& url, std::uint64_t tag) {
  const auto place = aws::parse_s3_url(url);
  if (!place) return fail(ErrorKind::invalid, "names no object of S3", url);
  for (unsigned tries = 0;; ++tries) {
    const auto content = get(place->key);
    if (content) {
      if (tag_hash(content->etag) != tag)
        return fail(ErrorKind::conflict, "replaced before it was read", url);
      return spool_.put(object_of(url, tag), content->bytes);
    }
    if (content.error().kind == ErrorKind::not_found || stopping_) return std::unexpected(content.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(backoff(tries)));
  }
}

}  // namespace picket
