#include "store/sqlite_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "base/json_writer.h"
#include "store/sqlite.h"
#include "store/test_support.h"

namespace picket {
namespace {

using namespace store_test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(SqliteStore, gives_back_what_was_written_with_the_users_state) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow row = finding_row(1);
  row.severity = 7.5;
  row.count = 3;
  EXPECT_EQ(put_rows(*store, {row}, 1, {}, {}, 42).inserted, 1U);

  const std::vector<std::string> ids = {finding_id(9), finding_id(1)};
  auto findings = store->get({}, ids).value();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].id, finding_id(1));
  EXPECT_EQ(findings[0].account, "111122223333");
  EXPECT_EQ(findings[0].severity, 7.5);
  EXPECT_EQ(findings[0].count, 3);
  EXPECT_EQ(findings[0].stored_at, 42);
  EXPECT_EQ(findings[0].archived, Archived::no);
  EXPECT_EQ(findings[0].document,
            R"({"schemaVersion":"2.0","service":{"archived":false,"serviceName":"guardduty"}})");

  EXPECT_THAT(store->set_archived({}, ids, Archived::manual).value(), ElementsAre(finding_id(9)));
  EXPECT_THAT(store->set_feedback({}, {&ids[1], 1}, "USEFUL").value(), IsEmpty());
  findings = store->get({}, ids).value();
  EXPECT_EQ(findings[0].archived, Archived::manual);
  EXPECT_EQ(
      findings[0].document,
      R"({"schemaVersion":"2.0","service":{"archived":true,"userFeedback":"USEFUL","serviceName":"guardduty"}})");
}

TEST(SqliteStore, keeps_everything_across_a_restart) {
  ScratchFolder folder;
  {
    auto store = open_store(folder);
    FindingRow suppressed = finding_row(2);
    suppressed.suppressed = true;
    put_rows(*store, {finding_row(1), suppressed, finding_row(3)}, 7, {}, {{finding_id(1), "new"}});
    const std::vector<std::string> ids = {finding_id(1)};
    ASSERT_TRUE(store->set_feedback({}, ids, "NOT_USEFUL"));
    ASSERT_TRUE(store->put_setting({.kind = "filter", .id = "a", .body = "{}"}));
  }
  auto store = open_store(folder);
  EXPECT_EQ(store->last_epoch().value(), 7U);
  EXPECT_THAT(list_all(*store), ElementsAre(finding_id(1), finding_id(2), finding_id(3)));
  EXPECT_THAT(list_all(*store, criteria(R"({"service.archived":{"eq":["true"]}})")),
              ElementsAre(finding_id(2)));
  EXPECT_THAT(list_all(*store, criteria(R"({"service.userFeedback":{"eq":["NOT_USEFUL"]}})")),
              ElementsAre(finding_id(1)));
  EXPECT_EQ(store->outbox(0, 10).value().size(), 1U);
  EXPECT_EQ(store->settings_version().value(), 1U);
  EXPECT_TRUE(store->check_integrity());
}

TEST(SqliteStore, ignores_an_epoch_that_is_not_newer) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow row = finding_row(1, 5);
  put_rows(*store, {row}, 5);
  row.count = 9;
  EXPECT_EQ(put_rows(*store, {row}, 5).ignored, 1U);
  row.epoch = 4;
  EXPECT_EQ(put_rows(*store, {row}, 4).ignored, 1U);
  const std::vector<std::string> ids = {finding_id(1)};
  EXPECT_EQ(store->get({}, ids).value()[0].count, 1);
  row.epoch = 6;
  EXPECT_EQ(put_rows(*store, {row}, 6).updated, 1U);
  EXPECT_EQ(store->get({}, ids).value()[0].count, 9);
  EXPECT_THAT(list_all(*store, criteria(R"({"service.count":{"gt":8}})")), ElementsAre(finding_id(1)));
}

TEST(SqliteStore, a_recurrence_leaves_the_users_state_alone) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow row = finding_row(1, 1);
  row.suppressed = true;
  put_rows(*store, {row}, 1);
  const std::vector<std::string> ids = {row.id};
  EXPECT_EQ(store->get({}, ids).value()[0].archived, Archived::automatic);
  ASSERT_TRUE(store->set_archived({}, ids, Archived::no));
  row.epoch = 2;  // still matched by the filter, but no longer new
  put_rows(*store, {row}, 2);
  EXPECT_EQ(store->get({}, ids).value()[0].archived, Archived::no);
  EXPECT_THAT(list_all(*store, criteria(R"({"service.archived":{"eq":["false"]}})")), ElementsAre(row.id));
}

TEST(SqliteStore, a_retracted_finding_is_gone_until_a_newer_epoch) {
  ScratchFolder folder;
  auto store = open_store(folder);
  put_rows(*store, {finding_row(1, 1), finding_row(2, 1)}, 1);
  const std::vector<std::string> ids = {finding_id(1)};
  ASSERT_TRUE(store->set_feedback({}, ids, "USEFUL"));
  EXPECT_EQ(put_rows(*store, {}, 1, {finding_id(1)}).ignored, 1U);
  EXPECT_EQ(put_rows(*store, {}, 2, {finding_id(1), finding_id(8)}).retracted, 1U);
  EXPECT_THAT(list_all(*store), ElementsAre(finding_id(2)));
  EXPECT_THAT(store->get({}, ids).value(), IsEmpty());
  EXPECT_EQ(put_rows(*store, {finding_row(1, 2)}, 2).ignored, 1U);
  EXPECT_TRUE(store->check_integrity());
  store.reset();
  store = open_store(folder);
  EXPECT_THAT(list_all(*store), ElementsAre(finding_id(2)));
  EXPECT_EQ(put_rows(*store, {finding_row(1, 3)}, 3).updated, 1U);
  EXPECT_EQ(store->get({}, ids).value()[0].feedback, "USEFUL");
}

TEST(SqliteStore, sets_aside_rows_that_break_the_contract) {
  ScratchFolder folder;
  auto store = open_store(folder);
  const auto broken = [](unsigned number, auto change) {
    FindingRow row = finding_row(number);
    change(row);
    return row;
  };
  const Applied applied = put_rows(
      *store,
      {broken(1, [](FindingRow& r) { r.id = "ABC"; }), broken(2, [](FindingRow& r) { r.severity = 5.55; }),
       broken(3, [](FindingRow& r) { r.severity = 10.1; }),
       broken(4, [](FindingRow& r) { r.document = "{"; }),
       broken(5, [](FindingRow& r) { r.document = "[]"; }),
       broken(6, [](FindingRow& r) { r.document = "{}"; }),
       broken(7, [](FindingRow& r) { r.document = R"({"service":{"archived":true}})"; }),
       broken(8, [](FindingRow& r) { r.document = R"({"service":{"a":{}, "userFeedback" : 1}})"; }),
       broken(9, [](FindingRow& r) { r.document = R"({"service":[]})"; }),
       broken(10, [](FindingRow& r) { r.document = R"({"service":{},"service":{}})"; }),
       broken(11,
              [](FindingRow& r) { r.document = R"({"service":{"x":{"archived":true},"y":"archived"}})"; })},
      1, {"x"}, {{finding_id(1), "new"}, {finding_id(11), "new"}, {"y", "new"}});
  EXPECT_EQ(applied.rejected.size(), 12U);
  EXPECT_EQ(applied.outbox, 1U);
  EXPECT_THAT(list_all(*store), ElementsAre(finding_id(11)));
}

TEST(SqliteStore, a_replay_puts_nothing_into_the_outbox_twice) {
  ScratchFolder folder;
  auto store = open_store(folder);
  const std::vector<OutboxRow> told = {{finding_id(1), "new"}, {finding_id(1), "webhook"}};
  EXPECT_EQ(put_rows(*store, {finding_row(1, 3)}, 3, {}, told).outbox, 2U);
  const auto entries = store->outbox(0, 10).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].kind, "new");
  EXPECT_EQ(entries[0].finding_id, finding_id(1));
  EXPECT_EQ(entries[0].epoch, 3U);
  EXPECT_EQ(store->outbox(entries[0].sequence, 10).value().size(), 1U);
  const std::vector<std::uint64_t> done = {entries[0].sequence, entries[1].sequence};
  ASSERT_TRUE(store->outbox_done(done));
  EXPECT_EQ(put_rows(*store, {finding_row(1, 3)}, 3, {}, told).outbox, 0U);
  EXPECT_THAT(store->outbox(0, 10).value(), IsEmpty());
  EXPECT_EQ(put_rows(*store, {finding_row(1, 4)}, 4, {}, told).outbox, 2U);
  EXPECT_GT(store->outbox(0, 10).value()[0].sequence, done[1]);
}

TEST(SqliteStore, accounts_and_regions_are_walls) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow other = finding_row(2);
  other.account = "444455556666";
  FindingRow elsewhere = finding_row(3);
  elsewhere.region = "us-east-1";
  put_rows(*store, {finding_row(1), other, elsewhere});
  const Scope mine{.accounts = {{"111122223333"}}, .region = "eu-west-1"};
  const Scope nobody{.accounts = std::vector<std::string>{}};
  const std::vector<std::string> ids = {finding_id(1), finding_id(2), finding_id(3)};
  EXPECT_THAT(list_all(*store, {}, mine), ElementsAre(finding_id(1)));
  EXPECT_THAT(list_all(*store, {}, nobody), IsEmpty());
  EXPECT_THAT(list_all(*store, criteria(R"({"accountId":{"eq":["444455556666"]}})"), mine), IsEmpty());
  EXPECT_EQ(store->get(mine, ids).value().size(), 1U);
  EXPECT_EQ(store->count(mine, {}).value(), 1);
  EXPECT_THAT(store->set_archived(mine, ids, Archived::manual).value(),
              ElementsAre(finding_id(2), finding_id(3)));
  EXPECT_THAT(store->set_feedback(mine, ids, "USEFUL").value(), ElementsAre(finding_id(2), finding_id(3)));
  EXPECT_EQ(store->get({}, ids).value()[1].archived, Archived::no);
  EXPECT_THAT(store->count_by_severity(mine, {}).value(), ElementsAre(Pair("5.0", 1)));
  int visited = 0;
  ASSERT_TRUE(store->for_each(mine, {}, [&](const Finding&) { return ++visited > 0; }));
  EXPECT_EQ(visited, 1);
}

TEST(SqliteStore, pages_neither_repeat_nor_skip_while_findings_come_and_go) {
  ScratchFolder folder;
  auto store = open_store(folder);
  std::vector<FindingRow> rows;
  for (unsigned i = 0; i < 100; ++i) {
    rows.push_back(finding_row(2 * i + 1));
    rows.back().created_at = 1'700'000'000'000 + i / 7;  // many ties
  }
  put_rows(*store, rows);
  for (const bool descending : {false, true}) {
    for (const AttributeId by : {attribute::created_at(), attribute::id(), attribute::type(),
                                 *find_attribute("resource.instanceDetails.instanceId")}) {
      const Sort sort{.attribute = by, .descending = descending};
      std::vector<std::string> seen;
      std::string token;
      unsigned added = 1000;
      do {
        const auto page = store->list({}, {}, sort, 7, token);
        ASSERT_TRUE(page) << page.error().message();
        seen.insert(seen.end(), page->ids.begin(), page->ids.end());
        token = page->next_token;
        EXPECT_LE(token.size(), 2048U);
        put_rows(*store, {finding_row(added)}, 1);
        put_rows(*store, {}, 2, {finding_id(added++)});
      } while (!token.empty());
      EXPECT_EQ(seen.size(), 100U);
      EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 100U);
      // The same in one page.
      EXPECT_EQ(seen, store->list({}, {}, sort, 100, "")->ids);
      EXPECT_EQ(store->list({}, {}, sort, 100, "")->next_token, "");
    }
  }
}

TEST(SqliteStore, sorts_by_any_attribute) {
  ScratchFolder folder;
  auto store = open_store(folder);
  const auto with = [](unsigned number, std::string members, double severity) {
    FindingRow row = finding_row(number);
    row.severity = severity;
    row.document = R"({"service":{)" + members + "}}";
    return row;
  };
  const std::string port = R"("action":{"networkConnectionAction":{"remotePortDetails":{"port":)";
  put_rows(*store, {with(1, port + "9}}}", 8.5), with(2, port + "22}}}", 2), with(3, port + "443}}}", 8.5),
                    with(4, R"("resourceRole":"TARGET")", 10)});
  const auto sorted = [&](std::string_view path, bool descending) {
    std::string order;
    const Page page = store->list({}, {}, {*find_attribute(path), descending}, 50, "").value();
    for (const std::string& id : page.ids) order += id.back();
    return order;
  };
  EXPECT_EQ(sorted("severity", false), "2134");
  EXPECT_EQ(sorted("severity", true), "4132");
  EXPECT_EQ(sorted("createdAt", true), "4321");
  EXPECT_EQ(sorted("service.action.networkConnectionAction.remotePortDetails.port", false), "4123");
  EXPECT_EQ(sorted("service.action.networkConnectionAction.remotePortDetails.port", true), "3214");
  EXPECT_EQ(sorted("service.resourceRole", true), "4123");
  EXPECT_EQ(sorted("id", true), "4321");
}

TEST(SqliteStore, refuses_bad_page_tokens) {
  ScratchFolder folder;
  auto store = open_store(folder);
  put_rows(*store, {finding_row(1), finding_row(2), finding_row(3)});
  const Sort sort{};
  const std::string good = store->list({}, {}, sort, 1, "")->next_token;
  ASSERT_TRUE(store->list({}, {}, sort, 1, good));
  const auto kind = [&](const Sort& by, const std::string& token) {
    const auto page = store->list({}, {}, by, 1, token);
    return page ? ErrorKind::internal : page.error().kind;
  };
  EXPECT_EQ(kind({.attribute = attribute::updated_at()}, good), ErrorKind::invalid);
  EXPECT_EQ(kind({.descending = false}, good), ErrorKind::invalid);
  EXPECT_EQ(kind(sort, "A"), ErrorKind::invalid);
  EXPECT_EQ(kind(sort, "not a token!"), ErrorKind::invalid);
  EXPECT_EQ(kind(sort, good + "A"), ErrorKind::invalid);
  EXPECT_EQ(kind(sort, std::string(5000, 'A')), ErrorKind::invalid);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] = damaged[i] == 'x' ? 'y' : 'x';
    EXPECT_EQ(kind(sort, damaged), ErrorKind::invalid) << i;
  }
  EXPECT_EQ(store->list({}, {}, sort, 0, "").error().kind, ErrorKind::invalid);
}

TEST(SqliteStore, counts_and_groups) {
  ScratchFolder folder;
  auto store = open_store(folder);
  std::vector<FindingRow> rows;
  for (unsigned i = 0; i < 6; ++i) {
    FindingRow row = finding_row(i);
    row.account = i < 4 ? "111122223333" : "444455556666";
    row.type = i % 2 == 0 ? "Recon:EC2/Portscan" : "Discovery:S3/AnomalousBehavior";
    row.severity = i == 0 ? 7.5 : i < 3 ? 5 : 2;
    row.updated_at = 1'700'000'000'000 + i * day_ms / 2;
    row.document = i == 5 ? R"({"service":{}})"
                          : R"({"resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-)" +
                                std::to_string(i / 2) + R"("}},"service":{}})";
    rows.push_back(row);
  }
  put_rows(*store, rows);
  EXPECT_THAT(store->count_by_severity({}, {}).value(),
              ElementsAre(Pair("2.0", 3), Pair("5.0", 2), Pair("7.5", 1)));
  const auto groups = [&](GroupBy by, bool descending = true, std::size_t max = 25) {
    return store->statistics({}, {}, by, descending, max).value();
  };
  auto by_account = groups(GroupBy::account);
  ASSERT_EQ(by_account.size(), 2U);
  EXPECT_EQ(by_account[0].account, "111122223333");
  EXPECT_EQ(by_account[0].total, 4);
  EXPECT_EQ(by_account[0].last_generated_at, rows[3].updated_at);
  EXPECT_EQ(groups(GroupBy::account, false)[0].account, "444455556666");
  EXPECT_EQ(groups(GroupBy::account, true, 1).size(), 1U);
  EXPECT_EQ(groups(GroupBy::finding_type)[0].finding_type,
            "Discovery:S3/AnomalousBehavior");  // a tie, by name
  EXPECT_EQ(groups(GroupBy::severity)[0].severity, 7.5);
  const auto by_resource = groups(GroupBy::resource);
  ASSERT_EQ(by_resource.size(), 4U);
  EXPECT_EQ(by_resource[0].resource_id, "i-0");
  EXPECT_EQ(by_resource[0].resource_type, "Instance");
  EXPECT_EQ(by_resource[0].total, 2);
  EXPECT_EQ(by_resource[2].account, "444455556666");
  EXPECT_EQ(by_resource[2].resource_id, "");
  EXPECT_EQ(by_resource[3].resource_id, "i-2");
  const auto by_date = groups(GroupBy::date, false);
  EXPECT_EQ(by_date[0].date, 1'699'920'000'000);  // 2023-11-14
  std::int64_t total = 0;
  for (const GroupCount& group : by_date) total += group.total;
  EXPECT_EQ(total, 6);
  EXPECT_EQ(store->count({}, criteria(R"({"severity":{"eq":["7"]}})")).value(), 1);
}

TEST(SqliteStore, visits_in_the_order_of_creation) {
  ScratchFolder folder;
  auto store = open_store(folder);
  std::vector<FindingRow> rows;
  for (unsigned i = 0; i < 600; ++i) {
    rows.push_back(finding_row(i));
    rows.back().created_at = (i * 7919) % 50;
  }
  put_rows(*store, rows);
  std::vector<std::pair<TimeMs, std::string>> visited;
  ASSERT_TRUE(store->for_each({}, {}, [&](const Finding& finding) {
    visited.emplace_back(finding.created_at, finding.id);
    return true;
  }));
  EXPECT_EQ(visited.size(), 600U);
  EXPECT_TRUE(std::ranges::is_sorted(visited));
  int first = 0;
  ASSERT_TRUE(store->for_each({}, {}, [&](const Finding&) { return ++first < 3; }));
  EXPECT_EQ(first, 3);
}

TEST(SqliteStore, retention_counts_from_when_a_finding_was_written) {
  ScratchFolder folder;
  auto store = open_store(folder);
  put_rows(*store, {finding_row(1, 1), finding_row(2, 1)}, 1, {}, {}, 1'000);
  put_rows(*store, {finding_row(2, 2)}, 2, {}, {}, 2'000);
  put_rows(*store, {}, 3, {finding_id(1)}, {}, 3'000);
  put_rows(*store, {finding_row(1, 4)}, 4, {}, {}, 4'000);
  const std::vector<std::string> ids = {finding_id(1), finding_id(2)};
  ASSERT_TRUE(store->set_archived({}, ids, Archived::manual));
  EXPECT_EQ(store->expire(3'000, 1'000).value(), 0U);  // 2 was written exactly then
  EXPECT_EQ(store->expire(3'001, 1'000).value(), 1U);
  EXPECT_THAT(list_all(*store), ElementsAre(finding_id(1)));
  EXPECT_TRUE(store->check_integrity());
  // What the user said went with it.
  put_rows(*store, {finding_row(2, 5)}, 5);
  EXPECT_EQ(store->get({}, ids).value()[1].archived, Archived::no);
}

TEST(SqliteStore, settings_have_versions_and_change_together) {
  ScratchFolder folder;
  auto store = open_store(folder);
  EXPECT_EQ(store->settings_version().value(), 0U);
  EXPECT_EQ(store->put_setting({"1111", "eu-west-1", "filter", "b", R"({"n":1})"}).value(), 1U);
  EXPECT_EQ(store->put_setting({"1111", "eu-west-1", "filter", "a", R"({"n":2})"}).value(), 2U);
  EXPECT_EQ(store->put_setting({"2222", "us-east-1", "filter", "a", R"({"n":3})"}).value(), 3U);
  EXPECT_EQ(store->put_setting({"1111", "eu-west-1", "filter", "b", R"({"n":4})"}).value(), 4U);
  EXPECT_EQ(store->remove_setting("1111", "eu-west-1", "filter", "none").value(), 4U);
  const auto b = store->get_setting("1111", "eu-west-1", "filter", "b").value();
  ASSERT_TRUE(b);
  EXPECT_EQ(b->body, R"({"n":4})");
  EXPECT_EQ(b->version, 4U);
  EXPECT_FALSE(store->get_setting("1111", "us-east-1", "filter", "b").value());
  const auto ids = [&](std::optional<std::string_view> account, std::optional<std::string_view> region,
                       std::string_view kind = "filter") {
    std::string out;
    const auto settings = store->list_settings(account, region, kind).value();
    for (const Setting& setting : settings) out += setting.account + setting.id + " ";
    return out;
  };
  EXPECT_EQ(ids({}, {}), "1111a 1111b 2222a ");
  EXPECT_EQ(ids("1111", {}), "1111a 1111b ");
  EXPECT_EQ(ids({}, "us-east-1"), "2222a ");
  EXPECT_EQ(ids("1111", "us-east-1"), "");
  EXPECT_EQ(ids({}, {}, "detector"), "");
  const std::vector<SettingChange> both = {{"1111", "eu-west-1", "filter", "a", {}},
                                           {"1111", "eu-west-1", "detector", "d", "{}"}};
  EXPECT_EQ(store->change_settings(both).value(), 5U);
  EXPECT_EQ(ids("1111", {}), "1111b ");
  // Text that would end a statement is a value like any other.
  const std::string hostile = "x'; DROP TABLE setting; --";
  ASSERT_TRUE(store->put_setting({hostile, "", "filter", hostile, hostile}));
  EXPECT_EQ(store->get_setting(hostile, "", "filter", hostile).value()->body, hostile);
}

TEST(SqliteStore, the_file_is_for_its_owner_only) {
  ScratchFolder folder;
  auto store = open_store(folder);
  put_rows(*store, {finding_row(1)});
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((folder.file().string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << suffix;
  }
}

TEST(SqliteStore, refuses_files_that_are_not_its_own) {
  ScratchFolder folder;
  EXPECT_EQ(open_sqlite_store(folder.file() / "none").error().kind, ErrorKind::io);
  std::ofstream(folder.file()) << std::string(4096, 'x');
  EXPECT_EQ(open_sqlite_store(folder.file()).error().kind, ErrorKind::io);
  std::filesystem::remove(folder.file());
  {
    auto other = SqliteConnection::open(folder.file(), false).value();
    ASSERT_TRUE(other->execute("CREATE TABLE t (a)"));
  }
  EXPECT_EQ(open_sqlite_store(folder.file()).error().kind, ErrorKind::invalid);
  {
    auto other = SqliteConnection::open(folder.file(), false).value();
    ASSERT_TRUE(other->execute("DROP TABLE t"));
  }
  open_store(folder).reset();
  {
    auto newer = SqliteConnection::open(folder.file(), false).value();
    ASSERT_TRUE(newer->execute("PRAGMA user_version = 999"));
  }
  EXPECT_EQ(open_sqlite_store(folder.file()).error().kind, ErrorKind::unsupported);
}

TEST(SqliteStore, a_full_database_is_an_error_and_works_again_with_room) {
  ScratchFolder folder;
  auto store = open_store(folder, {.bytes_max = 1 << 20});
  const auto batch = [](unsigned from, std::uint64_t epoch) {
    std::vector<FindingRow> rows;
    for (unsigned i = 0; i < 20; ++i) {
      rows.push_back(finding_row(from + i, epoch));
      rows.back().document = R"({"title":")" + std::string(4000, 'x') + R"(","service":{}})";
    }
    return rows;
  };
  unsigned stored = 0;
  Result<Applied> applied = Applied{};
  while ((applied = store->apply(batch(stored, 1), {}, 1, {}, 1'000))) {
    stored += 20;
    ASSERT_LT(stored, 1000U);
  }
  EXPECT_EQ(applied.error().kind, ErrorKind::io);
  EXPECT_GT(stored, 0U);
  // Nothing of the refused batch, all of the others, and no damage.
  EXPECT_EQ(list_all(*store).size(), stored);
  EXPECT_TRUE(store->check_integrity());
  EXPECT_EQ(store->expire(5'000, 1'000).value(), stored);
  EXPECT_EQ(put_rows(*store, batch(0, 2), 2).inserted, 20U);
  EXPECT_TRUE(store->check_integrity());
  store.reset();
  EXPECT_EQ(list_all(*open_store(folder)).size(), 20U);
}

// The same with the operating system refusing: a limit on the size of files stands for the full disk.
TEST(SqliteStore, a_write_the_system_refuses_does_no_harm) {
  ScratchFolder folder;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = open_store(folder);
    put_rows(*store, {finding_row(1)}, 1);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    rlimit tight = limit;
    tight.rlim_cur = 600'000;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    unsigned stored = 1;
    const auto one = [](unsigned number, std::uint64_t epoch) {
      std::vector<FindingRow> rows = {finding_row(number, epoch)};
      rows[0].document = R"({"title":")" + std::string(20'000, 'x') + R"(","service":{}})";
      return rows;
    };
    bool refused = false;
    for (; stored < 200; ++stored) {
      const auto rows = one(stored + 1, stored + 1);
      if (const auto applied = store->apply(rows, {}, stored + 1, {}, 0); !applied) {
        refused = applied.error().kind == ErrorKind::io;
        break;
      }
    }
    if (!refused) ::_exit(1);
    if (list_all(*store).size() != stored) ::_exit(2);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (!store->apply(one(999, 999), {}, 999, {}, 0)) ::_exit(3);
    if (!store->check_integrity()) ::_exit(4);
    if (list_all(*store).size() != stored + 1) ::_exit(5);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(open_store(folder)->check_integrity());
}

// A child writes epochs and says after each that it is stored; it is killed at any moment. What it said must
// be there, epochs are whole, and the file is sound.
TEST(SqliteStore, survives_being_killed_in_mid_write) {
  ScratchFolder folder;
  constexpr unsigned rows_per_epoch = 25;
  std::mt19937 random(20261124);
  std::uint64_t epoch = 0;
  unsigned interrupted = 0;
  for (int round = 0; round < 20; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = open_store(folder);
      for (std::uint64_t now = epoch + 1;; ++now) {
        std::vector<FindingRow> rows;
        for (unsigned i = 0; i < rows_per_epoch; ++i) {
          // Half are new, half recur in every epoch.
          rows.push_back(finding_row(i % 2 == 0 ? i : static_cast<unsigned>(now) * 1000 + i, now));
          rows.back().count = static_cast<std::int64_t>(now);
          rows.back().document = R"({"title":")" + std::string(1000, 'x') + R"(","service":{}})";
        }
        if (!store->apply(rows, {}, now, {}, 0)) ::_exit(1);
        if (::write(pipe[1], &now, sizeof now) != sizeof now) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    // Wait until it is at work, then a moment more.
    std::uint64_t said = 0, last_said = epoch;
    ASSERT_EQ(::read(pipe[0], &said, sizeof said), static_cast<ssize_t>(sizeof said));
    last_said = said;
    ::usleep(std::uniform_int_distribution<useconds_t>(0, 30'000)(random));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe[0], &said, sizeof said) == static_cast<ssize_t>(sizeof said)) last_said = said;
    ::close(pipe[0]);

    auto store = open_store(folder);
    ASSERT_TRUE(store->check_integrity()) << "round " << round;
    const std::uint64_t stored = store->last_epoch().value();
    ASSERT_GE(stored, last_said);
    ASSERT_LE(stored, last_said + 1);
    interrupted += stored == last_said ? 0U : 1U;
    std::int64_t recurring = 0;
    ASSERT_TRUE(store->for_each({}, {}, [&](const Finding& finding) {
      if (finding.count == static_cast<std::int64_t>(stored)) ++recurring;
      return true;
    }));
    ASSERT_EQ(recurring, rows_per_epoch) << "the last epoch is whole";
    ASSERT_EQ(store->count({}, {}).value(),
              static_cast<std::int64_t>((rows_per_epoch + 1) / 2 + stored * (rows_per_epoch / 2)));
    epoch = stored;
  }
  RecordProperty("epochs", static_cast<int>(epoch));
  RecordProperty("killed_between_commit_and_answer", static_cast<int>(interrupted));
}

TEST(SqliteStore, readers_and_the_writer_work_at_once) {
  ScratchFolder folder;
  auto store = open_store(folder, {.readers = 2});
  std::atomic<bool> stop = false;
  std::atomic<unsigned> wrong = 0, reads = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto page = store->list({}, criteria(R"({"severity":{"gte":1}})"), {}, 50, "");
        if (!page || !store->get({}, page->ids)) ++wrong;
        ++reads;
      }
    });
  }
  for (std::uint64_t epoch = 1; epoch <= 40; ++epoch) {
    std::vector<FindingRow> rows;
    for (unsigned i = 0; i < 50; ++i)
      rows.push_back(finding_row(static_cast<unsigned>(epoch % 7) * 100 + i, epoch));
    put_rows(*store, rows, epoch, {finding_id(static_cast<unsigned>(epoch % 5) * 100)});
    const std::vector<std::string> ids = {finding_id(100)};
    ASSERT_TRUE(store->set_archived({}, ids, epoch % 2 == 0 ? Archived::manual : Archived::no));
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(reads, 0U);
  EXPECT_TRUE(store->check_integrity());
}

TEST(SqliteStore, what_the_outbox_names_can_be_got_at_once) {
  // A responder takes a finding that is not there for one that was taken back, and never tells it.
  const ScratchFolder folder;
  const auto store = open_store(folder, {.readers = 4});
  constexpr std::uint64_t epochs = 150;
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      while (!done) static_cast<void>(store->count({}, {}));
    });
  std::atomic<unsigned> told = 0, missing = 0;
  std::jthread responder([&] {
    for (std::uint64_t last = 0; told < epochs && !done;) {
      const auto rows = store->outbox(last, 100);
      for (const OutboxEntry& row : *rows) {
        last = row.sequence;
        ++told;
        if (store->get({}, {&row.finding_id, 1})->empty()) ++missing;
      }
    }
  });
  for (std::uint64_t epoch = 1; epoch <= epochs; ++epoch) {
    const FindingRow row = finding_row(static_cast<unsigned>(epoch), epoch);
    put_rows(*store, {row}, epoch, {}, {{row.id, "respond"}});
  }
  for (int i = 0; i < 10'000 && told < epochs; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  done = true;
  responder.join();
  EXPECT_EQ(told, epochs);
  EXPECT_EQ(missing, 0U);
}

TEST(SqliteStore, signals_are_kept_apart_from_findings_and_only_grow_newer) {
  ScratchFolder folder;
  {
    auto store = open_store(folder);
    put_rows(*store, {finding_row(1)});
    FindingRow signal = finding_row(2, 5);
    signal.count = 2;
    EXPECT_TRUE(store->keep_signals({&signal, 1}, 1'000));
    signal.count = 1;
    signal.epoch = 4;  // told again by a replay
    EXPECT_TRUE(store->keep_signals({&signal, 1}, 1'000));
    EXPECT_THAT(list_all(*store), ElementsAre(finding_id(1)));
  }
  auto store = open_store(folder);
  std::vector<std::pair<std::string, std::int64_t>> seen;
  const auto visit = [&](const Finding& signal) {
    seen.emplace_back(signal.id, signal.count);
    return true;
  };
  ASSERT_TRUE(store->for_each_signal({}, visit));
  EXPECT_THAT(seen, ElementsAre(Pair(finding_id(2), 2)));
  seen.clear();
  ASSERT_TRUE(
      store->for_each_signal({.accounts = std::vector<std::string>{"444455556666"}, .region = {}}, visit));
  EXPECT_THAT(seen, IsEmpty());
  ASSERT_TRUE(store->expire(2'000, 500));
  ASSERT_TRUE(store->for_each_signal({}, visit));
  EXPECT_THAT(seen, IsEmpty());
}

}  // namespace
}  // namespace picket
