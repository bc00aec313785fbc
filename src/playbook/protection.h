// What no playbook touches: what the configuration names, addresses that belong to many, and roles that AWS
// itself works with.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "enrich/aws_ranges.h"

namespace picket::playbook {

class Protection {
 public:
  // `names`: ids, names and ARNs, with * and ?, and address ranges. `aws_ranges`: AWS's ip-ranges.json;
  // empty: AWS's addresses are not known.
  static Result<Protection> make(const std::vector<std::string>& names, const std::string& aws_ranges);

  // Why the thing is protected that goes by any of these names; empty: it is not.
  std::string of_name(std::initializer_list<std::string_view> names) const;
  // The same of an address, but for one's own (plan.h asks AWS for those).
  std::string of_address(const IpAddress& address) const;
  // The same of a role: service-linked ones, and those that IAM Identity Center makes.
  std::string of_role(std::string_view path, std::string_view name) const;
  bool knows_aws() const { return aws_.loaded(); }

 private:
  std::vector<std::string> patterns_;
  std::vector<IpPrefix> ranges_, shared_;
  AwsRanges aws_;
};

}  // namespace picket::playbook
