#include "pipeline/list_keeper.h"

#include <gmock/gmock.h>

#include <fstream>

#include "pipeline/lists.h"
#include "pipeline/test_support.h"

namespace picket {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ListKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(scratch.path / "lists");
    fs::create_directories(scratch.path / "secret");
    std::ofstream(scratch.path / "lists/block.txt") << "8.8.8.8\n2001:4860::/32\n";
    std::ofstream(scratch.path / "secret/key.txt") << "9.9.9.9\n";
    fs::create_symlink(scratch.path / "secret/key.txt", scratch.path / "lists/link.txt");
    settings.folders = {(scratch.path / "lists").string()};
  }
  ListSet add(const std::string& location, ListSetKind kind = ListSetKind::threat_intel_set) {
    const ListSet set{.kind = kind,
                      .account = "111122223333",
                      .region = "eu-west-1",
                      .id = "id" + std::to_string(++ids),
                      .name = "list",
                      .format = "TXT",
                      .location = location,
                      .status = ListSetStatus::activating};
    save(set);
    return set;
  }
  void save(const ListSet& set) {
    const SettingChange change = save_change(set);
    ASSERT_TRUE(scratch.store->change_settings({&change, 1}));
  }
  ListSet now(const ListSet& set) {
    return load_list_set(*scratch.store, set.kind, set.account, set.region, set.id).value().value();
  }
  void turn() {
    if (!keeper)
      keeper = std::make_unique<ListKeeper>(settings, *scratch.store, contents, s3.http(), client,
                                            [this] { return clock; });
    ASSERT_TRUE(keeper->turn());
  }
  ListSet settled(const std::string& location, ListSetKind kind = ListSetKind::threat_intel_set) {
    const ListSet set = add(location, kind);
    turn();
    return now(set);
  }
  test::Scratch scratch;
  test::FakeS3 s3;
  aws::S3Client client = s3.client();
  ContentFolder contents{scratch.path / "contents"};
  ListKeeperSettings settings;
  std::unique_ptr<ListKeeper> keeper;
  TimeMs clock = 1'700'000'000'000;
  int ids = 0;
};

TEST_F(ListKeeperTest, FetchesFromS3) {
  s3.set("/lists/a%20b.txt", "192.0.2.1\n");
  const ListSet set = settled("s3://lists/a b.txt");
  EXPECT_EQ(set.status, ListSetStatus::active) << set.error_details;
  EXPECT_EQ(set.entries, 1);
  EXPECT_EQ(contents.read(set.content_sha256), "192.0.2.1\n");
  EXPECT_THAT(s3.last_head(),
              HasSubstr("Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20231114/eu-west-1/s3/"));
  EXPECT_THAT(settled("s3://lists/absent.txt").error_details, HasSubstr("status 404"));
  const ListSet denied = settled("s3://denied/list.txt");
  EXPECT_EQ(denied.status, ListSetStatus::error);
  EXPECT_EQ(denied.error_details, "S3 answered AccessDenied: Access Denied");
}

TEST_F(ListKeeperTest, ReadsFilesOfConfiguredFoldersOnly) {
  const std::string root = "file://" + scratch.path.string();
  const ListSet set = settled(root + "/lists/block.txt");
  EXPECT_EQ(set.status, ListSetStatus::active) << set.error_details;
  EXPECT_EQ(set.entries, 2);
  for (const char* path : {"/secret/key.txt", "/lists/../secret/key.txt", "/lists/link.txt", "/lists",
                           "/lists/absent", "/listsx/block.txt"}) {
    const ListSet refused = settled(root + path);
    EXPECT_EQ(refused.status, ListSetStatus::error) << path;
    EXPECT_EQ(refused.content_sha256, "") << path;
  }
  EXPECT_THAT(settled("file:///etc/passwd").error_details, HasSubstr("intel.sets.folders"));
}

TEST_F(ListKeeperTest, SaysWhyAListCannotBeUsed) {
  settings.limits.trusted_ips_max = 2;
  settings.limits.bytes_max = 100;
  s3.set("/lists/three.txt", "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
  s3.set("/lists/empty.txt", "");
  s3.set("/lists/words.txt", "not an address\n");
  s3.set("/lists/large.txt", std::string(101, '\n'));
  EXPECT_EQ(settled("s3://lists/three.txt").status, ListSetStatus::active);
  EXPECT_EQ(settled("s3://lists/three.txt", ListSetKind::ip_set).status, ListSetStatus::error);
  EXPECT_THAT(settled("s3://lists/empty.txt").error_details, HasSubstr("the list is empty"));
  EXPECT_THAT(settled("s3://lists/words.txt").error_details, HasSubstr("nothing of the list can be used"));
  EXPECT_THAT(settled("s3://lists/large.txt").error_details, HasSubstr("over 100 bytes"));
  EXPECT_THAT(settled("https://localhost/list").error_details, HasSubstr("network.allow_hosts"));
}

TEST_F(ListKeeperTest, MovesSetsToTheirEnds) {
  s3.set("/lists/a.txt", "192.0.2.1\n");
  ListSet set = settled("s3://lists/a.txt");
  set.status = ListSetStatus::deactivating;
  save(set);
  turn();
  EXPECT_EQ(now(set).status, ListSetStatus::inactive);
  EXPECT_FALSE(now(set).in_effect());
  set.status = ListSetStatus::delete_pending;
  save(set);
  turn();
  EXPECT_EQ(now(set).status, ListSetStatus::deleted);
  clock += day_ms + minute_ms;
  turn();
  EXPECT_FALSE(load_list_set(*scratch.store, set.kind, set.account, set.region, set.id).value());
}

TEST_F(ListKeeperTest, ListsInEffectAreReadFromTheirRecord) {
  s3.set("/lists/a.txt", "192.0.2.1\n");
  s3.set("/lists/names.txt", "evil.example.com\n");
  settled("s3://lists/a.txt");
  settled("s3://lists/names.txt", ListSetKind::threat_entity_set);
  settled("s3://lists/absent.txt");
  const GovernedAccounts governed = [](std::string_view account, std::string_view) {
    return Accounts({"444455556666", std::string(account)});
  };
  const auto body = lists_body(*scratch.store, false, {}, governed);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body, lists_body(*scratch.store, false, {}, governed).value());
  const auto lists = read_lists(*body, contents, settings.limits);
  ASSERT_TRUE(lists);
  EXPECT_THAT(lists->warnings, ElementsAre());
  EXPECT_EQ(lists->contents.size(), 2U);
  std::vector<IntelHit> room;
  const auto hits = [&](const char* account, const char* region) {
    return lists->index->match(*IpAddress::parse("192.0.2.1"), {account, region}, room).size();
  };
  EXPECT_EQ(hits("111122223333", "eu-west-1"), 1U);
  EXPECT_EQ(hits("444455556666", "eu-west-1"), 1U);
  EXPECT_EQ(hits("111122223333", "us-east-1"), 0U);
  EXPECT_EQ(hits("777788889999", "eu-west-1"), 0U);
  // What is lost is told, and the rest is there.
  fs::remove(scratch.path / "contents" / *lists->contents.begin());
  const auto damaged = read_lists(*body, contents, settings.limits);
  ASSERT_TRUE(damaged);
  EXPECT_EQ(damaged->warnings.size(), 1U);
  EXPECT_EQ(damaged->index->counts().addresses + damaged->index->counts().domains, 1U);
  EXPECT_FALSE(read_lists("{}", contents, settings.limits));
  EXPECT_FALSE(read_lists("", contents, settings.limits));
}

TEST(ContentFolder, ForgetsWhatNoSnapshotNames) {
  const test::Scratch scratch;
  ContentFolder folder(scratch.path / "contents");
  const std::string old = *folder.keep("old"), current = *folder.keep("current"),
                    fetched = *folder.keep("fetched");
  EXPECT_EQ(folder.keep("old"), old);
  folder.named({old});
  folder.snapshot_saved({});
  folder.named({current});
  folder.snapshot_saved({fetched});
  EXPECT_TRUE(folder.read(old));
  for (int i = 0; i < 4; ++i) folder.snapshot_saved({fetched});
  EXPECT_FALSE(folder.read(old));
  EXPECT_EQ(folder.read(current), "current");
  EXPECT_EQ(folder.read(fetched), "fetched");
  EXPECT_FALSE(folder.read("../findings.db"));
}

}  // namespace
}  // namespace picket
