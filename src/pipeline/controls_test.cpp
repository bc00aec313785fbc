#include "pipeline/controls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "store/detector_settings.h"
#include "store/sqlite_store.h"

namespace picket {
namespace {

using ::testing::ElementsAre;
namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "picket_controls_XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

// A run of the pipeline without detectors: what took effect, and before which epoch.
struct Pipeline {
  explicit Pipeline(const fs::path& folder)
      : engine({}, IntelBuilder().build(), {}, {}, 1),
        log(*open_file_log(folder.string())),
        runner(
            engine, *log, {.snapshot_folder = folder.string()},
            [](std::uint64_t, const EpochResult&) { return Result<void>{}; },
            [this](const Control& control) { return controls.take_effect(control); }) {
    controls.add({.name = "greeting",
                  .wanted = [this] { return Result<std::string>(wanted); },
                  .take_effect =
                      [this](const std::string& body) {
                        seen.push_back(body + " before " + std::to_string(engine.epoch() + 1));
                        return Result<void>{};
                      }});
  }
  Engine engine;
  std::unique_ptr<InputLog> log;
  Controls controls;
  std::string wanted;
  std::vector<std::string> seen;
  Runner runner;
};

TEST(Controls, TakeEffectBetweenEpochsAndAgainWhenReplayed) {
  const Folder folder;
  {
    Pipeline run(folder.path);
    ASSERT_TRUE(run.runner.recover());
    ASSERT_TRUE(run.runner.run_epoch());
    ASSERT_TRUE(run.runner.control({"greeting", "one"}));
    ASSERT_TRUE(run.runner.run_epoch());
    ASSERT_TRUE(run.runner.control({"greeting", "two"}));
    ASSERT_TRUE(run.runner.control({"greeting", "three"}));
    ASSERT_TRUE(run.runner.run_epoch());
    EXPECT_THAT(run.seen, ElementsAre("one before 2", "two before 3", "three before 3"));
  }
  Pipeline again(folder.path);
  ASSERT_TRUE(again.runner.recover());
  EXPECT_THAT(again.seen, ElementsAre("one before 2", "two before 3", "three before 3"));
  EXPECT_EQ(again.engine.epoch(), 3U);
  EXPECT_EQ(again.runner.controls().at("greeting"), "three");
}

TEST(Controls, AreInTheSnapshot) {
  const Folder folder;
  {
    Pipeline run(folder.path);
    ASSERT_TRUE(run.runner.recover());
    ASSERT_TRUE(run.runner.control({"greeting", "one"}));
    ASSERT_TRUE(run.runner.control({"greeting", "two"}));
    ASSERT_TRUE(run.runner.run_epoch());
    ASSERT_TRUE(run.runner.save_snapshot());
    ASSERT_TRUE(run.runner.control({"greeting", "three"}));
  }
  Pipeline again(folder.path);
  const auto recovered = again.runner.recover();
  ASSERT_TRUE(recovered);
  EXPECT_THAT(recovered->warnings, ElementsAre());
  EXPECT_THAT(again.seen, ElementsAre("two before 2", "three before 2"));
}

TEST(Controls, AreLoggedWhenTheSettingsChanged) {
  const Folder folder;
  Pipeline run(folder.path);
  const auto store = *open_sqlite_store(folder.path / "findings.db");
  ASSERT_TRUE(run.runner.recover());
  run.wanted = "a";
  ASSERT_TRUE(run.controls.note_changes(*store, run.runner));
  run.wanted = "b";
  ASSERT_TRUE(run.controls.note_changes(*store, run.runner));  // no setting was stored: nobody asks
  ASSERT_TRUE(store->put_setting({.kind = "greeting", .body = "b"}));
  ASSERT_TRUE(run.controls.note_changes(*store, run.runner));
  ASSERT_TRUE(store->put_setting({.kind = "other", .body = "{}"}));
  ASSERT_TRUE(run.controls.note_changes(*store, run.runner));  // another kind changed
  EXPECT_THAT(run.seen, ElementsAre("a before 1", "b before 1"));
}

TEST(Controls, OfAnUnknownKindAreRefused) {
  const auto refused = Controls().take_effect({"of a newer version", "{}"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
}

TEST(Controls, NameTheDetectorsThatAreOff) {
  const Folder folder;
  const auto store = *open_sqlite_store(folder.path / "findings.db");
  DetectorSettings detector = default_detector(1);
  ASSERT_TRUE(save_detector(*store, "111122223333", "eu-west-1", detector));
  EXPECT_EQ(disabled_detectors(*store), "[]");
  detector.status = DetectorStatus::disabled;
  ASSERT_TRUE(save_detector(*store, "111122223333", "us-east-1", detector));
  detector.status = DetectorStatus::deleted;
  ASSERT_TRUE(save_detector(*store, "444455556666", "eu-west-1", detector));
  EXPECT_EQ(disabled_detectors(*store), R"([["111122223333","us-east-1"],["444455556666","eu-west-1"]])");
}

}  // namespace
}  // namespace picket
