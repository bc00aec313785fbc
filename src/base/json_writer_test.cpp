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

// At every place among sixteen, beside bytes that a look at many at once could mistake.
TEST(JsonWriter, escapes_wherever_they_stand) {
  const std::pair<const char*, const char*> cases[] = {
      {"\"", "\\\""},           {"\\", "\\\\"}, {"\x1f", "\\u001f"}, {"\x7f", "\\u007f"},
      {"\xc3\xa9", "\xc3\xa9"}, {" ", " "},     {"!#[]~", "!#[]~"}};
  for (const auto& [text, written] : cases) {
    for (std::size_t before = 0; before < 36; ++before) {
      for (std::size_t after = 0; after < 36; after += 3) {
        std::string out;
        append_json_string(out, std::string(before, '!') + text + std::string(after, '~'));
        EXPECT_EQ(out, '"' + std::string(before, '!') + written + std::string(after, '~') + '"');
      }
    }
  }
}

// As a document within a document is: pieces of all lengths between quotes.
TEST(JsonWriter, many_escapes_in_one_text) {
  for (std::size_t piece = 0; piece < 40; ++piece) {
    std::string text, written;
    for (int i = 0; i < 9; ++i) {
      text += std::string(piece, 'a') + '"' + std::string(static_cast<std::size_t>(i), 'b') + "\\\n\xc3\xa9";
      written += std::string(piece, 'a') + "\\\"" + std::string(static_cast<std::size_t>(i), 'b') +
                 "\\\\\\n\xc3\xa9";
    }
    std::string out = "before";
    append_json_string(out, text);
    EXPECT_EQ(out, "before\"" + written + '"');
  }
}

}  // namespace
}  // namespace picket
