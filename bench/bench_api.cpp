// How quickly the API answers: a server over a store of made-up findings, asked at a fixed rate by signed
// requests over keep-alive connections. The rate is open-loop: an answer's time counts from when its request
// was due.
//   bench_api [FINDINGS [REQUESTS_PER_SECOND [SECONDS]]]
//   bench_api --seed DATA_DIR FINDINGS     only makes the store and its keys, for load.py
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "api/server.h"
#include "api/site.h"
#include "base/clock.h"
#include "base/hash.h"
#include "finding/detector_id.h"
#include "store/sqlite_store.h"

namespace picket {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* account = "111122223333";
constexpr const char* region = "eu-central-1";
constexpr unsigned connections = 8;
constexpr std::size_t rows_per_apply = 5000;

std::string id_of(unsigned number) { return hash128(fmt::format("bench {}", number)).hex(); }

FindingRow row(unsigned number) {
  const auto types = api::sample_types();
  const api::SampleType& sample = types[number % types.size()];
  FindingRow out;
  out.id = id_of(number);
  out.account = fmt::format("{:012}", 111122223333 + number % 20);
  out.region = region;
  out.type = sample.type;
  out.detector_id = detector_id_of(out.account, region);
  out.severity = sample.severity;
  out.created_at = out.updated_at = out.first_seen = out.last_seen = 1'790'000'000'000 + number * second_ms;
  out.count = 1;
  out.epoch = 1;
  const std::string time = format_time(out.created_at);
  out.document = fmt::format(
      R"({{"schemaVersion":"2.0","accountId":"{}","region":"{}","id":"{}","type":"{}","severity":{},"createdAt":"{}",)"
      R"("updatedAt":"{}","title":"t","description":"d","resource":{},"service":{{"serviceName":"guardduty",{}{}"count":1,)"
      R"("additionalInfo":{{"picket":{{"records_total":1}}}}}}}})",
      out.account, region, out.id, out.type, out.severity, time, time, sample.resource,
      sample.action.empty() ? "" : R"("action":)",
      sample.action.empty() ? "" : std::string(sample.action) + ",");
  return out;
}

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd_); }

  // The status line's code.
  int ask(const std::string& request) {
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      return 0;
    std::string answer;
    std::size_t whole = std::string::npos;
    char buffer[65536];
    while (answer.size() < whole) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return 0;
      answer.append(buffer, static_cast<std::size_t>(got));
      const std::size_t head = answer.find("\r\n\r\n");
      if (whole != std::string::npos || head == std::string::npos) continue;
      const std::size_t length = answer.find("Content-Length: ");
      whole = head + 4 + (length < head ? std::strtoull(answer.c_str() + length + 16, nullptr, 10) : 0);
    }
    return std::atoi(answer.c_str() + 9);
  }

 private:
  int fd_;
};

struct Kind {
  std::string name, path, body;
};

std::string signed_request(const Kind& kind, const aws::Credential& who) {
  std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1"}, {"Content-Type", "application/json"}};
  const aws::HttpRequest request{"POST", kind.path, "", headers, kind.body};
  std::string out =
      fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n", kind.path);
  for (const auto& [name, value] : aws::sign(request, {who.access_key_id, who.secret_access_key, ""},
                                             {region, "guardduty"}, wall_clock()))
    out += fmt::format("{}: {}\r\n", name, value);
  return out + fmt::format("Content-Length: {}\r\n\r\n{}", kind.body.size(), kind.body);
}

std::vector<Kind> kinds_of(unsigned findings) {
  const std::string base = "/detector/" + detector_id_of(account, region) + "/findings";
  std::string ids;
  for (unsigned i = 0; i < 50; ++i)
    ids += fmt::format("{}\"{}\"", i == 0 ? "" : ",", id_of(i * (findings / 50)));
  return {
      {"list, newest first", base, "{}"},
      {"list, severity and current", base,
       R"({"findingCriteria":{"criterion":{"severity":{"gte":7},"service.archived":{"eq":["false"]}}},)"
       R"("sortCriteria":{"attributeName":"severity","orderBy":"DESC"}})"},
      {"list, type and account", base,
       R"({"findingCriteria":{"criterion":{"type":{"eq":["Recon:EC2/Portscan"]},"accountId":{"eq":["111122223335"]}}}})"},
      {"get 50", base + "/get", R"({"findingIds":[)" + ids + "]}"},
      {"count by severity", base + "/statistics", R"({"findingStatisticTypes":["COUNT_BY_SEVERITY"]})"},
      {"group by type", base + "/statistics", R"({"groupBy":"FINDING_TYPE"})"}};
}

double percentile(std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

struct Seeded {
  aws::Credential who;
  std::unique_ptr<FindingStore> store;
};
Seeded seed(const std::filesystem::path& dir, unsigned findings) {
  auto who = aws::create_credential(dir, {"default", account, aws::Role::administrator, region});
  auto store = open_sqlite_store(dir / "findings.db");
  if (!who || !store) std::abort();
  std::vector<FindingRow> rows;
  for (unsigned number = 0; number < findings; ++number) {
    rows.push_back(row(number));
    if (rows.size() < rows_per_apply && number + 1 < findings) continue;
    if (!(*store)->apply(rows, {}, 1, {}, wall_clock())) std::abort();
    rows.clear();
  }
  return {std::move(*who), std::move(*store)};
}

void run(const std::filesystem::path& dir, unsigned findings, unsigned rate, unsigned seconds) {
  const auto [who, store] = seed(dir, findings);
  const auto keys = aws::KeyStore::open(dir);
  if (!keys) std::abort();
  api::Service service(
      {.store = store.get(),
       .first_seen = [](std::string_view, std::string_view) { return std::optional<TimeMs>(0); },
       .now = wall_clock},
      **keys);
  api::Site site(service, {});
  const auto server =
      api::Server::start({.port = 0}, [&](const aws::HttpRequest& request) { return site.handle(request); });
  if (!server) std::abort();

  const std::vector<Kind> kinds = kinds_of(findings);
  const unsigned total = rate * seconds;
  std::vector<double> times_ms(total);
  std::vector<int> statuses(total);
  const Clock::time_point start = Clock::now() + std::chrono::milliseconds(100);
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < connections; ++client) {
    clients.emplace_back([&, client] {
      Connection connection((*server)->port());
      for (unsigned number = client; number < total; number += connections) {
        const auto due = start + std::chrono::microseconds(std::uint64_t{1'000'000} * number / rate);
        std::this_thread::sleep_until(due);
        statuses[number] = connection.ask(signed_request(kinds[number % kinds.size()], who));
        times_ms[number] = std::chrono::duration<double, std::milli>(Clock::now() - due).count();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const auto failed = total - static_cast<unsigned>(std::ranges::count(statuses, 200));
  fmt::print("{} findings, {} requests/s for {} s, {} not answered with 200\n", findings, rate, seconds,
             failed);
  fmt::print("{:<28} {:>8} {:>8} {:>8} {:>8}\n", "request", "p50 ms", "p90", "p99", "max");
  for (std::size_t kind = 0; kind <= kinds.size(); ++kind) {
    std::vector<double> sorted;
    for (unsigned number = 0; number < total; ++number)
      if (kind == kinds.size() || number % kinds.size() == kind) sorted.push_back(times_ms[number]);
    std::ranges::sort(sorted);
    fmt::print("{:<28} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f}\n",
               kind == kinds.size() ? "all" : kinds[kind].name, percentile(sorted, 0.5),
               percentile(sorted, 0.9), percentile(sorted, 0.99), sorted.back());
  }
}

unsigned argument(int argc, char** argv, int index, unsigned otherwise) {
  return argc > index ? static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10)) : otherwise;
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--seed") {
    picket::seed(argv[2], picket::argument(argc, argv, 3, 0));
    return 0;
  }
  std::string dir = (std::filesystem::temp_directory_path() / "picket_bench_api_XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return 1;
  picket::run(dir, picket::argument(argc, argv, 1, 100'000), picket::argument(argc, argv, 2, 500),
              picket::argument(argc, argv, 3, 10));
  std::filesystem::remove_all(dir);
  return 0;
}
