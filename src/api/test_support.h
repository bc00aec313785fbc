// A service over a store of its own, with as many accounts as a test wants, called with signed requests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/service.h"
#include "finding/detector_id.h"
#include "store/sqlite_store.h"

namespace picket::api::test {

class Harness {
 public:
  static constexpr const char* region = "eu-central-1";

  Harness() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_api_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    dir = pattern;
    keys = std::move(*aws::KeyStore::open(dir));
    store = std::move(*open_sqlite_store(dir / "findings.db"));
  }
  ~Harness() {
    service.reset();
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  // Logs of these accounts were seen in the Region.
  std::vector<std::string> seen;
  Organization organization;

  const aws::Credential& profile(const std::string& name, const std::string& account,
                                 aws::Role role = aws::Role::administrator) {
    const auto made = aws::create_credential(dir, {name, account, role, region});
    if (!made) throw std::runtime_error(made.error().message());
    return profiles.insert_or_assign(name, *made).first->second;
  }

  Backend backend() {
    Backend out;
    out.store = store.get();
    out.first_seen = [this](std::string_view account, std::string_view where) -> std::optional<TimeMs> {
      if (where != region || seen.empty()) return std::nullopt;
      if (!account.empty() && std::ranges::find(seen, account) == seen.end()) return std::nullopt;
      return 1'700'000'000'000;
    };
    out.places = [this] {
      std::vector<std::pair<std::string, std::string>> places;
      for (const std::string& account : seen) places.emplace_back(account, region);
      return places;
    };
    out.now = [this] { return now; };
    out.organization = organization;
    return out;
  }
  void start(ServiceSettings settings = {}) {
    service = std::make_unique<Service>(backend(), *keys, std::move(settings));
  }

  std::string detector(const std::string& name) const {
    return detector_id_of(profiles.at(name).account, region);
  }
  std::string at(const std::string& name, const std::string& rest) const {
    return "/detector/" + detector(name) + rest;
  }
  void add_finding(const std::string& id, const std::string& account) {
    FindingRow row;
    row.id = id;
    row.account = account;
    row.region = region;
    row.type = "Recon:EC2/Portscan";
    row.detector_id = detector_id_of(account, region);
    row.severity = 5;
    row.created_at = row.updated_at = row.first_seen = row.last_seen = 1'700'000'000'000;
    row.count = 1;
    row.epoch = 1;
    row.document = R"({"schemaVersion":"2.0","accountId":")" + account + R"(","id":")" + id +
                   R"(","type":"Recon:EC2/Portscan","severity":5,"service":{"count":1}})";
    const auto applied = store->apply(std::vector{row}, {}, 1, {}, now);
    if (!applied || applied->inserted != 1) throw std::runtime_error("the finding was not stored");
  }

  // Each call three seconds after the last one, as clients that wait for their answers.
  Response send(const aws::Credential& who, std::string_view method, std::string_view path,
                std::string_view body = "", std::string_view query = "", std::string_view where = region) {
    now += 3000;
    std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1:7788"}, {"Content-Type", "application/json"}};
    aws::HttpRequest request{method, path, query, headers, body};
    const auto added =
        aws::sign(request, {who.access_key_id, who.secret_access_key, ""}, {where, "guardduty"}, now);
    for (const auto& [name, value] : added) headers.push_back({name, value});
    request.headers = headers;
    return service->handle(request);
  }
  Response send(const std::string& name, std::string_view method, std::string_view path,
                std::string_view body = "", std::string_view query = "") {
    return send(profiles.at(name), method, path, body, query);
  }
  // The answer, checked against the service model but for what `absent_ok` names.
  std::string ok(const Response& response, std::string_view operation) {
    EXPECT_EQ(response.status, find_operation(operation)->status) << operation << ' ' << response.body;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (parser.parse(response.body).get(root) != simdjson::SUCCESS) {
      ADD_FAILURE() << "no JSON: " << response.body;
      return response.body;
    }
    const auto wrong = validate_value(find_operation(operation)->output, root, "", Unknown::refused);
    EXPECT_FALSE(wrong) << operation << ' ' << wrong->parameter << ' ' << wrong->why << '\n' << response.body;
    return response.body;
  }

  std::filesystem::path dir;
  TimeMs now = *parse_time("2026-11-24T03:10:50Z");
  std::map<std::string, aws::Credential> profiles;
  std::unique_ptr<aws::KeyStore> keys;
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<Service> service;
};

}  // namespace picket::api::test
