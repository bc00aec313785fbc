// The engine over small logs in memory, with detectors made for the purpose: order classes, duplicates, late
// records, trust, restart from saved state, any number of threads.
#include "engine/engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

// ---- detectors -----------------------------------------------------------------------------------

std::optional<Evidence> any_delete(const CloudTrailEvent& call, const Context&) {
  return Evidence{{"api", std::string(call.event_name)}};
}
const Detector each_detector = {.name = "each_detector",
                                .types = {{.name = "Test:IAMUser/Each", .severity = Severity::low}},
                                .when = {calls("s3.amazonaws.com", {"DeleteBucket"})},
                                .issue = {key::principal},
                                .logic = each(any_delete)};

// Raises every second row of a principal, in the order of time.
struct EverySecond {
  std::optional<Candidate> step(const Candidate& row, const Facts&) {
    return ++seen % 2 == 0 ? std::optional(row) : std::nullopt;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(seen);
  }
  int seen = 0;
};
std::optional<Evidence> any_call_evidence(const CloudTrailEvent& call, const Context&) {
  return Evidence{{"event", std::string(call.event_id)}};
}
const Detector ordered_detector = {.name = "ordered_detector",
                                   .types = {{.name = "Test:IAMUser/Ordered"}},
                                   .when = {calls("s3.amazonaws.com", {"PutObject"})},
                                   .issue = {key::evidence("event")},
                                   .entity = key::principal,
                                   .logic = ordered<EverySecond>(any_call_evidence)};

// Counts packets to port 22 of a source; as a bucket fires at twice the most ever seen in a bucket before.
class PacketCount {
 public:
  struct Baseline {
    void fold(const PacketCount& bucket) { most = std::max(most, bucket.packets_); }
    template <class Ar>
    void io(Ar& ar) {
      ar(most);
    }
    std::uint64_t most = 0;
  };
  static bool select(const FlowRecord& flow) { return flow.dstport == 22; }
  static std::uint64_t entity(const FlowRecord& flow) { return flow.srcaddr.low(); }
  void add(const FlowRecord& flow, const ProofRecord& record) {
    packets_ += flow.packets;
    ++records_;
    source_ = flow.srcaddr;
    if (records_ == 1 || record < first_) first_ = record;
    if (records_ == 1 || last_ < record) last_ = record;
  }
  void merge(const PacketCount& other) {
    packets_ += other.packets_;
    records_ += other.records_;
    source_ = other.source_;
    if (other.first_ < first_) first_ = other.first_;
    if (last_ < other.last_) last_ = other.last_;
  }
  void judge(const Judging&, const Baseline& baseline, Emit& emit) const {
    if (packets_ < 100 || packets_ < 2 * baseline.most) return;
    Subject subject;
    subject.resource = ResourceKind::instance;
    subject.action = ActionKind::network_connection;
    subject.remote_ip = source_;
    subject.instance = InstanceSubject{};
    emit.detection({{"packets", std::to_string(packets_)}, {"before", std::to_string(baseline.most)}},
                   subject, records_, first_, last_);
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(packets_, records_, source_, first_, last_);
  }

 private:
  std::uint64_t packets_ = 0, records_ = 0;
  IpAddress source_;
  ProofRecord first_, last_;
};
const Detector bucket_detector = {.name = "bucket_detector",
                                  .types = {{.name = "Test:EC2/Bucket"}},
                                  .when = {flows()},
                                  .issue = {key::remote_ip},
                                  .logic = bucket<PacketCount>({.span = hour_ms})};

const std::vector<const Detector*> all = {&each_detector, &ordered_detector, &bucket_detector};

// ---- logs ----------------------------------------------------------------------------------------

std::string call(std::string_view name, int number, TimeMs time, std::string_view ip = "198.51.100.7") {
  return fmt::format(
      R"({{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/marta","accountId":"111122223333","userName":"marta"}},)"
      R"("eventTime":"{}","eventSource":"s3.amazonaws.com","eventName":"{}","awsRegion":"eu-west-1","sourceIPAddress":"{}",)"
      R"("eventID":"id-{:04}","recipientAccountId":"111122223333"}})"
      "\n",
      format_time_seconds(time), name, ip, number);
}

std::string inbound(std::string_view source, unsigned packets, TimeMs time) {
  return fmt::format("2 111122223333 eni-0a {} 10.0.0.5 40000 22 6 {} 4000 {} {} ACCEPT OK\n", source,
                     packets, time / 1000, time / 1000 + 60);
}

constexpr TimeMs day = 1'789'344'000'000;  // 2026-09-14

EpochObject object(std::string key, std::string text, TimeMs lower = day) {
  EpochObject o;
  o.info.key = std::move(key);
  o.stream = o.info.key.ends_with(".log") ? "flow" : "trail";
  o.lower_bound = lower;
  const auto held = std::make_shared<const std::string>(std::move(text));
  struct Held final : ByteSource {
    std::shared_ptr<const std::string> text;
    std::unique_ptr<ByteSource> bytes;
    Result<std::size_t> read(std::span<char> into) override { return bytes->read(into); }
  };
  o.open = [held]() -> Result<std::unique_ptr<ByteSource>> {
    auto source = std::make_unique<Held>();
    source->text = held;
    source->bytes = memory_source(*held);
    return source;
  };
  return o;
}

std::shared_ptr<const IntelIndex> trusting(std::string_view address) {
  IntelBuilder builder;
  Indicator indicator;
  indicator.trusted = true;
  indicator.list = "ours";
  if (!address.empty()) {
    EXPECT_FALSE(builder.add_address(*IpPrefix::parse(address), builder.describe(indicator)));
  }
  return builder.build();
}

struct Job {
  explicit Job(unsigned threads = 1, std::string_view trusted = "", EngineLimits limits = {},
               std::span<const Detector* const> detectors = all)
      : engine(detectors, trusting(trusted), Lateness{}, limits, threads) {}
  EpochResult epoch(std::vector<EpochObject> objects) {
    EpochResult result = engine.run_epoch(objects, {});
    for (const std::string& id : result.retracted) findings.erase(id);
    for (const AggregatedFinding& finding : result.updated) findings[finding.id] = finding.activity;
    return result;
  }
  void finish() {
    engine.release("", day + 400 * day_ms);
    epoch({});
  }
  std::string text() const {
    std::string out;
    for (const auto& [id, activity] : findings) {
      out += fmt::format("{} {} {}", id, activity.count, activity.latest.last.time);
      for (const auto& [name, value] : activity.latest.evidence) out += fmt::format(" {}={}", name, value);
      for (const ProofRecord& record : activity.proof.records())
        out += fmt::format(" {}:{}", engine.object_key(record.object), record.position);
      out += '\n';
    }
    return out;
  }
  Engine engine;
  std::map<std::string, Activity> findings;
};

TEST(Engine, ASourceMayHaveItsOwnLateness) {
  Lateness lateness;
  lateness.of_source = {{"/srv/logs", 5 * minute_ms}, {"a", 2 * hour_ms}};
  EXPECT_EQ(lateness.of_stream("/srv/logs/cloudtrail/111122223333/eu-west-1", LogKind::cloudtrail),
            5 * minute_ms);
  EXPECT_EQ(lateness.of_stream("a/unknown//", LogKind::dns), 2 * hour_ms);
  EXPECT_EQ(lateness.of_stream("/srv/cloudtrail/111122223333/eu-west-1", LogKind::cloudtrail), hour_ms);
  EXPECT_EQ(lateness.of_stream("trail", LogKind::vpcflow), 30 * minute_ms);
  EXPECT_EQ(lateness.longest()[static_cast<std::size_t>(LogKind::dns)], 2 * hour_ms);
  Engine engine(all, trusting(""), lateness, EngineLimits{}, 1);
  EpochObject trail = object("a.jsonl", call("ListBuckets", 1, day));
  trail.stream = "/srv/logs/cloudtrail//";
  engine.run_epoch(std::vector{trail}, {});
  EXPECT_EQ(engine.watermark(LogKind::cloudtrail), day - 5 * minute_ms);
}

TEST(Engine, CountsADuplicateOnceWhereverItComes) {
  Job run;
  const auto first = run.epoch(
      {object("a.jsonl", call("DeleteBucket", 1, day) + call("DeleteBucket", 2, day + 1000)),
       object("b.jsonl", call("DeleteBucket", 2, day + 1000) + call("DeleteBucket", 3, day + 2000))});
  EXPECT_EQ(first.objects[1].duplicate, 1U);
  const auto second = run.epoch({object("c.jsonl", call("DeleteBucket", 1, day))});
  EXPECT_EQ(second.objects[0].duplicate, 1U);
  EXPECT_EQ(second.objects[0].processed, 0U);
  EXPECT_TRUE(second.objects[0].balanced());
  ASSERT_EQ(run.findings.size(), 1U);
  EXPECT_EQ(run.findings.begin()->second.count, 3U);
}

TEST(Engine, AnotherCallUnderTheSameEventIdIsNoDuplicate) {
  Job run;
  run.epoch({object("a.jsonl", call("ListBuckets", 1, day) + call("DeleteBucket", 1, day))});
  ASSERT_EQ(run.findings.size(), 1U);
}

TEST(Engine, OrderedRowsWaitForTheirWatermarkAndComeInOrderOfTime) {
  Job run;
  // Four calls, the later ones first; only the second and the fourth in time are raised.
  run.epoch({object("a.jsonl",
                    call("PutObject", 4, day + 4 * minute_ms) + call("PutObject", 3, day + 3 * minute_ms))});
  EXPECT_TRUE(run.findings.empty());
  run.epoch(
      {object("b.jsonl", call("PutObject", 2, day + 2 * minute_ms) + call("PutObject", 1, day + minute_ms))});
  EXPECT_TRUE(run.findings.empty());
  run.epoch({object("c.jsonl", call("ListBuckets", 9, day + 3 * hour_ms))});
  ASSERT_EQ(run.findings.size(), 2U);
  EXPECT_NE(run.text().find("event=id-0002"), std::string::npos);
  EXPECT_NE(run.text().find("event=id-0004"), std::string::npos);
  EXPECT_EQ(run.engine.ledger().late(), 0U);
}

TEST(Engine, WhatHasToWaitIsToldProvisionally) {
  Job run;
  run.engine.judge_ahead();
  // As they come the third of the four is the second, and the last the fourth.
  run.epoch({object("a.jsonl",
                    call("PutObject", 4, day + 4 * minute_ms) + call("PutObject", 3, day + 3 * minute_ms))});
  ASSERT_EQ(run.findings.size(), 1U);
  EXPECT_NE(run.text().find("event=id-0004 provisional=true"), std::string::npos) << run.text();
  run.epoch({object("b.jsonl", call("PutObject", 1, day + minute_ms))});
  EXPECT_EQ(run.findings.size(), 1U);
  // The same record in another object is no news.
  run.epoch({object("b2.jsonl", call("PutObject", 1, day + minute_ms))});
  EXPECT_EQ(run.findings.size(), 1U);
  const std::string state = run.engine.save();
  Job after;
  after.engine.judge_ahead();
  ASSERT_TRUE(after.engine.load(state));
  EXPECT_EQ(after.engine.save(), state);
  // In order of time it is the second and the third: what was told of the fourth is taken back.
  for (Job* job : {&run, &after}) {
    job->epoch({object("c.jsonl", call("ListBuckets", 9, day + 3 * hour_ms))});
    EXPECT_EQ(job->engine.ledger().late(), 0U);
  }
  ASSERT_EQ(run.findings.size(), 1U);
  EXPECT_NE(run.text().find("event=id-0003"), std::string::npos) << run.text();
  EXPECT_EQ(run.text().find("provisional"), std::string::npos) << run.text();
  EXPECT_EQ(after.text(), run.text());
}

TEST(Engine, ALateRecordIsEvaluatedAndCounted) {
  Job run;
  run.epoch({object("a.jsonl", call("ListBuckets", 1, day + 5 * hour_ms))});
  run.epoch({object("b.jsonl", call("DeleteBucket", 2, day))});
  EXPECT_EQ(run.engine.ledger().late(), 1U);
  EXPECT_EQ(run.findings.size(), 1U);
}

TEST(Engine, ABucketIsJudgedByThoseTwoBack) {
  Job run;
  // 60 packets an hour are below the floor; later 110 an hour would be above it, but not twice the 60.
  for (int hour = 0; hour < 5; ++hour)
    run.epoch({object(fmt::format("{}.log", hour), inbound("203.0.113.9", 60, day + hour * hour_ms))});
  run.epoch({object("5.log", inbound("203.0.113.9", 110, day + 5 * hour_ms))});
  for (int hour = 6; hour < 9; ++hour)
    run.epoch({object(fmt::format("{}.log", hour), inbound("203.0.113.9", 60, day + hour * hour_ms))});
  EXPECT_TRUE(run.findings.empty()) << run.text();
  run.epoch({object("9.log", inbound("203.0.113.9", 500, day + 9 * hour_ms))});
  ASSERT_EQ(run.findings.size(), 1U);
  run.finish();
  EXPECT_NE(run.text().find("packets=500 before=110"), std::string::npos) << run.text();
}

TEST(Engine, TrustedAddressesRaiseNothingAndAreCounted) {
  Job run(1, "198.51.100.0/24");
  run.epoch({object("a.jsonl", call("DeleteBucket", 1, day) + call("DeleteBucket", 2, day, "203.0.113.1"))});
  ASSERT_EQ(run.findings.size(), 1U);
  EXPECT_EQ(run.findings.begin()->second.count, 1U);
  EXPECT_EQ(run.engine.left_out().trusted, 1U);
}

// A day of mixed logs in ten epochs.
std::vector<std::vector<EpochObject>> epochs() {
  std::vector<std::vector<EpochObject>> all_epochs;
  for (int e = 0; e < 10; ++e) {
    std::vector<EpochObject> objects;
    for (int o = 0; o < 4; ++o) {
      std::string trail, flows;
      for (int i = 0; i < 20; ++i) {
        const int number = (e * 4 + o) * 15 + i;  // the last five come again in the next object
        const TimeMs time = day + number * 2 * minute_ms;
        trail += call(i % 3 == 0 ? "DeleteBucket" : "PutObject", number, time);
        flows += inbound(fmt::format("203.0.113.{}", i % 5), static_cast<unsigned>(20 + e * 10),
                         day + e * hour_ms + i * minute_ms);
      }
      objects.push_back(object(fmt::format("{}-{}.jsonl", e, o), trail));
      objects.push_back(object(fmt::format("{}-{}.log", e, o), flows));
    }
    all_epochs.push_back(std::move(objects));
  }
  return all_epochs;
}

TEST(Engine, ThreadsDoNotShow) {
  std::string expected;
  for (const unsigned threads : {1U, 2U, 8U}) {
    Job run(threads);
    for (auto& objects : epochs()) run.epoch(objects);
    run.finish();
    if (expected.empty()) expected = run.text();
    EXPECT_EQ(run.text(), expected);
    EXPECT_GT(run.findings.size(), 10U);
  }
}

TEST(Engine, WhatIsToldProvisionallyDoesNotShowInTheEnd) {
  Job whole;
  for (auto& objects : epochs()) whole.epoch(objects);
  whole.finish();
  std::vector<std::string> told;  // after each epoch
  for (const bool small : {false, true}) {
    EngineLimits limits;
    if (small) limits.ordered_bytes_max = 6000;  // rows wait on disk
    for (const unsigned threads : {1U, 8U}) {
      Job run(threads, "", limits);
      run.engine.judge_ahead();
      if (small) run.engine.spill_to(testing::TempDir());
      std::vector<std::string> now;
      for (auto& objects : epochs()) {
        run.epoch(objects);
        now.push_back(run.text());
      }
      if (told.empty()) told = now;
      EXPECT_EQ(now, told);
      EXPECT_NE(now.back().find("provisional"), std::string::npos);
      run.finish();
      EXPECT_EQ(run.text(), whole.text());
      EXPECT_EQ(run.engine.left_out().trusted, whole.engine.left_out().trusted);
    }
  }
}

TEST(Engine, ARestartFromSavedStateDoesNotShow) {
  Job whole;
  for (auto& objects : epochs()) whole.epoch(objects);
  whole.finish();
  for (int cut = 1; cut < 10; cut += 2) {
    Job before, after;
    before.engine.judge_ahead();
    after.engine.judge_ahead();
    const auto all_epochs = epochs();
    for (int e = 0; e < cut; ++e) before.epoch(all_epochs[static_cast<std::size_t>(e)]);
    const std::string state = before.engine.save();
    ASSERT_TRUE(after.engine.load(state));
    EXPECT_EQ(after.engine.save(), state);
    after.findings = before.findings;
    for (int e = cut; e < 10; ++e) after.epoch(all_epochs[static_cast<std::size_t>(e)]);
    after.finish();
    EXPECT_EQ(after.text(), whole.text()) << "restart after epoch " << cut;
  }
}

TEST(Engine, RowsThatWaitOnDiskDoNotShow) {
  Job whole;
  for (auto& objects : epochs()) whole.epoch(objects);
  whole.finish();
  EngineLimits limits;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{6000}}) {
    limits.ordered_bytes_max = bytes;
    Job before(2, "", limits), after(2, "", limits);
    before.engine.spill_to(testing::TempDir());
    after.engine.spill_to(testing::TempDir());
    const auto all_epochs = epochs();
    for (std::size_t e = 0; e < 6; ++e) before.epoch(all_epochs[e]);
    const std::string state = before.engine.save();
    ASSERT_TRUE(after.engine.load(state));
    EXPECT_EQ(after.engine.save(), state);
    after.findings = before.findings;
    for (std::size_t e = 6; e < 10; ++e) after.epoch(all_epochs[e]);
    after.finish();
    EXPECT_EQ(after.text(), whole.text()) << bytes;
    EXPECT_EQ(after.engine.evictions().ordered_rows, 0U);
  }
}

TEST(Engine, RowsThatCanWaitNowhereAreJudgedEarlyAndCounted) {
  EngineLimits limits;
  limits.ordered_bytes_max = 1000;
  Job run(1, "", limits);
  run.engine.spill_to(testing::TempDir() + "/no such folder");
  for (auto& objects : epochs()) run.epoch(objects);
  EXPECT_GT(run.engine.evictions().ordered_rows, 0U);
}

// After an upgrade, or with other rules: each detector goes on from its own state.
const Detector another_detector = {.name = "another_detector",
                                   .types = {{.name = "Test:IAMUser/Another"}},
                                   .when = {calls("s3.amazonaws.com", {"GetObject"})},
                                   .issue = {key::principal},
                                   .logic = each(any_delete)};

TEST(Engine, ARestartWithOtherDetectorsDoesNotShowInThoseThatStay) {
  static const std::vector<const Detector*> others = {&another_detector, &bucket_detector, &ordered_detector,
                                                      &each_detector};
  Job whole;
  for (auto& objects : epochs()) whole.epoch(objects);
  whole.finish();
  for (int cut = 1; cut < 10; cut += 2) {
    Job before, after(1, "", {}, others);
    before.engine.judge_ahead();
    after.engine.judge_ahead();
    const auto all_epochs = epochs();
    for (int e = 0; e < cut; ++e) before.epoch(all_epochs[static_cast<std::size_t>(e)]);
    const auto left = after.engine.load(before.engine.save());
    ASSERT_TRUE(left) << left.error().message();
    EXPECT_EQ(*left, "");
    // What this engine saves, it reads whole.
    Job again(1, "", {}, others);
    const std::string state = after.engine.save();
    ASSERT_TRUE(again.engine.load(state));
    EXPECT_EQ(again.engine.save(), state);
    after.findings = before.findings;
    for (int e = cut; e < 10; ++e) after.epoch(all_epochs[static_cast<std::size_t>(e)]);
    after.finish();
    EXPECT_EQ(after.text(), whole.text()) << "restart after epoch " << cut;
  }
}

TEST(Engine, ADetectorThatIsGoneLeavesItsFindingsToTheStore) {
  Job before;
  before.epoch({object("a.jsonl", call("DeleteBucket", 1, day) + call("PutObject", 3, day + minute_ms))});
  ASSERT_EQ(before.findings.size(), 1U);
  static const std::vector<const Detector*> without = {&another_detector, &ordered_detector};
  Job last(1, "", {}, without);
  const auto left = last.engine.load(before.engine.save());
  ASSERT_TRUE(left) << left.error().message();
  EXPECT_EQ(*left, "");
  last.epoch({object("c.jsonl", call("PutObject", 5, day + 3 * minute_ms))});
  last.finish();
  // The row that waited was read, and this is the second.
  ASSERT_EQ(last.findings.size(), 1U);
  EXPECT_NE(last.text().find("event=id-0005"), std::string::npos) << last.text();
}

TEST(Engine, ADetectorOfAnotherVersionStartsEmptyAloneAndSaysSo) {
  Detector changed = ordered_detector;
  changed.version = 1;
  const std::vector<const Detector*> others = {&each_detector, &changed, &bucket_detector};
  Job before;
  before.engine.judge_ahead();
  const std::string deleted = call("DeleteBucket", 1, day) + call("DeleteBucket", 2, day + minute_ms);
  before.epoch({object("a.jsonl", deleted + call("PutObject", 4, day + 4 * minute_ms) +
                                      call("PutObject", 3, day + 3 * minute_ms)),
                object("a.log", inbound("198.51.100.9", 60, day))});
  ASSERT_EQ(before.findings.size(), 2U);
  ASSERT_NE(before.text().find("provisional=true"), std::string::npos);
  Job after(1, "", {}, others);
  after.engine.judge_ahead();
  const auto left = after.engine.load(before.engine.save());
  ASSERT_TRUE(left) << left.error().message();
  EXPECT_NE(left->find("start empty: ordered_detector"), std::string::npos) << *left;
  after.findings = before.findings;
  // Records of before are known, the window goes on where it was, and the finding counts on.
  after.epoch({object("b.jsonl", deleted + call("DeleteBucket", 5, day + 2 * minute_ms)),
               object("b.log", inbound("198.51.100.9", 60, day + 2 * minute_ms)),
               object("c.jsonl", call("ListBuckets", 9, day + 3 * hour_ms))});
  EXPECT_EQ(after.engine.ledger().kinds[static_cast<std::size_t>(LogKind::cloudtrail)].duplicate, 2U);
  after.finish();
  const std::string told = after.text();
  EXPECT_NE(told.find("packets=120"), std::string::npos) << told;
  EXPECT_NE(told.find(" 3 "), std::string::npos) << told;
  // What was told provisionally stays, although nobody will judge it in order any more.
  EXPECT_EQ(told.find("provisional"), std::string::npos) << told;
  EXPECT_NE(told.find("never_judged_in_order=true"), std::string::npos) << told;
}

TEST(Engine, StateOfAnotherFormIsRefusedWithAWord) {
  Job run;
  const auto loaded = run.engine.load("picketS1 and whatever was behind it");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::unsupported);
}

TEST(Engine, RefusesDamagedState) {
  Job run;
  run.epoch({object("a.jsonl", call("DeleteBucket", 1, day))});
  const std::string state = run.engine.save();
  for (std::size_t at = 0; at < state.size(); at += 1 + state.size() / 97) {
    std::string damaged = state;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    Job fresh;
    EXPECT_FALSE(fresh.engine.load(damaged)) << at;
    EXPECT_FALSE(fresh.engine.load(std::string_view(state).substr(0, at))) << at;
  }
}

}  // namespace
}  // namespace picket
