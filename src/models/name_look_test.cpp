#include "models/name_look.h"

#include <gtest/gtest.h>

#include <memory>

#include "enrich/intel.h"

namespace picket {
namespace {

class NameLookTest : public testing::Test {
 protected:
  NameLook look(std::string_view query_name) { return look_at(asked_name(query_name, *index_), *index_); }

  std::shared_ptr<const IntelIndex> index_ = [] {
    IntelBuilder builder;
    const auto id = builder.describe({.category = IntelCategory::c2, .list = "test"});
    EXPECT_FALSE(builder.add_domain("bad.example.com", DomainMatch::subdomains, id));
    EXPECT_FALSE(builder.add_domain("listed.s3.amazonaws.com", DomainMatch::exact, id));
    return builder.build();
  }();
};

TEST_F(NameLookTest, cuts_where_the_registrants_choice_begins) {
  const std::string_view asked = "API.Eu.Example.CO.UK";
  const NameLook found = look("API.Eu.Example.CO.UK.");
  EXPECT_EQ(found.registered_in(asked), "Example.CO.UK");
  EXPECT_TRUE(found.deep);
  EXPECT_FALSE(look("www.example.com.").deep);
  EXPECT_FALSE(look("example.com.").deep);
  EXPECT_EQ(look("host7.duckdns.org").suffix, NameLook::Suffix::dynamic_dns);
  EXPECT_EQ(look("example.top").suffix, NameLook::Suffix::often_abused);
  EXPECT_EQ(look("co.uk.").size, 0);
  EXPECT_EQ(look("").size, 0);
}

TEST_F(NameLookTest, every_name_of_a_domain_has_its_letters_look) {
  const NameLook one = look("xkqzvwjpqh.com."), other = look("cdn.xkqzvwjpqh.com.");
  EXPECT_GT(one.score, 0);
  EXPECT_EQ(one.score, other.score);
  EXPECT_EQ(one.sample, other.sample);
  EXPECT_EQ(other.begin, 4);
  EXPECT_TRUE(look("a.xn--80ak6aa92e.com").punycode);
}

TEST_F(NameLookTest, tells_what_is_listed) {
  EXPECT_TRUE(look("bad.example.com.").listed);
  EXPECT_TRUE(look("x.BAD.example.com").listed);
  EXPECT_FALSE(look("example.com").listed);
}

TEST_F(NameLookTest, infrastructure_is_looked_at_where_a_list_has_it) {
  for (const char* name : {"sqs.eu-west-1.amazonaws.com.", "SQS.eu-west-1.AMAZONAWS.com",
                           "ip-10-0-0-1.ec2.internal", "printer.local", "1.0.0.10.in-addr.arpa."}) {
    EXPECT_TRUE(look(name).infrastructure) << name;
    EXPECT_EQ(look(name).size, 0) << name;
  }
  EXPECT_TRUE(look("listed.s3.amazonaws.com").listed);
  EXPECT_GT(look("listed.s3.amazonaws.com").size, 0);
  EXPECT_FALSE(look("myamazonaws.com").infrastructure);
}

}  // namespace
}  // namespace picket
