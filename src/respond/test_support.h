// A finding for the tests of this folder.
#pragma once

#include <string>

namespace picket::respond::test {

// In the store's form (API casing, without service.archived): SSH guessing against an instance.
inline std::string document(const std::string& id, double severity = 8,
                            const std::string& instance = "i-0bf8faedf4d75f40b") {
  return R"({"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","partition":"aws","id":")" +
         id + R"(","arn":"arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/)" + id +
         R"(","type":"UnauthorizedAccess:EC2/SSHBruteForce","resource":{"resourceType":"Instance","instanceDetails":)"
         R"({"instanceId":")" +
         instance +
         R"("}},"service":{"serviceName":"guardduty","detectorId":"d","action":)"
         R"({"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"INBOUND","protocol":"TCP",)"
         R"("localPortDetails":{"port":22,"portName":"SSH"},"remotePortDetails":{"port":40152,"portName":"Unknown"},)"
         R"("remoteIpDetails":{"ipAddressV4":"198.51.100.7","country":{"countryName":"Utopia"}}}},"resourceRole":"TARGET",)"
         R"("additionalInfo":{"value":"{\"picket\":{\"mitre\":{\"tactic\":\"TA0006\",\"technique\":\"T1110\"}}}","type":"default"},)"
         R"("eventFirstSeen":"2026-09-16T02:10:03.000Z","eventLastSeen":"2026-09-16T06:30:00.000Z","count":3},"severity":)" +
         std::to_string(static_cast<int>(severity)) +
         R"(,"createdAt":"2026-09-16T02:40:00.000Z","updatedAt":"2026-09-16T06:30:00.000Z",)"
         R"("title":"SSH guessing | against <i-0bf8faedf4d75f40b>","description":"198.51.100.7 guesses = passwords\nof *root*."})";
}

inline std::string id_of(unsigned number) {
  char text[33];
  std::snprintf(text, sizeof text, "%032x", number);
  return text;
}

}  // namespace picket::respond::test
