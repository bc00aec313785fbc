#include "base/json_writer.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(JsonWriter, WritesNestedValues) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("a", 1);
  json.member("b", "x\"y\\z\n\x01");
  json.key("c");
  json.begin_array();
  json.value(2.5);
  json.value(8.0);
  json.value(true);
  json.null();
  json.end_array();
  json.member_raw("d", "{}");
  json.end_object();
  EXPECT_EQ(out, R"({"a":1,"b":"x\"y\\z\n\u0001","c":[2.5,8,true,null],"d":{}})");
}

TEST(JsonWriter, ReplacesInvalidUtf8) {
  std::string out;
  append_json_string(out, "ok \xc3\xa9 bad \xff\xc3 cut \xe2\x82");
  EXPECT_EQ(out, "\"ok \xc3\xa9 bad \xef\xbf\xbd\xef\xbf\xbd cut \xef\xbf\xbd\xef\xbf\xbd\"");
}

// At every place among eight, beside bytes that a look at eight at once could mistake.
TEST(JsonWriter, escapes_wherever_they_stand) {
  const std::pair<const char*, const char*> cases[] = {
      {"\"", "\\\""},           {"\\", "\\\\"}, {"\x1f", "\\u001f"}, {"\x7f", "\\u007f"},
      {"\xc3\xa9", "\xc3\xa9"}, {" ", " "},     {"!#[]~", "!#[]~"}};
  for (const auto& [text, written] : cases) {
    for (std::size_t before = 0; before < 18; ++before) {
      for (std::size_t after = 0; after < 18; after += 3) {
        std::string out;
        append_json_string(out, std::string(before, '!') + text + std::string(after, '~'));
        EXPECT_EQ(out, '"' + std::string(before, '!') + written + std::string(after, '~') + '"');
      }
    }
  }
}

}  // namespace
}  // namespace picket
