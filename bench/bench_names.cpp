// How many new names the models look at in a second of CPU time: harmless labels, of which n-grams alone
// decide nearly all, and drawn letters, which go to the network too.
//   bench_names [NAMES]     a million when not said
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/hash.h"
#include "models/dga_score.h"
#include "models/joined_words.h"
#include "models/registered_domain.h"

namespace picket {
namespace {

constexpr const char* words[] = {"meadow", "north", "data", "river", "shop", "garden", "cloud", "media",
                                 "city",   "smart", "art",  "photo", "tech", "house",  "green", "travel"};

std::string harmless(std::uint64_t number) {
  const std::uint64_t hash = hash_mix(1, number);
  return fmt::format("{}{}{}", words[hash % 16], hash % 3 == 0 ? "-" : "", words[hash / 16 % 16]) +
         (hash % 5 == 0 ? std::to_string(hash / 256 % 100) : std::string());
}

std::string drawn(std::uint64_t number) {
  std::string label;
  for (std::uint64_t i = 0; i < 8 + hash_mix(2, number) % 9; ++i)
    label += static_cast<char>('a' + hash_mix(number, i) % 26);
  return label;
}

template <class Look>
void measure(const char* what, const std::vector<std::string>& names, Look look) {
  look(names.front());  // tables are read at first use
  std::int64_t sum = 0;
  const std::clock_t begin = std::clock();
  for (const std::string& name : names) sum += look(name);
  const double spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  fmt::print("{:42} {:9.0f} names a CPU second  (sum {})\n", what, static_cast<double>(names.size()) / spent,
             sum);
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  using namespace picket;
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::vector<std::string> chosen, made, domains;
  for (std::uint64_t i = 0; i < count; ++i) {
    chosen.push_back(harmless(i));
    made.push_back(drawn(i));
    domains.push_back("www." + chosen.back() + ".com");
  }
  measure("dga_score, harmless", chosen, [](const std::string& name) { return dga_score(name); });
  measure("dga_score, drawn letters", made, [](const std::string& name) { return dga_score(name); });
  measure("looks_joined, harmless", chosen,
          [](const std::string& name) { return looks_joined(name) ? 1 : 0; });
  measure("chosen_parts_of and dga_score, harmless", domains,
          [](const std::string& name) { return dga_score(chosen_parts_of(name).label); });
  return 0;
}
