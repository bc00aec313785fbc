#include "store/sqlite.h"

#include <limits>

namespace picket {

SqliteStatement::~SqliteStatement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteStatement& SqliteStatement::bind(std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, next_++, value); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::string_view text) {
  // A null pointer would bind NULL. The caller's bytes outlive the use of the statement.
  const char* const data = text.data() == nullptr ? "" : text.data();
  const int code = sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(std::span<const std::uint8_t> bytes) {
  const int code = sqlite3_bind_blob64(statement_, next_++, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_null() {
  if (const int code = sqlite3_bind_null(statement_, next_++); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (bind_error_ != SQLITE_OK) return std::unexpected(connection_->error(bind_error_));
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return std::unexpected(connection_->error(code));
}

Result<void> SqliteStatement::run() {
  for (;;) {
    const auto row = step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
  }
}

std::string_view SqliteStatement::text(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::filesystem::path& file,
                                                                 bool read_only) {
  sqlite3* db = nullptr;
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(file.c_str(), &db, flags, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db, file.string()));
  if (code != SQLITE_OK) return std::unexpected(connection->error(code));
  sqlite3_busy_timeout(db, 10'000);  // another process may be changing settings
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

Error SqliteConnection::error(int code) const {
  const int primary = code & 0xff;
  switch (primary) {
    case SQLITE_FULL:
      return {ErrorKind::io, "no space left for the database (disk full, or its size cap reached)", name_};
    case SQLITE_NOTADB:
      return {ErrorKind::io, "the file is not a database", name_};
    case SQLITE_CORRUPT:
      return {ErrorKind::io, "the database file is damaged", name_};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::conflict, "the database is in use by another process", name_};
    default:
      break;
  }
  const char* const message = db_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db_);
  const bool outside = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY ||
                       primary == SQLITE_PERM || primary == SQLITE_NOMEM;
  return {outside ? ErrorKind::io : ErrorKind::internal, std::string("SQLite: ") + message, name_};
}

Result<SqliteStatement> SqliteConnection::prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return std::unexpected(error(code));
  }
  return SqliteStatement(*this, statement);
}

Result<void> SqliteConnection::execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code));
  return {};
}

Result<std::int64_t> SqliteConnection::query_integer(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(ErrorKind::internal, "a query gave no row", name_);
  return statement->integer(0);
}

Result<SqliteTransaction> SqliteTransaction::begin_writing(SqliteConnection& connection) {
  if (auto begun = connection.execute("BEGIN IMMEDIATE"); !begun) return std::unexpected(begun.error());
  return SqliteTransaction(connection);
}

Result<SqliteTransaction> SqliteTransaction::begin_reading(SqliteConnection& connection) {
  if (auto begun = connection.execute("BEGIN"); !begun) return std::unexpected(begun.error());
  return SqliteTransaction(connection);
}

SqliteTransaction::~SqliteTransaction() {
  // SQLite may have rolled back by itself, on a full disk for one; and a rollback that fails leaves
  // nothing else to do: the next transaction's BEGIN reports it.
  if (connection_ != nullptr && connection_->in_transaction()) (void)connection_->execute("ROLLBACK");
}

Result<void> SqliteTransaction::commit() {
  if (auto done = connection_->execute("COMMIT"); !done) return done;
  connection_ = nullptr;
  return {};
}

}  // namespace picket
