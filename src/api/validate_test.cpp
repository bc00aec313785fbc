#include "api/validate.h"

#include <gtest/gtest.h>

namespace picket::api {
namespace {

class Validate : public ::testing::Test {
 protected:
  // The parameter found wrong, or "".
  std::string wrong(std::string_view operation, std::string_view json,
                    const UriParameters& uri = {{"detectorId", "d"}}, const QueryParameters& query = {}) {
    std::optional<simdjson::dom::element> body;
    if (!json.empty()) body = parser.parse(json.data(), json.size()).value();
    const auto invalid = validate(*find_operation(operation), uri, query, body);
    return invalid ? invalid->parameter : "";
  }
  simdjson::dom::parser parser;
};

TEST_F(Validate, RequiredMembers) {
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": true})"), "");
  EXPECT_EQ(wrong("CreateDetector", "{}"), "enable");
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": null})"), "enable");
  EXPECT_EQ(wrong("CreateDetector", ""), "enable");
  EXPECT_EQ(wrong("ListFindings", ""), "");
  EXPECT_EQ(wrong("CreateMembers", R"({"accountDetails": [{"accountId": "111122223333"}]})"),
            "accountDetails.email");
}

TEST_F(Validate, KindsOfValues) {
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": "true"})"), "enable");
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": 1.5})"), "maxResults");
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": "5"})"), "maxResults");
  EXPECT_EQ(wrong("ListFindings", R"({"findingCriteria": []})"), "findingCriteria");
  EXPECT_EQ(wrong("ListFindings", R"({"nextToken": 7})"), "nextToken");
  EXPECT_EQ(wrong("GetFindings", R"({"findingIds": "abc"})"), "findingIds");
  EXPECT_EQ(wrong("ListFindings", "[]"), "body");
}

TEST_F(Validate, BoundsFromBothSides) {
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": 1})"), "");
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": 50})"), "");
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": 0})"), "maxResults");
  EXPECT_EQ(wrong("ListFindings", R"({"maxResults": 51})"), "maxResults");
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": true, "clientToken": ")" + std::string(64, 'x') + R"("})"),
            "");
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": true, "clientToken": ")" + std::string(65, 'x') + R"("})"),
            "clientToken");
  std::string fifty = R"({"findingIds": ["x")";
  for (int i = 1; i < 50; ++i) fifty += R"(,"x")";
  EXPECT_EQ(wrong("ArchiveFindings", fifty + "]}"), "");
  EXPECT_EQ(wrong("ArchiveFindings", fifty + R"(,"x"]})"), "findingIds");
}

TEST_F(Validate, LengthsCountCharactersNotBytes) {
  std::string umlauts;
  for (int i = 0; i < 256; ++i) umlauts += "\xc3\xbc";
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": true, "tags": {"k": ")" + umlauts + R"("}})"), "");
  EXPECT_EQ(wrong("CreateDetector", R"({"enable": true, "tags": {"k": ")" + umlauts + R"(x"}})"), "tags.k");
}

TEST_F(Validate, Enumerations) {
  EXPECT_EQ(wrong("UpdateDetector", R"({"findingPublishingFrequency": "ONE_HOUR"})"), "");
  EXPECT_EQ(wrong("UpdateDetector", R"({"findingPublishingFrequency": "one_hour"})"),
            "findingPublishingFrequency");
  EXPECT_EQ(wrong("UpdateDetector", R"({"features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}]})"),
            "");
  EXPECT_EQ(wrong("UpdateDetector", R"({"features": [{"name": "FLOW_LOGS", "status": "ENABLED"}]})"),
            "features.name");
  EXPECT_EQ(wrong("ListFindings", R"({"sortCriteria": {"attributeName": "severity", "orderBy": "UP"}})"),
            "sortCriteria.orderBy");
}

TEST_F(Validate, TagsAndArns) {
  const std::string arn = "arn:aws:guardduty:eu-west-1:111122223333:detector/" + std::string(32, 'a');
  const UriParameters good{{"resourceArn", arn}};
  EXPECT_EQ(wrong("TagResource", R"({"tags": {"cost centre 7": "x"}})", good), "");
  EXPECT_EQ(wrong("TagResource", R"({"tags": {}})", good), "");
  EXPECT_EQ(wrong("TagResource", R"({"tags": {"aws:x": "y"}})", good), "tags.aws:x");
  EXPECT_EQ(wrong("TagResource", R"({"tags": {"": "y"}})", good), "tags.");
  EXPECT_EQ(wrong("ListTagsForResource", "", {{"resourceArn", "arn:aws:s3:::bucket"}}), "resourceArn");
  EXPECT_EQ(wrong("UntagResource", "", good, {{"tagKeys", "a"}, {"tagKeys", "b c"}}), "");
  EXPECT_EQ(wrong("UntagResource", "", good), "tagKeys");
}

TEST_F(Validate, QueryParameters) {
  EXPECT_EQ(wrong("ListDetectors", "", {}, {{"maxResults", "50"}, {"nextToken", ""}, {"other", "x"}}), "");
  EXPECT_EQ(wrong("ListDetectors", "", {}, {{"maxResults", "51"}}), "maxResults");
  EXPECT_EQ(wrong("ListDetectors", "", {}, {{"maxResults", "5x"}}), "maxResults");
  EXPECT_EQ(wrong("ListDetectors", "", {}, {{"maxResults", "5"}, {"maxResults", "6"}}), "maxResults");
}

TEST_F(Validate, UnknownMembersAreIgnoredUnlessAsked) {
  EXPECT_EQ(wrong("ListDetectors", R"({"whatever": 1})", {}), "");
  const simdjson::dom::element extra =
      parser.parse(std::string_view(R"({"detectorIds": [], "more": 1})")).value();
  const ShapeId output = find_operation("ListDetectors")->output;
  EXPECT_FALSE(validate_value(output, extra, "", Unknown::ignored));
  EXPECT_EQ(validate_value(output, extra, "", Unknown::refused)->parameter, "more");
}

TEST(Tables, AreWhole) {
  EXPECT_EQ(shapes().size(), 956U);
  EXPECT_EQ(sample_types().size(), 229U);
  EXPECT_EQ(find_operation("NoSuchOperation"), nullptr);
  EXPECT_EQ(find_operation("GetOrganizationStatistics")->input, no_shape);
}

}  // namespace
}  // namespace picket::api
