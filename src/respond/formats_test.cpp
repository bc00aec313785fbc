#include "respond/formats.h"

#include <gmock/gmock.h>

#include "finding/export.h"
#include "respond/senders.h"
#include "respond/test_support.h"

namespace picket::respond {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Formats : public ::testing::Test {
 protected:
  const FindingEvent event =
      event_of(test::document(test::id_of(7)), test::id_of(7), 4, FindingChange::created);
  simdjson::dom::parser parser, parser_of_output;
  const simdjson::dom::element finding = parser.parse(event.detail);

  // Text at a pointer of what was written.
  std::string at(const std::string& json, const char* pointer) {
    simdjson::dom::element root, found;
    if (parser_of_output.parse(json).get(root) != simdjson::SUCCESS) return "no JSON: " + json;
    if (root.at_pointer(pointer).get(found) != simdjson::SUCCESS) return "absent";
    std::string_view text;
    return found.get(text) == simdjson::SUCCESS ? std::string(text) : std::string(simdjson::minify(found));
  }
};

TEST_F(Formats, EventIsGuardDutys) {
  const std::string json = event_json(event);
  EXPECT_EQ(at(json, "/source"), "aws.guardduty");
  EXPECT_EQ(at(json, "/detail-type"), "GuardDuty Finding");
  EXPECT_EQ(at(json, "/account"), "111122223333");
  EXPECT_EQ(at(json, "/region"), "eu-west-1");
  EXPECT_EQ(at(json, "/time"), "2026-09-16T06:30:00Z");
  EXPECT_EQ(at(json, "/detail/service/additionalInfo/picket/mitre/technique"), "T1110");
  EXPECT_EQ(event.id.size(), 36U);
  // The same change has the same id, another one another.
  EXPECT_EQ(event_of(test::document(test::id_of(7)), test::id_of(7), 4, FindingChange::updated).id, event.id);
  EXPECT_NE(event_of(test::document(test::id_of(7)), test::id_of(7), 5, FindingChange::created).id, event.id);
}

TEST_F(Formats, Asff) {
  const std::string json = asff(event, finding, "");
  EXPECT_EQ(at(json, "/SchemaVersion"), "2018-10-08");
  EXPECT_EQ(at(json, "/ProductArn"),
            "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default");
  EXPECT_EQ(at(json, "/Id"), "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/" + test::id_of(7));
  EXPECT_EQ(at(json, "/Types/0"), "TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce");
  EXPECT_EQ(at(json, "/Severity/Label"), "HIGH");
  EXPECT_EQ(at(json, "/Resources/0/Type"), "AwsEc2Instance");
  EXPECT_EQ(at(json, "/Resources/0/Id"), "arn:aws:ec2:eu-west-1:111122223333:instance/i-0bf8faedf4d75f40b");
  EXPECT_EQ(at(json, "/RecordState"), "ACTIVE");
  EXPECT_EQ(at(json, "/LastObservedAt"), "2026-09-16T06:30:00.000Z");
}

TEST_F(Formats, Ocsf) {
  const std::string json = ocsf(event, finding);
  EXPECT_EQ(at(json, "/class_uid"), "2004");
  EXPECT_EQ(at(json, "/type_uid"), "200401");
  EXPECT_EQ(at(json, "/severity_id"), "4");
  EXPECT_EQ(at(json, "/time"), "1789540200000");
  EXPECT_EQ(at(json, "/cloud/account/uid"), "111122223333");
  EXPECT_EQ(at(json, "/finding_info/attacks/0/technique/uid"), "T1110");
  EXPECT_EQ(at(json, "/evidences/0/src_endpoint/ip"), "198.51.100.7");
  FindingEvent update = event;
  update.change = FindingChange::updated;
  EXPECT_EQ(at(ocsf(update, finding), "/type_uid"), "200402");
}

TEST_F(Formats, AWithdrawalShowsInEachForm) {
  const FindingEvent gone =
      event_of(withdrawn_form(event.detail), event.finding_id, 5, FindingChange::withdrawn);
  simdjson::dom::parser own;
  const simdjson::dom::element detail = own.parse(gone.detail);
  EXPECT_EQ(at(gone.detail, "/service/archived"), "true");
  EXPECT_EQ(at(gone.detail, "/service/additionalInfo/picket/withdrawn"), "true");
  EXPECT_EQ(at(gone.detail, "/service/additionalInfo/picket/mitre/technique"), "T1110");
  EXPECT_EQ(withdrawn_form(gone.detail), gone.detail);
  EXPECT_EQ(at(asff(gone, detail, ""), "/RecordState"), "ARCHIVED");
  EXPECT_EQ(at(asff(gone, detail, ""), "/UpdatedAt"), "2026-09-16T06:30:00.001Z");
  EXPECT_EQ(at(ocsf(gone, detail), "/type_uid"), "200403");
  EXPECT_EQ(at(ocsf(gone, detail), "/status"), "Suppressed");
  EXPECT_THAT(cef(gone, detail), HasSubstr(" act=withdrawn "));
  EXPECT_THAT(at(slack(gone, detail), "/text"), StartsWith("Withdrawn: "));
  EXPECT_THAT(syslog_message(gone, "body"), HasSubstr(" FindingWithdrawn "));
  EXPECT_THAT(mail_message(gone, "a", {"b"}, "", 0), HasSubstr(" (withdrawn)\r\n"));
}

TEST_F(Formats, CefEscapesWhatWouldEndAField) {
  const std::string line = cef(event, finding);
  EXPECT_THAT(line, StartsWith("CEF:0|picket|picket|2|UnauthorizedAccess:EC2/SSHBruteForce|"
                               R"(SSH guessing \| against <i-0bf8faedf4d75f40b>|8|rt=1789540200000 )"));
  EXPECT_THAT(line, HasSubstr(" src=198.51.100.7 spt=40152 dpt=22 "));
  EXPECT_THAT(line, HasSubstr(R"(msg=198.51.100.7 guesses \= passwords\nof *root*.)"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST_F(Formats, ChatsTakeNoMarkupFromFindings) {
  const std::string for_slack = slack(event, finding);
  EXPECT_EQ(at(for_slack, "/text"), "SSH guessing | against &lt;i-0bf8faedf4d75f40b&gt;");
  EXPECT_EQ(at(for_slack, "/mrkdwn"), "false");
  EXPECT_EQ(at(for_slack, "/attachments/0/mrkdwn_in"), "[]");
  const std::string for_teams = teams(event, finding);
  EXPECT_EQ(at(for_teams, "/attachments/0/contentType"), "application/vnd.microsoft.card.adaptive");
  EXPECT_THAT(at(for_teams, "/attachments/0/content/body/2/text"), HasSubstr(R"(\*root\*)"));
}

TEST_F(Formats, SyslogAndWebhookFollowTheirStandards) {
  // log audit (13) * 8 + critical (2)
  EXPECT_THAT(syslog_message(event, "body"), StartsWith("<106>1 2026-09-16T06:30:00.000Z "));
  EXPECT_THAT(syslog_message(event, "body"), HasSubstr(" picket "));
  // The example of the Standard Webhooks specification.
  const std::string secret(
      "\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0", 24);
  EXPECT_EQ(
      webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})"),
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

}  // namespace
}  // namespace picket::respond
