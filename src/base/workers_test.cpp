#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>

namespace picket {
namespace {

TEST(Workers, RunsEveryTaskOnce) {
  for (const unsigned threads : {1U, 2U, 5U}) {
    Workers workers(threads);
    for (const std::size_t n : {0UL, 1UL, 7UL, 1000UL}) {
      std::vector<std::atomic<int>> runs(n);
      workers.parallel_for(n, [&](unsigned worker, std::size_t number) {
        EXPECT_LT(worker, workers.threads());
        ++runs[number];
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

}  // namespace
}  // namespace picket
