#include "decode/sniff.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

struct KeyCase {
  const char* key;
  std::optional<LogKind> kind;
  const char *account, *region, *cluster;
  bool skipped = false, refused = false, delivered = false;
};

TEST(Sniff, ReadsEveryKeyLayout) {
  const auto ct = LogKind::cloudtrail;
  const auto flow = LogKind::vpcflow;
  const auto dns = LogKind::dns;
  const auto audit = LogKind::k8saudit;
  for (const KeyCase& c : {
           KeyCase{"AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/14/"
                   "111122223333_CloudTrail_us-east-1_20260914T1000Z_a.json.gz",
                   ct, "111122223333", "us-east-1", "", false, false, true},
           KeyCase{"prefix/AWSLogs/o-abc123/111122223333/CloudTrail/eu-west-1/2026/09/14/x.json.gz", ct,
                   "111122223333", "eu-west-1", "", false, false, true},
           KeyCase{"o-abc123/AWSLogs/o-abc123/111122223333/CloudTrail/us-gov-west-1/2026/09/14/x.json.gz", ct,
                   "111122223333", "us-gov-west-1", "", false, false, true},
           KeyCase{"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/09/14/x.json.gz", ct,
                   "111122223333", "us-east-1", ""},
           KeyCase{"AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2026/09/14/x.json.gz", ct,
                   "111122223333", "us-east-1", ""},
           KeyCase{"copy/111122223333_CloudTrail_us-east-1_20260914T1000Z_a.json.gz", ct, "111122223333",
                   "us-east-1", ""},
           KeyCase{"AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/14/"
                   "111122223333_vpcflowlogs_us-east-1_fl-1_20260914T1000Z_a.log.gz",
                   flow, "111122223333", "us-east-1", ""},
           KeyCase{"AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/14/10/x.log.gz", flow, "111122223333",
                   "us-east-1", ""},
           KeyCase{"AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=us-east-1/"
                   "year=2026/month=09/day=14/hour=10/x.log.parquet",
                   flow, "111122223333", "us-east-1", ""},
           KeyCase{"AWSLogs/111122223333/vpcdnsquerylogs/vpc-0123/2026/09/14/"
                   "vpc-0123_vpcdnsquerylogs_111122223333_20260914T1000Z_a.log.gz",
                   dns, "111122223333", "", ""},
           KeyCase{"exported/aws/eks/prod/cluster/kube-apiserver-audit-1/000000.gz", audit, "", "", "prod"},
           KeyCase{"AWSLogs/111122223333/Config/us-east-1/2026/9/14/ConfigHistory/x.json.gz",
                   {},
                   "111122223333",
                   "",
                   "",
                   true},
           KeyCase{"AWSLogs/111122223333/elasticloadbalancing/us-east-1/2026/09/14/x.log.gz",
                   {},
                   "111122223333",
                   "",
                   "",
                   true},
           KeyCase{"AWSLogs/111122223333/WAFLogs/us-east-1/acl/2026/09/14/10/00/x.log.gz",
                   {},
                   "111122223333",
                   "",
                   "",
                   true},
           KeyCase{"aws/VPC_FLOW/2.0/region=us-east-1/accountId=111122223333/eventDay=20260914/x.gz.parquet",
                   {},
                   "",
                   "",
                   "",
                   false,
                   true},
           KeyCase{"labels.csv.gz", {}, "", "", "", true},
           KeyCase{"docs/README", {}, "", "", "", true},
           KeyCase{"exports/aws-logs-write-test", {}, "", "", "", true},
           KeyCase{"", {}, "", "", ""},
           KeyCase{"///", {}, "", "", ""},
           KeyCase{"AWSLogs", {}, "", "", ""},
       }) {
    const KeyFacts facts = read_key(c.key);
    EXPECT_EQ(facts.kind, c.kind) << c.key;
    EXPECT_EQ(facts.account, c.account) << c.key;
    EXPECT_EQ(facts.region, c.region) << c.key;
    EXPECT_EQ(facts.cluster, c.cluster) << c.key;
    EXPECT_EQ(!facts.skip_reason.empty(), c.skipped) << c.key;
    EXPECT_EQ(!facts.refusal.empty(), c.refused) << c.key;
    EXPECT_EQ(facts.delivered, c.delivered) << c.key;
  }
}

TEST(Sniff, ContentBeatsKey) {
  const char* const ct_key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/14/x.json.gz";
  EXPECT_EQ(
      sniff_kind(R"({"version":"1.1","query_timestamp":"t","query_name":"a.","rcode":"NOERROR"})", ct_key)
          .kind,
      LogKind::dns);
  EXPECT_EQ(sniff_kind(R"({"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[]})", "").kind,
            LogKind::k8saudit);
  EXPECT_EQ(sniff_kind(R"({"Events":[{"EventId":"1","CloudTrailEvent":"{}"}]})", "").kind,
            LogKind::cloudtrail);
  EXPECT_EQ(sniff_kind("srcaddr dstaddr srcport dstport bytes\n", "").kind, LogKind::vpcflow);
  EXPECT_EQ(sniff_kind("2 1 eni-1 - - - - - - - 1 2 - NODATA\n", "").kind, LogKind::vpcflow);
  EXPECT_EQ(sniff_kind("10.0.0.1 10.0.0.2 443\n", "").kind, std::nullopt);
  EXPECT_EQ(
      sniff_kind("10.0.0.1 10.0.0.2 443\n", "AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/14/x.log.gz")
          .kind,
      LogKind::vpcflow);
  EXPECT_EQ(sniff_kind("hello world\n", ct_key).kind, std::nullopt);
}

TEST(Sniff, HintsALowerTimeBound) {
  EXPECT_EQ(object_time_hint("x/111122223333_CloudTrail_us-east-1_20260914T1000Z_a.json.gz"),
            parse_time("2026-09-14T09:00:00Z"));
  EXPECT_EQ(object_time_hint("AWSLogs/1/vpcflowlogs/us-east-1/2026/09/14/10/x.log.gz"),
            parse_time("2026-09-14T09:00:00Z"));
  EXPECT_EQ(object_time_hint("aws-region=us-east-1/year=2026/month=09/day=14/x.parquet"),
            parse_time("2026-09-13T23:00:00Z"));
  EXPECT_EQ(object_time_hint("x.json"), std::nullopt);
  EXPECT_EQ(object_time_hint("20269914T1000Z"), std::nullopt);
}

TEST(Sniff, PeeksTheEarliestTime) {
  const auto early = parse_time("2026-09-14T10:00:00Z");
  EXPECT_EQ(peek_first_time(
                R"([{"eventTime":"2026-09-15T10:00:00Z"},{"eventTime" : "2026-09-14T10:00:00Z"},{"eventTi)",
                LogKind::cloudtrail),
            early);
  EXPECT_EQ(peek_first_time(R"({"CloudTrailEvent":"{\"eventTime\":\"2026-09-14T10:00:00Z\"}"})",
                            LogKind::cloudtrail),
            early);
  EXPECT_EQ(peek_first_time(R"({"@timestamp":"2026-09-14T10:00:00Z"})", LogKind::cloudtrail), early);
  EXPECT_EQ(peek_first_time(R"({"query_timestamp":"2026-09-14T10:00:00Z"})", LogKind::dns), early);
  EXPECT_EQ(
      peek_first_time(
          R"({"stageTimestamp":"2026-09-14T10:00:01Z","requestReceivedTimestamp":"2026-09-14T10:00:00.000000Z"})",
          LogKind::k8saudit),
      early);
  EXPECT_EQ(peek_first_time("2 1 eni-1 a b 1 2 6 1 40 1789380060 1789380120 ACCEPT OK\n2 1 eni-1 a b 1 2 6 1 "
                            "40 1789380000 1789380060 ACCEPT OK\n",
                            LogKind::vpcflow),
            early);
  EXPECT_EQ(peek_first_time("start end srcaddr\n1789380000 1789380060 10.0.0.1\n", LogKind::vpcflow), early);
  EXPECT_EQ(peek_first_time("2026-09-14T10:01:00Z 2 1 eni-1 a b 1 2 6 1 40 1789380000 1789380120 ACCEPT OK",
                            LogKind::vpcflow),
            early);
  EXPECT_EQ(peek_first_time(
                R"({"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":1789380000000,"message":"2 1"}]})",
                LogKind::vpcflow),
            early);
  EXPECT_EQ(peek_first_time("nothing", LogKind::cloudtrail), std::nullopt);
}

}  // namespace
}  // namespace picket
