// Publishing destinations as clients see them; sending is pipeline/publisher's.
#include "store/publishing.h"

#include "api/test_support.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;

class PublishingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    harness.seen = {"111122223333"};
    harness.profile("admin", "111122223333");
    harness.start();
  }
  Response create(const std::string& arn, const std::string& more = "") {
    return harness.send("admin", "POST", harness.at("admin", "/publishingDestination"),
                        R"({"destinationType":"S3","destinationProperties":{"destinationArn":")" + arn +
                            R"(","kmsKeyArn":"arn:aws:kms:eu-central-1:111122223333:key/1"})" + more + "}");
  }
  Response call(std::string_view method, const std::string& id, std::string_view body = "") {
    return harness.send("admin", method, harness.at("admin", "/publishingDestination/" + id), body);
  }
  test::Harness harness;
};

TEST_F(PublishingTest, ReadBackAsTheyWereMade) {
  harness.ok(create("arn:aws:s3:::findings/prod", R"(,"tags":{"a":"b"})"), "CreatePublishingDestination");
  const auto stored = load_destinations(*harness.store).value();
  ASSERT_EQ(stored.size(), 1U);
  const std::string id = stored[0].id;
  const std::string described = harness.ok(call("GET", id), "DescribePublishingDestination");
  EXPECT_THAT(described, HasSubstr(R"("status":"PENDING_VERIFICATION","publishingFailureStartTimestamp":0)"));
  EXPECT_THAT(described,
              HasSubstr(R"("destinationArn":"arn:aws:s3:::findings/prod","kmsKeyArn":"arn:aws:kms)"));
  EXPECT_THAT(described, HasSubstr(R"("tags":{"a":"b"})"));
  EXPECT_THAT(harness.ok(harness.send("admin", "GET", harness.at("admin", "/publishingDestination")),
                         "ListPublishingDestinations"),
              HasSubstr(R"({"destinationId":")" + id +
                        R"(","destinationType":"S3","status":"PENDING_VERIFICATION"})"));
  harness.ok(call("POST", id, R"({"destinationProperties":{"destinationArn":"arn:aws:s3:::elsewhere"}})"),
             "UpdatePublishingDestination");
  EXPECT_THAT(harness.ok(call("GET", id), "DescribePublishingDestination"),
              HasSubstr("arn:aws:s3:::elsewhere"));
  harness.ok(call("DELETE", id), "DeletePublishingDestination");
  for (const char* method : {"GET", "DELETE"}) {
    const Response gone = call(method, id);
    EXPECT_EQ(gone.status, 400U);
    EXPECT_THAT(gone.body, HasSubstr("because the one or more input parameters have invalid values."));
  }
}

TEST_F(PublishingTest, RefuseWhatNamesNoBucket) {
  for (const char* arn : {"", "findings", "arn:aws:s3:::", "arn:aws:s3:::ab", "arn:aws:sqs:::findings",
                          "arn:aws:s3:::Up_per", "arn:aws:s3:eu-west-1::findings"})
    EXPECT_THAT(create(arn).body, HasSubstr("destinationArn has an invalid value")) << arn;
  harness.ok(create("arn:aws:s3:::findings"), "CreatePublishingDestination");
  EXPECT_EQ(create("arn:aws:s3:::findings").status, 400U);
}

TEST_F(PublishingTest, DeletingTheDetectorDeletesWhatBelongsToIt) {
  harness.ok(create("arn:aws:s3:::findings"), "CreatePublishingDestination");
  harness.ok(harness.send("admin", "POST", harness.at("admin", "/filter"),
                          R"({"name":"quiet","findingCriteria":{"criterion":{}}})"),
             "CreateFilter");
  harness.ok(harness.send("admin", "DELETE", harness.at("admin", "")), "DeleteDetector");
  harness.ok(harness.send("admin", "POST", "/detector", R"({"enable":true})"), "CreateDetector");
  EXPECT_EQ(harness.ok(harness.send("admin", "GET", harness.at("admin", "/filter")), "ListFilters"),
            R"({"filterNames":[]})");
  EXPECT_TRUE(load_destinations(*harness.store)->empty());
}

TEST(OutboxKind, ReadsBack) {
  for (const auto change : {FindingChange::created, FindingChange::updated, FindingChange::withdrawn}) {
    const auto row = parse_outbox_kind(outbox_kind({change, "d1"}));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->change, change);
    EXPECT_EQ(row->destination, "d1");
  }
  EXPECT_FALSE(parse_outbox_kind("respond/d1"));
}

}  // namespace
}  // namespace picket::api
