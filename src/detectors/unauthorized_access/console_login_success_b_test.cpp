// What the cases cannot show: they run in one sitting, and for a few people.
#include <gtest/gtest.h>

#include "detectors/test_support.h"

namespace picket::detectors {

extern const Detector console_login_success_b;

namespace {

constexpr TimeMs morning = 1'773'219'600'000;  // 2026-03-11T09:00:00Z

class SignIns : public OrderedTest {
 protected:
  SignIns() : OrderedTest(console_login_success_b) {
    facts_.use_places([](const IpAddress& ip) -> std::optional<GeoPlace> {
      if (IpPrefix::parse("81.2.0.0/16")->contains(ip))
        return GeoPlace{"DE", 52.52, 13.40, 1, "Berlin Fibre"};
      if (IpPrefix::parse("177.0.0.0/8")->contains(ip)) return GeoPlace{"BR", -23.55, -46.63, 2, "Telecom"};
      return std::nullopt;
    });
  }

  bool sign_in(const std::string& user, const std::string& ip, TimeMs time,
               const std::string& browser = "a") {
    Candidate row;
    row.first.time = row.last.time = time;
    row.subject.remote_ip = IpAddress::parse(ip);
    row.subject.api_call = ApiCall{.api = "ConsoleLogin", .user_agent = browser};
    row.evidence = {{"mfa", "No"}, {"account", "111122223333"}, {"user", user}};
    return state_->step(row, facts_).has_value();
  }
};

TEST_F(SignIns, ARestartForgetsNobody) {
  EXPECT_FALSE(sign_in("jonas", "81.2.69.17", morning - 2 * day_ms));
  EXPECT_FALSE(sign_in("jonas", "81.2.69.17", morning - day_ms));
  EXPECT_FALSE(sign_in("jonas", "177.12.8.40", morning - 7 * hour_ms, "b"));
  restart();
  EXPECT_TRUE(sign_in("jonas", "81.2.69.17", morning));
  restart();
  EXPECT_FALSE(sign_in("jonas", "81.2.69.17", morning + hour_ms)) << "it was told";
}

TEST_F(SignIns, APlaceIsForgottenAfterAMonth) {
  for (const int days : {36, 35, 34}) sign_in("jonas", "177.12.8.40", morning - days * day_ms);
  for (const int days : {36, 35, 34}) sign_in("lena", "177.12.8.40", morning - (days - 7) * day_ms);
  for (const char* user : {"jonas", "lena"}) sign_in(user, "81.2.69.17", morning - hour_ms);
  EXPECT_TRUE(sign_in("jonas", "177.12.8.41", morning));
  EXPECT_FALSE(sign_in("lena", "177.12.8.41", morning));
}

TEST_F(SignIns, MemoryStaysWithinItsBudgetAndTellsWhatItForgot) {
  std::size_t largest = 0;
  std::uint64_t evicted = 0;
  for (int i = 0; i < 40'000; ++i) {
    sign_in("user-" + std::to_string(i), IpAddress::v4(0x51020000U + static_cast<unsigned>(i)).to_string(),
            morning + i);
    if (i % 8000 == 0) largest = std::max(largest, saved().size());
    evicted += state_->take_evicted();
  }
  EXPECT_LT(largest, 16384U * (500U + 100U));
  EXPECT_GT(evicted, 40'000U - 16384U);
}

}  // namespace

}  // namespace picket::detectors
