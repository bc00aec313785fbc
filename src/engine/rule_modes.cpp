#include "engine/rule_modes.h"

namespace picket {

void RuleModes::associate(std::string account, std::string region, std::string rule, RuleMode mode,
                          TimeMs expires_at) {
  associations_.insert_or_assign(std::tuple(std::move(rule), std::move(account), std::move(region)),
                                 Association{mode, expires_at});
}

void RuleModes::configure(std::string region, std::string rule, ForAccounts accounts) {
  configurations_[{std::move(rule), std::move(region)}].push_back(std::move(accounts));
}

void RuleModes::clear() {
  associations_.clear();
  configurations_.clear();
  managed_.clear();
}

RuleMode RuleModes::of(std::string_view rule, std::string_view account, std::string_view region,
                       TimeMs time) const {
  const std::string name(rule), place(region);
  if (const auto own = associations_.find({name, std::string(account), place});
      own != associations_.end() && time < own->second.expires_at) {
    return own->second.mode;
  }
  if (const auto configured = configurations_.find({name, place}); configured != configurations_.end()) {
    RuleMode mode = RuleMode::off;
    for (const ForAccounts& accounts : configured->second) {
      if (time >= accounts.expires_at || !accounts.covers(account)) continue;
      if (mode != RuleMode::live) mode = accounts.mode;
    }
    if (mode != RuleMode::off) return mode;
  }
  if (managed_.contains({std::string(account), place}) || managed_.contains({std::string(), place}))
    return RuleMode::off;
  for (const std::string_view key : {rule, std::string_view("*")}) {
    if (const auto by_default = defaults_.find(key); by_default != defaults_.end()) return by_default->second;
  }
  return RuleMode::off;
}

}  // namespace picket
