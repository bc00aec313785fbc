#include "engine/host_learner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/detector.h"
#include "engine/partition.h"

namespace picket {

namespace {

constexpr std::int64_t midnight = 1'789'344'000;  // 2026-09-14
constexpr std::int64_t day_s = 86'400;

// Tells of each service what is known of it.
void tell_services(const HostDay& day, const HostNorms& norms, const Judging&, Emit& emit) {
  for (const auto& [service, talk] : day.services.entries()) {
    const auto days = [&](std::uint64_t scope, HostTrait kind, std::uint64_t thing) {
      return std::to_string(norms.days(host_trait(scope, kind, thing), day.day));
    };
    Subject subject;
    subject.remote_ip = talk.remote;
    subject.connection = NetworkConnection{.remote_port = talk.remote_port};
    const std::uint64_t shared = host_trait(day.everyone, HostTrait::service, service);
    emit.detection({{"host", days(day.host, HostTrait::service, service)},
                    {"neighbours", days(day.neighbours, HostTrait::service, service)},
                    {"account", days(day.everyone, HostTrait::service, service)},
                    {"many", days(day.everyone, HostTrait::many, shared)},
                    {"today", std::to_string(norms.hosts_today(shared, day.day))},
                    {"began", days(day.host, HostTrait::began_service, 0)}},
                   std::move(subject), talk.records, talk.first.proof(), talk.last.proof());
  }
}

const Detector detector = {.types = {{.name = "Behavior:EC2/Test"}},
                           .when = {flows()},
                           .issue = {key::remote_port},
                           .logic = learned(tell_services)};
const std::vector<const Detector*> detectors = {&detector};

FlowRecord flow(const char* local, const char* remote, std::uint16_t port, std::int64_t day,
                std::int64_t second, std::uint64_t position) {
  FlowRecord record;
  record.srcaddr = *IpAddress::parse(local);
  record.dstaddr = *IpAddress::parse(remote);
  record.srcport = 40'000;
  record.dstport = port;
  record.protocol = 6;
  record.packets = 12;
  record.bytes = 4000;
  record.start = record.end = midnight + day * day_s + second;
  record.action = FlowAction::accept;
  record.account_id = "111122223333";
  record.interface_id = local;
  record.position = position;
  return record;
}

std::vector<FlowRecord> some_days() {
  std::vector<FlowRecord> records;
  for (std::int64_t day = 0; day < 40; ++day) {
    for (const char* local : {"10.0.1.1", "10.0.1.2", "10.0.200.3", "10.0.200.4"}) {
      for (int n = 0; n < 3; ++n) {
        const auto port = static_cast<std::uint16_t>(1000 + (day * 7 + n * n + local[8]) % 19);
        records.push_back(
            flow(local, n == 0 ? "203.0.113.1" : "203.0.113.2", port, day, 600 * n, records.size()));
      }
    }
  }
  return records;
}

using Told = std::map<std::uint64_t, std::string>;

// Feeds the records in slices, `workers` tables each, the watermark behind the newest of them.
class Fed {
 public:
  Fed() : learner_(detectors) {}
  void feed(std::span<const FlowRecord> records, unsigned workers, TimeMs watermark) {
    std::vector<HostDayTable> tables(workers);
    for (std::size_t i = 0; i < records.size(); ++i)
      tables[i % workers].add(records.subspan(i, 1), {1, 0, {}, "eu-west-1"}, [](const FlowRecord&) {});
    for (HostDayTable& table : tables) learner_.add(table);
    PartitionOutput out = learner_.turn(watermark, facts_);
    for (auto& [window, detection] : out.windows) {
      std::string text = detection.issue + ' ' + std::to_string(detection.count);
      for (const auto& [name, value] : detection.evidence) text += ' ' + name + '=' + value;
      told[window] = text;
    }
    for (const std::uint64_t window : out.withdrawn) told.erase(window);
  }
  std::string saved() const {
    std::string bytes;
    Writer out(bytes);
    learner_.save(out);
    return bytes;
  }
  bool load(std::string_view bytes) {
    Reader in(bytes);
    learner_.load(in);
    return !in.failed() && in.at_end();
  }
  const HostLearner& learner() const { return learner_; }
  Told told;

 private:
  HostLearner learner_;
  Facts facts_;
};

constexpr TimeMs end_of_all = (midnight + 50 * day_s) * second_ms;

TEST(HostLearner, TellsTheSameForAnyEpochsWorkersAndOrder) {
  std::vector<FlowRecord> records = some_days();
  Fed at_once;
  at_once.feed(records, 1, end_of_all);
  ASSERT_EQ(at_once.told.size(), 40U * 4 * 3);
  EXPECT_EQ(at_once.learner().open_days(), 0U);

  std::mt19937 random(1);
  for (const std::size_t slice : {std::size_t{7}, std::size_t{29}, std::size_t{200}}) {
    Fed fed;
    for (std::size_t i = 0; i < records.size(); i += slice) {
      std::vector<FlowRecord> part(
          records.begin() + static_cast<std::ptrdiff_t>(i),
          records.begin() + static_cast<std::ptrdiff_t>(std::min(i + slice, records.size())));
      const TimeMs watermark = part.front().start_ms() - 30 * minute_ms;
      std::shuffle(part.begin(), part.end(), random);
      fed.feed(part, 3, watermark);
    }
    fed.feed({}, 1, end_of_all);
    EXPECT_EQ(fed.told, at_once.told);
    EXPECT_EQ(fed.saved(), at_once.saved());
  }
}

TEST(HostLearner, GoesOnFromASnapshot) {
  const std::vector<FlowRecord> records = some_days();
  const std::span<const FlowRecord> all(records);
  Fed whole, before, after;
  const TimeMs watermark = all[200].start_ms() - 30 * minute_ms;
  for (Fed* fed : {&whole, &before}) fed->feed(all.first(200), 2, watermark);
  ASSERT_TRUE(after.load(before.saved()));
  EXPECT_EQ(after.saved(), before.saved());
  after.told = before.told;
  for (Fed* fed : {&whole, &after}) fed->feed(all.subspan(200), 2, end_of_all);
  EXPECT_EQ(after.told, whole.told);
  EXPECT_EQ(after.saved(), whole.saved());
  Fed broken;
  EXPECT_FALSE(broken.load(std::string_view(before.saved()).substr(0, 1000)));
}

TEST(HostLearner, LearnsADayOnlyWhenItIsOver) {
  Fed fed;
  const auto records = {flow("10.0.1.1", "203.0.113.1", 4444, 0, 100, 1),
                        flow("10.0.1.1", "203.0.113.1", 4444, 1, 100, 2)};
  fed.feed({std::data(records), 1}, 1, midnight * second_ms);
  ASSERT_EQ(fed.told.size(), 1U);
  fed.feed({std::data(records) + 1, 1}, 1, (midnight + day_s + 60) * second_ms);
  ASSERT_EQ(fed.told.size(), 2U);
  std::size_t first = 0, second = 0;
  for (const auto& [window, text] : fed.told) {
    first += text.find("host=0 neighbours=0 account=0 many=0 today=1 began=0") != std::string::npos;
    second += text.find("host=1 neighbours=1 account=1 many=0 today=1 began=1") != std::string::npos;
  }
  EXPECT_EQ(first, 1U);
  EXPECT_EQ(second, 1U);
}

TEST(HostLearner, KnowsWhatManyDo) {
  Fed fed;
  std::vector<FlowRecord> records;
  for (std::int64_t day = 0; day < 2; ++day) {
    for (const char* local : {"10.0.1.1", "10.0.1.2", "10.0.200.3"})
      records.push_back(flow(local, "203.0.113.1", 5671, day, 100, records.size()));
  }
  fed.feed(records, 1, end_of_all);
  std::size_t known = 0;
  for (const auto& [window, text] : fed.told)
    known += text.find("account=1 many=1 today=3") != std::string::npos;
  EXPECT_EQ(known, 3U);
}

TEST(HostLearner, TakesOnlyWhatTheHostBegan) {
  Fed fed;
  FlowRecord answer = flow("10.0.1.1", "203.0.113.1", 4444, 0, 100, 1);
  std::swap(answer.srcaddr, answer.dstaddr);
  std::swap(answer.srcport, answer.dstport);
  FlowRecord refused = flow("10.0.1.1", "203.0.113.1", 4445, 0, 100, 2);
  refused.action = FlowAction::reject;
  FlowRecord probe = flow("10.0.1.1", "203.0.113.1", 4446, 0, 100, 3);
  probe.packets = 3;
  FlowRecord inward = flow("203.0.113.1", "10.0.1.1", 4447, 0, 100, 4);
  FlowRecord unclear = flow("10.0.1.1", "203.0.113.1", 44'480, 0, 100, 5);
  const std::vector<FlowRecord> records = {answer, refused, probe,
                                           inward, unclear, flow("10.0.1.1", "10.0.1.2", 4449, 0, 100, 6)};
  fed.feed(records, 1, end_of_all);
  EXPECT_TRUE(fed.told.empty());
}

}  // namespace

}  // namespace picket
