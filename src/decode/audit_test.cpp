#include <gmock/gmock.h>

#include "decode/listing_sink.h"

namespace picket {
namespace {

using testing::ElementsAre;

std::vector<std::string> lines(std::string_view text, ObjectInfo info = {}, std::size_t window = 0) {
  ListingSink sink;
  const auto decoder = make_audit_decoder(info, {}, sink);
  feed_all(*decoder, text, window);
  EXPECT_EQ(decoder->records_read(), sink.lines.size());
  return sink.lines;
}

std::string event(std::string_view id, std::string_view more = {}) {
  return fmt::format(R"({{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"{}",)"
                     R"("requestReceivedTimestamp":"2026-09-14T10:00:00.123456Z"{}}})",
                     id, more);
}
std::string told(std::uint64_t position, std::string_view id, std::string_view more = {}) {
  return fmt::format("{} audit {}     2026-09-14T10:00:00.123Z by {}", position, id, more);
}

TEST(AuditDecoder, ReadsEveryField) {
  ObjectInfo info;
  info.cluster = "prod";
  EXPECT_THAT(
      lines(
          R"({"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id-1","stage":"ResponseComplete",)"
          R"("requestURI":"/api/v1/namespaces/kube-system/pods/p/exec?command=sh","verb":"create","user":{"username":"kubernetes-admin",)"
          R"("uid":"u","groups":["system:masters","system:authenticated"],"extra":{"accessKeyId":["AKIA1"],"arn":["arn:aws:iam::1:user/a"],)"
          R"("canonicalArn":["arn:aws:iam::1:user/a"],"sessionName":[""],"sigs.k8s.io/aws-iam-authenticator/principalId":["AIDA1"]}},)"
          R"("impersonatedUser":{"username":"system:anonymous","groups":["system:unauthenticated"]},)"
          R"("sourceIPs":["not-an-ip","203.0.113.7","10.0.0.1"],"userAgent":"kubectl/v1.30","objectRef":{"resource":"pods",)"
          R"("namespace":"kube-system","name":"p","apiVersion":"v1","subresource":"exec"},"responseStatus":{"metadata":{},"code":101,)"
          R"("reason":"Because"},"requestObject":{"a":[1,{"b":"}"}]},"responseObject":null,)"
          R"("requestReceivedTimestamp":"2026-09-14T10:00:00.123456Z","stageTimestamp":"2026-09-14T10:00:01.000000Z",)"
          R"("annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: \"x\""}})",
          info),
      ElementsAre(
          "1 audit id-1 ResponseComplete RequestResponse create "
          "/api/v1/namespaces/kube-system/pods/p/exec?command=sh "
          "2026-09-14T10:00:00.123Z by kubernetes-admin group system:masters group system:authenticated arn "
          "arn:aws:iam::1:user/a canonical_arn arn:aws:iam::1:user/a key AKIA1 as system:anonymous agent "
          "kubectl/v1.30 ip not-an-ip ip 203.0.113.7 ip 10.0.0.1 from 203.0.113.7 resource pods subresource "
          "exec "
          "namespace kube-system name p code 101 reason Because decision allow decided_by RBAC: \"x\" "
          "request "
          "{\"a\":[1,{\"b\":\"}\"}]} response null cluster prod staged 2026-09-14T10:00:01.000Z"));
}

TEST(AuditDecoder, ReadsListsLinesAndTheOlderVersion) {
  const auto both = ElementsAre(told(1, "a"), told(2, "b"));
  EXPECT_THAT(lines(event("a") + "\n" + event("b") + "\n"), both);
  EXPECT_THAT(lines(R"({"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[)" +
                    event("a") + ",\n" + event("b") + "]}\n"),
              both);
  EXPECT_THAT(lines("[" + event("a") + "," + event("b") + "]"), both);
  EXPECT_THAT(
      lines(
          R"({"kind":"Event","apiVersion":"audit.k8s.io/v1beta1","metadata":{"creationTimestamp":null},"auditID":"a",)"
          R"("timestamp":"2026-09-14T10:00:00Z","verb":"list"})"),
      ElementsAre("1 audit a   list  2026-09-14T10:00:00.000Z by "));
  EXPECT_THAT(
      lines(R"({"kind":"Event","apiVersion":"audit.k8s.io/v1","stageTimestamp":"2026-09-14T10:00:00Z"})"),
      ElementsAre("1 audit      2026-09-14T10:00:00.000Z by  staged 2026-09-14T10:00:00.000Z"));
}

TEST(AuditDecoder, FiltersOtherStreams) {
  const std::string klog = "I0924 12:00:00.000000      10 controller.go:611] quota admission added \"pods\n";
  EXPECT_THAT(
      lines(
          "time=\"2026-09-14T10:00:00Z\" level=info msg=\"access granted\" arn=\"arn:aws:iam::1:role/x\"\n" +
          event("a") + "\n" + klog + "\tat some place {\n" + event("b") + "\n"),
      ElementsAre("1 filtered authenticator_stream", told(2, "a"), "3 filtered control_plane_stream",
                  "4 filtered control_plane_stream", told(5, "b")));
  ObjectInfo info;
  info.key = "exported/kube-scheduler-3c1c/000.gz";
  EXPECT_THAT(lines(klog + "goroutine 1 [running]:\n", info),
              ElementsAre("1 filtered scheduler_stream", "2 filtered scheduler_stream"));
  EXPECT_THAT(lines("some text\n"), ElementsAre("1 quarantined bad_json at 0+10"));
}

TEST(AuditDecoder, QuarantinesWithReason) {
  const auto reason = [&](std::string_view text) {
    const auto got = lines(text);
    EXPECT_EQ(got.size(), 1U) << text;
    return got.empty() ? "" : got[0].substr(0, got[0].find(" at "));
  };
  EXPECT_EQ(reason(R"({"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get"})"),
            "1 quarantined no_event_time");
  EXPECT_EQ(reason(R"({"kind":"Event","apiVersion":"audit.k8s.io/v1","stageTimestamp":"x"})"),
            "1 quarantined bad_event_time");
  EXPECT_EQ(reason(R"({"kind":"Event","apiVersion":"v1","timestamp":"2026-09-14T10:00:00Z"})"),
            "1 quarantined not_audit_event");
  EXPECT_EQ(reason(event("a", R"(,"responseStatus":{"code":"many"})")), "1 quarantined bad_number");
  EXPECT_EQ(reason(event("a", R"(,"verb":"\x")")), "1 quarantined bad_json");
  EXPECT_EQ(reason(event(
                "a", "," + std::string(R"("requestObject":)") + std::string(64, '[') + std::string(64, ']'))),
            "1 quarantined too_deep");
}

TEST(AuditDecoder, ReadsTheEventOfAPublishedRuleTest) {
  // Shortened by their authors: where no time is given, the last known one stands in.
  EXPECT_THAT(
      lines(event("a") + "\n" +
            R"({"rule":"r","expected":true,"event":{"kind":"Event","auditID":"t","verb":"get"}})" + "\n"),
      ElementsAre(told(1, "a"), "2 audit t   get  2026-09-14T10:00:00.123Z by "));
}

TEST(AuditDecoder, WindowsDoNotMatter) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += event(std::to_string(i), R"(,"user":{"username":"a\u0041"},"sourceIPs":["::1"])") + "\n";
    if (i % 20 == 3) text += "I0924 12:00:00.000000      10 controller.go:611] \"\n";
    if (i % 20 == 5)
      text += R"({"kind":"Event","user":{"groups":[)"
              "\n";
  }
  const auto whole = lines(text);
  EXPECT_EQ(whole.size(), 110U);
  for (const std::size_t window : {1UL, 100UL, 3'000UL}) EXPECT_EQ(lines(text, {}, window), whole) << window;
}

}  // namespace
}  // namespace picket
