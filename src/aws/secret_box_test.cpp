#include "aws/secret_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace picket::aws {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class SecretBoxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "picket_box_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
  }
  void TearDown() override {
    ::unsetenv("PICKET_MASTER_KEY");
    fs::remove_all(dir);
  }
  fs::path dir;
};

TEST_F(SecretBoxTest, OpensWhatItSealedAndNothingElse) {
  const auto box = SecretBox::open(dir / "key");
  ASSERT_TRUE(box) << box.error().message();
  const auto sealed = box->seal("s3cret", "key A of 1");
  ASSERT_TRUE(sealed);
  EXPECT_NE(*box->seal("s3cret", "key A of 1"), *sealed) << "a fresh nonce each time";
  EXPECT_EQ(box->unseal(*sealed, "key A of 1").value(), "s3cret");
  EXPECT_FALSE(box->unseal(*sealed, "key B of 1"));
  EXPECT_FALSE(box->unseal("", "key A of 1"));
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    std::string changed = *sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(box->unseal(changed, "key A of 1")) << i;
  }
}

TEST_F(SecretBoxTest, TheKeyFileIsMadeOnceAndPrivate) {
  const auto sealed = SecretBox::open(dir / "key")->seal("x", "y");
  EXPECT_EQ(fs::status(dir / "key").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(SecretBox::open(dir / "key")->unseal(*sealed, "y").value(), "x");
  EXPECT_FALSE(SecretBox::open(dir / "other")->unseal(*sealed, "y"));
  fs::permissions(dir / "key", fs::perms::group_read, fs::perm_options::add);
  EXPECT_THAT(SecretBox::open(dir / "key").error().message(), HasSubstr("chmod 600"));
}

TEST_F(SecretBoxTest, TheEnvironmentMayHoldTheKey) {
  ::setenv("PICKET_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
  const auto sealed = SecretBox::open(dir / "key")->seal("x", "y");
  EXPECT_FALSE(fs::exists(dir / "key"));
  EXPECT_EQ(SecretBox::open(dir / "elsewhere")->unseal(*sealed, "y").value(), "x");
  ::setenv("PICKET_MASTER_KEY", "short", 1);
  EXPECT_THAT(SecretBox::open(dir / "key").error().message(), HasSubstr("32 bytes"));
}

}  // namespace
}  // namespace picket::aws
