#include "base/base64.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Base64, ReadsBackWhatItWrote) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes) << i;
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes) << i;
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(to_base64url("\xfb\xff\xfe"), "-__-");
  // RFC 4648, section 10.
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, RefusesOtherTexts) {
  EXPECT_FALSE(from_base64url("A"));     // a lone character
  EXPECT_FALSE(from_base64url("AB"));    // bits beyond the last byte
  EXPECT_FALSE(from_base64url("AA=="));  // padding
  EXPECT_FALSE(from_base64url("A+/A"));
  EXPECT_EQ(from_base64url("AA"), std::string(1, '\0'));
  EXPECT_FALSE(from_base64("Zg"));    // no padding
  EXPECT_FALSE(from_base64("Z==="));  // a lone character
  EXPECT_FALSE(from_base64("Z=g="));
  EXPECT_FALSE(
      from_base64("Zg=="
                  "Zg=="));
  EXPECT_FALSE(from_base64("-__-"));
  EXPECT_EQ(from_base64("Zh=="), "f");
}

}  // namespace
}  // namespace picket
