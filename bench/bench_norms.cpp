// How much memory what is learned takes: norms of made-up principals and hosts, each with as many values as
// the busier half of tools/simulate's, over a month.
//   bench_norms [PRINCIPALS [HOSTS]]     both a million when not said
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/hash.h"
#include "state/host_norms.h"
#include "state/rarity.h"

namespace picket {
namespace {

constexpr Day first_day = 20'600, days = 30;
constexpr unsigned accounts = 100, host_traits = 16;
// Values of a principal by factor, in the order of Factor: of each act one.
constexpr unsigned acts = 16;

std::uint64_t resident_mb() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) >> 20;
}

Act act_of(unsigned principal, unsigned number) {
  Act act;
  act.principal = hash_mix(1, principal);
  act.account = hash_mix(2, principal % accounts);
  act.peers = hash_mix(3, principal % 1000);
  for (std::size_t factor = 0; factor < factor_count; ++factor) {
    // Of APIs and resources as many as acts, of the rest two; half of them the account's, half its own.
    const bool many = factor < 2;
    const std::uint64_t value = many ? number : number % 2;
    const std::uint64_t owner = value % 2 == 0 ? principal % accounts : principal;
    act.prints[factor] = static_cast<std::uint32_t>(hash_mix(hash_mix(factor, owner), value)) | 1U;
  }
  return act;
}

void run(unsigned principals, unsigned hosts) {
  const std::uint64_t before = resident_mb();
  Rarity norms;
  const std::array<std::string, factor_count> texts{};
  for (Day day = first_day; day < first_day + days; day += 10) {
    norms.begin_day(day);
    for (unsigned principal = 0; principal < principals; ++principal) {
      for (unsigned number = 0; number < acts; ++number) norms.learn(act_of(principal, number), day, texts);
    }
  }
  const std::uint64_t with_principals = resident_mb();
  fmt::print("{} principals: {} MB ({} MB by their own count), {} evicted\n", norms.principals(),
             with_principals - before, norms.bytes() >> 20, norms.evicted());
  HostNorms host_norms;
  std::uint64_t evicted = 0;
  for (std::int32_t day = first_day; day < first_day + days; day += 10) {
    for (unsigned host = 0; host < hosts; ++host) {
      for (unsigned thing = 0; thing < host_traits; ++thing)
        host_norms.learn(HostNorms::trait(hash_mix(4, host), static_cast<std::uint8_t>(thing % 8), thing),
                         day);
      host_norms.learn_volume(hash_mix(4, host), day, 1U << 20);
    }
    host_norms.close(day);
    evicted += host_norms.evict();
  }
  fmt::print("{} hosts: {} MB, {} traits, {} evicted\n", hosts, resident_mb() - with_principals,
             host_norms.traits(), evicted);
  fmt::print("together: {} MB\n", resident_mb() - before);
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  const auto number = [&](int at) {
    constexpr unsigned long million = 1'000'000;
    return static_cast<unsigned>(argc > at ? std::strtoul(argv[at], nullptr, 10) : million);
  };
  picket::run(number(1), number(2));
}
