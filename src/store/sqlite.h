// A thin layer over SQLite's C interface: connections and prepared statements that own themselves, values
// bound, errors as Result. A connection is used by one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket {

class SqliteConnection;

// A use of a prepared statement; it is reset when this goes out of scope. Parameters are bound in order.
class SqliteStatement {
 public:
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement(SqliteStatement&& other) noexcept
      : connection_(other.connection_), statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  ~SqliteStatement();

  SqliteStatement& bind(std::int64_t value);
  SqliteStatement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  SqliteStatement& bind(std::string_view text);
  SqliteStatement& bind_blob(std::span<const std::uint8_t> bytes);
  SqliteStatement& bind_null();

  Result<bool> step();  // true: a row is there
  Result<void> run();   // for statements without rows

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) const;  // also of blobs; valid until the next step
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  friend class SqliteConnection;
  SqliteStatement(SqliteConnection& connection, sqlite3_stmt* statement)
      : connection_(&connection), statement_(statement) {}
  SqliteConnection* connection_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int bind_error_ = SQLITE_OK;
};

class SqliteConnection {
 public:
  static Result<std::unique_ptr<SqliteConnection>> open(const std::filesystem::path& file, bool read_only);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Prepared once and kept; `sql` must be a literal: its address is the key. At most one use at a time.
  Result<SqliteStatement> prepare(const char* sql);
  Result<void> execute(const char* sql);  // one or more statements without parameters
  Result<std::int64_t> query_integer(const char* sql);
  int changes() const { return sqlite3_changes(db_); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  Error error(int code) const;

 private:
  SqliteConnection(sqlite3* db, std::string name) : db_(db), name_(std::move(name)) {}
  sqlite3* db_;
  std::string name_;
  std::map<const char*, sqlite3_stmt*> statements_;
};

// Begins at once; rolls back unless committed.
class SqliteTransaction {
 public:
  static Result<SqliteTransaction> begin_writing(SqliteConnection& connection);
  static Result<SqliteTransaction> begin_reading(SqliteConnection& connection);
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction(SqliteTransaction&& other) noexcept : connection_(other.connection_) {
    other.connection_ = nullptr;
  }
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  Result<void> commit();

 private:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(&connection) {}
  SqliteConnection* connection_;
};

}  // namespace picket
