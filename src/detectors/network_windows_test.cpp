// The states of flow windows where cases cannot reach: merging, floods of tens of thousands of flows,
// baselines.
#include <gtest/gtest.h>

#include "detectors/backdoor/denial_of_service.h"
#include "detectors/impact/port_sweep.h"
#include "detectors/recon/portscan.h"
#include "detectors/unauthorized_access/password_guessing.h"

namespace picket::detectors {

namespace {

constexpr std::int64_t start = 1'789'380'100;  // 100 s into an hour

const IpAddress local = *IpAddress::parse("10.0.1.20");
const IpAddress remote = *IpAddress::parse("203.0.113.200");

FlowRecord flow(std::uint16_t srcport, std::uint16_t dstport, std::uint8_t protocol, std::uint64_t packets,
                std::uint64_t bytes, std::int64_t time = start) {
  FlowRecord record;
  record.srcaddr = local;
  record.dstaddr = remote;
  record.srcport = srcport;
  record.dstport = dstport;
  record.protocol = protocol;
  record.packets = packets;
  record.bytes = bytes;
  record.start = record.end = time;
  record.action = FlowAction::accept;
  record.account_id = "111122223333";
  record.interface_id = "eni-0a1b2c3d4e5f60718";
  return record;
}

FlowRecord reversed(FlowRecord record) {
  std::swap(record.srcaddr, record.dstaddr);
  std::swap(record.srcport, record.dstport);
  return record;
}

struct Caught final : Emit {
  void detection(Evidence evidence, Subject, std::uint64_t records, const ProofRecord&,
                 const ProofRecord&) override {
    type = evidence.type;
    count = records;
  }
  std::optional<std::size_t> type;
  std::uint64_t count = 0;
};

template <class State>
std::string saved(const State& state) {
  std::string bytes;
  Writer out(bytes);
  out(state);
  return bytes;
}

template <class State>
State of(const std::vector<FlowRecord>& records) {
  State state;
  for (const FlowRecord& record : records) {
    EXPECT_TRUE(State::select(record));
    state.add(record, {record.start_ms(), 1, record.position, {}});
  }
  return state;
}

// One state, and two of every third record and the rest merged either way round, are the same bytes.
template <class State>
void expect_merge_is_add(std::vector<FlowRecord> records) {
  std::vector<FlowRecord> some, others;
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].position = i;
    (i % 3 == 0 ? some : others).push_back(records[i]);
  }
  const State whole = of<State>(records);
  State a = of<State>(some), b = of<State>(others), empty;
  State ab = a, ba = b;
  ab.merge(b);
  ba.merge(a);
  empty.merge(whole);
  EXPECT_EQ(saved(ab), saved(whole));
  EXPECT_EQ(saved(ba), saved(whole));
  EXPECT_EQ(saved(empty), saved(whole));
}

template <class State, class... Known>
Caught judged(const State& state, const Known&... known) {
  const Facts facts;
  const Judging judging{{}, {}, {}, facts};
  Caught caught;
  state.judge(judging, known..., caught);
  return caught;
}

}  // namespace

TEST(NetworkWindows, MergeIsAddForPorts) {
  std::vector<FlowRecord> records;
  for (std::uint16_t i = 0; i < 400; ++i)
    records.push_back(flow(40000, static_cast<std::uint16_t>(20000 - 37 * i), 6, 1, 60, start - i % 7));
  expect_merge_is_add<PortsTried>(records);
}

TEST(NetworkWindows, MergeIsAddForHosts) {
  std::vector<FlowRecord> records;
  for (std::uint32_t i = 0; i < 400; ++i) {
    records.push_back(flow(40000, 445, 6, 1, 60, start - i % 7));
    records.back().dstaddr = IpAddress::v4(0xc6336400U + 37 * i);
  }
  expect_merge_is_add<HostsTried>(records);
}

TEST(NetworkWindows, OnlySynsAreProbesOfASweep) {
  EXPECT_TRUE(HostsTried::select(flow(40000, 445, 6, 2, 120)));
  EXPECT_TRUE(HostsTried::select(flow(40000, 445, 6, 2, 104)));    // of Windows
  EXPECT_FALSE(HostsTried::select(flow(40000, 5432, 6, 2, 104)));  // or acknowledgements of Linux
  EXPECT_FALSE(HostsTried::select(flow(445, 40000, 6, 1, 60)));
  FlowExtras flags;
  FlowRecord probe = flow(40000, 445, 6, 1, 52);
  probe.more = &flags;
  flags.tcp_flags = 2;
  EXPECT_TRUE(HostsTried::select(probe));
  flags.tcp_flags = 3;  // opened and closed
  EXPECT_FALSE(HostsTried::select(probe));
}

TEST(NetworkWindows, MergeIsAddForFloods) {
  std::vector<FlowRecord> records;
  for (std::uint16_t i = 0; i < 50; ++i) {
    records.push_back(flow(40000, 9999, 17, 30'000U + i, 3'000'000));
    records.push_back(reversed(flow(40000, 9999, 17, 300U + i, 30'000)));
  }
  expect_merge_is_add<Flood>(records);
}

TEST(NetworkWindows, MergeIsAddForGuesses) {
  std::vector<FlowRecord> records;
  for (std::uint16_t i = 0; i < 50; ++i)
    records.push_back(flow(static_cast<std::uint16_t>(40000 + i), 22, 6, 12U + i % 5, 2000, start + 60 * i));
  expect_merge_is_add<PasswordGuessing>(records);
}

TEST(NetworkWindows, FloodOfFreshSocketsFires) {
  // Clients' ports go round; only a share of the records is taken, for which reason `of` is not for these.
  const auto flood = [](std::uint16_t port, std::uint8_t protocol, std::uint64_t bytes, unsigned count,
                        bool answered) {
    Flood state;
    for (unsigned i = 0; i < count; ++i) {
      const FlowRecord sent =
          flow(static_cast<std::uint16_t>(32768 + i % 28000), port, protocol, 1, bytes, start + i / 500);
      for (const FlowRecord& record : {sent, reversed(sent)}) {
        if (record.srcaddr == remote && !answered) continue;
        if (Flood::select(record)) state.add(record, {record.start_ms(), 1, i, {}});
      }
    }
    return judged(state).type;
  };
  EXPECT_EQ(flood(53, 17, 92, 40'000, false), 0U);
  EXPECT_FALSE(flood(53, 17, 92, 29'000, false));
  EXPECT_FALSE(flood(53, 17, 92, 40'000, true));
  EXPECT_EQ(flood(80, 6, 40, 40'000, false), 1U);
}

TEST(NetworkWindows, HalfOfAConversationAtAWindowsEdgeIsNoFlood) {
  const std::int64_t window = start - 100;
  EXPECT_FALSE(judged(of<Flood>({flow(40000, 9999, 17, 90'000, 9'000'000, window + 599)})).type);
  EXPECT_TRUE(judged(of<Flood>({flow(40000, 9999, 17, 90'000, 9'000'000, window + 590)})).type);
}

TEST(NetworkWindows, GuessingAsOftenAsEverIsQuiet) {
  std::vector<FlowRecord> records;
  for (std::uint16_t i = 0; i < 20; ++i)
    records.push_back(flow(static_cast<std::uint16_t>(40000 + i), 22, 6, 14, 2000, start + i));
  const PasswordGuessing hour = of<PasswordGuessing>(records);
  PasswordGuessing::Baseline usual;
  EXPECT_EQ(judged(hour, usual).count, 20U);
  usual.fold(of<PasswordGuessing>({records.begin(), records.begin() + 9}));
  EXPECT_EQ(judged(hour, usual).count, 20U);
  usual.fold(of<PasswordGuessing>({records.begin(), records.begin() + 10}));
  EXPECT_EQ(judged(hour, usual).count, 0U);
}

TEST(NetworkWindows, ResetsOfAScannedHostAreNoProbes) {
  EXPECT_FALSE(PortsTried::select(flow(60000, 40000, 6, 1, 40)));
  EXPECT_FALSE(PortsTried::select(flow(22, 40000, 6, 1, 40)));
  EXPECT_FALSE(PortsTried::select(flow(30000, 2000, 6, 1, 40)));  // to a NAT gateway's port
  FlowExtras flags;
  flags.tcp_flags = 4;
  FlowRecord reset = flow(30000, 2000, 6, 2, 104);
  EXPECT_TRUE(PortsTried::select(reset));
  reset.more = &flags;
  EXPECT_FALSE(PortsTried::select(reset));
}

}  // namespace picket::detectors
