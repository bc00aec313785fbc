// Requests as clients send them, each changed in one place, by a seeded generator: whatever was changed after
// signing is refused, whatever breaks the service model is refused, what means the same is answered as
// before, and nothing fails inside.
//   picket_mutated_requests [COUNT [SEED]]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "api/service.h"
#include "aws/sigv4.h"
#include "finding/detector_id.h"
#include "store/sqlite_store.h"

namespace picket {
namespace {

constexpr const char* account = "111122223333";
constexpr const char* region = "eu-central-1";
constexpr TimeMs now = 1'795'489'850'000;  // 2026-11-24T03:10:50Z

struct Random {
  std::mt19937_64 bits;
  std::size_t below(std::size_t bound) { return bits() % bound; }
  bool coin() { return (bits() & 1) != 0; }
  template <class T>
  const T& of(const std::vector<T>& values) {
    return values[below(values.size())];
  }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, path, query, body;
  Headers headers;

  std::string* header(std::string_view name) {
    for (auto& [key, value] : headers)
      if (key == name) return &value;
    return nullptr;
  }
};

struct Signing {
  std::string access_key_id, secret, service = "guardduty";
  std::string where = region;
  TimeMs at = now;
};

void sign(Request& request, const Signing& with) {
  request.headers = {{"Host", "127.0.0.1:7788"},
                     {"Content-Type", "application/json"},
                     {"X-Amz-User-Agent", "mutator  1"},
                     {"User-Agent", "unsigned"}};
  std::vector<aws::HttpHeader> signed_headers;
  for (const auto& [name, value] : request.headers)
    if (name != "User-Agent") signed_headers.push_back({name, value});
  const aws::HttpRequest plain{request.method, request.path, request.query, signed_headers, request.body};
  for (const auto& [name, value] :
       aws::sign(plain, {with.access_key_id, with.secret, ""}, {with.where, with.service}, with.at))
    request.headers.emplace_back(name, value);
}

// What a client may send; all of these are answered with 2xx as they are.
std::vector<Request> requests_of(const std::string& detector, const std::string& finding) {
  const std::string at = "/detector/" + detector;
  const std::string arn =
      aws::uri_encode(fmt::format("arn:aws:guardduty:{}:{}:detector/{}", region, account, detector));
  return {
      {"GET", "/detector", "maxResults=5", "", {}},
      {"GET", at, "", "", {}},
      {"POST",
       at,
       "",
       R"({"enable":true,"findingPublishingFrequency":"ONE_HOUR",)"
       R"("dataSources":{"s3Logs":{"enable":true}},"features":[{"name":"EKS_AUDIT_LOGS","status":"ENABLED"}]})",
       {}},
      {"POST",
       at + "/findings",
       "",
       R"({"findingCriteria":{"criterion":{"severity":{"gte":4},"type":{"equals":["a","b"]}}},)"
       R"("sortCriteria":{"attributeName":"createdAt","orderBy":"DESC"},"maxResults":5})",
       {}},
      {"POST", at + "/findings/get", "", R"({"findingIds":[")" + finding + R"("]})", {}},
      {"POST", at + "/findings/archive", "", R"({"findingIds":[")" + finding + R"("]})", {}},
      {"POST",
       at + "/findings/feedback",
       "",
       R"({"findingIds":[")" + finding + R"("],"feedback":"USEFUL"})",
       {}},
      {"POST",
       at + "/findings/statistics",
       "",
       R"({"groupBy":"SEVERITY","maxResults":7,"orderBy":"ASC"})",
       {}},
      {"POST",
       at + "/coverage",
       "",
       R"({"filterCriteria":{"filterCriterion":[{"criterionKey":"ACCOUNT_ID","filterCondition":{"equals":["1"]}}]}})",
       {}},
      {"POST",
       at + "/usage/statistics",
       "",
       R"({"usageStatisticsType":"SUM_BY_ACCOUNT","usageCriteria":{"accountIds":["111122223333"]},"unit":"USD"})",
       {}},
      {"POST",
       at + "/malware-scan-settings",
       "",
       R"({"ebsSnapshotPreservation":"NO_RETENTION","scanResourceCriteria":{"include":{"EC2_INSTANCE_TAG":)"
       R"({"mapEquals":[{"key":"a","value":"b"}]}}}})",
       {}},
      {"POST", "/tags/" + arn, "", R"({"tags":{"env":"test","Zürich":"☃"}})", {}},
      {"DELETE", "/tags/" + arn, "tagKeys=env&tagKeys=a%20b", "", {}},
      {"GET", "/tags/" + arn, "", "", {}}};
}

// ---- one change each ----

enum class Outcome { refused, not_authentic, answered, survived };

bool fits(Outcome wanted, unsigned status) {
  switch (wanted) {
    case Outcome::answered:
      return status / 100 == 2;
    case Outcome::not_authentic:  // or no operation has such a path
      return status == 403 || status == 404;
    case Outcome::refused:
      return status / 100 == 4;
    case Outcome::survived:
      return status < 500;
  }
  return false;
}

struct Mutator {
  Random random;
  Signing signing;
  const std::vector<Request> requests;

  // Another printable byte at a place where there is one that is no blank.
  void change_byte(std::string& text) {
    std::size_t at = random.below(text.size());
    while (text[at] == ' ') at = random.below(text.size());
    char other = text[at];
    while (other == text[at] || other == ' ') other = static_cast<char>('!' + random.below(94));
    text[at] = other;
  }
  static char hex_of(std::size_t digit) { return "0123456789abcdef"[digit]; }

  Outcome signature(Request& request) {
    std::string& text = *request.header("Authorization");
    char& digit = text[text.size() - 1 - random.below(64)];
    const char old = digit;
    while (digit == old) digit = hex_of(random.below(16));
    return Outcome::not_authentic;
  }
  Outcome authorization(Request& request) {
    change_byte(*request.header("Authorization"));
    return Outcome::not_authentic;
  }
  Outcome signed_header(Request& request) {
    static const std::vector<std::string> names{"Host", "Content-Type", "X-Amz-User-Agent", "X-Amz-Date"};
    change_byte(*request.header(random.of(names)));
    return Outcome::not_authentic;
  }
  Outcome lost_header(Request& request) {
    static const std::vector<std::string> names{"Host", "Content-Type", "X-Amz-User-Agent", "X-Amz-Date",
                                                "Authorization"};
    std::erase_if(request.headers, [&, name = random.of(names)](const auto& h) { return h.first == name; });
    return Outcome::not_authentic;
  }
  Outcome repeated_header(Request& request) {
    static const std::vector<std::string> names{"Host", "Content-Type", "X-Amz-User-Agent", "X-Amz-Date",
                                                "Authorization"};
    const std::string name = random.of(names);
    request.headers.emplace_back(name, *request.header(name));
    return Outcome::not_authentic;
  }
  Outcome foreign_amz_header(Request& request) {
    static const std::vector<std::string> names{"X-Amz-Target", "X-Amz-Security-Token",
                                                "X-Amz-Content-Sha256", "x-amz-meta-a"};
    request.headers.emplace_back(random.of(names), random.coin() ? "UNSIGNED-PAYLOAD" : "x");
    return Outcome::not_authentic;
  }
  Outcome method(Request& request) {
    static const std::vector<std::string> methods{"GET", "POST", "DELETE", "PUT", "PATCH", "get", "HEAD"};
    const std::string old = request.method;
    while (request.method == old) request.method = random.of(methods);
    return Outcome::not_authentic;
  }
  Outcome path(Request& request) {
    std::string& path = request.path;
    const std::size_t at = random.below(path.size());
    switch (random.below(6)) {
      case 0:
        change_byte(path);
        break;
      case 1:
        path.insert(at, "/");
        break;
      case 2:
        path += "/";
        break;
      case 3:
        path.insert(at, "/.");
        break;
      case 4:  // the same byte, written otherwise: the path is signed as it was sent
        path.replace(at, 1, fmt::format("%{:02X}", static_cast<unsigned char>(path[at])));
        break;
      default:
        path.erase(at, 1);
    }
    return Outcome::not_authentic;
  }
  Outcome query(Request& request) {
    std::string& query = request.query;
    if (query.empty() || random.coin()) {
      query += query.empty() ? "maxResults=1" : "&nextToken=a";
    } else {
      change_byte(query);
    }
    return Outcome::not_authentic;
  }
  Outcome body(Request& request) {
    if (request.body.empty()) {
      request.body = "{}";
    } else if (random.coin()) {
      request.body.insert(random.below(request.body.size()), " ");
    } else {
      change_byte(request.body);
    }
    return Outcome::not_authentic;
  }
  Outcome same_meaning(Request& request) {
    switch (random.below(4)) {
      case 0:
        request.header("X-Amz-User-Agent")->insert(7, random.below(5) + 1, ' ');
        break;
      case 1:
        for (auto& [name, value] : request.headers)
          for (char& c : name)
            if (random.coin()) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        break;
      case 2:
        request.header("User-Agent")->append("x");
        break;
      default:
        std::ranges::shuffle(request.headers, random.bits);
    }
    return Outcome::answered;
  }
  // Signed anew, by what cannot sign here or not now.
  Outcome signer(Request& request) {
    Signing other = signing;
    switch (random.below(6)) {
      case 0:
        change_byte(other.secret);
        break;
      case 1:
        change_byte(other.access_key_id);
        break;
      case 2:
        other.service = "s3";
        break;
      case 3:
        other.at += 5 * minute_ms + second_ms + static_cast<TimeMs>(random.below(day_ms));
        break;
      case 4:
        other.at -= 5 * minute_ms + second_ms + static_cast<TimeMs>(random.below(day_ms));
        break;
      default:
        other.secret.clear();
    }
    sign(request, other);
    return Outcome::not_authentic;
  }
  Outcome clock_within_bounds(Request& request) {
    Signing other = signing;
    other.at += static_cast<TimeMs>(random.below(10 * minute_ms / second_ms)) * second_ms - 5 * minute_ms;
    sign(request, other);
    return Outcome::answered;
  }

  // Signed anew, with a value in the body that the model does not allow in its place.
  Outcome json_type(Request& request) {
    static const std::vector<std::string> strays{"true", "-1.5", "[[]]", "{\"x\":[1]}", "\"\\u0000stray\"",
                                                 "1e400"};
    const std::vector<std::pair<std::size_t, std::size_t>> values = values_of(request.body);
    if (values.empty()) return same_meaning(request);
    const auto [begin, end] = values[random.below(values.size())];
    const std::string old = request.body.substr(begin, end - begin);
    std::string stray = random.of(strays);
    // A string is replaced by what is none and so on; two kinds of the same JSON type prove nothing.
    while (kind_of(stray) == kind_of(old)) stray = random.of(strays);
    request.body.replace(begin, end - begin, stray);
    sign(request, signing);
    return Outcome::refused;
  }
  Outcome json_bytes(Request& request) {
    if (request.body.empty()) request.body = "{}";
    for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) {
      const std::size_t at = random.below(request.body.size());
      switch (random.below(3)) {
        case 0:
          request.body[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          request.body.insert(at, 1, static_cast<char>(random.below(256)));
          break;
        default:
          request.body.erase(at, 1 + random.below(request.body.size() - at));
          if (request.body.empty()) request.body = "0";
      }
    }
    sign(request, signing);
    return Outcome::survived;
  }
  Outcome json_cut(Request& request) {
    if (request.body.size() < 3) return same_meaning(request);
    request.body.resize(1 + random.below(request.body.size() - 1));
    sign(request, signing);
    return Outcome::refused;
  }
  Outcome random_target(Request& request) {
    for (std::size_t changes = 1 + random.below(4); changes > 0; --changes) {
      std::string& text = request.query.empty() || random.coin() ? request.path : request.query;
      const std::size_t at = 1 + random.below(text.size());
      if (at >= text.size() || random.coin()) {
        text.insert(std::min(at, text.size()), 1, static_cast<char>(random.below(256)));
      } else {
        text[at] = static_cast<char>(random.below(256));
      }
    }
    sign(request, signing);
    return Outcome::survived;
  }

  // Where the values of the body's members are: from behind the colon to the comma or bracket of its level.
  static std::vector<std::pair<std::size_t, std::size_t>> values_of(const std::string& json) {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    for (std::size_t at = 0; at < json.size(); ++at) {
      if (json[at] != '"') continue;
      at = json.find('"', at + 1);  // no escaped quotes in these bodies
      if (json[at + 1] != ':') continue;
      const std::size_t begin = at + 2;
      std::size_t end = begin, depth = 0;
      for (bool text = false; end < json.size(); ++end) {
        const char c = json[end];
        if (c == '"') text = !text;
        if (text) continue;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && depth-- == 0) break;
        if (c == ',' && depth == 0) break;
      }
      out.emplace_back(begin, end);
    }
    return out;
  }
  static char kind_of(const std::string& value) {
    return value[0] == '-' || (value[0] >= '0' && value[0] <= '9') ? '0' : value[0] == 'f' ? 't' : value[0];
  }
};

using Mutation = Outcome (Mutator::*)(Request&);
struct Named {
  const char* name;
  Mutation mutation;
};
constexpr std::array mutations{Named{"signature", &Mutator::signature},
                               Named{"authorization", &Mutator::authorization},
                               Named{"signed header", &Mutator::signed_header},
                               Named{"lost header", &Mutator::lost_header},
                               Named{"repeated header", &Mutator::repeated_header},
                               Named{"foreign x-amz header", &Mutator::foreign_amz_header},
                               Named{"method", &Mutator::method},
                               Named{"path", &Mutator::path},
                               Named{"query", &Mutator::query},
                               Named{"body", &Mutator::body},
                               Named{"same meaning", &Mutator::same_meaning},
                               Named{"signer", &Mutator::signer},
                               Named{"clock within bounds", &Mutator::clock_within_bounds},
                               Named{"JSON type", &Mutator::json_type},
                               Named{"JSON bytes", &Mutator::json_bytes},
                               Named{"JSON cut", &Mutator::json_cut},
                               Named{"random target", &Mutator::random_target}};

FindingRow finding_row() {
  FindingRow row;
  row.id = std::string(32, 'a');
  row.account = account;
  row.region = region;
  row.type = "Recon:EC2/Portscan";
  row.detector_id = detector_id_of(account, region);
  row.severity = 5;
  row.created_at = row.updated_at = row.first_seen = row.last_seen = now;
  row.count = 1;
  row.epoch = 1;
  row.document =
      R"({"id":")" + row.id + R"(","type":"Recon:EC2/Portscan","severity":5,"service":{"count":1}})";
  return row;
}

api::Response send(api::Service& service, const Request& request) {
  std::vector<aws::HttpHeader> headers;
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  return service.handle({request.method, request.path, request.query, headers, request.body});
}

int run(const std::filesystem::path& dir, std::size_t count, std::uint64_t seed) {
  const auto who = aws::create_credential(dir, {"default", account, aws::Role::administrator, region});
  const auto keys = aws::KeyStore::open(dir);
  const auto store = open_sqlite_store(dir / "findings.db");
  if (!who || !keys || !store) std::abort();
  const FindingRow row = finding_row();
  if (!(*store)->apply({&row, 1}, {}, 1, {}, now)) std::abort();
  api::Backend backend;
  backend.store = store->get();
  backend.first_seen = [](std::string_view, std::string_view) { return std::optional<TimeMs>(0); };
  backend.now = [] { return now; };
  api::ServiceSettings settings;
  settings.calls_per_second_max = settings.calls_burst_max = 1'000'000'000;
  api::Service service(std::move(backend), **keys, settings);

  Mutator mutator{.random = {std::mt19937_64(seed)},
                  .signing = {.access_key_id = who->access_key_id, .secret = who->secret_access_key},
                  .requests = requests_of(detector_id_of(account, region), row.id)};
  for (Request request : mutator.requests) {
    sign(request, mutator.signing);
    if (const api::Response answer = send(service, request); answer.status / 100 != 2) {
      fmt::print(stderr, "{} {} as it is: {} {}\n", request.method, request.path, answer.status, answer.body);
      return 1;
    }
  }
  std::map<std::string, std::map<unsigned, std::size_t>> statuses;
  for (std::size_t number = 0; number < count; ++number) {
    Request request = mutator.random.of(mutator.requests);
    sign(request, mutator.signing);
    const Named& named = mutations[number % mutations.size()];
    const Outcome wanted = (mutator.*named.mutation)(request);
    const api::Response answer = send(service, request);
    ++statuses[named.name][answer.status];
    if (fits(wanted, answer.status)) continue;
    fmt::print(stderr, "request {} ({}) was answered {} {}\n{} {}?{}\n", number, named.name, answer.status,
               answer.body, request.method, request.path, request.query);
    for (const auto& [name, value] : request.headers) fmt::print(stderr, "{}: {}\n", name, value);
    fmt::print(stderr, "\n{}\n", request.body);
    return 1;
  }
  fmt::print("{} mutated requests, seed {}: every answer as it should be\n", count, seed);
  for (const auto& [name, counts] : statuses) {
    fmt::print("{:<22}", name);
    for (const auto& [status, times] : counts) fmt::print("  {} x{}", status, times);
    fmt::print("\n");
  }
  return 0;
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  std::string dir = (std::filesystem::temp_directory_path() / "picket_mutations_XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return 1;
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const int code = picket::run(dir, count, seed);
  std::filesystem::remove_all(dir);
  return code;
}
