#include "net/kafka_producer.h"

#include <gmock/gmock.h>

namespace picket::net {
namespace {

TEST(KafkaUrl, NamesBrokersAndATopic) {
  using Place = std::pair<std::string, std::string>;
  EXPECT_EQ(parse_kafka_url("kafka://a:9092,b:9092/trail.events_v1"),
            (Place{"a:9092,b:9092", "trail.events_v1"}));
  for (const char* url : {"", "kafka://", "kafka:///topic", "kafka://a:9092", "kafka://a:9092/",
                          "kafka://a:9092/a b", "kafka://a:9092/a/b", "kafka://a:9092/.."})
    EXPECT_FALSE(parse_kafka_url(url)) << url;
}

// Where librdkafka is missing everything is refused.
TEST(KafkaProducer, SpeaksPlainlyOnlyToExceptions) {
  const auto guard = AddressGuard::make({"10.0.0.0/8", "kafka.corp.example"}).value();
  const auto outcome = [&](const std::string& brokers, KafkaProperties properties) -> std::string {
    const auto made = KafkaProducer::make({"kafka://", brokers, "t", std::move(properties)}, guard);
    return made ? "" : made.error().what;
  };
  const KafkaProperties tls{{"security.protocol", "SSL"}};
  EXPECT_THAT(outcome("broker.example:9092", {}), testing::Not(""));
  EXPECT_THAT(outcome("10.0.0.1:9092,broker.example:9092", {{"security.protocol", "SASL_PLAINTEXT"}}),
              testing::Not(""));
  const std::string allowed = outcome("broker.example:9092", tls);
  if (allowed == without_kafka) GTEST_SKIP() << allowed;
  EXPECT_EQ(allowed, "");
  EXPECT_EQ(outcome("10.0.0.1:9092,kafka.corp.example:9092", {}), "");
  EXPECT_THAT(outcome("broker.example:9092", {{"security.protocol", "SSL"}, {"acks", "1"}}),
              testing::HasSubstr("acks is picket's to set"));
  EXPECT_THAT(outcome("broker.example:9092", {{"security.protocol", "SSL"}, {"no.such", "1"}}),
              testing::HasSubstr("no.such"));
}

}  // namespace
}  // namespace picket::net
