// A bucket as a source of log objects: announced through a queue of notifications, and found by listing,
// which also finds what nobody announced. Objects are fetched into the spool by threads of its own, in the
// order of their times as far as keys tell it; whoever reads them takes them from there. A message leaves the
// queue when a snapshot covers all it announced. Nothing of it enters a result but in which epoch an object
// is read.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "aws/role_key.h"
#include "aws/s3.h"
#include "aws/sqs.h"
#include "base/result.h"
#include "decode/decoder.h"
#include "net/http_client.h"
#include "source/file_source.h"

namespace picket {

// Where fetched objects lie until a snapshot covers them: a cache, since each can be fetched again.
class Spool {
 public:
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}
  // An object is one content of one key.
  std::string path_of(std::uint64_t object) const;
  Result<void> put(std::uint64_t object, std::string_view bytes) const;
  void remove(std::uint64_t object) const;
  // Removes what is of no use any more: all but these.
  void keep_only(const std::set<std::uint64_t>& objects) const;

 private:
  const std::string folder_;
};

struct S3SourceSettings {
  std::string name, bucket, prefix;
  std::string queue;     // URL; empty: found by listing alone
  std::string region;    // of bucket, queue and STS
  std::string endpoint;  // of S3 and STS; empty: AWS
  std::string role, external_id;
  TimeMs list_every = 10 * minute_ms;
};

// "s3://BUCKET/PREFIX", the prefix empty or not; nothing when it is none.
std::optional<std::pair<std::string, std::string>> parse_bucket_url(std::string_view url);

struct S3SourceStatus {
  std::uint64_t announced = 0;    // by messages, repeated ones too
  std::uint64_t repeated = 0;     // known already
  std::uint64_t unannounced = 0;  // found by listing though there is a queue
  std::uint64_t fetched = 0, bytes_fetched = 0;
  std::uint64_t not_logs = 0;       // other services' objects, by their keys: not fetched
  std::uint64_t gone = 0;           // were not there any more
  std::uint64_t foreign = 0;        // messages of other buckets, or that nobody can read: left in the queue
  std::uint64_t retries = 0;        // fetches that failed and are tried again
  std::uint64_t messages_open = 0;  // that no snapshot covers yet
  std::uint64_t waiting = 0;        // objects that are to be fetched or taken
  TimeMs oldest_waiting = 0;        // when the oldest of them was written; 0: none
  bool listed = false;              // all of the bucket, once
  bool failing = false;             // the last listing, fetch or receipt did not succeed
  std::string last_error;
  TimeMs last_error_at = 0;
};

class S3Source {
 public:
  // The spool outlives it.
  static Result<std::unique_ptr<S3Source>> make(S3SourceSettings settings,
                                                const std::vector<std::string>& allow_hosts,
                                                const std::string& ca_file, std::optional<aws::CallerKey> key,
                                                const Spool& spool, std::function<TimeMs()> wall_clock);
  ~S3Source();

  const S3SourceSettings& settings() const { return settings_; }
  std::string url_of(std::string_view key) const;
  // What tells objects apart; the tag's hash is in the manifest.
  static std::uint64_t tag_hash(std::string_view etag);
  static std::uint64_t object_of(std::string_view url, std::uint64_t tag_hash);

  // Objects that manifests have named before; before start().
  void know(std::string_view url, std::uint64_t tag_hash);
  void start();
  // Ends what is under way, and every later call.
  void stop();

  struct Fetched {
    ListedFile file;  // in the spool
    std::string url;
    std::uint64_t tag_hash = 0;
  };
  // What is ready, never one whose earlier ones are on their way.
  std::vector<Fetched> take();
  // A snapshot is begun that covers all that was taken, and later is there: then messages may go. Objects
  // that no epoch has read at its beginning stay in the spool.
  void covering(const std::function<bool(const std::string& url)>& unread);
  void covered();
  // Removes covered messages from the queue; otherwise a thread does it in time.
  void settle_messages();
  // What may lie in the spool for it.
  std::set<std::uint64_t> spooled() const;
  // The spool holds so much that only a snapshot makes room.
  bool wants_snapshot() const;
  // Nothing is known that was not taken.
  bool caught_up() const;
  S3SourceStatus status() const;

  // An object's content as it is now, for who looks at a record: asked for once, from any thread.
  Result<std::string> content(const std::string& key);

  // Of an object that is not in the spool any more, for a replay; waits until S3 answers, or stop().
  Result<void> fetch_again(const std::string& url, std::uint64_t tag_hash);

 private:
  struct Wanted {
    std::uint64_t object = 0;
    std::string key;
    std::uint64_t tag_hash = 0, size = 0;
    TimeMs modified = 0;
    enum class Phase : std::uint8_t { waiting, fetching, ready } phase = Phase::waiting;
    unsigned tries = 0;
    TimeMs not_before = 0;
  };
  using Place =
      std::pair<TimeMs, std::uint64_t>;  // in the order of reading: its time, and when it was told of
  struct Message {
    std::string receipt;
    std::vector<std::uint64_t> objects;
    TimeMs hidden_until = 0;
  };

  S3Source(S3SourceSettings settings, net::AddressGuard guard, const std::string& ca_file,
           std::optional<aws::CallerKey> key, const Spool& spool, std::function<TimeMs()> wall_clock);
  void receive_loop(const std::stop_token& stop);
  void list_loop(const std::stop_token& stop);
  void fetch_loop(const std::stop_token& stop);
  bool receive();  // whether the queue answered
  void take_message(aws::QueueMessage message);
  Result<void> list(const std::string& prefix, bool all);
  bool want(std::string key, std::string_view etag, std::uint64_t size, TimeMs modified);  // locked
  void fetched(const Place& place, Result<aws::S3Content> content);
  void try_again(Wanted& wanted, const Error& error);  // locked
  Result<aws::S3Content> get(const std::string& key);
  enum class Call : std::uint8_t { list, receive, fetch };
  void note(Call call, const Result<void>& outcome);
  void note_error(const Error& error);                         // locked
  bool pause(const std::stop_token& stop, TimeMs time) const;  // false when it is to stop

  const S3SourceSettings settings_;
  const Spool& spool_;
  const std::function<TimeMs()> wall_clock_;
  net::HttpClient http_;
  aws::RoleKey key_;
  const std::optional<aws::Queue> queue_;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::map<Place, Wanted> wanted_;
  std::uint64_t next_number_ = 0;
  std::unordered_set<std::uint64_t> known_;     // covered by a snapshot, or of no interest
  std::unordered_set<std::uint64_t> underway_;  // wanted or taken
  std::unordered_map<std::uint64_t, std::pair<std::string, std::uint64_t>> taken_;  // url and bytes
  std::vector<std::uint64_t> settled_;                         // were not there: known with the next snapshot
  std::vector<std::uint64_t> covering_known_, covering_read_;  // by the snapshot that was begun
  std::uint64_t spooled_bytes_ = 0;
  std::deque<Message> messages_;
  std::set<std::string> listed_days_;  // folders of past days that were listed to the end
  TimeMs listed_all_at_ = 0;
  bool listing_tried_ = false;  // before, the oldest objects may be unknown
  std::atomic<bool> stopping_ = false;
  S3SourceStatus status_;
  std::array<bool, 3> failing_{};  // by Call
  std::vector<std::jthread> threads_;
};

}  // namespace picket
