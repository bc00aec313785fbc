#include "console/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "console/password.h"

namespace picket::console {
namespace {

using ::testing::HasSubstr;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_users_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

NewUser alice() {
  return {.name = "alice",
          .key = {.access_key_id = "AKIAEXAMPLE", .account = "111122223333"},
          .role = aws::Role::read_only,
          .password = "correct horse battery"};
}

TEST(Password, HoldsForItselfAlone) {
  const auto hash = hash_password("correct horse battery");
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
  EXPECT_TRUE(*is_password("correct horse battery", *hash));
  EXPECT_FALSE(*is_password("correct horse batterY", *hash));
  EXPECT_FALSE(*is_password("", *hash));
  EXPECT_NE(*hash, *hash_password("correct horse battery"));  // salted
}

TEST(Password, NobodysIsNeverRight) {
  EXPECT_FALSE(*is_password("", ""));
  EXPECT_FALSE(*is_password("correct horse battery", ""));
  EXPECT_FALSE(*is_password("correct horse battery", "no hash"));
}

TEST(Password, LengthIsCountedInCharacters) {
  EXPECT_FALSE(check_password("elevenchars", "bob"));
  EXPECT_TRUE(check_password("twelve chars", "bob"));
  EXPECT_FALSE(check_password("ääääää", "bob"));  // twelve bytes
  EXPECT_TRUE(check_password(std::string(1023, 'x') + 'y', "bob"));
  EXPECT_FALSE(check_password(std::string(1024, 'x') + 'y', "bob"));
  EXPECT_FALSE(check_password(std::string(20, 'x'), "bob"));
  EXPECT_FALSE(check_password("my name is bob!", "bob"));
  EXPECT_FALSE(check_password("", "bob"));
}

TEST(Users, AreKeptPrivately) {
  const Folder folder;
  ASSERT_TRUE(load_users(folder.path)->empty());
  ASSERT_TRUE(create_user(folder.path, alice()));
  const auto users = load_users(folder.path);
  ASSERT_TRUE(users);
  ASSERT_EQ(users->size(), 1U);
  EXPECT_EQ(users->front().name, "alice");
  EXPECT_EQ(users->front().role, aws::Role::read_only);
  EXPECT_EQ(users->front().access_key_id, "AKIAEXAMPLE");
  struct stat status{};
  ASSERT_EQ(::stat((folder.path / "users.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(Users, NamesAreOnce) {
  const Folder folder;
  ASSERT_TRUE(create_user(folder.path, alice()));
  EXPECT_EQ(create_user(folder.path, alice()).error().kind, ErrorKind::conflict);
  NewUser other = alice();
  other.name = "bob";
  EXPECT_EQ(create_user(folder.path, other, true).error().kind, ErrorKind::conflict);  // not the first
  for (const char* name : {"", "a b", "a/b", "<b>", "ä", "a\nb"}) {
    other.name = name;
    EXPECT_EQ(create_user(folder.path, other).error().kind, ErrorKind::invalid) << name;
  }
}

TEST(Users, TheStoreFollowsTheFile) {
  const Folder folder;
  UserStore store(folder.path);
  EXPECT_TRUE(store.empty());
  const auto made = create_user(folder.path, alice());
  ASSERT_TRUE(made);
  EXPECT_FALSE(store.empty());
  ASSERT_TRUE(store.find("alice"));
  ASSERT_TRUE(set_user_active(folder.path, "alice", false));
  EXPECT_FALSE(store.find("alice")->active);
  ASSERT_TRUE(set_user_password(folder.path, "alice", "another horse battery"));
  EXPECT_GT(store.find("alice")->password_at, made->password_at);
  EXPECT_TRUE(*is_password("another horse battery", store.find("alice")->password_hash));
  EXPECT_FALSE(*is_password("correct horse battery", store.find("alice")->password_hash));
  ASSERT_TRUE(delete_user(folder.path, "alice"));
  EXPECT_FALSE(store.find("alice"));
  EXPECT_EQ(delete_user(folder.path, "alice").error().kind, ErrorKind::not_found);
}

TEST(Users, AFileThatCannotBeReadIsNotAnEmptyOne) {
  const Folder folder;
  ASSERT_TRUE(create_user(folder.path, alice()));
  std::ofstream(folder.path / "users.json") << "{\"alice\":";
  UserStore store(folder.path);
  EXPECT_FALSE(store.empty());  // or a stranger could become the first user
  EXPECT_FALSE(store.find("alice"));
  EXPECT_THAT(load_users(folder.path).error().message(), HasSubstr("users.json"));
}

}  // namespace
}  // namespace picket::console
