// What the cases cannot show: they run without AWS's ranges, and in one sitting.
#include <gtest/gtest.h>

#include "detectors/shared/stolen_sessions.h"
#include "detectors/test_support.h"

namespace picket::detectors {

extern const Detector instance_credential_exfiltration;

namespace {

constexpr TimeMs morning = 1'773'219'600'000;  // 2026-03-11T09:00:00Z

class InstanceSessions : public OrderedTest {
 protected:
  InstanceSessions() : OrderedTest(instance_credential_exfiltration) {
    facts_.use_aws_ranges(
        [](const IpAddress& ip) { return IpPrefix::parse("198.51.100.0/24")->contains(ip); });
  }

  // A call of the instance's session; the type raised, or nothing.
  std::optional<int> call(const std::string& instance, const std::string& ip, TimeMs time = morning) {
    Candidate row = candidate(ip, time);
    row.subject.access_key = AccessKeySubject{.access_key_id = "ASIA" + instance};
    row.evidence = {{"instance", instance}, {"workload_account", "111122223333"}};
    return step(row);
  }
  std::optional<int> command(const std::string& instance, const std::string& ip, TimeMs time = morning) {
    Candidate row = candidate(ip, time);
    row.evidence = {
        {"workload_account", "111122223333"}, {"person", "jonas.weber"}, {"reached_instances", instance}};
    return step(row);
  }
  static Candidate candidate(const std::string& ip, TimeMs time) {
    Candidate row;
    row.first.time = row.last.time = time;
    row.subject.account = "111122223333";
    row.subject.remote_ip = IpAddress::parse(ip);
    row.subject.api_call = ApiCall{.api = "ListBuckets"};
    return row;
  }
  std::optional<int> step(const Candidate& row) {
    const auto raised = state_->step(row, facts_);
    if (!raised) return std::nullopt;
    return raised->type;
  }
};

TEST_F(InstanceSessions, OutsideTheRangesAnUnknownAddressIsEnough) {
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "203.0.113.9"), outside_aws);
}

TEST_F(InstanceSessions, InsideTheRangesAnUnknownAddressSaysNothing) {
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.9"), std::nullopt);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.10"), std::nullopt);
}

TEST_F(InstanceSessions, InsideTheRangesWhoeverReachedTheInstanceGivesItAway) {
  EXPECT_EQ(command("i-0aaaaaaaaaaaaaaa1", "198.51.100.9"), std::nullopt);
  EXPECT_EQ(call("i-0bbbbbbbbbbbbbbb2", "198.51.100.10", morning + minute_ms), std::nullopt);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.9", morning + minute_ms), inside_aws);
}

TEST_F(InstanceSessions, APersonSpeaksForAnAddressForADay) {
  command("i-0aaaaaaaaaaaaaaa1", "198.51.100.9");
  command("i-0aaaaaaaaaaaaaaa1", "198.51.100.10");
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.9", morning + day_ms), inside_aws);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.10", morning + day_ms + 1), std::nullopt);
}

TEST_F(InstanceSessions, AnOfficeLineIsLearnedAfterThreeInstancesAndThreeDays) {
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "203.0.113.9"), outside_aws);
  EXPECT_EQ(call("i-0bbbbbbbbbbbbbbb2", "203.0.113.9"), outside_aws);
  EXPECT_EQ(call("i-0ccccccccccccccc3", "203.0.113.9"), outside_aws);
  restart();
  const std::vector<std::string> instances = {"i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2",
                                              "i-0ccccccccccccccc3"};
  for (const std::string& one : instances)
    EXPECT_EQ(call(one, "203.0.113.9", morning + hour_ms), outside_aws);
  for (const std::string& one : instances) EXPECT_EQ(call(one, "203.0.113.9", morning + day_ms), outside_aws);
  EXPECT_EQ(call(instances[0], "203.0.113.9", morning + 2 * day_ms), outside_aws);
  EXPECT_EQ(call(instances[1], "203.0.113.9", morning + 2 * day_ms), outside_aws);
  restart();
  EXPECT_EQ(call(instances[2], "203.0.113.9", morning + 2 * day_ms), std::nullopt);
}

TEST_F(InstanceSessions, AThiefWhoTakesOneAfterTheOtherIsNoEgress) {
  for (int day = 0; day < 10; ++day) {
    EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa" + std::to_string(day), "203.0.113.9", morning + day * day_ms),
              outside_aws);
  }
}

TEST_F(InstanceSessions, TwoInstancesAreNoEgressHoweverLong) {
  for (int day = 0; day < 10; ++day) {
    EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "203.0.113.9", morning + day * day_ms), outside_aws);
    EXPECT_EQ(call("i-0bbbbbbbbbbbbbbb2", "203.0.113.9", morning + day * day_ms), outside_aws);
  }
}

// What RunInstances and a Describe call would tell: an instance with a private and an elastic address.
class KnownInstances : public InstanceSessions {
 protected:
  void launch(const std::string& instance, const std::string& inner, const std::string& outer) {
    const std::string suffix = instance.substr(3);
    facts_.learn(FactRow{.id = instance,
                         .account = "111122223333",
                         .region = "eu-west-1",
                         .name = "describe:instances",
                         .response = R"({"InstanceId":")" + instance +
                                     R"(","State":{"Name":"running"},"VpcId":"vpc-01","NetworkInterfaces":[{
        "NetworkInterfaceId":"eni-)" +
                                     suffix +
                                     R"(","VpcId":"vpc-01","OwnerId":"111122223333",
        "PrivateIpAddress":")" + inner +
                                     R"(","Attachment":{"AttachmentId":"eni-attach-)" + suffix +
                                     R"("},"Association":{"IpOwnerId":"111122223333","PublicIp":")" + outer +
                                     R"("}}]})"});
  }
  std::optional<int> inner_call(const std::string& instance, const std::string& ip, TimeMs time) {
    Candidate row = candidate(ip, time);
    row.subject.remote_ip.reset();
    row.evidence = {{"instance", instance},
                    {"workload_account", "111122223333"},
                    {"vpc_endpoint", "vpce-1"},
                    {"address_in_vpc", ip}};
    return step(row);
  }
};

TEST_F(KnownInstances, AKeyOnAnotherInstanceTellsWhateverTheWay) {
  launch("i-0aaaaaaaaaaaaaaa1", "10.0.0.1", "198.51.100.1");
  launch("i-0bbbbbbbbbbbbbbb2", "10.0.0.2", "198.51.100.2");
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.1"), std::nullopt);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.2", morning + minute_ms), inside_account);
  EXPECT_EQ(inner_call("i-0aaaaaaaaaaaaaaa1", "10.0.0.1", morning + minute_ms), std::nullopt);
  EXPECT_EQ(inner_call("i-0aaaaaaaaaaaaaaa1", "10.0.0.2", morning + 2 * minute_ms), inside_account);
  EXPECT_EQ(inner_call("i-0aaaaaaaaaaaaaaa1", "10.0.0.3", morning + 3 * minute_ms), std::nullopt);
}

TEST_F(KnownInstances, AWorkloadsOwnPlaceSpeaksForAWeek) {
  launch("i-0aaaaaaaaaaaaaaa1", "10.0.0.1", "198.51.100.1");
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.1"), std::nullopt);
  restart();
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.77", morning + 7 * day_ms), inside_aws);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "198.51.100.78", morning + 7 * day_ms + 1), std::nullopt);
}

TEST_F(KnownInstances, AProxyIsLearnedAfterThreeInstancesThoughItRaised) {
  launch("i-0ddddddddddddddd4", "10.0.0.4", "198.51.100.4");
  facts_.learn(FactRow{.id = "vpce-1",
                       .account = "111122223333",
                       .region = "eu-west-1",
                       .name = "describe:vpc_endpoints",
                       .response = R"({"VpcEndpointId":"vpce-1","VpcId":"vpc-01"})"});
  EXPECT_EQ(inner_call("i-0aaaaaaaaaaaaaaa1", "10.0.0.4", morning - day_ms), inside_account);
  const std::vector<std::string> clients = {"i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2",
                                            "i-0ccccccccccccccc3"};
  for (const int day : {0, 1, 2, 3}) {
    for (const std::string& client : clients) inner_call(client, "10.0.0.4", morning + day * day_ms);
  }
  EXPECT_EQ(inner_call(clients[0], "10.0.0.4", morning + 4 * day_ms), std::nullopt);
}

TEST_F(InstanceSessions, MemoryStaysWithinItsBudget) {
  std::size_t largest = 0;
  for (std::uint32_t i = 0; i < 40'000; ++i) {
    const std::string ip = IpAddress::v4(0x0B000000U + i).to_string();
    call("i-0aaaaaaaaaaaaaaa1", ip, morning + i);
    if (i % 1000 == 0) largest = std::max(largest, saved().size());
  }
  EXPECT_LT(largest, 8192U * 200U);
  EXPECT_EQ(call("i-0aaaaaaaaaaaaaaa1", "203.0.113.9", morning + 40'000), outside_aws);
}

}  // namespace

}  // namespace picket::detectors
