#include "state/distinct_sample.h"

#include <gmock/gmock.h>

#include <random>

#include "base/archive.h"
#include "base/hash.h"

namespace picket {
namespace {

struct Weight {
  std::uint32_t weight = 0, seen_min = 0;
  void merge(const Weight& other) { seen_min = std::min(seen_min, other.seen_min); }
  auto operator<=>(const Weight&) const = default;
  template <class Ar>
  void io(Ar& ar) {
    ar(weight, seen_min);
  }
};
using Sample = DistinctSample<Weight, 64>;

std::uint64_t hash_of(std::uint32_t number) { return hash64(std::to_string(number)); }

std::string saved(Sample& sample) {
  std::string bytes;
  Writer out(bytes);
  out(sample);
  return bytes;
}

TEST(DistinctSample, ExactWhileFewAndRepeatsDoNotCount) {
  Sample sample;
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < 63; ++i) sample.add(hash_of(i), {1, i});
  }
  EXPECT_EQ(sample.distinct(), 63U);
}

TEST(DistinctSample, EstimatesManyWithinItsError) {
  Sample sample;
  for (std::uint32_t i = 0; i < 100'000; ++i) sample.add(hash_of(i), {1, i});
  EXPECT_NEAR(static_cast<double>(sample.distinct()), 100'000.0, 3 * 13'000.0);
}

TEST(DistinctSample, OrderAndPartsDoNotShow) {
  std::vector<std::uint32_t> numbers(1000);
  for (std::uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = i % 700;
  Sample whole;
  for (std::uint32_t i = 0; i < numbers.size(); ++i) whole.add(hash_of(numbers[i]), {1, i});
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::uint32_t> order(numbers.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    std::array<Sample, 3> parts;
    for (const std::uint32_t i : order) parts[random() % parts.size()].add(hash_of(numbers[i]), {1, i});
    parts[2].merge(parts[0]);
    parts[2].merge(parts[1]);
    EXPECT_EQ(saved(parts[2]), saved(whole));
  }
}

TEST(DistinctSample, RefusesStateThatNoAddingMakes) {
  Sample sample;
  sample.add(2, {1, 1});
  sample.add(1, {1, 1});
  std::string bytes = saved(sample);
  std::swap(bytes[4], bytes[20]);  // the hashes, so that they descend
  Sample read;
  Reader in(bytes);
  in(read);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(read.distinct(), 0U);
}

}  // namespace
}  // namespace picket
