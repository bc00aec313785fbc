#include "engine/host_day.h"

#include <gtest/gtest.h>

#include <random>

namespace picket {

namespace {

// Contacts at these seconds of the day.
Contact contact_at(const std::vector<double>& seconds, std::uint64_t bytes = 900) {
  Contact contact;
  for (const double second : seconds) {
    if (second < 0 || second >= 86'400) continue;
    ++contact.records;
    contact.bytes += bytes;
    contact.client_ports |= std::uint64_t{1} << (hash_mix(contact.records, 1) >> 58U);
    contact.minutes.add(static_cast<std::uint16_t>(second / 60));
  }
  return contact;
}

std::vector<double> beacon(double period, double jitter, double hours, std::mt19937& random) {
  std::uniform_real_distribution<double> shift(-jitter, jitter);
  std::vector<double> seconds;
  const double start = std::uniform_real_distribution<double>(0, 86'400 - hours * 3600)(random);
  for (double at = start; at < start + hours * 3600; at += period * (1 + shift(random)))
    seconds.push_back(at);
  return seconds;
}

// Arrivals at random, `rate` an hour.
std::vector<double> arrivals(double rate, double hours, std::mt19937& random) {
  std::exponential_distribution<double> gap(rate / 3600);
  std::vector<double> seconds;
  for (double at = gap(random); at < hours * 3600; at += gap(random)) seconds.push_back(at);
  return seconds;
}

TEST(PeriodOf, FindsBeaconsWithJitter) {
  std::mt19937 random(1);
  for (const double jitter : {0.0, 0.1, 0.3}) {
    for (const double period : {30., 45., 60., 120., 180., 300., 600., 900., 1200., 1800., 3600.}) {
      const double hours = std::max(5., 14 * period / 3600);
      int found = 0;
      for (int i = 0; i < 100; ++i)
        found += period_of(contact_at(beacon(period, jitter, hours, random))).has_value();
      EXPECT_GE(found, 95) << period << " s, jitter " << jitter;
    }
  }
}

TEST(PeriodOf, TellsThePeriod) {
  std::mt19937 random(2);
  EXPECT_EQ(period_of(contact_at(beacon(900, 0, 8, random))), 15U);
  EXPECT_EQ(period_of(contact_at(beacon(60, 0, 8, random))), 1U);
}

TEST(PeriodOf, HardlyEverInArrivalsAtRandom) {
  std::mt19937 random(3);
  int found = 0;
  for (const double rate : {1., 2., 5., 10., 20., 40., 60., 120., 170., 600.}) {
    for (int i = 0; i < 2000; ++i)
      found += period_of(contact_at(arrivals(rate, 4 + i % 20, random))).has_value();
  }
  EXPECT_LE(found, 4) << "of 20,000 days";
}

TEST(PeriodOf, NoneInAConnectionThatLasts) {
  std::mt19937 random(4);
  Contact contact = contact_at(beacon(600, 0, 12, random));
  EXPECT_TRUE(period_of(contact));
  contact.client_ports = 1;
  EXPECT_FALSE(period_of(contact));
}

TEST(PeriodOf, NoneInBurstsOrTransfers) {
  std::vector<double> bursts;
  for (int hour = 0; hour < 24; ++hour) {
    for (int n = 0; n < 20; ++n) bursts.push_back(hour * 3600 + n * 2);
  }
  EXPECT_FALSE(period_of(contact_at(bursts)));
  std::mt19937 random(5);
  EXPECT_FALSE(period_of(contact_at(beacon(900, 0, 12, random), 100'000)));
  EXPECT_FALSE(period_of(Contact{}));
}

TEST(MostMailServersInAnHour, CountsDistinctOnes) {
  HostDay day;
  for (std::uint64_t n = 0; n < 10; ++n) {
    Talk talk;
    talk.records = 1;
    talk.hours = n < 7 ? 0b11U : 0b10U;
    day.mail.add(hash_mix(n, n), talk);
  }
  EXPECT_EQ(most_mail_servers_in_an_hour(day), 10U);
}

}  // namespace

}  // namespace picket
