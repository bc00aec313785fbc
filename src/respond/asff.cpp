#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json_writer.h"
#include "base/text.h"
#include "finding/severity.h"
#include "respond/finding_parts.h"
#include "respond/formats.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

constexpr std::size_t title_max = 256, description_max = 1024;  // characters; bytes are never fewer

// Not through the middle of a character.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
  return text.substr(0, end);
}

// Namespace and category of ASFF's taxonomy for a threat purpose.
std::string_view category_of(std::string_view purpose) {
  static constexpr std::pair<std::string_view, std::string_view> categories[] = {
      {"Backdoor", "TTPs/Command and Control"},
      {"CredentialAccess", "TTPs/Credential Access"},
      {"CryptoCurrency", "Effects/Resource Consumption"},
      {"DefenseEvasion", "TTPs/Defense Evasion"},
      {"Discovery", "TTPs/Discovery"},
      {"Execution", "TTPs/Execution"},
      {"Exfiltration", "Effects/Data Exfiltration"},
      {"Impact", "Effects/Data Destruction"},
      {"InitialAccess", "TTPs/Initial Access"},
      {"Persistence", "TTPs/Persistence"},
      {"Policy", "Software and Configuration Checks"},
      {"PrivilegeEscalation", "TTPs/Privilege Escalation"},
      {"Recon", "TTPs/Discovery"},
      {"Stealth", "TTPs/Defense Evasion"},
      {"Trojan", "TTPs/Command and Control"},
      {"UnauthorizedAccess", "TTPs/Initial Access"},
  };
  const auto known =
      std::ranges::find(categories, purpose, &std::pair<std::string_view, std::string_view>::first);
  return known == std::end(categories) ? "Unusual Behaviors" : known->second;
}

}  // namespace

std::string asff(const FindingEvent& event, const dom::element& finding, std::string_view product_arn) {
  const std::string_view partition = text_at(finding, "/partition");
  std::string type = fmt::format("{}/{}", category_of(purpose_of(event.type)), event.type);
  std::ranges::replace(type.begin() + static_cast<std::ptrdiff_t>(type.size() - event.type.size()),
                       type.end(), '/', '-');
  bool archived = false;
  if (finding.at_pointer("/service/archived").get(archived) != simdjson::SUCCESS) archived = false;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("SchemaVersion", "2018-10-08");
  json.member("Id", text_at(finding, "/arn"));
  json.member("ProductArn", product_arn.empty()
                                ? fmt::format("arn:{}:securityhub:{}:{}:product/{}/default", partition,
                                              event.region, event.account, event.account)
                                : std::string(product_arn));
  json.member("ProductName", "picket");
  json.member("CompanyName", "picket");
  json.member("Region", event.region);
  json.member("GeneratorId", fmt::format("arn:{}:guardduty:{}:{}:detector/{}", partition, event.region,
                                         event.account, text_at(finding, "/service/detectorId")));
  json.member("AwsAccountId", event.account);
  json.member("Types", std::vector<std::string>{type});
  json.member("FirstObservedAt", text_at(finding, "/service/eventFirstSeen"));
  json.member("LastObservedAt", text_at(finding, "/service/eventLastSeen"));
  json.member("CreatedAt", text_at(finding, "/createdAt"));
  // Security Hub takes no update of the time it has: a withdrawal tells of no newer record.
  const bool withdrawn = event.change == FindingChange::withdrawn && event.time != 0;
  json.member("UpdatedAt",
              withdrawn ? format_time(event.time + 1) : std::string(text_at(finding, "/updatedAt")));
  json.key("Severity");
  json.begin_object();
  json.member("Label", upper(name_of(severity_of(event.severity))));
  json.member("Original", fmt::format("{}", event.severity));
  json.end_object();
  json.member("Title", cut(text_at(finding, "/title"), title_max));
  json.member("Description", cut(text_at(finding, "/description"), description_max));
  json.key("ProductFields");
  json.begin_object();
  json.member("aws/guardduty/service/count", std::to_string(number_at(finding, "/service/count", 1)));
  json.member("aws/guardduty/service/eventFirstSeen", text_at(finding, "/service/eventFirstSeen"));
  json.member("aws/guardduty/service/eventLastSeen", text_at(finding, "/service/eventLastSeen"));
  json.member("aws/guardduty/service/resourceRole", text_at(finding, "/service/resourceRole"));
  if (const auto action = text_at(finding, "/service/action/actionType"); !action.empty())
    json.member("aws/guardduty/service/action/actionType", action);
  const RemoteEnd remote = remote_end_of(finding);
  for (const auto& [name, value] : {std::pair{"remoteIp", remote.ip},
                                    {"remoteCountry", remote.country},
                                    {"domain", remote.domain},
                                    {"api", remote.api},
                                    {"serviceName", remote.service}})
    if (!value.empty()) json.member(fmt::format("picket/{}", name), value);
  json.end_object();
  json.key("Resources");
  json.begin_array();
  for (const AffectedResource& resource : resources_of(finding)) {
    json.begin_object();
    json.member("Type", resource.type);
    json.member("Id", resource.id);
    json.member("Partition", partition);
    json.member("Region", event.region);
    json.end_object();
  }
  json.end_array();
  json.member("RecordState", archived ? "ARCHIVED" : "ACTIVE");
  json.end_object();
  return out;
}

}  // namespace picket::respond
