// Runs playbooks: previews them, changes what they say, goes on after a crash, and undoes what is still as it
// was left. One run at a time, over all processes that share the data directory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aws/role_key.h"
#include "base/folder_lock.h"
#include "config/respond_keys.h"
#include "net/address_guard.h"
#include "net/http_client.h"
#include "playbook/plan.h"
#include "playbook/run.h"
#include "store/finding_store.h"

namespace picket::playbook {

struct Order {
  std::string actor;              // Run::actor
  bool by_rule = false;           // else a person wants it
  bool accept_forgeable = false;  // the person takes evidence that could be forged for good
};

struct PlaybookMeans {
  FindingStore& store;
  const net::HttpClient& http;
  const net::AddressGuard& guard;
  std::optional<aws::CallerKey> key;  // [respond] credentials
  std::string folder;                 // of the lock
  std::string aws_ranges;             // AWS's ip-ranges.json; may be empty
  std::function<TimeMs()> clock;      // the wall clock
};

class Playbooks {
 public:
  // What `means` refers to outlives it. Errors tell the file, the line and what is wrong.
  static Result<std::unique_ptr<Playbooks>> make(const RespondKeys& keys, PlaybookMeans means);

  // Whether the keys can be worked with, without a store.
  static Result<void> check(const RespondKeys& keys, const std::string& aws_ranges);

  const std::vector<PlaybookKeys>& all() const { return keys_.playbooks; }
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // What the playbook would do about the finding; nothing is changed. `not_found`: no such playbook.
  Result<Run> preview(std::string_view name, std::string_view finding, const Order& order);
  // Runs it. A run that is refused or has failed is told by its state; an error means that AWS could not be
  // reached, or that the rate cap is reached (`too_large`): a run that has begun goes on by itself.
  // A rule gets one run for each playbook and finding, and none that a person has undone.
  Result<Run> run(std::string_view name, std::string_view finding, const Order& order);
  // Puts back what the run changed, if all of it is still as the run left it; `conflict` tells what is not.
  Result<Run> undo(std::string_view id, const std::string& actor);

  // Goes on with runs that were interrupted.
  Result<void> resume();
  // Does so every few seconds.
  void keep_on(const std::stop_token& stop);

  // Newest first.
  Result<std::vector<Run>> history() const { return load_runs(means_.store); }
  // Hands each run that has ended and was not told before to `tell`, and notes that.
  Result<void> audit(const std::function<Result<void>(const Run&)>& tell);

  // Prometheus text.
  std::string metrics() const;

 private:
  Playbooks(RespondKeys keys, PlaybookMeans means, Protection protection);
  struct Prepared;
  struct RunMeans {
    std::unique_ptr<AwsSession> aws;
    const Cluster* cluster = nullptr;
  };
  const PlaybookKeys* find(std::string_view name) const;
  Result<Prepared> prepare(const PlaybookKeys& playbook, const FindingFacts& facts, const Order& order);
  Result<void> look(Run& run, Hands& hands) const;
  static Result<std::string> seen(const StepKind& kind, const Step& step, Hands& hands);
  Result<std::string> supporting(const FindingFacts& facts, Subject subject,
                                 std::string_view subject_id) const;
  Result<bool> over_cap(const PlaybookKeys& playbook) const;
  Result<std::unique_ptr<AwsSession>> session(const std::string& account, const std::string& region);
  Result<aws::CallerKey> key_of(const std::string& account, const std::string& region);
  std::unique_ptr<AwsSession> no_session(const std::string& account, const std::string& region) const;
  Result<RunMeans> means_of(const Run& run);
  Result<Identity> identity(AwsSession& aws);
  const Cluster* cluster_named(std::string_view name) const;
  Result<void> execute(Run& run, Hands& hands);
  Result<void> take_step(Run& run, Step& step, Hands& hands);
  Result<void> undo_steps(Run& run, Hands& hands);
  Result<void> go_on(Run run);
  Result<void> resume_locked();
  Result<void> save(Run& run, Hands* hands);
  Result<FolderLock> lock() const;

  const RespondKeys keys_;
  const PlaybookMeans means_;
  const Protection protection_;
  std::vector<std::unique_ptr<Cluster>> clusters_;
  std::mutex mutex_;  // one at a time in this process, before the folder's lock
  std::map<std::string, std::unique_ptr<aws::RoleKey>, std::less<>> roles_;  // by account
  std::map<std::string, Identity, std::less<>> identities_;                  // by access key
  std::optional<std::uint64_t> audited_version_;  // of the settings, when every run had been told
};

}  // namespace picket::playbook
