#include "aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace picket::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
namespace fs = std::filesystem;

class Credentials : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "picket_credentials_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
  }
  void TearDown() override { fs::remove_all(dir); }
  std::string text(const char* name) const {
    std::ifstream in(dir / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path dir;
  const NewCredential first{"default", "111122223333", Role::administrator, "eu-central-1"};
};

TEST_F(Credentials, WritesTheSharedCredentialsFormat) {
  const auto made = create_credential(dir, first);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_THAT(made->access_key_id, MatchesRegex("AKIA[A-Z2-7]+"));
  EXPECT_EQ(made->access_key_id.size(), 20U);
  EXPECT_EQ(made->secret_access_key.size(), 40U);
  EXPECT_EQ(text("credentials"), "[default]\naws_access_key_id = " + made->access_key_id +
                                     "\naws_secret_access_key = " + made->secret_access_key +
                                     "\nregion = eu-central-1\n");
  EXPECT_THAT(text("access_keys.json"), ::testing::Not(HasSubstr(made->secret_access_key)));
  for (const char* name : {"credentials", "access_keys.json", "master.key"})
    EXPECT_EQ(fs::status(dir / name).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Credentials, OnlyTheFirstAdministratorAdministersAll) {
  ASSERT_TRUE(create_credential(dir, first));
  ASSERT_TRUE(create_credential(dir, {"other", "444455556666", Role::administrator, "eu-west-1"}));
  ASSERT_TRUE(create_credential(dir, {"reader", "444455556666", Role::read_only, "eu-west-1"}));
  const auto all = load_credentials(dir);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_TRUE((*all)[0].administers_all);
  EXPECT_FALSE((*all)[1].administers_all);
  EXPECT_EQ((*all)[2].role, Role::read_only);
  EXPECT_EQ((*all)[2].account, "444455556666");
}

TEST_F(Credentials, RefusesWhatCannotBeAProfile) {
  ASSERT_TRUE(create_credential(dir, first));
  EXPECT_EQ(create_credential(dir, first).error().kind, ErrorKind::conflict);
  EXPECT_FALSE(create_credential(dir, {"a]b", "111122223333", Role::member, "eu-west-1"}));
  EXPECT_FALSE(create_credential(dir, {"a", "11112222333", Role::member, "eu-west-1"}));
  EXPECT_FALSE(create_credential(dir, {"a", "111122223333", Role::member, "x\ny"}));
}

TEST_F(Credentials, RefusesFilesOthersCanRead) {
  ASSERT_TRUE(create_credential(dir, first));
  fs::permissions(dir / "access_keys.json", fs::perms::group_read, fs::perm_options::add);
  const auto loaded = load_credentials(dir);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message(), HasSubstr("chmod 600"));
}

TEST_F(Credentials, SecretsLieSealedAndBoundToTheirKey) {
  const auto made = create_credential(dir, first);
  ASSERT_TRUE(made);
  fs::remove(dir / "credentials");  // the clients' copy; the server does without
  EXPECT_EQ(load_credentials(dir)->front().secret_access_key, made->secret_access_key);
  std::string table = text("access_keys.json");
  EXPECT_THAT(table, ::testing::Not(HasSubstr(made->secret_access_key)));
  // The same secret under another account: moved, not sealed there.
  table.replace(table.find("111122223333"), 12, "444455556666");
  std::ofstream(dir / "access_keys.json") << table;
  EXPECT_THAT(load_credentials(dir).error().message(), HasSubstr("does not open"));
}

TEST_F(Credentials, KeyStoreFollowsTheFiles) {
  auto store = KeyStore::open(dir);
  ASSERT_TRUE(store);
  const auto made = create_credential(dir, first);
  ASSERT_TRUE(made);
  ASSERT_TRUE((*store)->find(made->access_key_id));
  EXPECT_EQ((*store)->find(made->access_key_id)->secret_access_key, made->secret_access_key);
  EXPECT_FALSE((*store)->find("AKIAUNKNOWN"));

  std::ofstream(dir / "access_keys.json") << "{broken";
  EXPECT_TRUE((*store)->find(made->access_key_id)) << "a half-edited file revokes nothing";
  EXPECT_THAT((*store)->last_error(), HasSubstr("access_keys.json"));

  std::ofstream(dir / "access_keys.json") << R"({"administrator": "", "keys": {}})";
  EXPECT_FALSE((*store)->find(made->access_key_id));
  EXPECT_EQ((*store)->last_error(), "");
}

TEST_F(Credentials, LeavesProfilesOfOtherServicesAlone) {
  ASSERT_TRUE(create_credential(dir, first));
  const std::string other = "# note\n[aws]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=s3cret\n";
  std::ofstream(dir / "credentials", std::ios::app) << other;
  EXPECT_EQ(load_credentials(dir)->size(), 1U);
  EXPECT_EQ(create_credential(dir, {"aws", "111122223333", Role::member, "eu-west-1"}).error().kind,
            ErrorKind::conflict);
  ASSERT_TRUE(delete_credential(dir, "default"));
  EXPECT_EQ(text("credentials"), other.substr(other.find('[')));
}

TEST_F(Credentials, DisabledAndDeletedKeysAreRefused) {
  const auto store = KeyStore::open(dir);
  const auto made = create_credential(dir, first);
  ASSERT_TRUE((*store)->find(made->access_key_id));
  ASSERT_TRUE(set_credential_active(dir, "default", false));
  EXPECT_FALSE((*store)->find(made->access_key_id));
  ASSERT_TRUE(set_credential_active(dir, "default", true));
  EXPECT_TRUE((*store)->find(made->access_key_id));
  EXPECT_TRUE((*store)->find(made->access_key_id)->administers_all) << "what it was stays";
  ASSERT_TRUE(set_credential_policy(
      dir, "default", *parse_policy(R"({"Statement": {"Effect": "Deny", "Action": "guardduty:Delete*"}})")));
  EXPECT_EQ((*store)->find(made->access_key_id)->policy->judge("guardduty:DeleteDetector"), Verdict::deny);
  ASSERT_TRUE(delete_credential(dir, "default"));
  EXPECT_FALSE((*store)->find(made->access_key_id));
  EXPECT_EQ(delete_credential(dir, "default").error().kind, ErrorKind::not_found);
}

TEST_F(Credentials, SessionsLiveByTheirTokenAndTheirIssuer) {
  const auto store = KeyStore::open(dir);
  const auto made = create_credential(dir, first);
  const auto session = (*store)->issue(
      *made, {.expires_at = 1'000, .name = "audit", .account = "444455556666", .role = Role::read_only});
  ASSERT_TRUE(session) << session.error().message();
  EXPECT_THAT(session->access_key_id, MatchesRegex("ASIA[A-Z2-7]+"));
  const auto found = (*store)->find(session->access_key_id, session->session_token);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->secret_access_key, session->secret_access_key);
  EXPECT_EQ(found->account, "444455556666");
  EXPECT_EQ(found->role, Role::read_only);
  EXPECT_FALSE(found->administers_all);
  EXPECT_EQ(found->expires_at, 1'000);
  EXPECT_EQ(found->issuer, made->access_key_id);
  EXPECT_FALSE((*store)->find(session->access_key_id)) << "without its token";
  EXPECT_FALSE((*store)->find(made->access_key_id, session->session_token)) << "another key's token";
  const auto own =
      (*store)->issue(*made, {.expires_at = 1'000, .account = made->account, .role = made->role});
  EXPECT_TRUE(own->administers_all);
  ASSERT_TRUE(set_credential_active(dir, "default", false));
  EXPECT_FALSE((*store)->find(session->access_key_id, session->session_token));
}

}  // namespace
}  // namespace picket::aws
