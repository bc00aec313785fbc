#include "base/flat_map.h"

#include <gtest/gtest.h>

#include <string>

#include "base/archive.h"
#include "base/boxed.h"

namespace picket {
namespace {

template <class T>
std::string saved(T& value) {
  std::string bytes;
  Writer out(bytes);
  out(value);
  return bytes;
}

TEST(FlatMap, SavesTheSameBytesWhateverTheOrderOfInsertion) {
  FlatMap<std::uint64_t, std::string> up, down;
  for (std::uint64_t i = 0; i < 100; ++i) up[i] = std::to_string(i);
  for (std::uint64_t i = 100; i-- > 0;) down[i] = std::to_string(i);
  const std::string bytes = saved(up);
  EXPECT_EQ(bytes, saved(down));
  FlatMap<std::uint64_t, std::string> loaded;
  Reader in(bytes);
  in(loaded);
  EXPECT_TRUE(in.at_end() && !in.failed());
  EXPECT_EQ(saved(loaded), bytes);
}

TEST(FlatMap, FailsOnAbsurdBytes) {
  NodeMap<std::string, std::uint64_t> map;
  Reader in(std::string_view("\xff\xff\xff\xff\x01\x00\x00\x00k", 9));
  in(map);
  EXPECT_TRUE(in.failed());
  EXPECT_LE(map.size(), 1U);
}

TEST(Boxed, IsSavedAndCopiedWithWhatItHolds) {
  Boxed<std::string> none, text(std::string("text"));
  for (Boxed<std::string>* each : {&none, &text}) {
    const std::string bytes = saved(*each);
    Boxed<std::string> loaded(std::string("other"));
    Reader in(bytes);
    in(loaded);
    EXPECT_EQ(static_cast<bool>(loaded), static_cast<bool>(*each));
    if (loaded) {
      EXPECT_EQ(*loaded, "text");
    }
  }
  Boxed<std::string> copy = text;
  *copy += '!';
  EXPECT_EQ(*text, "text");
}

}  // namespace
}  // namespace picket
