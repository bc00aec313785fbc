#include "event/record_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/archive.h"

namespace picket {

TEST(RecordIdTest, is_its_text) {
  for (const char* text :
       {"", "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f30415", "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "7F3C1A90-0B1D-4E5F-8A9B-C0D1E2F30415", "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f3041g",
        "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f3041:", "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f3041`",
        "7f3c1a9000b1d-4e5f-8a9b-c0d1e2f30415", "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f3041\xff", "a", "shared"}) {
    const RecordId id(text);
    EXPECT_EQ(id.text(), text);
    EXPECT_EQ(id.empty(), *text == '\0');
    std::string bytes;
    Writer out(bytes);
    out(id);
    Reader in(bytes);
    RecordId read;
    in(read);
    EXPECT_FALSE(in.failed());
    EXPECT_EQ(read, id);
    EXPECT_EQ(read.text(), text);
  }
}

TEST(RecordIdTest, stands_where_its_text_does) {
  std::vector<std::string> texts{"", "0", "7f3c1a90", "g", "7F3C1A90-0B1D-4E5F-8A9B-C0D1E2F30415"};
  for (const char* text : {"7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f30415", "7f3c1a90-0b1d-4e5f-8a9b-c0d1e2f30416",
                           "8f3c1a90-0b1d-4e5f-8a9b-c0d1e2f30415", "7f3c1a90-0b1d-4e5f-0a9b-ffffffffffff",
                           "a0000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"})
    texts.emplace_back(text);
  for (const std::string& a : texts) {
    for (const std::string& b : texts) {
      EXPECT_EQ(RecordId(a) < RecordId(b), a < b) << a << ' ' << b;
      EXPECT_EQ(RecordId(a) == RecordId(b), a == b) << a << ' ' << b;
    }
  }
}

}  // namespace picket
