#include "source/inbox.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/hash.h"
#include "source/file_source.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

class InboxTest : public testing::Test {
 protected:
  InboxTest() { fs::remove_all(folder_); }
  ~InboxTest() override { fs::remove_all(folder_); }

  std::unique_ptr<Inbox> open() {
    auto inbox = std::make_unique<Inbox>(folder_.string(), 100, [this] { return now_; });
    for (const auto& [path, batch] : named_) inbox->know(path, batch, now_);
    left_ = inbox->recover().value();
    return inbox;
  }
  static std::vector<PushedPart> parts(std::vector<std::string> contents) {
    std::vector<PushedPart> out;
    for (std::string& content : contents)
      out.push_back({{.kind = LogKind::dns, .account = "111122223333"}, false, std::move(content)});
    return out;
  }
  std::string read(const Inbox& inbox, const PushedObject& object) {
    auto source = inbox.open(Inbox::path_of(object.source, object.key), object.batch);
    if (!source) return source.error().message();
    std::string text(1000, '\0');
    text.resize((*source)->read(text).value());
    return text;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  const fs::path folder_ = fs::temp_directory_path() / ("picket_inbox_" + std::to_string(::getpid()));
  TimeMs now_ = 1'800'000'000'000;
  std::vector<std::pair<std::string, std::uint64_t>> named_;  // by manifests
  std::vector<PushedObject> left_;
  static constexpr auto nothing = [](const std::string&) { return Inbox::Use::none; };
};

// A snapshot that is there at once.
void covered(Inbox& inbox, std::uint64_t epoch, const std::function<Inbox::Use(const std::string&)>& use_of) {
  inbox.covering(use_of);
  inbox.covered(epoch);
}

TEST_F(InboxTest, WhatCameAfterASnapshotWasBegunWaitsForTheNext) {
  const auto inbox = open();
  ASSERT_TRUE(inbox->put("firehose", "a", parts({"one"})));
  ASSERT_EQ(inbox->take().size(), 1U);
  inbox->covering(nothing);
  ASSERT_TRUE(inbox->put("firehose", "b", parts({"two"})));
  ASSERT_EQ(inbox->take().size(), 1U);
  inbox->covered(1);  // of the first only
  covered(*inbox, 2, nothing);
  EXPECT_EQ(files(), 1U) << "the first is in two snapshots, the second in one";
  covered(*inbox, 3, nothing);
  EXPECT_EQ(files(), 0U);
}

TEST_F(InboxTest, KeepsABatchUntilTwoSnapshotsHaveIt) {
  auto inbox = open();
  ASSERT_EQ(inbox->put("s", "b", parts({"one\n", "two\n"})), Inbox::Outcome::stored);
  const auto taken = inbox->take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(read(*inbox, taken[0]), "one\n");
  EXPECT_EQ(read(*inbox, taken[1]), "two\n");
  EXPECT_TRUE(inbox->take().empty());
  covered(*inbox, 1, [&](const std::string& path) {
    return path.ends_with("b.1") ? Inbox::Use::unread : Inbox::Use::none;
  });
  covered(*inbox, 1, nothing);
  EXPECT_EQ(files(), 2U) << "a snapshot of the same epoch is the same snapshot";
  covered(*inbox, 2, nothing);
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(inbox->bytes("s"), 0U);
}

TEST_F(InboxTest, BatchesArePutSideBySideAndEachOnce) {
  auto inbox = std::make_unique<Inbox>(folder_.string(), 1'000'000, [this] { return now_; });
  inbox->recover().value();
  std::atomic<int> stored = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread)
      threads.emplace_back([&] {
        for (int batch = 0; batch < 20; ++batch) {
          const std::string name = "b" + std::to_string(batch);
          if (inbox->put("s", name, parts({name + " one\n", name + " two\n"})).value() ==
              Inbox::Outcome::stored)
            ++stored;
        }
      });
  }
  EXPECT_EQ(stored, 20);
  EXPECT_EQ(inbox->take().size(), 40U);
  EXPECT_EQ(files(), 40U);
}

TEST_F(InboxTest, PacksWhatIsWorthIt) {
  auto inbox = std::make_unique<Inbox>(folder_.string(), 1'000'000, [this] { return now_; });
  inbox->recover().value();
  std::string varied;
  for (int i = 0; i < 2000; ++i) varied += std::to_string(i * 7919) + " a line of a log\n";
  const std::string uniform(200'000, 'x');  // packed it would be taken for a bomb
  auto three = parts({varied, uniform, varied});
  three[2].refused = true;
  inbox->put("s", "b", three).value();
  EXPECT_EQ(inbox->put("s", "b", three), Inbox::Outcome::repeated);
  const auto taken = inbox->take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_LT(taken[0].size, varied.size() / 2);
  EXPECT_EQ(taken[1].size, uniform.size());
  EXPECT_EQ(taken[2].size, varied.size()) << "set-aside records are read without unpacking";
  EXPECT_EQ(inbox->bytes("s"), taken[0].size + taken[1].size + taken[2].size);
  EXPECT_TRUE(read(*inbox, taken[0]).starts_with("\x1f\x8b"));
}

TEST_F(InboxTest, KnowsRepetitionsForADay) {
  auto inbox = open();
  ASSERT_EQ(inbox->put("s", "b", parts({"one\n"})), Inbox::Outcome::stored);
  EXPECT_EQ(inbox->put("s", "b", parts({"one\n"})), Inbox::Outcome::repeated);
  EXPECT_EQ(inbox->put("s", "b", parts({"other\n"})), Inbox::Outcome::stored) << "an id that was used again";
  EXPECT_EQ(inbox->put("t", "b", parts({"one\n"})), Inbox::Outcome::stored);
  EXPECT_EQ(inbox->take().size(), 3U);
  covered(*inbox, 1, nothing);
  covered(*inbox, 2, nothing);
  EXPECT_EQ(inbox->put("s", "b", parts({"one\n"})), Inbox::Outcome::repeated)
      << "read and removed, but known";
  now_ += Inbox::repeats_known + 1;
  covered(*inbox, 3, nothing);
  EXPECT_EQ(inbox->put("s", "b", parts({"one\n"})), Inbox::Outcome::stored);
}

TEST_F(InboxTest, GoesOnAfterACrash) {
  open()->put("s", "read", parts({"read\n"})).value();
  auto inbox = open();
  ASSERT_EQ(left_.size(), 1U);
  named_.emplace_back(Inbox::path_of("s", left_[0].key), left_[0].batch);
  inbox->put("s", "new", parts({"new\n", "more\n"})).value();
  inbox = open();
  ASSERT_EQ(left_.size(), 2U) << "what a manifest names is not given again";
  EXPECT_EQ(left_[0].key, "new.0");
  EXPECT_EQ(left_[0].origin.account, "111122223333");
  EXPECT_EQ(inbox->put("s", "read", parts({"read\n"})), Inbox::Outcome::repeated);
  EXPECT_EQ(inbox->put("s", "new", parts({"new\n", "more\n"})), Inbox::Outcome::repeated);
}

TEST_F(InboxTest, ABatchIsThereAsAWholeOrNotAtAll) {
  auto inbox = open();
  inbox->put("s", "b", parts({"one\n", "two\n"})).value();
  const auto objects = inbox->take();
  fs::remove(inbox->file_of(Inbox::path_of("s", objects[0].key), objects[0].batch));
  inbox = open();
  EXPECT_TRUE(left_.empty()) << "the first object is written last";
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(inbox->put("s", "b", parts({"one\n", "two\n"})), Inbox::Outcome::stored);
}

TEST_F(InboxTest, KeepsWhatTheQuarantineHoldsBesideTheRest) {
  auto inbox = open();
  const auto aside = [](const std::string&) { return Inbox::Use::set_aside; };
  inbox->put("s", "a", parts({std::string(60, 'x')})).value();
  inbox->put("s", "b", parts({std::string(60, 'y')})).value();
  inbox->take();
  for (const std::uint64_t epoch : {1U, 2U, 3U}) covered(*inbox, epoch, aside);
  EXPECT_EQ(files(), 1U) << "there is room for one";
  EXPECT_EQ(inbox->bytes("s"), 0U);
  EXPECT_FALSE(inbox->wants_snapshot());
  for (const std::uint64_t epoch : {4U, 5U}) covered(*inbox, epoch, nothing);
  EXPECT_EQ(files(), 0U) << "it was good when it was read again";
  EXPECT_EQ(inbox->bytes("s"), 0U);
}

TEST_F(InboxTest, WhatWasReadGoesToTheArchive) {
  const std::string kept = folder_.string() + ".kept";
  fs::remove_all(kept);
  PushedArchive archive(kept, 300);
  Inbox inbox(folder_.string(), 1000, [this] { return now_; }, &archive);
  inbox.recover().value();
  for (const std::string name : {"a", "b", "c"}) {
    inbox.put("s", name, parts({name + std::string(50, '.')})).value();
    ++now_;
    EXPECT_TRUE(inbox.find(name + ".0")) << "not read yet";
  }
  inbox.take();
  for (const std::uint64_t epoch : {1U, 2U}) covered(inbox, epoch, nothing);
  EXPECT_EQ(files(), 0U);
  const auto found = inbox.find("b.0");
  ASSERT_TRUE(found);
  EXPECT_EQ(read_at(found->file, found->object.offset, 100), "b" + std::string(50, '.'));
  EXPECT_EQ(found->object.origin.account, "111122223333");
  EXPECT_FALSE(inbox.find("d.0"));

  archive.trim({hash64("a.0")}, 0);
  EXPECT_LE(archive.bytes(), 300U);
  EXPECT_TRUE(inbox.find("a.0")) << "the oldest, but a finding names it";
  EXPECT_FALSE(inbox.find("b.0"));
  PushedArchive later(kept, 300);
  later.recover();
  EXPECT_EQ(later.bytes(), archive.bytes());
  EXPECT_TRUE(later.find("c.0"));
  later.trim({hash64("a.0")}, now_);
  EXPECT_TRUE(later.empty()) << "findings are not kept that long either";
  fs::remove_all(kept);
}

TEST_F(InboxTest, SaysWhatIsDamaged) {
  open()->put("s", "b", parts({"one\n"})).value();
  std::ofstream(folder_ / "0123456789abcdef") << "junk";
  std::ofstream(folder_ / "0123456789abcde0.tmp") << "half";
  const auto inbox = open();
  EXPECT_THAT(inbox->damaged(), testing::ElementsAre((folder_ / "0123456789abcdef").string()));
  EXPECT_EQ(left_.size(), 1U);
  EXPECT_EQ(files(), 2U);
}

TEST_F(InboxTest, IsFullAndEmptiesAgain) {
  auto inbox = open();
  inbox->put("s", "a", parts({std::string(60, 'x')})).value();
  EXPECT_FALSE(inbox->full("s"));
  EXPECT_FALSE(inbox->wants_snapshot()) << "nothing was taken that one could cover";
  inbox->take();
  EXPECT_TRUE(inbox->wants_snapshot());
  inbox->put("s", "b", parts({std::string(60, 'y')})).value();
  EXPECT_TRUE(inbox->full("s"));
  EXPECT_FALSE(inbox->full("t"));
  covered(*inbox, 1, nothing);
  covered(*inbox, 2, nothing);
  EXPECT_FALSE(inbox->full("s"));
}

}  // namespace
}  // namespace picket
