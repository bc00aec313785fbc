#include "base/metrics_text.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(MetricsText, TellsSamplesOfAMetric) {
  MetricsText text;
  text.begin(MetricsText::Type::counter, "picket_reads_total", "Reads.");
  text.sample({{"kind", "dns"}, {"region", "eu-west-1"}}, 3U);
  text.sample({{"kind", "vpcflow"}, {"region", "eu-west-1"}}, 0U);
  text.gauge("picket_lag_seconds", "Lag.", 0.25);
  EXPECT_EQ(text.take(),
            "# HELP picket_reads_total Reads.\n"
            "# TYPE picket_reads_total counter\n"
            "picket_reads_total{kind=\"dns\",region=\"eu-west-1\"} 3\n"
            "picket_reads_total{kind=\"vpcflow\",region=\"eu-west-1\"} 0\n"
            "# HELP picket_lag_seconds Lag.\n"
            "# TYPE picket_lag_seconds gauge\n"
            "picket_lag_seconds 0.25\n");
}

TEST(MetricsText, EscapesValuesOfLabels) {
  MetricsText text;
  text.begin(MetricsText::Type::gauge, "m", "h");
  text.sample({{"rule", "a \"b\" \\ c\nd"}}, 1);
  EXPECT_NE(text.take().find("m{rule=\"a \\\"b\\\" \\\\ c\\nd\"} 1\n"), std::string::npos);
}

}  // namespace
}  // namespace picket
