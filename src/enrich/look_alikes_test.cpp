#include "enrich/look_alikes.h"

#include <gtest/gtest.h>

#include <array>

namespace picket {
namespace {

using How = LookAlike::How;

const LookAlikes& with_own() {
  static const std::array<std::string, 3> own = {"examplecorp.com", "examplecorp-login.net",
                                                 "kestrelworks.io"};
  static const LookAlikes look_alikes(own);
  return look_alikes;
}

struct Expected {
  const char* name;
  const char* imitated;
  How how;
};

TEST(LookAlikesTest, tells_what_is_imitated_and_how) {
  for (const Expected& one : std::initializer_list<Expected>{
           {"0kta.com", "okta.com", How::same_look},
           {"rnicrosoft.com", "microsoft.com", How::same_look},
           {"amaz0naws.com", "amazonaws.com", How::same_look},
           {"xn--mazon-3ve.com", "amazon.com", How::same_look},  // Cyrillic a
           {"xn--80ak6aa92e.com", "", How::same_look},           // all Cyrillic, of nobody here
           {"xn--kta-8yc.com", "okta.com", How::same_look},      // nothing that decodes to it
           {"examp1ecorp.net", "examplecorp.com", How::same_look},
           {"amazonawss.com", "amazonaws.com", How::one_letter},
           {"microsotf.com", "microsoft.com", How::one_letter},
           {"examplecrop.com", "examplecorp.com", How::one_letter},
           {"kestrelwork.io", "kestrelworks.io", How::one_letter},
           {"okta-login.com", "okta.com", How::with_word},
           {"signin-aws.net", "aws.com", How::with_word},
           {"awsconsole.net", "aws.com", How::with_word},
           {"sso-examplecorp.com", "examplecorp.com", How::with_word},
           {"examplecorpsecure2.com", "examplecorp.com", How::with_word}}) {
    const auto found = with_own().of(one.name);
    EXPECT_EQ(found ? found->imitated : "", one.imitated) << one.name;
    if (found) {
      EXPECT_EQ(found->how, one.how) << one.name;
    }
  }
}

TEST(LookAlikesTest, leaves_what_is_genuine_and_what_only_resembles) {
  for (const char* name : {"examplecorp.com", "examplecorp-login.net", "examplecorp.de",
                           "microsoftonline-p.com", "amazon.de", "okta.com", "octa.com", "example.com",
                           "login.com", "aws-partner.net", "oktoberfest.de", "kestrel.io", ""})
    EXPECT_FALSE(with_own().of(name)) << name;
  // Of the organisation nothing is known here.
  EXPECT_FALSE(LookAlikes().of("examplecrop.com"));
}

TEST(LookAlikesTest, decodes_punycode) {
  EXPECT_EQ(decode_punycode("xn--bcher-kva"), U"bücher");
  EXPECT_EQ(decode_punycode("xn--fiqs8s"), U"中国");
  EXPECT_EQ(decode_punycode("xn--mgbh0fb"), U"مثال");
  for (const char* none :
       {"", "bcher-kva", "xn--a-\xc3", "xn--99999999999", "xn--bcher-kv!", "xn--", "xn--bcher-kva.com"})
    EXPECT_FALSE(decode_punycode(none)) << none;
}

}  // namespace
}  // namespace picket
