// What TagResource and its siblings need of a resource: its tags, and the change that stores others.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "api/call.h"

namespace picket::api {

struct Tagged {
  std::map<std::string, std::string> tags;
  std::function<SettingChange(const std::map<std::string, std::string>& tags)> change;
  // Tags that mean something to picket are checked before they are kept; may be empty.
  std::function<bool(const std::map<std::string, std::string>& tags)> valid = {};
};

// A filter's tag "picket:expires" (store/filters.h) is no time.
std::unexpected<ApiError> no_expiry();

// Of the caller's malware protection plan; "no such resource" when there is none.
std::expected<Tagged, ApiError> plan_tags(const Call& call, const std::string& id);

}  // namespace picket::api
