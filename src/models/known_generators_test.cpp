#include "models/known_generators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace picket {
namespace {

std::int32_t day_of(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  return static_cast<std::int32_t>(
      sys_days{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day}}
          .time_since_epoch()
          .count());
}

// Names that other implementations of the same algorithms make for these days.
TEST(KnownGeneratorsTest, generates_what_others_do) {
  struct Sample {
    const char* family;
    std::int32_t day;
    std::size_t names;
    std::vector<const char*> some;
  };
  const std::vector<Sample> samples = {
      {"newgoz",
       day_of(2024, 1, 1),
       1000,
       {"19ixz5i8tvpxv1wcrptrrz6i08.com", "zhzo8q77cbuk1h97gavxkeosf.net", "1seedcy9w07vzk1pt3qth7gk4.biz",
        "ceqpplqvni716rjjys14s2ieq.org"}},
      {"padcrypt",
       day_of(2024, 1, 2),
       96,
       {"amdbofednblmbnof.com", "eeodcmcaoaokafld.website", "aaefkonbedfblbof.website",
        "bekfocfnfnecamcn.de"}},
      {"necurs",
       day_of(2024, 1, 4),
       2048,
       {"ehuvcsrv.xxx", "ntgprjaw.cm", "kkwtvbdervcngmn.biz", "desajshfumtmojwje.cx"}},
      {"qakbot", day_of(2024, 1, 11), 10000, {"gzrwlmvgoyjbtqkdtbaecni", "klwffojyomlx"}},
      {"murofet",
       day_of(2024, 1, 7),
       510,
       {"wsjfrcxwaucykaegejhttsuggu", "fqtvotkpfizusrgxdyvdqknhaqsk", "jfljgionztpzoryjbbyhumjdauklj"}},
      {"banjori",
       0,
       15372,
       {"kwtoestnessbiophysicalohax.com", "rvcxestnessbiophysicalohax.com",
        "zzlxestnessbiophysicalohax.com"}},
  };
  for (const Sample& sample : samples) {
    const auto names = generated_names(sample.family, sample.day);
    EXPECT_EQ(names.size(), sample.names) << sample.family;
    const std::set<std::string> all(names.begin(), names.end());
    for (const char* name : sample.some) EXPECT_TRUE(all.contains(name)) << sample.family << ' ' << name;
  }
}

TEST(KnownGeneratorsTest, finds_names_within_three_days) {
  KnownGenerators known;
  const std::int32_t day = day_of(2024, 1, 1);
  for (const std::int32_t off : {-3, 0, 3})
    EXPECT_EQ(known.family_of("zhzo8q77cbuk1h97gavxkeosf.net", day + off), "newgoz");
  for (const std::int32_t off : {-4, 4})
    EXPECT_EQ(known.family_of("zhzo8q77cbuk1h97gavxkeosf.net", day + off), "");
  // The suffix is part of it.
  EXPECT_EQ(known.family_of("zhzo8q77cbuk1h97gavxkeosf.com", day), "");
  EXPECT_EQ(known.family_of("klwffojyomlx.org", day_of(2024, 1, 22)), "qakbot");
  EXPECT_EQ(known.family_of("klwffojyomlx.de", day_of(2024, 1, 22)), "");
  EXPECT_EQ(known.family_of("rvcxestnessbiophysicalohax.com", 20000), "banjori");
  for (const char* none : {"", "example", "example.com", "wikipedia.org"})
    EXPECT_EQ(known.family_of(none, day), "");
}

}  // namespace
}  // namespace picket
