// Where findings and settings are kept. The detection engine writes absolute rows, epoch by epoch; what
// users own (archived, feedback) is stored apart and merged into answers, so neither overwrites the
// other. Every call is safe from any thread. A call that changes something returns after it is durable;
// when it returns an error nothing of it is stored. One process at a time may apply findings; settings
// may be changed by several.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/attributes.h"
#include "store/criteria.h"

namespace picket {

// What the aggregator writes of one finding: absolute values, never increments.
struct FindingRow {
  std::string id;  // 32 lower-case hex digits
  std::string account, region, type;
  std::string detector_id;  // GuardDuty detector id
  double severity = 0;      // at most one decimal, 0-10
  TimeMs created_at = 0, updated_at = 0, first_seen = 0, last_seen = 0;
  std::int64_t count = 0;
  std::uint64_t epoch = 0;  // ignored unless newer than what the store has of this finding
  // The finding's JSON in API casing, with a `service` object that has neither `archived` nor
  // `userFeedback`: those are the user's.
  std::string document;
  // A filter archives it. Counts only when the finding is new to the store.
  bool suppressed = false;
};

// Work for responders, stored with the findings that cause it. Opaque to the store.
struct OutboxRow {
  std::string finding_id;
  std::string kind;
  // Of a finding that is taken back: what is to be told of it, for it is not in the store then. Otherwise
  // empty.
  std::string document = {};
};
struct OutboxEntry {
  std::uint64_t sequence = 0;
  std::string finding_id, kind;
  std::uint64_t epoch = 0;
};

struct Applied {
  std::uint64_t inserted = 0, updated = 0;
  std::uint64_t ignored = 0;  // rows and retractions of an epoch not newer
  std::uint64_t retracted = 0;
  std::uint64_t outbox = 0;
  struct Rejected {
    std::string id, why;
  };
  std::vector<Rejected> rejected;  // rows that break the contract above: set aside, not stored
};

enum class Archived : std::uint8_t {
  no = 0,
  manual = 1,     // by a user: recurrences still send events
  automatic = 2,  // by a filter at birth: they do not
};

struct Finding {
  std::string id, account, region, type, detector_id;
  double severity = 0;
  TimeMs created_at = 0, updated_at = 0;
  std::int64_t count = 0;
  std::uint64_t epoch = 0;
  TimeMs stored_at = 0;  // when it was last written, by the store's clock
  Archived archived = Archived::no;
  std::string feedback;  // "USEFUL", "NOT_USEFUL" or empty
  std::string document;  // with service.archived and, if given, service.userFeedback
};

// Whose findings a call may see or touch. What lies outside is as if it did not exist.
struct Scope {
  std::optional<std::vector<std::string>> accounts;  // absent: every account
  std::optional<std::string> region;                 // absent: every Region
};

struct Sort {
  AttributeId attribute = attribute::created_at();  // any filterable one; of several values the first counts
  bool descending = true;  // absent values come first in ascending order; ties by id, ascending
};

struct Page {
  std::vector<std::string> ids;
  std::string next_token;  // empty: no more
};

enum class GroupBy : std::uint8_t { account, date, finding_type, resource, severity };

struct GroupCount {
  std::string account;                     // account, resource
  std::string finding_type;                // finding_type
  std::string resource_id, resource_type;  // resource
  TimeMs date = 0;                         // date: midnight UTC of the day the findings were last updated
  double severity = 0;                     // severity, date
  std::int64_t total = 0;
  TimeMs last_generated_at = 0;  // latest updatedAt in the group
};

struct Setting {
  std::string account, region;  // empty where the setting belongs to none
  std::string kind, id;
  std::string body;           // JSON text, opaque to the store
  std::uint64_t version = 0;  // of the change that wrote it
};
struct SettingChange {
  std::string account, region, kind, id;
  std::optional<std::string> body;  // absent: remove
  // When given, the row must still be of this version (0: not there): else nothing is changed,
  // ErrorKind::conflict.
  std::optional<std::uint64_t> of_version = {};
};

struct StoreSize {
  std::uint64_t findings = 0;
  std::uint64_t index_bytes = 0;     // memory of the filter index, about
  std::uint64_t database_bytes = 0;  // on disk, with the log
};

class FindingStore {
 public:
  virtual ~FindingStore() = default;

  // --- the engine ---
  // One epoch's rows, the findings it takes back and work for responders, in one transaction. An outbox
  // row counts only when its finding was not yet written or retracted at `epoch`, so that a replay after
  // a crash sends nothing twice. A retracted finding is gone until a newer epoch writes it; what
  // users said about it is kept for that. The rows' stored_at is `now`.
  virtual Result<Applied> apply(std::span<const FindingRow> rows, std::span<const std::string> retracted_ids,
                                std::uint64_t epoch, std::span<const OutboxRow> outbox, TimeMs now) = 0;
  // Signals: refused attempts, kept beside the findings in the same form (their documents are the readers'
  // alone). One whose epoch is not newer than what is stored is ignored.
  virtual Result<void> keep_signals(std::span<const FindingRow> rows, TimeMs now) = 0;
  virtual Result<std::uint64_t> last_epoch() = 0;  // of any apply; 0 before the first
  virtual Result<std::vector<OutboxEntry>> outbox(std::uint64_t after_sequence, std::size_t rows_max) = 0;
  // Empty when the row has none.
  virtual Result<std::string> outbox_document(std::uint64_t sequence) = 0;
  virtual Result<void> outbox_done(std::span<const std::uint64_t> sequences) = 0;
  // Removes findings and signals last written before now - retention; returns how many.
  virtual Result<std::uint64_t> expire(TimeMs now, TimeMs retention) = 0;

  // --- readers ---
  // One page of ids. `token` is empty for the first page, else a next_token of the same sort; pages are
  // cut by (sort value, id), so findings that come or go in between neither repeat nor hide others.
  virtual Result<Page> list(const Scope& scope, const Criteria& criteria, const Sort& sort,
                            std::size_t ids_max, std::string_view token) = 0;
  // In the order of the ids; unknown ids are left out.
  virtual Result<std::vector<Finding>> get(const Scope& scope, std::span<const std::string> ids) = 0;
  virtual Result<std::int64_t> count(const Scope& scope, const Criteria& criteria) = 0;
  // Keys as GuardDuty prints them, with one decimal: "5.0".
  virtual Result<std::map<std::string, std::int64_t>> count_by_severity(const Scope& scope,
                                                                        const Criteria& criteria) = 0;
  // Dates and severities are ordered by themselves, other groups by their total; ties by name, ascending.
  virtual Result<std::vector<GroupCount>> statistics(const Scope& scope, const Criteria& criteria,
                                                     GroupBy group_by, bool descending,
                                                     std::size_t groups_max) = 0;
  // Every finding that was there when the call began and still is, ordered by (createdAt, id); ends
  // early when `visit` returns false.
  virtual Result<void> for_each(const Scope& scope, const Criteria& criteria,
                                const std::function<bool(const Finding&)>& visit) = 0;

  // Signals ordered by (createdAt, id); ends early when `visit` returns false.
  virtual Result<void> for_each_signal(const Scope& scope,
                                       const std::function<bool(const Finding&)>& visit) = 0;

  // --- users ---
  // Each returns the ids that do not exist in the scope; the others are changed.
  virtual Result<std::vector<std::string>> set_archived(const Scope& scope, std::span<const std::string> ids,
                                                        Archived archived) = 0;
  virtual Result<std::vector<std::string>> set_feedback(const Scope& scope, std::span<const std::string> ids,
                                                        std::string_view feedback) = 0;

  // --- settings ---
  // All or none; returns the version after it. Versions only grow, by one a call that changes something.
  virtual Result<std::uint64_t> change_settings(std::span<const SettingChange> changes) = 0;
  virtual Result<std::optional<Setting>> get_setting(std::string_view account, std::string_view region,
                                                     std::string_view kind, std::string_view id) = 0;
  // Of one kind, ordered by (account, region, id); an absent account or Region means all.
  virtual Result<std::vector<Setting>> list_settings(std::optional<std::string_view> account,
                                                     std::optional<std::string_view> region,
                                                     std::string_view kind) = 0;
  virtual Result<std::uint64_t> settings_version() = 0;
  Result<std::uint64_t> put_setting(Setting setting) {
    const SettingChange change{std::move(setting.account), std::move(setting.region), std::move(setting.kind),
                               std::move(setting.id), std::move(setting.body)};
    return change_settings({&change, 1});
  }
  Result<std::uint64_t> remove_setting(std::string_view account, std::string_view region,
                                       std::string_view kind, std::string_view id) {
    const SettingChange change{
        std::string(account), std::string(region), std::string(kind), std::string(id), {}};
    return change_settings({&change, 1});
  }

  // --- health ---
  virtual Result<void> check_integrity() = 0;
  virtual Result<StoreSize> size() = 0;
};

}  // namespace picket
