#include "decode/parquet.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "decode/listing_sink.h"

namespace picket {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Run {
  ListingSink sink;
  DecodeReport report;
};

std::string fixture(std::string_view name) {
  std::ifstream file(fmt::format("{}/src/decode/testdata/{}", PICKET_SOURCE_DIR, name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t size = text_.copy(into.data(), std::min<std::size_t>(into.size(), 1000), at_);
    at_ += size;
    return size;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

Run decode(std::string bytes) {
  Run run;
  TextSource source(std::move(bytes));
  run.report = decode_parquet(source, {}, {}, run.sink);
  return run;
}

class Parquet : public testing::Test {
 protected:
  void SetUp() override {
    if (find_duckdb().empty()) {
      GTEST_SKIP() << "DUCKDB'S LIBRARY IS NOT INSTALLED: reading Parquet is not tested. "
                      "`npm install -g @duckdb/node-bindings-linux-x64` or set PICKET_DUCKDB.";
    }
  }
};

TEST_F(Parquet, ReadsFlowLogs) {
  const auto run = decode(fixture("flow.parquet"));
  EXPECT_EQ(run.report.reason, "");
  EXPECT_EQ(run.report.verdict, ObjectVerdict::decoded);
  EXPECT_EQ(run.report.kind, LogKind::vpcflow);
  EXPECT_EQ(run.report.records_read, 4U);
  EXPECT_GT(run.report.bytes_in, 0U);
  ASSERT_EQ(run.sink.lines.size(), 4U);
  EXPECT_EQ(run.sink.lines[0],
            "1 flow 123456789010 eni-1 10.0.0.1:50000 203.0.113.9:443 proto 6 packets 10 bytes 5000000000 "
            "1789380000-1789380060 ACCEPT vpc=vpc-1 flags=19");
  EXPECT_EQ(run.sink.lines[1],
            "2 flow 123456789010 eni-1 2001:db8::1:0 2001:db8::2:0 proto 58 packets 1 bytes 64 "
            "1789380000-1789380060 REJECT "
            "vpc=vpc-1");
  EXPECT_EQ(run.sink.lines[2], "3 no_data 123456789010 eni-2 1789380000000-1789380060000");
  EXPECT_THAT(run.sink.lines[3], HasSubstr("4 quarantined bad_address"));
}

TEST_F(Parquet, TellsOtherTablesFromFlowLogs) {
  const auto run = decode(fixture("other.parquet"));
  EXPECT_EQ(run.report.verdict, ObjectVerdict::not_a_log);
  EXPECT_THAT(run.sink.lines, ElementsAre());
}

TEST_F(Parquet, FailsOnABrokenFileWithDuckDbsReason) {
  for (std::string bytes :
       {fixture("flow.parquet").substr(0, 500), std::string("PAR1 nonsense PAR1"), std::string()}) {
    const auto run = decode(bytes);
    EXPECT_EQ(run.report.verdict, ObjectVerdict::failed);
    EXPECT_THAT(run.report.reason, HasSubstr("DuckDB cannot read the Parquet file: "));
  }
}

TEST(ParquetWithoutLibrary, SaysHowToInstallIt) {
  const char* const before = std::getenv(duckdb_path_variable);
  const std::string saved = before == nullptr ? "" : before;
  ::setenv(duckdb_path_variable, "/nowhere/libduckdb.so", 1);
  const auto run = decode(fixture("flow.parquet"));
  if (before == nullptr) {
    ::unsetenv(duckdb_path_variable);
  } else {
    ::setenv(duckdb_path_variable, saved.c_str(), 1);
  }
  EXPECT_EQ(run.report.verdict, ObjectVerdict::failed);
  EXPECT_THAT(run.report.reason, HasSubstr("npm install -g @duckdb/node-bindings-linux-x64"));
}

}  // namespace
}  // namespace picket
