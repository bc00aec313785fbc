// What is kept of entities: additive, walled by account, bounded, and the same after a restart.
#include "state/entities.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/facts.h"

namespace picket {
namespace {

constexpr std::int32_t day = 20'000;
constexpr std::int32_t all_days = 1 << 16;
constexpr std::size_t plenty = 64U << 20;

std::optional<GeoPlace> place_of(const IpAddress& ip) {
  if (ip.to_string() != "198.51.100.7") return std::nullopt;
  return GeoPlace{"DE", 52.5, 13.4, 64500, "Example"};
}

CallTally call(std::string principal, std::string name, std::int32_t on, unsigned times = 1,
               std::string account = "111122223333") {
  CallTally made;
  made.account = std::move(account);
  made.principal = std::move(principal);
  made.remote_ip = IpAddress::parse("198.51.100.7");
  made.call = std::move(name);
  made.region = "eu-central-1";
  made.client = "aws-cli/2";
  for (unsigned i = 0; i < times; ++i) made.count(TimeMs{on} * day_ms + 10 * hour_ms + i);
  return made;
}

void feed(Entities& entities, const std::vector<CallTally>& calls, std::int32_t settled = 0) {
  entities.add(calls, place_of);
  entities.end_epoch(settled);
}

const Entities::Value* value(const Entities::Data& data, Facet facet, std::string_view text) {
  for (const Entities::Value& one : data.values)
    if (one.facet == facet && one.text == text) return &one;
  return nullptr;
}

std::string bytes_of(const Entities& entities) {
  std::string bytes;
  Writer out(bytes);
  entities.save(out);
  return bytes;
}

TEST(Entities, CountsCallsOfAPrincipalAndOfWhomItHadToDoWith) {
  Entities entities(plenty);
  CallTally refused = call("ana", "iam.amazonaws.com:CreateUser", day, 2);
  refused.failed = true;
  refused.error = "AccessDenied";
  feed(entities, {call("ana", "s3.amazonaws.com:ListBuckets", day, 3), refused});
  feed(entities, {call("ana", "s3.amazonaws.com:ListBuckets", day + 1)});

  const auto ana = entities.data({}, EntityKind::principal, "ana", 0, all_days);
  ASSERT_TRUE(ana);
  EXPECT_EQ(ana->activity, 6U);
  EXPECT_EQ(ana->accounts, std::vector<std::string>{"111122223333"});
  const auto* list = value(*ana, Facet::call, "s3.amazonaws.com:ListBuckets");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->count, 4U);
  EXPECT_EQ(list->failed, 0U);
  EXPECT_EQ(list->first_day, day);
  EXPECT_EQ(list->last_day, day + 1);
  const auto* create = value(*ana, Facet::call, "iam.amazonaws.com:CreateUser");
  ASSERT_NE(create, nullptr);
  EXPECT_EQ(create->failed, 2U);
  ASSERT_NE(value(*ana, Facet::error, "AccessDenied"), nullptr);
  ASSERT_NE(value(*ana, Facet::network, "AS64500 Example"), nullptr);
  ASSERT_NE(value(*ana, Facet::country, "DE"), nullptr);
  ASSERT_NE(value(*ana, facet_of(EntityKind::address), "198.51.100.7"), nullptr);
  EXPECT_EQ(value(*ana, facet_of(EntityKind::principal), "ana"), nullptr) << "nobody is its own neighbour";
  ASSERT_EQ(ana->hours.size(), 2U);
  EXPECT_EQ(ana->hours[0], (HourCount{day * 24 + 10, 5, 2}));

  const auto address = entities.data({}, EntityKind::address, "198.51.100.7", day + 1, day + 1);
  ASSERT_TRUE(address);
  const auto* known = value(*address, facet_of(EntityKind::principal), "ana");
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->count, 1U) << "of the day asked for";
  EXPECT_EQ(known->known_since, day) << "but it was there before";
}

TEST(Entities, AnAccountSeesItsOwnOnly) {
  Entities entities(plenty);
  feed(entities, {call("ana", "s3:A", day), call("ana", "s3:B", day, 1, "444455556666")});
  const Entities::Accounts ours{{"111122223333"}}, none{std::vector<std::string>{}};
  const auto address = entities.data(ours, EntityKind::address, "198.51.100.7", 0, all_days);
  ASSERT_TRUE(address);
  EXPECT_NE(value(*address, Facet::call, "s3:A"), nullptr);
  EXPECT_EQ(value(*address, Facet::call, "s3:B"), nullptr);
  EXPECT_FALSE(entities.data(none, EntityKind::address, "198.51.100.7", 0, all_days));
  EXPECT_TRUE(entities.find(none, {}, "", 10).empty());
  EXPECT_EQ(entities.find(ours, EntityKind::principal, "AN", 10).size(), 1U);
  const auto both = entities.data({}, EntityKind::address, "198.51.100.7", 0, all_days);
  EXPECT_EQ(both->accounts.size(), 2U);
  EXPECT_EQ(both->activity, 2U);
}

TEST(Entities, ACopyIsTakenBack) {
  Entities entities(plenty);
  CallTally twice = call("ana", "s3:A", day, 2);
  twice.uncount(day * 24 + 10);
  CallTally gone = call("ben", "s3:A", day);
  gone.uncount(day * 24 + 10);
  feed(entities, {twice, gone});
  EXPECT_EQ(entities.data({}, EntityKind::principal, "ana", 0, all_days)->activity, 1U);
  EXPECT_FALSE(entities.data({}, EntityKind::principal, "ben", 0, all_days));
}

TEST(Entities, AHostsDayIsReplacedUntilItIsOver) {
  Entities entities(plenty);
  HostTally host;
  host.account = "111122223333";
  host.instance = "i-0123456789abcdef0";
  host.source = 7;
  host.day = day;
  host.first = host.last = TimeMs{day} * day_ms;
  host.hours[3] = 10;
  host.peers.push_back({*IpAddress::parse("198.51.100.7"), 10, 4096});
  host.ports.push_back({"tcp/443", 10, 4096});
  const auto tell = [&](std::uint32_t records, std::int32_t settled) {
    host.hours[3] = records;
    host.peers[0].records = records;
    entities.replace({&host, 1}, place_of);
    entities.end_epoch(settled);
  };
  tell(10, day);
  tell(15, day);
  auto instance = entities.data({}, EntityKind::instance, host.instance, 0, all_days);
  ASSERT_TRUE(instance);
  EXPECT_EQ(instance->activity, 15U);
  EXPECT_EQ(value(*instance, facet_of(EntityKind::address), "198.51.100.7")->count, 15U);
  EXPECT_EQ(value(*instance, Facet::port, "tcp/443")->bytes, 4096U);
  entities.end_epoch(day + 1);
  instance = entities.data({}, EntityKind::instance, host.instance, 0, all_days);
  EXPECT_EQ(instance->activity, 15U) << "settling changes nothing";
  EXPECT_EQ(value(*instance, facet_of(EntityKind::address), "198.51.100.7")->count, 15U);
  ASSERT_EQ(instance->hours.size(), 1U);
  EXPECT_EQ(instance->hours[0], (HourCount{day * 24 + 3, 15, 0}));
  const auto address = entities.data({}, EntityKind::address, "198.51.100.7", 0, all_days);
  EXPECT_EQ(value(*address, facet_of(EntityKind::instance), host.instance)->count, 15U);
}

TEST(Entities, OrderAndCutsDoNotShow) {
  std::vector<CallTally> calls;
  for (int i = 0; i < 50; ++i)
    calls.push_back(call(fmt::format("user{}", i % 7), fmt::format("s3:Call{}", i % 11), day + i % 3,
                         static_cast<unsigned>(1 + i % 4)));
  Entities once(plenty), other(plenty);
  feed(once, calls);
  std::ranges::reverse(calls);
  for (const CallTally& one : calls) other.add({&one, 1}, place_of);
  other.end_epoch(0);
  for (int i = 0; i < 7; ++i) {
    const std::string name = fmt::format("user{}", i);
    const auto a = once.data({}, EntityKind::principal, name, 0, all_days);
    const auto b = other.data({}, EntityKind::principal, name, 0, all_days);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->hours, b->hours);
    ASSERT_EQ(a->values.size(), b->values.size());
    for (std::size_t v = 0; v < a->values.size(); ++v) {
      EXPECT_EQ(a->values[v].text, b->values[v].text);
      EXPECT_EQ(a->values[v].count, b->values[v].count);
      EXPECT_EQ(a->values[v].days, b->values[v].days);
    }
  }
}

TEST(Entities, ARestartShowsNothing) {
  Entities entities(plenty);
  feed(entities, {call("ana", "s3:A", day), call("ben", "s3:B", day + 2)});
  const std::string bytes = bytes_of(entities);
  Entities loaded(plenty);
  Reader in(bytes);
  loaded.load(in);
  ASSERT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(bytes_of(loaded), bytes);
  EXPECT_EQ(loaded.counts().bytes, entities.counts().bytes);
  feed(loaded, {call("ana", "s3:A", day + 3)});
  EXPECT_EQ(loaded.data({}, EntityKind::principal, "ana", 0, all_days)->activity, 2U);
  // Every shorter text is refused, none harms.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader cut(std::string_view(bytes).substr(0, size));
    Entities damaged(plenty);
    damaged.load(cut);
    EXPECT_TRUE(cut.failed()) << size;
  }
}

TEST(Entities, TheLeastActiveGoFirstAndAreCounted) {
  constexpr std::size_t little = 200'000;
  Entities entities(little);
  std::vector<CallTally> calls;
  for (int i = 0; i < 2000; ++i)
    calls.push_back(call(fmt::format("user{:04}", i), "s3:A", day, i < 10 ? 50 : 1));
  feed(entities, calls);
  const auto counts = entities.counts();
  EXPECT_LE(counts.bytes, little);
  EXPECT_GT(counts.evicted, 1000U);
  EXPECT_EQ(counts.entities + counts.evicted, 2001U) << "the address is one too";
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(entities.data({}, EntityKind::principal, fmt::format("user{:04}", i), 0, all_days)) << i;
}

TEST(Entities, ANoisyAccountEvictsItself) {
  constexpr std::size_t little = 200'000;
  Entities entities(little);
  std::vector<CallTally> calls;
  for (int i = 0; i < 2000; ++i) calls.push_back(call(fmt::format("user{}", i), "s3:A", day, 5));
  calls.push_back(call("quiet", "s3:A", day, 1, "444455556666"));
  feed(entities, calls);
  EXPECT_GT(entities.counts().evicted, 0U);
  EXPECT_TRUE(entities.data({{"444455556666"}}, EntityKind::principal, "quiet", 0, all_days));
}

TEST(Entities, ManyValuesOfADayAreToldTogether) {
  Entities entities(plenty);
  std::vector<CallTally> calls;
  for (int i = 0; i < 500; ++i)
    calls.push_back(call("ana", fmt::format("s3:Call{:03}", i), day, i < 5 ? 10 : 1));
  feed(entities, calls);
  const auto ana = entities.data({}, EntityKind::principal, "ana", 0, all_days);
  std::size_t kinds = 0;
  std::uint64_t sum = 0;
  for (const auto& one : ana->values) {
    if (one.facet != Facet::call) continue;
    ++kinds;
    sum += one.count;
  }
  EXPECT_EQ(kinds, Entities::values_a_day_max);
  EXPECT_EQ(sum, 5U * 10 + 495) << "nothing is lost";
  EXPECT_EQ(value(*ana, Facet::call, "s3:Call004")->count, 10U);
  EXPECT_EQ(value(*ana, Facet::call, "")->count, 500U - Entities::values_a_day_max + 1);
}

TEST(Entities, OldDaysBecomeWeeksAndThenNothing) {
  Entities entities(plenty);
  for (std::int32_t at = day; at < day + 120; ++at) feed(entities, {call("ana", "s3:A", at)});
  const auto ana = entities.data({}, EntityKind::principal, "ana", 0, all_days);
  const auto* calls = value(*ana, Facet::call, "s3:A");
  ASSERT_NE(calls, nullptr);
  EXPECT_GE(calls->first_day, day + 119 - Entities::days_kept - 7);
  EXPECT_LE(calls->days.size(), static_cast<std::size_t>(Entities::days_exact + 1 + (90 - 30) / 7 + 2));
  EXPECT_EQ(calls->days.back(), (std::pair<std::int32_t, std::uint64_t>{day + 119, 1}));
  EXPECT_EQ(calls->days.front().second, 7U);
  // Who is not seen for so long goes altogether, and takes no room.
  feed(entities, {call("ben", "s3:B", day + 300)});
  EXPECT_FALSE(entities.data({}, EntityKind::principal, "ana", 0, all_days));
  EXPECT_GT(entities.counts().expired, 0U);
}

}  // namespace
}  // namespace picket
