#include "respond/input.h"

#include <gmock/gmock.h>

namespace picket::respond {
namespace {

using ::testing::HasSubstr;

const std::string event =
    R"({"id":"7","detail-type":"GuardDuty Finding","account":"111122223333","region":"eu-west-1","detail":)"
    R"({"severity":8,"title":"a \"quoted\" title","tags":[{"key":"a"},{"key":"b"},{}],"none":null}})";

std::string made(const RespondTargetKeys& keys) {
  const auto input = Input::make(keys);
  EXPECT_TRUE(input) << (input ? "" : input.error().message());
  return input ? input->apply(event, "high", 1'700'000'000'000) : "";
}

std::string filled(std::string text) {
  return made({.input_template = std::move(text),
               .input_paths = {{"severity", "$.detail.severity"},
                               {"title", "$.detail.title"},
                               {"kind", "$['detail-type']"},
                               {"tags", "$.detail.tags"},
                               {"absent", "$.detail.absent.more"}}});
}

TEST(Input, GivesAllOrAPart) {
  EXPECT_EQ(made({}), event);
  EXPECT_EQ(made({.input = "{}"}), "{}");
  EXPECT_EQ(made({.input_path = "$.detail.severity"}), "8");
  EXPECT_EQ(made({.input_path = "$.detail.title"}), R"("a \"quoted\" title")");
  EXPECT_EQ(made({.input_path = "$.detail-type"}), R"("GuardDuty Finding")");
  EXPECT_EQ(made({.input_path = "$.detail.tags[1].key"}), R"("b")");
  EXPECT_EQ(made({.input_path = "$.detail.tags[*].key"}), R"(["a","b"])");
  EXPECT_EQ(made({.input_path = "$.detail.tags[3]"}), "null");
}

TEST(Input, FillsTemplates) {
  EXPECT_EQ(filled(R"({"s":<severity>,"t":<title>})"), R"({"s":8,"t":"a \"quoted\" title"})");
  EXPECT_EQ(filled(R"("<kind> of severity <severity>: <title>")"),
            R"("GuardDuty Finding of severity 8: a \"quoted\" title")");
  EXPECT_EQ(filled(R"({"t":"tags <tags>"})"), R"({"t":"tags [{\"key\":\"a\"},{\"key\":\"b\"},{}]"})");
  EXPECT_EQ(filled(R"({"a":<absent>,"b":"<absent>"})"), R"({"a":null,"b":""})");
  EXPECT_EQ(filled(R"("\<title\> \" <severity>")"), R"("<title> \" 8")");
  EXPECT_EQ(filled(R"([<aws.events.rule-name>,<aws.events.event.ingestion-time>])"),
            R"(["high","2023-11-14T22:13:20Z"])");
  EXPECT_EQ(filled("<aws.events.rule-arn>"), R"("arn:aws:events:eu-west-1:111122223333:rule/high")");
  EXPECT_EQ(filled("<aws.events.event>"),
            R"({"id":"7","detail-type":"GuardDuty Finding","account":"111122223333","region":"eu-west-1"})");
  EXPECT_EQ(filled("<aws.events.event.json>"), event);
}

TEST(Input, TellsWhatIsWrong) {
  const std::pair<RespondTargetKeys, const char*> wrong[] = {
      {{.input = "x", .input_path = "$"}, "only one of"},
      {{.input_path = "detail"}, "does not begin with $"},
      {{.input_path = "$..a"}, "no name behind a dot"},
      {{.input_path = "$.a[x]"}, "in brackets"},
      {{.input_path = "$.a b"}, "neither .NAME"},
      {{.input_paths = {{"a", "$"}}}, "only with input_template"},
      {{.input_template = "<a>", .input_paths = {{"b", "$"}}}, "uses <a>"},
      {{.input_template = "<b>", .input_paths = {{"b", "x"}}}, "input_paths.b: the path x"},
      {{.input_template = "x", .input_paths = {{"aws.b", "$"}}}, "are AWS's"},
  };
  for (const auto& [keys, message] : wrong) {
    const auto input = Input::make(keys);
    ASSERT_FALSE(input) << message;
    EXPECT_THAT(input.error().message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace picket::respond
