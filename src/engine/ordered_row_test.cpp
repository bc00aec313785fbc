// A row keeps of its record what a finding needs: the raised detection is the one that the record would have
// given at once.
#include "engine/ordered_row.h"

#include <gtest/gtest.h>

#include "engine/subject.h"

namespace picket {
namespace {

const Detector detector = {
    .name = "walk",
    .types = {{.name = "Test:IAMUser/Walk"}, {.name = "Test:S3/Walk", .resource = ResourceKind::s3_bucket}},
    .issue = {key::principal, key::api},
    .entity = key::evidence("session")};

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes;
  Writer out(bytes);
  out(value);
  return bytes;
}

// Checks each call's row against the call.
struct Checker final : EventSink {
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) override {
    ++seen;
    const ProofRecord record{event.event_time, 7, position, std::string(event.event_id)};
    const OrderedRow row(3, detector, Evidence{{"session", "s-1"}}, event, record, {}, object, texts);
    EXPECT_EQ(row.entity(), "s-1");
    EXPECT_EQ(row.event_id(), event.event_id);
    EXPECT_TRUE(row.whole(detector));
    // The room is that of the record before.
    const Candidate& candidate = row.candidate(detector, room);
    EXPECT_EQ(candidate.subject.access_key->access_key_id, event.user_identity.access_key_id);
    EXPECT_EQ(candidate.subject.api_call->user_agent, event.user_agent);
    EXPECT_EQ(candidate.subject.remote_ip, event.source_ip);
    EXPECT_EQ(candidate.first.position, position);
    EXPECT_EQ(candidate.evidence, (NamedValues{{"session", "s-1"}}));

    Candidate changed = candidate;
    changed.type = 1;
    changed.evidence.emplace_back("why", "seen elsewhere");
    changed.subject.api_call->remote_account_id = "222233334444";
    const Detection raised = row.raised(changed, detector);
    Subject whole = subject_of(event, ResourceKind::s3_bucket);
    if (whole.account.empty()) whole.account = object.account;
    if (whole.region.empty()) whole.region = object.region;
    whole.api_call->remote_account_id = "222233334444";
    EXPECT_EQ(bytes_of(raised.subject), bytes_of(whole));
    EXPECT_EQ(raised.evidence.back().second, "seen elsewhere");
    EXPECT_EQ(raised.issue, issue_of(whole, raised.evidence, detector.issue));

    const std::string saved = bytes_of(row);
    OrderedRow loaded;
    Reader in(saved);
    in(loaded);
    EXPECT_EQ(bytes_of(loaded), saved);
    OrderedRow damaged;
    Reader(std::string_view(saved).substr(0, saved.size() / 2))(damaged);
    EXPECT_FALSE(damaged.whole(detector));
  }
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined&) override {}

  ObjectInfo object{.key = "a.json", .account = "111122223333", .region = "eu-west-1"};
  int seen = 0;
  RowTexts texts;
  Candidate room;
};

TEST(RowTexts, KeepsEachTextOnce) {
  RowTexts texts;
  const Shared<std::string> one = texts.keep("a session"), other = texts.keep("another");
  EXPECT_EQ(&*texts.keep(std::string("a session")), &*one);
  EXPECT_EQ(*one, "a session");
  EXPECT_EQ(*other, "another");
  texts.clear();
  EXPECT_EQ(*one, "a session");
}

TEST(OrderedRow, BecomesTheDetectionOfItsRecord) {
  const std::string_view records = R"(
{"eventTime":"2026-09-14T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2","readOnly":true,"eventID":"e-1","recipientAccountId":"111122223333","requestParameters":{"bucketName":"reports","key":"a"},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::reports/a"}],"userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:i-0123456789abcdef0","arn":"arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/web","userName":"web"}}}}
{"eventTime":"2026-09-14T10:00:01Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","sourceIPAddress":"2001:db8::1","userAgent":"x","eventID":"e-2","errorCode":"AccessDenied","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/marta","accountId":"111122223333","userName":"marta","accessKeyId":"AKIAEXAMPLE"}}
{"eventTime":"2026-09-14T10:00:02Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"us-east-1","sourceIPAddress":"ec2.amazonaws.com","eventID":"e-3","userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}}
{"eventTime":"2026-09-14T10:00:03Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets20150331","awsRegion":"us-east-1","sourceIPAddress":"AWS Internal","eventID":"","userIdentity":{"type":"WebIdentityUser","identityProvider":"accounts.google.com","principalId":"p"}}
)";
  Checker checker;
  const auto source = memory_source(records);
  decode_object(*source, checker.object, {}, checker);
  EXPECT_EQ(checker.seen, 4);
}

}  // namespace
}  // namespace picket
