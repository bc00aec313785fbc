#include "base/base64.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Base64, ReadsBackWhatItWrote) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes) << i;
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(to_base64url("\xfb\xff\xfe"), "-__-");
}

TEST(Base64, RefusesOtherTexts) {
  EXPECT_FALSE(from_base64url("A"));     // a lone character
  EXPECT_FALSE(from_base64url("AB"));    // bits beyond the last byte
  EXPECT_FALSE(from_base64url("AA=="));  // padding
  EXPECT_FALSE(from_base64url("A+/A"));
  EXPECT_EQ(from_base64url("AA"), std::string(1, '\0'));
}

}  // namespace
}  // namespace picket
