// Modes of custom detection rules from the settings to the engine: what is LIVE raises a finding, what is
// DRY_RUN is counted once a record, what is neither does nothing.
#include "pipeline/rule_controls.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "pipeline/scan.h"
#include "rules/custom_detection_rules.h"
#include "rules/rule_set.h"
#include "store/custom_rule_settings.h"
#include "store/sqlite_store.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view account = "111122223333", region = "us-east-1";
const fs::path create_access_key =
    fs::path(PICKET_SOURCE_DIR) /
    "src/rules/custom_detection_rules/IAMAccessKeyCreated/fires_on_success.jsonl";

struct Outcome {
  std::size_t findings = 0;
  DryRunCounts counted;
};

// Reads the call twice, from two objects, as two trails deliver it.
Outcome scan_with(const RuleModes& modes) {
  const auto rules =
      std::make_shared<const rules::RuleSet>(rules::custom_rules(), std::span<const Detector* const>());
  Engine engine(rules->detectors(), IntelBuilder().build(), Lateness{}, EngineLimits{}, 1, rules);
  engine.use_rule_modes(std::make_shared<const RuleModes>(modes));
  const fs::path folder = fs::temp_directory_path() / ("picket_rule_controls_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  for (const char* name : {"a.jsonl", "b.jsonl"})
    fs::copy_file(create_access_key, folder / name, fs::copy_options::overwrite_existing);
  Workers workers(1);
  Outcome outcome;
  ScanSettings settings;
  settings.paths = {folder.string()};
  const auto failures = scan(
      settings, engine, workers,
      [&](std::uint64_t, const EpochResult& result) -> Result<void> {
        outcome.findings += result.updated.size();
        return {};
      },
      [](const ScanProgress&) {});
  EXPECT_TRUE(failures && failures->empty());
  outcome.counted = engine.dry_run_counts();
  fs::remove_all(folder);
  return outcome;
}

CustomRuleAssociation association(std::string mode, std::optional<TimeMs> expires_at = {}) {
  return {.id = std::string(32, 'a'),
          .account = std::string(account),
          .region = std::string(region),
          .rule_id = rules::custom_detection_rule_named("IAMAccessKeyCreated")->id,
          .mode = std::move(mode),
          .created_at = 1,
          .updated_at = 1,
          .expires_at = expires_at,
          .tags = {{"team", "sec"}}};
}

class RuleControlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("picket_rule_controls_store_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    store_ = std::move(*open_sqlite_store(folder_ / "findings.db"));
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(folder_);
  }
  void change(const SettingChange& change) { ASSERT_TRUE(store_->change_settings({&change, 1})); }
  // What the settings mean, through the body of the control record.
  RuleModes modes(const Config& config = {}) {
    auto made = default_rule_modes(config);
    EXPECT_TRUE(made);
    const auto body = custom_rule_state(*store_);
    EXPECT_TRUE(body) << body.error().message();
    EXPECT_TRUE(use_custom_rule_state(*body, *made));
    return *made;
  }

  fs::path folder_;
  std::unique_ptr<FindingStore> store_;
};

TEST_F(RuleControlsTest, unmanaged_accounts_have_what_the_configuration_says) {
  EXPECT_EQ(scan_with(modes()).findings, 1U);
  Config none;
  none.custom_rules_live = {};
  EXPECT_EQ(scan_with(modes(none)).findings, 0U);
  none.custom_rules_dry_run = {"IAMAccessKeyCreated"};
  const Outcome counted = scan_with(modes(none));
  EXPECT_EQ(counted.findings, 0U);
  EXPECT_EQ(counted.counted.size(), 1U);
  none.custom_rules_dry_run = {"NoSuchRule"};
  const auto refused = default_rule_modes(none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "custom_rules.dry_run");
}

TEST_F(RuleControlsTest, managed_accounts_have_their_associations_only) {
  change(managed_custom_rules(account, region));
  EXPECT_EQ(scan_with(modes()).findings, 0U);
  change(saved(association("LIVE")));
  EXPECT_EQ(scan_with(modes()).findings, 1U);
  change(removed(association("LIVE")));
  EXPECT_EQ(scan_with(modes()).findings, 0U);
}

TEST_F(RuleControlsTest, a_dry_run_counts_each_record_once) {
  const TimeMs later = *parse_time("2026-09-08T00:00:00Z");  // than the record
  change(saved(association("DRY_RUN", later)));
  const Outcome outcome = scan_with(modes());
  EXPECT_EQ(outcome.findings, 0U);
  const DryRunCounts expected{{{"IAMAccessKeyCreated", std::string(account), std::string(region)}, 1}};
  EXPECT_EQ(outcome.counted, expected);
}

TEST_F(RuleControlsTest, an_expired_dry_run_counts_nothing) {
  change(managed_custom_rules(account, region));
  change(saved(association("DRY_RUN", *parse_time("2026-09-01T00:00:00Z"))));
  EXPECT_TRUE(scan_with(modes()).counted.empty());
}

TEST_F(RuleControlsTest, a_configuration_holds_for_the_accounts_it_covers) {
  CustomRuleConfiguration configuration{.administrator = "999988887777",
                                        .region = std::string(region),
                                        .rule_id = association("LIVE").rule_id,
                                        .mode = "LIVE",
                                        .include = {std::string(account)},
                                        .created_at = 1,
                                        .updated_at = 1};
  change(managed_custom_rules("", region));
  change(saved(configuration));
  EXPECT_EQ(scan_with(modes()).findings, 1U);
  configuration.include = {"444455556666"};
  change(saved(configuration));
  EXPECT_EQ(scan_with(modes()).findings, 0U);
}

TEST_F(RuleControlsTest, associations_are_read_back) {
  change(saved(association("DRY_RUN", 77)));
  const auto loaded = load_custom_rule_associations(*store_, account, region);
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->size(), 1U);
  EXPECT_EQ(loaded->front().mode, "DRY_RUN");
  EXPECT_EQ(loaded->front().expires_at, 77);
  EXPECT_EQ(loaded->front().tags.at("team"), "sec");
}

}  // namespace
}  // namespace picket
