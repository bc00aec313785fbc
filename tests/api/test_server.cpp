// The API over a store of made-up findings, so that real clients can be tried without logs.
//   picket_api_test_server DATA_DIR
// Writes DATA_DIR/credentials (profiles default, member, security, shop, reader), prints its URL and serves
// until SIGTERM.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "api/audit_log.h"
#include "api/server.h"
#include "api/site.h"
#include "base/clock.h"
#include "base/hash.h"
#include "finding/detector_id.h"
#include "store/sqlite_store.h"

namespace picket {
namespace {

constexpr const char* administrator_account = "111122223333";
constexpr const char* member_account = "444455556666";
constexpr const char* security_account = "222233334444";
constexpr const char* shop_account = "555566667777";
constexpr const char* region = "eu-central-1";
constexpr unsigned findings = 120;

struct Kind {
  const char* type;
  double severity;
};
constexpr std::array<Kind, 4> kinds{
    Kind{"Stealth:IAMUser/CloudTrailLoggingDisabled", 2}, Kind{"Recon:EC2/Portscan", 5},
    Kind{"UnauthorizedAccess:EC2/TorClient", 8}, Kind{"CryptoCurrency:EC2/BitcoinTool.B!DNS", 8}};

FindingRow row(unsigned number) {
  const Kind& kind = kinds[number % kinds.size()];
  FindingRow out;
  out.account = number % 3 == 0 ? member_account : administrator_account;
  out.region = region;
  out.type = kind.type;
  out.id = hash128(fmt::format("seed {}", number)).hex();
  out.detector_id = detector_id_of(out.account, region);
  out.severity = kind.severity;
  out.created_at = out.updated_at = out.first_seen = out.last_seen = 1'790'000'000'000 + number * minute_ms;
  out.count = 1 + number % 5;
  out.epoch = 1;
  const std::string time = format_time(out.created_at);
  out.document = fmt::format(
      R"({{"schemaVersion":"2.0","accountId":"{0}","region":"{1}","partition":"aws","id":"{2}",)"
      R"("arn":"arn:aws:guardduty:{1}:{0}:detector/{3}/finding/{2}","type":"{4}","severity":{5},"createdAt":"{6}",)"
      R"("updatedAt":"{6}","title":"Seeded finding {7}","description":"Seeded finding {7} <b>\"ü\"</b>",)"
      R"("resource":{{"resourceType":"Instance","instanceDetails":{{"instanceId":"i-{7:017x}",)"
      R"("tags":[{{"key":"team","value":"blue"}},{{"key":"number","value":"{7}"}}]}}}},)"
      R"("service":{{"serviceName":"guardduty","detectorId":"{3}","resourceRole":"TARGET","count":{8},)"
      R"("eventFirstSeen":"{6}","eventLastSeen":"{6}","additionalInfo":{{"picket":{{"records_total":{8}}}}}}}}})",
      out.account, region, out.id, out.detector_id, out.type, out.severity, time, number, out.count);
  return out;
}

Result<void> seed(FindingStore& store) {
  std::vector<FindingRow> rows;
  for (unsigned number = 0; number < findings; ++number) rows.push_back(row(number));
  const auto applied = store.apply(rows, {}, 1, {}, 1'790'100'000'000);
  if (!applied) return std::unexpected(applied.error());
  if (!applied->rejected.empty()) return fail(ErrorKind::internal, applied->rejected.front().why);
  return {};
}

// What coverage is told from: six instances, half of them with flow records, and a cluster of each kind.
std::vector<ResourceFact> resources() {
  std::vector<ResourceFact> out;
  const auto add = [&](ResourceType type, std::string id) -> ResourceFact& {
    return out.emplace_back(ResourceFact{.type = type,
                                         .account = administrator_account,
                                         .region = region,
                                         .id = std::move(id),
                                         .news_at = 1'790'000'000'000});
  };
  add(ResourceType::eks, "cluster-1");
  add(ResourceType::ecs, "cluster-2");
  for (unsigned number = 0; number < 6; ++number) {
    ResourceFact& instance = add(ResourceType::ec2, fmt::format("i-{:017x}", number));
    instance.instance_type = "t3.micro";
    if (number % 2 == 0) instance.flows_until = instance.news_at;
  }
  return out;
}

// What usage is told from: five flow logs of growing size, the trails of two accounts, an audit log.
Usage usage() {
  Usage out;
  const auto read = [&](LogKind kind, std::uint64_t records, const char* account, const std::string& from) {
    ObjectLedger object;
    object.kind = kind;
    object.records_read = object.processed = records;
    object.bytes_decoded = 100 * records;
    object.first = object.last = 1'790'000'000'000;
    out.add(object, account, region, from);
  };
  for (unsigned number = 0; number < 5; ++number)
    read(LogKind::vpcflow, 100 * (number + 1), administrator_account, fmt::format("fl-{}", number));
  read(LogKind::cloudtrail, 300, administrator_account, "trail");
  read(LogKind::cloudtrail, 100, member_account, "trail");
  read(LogKind::k8saudit, 10, administrator_account, "cluster-1");
  return out;
}

Result<void> make_profiles(const std::filesystem::path& dir) {
  for (const aws::NewCredential& wanted :
       {aws::NewCredential{"default", administrator_account, aws::Role::administrator, region},
        aws::NewCredential{"member", member_account, aws::Role::member, region},
        aws::NewCredential{"security", security_account, aws::Role::delegated_administrator, region},
        aws::NewCredential{"shop", shop_account, aws::Role::administrator, region},
        aws::NewCredential{"reader", administrator_account, aws::Role::read_only, region}}) {
    const auto made = aws::create_credential(dir, wanted);
    if (!made && made.error().kind != ErrorKind::conflict) return std::unexpected(made.error());
  }
  return {};
}

Result<void> run(const std::filesystem::path& dir) {
  if (auto ok = make_profiles(dir); !ok) return ok;
  const auto keys = aws::KeyStore::open(dir);
  if (!keys) return std::unexpected(keys.error());
  const auto store = open_sqlite_store(dir / "findings.db");
  if (!store) return std::unexpected(store.error());
  if (auto ok = seed(**store); !ok) return ok;
  api::Backend backend{.store = store->get(),
                       .first_seen = [](std::string_view, std::string_view wanted) -> std::optional<TimeMs> {
                         if (wanted != region) return std::nullopt;
                         return 1'790'000'000'000;
                       },
                       .now = wall_clock,
                       .resources = [] { return std::make_shared<std::vector<ResourceFact>>(resources()); },
                       .usage = [] { return std::make_shared<Usage>(usage()); }};
  backend.places = [] {
    std::vector<std::pair<std::string, std::string>> places;
    for (const char* account : {administrator_account, member_account, shop_account})
      places.emplace_back(account, region);
    return places;
  };
  backend.organization = {.id = "o-exampleorgid",
                          .management_account = administrator_account,
                          .accounts = {{security_account, "security", "security@example.com", ""}}};
  backend.list_set_limits.trusted_ip_sets = backend.list_set_limits.trusted_entity_sets = 3;  // to have pages
  const auto audit = api::AuditLog::open({.folder = dir / "audit"}, backend.now());
  if (!audit) return std::unexpected(audit.error());
  backend.audit = audit->get();
  api::Service service(backend, **keys);
  // Accounts that are there are not new to the organisation.
  if (const auto known = service.enroll(); !known) return known;
  api::Site site(service, {});
  const auto server =
      api::Server::start({.port = 0}, [&](const aws::HttpRequest& request) { return site.handle(request); });
  if (!server) return std::unexpected(server.error());
  fmt::print("http://127.0.0.1:{}\n", (*server)->port());
  std::fflush(stdout);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int signal = 0;
  sigwait(&signals, &signal);
  (*server)->stop();
  return (*audit)->rotate(backend.now(), true);
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} DATA_DIR\n", argv[0]);
    return 2;
  }
  sigset_t signals;  // blocked before any thread starts, so that sigwait alone gets them
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (const auto ok = picket::run(argv[1]); !ok) {
    fmt::print(stderr, "{}\n", ok.error().message());
    return 1;
  }
  return 0;
}
