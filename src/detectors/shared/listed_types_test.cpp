#include "detectors/shared/listed_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "detectors/catalog.h"

namespace picket::detectors {

namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

// The detectors that are called for a category of this log and raise `type`.
bool raised(const ListedType& row, std::string_view type) {
  const bool dns = row.as == ListedAs::name || row.as == ListedAs::answer;
  return std::ranges::any_of(all_detectors(), [&](const Detector* detector) {
    return type_index(*detector, type) && std::ranges::any_of(detector->when, [&](const Trigger& trigger) {
             return trigger.listed && trigger.log == (dns ? LogKind::dns : LogKind::vpcflow) &&
                    std::ranges::find(trigger.categories, to_string(row.category)) !=
                        trigger.categories.end();
           });
  });
}

TEST(ListedTypesTest, every_row_has_its_detector) {
  for (const ListedType& row : listed_types()) {
    EXPECT_TRUE(raised(row, row.type)) << row.type;
    EXPECT_TRUE(row.lambda_type.empty() || raised(row, row.lambda_type)) << row.lambda_type;
  }
}

TEST(ListedTypesTest, every_type_of_listed_flows_and_names_has_its_row) {
  std::set<std::string_view> known;
  for (const ListedType& row : listed_types()) known.insert({row.type, row.lambda_type});
  for (const Detector* detector : all_detectors()) {
    const Trigger& trigger = detector->when.front();
    if (!trigger.listed || (trigger.log != LogKind::dns && trigger.log != LogKind::vpcflow)) continue;
    for (const FindingType& type : detector->types) EXPECT_TRUE(known.contains(type.name)) << type.name;
  }
}

TEST(ListedTypesTest, callers_are_told_too) {
  const auto types = types_raised_by(IntelCategory::tor_exit, all_detectors());
  EXPECT_THAT(types, Contains("UnauthorizedAccess:IAMUser/TorIPCaller"));
  EXPECT_THAT(types, Not(Contains("UnauthorizedAccess:EC2/TorClient")));
  EXPECT_THAT(types_raised_by(IntelCategory::shared, all_detectors()), IsEmpty());
}

}  // namespace

}  // namespace picket::detectors
