#include "api/paging.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace picket::api {
namespace {

class Pages : public ::testing::Test {
 protected:
  // What the client sent; ListMalwareProtectionPlans has its token in the query, ListFilters too.
  std::expected<PageRange, ApiError> page(std::string_view operation, std::span<const std::string> keys,
                                          QueryParameters query, bool descending = false) {
    const Call call{.operation = *find_operation(operation),
                    .caller = caller,
                    .region = "eu-central-1",
                    .uri = {},
                    .query = std::move(query),
                    .body = {},
                    .body_text = "",
                    .now = 0,
                    .backend = backend};
    return page_of(call, keys, descending);
  }
  aws::Credential caller{.account = "111122223333"};
  Backend backend;
};

TEST_F(Pages, ChainHoldsEveryKeyOnceInBothDirections) {
  for (const bool descending : {false, true}) {
    std::vector<std::string> keys;
    for (int i = 100; i < 200; ++i) keys.push_back("key" + std::to_string(i));
    if (descending) std::ranges::reverse(keys);
    std::vector<std::string> seen;
    std::string token;
    do {
      const auto range = page("ListFilters", keys, {{"maxResults", "7"}, {"nextToken", token}}, descending);
      ASSERT_TRUE(range);
      seen.insert(seen.end(), keys.begin() + static_cast<std::ptrdiff_t>(range->begin),
                  keys.begin() + static_cast<std::ptrdiff_t>(range->end));
      token = range->next_token;
    } while (!token.empty());
    EXPECT_EQ(seen, keys);
  }
}

TEST_F(Pages, WhatComesAndGoesInBetweenMovesNothing) {
  std::vector<std::string> keys{"b", "d", "f", "h"};
  const auto first = page("ListFilters", keys, {{"maxResults", "2"}});
  keys = {"a", "b", "c", "e", "f", "h"};  // the last of the page went, others came
  const auto second = page("ListFilters", keys, {{"nextToken", first->next_token}});
  EXPECT_EQ(keys.at(second->begin), "e");
  EXPECT_EQ(second->next_token, "");
}

TEST_F(Pages, DefaultSizeIsFifty) {
  std::vector<std::string> keys;
  for (int i = 100; i < 200; ++i) keys.push_back(std::to_string(i));
  EXPECT_EQ(page("ListFilters", keys, {})->end, 50U);
  EXPECT_EQ(page("ListFilters", std::span(keys).first(50), {})->next_token, "");
}

TEST_F(Pages, TokensOfOtherListsAreRefused) {
  const std::vector<std::string> keys{"a", "b", "c"};
  const std::string token = page("ListFilters", keys, {{"maxResults", "1"}})->next_token;
  EXPECT_TRUE(page("ListFilters", keys, {{"nextToken", token}}));
  EXPECT_FALSE(page("ListIPSets", keys, {{"nextToken", token}}));
  EXPECT_FALSE(page("ListFilters", keys, {{"nextToken", token.substr(1)}}));
  EXPECT_FALSE(page("ListFilters", keys, {{"nextToken", "AAAA"}}));
  caller.account = "444455556666";
  EXPECT_FALSE(page("ListFilters", keys, {{"nextToken", token}}));
}

}  // namespace
}  // namespace picket::api
