// Sends what the outbox asks for: new findings at once, updates at the detector's publishing frequency. Each
// target has a thread of its own, which takes the most severe first and, of those of one severity, rules and
// entities in turn, so that neither a slow target nor a flood of findings delays others. A row leaves the
// outbox only when the target has taken the event or it lies in the dead-letter file, so everything arrives
// at least once, after a crash too.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "respond/fair_queue.h"
#include "respond/line_file.h"
#include "respond/rules.h"
#include "respond/senders.h"
#include "store/finding_store.h"

namespace picket::respond {

constexpr std::size_t severity_levels = 4;

struct LaneCounts {
  std::uint64_t delivered = 0, failed = 0;  // attempts
  std::uint64_t dead_lettered = 0, dropped = 0;
  std::uint64_t waiting = 0;
  bool paused = false;     // the target could not be reached
  std::string last_error;  // of the latest attempt that failed; stays when later ones succeed
  TimeMs last_delivered = 0, last_failed = 0;
};

// What waits for one target.
class Lane {
 public:
  struct Item {
    std::uint64_t sequence = 0;  // of the outbox row
    std::string finding_id, rule;
    std::uint64_t entity = 0;  // whom the finding is about, by hash
    FindingChange change = FindingChange::updated;
    std::uint64_t epoch = 0;  // of a withdrawal
    Severity severity = Severity::low;
    unsigned attempts = 0;
    TimeMs first_tried = 0, not_before = 0;
  };

  Lane(const Target& target, Send send, std::uint32_t seed)
      : target_(target), send_(std::move(send)), jitter_(seed) {}

  // False: joined what waits of the finding already.
  bool add(Item item);
  // Whether what waits of the finding already will tell it too, for what is sent is the finding as it is
  // then; it moves up when the finding became worse.
  bool join(const Item& item);
  // One attempt, if anything is due; false: nothing is.
  Result<bool> turn(FindingStore& store, LineFile& dead_letters, TimeMs now);
  void wait(const std::stop_token& stop);
  LaneCounts counts() const;

 private:
  bool joined(const Item& item);
  std::optional<Item> take(TimeMs now);
  void put_back(Item item, bool unreachable, TimeMs now);
  void wait_until(TimeMs at, Item item);
  TimeMs backoff(unsigned attempts);
  bool take_token(std::size_t level, TimeMs now);

  const Target& target_;
  const Send send_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::minstd_rand jitter_;
  std::array<FairQueue<Item>, severity_levels> due_;
  std::multimap<TimeMs, Item> later_;  // refused once, by when they are tried again
  struct Spot {
    std::size_t level = 0;
    std::uint64_t sequence = 0;
  };
  std::map<std::string, Spot, std::less<>> waiting_;  // by finding; not what is being sent
  struct Bucket {
    double tokens = 0;
    TimeMs filled_at = 0;
  };
  std::array<Bucket, severity_levels> buckets_;
  unsigned failures_ = 0;  // in a row
  TimeMs paused_until_ = 0;
  LaneCounts counts_;
};

class Responder {
 public:
  // The store, the rules and the means outlive it. Fails when a target's secret cannot be read.
  static Result<std::unique_ptr<Responder>> make(FindingStore& store, const Rules& rules, const Means& means,
                                                 const std::string& dead_letters);

  void run(const std::stop_token& stop);
  // Takes in what the outbox has new and lets updates go that are due.
  Result<void> take_in();
  // Sends what is due, on the caller's thread; false: nothing was.
  Result<bool> turn();
  // Prometheus text.
  std::string metrics() const;
  // The targets with their rules and how sending goes, for people: a JSON list. No secrets: of a webhook's
  // URL only the host.
  std::string described() const;

 private:
  struct Update {
    std::string target;
    Lane::Item item;
  };
  // Of an account's Region: updates that wait for the next time, and when the last time was.
  struct Held {
    std::vector<Update> updates;
    std::set<std::pair<std::string, std::string>> known;  // target and finding
    TimeMs look_at = 0;                                   // the settings again
  };
  Responder(FindingStore& store, const Rules& rules, const Means& means, const std::string& dead_letters)
      : store_(store), rules_(rules), clock_(means.clock), dead_letters_(dead_letters) {}
  Result<void> hold(std::vector<Update> updates, std::vector<std::uint64_t>& superseded);
  Result<void> release();
  void add(Update update, std::vector<std::uint64_t>& superseded);

  FindingStore& store_;
  const Rules& rules_;
  const std::function<TimeMs()> clock_;
  LineFile dead_letters_;
  std::map<std::string, std::unique_ptr<Lane>, std::less<>> lanes_;  // by target
  std::map<std::pair<std::string, std::string>, Held> held_;         // by account and Region
  std::uint64_t last_sequence_ = 0;
  std::atomic<std::uint64_t> held_count_ = 0, without_target_ = 0;
};

}  // namespace picket::respond
