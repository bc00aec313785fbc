#include "decode/parquet.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "decode/flow_layout.h"

namespace picket {

namespace {

constexpr std::size_t copy_bytes = 256 * 1024;
constexpr std::size_t tail_bytes = 64;             // what decoders may read and write behind the text
constexpr rlim_t child_memory_bytes = 2ULL << 30;  // on top of what the process has mapped already
constexpr rlim_t child_cpu_seconds = 900;
constexpr int file_number = 3, rows_number = 4, error_number = 5;  // in the child
constexpr std::string_view file_path = "/proc/self/fd/3";

class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct Pipe {
  FileDescriptor read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorKind::io, fmt::format("no pipe: {}", std::strerror(errno)));
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

bool write_all(int number, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(number, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// Parquet keeps its index at the end, so the object must lie in a file: one without a name.
Result<FileDescriptor> spool(ByteSource& source, std::uint64_t bytes_max, std::uint64_t& bytes) {
  std::error_code ignored;
  std::filesystem::path folder = std::filesystem::temp_directory_path(ignored);
  if (folder.empty()) folder = "/tmp";
  FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.number() < 0) {  // not every file system can
    std::string name = (folder / "picket-XXXXXX").string();
    file = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (file.number() >= 0) ::unlink(name.c_str());
  }
  if (file.number() < 0) {
    return fail(ErrorKind::io,
                fmt::format("no temporary file in {}: {}", folder.string(), std::strerror(errno)));
  }
  std::vector<char> buffer(copy_bytes);
  while (true) {
    const auto got = source.read(buffer);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return file;
    bytes += *got;
    if (bytes > bytes_max)
      return fail(ErrorKind::too_large, fmt::format("the object is larger than {} bytes", bytes_max));
    if (!write_all(file.number(), {buffer.data(), *got})) {
      return fail(ErrorKind::io, fmt::format("temporary file: {}", std::strerror(errno)));
    }
  }
}

// What is used of DuckDB's C interface, as its documentation of version 1 declares it.
namespace duckdb {
using Handle = void*;
struct ResultSet {
  std::uint64_t unused_counts[3];
  void* unused_columns;
  char* unused_error;
  void* internal;
};
struct Text {
  std::uint32_t length;
  char inlined[4];
  const char* pointer;
  // Up to 12 bytes lie in the struct itself, from `inlined` on.
  std::string_view view() const {
    return {length <= 12 ? reinterpret_cast<const char*>(this) + sizeof(length) : pointer, length};
  }
};
static_assert(sizeof(Text) == 16);

struct Library {
  int (*create_config)(Handle*);
  int (*set_config)(Handle, const char*, const char*);
  int (*open_ext)(const char*, Handle*, Handle, char**);
  int (*connect)(Handle, Handle*);
  int (*query)(Handle, const char*, ResultSet*);
  const char* (*result_error)(ResultSet*);
  std::uint64_t (*column_count)(ResultSet*);
  const char* (*column_name)(ResultSet*, std::uint64_t);
  int (*prepare)(Handle, const char*, Handle*);
  const char* (*prepare_error)(Handle);
  int (*pending_prepared_streaming)(Handle, Handle*);
  const char* (*pending_error)(Handle);
  int (*execute_pending)(Handle, ResultSet*);
  Handle (*fetch_chunk)(ResultSet);
  std::uint64_t (*data_chunk_get_size)(Handle);
  Handle (*data_chunk_get_vector)(Handle, std::uint64_t);
  void* (*vector_get_data)(Handle);
  void (*destroy_data_chunk)(Handle*);
};

// An empty text when all is there, else what is missing.
std::string load(const char* path, Library& library) {
  void* const handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return ::dlerror();
  std::string missing;
  const auto bind = [&](auto& function, const char* name) {
    void* const symbol = ::dlsym(handle, name);
    if (symbol == nullptr) missing = fmt::format("{} has no function {}", path, name);
    std::memcpy(&function, &symbol, sizeof(symbol));
  };
  bind(library.create_config, "duckdb_create_config");
  bind(library.set_config, "duckdb_set_config");
  bind(library.open_ext, "duckdb_open_ext");
  bind(library.connect, "duckdb_connect");
  bind(library.query, "duckdb_query");
  bind(library.result_error, "duckdb_result_error");
  bind(library.column_count, "duckdb_column_count");
  bind(library.column_name, "duckdb_column_name");
  bind(library.prepare, "duckdb_prepare");
  bind(library.prepare_error, "duckdb_prepare_error");
  bind(library.pending_prepared_streaming, "duckdb_pending_prepared_streaming");
  bind(library.pending_error, "duckdb_pending_error");
  bind(library.execute_pending, "duckdb_execute_pending");
  bind(library.fetch_chunk, "duckdb_fetch_chunk");
  bind(library.data_chunk_get_size, "duckdb_data_chunk_get_size");
  bind(library.data_chunk_get_vector, "duckdb_data_chunk_get_vector");
  bind(library.vector_get_data, "duckdb_vector_get_data");
  bind(library.destroy_data_chunk, "duckdb_destroy_data_chunk");
  return missing;
}
}  // namespace duckdb

std::string in_quotes(std::string_view name, char quote) {
  std::string out(1, quote);
  for (const char c : name) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

// Address space only grows by child_memory_bytes from here. Sanitizers map terabytes of shadow, so there it
// stays open.
void limit_child() {
  const auto limit = [](int resource, rlim_t value) {
    const rlimit both{value, value};
    ::setrlimit(static_cast<__rlimit_resource_t>(resource), &both);
  };
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, child_cpu_seconds);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  unsigned long long pages = 0;
  if (std::FILE* const statm = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(statm, "%llu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  limit(RLIMIT_AS, pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + child_memory_bytes);
#endif
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// In the child: the column names as one line, then a line for each row. An empty text when all went well,
// else the error.
std::string write_rows(const char* library_path) {
  duckdb::Library db{};
  if (std::string error = duckdb::load(library_path, db); !error.empty()) return error;
  duckdb::Handle config = nullptr, database = nullptr, connection = nullptr;
  db.create_config(&config);
  // What a version does not know is refused and left out; the limits of the process hold anyway.
  for (const auto& [name, value] :
       {std::pair{"threads", "1"}, std::pair{"memory_limit", "1GB"},
        std::pair{"autoinstall_known_extensions", "false"}, std::pair{"autoload_known_extensions", "false"},
        std::pair{"temp_directory", ""}, std::pair{"allow_community_extensions", "false"}}) {
    db.set_config(config, name, value);
  }
  char* error = nullptr;
  if (db.open_ext(nullptr, &database, config, &error) != 0)
    return error == nullptr ? "DuckDB does not start" : error;
  if (db.connect(database, &connection) != 0) return "DuckDB does not connect";
  duckdb::ResultSet result{};
  const auto run = [&](const std::string& sql) { return db.query(connection, sql.c_str(), &result) == 0; };
  const auto problem = [](const char* text) {
    return std::string(text == nullptr ? "DuckDB gives no reason" : text);
  };
  if (!run(fmt::format("SET allowed_paths=['{}']", file_path)) || !run("SET enable_external_access=false") ||
      !run("SET lock_configuration=true")) {
    return problem(db.result_error(&result));
  }
  const std::string from = fmt::format(" FROM read_parquet('{}')", file_path);
  if (!run("SELECT *" + from + " LIMIT 0")) return problem(db.result_error(&result));
  std::string names, columns;
  for (std::uint64_t i = 0; i < db.column_count(&result); ++i) {
    const std::string name = db.column_name(&result, i);
    std::string word = name;
    std::ranges::replace_if(word, [](char c) { return c == ' ' || c == '\n' || c == '\t'; }, '?');
    names += (i == 0 ? "" : " ") + word;
    columns +=
        fmt::format("{} coalesce(nullif(translate(CAST({} AS VARCHAR), E' \\t\\n\\r', '____'), ''), '-')",
                    i == 0 ? "" : ",", in_quotes(name, '"'));
  }
  if (!write_all(rows_number, names + "\n")) return {};
  if (!flow_layout_from(names)) return {};
  duckdb::Handle statement = nullptr, pending = nullptr;
  const std::string sql = fmt::format("SELECT concat_ws(' ', {}){}", columns, from);
  if (db.prepare(connection, sql.c_str(), &statement) != 0) return problem(db.prepare_error(statement));
  if (db.pending_prepared_streaming(statement, &pending) != 0) return problem(db.pending_error(pending));
  if (db.execute_pending(pending, &result) != 0) return problem(db.result_error(&result));
  std::string lines;
  while (duckdb::Handle chunk = db.fetch_chunk(result)) {
    const std::uint64_t rows = db.data_chunk_get_size(chunk);
    if (rows == 0) break;
    const auto* texts =
        static_cast<const duckdb::Text*>(db.vector_get_data(db.data_chunk_get_vector(chunk, 0)));
    lines.clear();
    for (std::uint64_t i = 0; i < rows; ++i) {
      lines += texts[i].view();
      lines += '\n';
    }
    db.destroy_data_chunk(&chunk);
    if (!write_all(rows_number, lines)) return {};  // the parent gave up
  }
  const char* const late = db.result_error(&result);
  return late == nullptr ? std::string{} : std::string(late);
}

[[noreturn]] void be_child(const char* library_path, int file, int rows, int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  // Above the three numbers first, so that none is overwritten before it is moved.
  const int high_file = ::fcntl(file, F_DUPFD, 16), high_rows = ::fcntl(rows, F_DUPFD, 16),
            high_errors = ::fcntl(errors, F_DUPFD, 16);
  ::dup2(high_file, file_number);
  ::dup2(high_rows, rows_number);
  ::dup2(high_errors, error_number);
  ::close_range(error_number + 1, ~0U, 0);
  limit_child();
  std::string error;
  try {
    error = write_rows(library_path);
  } catch (const std::exception& caught) {
    error = caught.what();
  }
  write_all(error_number, std::string_view(error).substr(0, 4096));
  ::_exit(error.empty() ? 0 : 1);
}

std::string read_all(int number) {
  std::string out;
  std::array<char, 1024> buffer{};
  while (true) {
    const ssize_t got = ::read(number, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

struct Delivered {
  std::uint64_t bytes = 0, records = 0;
  bool flow_columns = false;
  bool column_names = false;  // the first line came
};

// Reads the column names and feeds the rows to the flow decoder.
Delivered deliver_rows(int rows, const ObjectInfo& info, const DecodeLimits& limits, EventSink& sink) {
  Delivered done;
  std::unique_ptr<TextDecoder> decoder;
  std::vector<char> text(copy_bytes + tail_bytes);
  std::size_t size = 0;
  bool last = false;
  while (!last) {
    const ssize_t got = ::read(rows, text.data() + size, text.size() - tail_bytes - size);
    if (got < 0 && errno == EINTR) continue;
    last = got <= 0;
    if (!last) size += static_cast<std::size_t>(got);
    done.bytes += last ? 0 : static_cast<std::uint64_t>(got);
    std::size_t used = 0;
    if (!decoder) {
      const auto* end = static_cast<const char*>(std::memchr(text.data(), '\n', size));
      if (end != nullptr) {
        done.column_names = true;
        ObjectInfo named = info;
        named.flow_format = std::string_view(text.data(), static_cast<std::size_t>(end - text.data()));
        done.flow_columns = flow_layout_from(named.flow_format).has_value();
        if (!done.flow_columns) return done;
        decoder = make_flow_decoder(named, limits, sink);
        used = static_cast<std::size_t>(end - text.data()) + 1;
      }
    }
    if (decoder) used += decoder->feed(text.data() + used, size - used, last);
    size -= used;
    std::memmove(text.data(), text.data() + used, size);
    if (size == text.size() - tail_bytes) {
      if (size > limits.record_bytes_max + copy_bytes) return done;
      text.resize(text.size() * 2);
    }
  }
  if (decoder) done.records = decoder->records_read();
  return done;
}

}  // namespace

std::string find_duckdb() {
  std::error_code ignored;
  if (const char* const named = std::getenv(duckdb_path_variable)) {
    return std::filesystem::is_regular_file(named, ignored) ? named : std::string{};
  }
  constexpr std::string_view package = "node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so";
  std::vector<std::filesystem::path> places{"/usr/local/lib/libduckdb.so", "/usr/lib/libduckdb.so",
                                            "/usr/lib/x86_64-linux-gnu/libduckdb.so"};
  for (const char* const folder : {"/usr/local/lib", "/usr/lib", "/usr/share", "."}) {
    places.push_back(std::filesystem::path(folder) / package);
  }
  const auto found = std::ranges::find_if(
      places, [&](const auto& place) { return std::filesystem::is_regular_file(place, ignored); });
  return found == places.end() ? std::string{} : std::filesystem::absolute(*found, ignored).string();
}

DecodeReport decode_parquet(ByteSource& source, const ObjectInfo& info, const DecodeLimits& limits,
                            EventSink& sink) {
  DecodeReport report;
  report.verdict = ObjectVerdict::failed;
  report.kind = LogKind::vpcflow;
  const std::string library = find_duckdb();
  if (library.empty()) {
    report.reason = fmt::format(
        "Parquet needs DuckDB's library: install it with `npm install -g @duckdb/node-bindings-linux-x64`, "
        "or "
        "set {} to the path of libduckdb.so",
        duckdb_path_variable);
    return report;
  }
  const auto file = spool(source, limits.object_bytes_max, report.bytes_in);
  if (!file) {
    report.reason = file.error().what;
    return report;
  }
  auto rows = make_pipe(), errors = make_pipe();
  if (!rows || !errors) {
    report.reason = (rows ? errors : rows).error().what;
    return report;
  }
  const pid_t child = ::fork();
  if (child < 0) {
    report.reason = fmt::format("no child process: {}", std::strerror(errno));
    return report;
  }
  if (child == 0) be_child(library.c_str(), file->number(), rows->write.number(), errors->write.number());
  rows->write.close();
  errors->write.close();

  const Delivered done = deliver_rows(rows->read.number(), info, limits, sink);
  rows->read.close();
  const std::string error = read_all(errors->read.number());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  report.bytes_decoded = done.bytes;
  report.records_read = done.records;
  if (!error.empty()) {
    report.reason = fmt::format("DuckDB cannot read the Parquet file: {}", error);
  } else if (WIFSIGNALED(status)) {
    report.reason = fmt::format("reading the Parquet file was stopped by signal {} (memory or time limit)",
                                WTERMSIG(status));
  } else if (!done.column_names) {
    report.reason = "the Parquet file gave no columns";
  } else if (!done.flow_columns) {
    report.verdict = ObjectVerdict::not_a_log;
    report.kind.reset();
    report.reason = "a Parquet file whose columns are not those of a flow log";
  } else {
    report.verdict = ObjectVerdict::decoded;
  }
  return report;
}

}  // namespace picket
