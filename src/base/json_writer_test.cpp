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

}  // namespace
}  // namespace picket
