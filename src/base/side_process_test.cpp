#include "base/side_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace picket {
namespace {

using std::chrono::seconds;

TEST(SideProcess, WorksOnACopyOfThings) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("picket-side-" + std::to_string(::getpid()));
  std::string text = "as it was";
  auto side = SideProcess::start(
      [&]() -> Result<void> {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        std::ofstream(file) << text;
        return {};
      },
      {}, seconds(60));
  ASSERT_TRUE(side);
  text = "as it became";
  EXPECT_FALSE(side->ended()) << "it has hardly begun";
  EXPECT_TRUE(side->wait());
  std::string written;
  std::getline(std::ifstream(file) >> std::ws, written);
  EXPECT_EQ(written, "as it was");
  std::filesystem::remove(file);
}

TEST(SideProcess, TellsHowItFailed) {
  auto side = SideProcess::start([] { return fail(ErrorKind::io, "no room", "disk"); }, {}, seconds(60));
  ASSERT_TRUE(side);
  const auto done = side->wait();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::io);
  EXPECT_NE(done.error().what.find("no room"), std::string::npos);
}

TEST(SideProcess, IsStoppedWhenItTakesTooLongOrDies) {
  auto slow = SideProcess::start(
      []() -> Result<void> {
        ::pause();
        return {};
      },
      {}, seconds(0));
  ASSERT_TRUE(slow);
  auto done = slow->wait();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::internal);
  auto dead = SideProcess::start([]() -> Result<void> { ::_exit(3); }, {}, seconds(60));
  ASSERT_TRUE(dead);
  EXPECT_FALSE(dead->wait());
}

TEST(SideProcess, KeepsTheFilesItIsToldAndNoOthers) {
  const int kept = ::open("/dev/null", O_RDONLY), other = ::open("/dev/null", O_RDONLY);
  struct stat told{};
  auto side = SideProcess::start(
      [&]() -> Result<void> {
        if (::fstat(kept, &told) != 0) return fail(ErrorKind::internal, "it is closed");
        if (::fstat(other, &told) == 0) return fail(ErrorKind::internal, "another is open");
        return {};
      },
      std::array{kept}, seconds(60));
  ASSERT_TRUE(side);
  const auto done = side->wait();
  EXPECT_TRUE(done) << done.error().what;
  ::close(kept);
  ::close(other);
}

}  // namespace
}  // namespace picket
