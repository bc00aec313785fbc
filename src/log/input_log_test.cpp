#include "log/input_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace picket {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("picket_log_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

Manifest manifest(std::uint64_t sequence) {
  Manifest m;
  m.sequence = sequence;
  m.key = "AWSLogs/x.json.gz";
  m.length = 17;
  m.kind = LogKind::dns;
  return m;
}

TEST(FileLog, KeepsEntriesAcrossOpenings) {
  const Folder folder;
  {
    auto log = open_file_log(folder.path);
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(1), Release{"s", 5}, EpochCut{1, {1}},
                                                     Control{"filters", "[]"}, Redrive{1, manifest(2)}}));
  }
  auto log = open_file_log(folder.path);
  ASSERT_TRUE(log);
  auto entries = (*log)->read(0);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 5U);
  EXPECT_EQ(std::get<Redrive>((*entries)[4]).of, 1U);
  EXPECT_EQ(std::get<Redrive>((*entries)[4]).manifest.sequence, 2U);
  EXPECT_EQ(std::get<Control>((*entries)[3]).body, "[]");
  EXPECT_EQ(std::get<Manifest>((*entries)[0]).length, 17U);
  EXPECT_EQ(std::get<Release>((*entries)[1]).time, 5);
  EXPECT_EQ(std::get<EpochCut>((*entries)[2]).objects, std::vector<std::uint64_t>{1});
}

TEST(FileLog, CutsATornEndAtEveryByte) {
  const Folder folder;
  std::string whole;
  std::size_t first = 0;
  {
    auto log = open_file_log(folder.path);
    ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(1)}));
    first = fs::file_size(folder.path / "input-0000000001.log");
    ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(2)}));
    std::ifstream file(folder.path / "input-0000000001.log", std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  for (std::size_t cut = first; cut < whole.size(); ++cut) {
    std::ofstream(folder.path / "input-0000000001.log", std::ios::binary | std::ios::trunc)
        << whole.substr(0, cut);
    auto log = open_file_log(folder.path);
    ASSERT_TRUE(log) << cut;
    ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(3)}));
    auto entries = (*log)->read(0);
    ASSERT_TRUE(entries) << cut;
    ASSERT_EQ(entries->size(), 2U) << cut;
    EXPECT_EQ(std::get<Manifest>((*entries)[1]).sequence, 3U);
  }
}

TEST(FileLog, ForgetsSegmentsThatASnapshotCovers) {
  const Folder folder;
  auto log = open_file_log(folder.path);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(i)}));
    ASSERT_EQ((*log)->cut_segment().value(), i + 1);
  }
  ASSERT_TRUE((*log)->append(std::vector<LogEntry>{manifest(4)}));
  auto entries = (*log)->read(4);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ((*log)->read(0)->size(), 4U);
  (*log)->forget_before(3);
  entries = (*log)->read(0);
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ(std::get<Manifest>((*entries)[0]).sequence, 3U);
}

}  // namespace
}  // namespace picket
