#include "source/file_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace picket {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t second_ns = 1'000'000'000;

class FolderMemoryTest : public testing::Test {
 protected:
  FolderMemoryTest() : root_(fs::path(testing::TempDir()) / ("folders-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    write("a/1.log", 1000);
    write("a/b/2.log", 1000);
    write("c/3.log", 1000);
    for (const char* folder : {"a", "a/b", "c", ""}) date(root_ / folder, 1000);
  }
  ~FolderMemoryTest() override { fs::remove_all(root_); }

  static void date(const fs::path& path, std::int64_t seconds) {
    const timespec times[] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  void write(const std::string& name, std::int64_t seconds) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::app) << "line\n";
    date(root_ / name, seconds);
  }
  std::vector<std::string> keys(bool all, std::int64_t seconds) {
    std::vector<std::string> out;
    for (const ListedFile& file : list_files(root_.string(), memory_, all, seconds * second_ns).files)
      out.push_back(file.key);
    return out;
  }

  const fs::path root_;
  FolderMemory memory_;
};

TEST_F(FolderMemoryTest, LeavesOutFoldersInWhichNothingCame) {
  EXPECT_THAT(keys(false, 1100), ElementsAre("a/1.log", "a/b/2.log", "c/3.log")) << "nothing is known yet";
  EXPECT_THAT(keys(false, 1101), IsEmpty());
  EXPECT_THAT(keys(true, 1102), ElementsAre("a/1.log", "a/b/2.log", "c/3.log"));
  write("a/b/4.log", 1103);  // changes the folder's time
  EXPECT_THAT(keys(false, 1104), ElementsAre("a/b/2.log", "a/b/4.log"));
  write("d/e/5.log", 1104);
  EXPECT_THAT(keys(false, 1105), ElementsAre("a/b/2.log", "a/b/4.log", "d/e/5.log"));
  for (const char* folder : {"a/b", "d", "d/e", ""}) date(root_ / folder, 1104);
  EXPECT_THAT(keys(false, 1106), ElementsAre("a/b/2.log", "a/b/4.log", "d/e/5.log")) << "written lately";
  keys(false, 1120);
  EXPECT_THAT(keys(false, 1121), IsEmpty());
  // What grows long after is seen when all is looked at, and from then on.
  write("c/3.log", 1122);
  EXPECT_THAT(keys(false, 1123), IsEmpty());
  keys(true, 1124);
  EXPECT_THAT(keys(false, 1125), ElementsAre("c/3.log"));
}

}  // namespace
}  // namespace picket
