// Where custom detection rules hold: by an association of an account and Region, by the configuration of an
// organisation; where neither was ever made, by default. LIVE raises findings, DRY_RUN only counts.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/time.h"
#include "engine/detector.h"

namespace picket {

// Custom detection rules: rules that are not the user's own but GuardDuty's. What they tell are signals of
// their finding.
inline bool holds_by_association(const Detector& detector) {
  return !detector.when.empty() && detector.when.front().matched &&
         detector.types.front().origin == Origin::guardduty;
}

enum class RuleMode : std::uint8_t { off, live, dry_run };

class RuleModes {
 public:
  static constexpr TimeMs never = std::numeric_limits<TimeMs>::max();

  // Of rules that nobody else decides about; "*" stands for all.
  void set_default(std::string rule, RuleMode mode) { defaults_[std::move(rule)] = mode; }
  // For records before `expires_at`.
  void associate(std::string account, std::string region, std::string rule, RuleMode mode, TimeMs expires_at);
  // For the accounts of `include`, or, when it is empty, for all but those of `exclude`.
  struct ForAccounts {
    RuleMode mode = RuleMode::off;
    TimeMs expires_at = never;
    std::set<std::string, std::less<>> include, exclude;
    bool covers(std::string_view account) const {
      return include.empty() ? !exclude.contains(account) : include.contains(account);
    }
  };
  void configure(std::string region, std::string rule, ForAccounts accounts);
  // Somebody decided about this account's rules (empty: those of all accounts), so defaults count no more.
  void manage(std::string account, std::string region) {
    managed_.emplace(std::move(account), std::move(region));
  }
  // All but the defaults.
  void clear();

  // For a record of this account, Region and event time.
  RuleMode of(std::string_view rule, std::string_view account, std::string_view region, TimeMs time) const;

 private:
  struct Association {
    RuleMode mode = RuleMode::off;
    TimeMs expires_at = never;
  };
  std::map<std::string, RuleMode, std::less<>> defaults_;
  std::set<std::pair<std::string, std::string>> managed_;  // account, Region
  std::map<std::tuple<std::string, std::string, std::string>, Association>
      associations_;  // rule, account, Region
  std::map<std::pair<std::string, std::string>, std::vector<ForAccounts>> configurations_;  // rule, Region
};

// A record that a rule in DRY_RUN would have raised something for.
struct DryRunKey {
  std::string rule, account, region;
  auto operator<=>(const DryRunKey&) const = default;
  template <class Ar>
  void io(Ar& ar) {
    ar(rule, account, region);
  }
};
using DryRunCounts = std::map<DryRunKey, std::uint64_t>;

}  // namespace picket
