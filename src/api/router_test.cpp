#include "api/router.h"

#include <gtest/gtest.h>

#include <set>

namespace picket::api {
namespace {

TEST(Router, FindsEveryOperationByAnExampleOfItsUri) {
  const Router router;
  ASSERT_EQ(operations().size(), 103U);
  for (const Operation& operation : operations()) {
    std::string path;
    for (const char c : operation.uri) path += c == '{' || c == '}' ? '_' : c;
    const auto route = router.find(operation.method, path);
    ASSERT_TRUE(route) << operation.name;
    EXPECT_EQ(route->operation->name, operation.name);
    for (const auto& [name, value] : route->uri) EXPECT_EQ(value, '_' + name + '_');
  }
}

TEST(Router, TellsMethodsApart) {
  const Router router;
  EXPECT_EQ(router.find("GET", "/detector/d")->operation->name, "GetDetector");
  EXPECT_EQ(router.find("POST", "/detector/d")->operation->name, "UpdateDetector");
  EXPECT_EQ(router.find("DELETE", "/detector/d")->operation->name, "DeleteDetector");
  EXPECT_FALSE(router.find("PUT", "/detector/d"));
}

TEST(Router, SplitsBeforeDecoding) {
  const Router router;
  const auto tags = router.find("GET", "/tags/arn%3Aaws%3Aguardduty%3Aeu-west-1%3A1%3Adetector%2Fabc");
  ASSERT_TRUE(tags);
  EXPECT_EQ(tags->uri.at("resourceArn"), "arn:aws:guardduty:eu-west-1:1:detector/abc");
  EXPECT_FALSE(router.find("GET", "/tags/arn:aws:guardduty:eu-west-1:1:detector/abc"));
}

TEST(Router, RefusesWhatIsNoPathOfTheModel) {
  const Router router;
  for (const char* path : {"", "detector", "/", "//", "/detector/", "/detector//findings",
                           "/detector/d/findings/", "/detector/d/nothing", "/detectors"})
    EXPECT_FALSE(router.find("POST", path)) << path;
}

TEST(Router, ReadsQueries) {
  const QueryParameters expected{{"tagKeys", "env"}, {"tagKeys", "a b"}, {"empty", ""}, {"x", "1=2"}};
  EXPECT_EQ(parse_query("tagKeys=env&tagKeys=a%20b&empty&&x=1%3D2"), expected);
  EXPECT_TRUE(parse_query("").empty());
}

}  // namespace
}  // namespace picket::api
