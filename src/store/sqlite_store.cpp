#include "store/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <shared_mutex>

#include "store/finding_document.h"
#include "store/finding_index.h"
#include "store/page_token.h"
#include "store/sqlite.h"

namespace picket {

namespace {

constexpr std::int64_t application_id = 0x70636b74;  // "pckt", marks the file as ours
constexpr std::int64_t schema_version = 1;
constexpr std::size_t document_bytes_max = 16 << 20;
constexpr std::size_t visit_batch = 256;  // findings read in one transaction by for_each

// No secondary indexes: filters and orders are the memory index's work, and each one here would be
// written in random order (a measured 7.8 times the bytes with twelve). A document lies in its own table
// under the finding's key, so that documents are appended.
constexpr const char* schema = R"sql(
CREATE TABLE finding (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL, detector_id TEXT NOT NULL,
  severity INTEGER NOT NULL,  -- in tenths
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  count INTEGER NOT NULL, epoch INTEGER NOT NULL, stored_at INTEGER NOT NULL,
  retracted INTEGER NOT NULL  -- 1: kept for its epoch only, without a document
);
CREATE TABLE document (key INTEGER PRIMARY KEY, service_offset INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE finding_user (id BLOB PRIMARY KEY, archived INTEGER NOT NULL, feedback TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, finding_id BLOB NOT NULL, kind TEXT NOT NULL,
                     epoch INTEGER NOT NULL);
CREATE TABLE setting (account TEXT, region TEXT, kind TEXT, id TEXT, body TEXT NOT NULL, version INTEGER NOT NULL,
                      PRIMARY KEY (kind, account, region, id)) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('epoch', 0), ('settings_version', 0);
)sql";

// Apart from the schema above, so that stores made before there were these tables gain them.
constexpr const char* later_schema = R"sql(
CREATE TABLE IF NOT EXISTS outbox_document (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS signal (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL,
  severity INTEGER NOT NULL,  -- in tenths
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, count INTEGER NOT NULL, epoch INTEGER NOT NULL,
  stored_at INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
)sql";

constexpr const char* finding_columns_from = R"sql(
SELECT f.id, f.account, f.region, f.type, f.detector_id, f.severity, f.created_at, f.updated_at, f.first_seen,
       f.last_seen, f.count, f.epoch, f.stored_at, d.service_offset, d.body, u.archived, u.feedback
FROM finding f JOIN document d ON d.key = f.key LEFT JOIN finding_user u ON u.id = f.id)sql";

enum FindingColumn : int {
  c_id,
  c_account,
  c_region,
  c_type,
  c_detector_id,
  c_severity,
  c_created_at,
  c_updated_at,
  c_first_seen,
  c_last_seen,
  c_count,
  c_epoch,
  c_stored_at,
  c_service_offset,
  c_body,
  c_archived,
  c_feedback
};

std::string id_text(std::string_view blob) {
  FindingId id{};
  std::ranges::copy(blob.substr(0, id.size()), id.begin());
  return finding_id_text(id);
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Finding read_finding(const SqliteStatement& row) {
  Finding finding;
  finding.id = id_text(row.text(c_id));
  finding.account = row.text(c_account);
  finding.region = row.text(c_region);
  finding.type = row.text(c_type);
  finding.detector_id = row.text(c_detector_id);
  finding.severity = static_cast<double>(row.integer(c_severity)) / 10;
  finding.created_at = row.integer(c_created_at);
  finding.updated_at = row.integer(c_updated_at);
  finding.count = row.integer(c_count);
  finding.epoch = static_cast<std::uint64_t>(row.integer(c_epoch));
  finding.stored_at = row.integer(c_stored_at);
  finding.archived = static_cast<Archived>(row.integer(c_archived));  // NULL reads as 0
  finding.feedback = row.text(c_feedback);
  finding.document =
      with_user_state(row.text(c_body), static_cast<std::size_t>(row.integer(c_service_offset)),
                      finding.archived != Archived::no, finding.feedback);
  return finding;
}

// A row that met its contract, ready to be written.
struct Prepared {
  const FindingRow* row = nullptr;
  FindingId id{};
  int severity_tenths = 0;
  std::size_t service_offset = 0;
  FlatDocument flat;
  Archived archived = Archived::no;
  std::string feedback;
};

Result<Prepared> prepare(const FindingRow& row) {
  Prepared prepared{.row = &row};
  const auto id = parse_finding_id(row.id);
  if (!id) return fail(ErrorKind::invalid, "the id is not 32 lower-case hex digits");
  prepared.id = *id;
  const double tenths = row.severity * 10;
  if (!(row.severity >= 0 && row.severity <= 10) || std::abs(tenths - std::round(tenths)) > 1e-6)
    return fail(ErrorKind::invalid, "the severity is not between 0 and 10 with one decimal");
  prepared.severity_tenths = static_cast<int>(std::lround(tenths));
  if (row.epoch > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return fail(ErrorKind::invalid, "the epoch is out of range");
  if (row.document.size() > document_bytes_max)
    return fail(ErrorKind::too_large, "the document is over 16 MiB");
  auto flat = FlatDocument::from(row.document);
  if (!flat) return std::unexpected(flat.error());
  prepared.flat = std::move(*flat);
  const auto offset = service_offset(row.document);
  if (!offset) return std::unexpected(offset.error());
  prepared.service_offset = *offset;
  return prepared;
}

class ReaderPool {
 public:
  // A connection lent; given back when this goes out of scope.
  class Loan {
   public:
    Loan(ReaderPool& pool, std::unique_ptr<SqliteConnection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Loan(Loan&&) = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    SqliteConnection& operator*() { return *connection_; }
    SqliteConnection* operator->() { return connection_.get(); }

   private:
    ReaderPool* pool_;
    std::unique_ptr<SqliteConnection> connection_;
  };

  void add(std::unique_ptr<SqliteConnection> connection) { free_.push_back(std::move(connection)); }
  Loan borrow() {
    std::unique_lock lock(mutex_);
    one_is_free_.wait(lock, [&] { return !free_.empty(); });
    auto connection = std::move(free_.back());
    free_.pop_back();
    return {*this, std::move(connection)};
  }

 private:
  void give_back(std::unique_ptr<SqliteConnection> connection) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(connection));
    }
    one_is_free_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable one_is_free_;
  std::vector<std::unique_ptr<SqliteConnection>> free_;
};

class SqliteStore final : public FindingStore {
 public:
  SqliteStore(std::filesystem::path file, std::unique_ptr<SqliteConnection> writer)
      : file_(std::move(file)), writer_(std::move(writer)) {}

  Result<void> set_up(const SqliteOptions& options);

  Result<Applied> apply(std::span<const FindingRow> rows, std::span<const std::string> retracted_ids,
                        std::uint64_t epoch, std::span<const OutboxRow> outbox, TimeMs now) override;
  Result<void> keep_signals(std::span<const FindingRow> rows, TimeMs now) override;
  Result<std::uint64_t> last_epoch() override;
  Result<std::vector<OutboxEntry>> outbox(std::uint64_t after_sequence, std::size_t rows_max) override;
  Result<std::string> outbox_document(std::uint64_t sequence) override;
  Result<void> outbox_done(std::span<const std::uint64_t> sequences) override;
  Result<std::uint64_t> expire(TimeMs now, TimeMs retention) override;

  Result<Page> list(const Scope& scope, const Criteria& criteria, const Sort& sort, std::size_t ids_max,
                    std::string_view token) override;
  Result<std::vector<Finding>> get(const Scope& scope, std::span<const std::string> ids) override;
  Result<std::int64_t> count(const Scope& scope, const Criteria& criteria) override;
  Result<std::map<std::string, std::int64_t>> count_by_severity(const Scope& scope,
                                                                const Criteria& criteria) override;
  Result<std::vector<GroupCount>> statistics(const Scope& scope, const Criteria& criteria, GroupBy group_by,
                                             bool descending, std::size_t groups_max) override;
  Result<void> for_each(const Scope& scope, const Criteria& criteria,
                        const std::function<bool(const Finding&)>& visit) override;
  Result<void> for_each_signal(const Scope& scope, const std::function<bool(const Finding&)>& visit) override;

  Result<std::vector<std::string>> set_archived(const Scope& scope, std::span<const std::string> ids,
                                                Archived archived) override;
  Result<std::vector<std::string>> set_feedback(const Scope& scope, std::span<const std::string> ids,
                                                std::string_view feedback) override;

  Result<std::uint64_t> change_settings(std::span<const SettingChange> changes) override;
  Result<std::optional<Setting>> get_setting(std::string_view account, std::string_view region,
                                             std::string_view kind, std::string_view id) override;
  Result<std::vector<Setting>> list_settings(std::optional<std::string_view> account,
                                             std::optional<std::string_view> region,
                                             std::string_view kind) override;
  Result<std::uint64_t> settings_version() override;

  Result<void> check_integrity() override;
  Result<StoreSize> size() override;

 private:
  Result<void> load_index();
  // What the store has of a finding, retracted ones included.
  struct Known {
    std::int64_t key = 0;
    std::uint64_t epoch = 0;
    bool retracted = false;
  };
  Result<std::optional<Known>> known(const FindingId& id);
  Result<void> write_row(const Prepared& prepared, TimeMs now);
  Result<void> read_user_state(Prepared& prepared);
  Result<void> retract(const Known& finding, std::uint64_t epoch, TimeMs now);
  struct SortedIds {
    std::vector<FindingId> inside;
    std::vector<std::string> outside;
  };
  SortedIds sort_out(const Scope& scope, std::span<const std::string> ids);

  const std::filesystem::path file_;
  // Taken before index_mutex_, and held from a transaction's begin until the index agrees with it.
  std::mutex writer_mutex_;
  std::unique_ptr<SqliteConnection> writer_;
  ReaderPool readers_;
  std::shared_mutex index_mutex_;
  FindingIndex index_;
};

// Unpacks a Result into a variable, or returns its error.
#define TRY(variable, expression) \
  auto variable = (expression);   \
  if (!variable) return std::unexpected(variable.error())
#define TRY_VOID(expression) \
  if (auto done_ = (expression); !done_) return std::unexpected(done_.error())

Result<void> SqliteStore::set_up(const SqliteOptions& options) {
  TRY(version, writer_->query_integer("PRAGMA user_version"));
  if (*version == 0) {
    TRY(tables, writer_->query_integer("SELECT count(*) FROM sqlite_master"));
    if (*tables != 0)
      return fail(ErrorKind::invalid, "the file is a database of another program", file_.string());
  } else {
    TRY(mark, writer_->query_integer("PRAGMA application_id"));
    if (*mark != application_id)
      return fail(ErrorKind::invalid, "the file is a database of another program", file_.string());
    if (*version > schema_version)
      return fail(ErrorKind::unsupported, "the database was written by a newer picket; use that version",
                  file_.string());
  }
  {
    TRY(statement, writer_->prepare("PRAGMA journal_mode = WAL"));
    TRY(row, statement->step());
    if (!*row || statement->text(0) != "wal")
      return fail(ErrorKind::io, "the file system does not support SQLite's write-ahead log", file_.string());
  }
  TRY_VOID(
      writer_->execute("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -32768"));
  if (*version == 0) {
    TRY(transaction, SqliteTransaction::begin_writing(*writer_));
    TRY_VOID(writer_->execute(schema));
    TRY_VOID(writer_->execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", application_id, schema_version)
            .c_str()));
    TRY_VOID(transaction->commit());
  }
  TRY_VOID(writer_->execute(later_schema));
  if (options.bytes_max != 0) {
    TRY(page_bytes, writer_->query_integer("PRAGMA page_size"));
    const auto pages =
        std::max<std::uint64_t>(1, options.bytes_max / static_cast<std::uint64_t>(*page_bytes));
    TRY_VOID(writer_->execute(fmt::format("PRAGMA max_page_count = {}", pages).c_str()));
  }
  for (unsigned i = 0; i < std::max(1U, options.readers); ++i) {
    TRY(reader, SqliteConnection::open(file_, true));
    TRY_VOID((*reader)->execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF"));
    readers_.add(std::move(*reader));
  }
  return load_index();
}

Result<void> SqliteStore::load_index() {
  TRY(statement, writer_->prepare(finding_columns_from));
  for (;;) {
    TRY(more, statement->step());
    if (!*more) break;
    FindingRow row;
    row.id = id_text(statement->text(c_id));
    row.account = statement->text(c_account);
    row.region = statement->text(c_region);
    row.type = statement->text(c_type);
    row.detector_id = statement->text(c_detector_id);
    row.severity = static_cast<double>(statement->integer(c_severity)) / 10;
    row.created_at = statement->integer(c_created_at);
    row.updated_at = statement->integer(c_updated_at);
    row.first_seen = statement->integer(c_first_seen);
    row.last_seen = statement->integer(c_last_seen);
    row.count = statement->integer(c_count);
    const auto flat = FlatDocument::from(statement->text(c_body));
    if (!flat) return fail(ErrorKind::io, "the stored finding " + row.id + " is damaged", file_.string());
    index_.upsert(row, *flat, static_cast<Archived>(statement->integer(c_archived)),
                  statement->text(c_feedback));
  }
  index_.compact_if_wasteful();
  return {};
}

Result<std::optional<SqliteStore::Known>> SqliteStore::known(const FindingId& id) {
  TRY(statement, writer_->prepare("SELECT key, epoch, retracted FROM finding WHERE id = ?"));
  TRY(row, statement->bind_blob(id).step());
  if (!*row) return std::nullopt;
  return Known{statement->integer(0), static_cast<std::uint64_t>(statement->integer(1)),
               statement->integer(2) != 0};
}

Result<void> SqliteStore::write_row(const Prepared& prepared, TimeMs now) {
  const FindingRow& row = *prepared.row;
  std::int64_t key = 0;
  {
    TRY(statement, writer_->prepare(R"sql(
INSERT INTO finding (id, account, region, type, detector_id, severity, created_at, updated_at, first_seen, last_seen,
                     count, epoch, stored_at, retracted)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (id) DO UPDATE SET account = excluded.account, region = excluded.region, type = excluded.type,
  detector_id = excluded.detector_id, severity = excluded.severity, created_at = excluded.created_at,
  updated_at = excluded.updated_at, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
  count = excluded.count, epoch = excluded.epoch, stored_at = excluded.stored_at, retracted = 0
RETURNING key)sql"));
    statement->bind_blob(prepared.id)
        .bind(row.account)
        .bind(row.region)
        .bind(row.type)
        .bind(row.detector_id)
        .bind(std::int64_t{prepared.severity_tenths})
        .bind(row.created_at)
        .bind(row.updated_at)
        .bind(row.first_seen)
        .bind(row.last_seen)
        .bind(row.count)
        .bind(row.epoch)
        .bind(now);
    TRY(written, statement->step());
    key = statement->integer(0);
    TRY_VOID(statement->run());
  }
  TRY(statement,
      writer_->prepare("INSERT INTO document (key, service_offset, body) VALUES (?, ?, ?) ON CONFLICT (key) "
                       "DO UPDATE SET service_offset = excluded.service_offset, body = excluded.body"));
  statement->bind(key).bind(std::uint64_t{prepared.service_offset});
  return statement->bind_blob(bytes_of(row.document)).run();
}

Result<void> SqliteStore::read_user_state(Prepared& prepared) {
  TRY(statement, writer_->prepare("SELECT archived, feedback FROM finding_user WHERE id = ?"));
  TRY(row, statement->bind_blob(prepared.id).step());
  if (!*row) return {};
  prepared.archived = static_cast<Archived>(statement->integer(0));
  prepared.feedback = statement->text(1);
  return {};
}

Result<void> SqliteStore::retract(const Known& finding, std::uint64_t epoch, TimeMs now) {
  {
    TRY(statement,
        writer_->prepare("UPDATE finding SET retracted = 1, epoch = ?, stored_at = ? WHERE key = ?"));
    TRY_VOID(statement->bind(epoch).bind(now).bind(finding.key).run());
  }
  TRY(statement, writer_->prepare("DELETE FROM document WHERE key = ?"));
  return statement->bind(finding.key).run();
}

Result<Applied> SqliteStore::apply(std::span<const FindingRow> rows,
                                   std::span<const std::string> retracted_ids, std::uint64_t epoch,
                                   std::span<const OutboxRow> outbox, TimeMs now) {
  if (epoch > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return fail(ErrorKind::invalid, "the epoch is out of range");
  Applied applied;
  std::vector<Prepared> ready;
  ready.reserve(rows.size());
  for (const FindingRow& row : rows) {
    auto prepared = prepare(row);
    if (prepared)
      ready.push_back(std::move(*prepared));
    else
      applied.rejected.push_back({row.id, prepared.error().what});
  }

  const std::lock_guard writing(writer_mutex_);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  // Decided before the batch is written: what the store had of these findings before this epoch.
  std::vector<bool> sends(outbox.size());
  std::vector<FindingId> outbox_ids(outbox.size());
  for (std::size_t i = 0; i < outbox.size(); ++i) {
    const auto id = parse_finding_id(outbox[i].finding_id);
    if (!id) {
      applied.rejected.push_back(
          {outbox[i].finding_id, "the outbox row's id is not 32 lower-case hex digits"});
      continue;
    }
    outbox_ids[i] = *id;
    TRY(before, known(*id));
    sends[i] = !*before || (*before)->epoch < epoch;
  }
  std::vector<Prepared*> to_index;
  for (Prepared& prepared : ready) {
    TRY(before, known(prepared.id));
    if (*before && (*before)->epoch >= prepared.row->epoch) {
      ++applied.ignored;
      continue;
    }
    if (!*before && prepared.row->suppressed) {
      TRY(statement,
          writer_->prepare("INSERT OR IGNORE INTO finding_user (id, archived, feedback) VALUES (?, ?, '')"));
      TRY_VOID(statement->bind_blob(prepared.id).bind(static_cast<std::int64_t>(Archived::automatic)).run());
    }
    TRY_VOID(write_row(prepared, now));
    TRY_VOID(read_user_state(prepared));
    ++(*before ? applied.updated : applied.inserted);
    to_index.push_back(&prepared);
  }
  std::vector<FindingId> gone;
  for (const std::string& text : retracted_ids) {
    const auto id = parse_finding_id(text);
    if (!id) {
      applied.rejected.push_back({text, "the retracted id is not 32 lower-case hex digits"});
      continue;
    }
    TRY(before, known(*id));
    if (!*before || (*before)->retracted || (*before)->epoch >= epoch) {
      ++applied.ignored;
      continue;
    }
    TRY_VOID(retract(**before, epoch, now));
    ++applied.retracted;
    gone.push_back(*id);
  }
  for (std::size_t i = 0; i < outbox.size(); ++i) {
    if (!sends[i]) continue;
    TRY(after, known(outbox_ids[i]));
    if (!*after) continue;  // Its row was rejected: there is no finding to tell of.
    TRY(statement, writer_->prepare("INSERT INTO outbox (finding_id, kind, epoch) VALUES (?, ?, ?)"));
    TRY_VOID(statement->bind_blob(outbox_ids[i]).bind(outbox[i].kind).bind(epoch).run());
    if (!outbox[i].document.empty()) {
      TRY(body, writer_->prepare("INSERT INTO outbox_document VALUES (last_insert_rowid(), ?)"));
      TRY_VOID(body->bind_blob(bytes_of(outbox[i].document)).run());
    }
    ++applied.outbox;
  }
  {
    TRY(statement, writer_->prepare("UPDATE counter SET value = max(value, ?) WHERE name = 'epoch'"));
    TRY_VOID(statement->bind(epoch).run());
  }
  TRY_VOID(transaction->commit());

  const std::lock_guard indexing(index_mutex_);
  for (const Prepared* prepared : to_index)
    index_.upsert(*prepared->row, prepared->flat, prepared->archived, prepared->feedback);
  for (const FindingId& id : gone) index_.erase(id);
  index_.compact_if_wasteful();
  return applied;
}

Result<std::uint64_t> SqliteStore::last_epoch() {
  auto reader = readers_.borrow();
  TRY(epoch, reader->query_integer("SELECT value FROM counter WHERE name = 'epoch'"));
  return static_cast<std::uint64_t>(*epoch);
}

Result<std::vector<OutboxEntry>> SqliteStore::outbox(std::uint64_t after_sequence, std::size_t rows_max) {
  auto reader = readers_.borrow();
  TRY(statement, reader->prepare("SELECT sequence, finding_id, kind, epoch FROM outbox WHERE sequence > ? "
                                 "ORDER BY sequence LIMIT ?"));
  statement->bind(after_sequence).bind(std::uint64_t{rows_max});
  std::vector<OutboxEntry> entries;
  for (;;) {
    TRY(more, statement->step());
    if (!*more) return entries;
    entries.push_back({static_cast<std::uint64_t>(statement->integer(0)), id_text(statement->text(1)),
                       std::string(statement->text(2)), static_cast<std::uint64_t>(statement->integer(3))});
  }
}

Result<std::string> SqliteStore::outbox_document(std::uint64_t sequence) {
  auto reader = readers_.borrow();
  TRY(statement, reader->prepare("SELECT body FROM outbox_document WHERE sequence = ?"));
  TRY(row, statement->bind(sequence).step());
  return *row ? std::string(statement->text(0)) : std::string();
}

Result<void> SqliteStore::outbox_done(std::span<const std::uint64_t> sequences) {
  const std::lock_guard writing(writer_mutex_);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  for (const std::uint64_t sequence : sequences) {
    for (const char* const sql :
         {"DELETE FROM outbox WHERE sequence = ?", "DELETE FROM outbox_document WHERE sequence = ?"}) {
      TRY(statement, writer_->prepare(sql));
      TRY_VOID(statement->bind(sequence).run());
    }
  }
  return transaction->commit();
}

Result<std::uint64_t> SqliteStore::expire(TimeMs now, TimeMs retention) {
  if (retention < 0) return fail(ErrorKind::invalid, "the retention is negative");
  const TimeMs before = now - retention;
  const std::lock_guard writing(writer_mutex_);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  std::vector<std::pair<std::int64_t, FindingId>> old;
  std::uint64_t findings = 0;
  {
    TRY(statement, writer_->prepare("SELECT key, id, retracted FROM finding WHERE stored_at < ?"));
    statement->bind(before);
    for (;;) {
      TRY(more, statement->step());
      if (!*more) break;
      FindingId id{};
      std::ranges::copy(statement->text(1).substr(0, id.size()), id.begin());
      old.emplace_back(statement->integer(0), id);
      if (statement->integer(2) == 0) ++findings;
    }
  }
  for (const auto& [key, id] : old) {
    TRY(document, writer_->prepare("DELETE FROM document WHERE key = ?"));
    TRY_VOID(document->bind(key).run());
    TRY(finding, writer_->prepare("DELETE FROM finding WHERE key = ?"));
    TRY_VOID(finding->bind(key).run());
    TRY(user, writer_->prepare("DELETE FROM finding_user WHERE id = ?"));
    TRY_VOID(user->bind_blob(id).run());
  }
  TRY(signals, writer_->prepare("DELETE FROM signal WHERE stored_at < ?"));
  TRY_VOID(signals->bind(before).run());
  TRY_VOID(transaction->commit());
  const std::lock_guard indexing(index_mutex_);
  for (const auto& [key, id] : old) index_.erase(id);
  index_.compact_if_wasteful();
  return findings;
}

Result<Page> SqliteStore::list(const Scope& scope, const Criteria& criteria, const Sort& sort,
                               std::size_t ids_max, std::string_view token) {
  if (ids_max == 0) return fail(ErrorKind::invalid, "a page must have room for one finding");
  if (sort.attribute >= filterable_attributes().size())
    return fail(ErrorKind::invalid, "unknown sort attribute");
  std::optional<PagePosition> after;
  if (!token.empty()) {
    TRY(position, read_page_token(sort, token));
    after = std::move(*position);
  }
  std::vector<PagePosition> positions;
  {
    const std::shared_lock lock(index_mutex_);
    positions = index_.page(index_.select(scope, criteria), sort, after, ids_max);
  }
  Page page;
  if (positions.size() > ids_max) {
    positions.pop_back();
    page.next_token = write_page_token(sort, positions.back());
  }
  for (const PagePosition& position : positions) page.ids.push_back(finding_id_text(position.id));
  return page;
}

// Without the index, which follows the database: what the outbox names must be here at once.
Result<std::vector<Finding>> SqliteStore::get(const Scope& scope, std::span<const std::string> ids) {
  std::vector<Finding> findings;
  auto reader = readers_.borrow();
  static const std::string sql = std::string(finding_columns_from) + " WHERE f.id = ?";
  TRY(transaction, SqliteTransaction::begin_reading(*reader));
  for (const std::string& text : ids) {
    const auto id = parse_finding_id(text);
    if (!id) continue;
    TRY(statement, reader->prepare(sql.c_str()));
    TRY(row, statement->bind_blob(*id).step());
    if (!*row) continue;
    Finding finding = read_finding(*statement);
    if (scope.region && finding.region != *scope.region) continue;
    if (scope.accounts && std::ranges::find(*scope.accounts, finding.account) == scope.accounts->end())
      continue;
    findings.push_back(std::move(finding));
  }
  TRY_VOID(transaction->commit());
  return findings;
}

Result<std::int64_t> SqliteStore::count(const Scope& scope, const Criteria& criteria) {
  const std::shared_lock lock(index_mutex_);
  return index_.count(index_.select(scope, criteria));
}

Result<std::map<std::string, std::int64_t>> SqliteStore::count_by_severity(const Scope& scope,
                                                                           const Criteria& criteria) {
  std::map<int, std::int64_t> tenths;
  {
    const std::shared_lock lock(index_mutex_);
    tenths = index_.count_by_severity(index_.select(scope, criteria));
  }
  std::map<std::string, std::int64_t> counts;
  for (const auto& [severity, total] : tenths)
    counts[fmt::format("{}.{}", severity / 10, severity % 10)] = total;
  return counts;
}

Result<std::vector<GroupCount>> SqliteStore::statistics(const Scope& scope, const Criteria& criteria,
                                                        GroupBy group_by, bool descending,
                                                        std::size_t groups_max) {
  const std::shared_lock lock(index_mutex_);
  return index_.group(index_.select(scope, criteria), group_by, descending, groups_max);
}

Result<void> SqliteStore::for_each(const Scope& scope, const Criteria& criteria,
                                   const std::function<bool(const Finding&)>& visit) {
  std::vector<FindingId> ids;
  {
    const std::shared_lock lock(index_mutex_);
    ids = index_.ids_by_creation(index_.select(scope, criteria));
  }
  // A batch at a time, so that neither a connection nor an old state of the file is held while `visit` works.
  for (std::size_t at = 0; at < ids.size(); at += visit_batch) {
    std::vector<std::string> batch;
    for (std::size_t i = at; i < std::min(at + visit_batch, ids.size()); ++i)
      batch.push_back(finding_id_text(ids[i]));
    TRY(findings, get(scope, batch));
    for (const Finding& finding : *findings)
      if (!visit(finding)) return {};
  }
  return {};
}

Result<void> SqliteStore::keep_signals(std::span<const FindingRow> rows, TimeMs now) {
  const std::lock_guard writing(writer_mutex_);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  for (const FindingRow& row : rows) {
    TRY(statement,
        writer_->prepare(
            "INSERT INTO signal (id, account, region, type, severity, created_at, updated_at, count, "
            "epoch, stored_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, "
            "created_at = excluded.created_at, updated_at = excluded.updated_at, "
            "count = excluded.count, epoch = excluded.epoch, stored_at = excluded.stored_at, "
            "body = excluded.body WHERE excluded.epoch > epoch"));
    TRY_VOID(statement->bind(row.id)
                 .bind(row.account)
                 .bind(row.region)
                 .bind(row.type)
                 .bind(static_cast<std::int64_t>(std::lround(row.severity * 10)))
                 .bind(row.created_at)
                 .bind(row.updated_at)
                 .bind(row.count)
                 .bind(row.epoch)
                 .bind(now)
                 .bind(row.document)
                 .run());
  }
  return transaction->commit();
}

Result<void> SqliteStore::for_each_signal(const Scope& scope,
                                          const std::function<bool(const Finding&)>& visit) {
  std::vector<Finding> found;
  {
    auto reader = readers_.borrow();
    TRY(statement,
        reader->prepare("SELECT id, account, region, type, severity, created_at, updated_at, count, epoch, "
                        "stored_at, body FROM signal ORDER BY created_at, id"));
    for (;;) {
      TRY(more, statement->step());
      if (!*more) break;
      const std::string account(statement->text(1)), region(statement->text(2));
      if (scope.region && *scope.region != region) continue;
      if (scope.accounts && std::ranges::find(*scope.accounts, account) == scope.accounts->end()) continue;
      Finding signal;
      signal.id = statement->text(0);
      signal.account = account;
      signal.region = region;
      signal.type = statement->text(3);
      signal.severity = static_cast<double>(statement->integer(4)) / 10;
      signal.created_at = statement->integer(5);
      signal.updated_at = statement->integer(6);
      signal.count = statement->integer(7);
      signal.epoch = static_cast<std::uint64_t>(statement->integer(8));
      signal.stored_at = statement->integer(9);
      signal.document = statement->text(10);
      found.push_back(std::move(signal));
    }
  }
  for (const Finding& signal : found) {
    if (!visit(signal)) break;
  }
  return {};
}

SqliteStore::SortedIds SqliteStore::sort_out(const Scope& scope, std::span<const std::string> ids) {
  SortedIds sorted;
  const std::shared_lock lock(index_mutex_);
  for (const std::string& text : ids) {
    const auto id = parse_finding_id(text);
    if (id && index_.contains(scope, *id))
      sorted.inside.push_back(*id);
    else
      sorted.outside.push_back(text);
  }
  return sorted;
}

Result<std::vector<std::string>> SqliteStore::set_archived(const Scope& scope,
                                                           std::span<const std::string> ids,
                                                           Archived archived) {
  const std::lock_guard writing(writer_mutex_);
  auto sorted = sort_out(scope, ids);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  for (const FindingId& id : sorted.inside) {
    TRY(statement, writer_->prepare("INSERT INTO finding_user (id, archived, feedback) VALUES (?, ?, '') "
                                    "ON CONFLICT (id) DO UPDATE SET archived = excluded.archived"));
    TRY_VOID(statement->bind_blob(id).bind(static_cast<std::int64_t>(archived)).run());
  }
  TRY_VOID(transaction->commit());
  const std::lock_guard indexing(index_mutex_);
  for (const FindingId& id : sorted.inside) index_.set_archived(id, archived);
  return std::move(sorted.outside);
}

Result<std::vector<std::string>> SqliteStore::set_feedback(const Scope& scope,
                                                           std::span<const std::string> ids,
                                                           std::string_view feedback) {
  const std::lock_guard writing(writer_mutex_);
  auto sorted = sort_out(scope, ids);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  for (const FindingId& id : sorted.inside) {
    TRY(statement, writer_->prepare("INSERT INTO finding_user (id, archived, feedback) VALUES (?, 0, ?) "
                                    "ON CONFLICT (id) DO UPDATE SET feedback = excluded.feedback"));
    TRY_VOID(statement->bind_blob(id).bind(feedback).run());
  }
  TRY_VOID(transaction->commit());
  const std::lock_guard indexing(index_mutex_);
  for (const FindingId& id : sorted.inside) index_.set_feedback(id, feedback);
  return std::move(sorted.outside);
}

Result<std::uint64_t> SqliteStore::change_settings(std::span<const SettingChange> changes) {
  const std::lock_guard writing(writer_mutex_);
  TRY(transaction, SqliteTransaction::begin_writing(*writer_));
  TRY(version, writer_->query_integer("SELECT value FROM counter WHERE name = 'settings_version'"));
  const std::int64_t next = *version + 1;
  bool changed = false;
  for (const SettingChange& change : changes) {
    if (change.of_version) {
      TRY(statement,
          writer_->prepare(
              "SELECT version FROM setting WHERE kind = ? AND account = ? AND region = ? AND id = ?"));
      TRY(row, statement->bind(change.kind).bind(change.account).bind(change.region).bind(change.id).step());
      const std::int64_t stored = *row ? statement->integer(0) : 0;
      if (static_cast<std::uint64_t>(stored) != *change.of_version)
        return fail(ErrorKind::conflict, "the setting was changed meanwhile", change.kind + '/' + change.id);
    }
    if (change.body) {
      TRY(statement, writer_->prepare("INSERT INTO setting (account, region, kind, id, body, version) "
                                      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, account, region, id) "
                                      "DO UPDATE SET body = excluded.body, version = excluded.version"));
      statement->bind(change.account).bind(change.region).bind(change.kind).bind(change.id);
      TRY_VOID(statement->bind(*change.body).bind(next).run());
      changed = true;
    } else {
      TRY(statement,
          writer_->prepare("DELETE FROM setting WHERE kind = ? AND account = ? AND region = ? AND id = ?"));
      TRY_VOID(statement->bind(change.kind).bind(change.account).bind(change.region).bind(change.id).run());
      changed = changed || writer_->changes() > 0;
    }
  }
  if (changed) {
    TRY(statement, writer_->prepare("UPDATE counter SET value = ? WHERE name = 'settings_version'"));
    TRY_VOID(statement->bind(next).run());
  }
  TRY_VOID(transaction->commit());
  return static_cast<std::uint64_t>(changed ? next : *version);
}

Result<std::optional<Setting>> SqliteStore::get_setting(std::string_view account, std::string_view region,
                                                        std::string_view kind, std::string_view id) {
  auto reader = readers_.borrow();
  TRY(statement, reader->prepare("SELECT body, version FROM setting "
                                 "WHERE kind = ? AND account = ? AND region = ? AND id = ?"));
  TRY(row, statement->bind(kind).bind(account).bind(region).bind(id).step());
  if (!*row) return std::nullopt;
  return Setting{std::string(account),
                 std::string(region),
                 std::string(kind),
                 std::string(id),
                 std::string(statement->text(0)),
                 static_cast<std::uint64_t>(statement->integer(1))};
}

Result<std::vector<Setting>> SqliteStore::list_settings(std::optional<std::string_view> account,
                                                        std::optional<std::string_view> region,
                                                        std::string_view kind) {
  auto reader = readers_.borrow();
  TRY(statement, reader->prepare("SELECT account, region, id, body, version FROM setting WHERE kind = ?1 "
                                 "AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR region = ?3) "
                                 "ORDER BY account, region, id"));
  statement->bind(kind);
  account ? statement->bind(*account) : statement->bind_null();
  region ? statement->bind(*region) : statement->bind_null();
  std::vector<Setting> settings;
  for (;;) {
    TRY(more, statement->step());
    if (!*more) return settings;
    settings.push_back({std::string(statement->text(0)), std::string(statement->text(1)), std::string(kind),
                        std::string(statement->text(2)), std::string(statement->text(3)),
                        static_cast<std::uint64_t>(statement->integer(4))});
  }
}

Result<std::uint64_t> SqliteStore::settings_version() {
  auto reader = readers_.borrow();
  TRY(version, reader->query_integer("SELECT value FROM counter WHERE name = 'settings_version'"));
  return static_cast<std::uint64_t>(*version);
}

Result<void> SqliteStore::check_integrity() {
  const std::lock_guard writing(writer_mutex_);
  {
    TRY(statement, writer_->prepare("PRAGMA integrity_check"));
    TRY(row, statement->step());
    if (!*row || statement->text(0) != "ok")
      return fail(ErrorKind::io, "the database is damaged: " + std::string(statement->text(0)),
                  file_.string());
  }
  TRY(unmatched,
      writer_->query_integer("SELECT (SELECT count(*) FROM finding f LEFT JOIN document d ON d.key = f.key "
                             "WHERE (d.key IS NULL) <> f.retracted) + "
                             "(SELECT count(*) FROM document d LEFT JOIN finding f ON f.key = d.key "
                             "WHERE f.key IS NULL)"));
  if (*unmatched != 0) return fail(ErrorKind::io, "findings and documents do not match", file_.string());
  TRY(findings, writer_->query_integer("SELECT count(*) FROM document"));
  const std::shared_lock lock(index_mutex_);
  if (static_cast<std::size_t>(*findings) != index_.size())
    return fail(ErrorKind::internal, "the index and the database do not agree", file_.string());
  return {};
}

Result<StoreSize> SqliteStore::size() {
  StoreSize size;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code absent;  // no log yet: nothing to add
    const auto bytes = std::filesystem::file_size(file_.string() + suffix, absent);
    if (!absent) size.database_bytes += bytes;
  }
  const std::shared_lock lock(index_mutex_);
  size.findings = index_.size();
  size.index_bytes = index_.bytes();
  return size;
}

}  // namespace

Result<std::unique_ptr<FindingStore>> open_sqlite_store(const std::filesystem::path& file,
                                                        const SqliteOptions& options) {
  // Findings tell an attacker what is known of him: readable by the owner only. SQLite gives its log and
  // shared-memory files the mode of the database.
  // Only when there is none: closing any descriptor of an open database would drop its locks.
  const int created = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (created < 0 && errno != EEXIST)
    return fail(ErrorKind::io, "cannot open: " + std::string(strerror(errno)), file.string());
  if (created >= 0) ::close(created);
  TRY(writer, SqliteConnection::open(file, false));
  auto store = std::make_unique<SqliteStore>(file, std::move(*writer));
  TRY_VOID(store->set_up(options));
  return store;
}

#undef TRY
#undef TRY_VOID

}  // namespace picket
