#include "aws/xml.h"

#include <gmock/gmock.h>

namespace picket::aws {
namespace {

TEST(Xml, IsReadAsATree) {
  const auto root = parse_xml(
      R"(<?xml version="1.0"?><a:Answer xmlns:a="urn:x"><set><item><id>1</id></item><item><id>a &amp; b</id></item></set><set/></a:Answer>)");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "Answer");
  EXPECT_EQ(root->at("set/item/id"), "1");
  ASSERT_EQ(root->all("set/item").size(), 2U);
  EXPECT_EQ(root->all("set/item")[1]->at("id"), "a & b");
  EXPECT_EQ(root->find("set/none"), nullptr);
  EXPECT_EQ(root->at("none"), "");
}

TEST(Xml, RefusesWhatIsNoAnswer) {
  for (const char* text : {"", "{}", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"})
    EXPECT_FALSE(parse_xml(text)) << text;
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "<a>";
  std::string whole = deep;
  for (int i = 0; i < 64; ++i) whole += "</a>";
  EXPECT_TRUE(parse_xml(whole));
  EXPECT_FALSE(parse_xml("<a>" + whole + "</a>"));
}

}  // namespace
}  // namespace picket::aws
