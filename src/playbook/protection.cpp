#include "playbook/protection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "enrich/intel_config.h"

namespace picket::playbook {

namespace {

// The built-in lists of addresses that many strangers share: content delivery networks.
std::vector<IpPrefix> shared_ranges() {
  std::vector<IpPrefix> ranges;
  for (const BuiltinList& list : builtin_lists()) {
    if (list.category != IntelCategory::shared) continue;
    for (std::string_view rest = list.content; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (const auto range = IpPrefix::parse(rest.substr(0, end))) ranges.push_back(*range);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return ranges;
}

const IpPrefix* holding(const std::vector<IpPrefix>& ranges, const IpAddress& address) {
  const auto found =
      std::ranges::find_if(ranges, [&](const IpPrefix& range) { return range.contains(address); });
  return found == ranges.end() ? nullptr : &*found;
}

}  // namespace

Result<Protection> Protection::make(const std::vector<std::string>& names, const std::string& aws_ranges) {
  Protection made;
  for (const std::string& name : names) {
    if (const auto range = IpPrefix::parse(name))
      made.ranges_.push_back(*range);
    else
      made.patterns_.push_back(name);
  }
  made.shared_ = shared_ranges();
  if (!aws_ranges.empty()) {
    auto loaded = AwsRanges::load(aws_ranges);
    if (!loaded) return std::unexpected(loaded.error());
    made.aws_ = std::move(*loaded);
  }
  return made;
}

std::string Protection::of_name(std::initializer_list<std::string_view> names) const {
  for (const std::string& pattern : patterns_) {
    for (const std::string_view name : names) {
      if (!name.empty() && wildcard_match(pattern, name))
        return fmt::format("respond.playbooks.protected names it: {}", pattern);
    }
  }
  return {};
}

std::string Protection::of_address(const IpAddress& address) const {
  if (const IpPrefix* range = holding(ranges_, address))
    return fmt::format("respond.playbooks.protected names it: {}", range->to_string());
  if (!address.is_public()) return "it is not an address of the public Internet";
  if (const IpPrefix* range = holding(shared_, address))
    return fmt::format("it belongs to a content delivery network ({}), which many share", range->to_string());
  if (const AwsNetwork* network = aws_.find(address))
    return fmt::format("it belongs to AWS ({})", network->region);
  return {};
}

std::string Protection::of_role(std::string_view path, std::string_view name) const {
  if (path.starts_with("/aws-service-role/") || name.starts_with("AWSServiceRoleFor"))
    return "it is a service-linked role";
  if (path.starts_with("/aws-reserved/") || name.starts_with("AWSReservedSSO_"))
    return "it is a role of IAM Identity Center: people sign in through it";
  return {};
}

}  // namespace picket::playbook
