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

constexpr std::uint16_t told_port = 6667;

// What was known of a host's service on a day when it was judged last.
using Seen = std::map<std::tuple<std::int32_t, std::string, std::uint16_t>, std::string>;
Seen* seen = nullptr;

// Notes what is known of each service, and tells of one.
void judge_services(const HostDay& day, const HostNorms& norms, const Judging&, Emit& emit) {
  for (const auto& [service, talk] : day.services.entries()) {
    const auto days = [&](std::uint64_t scope, HostTrait kind, std::uint64_t thing) {
      return std::to_string(norms.days(host_trait(scope, kind, thing), day.day));
    };
    const std::uint64_t shared = host_trait(day.everyone, HostTrait::service, service);
    (*seen)[{day.day, day.local.to_string(), talk.remote_port}] =
        "host " + days(day.host, HostTrait::service, service) + " neighbours " +
        days(day.neighbours, HostTrait::service, service) + " account " +
        days(day.everyone, HostTrait::service, service) + " many " +
        days(day.everyone, HostTrait::many, shared) + " today " +
        std::to_string(norms.hosts_today(shared, day.day)) + " began " +
        days(day.host, HostTrait::began_service, 0) + " records " + std::to_string(talk.records);
    if (talk.remote_port != told_port) continue;
    Subject subject;
    subject.remote_ip = talk.remote;
    subject.connection = NetworkConnection{.remote_port = talk.remote_port};
    emit.detection({}, std::move(subject), talk.records, talk.first.proof(), talk.last.proof());
  }
}

const Detector detector = {.types = {{.name = "Behavior:EC2/Test"}},
                           .when = {flows()},
                           .issue = {key::remote_port},
                           .logic = learned(judge_services)};
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
        if (day == 20 && n == 2)
          records.push_back(flow(local, "203.0.113.9", told_port, day, 700, records.size()));
        records.push_back(
            flow(local, n == 0 ? "203.0.113.1" : "203.0.113.2", port, day, 600 * n, records.size()));
      }
    }
  }
  return records;
}

// Feeds the records in slices, `workers` tables each, the watermark behind the newest of them.
class Fed {
 public:
  Fed() : learner_(detectors) {}
  void feed(std::span<const FlowRecord> records, unsigned workers, TimeMs watermark) {
    std::vector<HostDayTable> tables(workers);
    for (std::size_t i = 0; i < records.size(); ++i)
      tables[i % workers].add(records.subspan(i, 1), {1, 0, {}, "eu-west-1"}, [](const FlowRecord&) {});
    for (HostDayTable& table : tables) learner_.add(table);
    seen = &known;
    PartitionOutput out = learner_.turn(watermark, facts_);
    for (auto& [window, detection] : out.windows) told[window] = detection.count;
    for (const std::uint64_t window : out.withdrawn) told.erase(window);
    settled += out.settled.size();
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
  Seen known;
  std::map<std::uint64_t, std::uint64_t> told;  // records by window
  std::size_t settled = 0;

 private:
  HostLearner learner_;
  Facts facts_;
};

constexpr TimeMs end_of_all = (midnight + 100 * day_s) * second_ms;

TEST(HostLearner, JudgesTheSameForAnyEpochsWorkersAndOrder) {
  std::vector<FlowRecord> records = some_days();
  Fed at_once;
  at_once.feed(records, 1, end_of_all);
  ASSERT_EQ(at_once.known.size(), 40U * 4 * 3 + 4);
  ASSERT_EQ(at_once.told.size(), 4U);
  EXPECT_EQ(at_once.settled, 4U);
  EXPECT_EQ(at_once.learner().open_days(), 0U);

  std::mt19937 random(1);
  for (const std::size_t slice : {std::size_t{7}, std::size_t{29}, std::size_t{200}}) {
    Fed fed;
    for (std::size_t i = 0; i < records.size(); i += slice) {
      const auto from = records.begin() + static_cast<std::ptrdiff_t>(i);
      std::vector<FlowRecord> part(from,
                                   from + static_cast<std::ptrdiff_t>(std::min(slice, records.size() - i)));
      const TimeMs watermark = part.front().start_ms() - 30 * minute_ms;
      std::shuffle(part.begin(), part.end(), random);
      fed.feed(part, 3, watermark);
    }
    fed.feed({}, 1, end_of_all);
    EXPECT_EQ(fed.known, at_once.known);
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
  after.known = before.known;
  after.told = before.told;
  for (Fed* fed : {&whole, &after}) fed->feed(all.subspan(200), 2, end_of_all);
  EXPECT_EQ(after.known, whole.known);
  EXPECT_EQ(after.told, whole.told);
  EXPECT_EQ(after.saved(), whole.saved());
  Fed broken;
  EXPECT_FALSE(broken.load(std::string_view(before.saved()).substr(0, 1000)));
}

// A host whose ports are so many in the end that none counts, and others that share its first ones.
TEST(HostLearner, CountsOfAnOpenDayDoNotShowInTheEnd) {
  std::vector<FlowRecord> records;
  for (const char* local : {"10.0.1.1", "10.0.1.2"})
    records.push_back(flow(local, "203.0.113.1", 5671, 0, 10, 1));
  for (std::uint16_t n = 0; n < 40; ++n)
    records.push_back(
        flow("10.0.1.3", "203.0.113.1", static_cast<std::uint16_t>(5671 + n), 0, 20 + n, 2U + n));
  Fed at_once, bit_by_bit;
  at_once.feed(records, 1, end_of_all);
  for (std::size_t i = 0; i < records.size(); ++i)
    bit_by_bit.feed(std::span(records).subspan(i, 1), 1, midnight * second_ms);
  bit_by_bit.feed({}, 1, end_of_all);
  EXPECT_EQ(bit_by_bit.saved(), at_once.saved());
  const auto day = static_cast<std::int32_t>(midnight / day_s);
  EXPECT_EQ((bit_by_bit.known[{day, "10.0.1.1", 5671}]), (at_once.known[{day, "10.0.1.1", 5671}]));
}

// The records of one host and port on each of these days.
std::vector<FlowRecord> days_of(const char* local, std::uint16_t port,
                                std::initializer_list<std::int64_t> days) {
  std::vector<FlowRecord> records;
  for (const std::int64_t day : days) records.push_back(flow(local, "203.0.113.1", port, day, 100, 7));
  return records;
}

std::string known_of(const Fed& fed, std::int64_t day, const char* local, std::uint16_t port) {
  const auto at = fed.known.find({static_cast<std::int32_t>(midnight / day_s + day), local, port});
  return at == fed.known.end() ? "nothing" : at->second;
}

TEST(HostLearner, LearnsADayOnlyWhenItIsOver) {
  Fed fed;
  const std::vector<FlowRecord> records = days_of("10.0.1.1", 4444, {0, 1});
  fed.feed(std::span(records).first(1), 1, midnight * second_ms);
  fed.feed(std::span(records).last(1), 1, (midnight + day_s - 1) * second_ms);
  EXPECT_EQ(known_of(fed, 1, "10.0.1.1", 4444),
            "host 0 neighbours 0 account 0 many 0 today 1 began 0 records 1");
  fed.feed({}, 1, end_of_all);
  EXPECT_EQ(known_of(fed, 1, "10.0.1.1", 4444),
            "host 1 neighbours 1 account 1 many 0 today 1 began 1 records 1");
}

TEST(HostLearner, KnowsWhatManyDo) {
  Fed fed;
  std::vector<FlowRecord> records;
  for (const char* local : {"10.0.1.1", "10.0.1.2", "10.0.200.3"})
    std::ranges::copy(days_of(local, 5671, {0, 1}), std::back_inserter(records));
  fed.feed(records, 1, end_of_all);
  EXPECT_EQ(known_of(fed, 1, "10.0.200.3", 5671),
            "host 1 neighbours 1 account 1 many 1 today 3 began 1 records 1");
}

TEST(HostLearner, DoesNotLearnTheNewOfADayWithAFindingForAWeek) {
  Fed fed;
  std::vector<FlowRecord> records = days_of("10.0.1.1", told_port, {0, 1, 2, 3, 4, 5, 6, 7, 8});
  std::ranges::copy(days_of("10.0.1.1", 5671, {0, 1}), std::back_inserter(records));
  fed.feed(records, 1, end_of_all);
  EXPECT_EQ(known_of(fed, 1, "10.0.1.1", 5671),
            "host 0 neighbours 0 account 0 many 0 today 1 began 0 records 1");
  EXPECT_EQ(known_of(fed, 7, "10.0.1.1", told_port),
            "host 0 neighbours 0 account 0 many 0 today 1 began 0 records 1");
  EXPECT_EQ(known_of(fed, 8, "10.0.1.1", told_port),
            "host 1 neighbours 1 account 1 many 0 today 1 began 0 records 1");
  EXPECT_EQ(fed.told.size(), 9U);
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
  EXPECT_TRUE(fed.known.empty());
}

}  // namespace

}  // namespace picket
