// The physical limit that `picket scan` is measured against: gunzip, parse and extract, one walk per record,
// and nothing else. It trusts its input (whole gzip files of well-formed records, as generate_corpus.py
// writes them) and keeps no text, so that a program which checks, decides and remembers cannot be quicker by
// much.
//
//   picket_limit KIND DIR [--threads N] [--rounds N] [--memory]
//
// KIND: cloudtrail, vpcflow, dns or k8saudit. Every round reads all files below DIR (with --memory they are
// read beforehand, outside the timing) and prints one JSON line; "checksum" is over what was extracted.
#include <fcntl.h>
#include <immintrin.h>
#include <isa-l/igzip_lib.h>
#include <malloc.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace json = simdjson::ondemand;
using std::string_view;

// What was extracted, as sums: the compiler cannot leave out what they need.
struct Extract {
  std::uint64_t records = 0, bytes = 0, checksum = 0;
  void text(string_view value) { bytes += value.size(); }
  void number(std::uint64_t value) { checksum += value; }
};

constexpr std::size_t padding = 64;  // readable and writable bytes behind a text

// A buffer that keeps its pages from file to file.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }
  char* reserve(std::size_t size) {
    if (size + padding > capacity_) {
      std::free(data_);
      capacity_ = (size + size / 2 + padding + 4095) / 4096 * 4096;
      data_ = static_cast<char*>(std::aligned_alloc(4096, capacity_));
    }
    return data_;
  }
  char* data() { return data_; }
  std::size_t capacity() const { return capacity_; }

 private:
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
};

// ---- JSON
// --------------------------------------------------------------------------------------------------

// The key as written; simdjson 3.0 has no length for it. Ours are shorter than 32 bytes, or not wanted.
string_view key_of(json::field& field) {
  const char* const begin = field.key().raw();
  const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(begin));
  const auto quotes =
      static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('"'))));
  return {begin, static_cast<std::size_t>(std::countr_zero(quotes))};
}

// Comparison with a length known to the compiler: the caller has switched on it.
template <std::size_t N>
bool is(string_view key, const char (&name)[N]) {
  return key.size() == N - 1 && std::memcmp(key.data(), name, N - 1) == 0;
}

template <class OnMember>
void each_member(json::object object, OnMember on_member) {
  for (auto member : object) {
    json::field field;
    if (std::move(member).get(field)) return;
    on_member(key_of(field), field.value());
  }
}

template <class OnMember>
void each_member_of(json::value value, OnMember on_member) {
  json::object object;
  if (!value.get_object().get(object)) each_member(object, on_member);
}

void take_text(Extract& out, json::value value) {
  // From its quote to the next structural character, blanks included; only an escape needs another look.
  const string_view token = value.raw_json_token();
  if (token.empty() || token[0] != '"') return;
  if (std::memchr(token.data(), '\\', token.size()) == nullptr) {
    std::size_t last = token.size() - 1;
    while (token[last] != '"') --last;
    out.text(token.substr(1, last - 1));
    return;
  }
  string_view text;
  if (!value.get_string().get(text)) out.text(text);
}

void take_raw(Extract& out, json::value value) {
  json::object object;
  string_view text;
  if (!value.get_object().get(object) && !object.raw_json().get(text)) out.number(!text.empty());
}

// 18 members: the five of the call, where from, who (seven), and the rest that detectors name most.
void take_identity(Extract& out, json::value value) {
  each_member_of(value, [&](string_view key, json::value member) {
    switch (key.size()) {
      case 3:
        if (is(key, "arn")) take_text(out, member);
        break;
      case 4:
        if (is(key, "type")) take_text(out, member);
        break;
      case 8:
        if (is(key, "userName")) take_text(out, member);
        break;
      case 9:
        if (is(key, "accountId")) take_text(out, member);
        break;
      case 11:
        if (is(key, "principalId") || is(key, "accessKeyId")) take_text(out, member);
        break;
      case 14:
        if (!is(key, "sessionContext")) break;
        each_member_of(member, [&](string_view name, json::value session) {
          if (!is(name, "sessionIssuer")) return;
          each_member_of(session, [&](string_view issuer, json::value issued) {
            if (is(issuer, "arn")) take_text(out, issued);
          });
        });
        break;
      default:
        break;
    }
  });
}

void take_call(Extract& out, json::object record) {
  ++out.records;
  each_member(record, [&](string_view key, json::value value) {
    switch (key.size()) {
      case 7:
        if (is(key, "eventID")) take_text(out, value);
        break;
      case 8:
        if (bool read_only = false; is(key, "readOnly") && !value.get_bool().get(read_only))
          out.number(read_only);
        break;
      case 9:
        if (is(key, "eventTime") || is(key, "eventName") || is(key, "awsRegion") || is(key, "userAgent") ||
            is(key, "errorCode"))
          take_text(out, value);
        break;
      case 11:
        if (is(key, "eventSource")) take_text(out, value);
        break;
      case 12:
        if (is(key, "userIdentity")) take_identity(out, value);
        break;
      case 15:
        if (is(key, "sourceIPAddress")) take_text(out, value);
        break;
      case 17:
        if (is(key, "requestParameters")) take_raw(out, value);
        break;
      case 18:
        if (is(key, "recipientAccountId")) take_text(out, value);
        break;
      default:
        break;
    }
  });
}

struct CloudTrail {
  json::parser parser;
  void run(char* text, std::size_t size, std::size_t capacity, Extract& out) {
    json::document document;
    json::array records;
    if (parser.iterate(text, size, capacity).get(document) || document["Records"].get_array().get(records))
      return;
    for (auto element : records) {
      json::object record;
      if (element.get_object().get(record)) return;
      take_call(out, record);
    }
  }
};

// 10 members.
void take_query(Extract& out, json::object record) {
  ++out.records;
  each_member(record, [&](string_view key, json::value value) {
    switch (key.size()) {
      case 5:
        if (is(key, "rcode")) take_text(out, value);
        break;
      case 6:
        if (is(key, "vpc_id") || is(key, "region")) take_text(out, value);
        if (!is(key, "srcids")) break;
        each_member_of(value, [&](string_view name, json::value id) {
          if (is(name, "instance")) take_text(out, id);
        });
        break;
      case 7: {
        if (is(key, "srcaddr")) take_text(out, value);
        json::array answers;
        if (!is(key, "answers") || value.get_array().get(answers)) break;
        for (auto answer : answers) {
          json::value each;
          if (answer.get(each)) break;
          each_member_of(each, [&](string_view name, json::value data) {
            if (is(name, "Rdata")) take_text(out, data);
          });
        }
        break;
      }
      case 10:
        if (is(key, "query_name") || is(key, "query_type") || is(key, "account_id")) take_text(out, value);
        break;
      case 15:
        if (is(key, "query_timestamp")) take_text(out, value);
        break;
      default:
        break;
    }
  });
}

// 12 members, of an event in an export of CloudWatch Logs.
void take_audit(Extract& out, json::object record) {
  ++out.records;
  each_member(record, [&](string_view key, json::value value) {
    switch (key.size()) {
      case 4:
        if (is(key, "verb")) take_text(out, value);
        if (!is(key, "user")) break;
        each_member_of(value, [&](string_view name, json::value member) {
          if (is(name, "username")) take_text(out, member);
          json::array groups;
          if (!is(name, "groups") || member.get_array().get(groups)) return;
          for (auto group : groups) {
            json::value each;
            if (group.get(each)) break;
            take_text(out, each);
          }
        });
        break;
      case 5:
        if (is(key, "stage") || is(key, "level")) take_text(out, value);
        break;
      case 7:
        if (is(key, "auditID")) take_text(out, value);
        break;
      case 9: {
        if (is(key, "userAgent")) take_text(out, value);
        if (is(key, "objectRef"))
          each_member_of(value, [&](string_view name, json::value member) {
            if (is(name, "resource") || is(name, "namespace") || is(name, "name")) take_text(out, member);
          });
        json::array addresses;
        if (!is(key, "sourceIPs") || value.get_array().get(addresses)) break;
        for (auto address : addresses) {
          json::value each;
          if (address.get(each)) break;
          take_text(out, each);
        }
        break;
      }
      case 10:
        if (is(key, "requestURI")) take_text(out, value);
        break;
      case 14:
        if (!is(key, "responseStatus")) break;
        each_member_of(value, [&](string_view name, json::value member) {
          if (std::uint64_t code = 0; is(name, "code") && !member.get_uint64().get(code)) out.number(code);
        });
        break;
      case 24:
        if (is(key, "requestReceivedTimestamp")) take_text(out, value);
        break;
      default:
        break;
    }
  });
}

template <void (*take)(Extract&, json::object)>
struct Lines {
  json::parser parser;
  void run(char* text, std::size_t size, std::size_t, Extract& out) {
    constexpr std::size_t batch = 1 << 20;  // simdjson's index of a batch stays in the cache
#ifdef SIMDJSON_THREADS_ENABLED
    parser.threaded = false;  // the files share out the cores already
#endif
    json::document_stream documents;
    if (parser.iterate_many(text, size, batch).get(documents)) return;
    for (auto document : documents) {
      json::object record;
      if (document.get_object().get(record)) return;
      take(out, record);
    }
  }
};

using Dns = Lines<take_query>;

struct Audit {
  Lines<take_audit> lines;
  void run(char* text, std::size_t size, std::size_t capacity, Extract& out) {
    // Blanks over the timestamp before each record make it JSON lines.
    char* const end = text + size;
    for (char* at = text; at < end;) {
      while (at < end && *at != '{') *at++ = ' ';
      void* const line_end = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
      at = line_end == nullptr ? end : static_cast<char*>(line_end) + 1;
    }
    lines.run(text, size, capacity, out);
  }
};

// ---- flow logs
// ---------------------------------------------------------------------------------------------

// Up to eight digits that end before `end`.
std::uint32_t digits8(const char* end, std::size_t length) {
  std::uint64_t word = 0;
  std::memcpy(&word, end - 8, 8);
  word &= 0x0f0f0f0f0f0f0f0fULL;
  if (length < 8) word &= ~0ULL << (64 - 8 * length);
  word = word * 10 + (word >> 8U);
  constexpr std::uint64_t pairs = 0x000000ff000000ffULL;
  return static_cast<std::uint32_t>(
      ((word & pairs) * 0x000f424000000064ULL + ((word >> 16U) & pairs) * 0x0000271000000001ULL) >> 32U);
}

std::uint64_t number(const char* begin, const char* end) {
  const auto length = static_cast<std::size_t>(end - begin);
  return length <= 8 ? digits8(end, length) : digits8(end, 8) + digits8(end - 8, length - 8) * 100'000'000ULL;
}

std::uint32_t address(const char* begin, const char* end) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
  const unsigned length = static_cast<unsigned>(end - begin);
  unsigned dots = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.'))));
  dots = (dots & ((1U << length) - 1)) | 1U << length;
  std::uint32_t value = 0;
  const char* octet = begin;
  for (int i = 0; i < 4; ++i) {
    const char* const octet_end = begin + __builtin_ctz(dots);
    dots &= dots - 1;
    std::uint32_t word = 0;
    std::memcpy(&word, octet_end - 4, 4);
    word = word & 0x0f0f0f0fU & ~0U << (32 - 8 * static_cast<unsigned>(octet_end - octet));
    value = value << 8U | (((word >> 8U & 255U) * 100 + (word >> 16U & 255U) * 10 + (word >> 24U)) & 255U);
    octet = octet_end + 1;
  }
  return value;
}

struct Flow {
  // Version 2: 14 fields. Separators of 64 bytes at a time as a mask, walked from the lowest bit.
  void run(char* text, std::size_t size, std::size_t, Extract& out) {
    const char* at = static_cast<const char*>(std::memchr(text, '\n', size));
    if (at == nullptr) return;
    ++at;
    const char* const end = text + size;
    std::memset(text + size, 'x', padding);
    const char *begins[16], *ends[16];
    unsigned field = 0;
    begins[0] = at;
    const __m256i blank = _mm256_set1_epi8(' '), newline = _mm256_set1_epi8('\n');
    const auto mask_of = [](__m256i a, __m256i b) {
      return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(a))) |
             static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(b))) << 32U;
    };
    for (; at < end; at += 64) {
      const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
      const std::uint64_t newlines =
          mask_of(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline));
      std::uint64_t separators =
          newlines | mask_of(_mm256_cmpeq_epi8(low, blank), _mm256_cmpeq_epi8(high, blank));
      for (; separators != 0; separators &= separators - 1) {
        const char* const separator = at + __builtin_ctzll(separators);
        ends[field] = separator;
        if ((separators & -separators & newlines) != 0) {
          if (field == 13) take(out, begins, ends);
          field = 0;
        } else {
          field = (field + 1) & 15U;
        }
        begins[field] = separator + 1;
      }
    }
  }

  static void take(Extract& out, const char* const* begins, const char* const* ends) {
    ++out.records;
    if (*begins[3] == '-') return;
    const auto small = [&](int i) { return digits8(ends[i], static_cast<std::size_t>(ends[i] - begins[i])); };
    out.bytes +=
        static_cast<std::uint64_t>(ends[1] - begins[1]) + static_cast<std::uint64_t>(ends[2] - begins[2]);
    out.checksum += address(begins[3], ends[3]) ^ address(begins[4], ends[4]);
    out.checksum += small(5) + small(6) + small(7);
    out.checksum += number(begins[8], ends[8]) + number(begins[9], ends[9]);
    out.checksum += number(begins[10], ends[10]) ^ number(begins[11], ends[11]);
    out.checksum += *begins[12] == 'R';
  }
};

// ---- files and rounds
// --------------------------------------------------------------------------------------

struct File {
  std::string path;
  std::size_t size = 0;
  std::string bytes;  // with --memory
};

std::size_t read_file(const std::string& path, char* into, std::size_t size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::size_t filled = 0;
  for (ssize_t got = 1; fd >= 0 && filled < size && got > 0;) {
    got = read(fd, into + filled, size - filled);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  if (fd >= 0) close(fd);
  return filled;
}

// The length of a gzip file's text, as it says itself; ours are below 4 GiB and of one member.
std::size_t text_size(const char* packed, std::size_t size) {
  std::uint32_t length = 0;
  std::memcpy(&length, packed + size - 4, 4);
  return length;
}

std::size_t gunzip(const char* packed, std::size_t size, char* text, std::size_t text_bytes) {
  static thread_local inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(packed));
  state.avail_in = static_cast<std::uint32_t>(size);
  state.next_out = reinterpret_cast<std::uint8_t*>(text);
  state.avail_out = static_cast<std::uint32_t>(text_bytes);
  return isal_inflate(&state) == ISAL_DECOMP_OK ? text_bytes - state.avail_out : 0;
}

struct Totals {
  Extract extract;
  std::uint64_t text_bytes = 0;
  bool failed = false;
};

template <class Parser>
Totals work(const std::vector<File>& files, std::atomic<std::size_t>& next) {
  Totals totals;
  Parser parser;
  Buffer packed, text;
  for (std::size_t i = next++; i < files.size(); i = next++) {
    const File& file = files[i];
    const char* bytes = file.bytes.data();
    if (file.bytes.empty()) {
      char* const into = packed.reserve(file.size);
      totals.failed |= read_file(file.path, into, file.size) != file.size;
      bytes = into;
    }
    const std::size_t wanted = text_size(bytes, file.size);
    char* const into = text.reserve(wanted);
    const std::size_t size = gunzip(bytes, file.size, into, wanted);
    totals.failed |= size != wanted;
    totals.text_bytes += size;
    parser.run(into, size, text.capacity(), totals.extract);
  }
  return totals;
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

template <class Parser>
bool run_round(const std::vector<File>& files, unsigned threads) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = cpu_seconds();
  std::atomic<std::size_t> next = 0;
  std::vector<Totals> totals(threads);
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i)
      others.emplace_back([&, i] { totals[i] = work<Parser>(files, next); });
    totals[0] = work<Parser>(files, next);
  }
  const double cpu = cpu_seconds() - cpu_begin;
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Totals sum;
  for (const Totals& each : totals) {
    sum.extract.records += each.extract.records;
    sum.extract.bytes += each.extract.bytes;
    sum.extract.checksum += each.extract.checksum;
    sum.text_bytes += each.text_bytes;
    sum.failed |= each.failed;
  }
  const double megabytes = static_cast<double>(sum.text_bytes) * 1e-6;
  std::printf(
      "{\"threads\":%u,\"files\":%zu,\"bytes_text\":%llu,\"records\":%llu,\"bytes_extracted\":%llu,"
      "\"checksum\":%llu,"
      "\"cpu_seconds\":%.6f,\"seconds\":%.6f,\"mb_per_cpu_second\":%.1f,\"mb_per_second\":%.1f}\n",
      threads, files.size(), static_cast<unsigned long long>(sum.text_bytes),
      static_cast<unsigned long long>(sum.extract.records),
      static_cast<unsigned long long>(sum.extract.bytes),
      static_cast<unsigned long long>(sum.extract.checksum), cpu, wall, megabytes / cpu, megabytes / wall);
  std::fflush(stdout);
  return !sum.failed;
}

std::vector<File> find_files(const std::string& folder, bool in_memory) {
  std::vector<File> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".gz") continue;
    File file{entry.path().string(), entry.file_size(), {}};
    if (file.size < 20) continue;  // no gzip file
    if (in_memory) {
      file.bytes.resize(file.size);
      read_file(file.path, file.bytes.data(), file.size);
    }
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

int usage() {
  std::fputs(
      "usage: picket_limit cloudtrail|vpcflow|dns|k8saudit DIR [--threads N] [--rounds N] [--memory]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return usage();
  const string_view kind = argv[1];
  unsigned threads = 1, rounds = 1;
  bool in_memory = false;
  for (int i = 3; i < argc; ++i) {
    const string_view flag = argv[i];
    if (flag == "--memory") {
      in_memory = true;
    } else if ((flag == "--threads" || flag == "--rounds") && i + 1 < argc) {
      (flag == "--threads" ? threads : rounds) = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      return usage();
    }
  }
  if (threads == 0 || threads > 64) return usage();
  mallopt(M_TRIM_THRESHOLD, 1 << 30);  // pages given back to the system cost faults with the next file
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  const std::vector<File> files = find_files(argv[2], in_memory);
  for (unsigned round = 0; round < rounds; ++round) {
    const bool read_all = kind == "cloudtrail" ? run_round<CloudTrail>(files, threads)
                          : kind == "vpcflow"  ? run_round<Flow>(files, threads)
                          : kind == "dns"      ? run_round<Dns>(files, threads)
                          : kind == "k8saudit" ? run_round<Audit>(files, threads)
                                               : false;
    if (!read_all) {
      std::fputs("picket_limit: not a kind, or a file that is no whole gzip file\n", stderr);
      return 1;
    }
  }
  return 0;
}
