// For tests: an ordered detector's state, stepped by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/detector.h"

namespace picket::detectors {

class OrderedTest : public testing::Test {
 protected:
  explicit OrderedTest(const Detector& detector) : detector_(detector), state_(detector.logic.ordered()) {}

  std::string saved() {
    std::string bytes;
    Writer out(bytes);
    state_->save(out);
    return bytes;
  }
  // Goes on from what was saved.
  void restart() {
    const std::string bytes = saved();
    state_ = detector_.logic.ordered();
    Reader in(bytes);
    state_->load(in);
    ASSERT_TRUE(in.at_end() && !in.failed());
    EXPECT_EQ(saved(), bytes);
  }

  Facts facts_;
  const Detector& detector_;
  std::unique_ptr<OrderedState> state_;
};

}  // namespace picket::detectors
