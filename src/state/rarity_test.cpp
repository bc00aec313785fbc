// What is normal, over made-up principals: labels by days, back-off by level, forgetting, merging and poison.
#include "state/rarity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace picket {
namespace {

constexpr Day first = 20'006;  // begins a period of 7 days

struct Doing {
  Act act;
  std::array<std::string, factor_count> texts;
};

Doing doing(int principal, std::string_view api, std::string_view network = "home") {
  Doing made;
  made.act.principal = hash64(fmt::format("principal {}", principal));
  made.act.peers = hash64(principal < 100 ? "peers" : "others");
  made.act.account = hash64("account");
  const auto put = [&](Factor factor, std::string_view text) {
    made.act.prints[static_cast<std::size_t>(factor)] = Rarity::print(text);
    made.texts[static_cast<std::size_t>(factor)] = text;
  };
  put(Factor::api, api);
  put(Factor::network, network);
  return made;
}

void learn(Rarity& norms, const Doing& what, Day day) {
  norms.begin_day(day);
  norms.learn(what.act, day, what.texts);
}

std::string bytes_of(const Rarity& norms) {
  std::string bytes;
  Writer out(bytes);
  norms.save(out);
  return bytes;
}

TEST(DayBits, LabelsByDaysOfTheLastMonth) {
  DayBits days;
  EXPECT_EQ(days.frequency(first), Frequency::unseen);
  days.set(first);
  EXPECT_EQ(days.frequency(first), Frequency::unseen) << "today does not count";
  EXPECT_EQ(days.frequency(first + 1), Frequency::rare);
  EXPECT_EQ(days.frequency(first + 63), Frequency::rare);
  EXPECT_EQ(days.frequency(first + 64), Frequency::unseen);
  days.set(first + 1);
  EXPECT_EQ(days.frequency(first + 2), Frequency::infrequent);
  EXPECT_EQ(days.frequency(first + 30), Frequency::infrequent);
  EXPECT_EQ(days.frequency(first + 31), Frequency::rare) << "one of the two is more than a month ago";
  days.set(first + 2);
  EXPECT_EQ(days.frequency(first + 3), Frequency::infrequent);
  days.set(first + 3);
  EXPECT_EQ(days.frequency(first + 4), Frequency::frequent);
}

TEST(DayBits, MergesInAnyOrder) {
  DayBits a, b;
  for (const Day day : {0, 5, 63}) a.set(first + day);
  for (const Day day : {63, 5, 0}) b.set(first + day);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.last, b.last);
  b.set(first - 1);
  EXPECT_EQ(a.bits, b.bits) << "64 days before the latest is too long ago";
}

TEST(Rarity, AnswersByLevel) {
  Rarity norms;
  for (Day day = first; day < first + 20; ++day) {
    for (int who = 0; who < 5; ++who) learn(norms, doing(who, fmt::format("own {}", who)), day);
    learn(norms, doing(1, "of a peer"), day);
    learn(norms, doing(100, "of the account"), day);
  }
  const Day today = first + 20;
  norms.begin_day(today);
  const auto api = [&](std::string_view name) {
    return norms.judge(doing(0, name).act, today).of(Factor::api);
  };
  EXPECT_EQ(api("own 0").total(), 0);
  EXPECT_TRUE(api("own 0").seen);
  const FactorBits peer = api("of a peer"), account = api("of the account"), nobody = api("of nobody");
  EXPECT_GT(peer.own, 4 * 256) << "somebody who never did anything new";
  EXPECT_EQ(peer.account, 0);
  EXPECT_GT(account.peers, 0);
  EXPECT_EQ(account.organisation, 0);
  EXPECT_GT(nobody.organisation, 0);
  EXPECT_LT(peer.total(), account.total());
  EXPECT_LT(account.total(), nobody.total());
}

TEST(Rarity, ExpectsNewThingsOfThoseWhoDoThem) {
  Rarity norms;
  for (Day day = first; day < first + 30; ++day) {
    learn(norms, doing(1, "always"), day);
    learn(norms, doing(2, "always"), day);
    learn(norms, doing(2, fmt::format("new {}", day)), day);
  }
  const Day today = first + 30;
  const auto own = [&](int who) {
    return norms.judge(doing(who, "never seen").act, today).of(Factor::api).own;
  };
  EXPECT_GT(own(1), own(2) + 3 * 256);
}

TEST(Rarity, TheYoungAreJudgedByTheirPeers) {
  Rarity norms;
  for (Day day = first; day < first + 20; ++day) learn(norms, doing(1, "usual"), day);
  learn(norms, doing(2, "other"), first + 19);
  const Rarity::Judgement judgement = norms.judge(doing(2, "usual").act, first + 20);
  EXPECT_TRUE(judgement.young);
  EXPECT_TRUE(judgement.settled);
  EXPECT_EQ(judgement.of(Factor::api).total(), 0);
}

TEST(Rarity, WarmsUpForTwoWeeks) {
  Rarity norms;
  learn(norms, doing(1, "a"), first);
  EXPECT_FALSE(norms.judge(doing(1, "a").act, first + 13).settled);
  EXPECT_TRUE(norms.judge(doing(1, "a").act, first + 14).settled);
}

TEST(Rarity, ForgetsAfterTwoMonths) {
  Rarity norms;
  learn(norms, doing(1, "once"), first);
  for (Day day = first + 1; day < first + 80; ++day) learn(norms, doing(1, "always"), day);
  EXPECT_FALSE(norms.judge(doing(1, "once").act, first + 80).of(Factor::api).seen);
  EXPECT_EQ(norms.find(doing(1, "").act.principal)->values().size(), 2U) << "an API and a network";
  EXPECT_EQ(norms.text_of(Factor::api, Rarity::print("once")), "");
}

TEST(Rarity, KeepsAlarmsOutThreeTimes) {
  Rarity norms;
  for (Day day = first; day < first + 20; ++day) learn(norms, doing(1, "usual"), day);
  const Doing attack = doing(1, "attack");
  for (Day day = first + 20; day < first + 23; ++day) {
    learn(norms, attack, day);
    EXPECT_TRUE(norms.alarm(attack.act.principal, day));
    norms.unlearn(attack.act, day);
    learn(norms, attack, day);
    EXPECT_FALSE(norms.judge(attack.act, day + 1).of(Factor::api).seen);
  }
  EXPECT_FALSE(norms.alarm(attack.act.principal, first + 23));
  learn(norms, attack, first + 23);
  EXPECT_TRUE(norms.judge(attack.act, first + 24).of(Factor::api).seen);
}

TEST(DayBits, CountsBesides) {
  DayBits days;
  for (const Day day : {0, 1, 10, 20, 63}) days.set(first + day);
  EXPECT_EQ(days.count({first, first}), 5U);
  EXPECT_EQ(days.count({first, first + 1}), 4U);
  EXPECT_EQ(days.count({first + 1, first + 20}), 3U);
  EXPECT_EQ(days.count({first - 100, first + 100}), 0U);
  EXPECT_EQ(days.count({first + 64, first + 70}), 5U);
  EXPECT_EQ(days.before(first + 20), 3U);
}

TEST(Rarity, JudgesAPeriodByTheOthers) {
  Rarity norms;
  for (Day day = first; day < first + 28; ++day) {
    learn(norms, doing(1, "usual"), day);
    learn(norms, doing(2, "usual"), day);
    if (day < first + 3) learn(norms, doing(1, "in the first days"), day);
    if (day == first + 25) learn(norms, doing(1, "twice"), day);
    if (day == first + 1) learn(norms, doing(1, "twice"), day);
  }
  EXPECT_TRUE(norms.judge(doing(1, "in the first days").act, first + 2).of(Factor::api).seen);
  norms.judge_in_retrospect(7);
  const Rarity::Judgement judgement = norms.judge(doing(1, "in the first days").act, first + 2);
  EXPECT_FALSE(judgement.of(Factor::api).seen);
  EXPECT_GT(judgement.of(Factor::api).total(), 4 * 256);
  EXPECT_TRUE(judgement.settled);
  EXPECT_TRUE(norms.judge(doing(1, "twice").act, first + 1).of(Factor::api).seen);
  EXPECT_TRUE(norms.judge(doing(1, "usual").act, first).of(Factor::api).seen);
}

TEST(Rarity, StaysWithinFourKilobytes) {
  Rarity norms;
  for (int i = 0; i < 3000; ++i) learn(norms, doing(1, fmt::format("api {}", i)), first + i / 100);
  const Norm* norm = norms.find(doing(1, "").act.principal);
  EXPECT_LE(norm->values().size() * sizeof(Norm::Value) + sizeof *norm, 4096U);
  EXPECT_NE(norm->find(Factor::network, Rarity::print("home")), nullptr) << "what is usual stays";
}

TEST(Rarity, LearnsTheSameInAnyOrderAndTwice) {
  std::vector<std::pair<Doing, Day>> all;
  for (int i = 0; i < 400; ++i)
    all.emplace_back(doing(i % 7, fmt::format("api {}", i * i % 23), fmt::format("net {}", i % 5)),
                     first + i % 30);
  Rarity straight, shuffled;
  for (const auto& [what, day] : all) straight.learn(what.act, day, what.texts);
  std::shuffle(all.begin(), all.end(), std::mt19937(7));
  all.insert(all.end(), all.begin(), all.begin() + 100);
  for (const auto& [what, day] : all) shuffled.learn(what.act, day, what.texts);
  const Act act = doing(3, "api 4", "net 2").act;
  for (const Factor factor : {Factor::api, Factor::network}) {
    EXPECT_EQ(straight.judge(act, first + 31).of(factor).total(),
              shuffled.judge(act, first + 31).of(factor).total());
    EXPECT_EQ(straight.usual(Rarity::Scope::account, act, factor, first + 31, 20),
              shuffled.usual(Rarity::Scope::account, act, factor, first + 31, 20));
  }
}

TEST(Rarity, MergesExactly) {
  Rarity whole, odd, even;
  for (int i = 0; i < 600; ++i) {
    const Doing what = doing(i % 11, fmt::format("api {}", i * i % 31));
    const Day day = first + i / 20;
    whole.learn(what.act, day, what.texts);
    (i / 20 % 2 == 0 ? even : odd).learn(what.act, day, what.texts);
  }
  Rarity a = odd, b = even, c = whole;
  a.merge(even);
  b.merge(odd);
  c.merge(Rarity{});
  EXPECT_EQ(bytes_of(a), bytes_of(b));
  EXPECT_EQ(bytes_of(a), bytes_of(c));
}

TEST(Rarity, ComesBackFromItsBytes) {
  Rarity norms;
  for (int i = 0; i < 100; ++i) learn(norms, doing(i % 5, fmt::format("api {}", i % 17)), first + i / 4);
  norms.note_score(hash64("account"), 20 * 256);
  const std::string bytes = bytes_of(norms);
  Rarity again;
  Reader in(bytes);
  again.load(in);
  EXPECT_TRUE(in.at_end() && !in.failed());
  EXPECT_EQ(bytes_of(again), bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    Rarity broken;
    Reader half(std::string_view(bytes).substr(0, size));
    broken.load(half);
    EXPECT_TRUE(half.failed()) << size;
  }
}

TEST(Rarity, TellsHowOftenAScoreComes) {
  Rarity norms;
  for (int i = 0; i < 999; ++i) norms.note_score(1, 0);
  norms.note_score(1, 30 * 256);
  EXPECT_EQ(norms.one_in(1, 30 * 256), 1000U);
  EXPECT_EQ(norms.one_in(1, 0), 1U);
  EXPECT_EQ(norms.one_in(2, 0), 1U);
}

}  // namespace
}  // namespace picket
