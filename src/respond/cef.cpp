#include <fmt/format.h>

#include <cmath>

#include "respond/finding_parts.h"
#include "respond/formats.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

// Header fields escape the bar, extensions the equals sign; neither may break the line.
std::string escaped(std::string_view text, char special) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == special) out += '\\';
    if (c == '\n' || c == '\r') {
      out += special == '=' ? "\\n" : " ";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string cef(const FindingEvent& event, const dom::element& finding) {
  std::string out = fmt::format("CEF:0|picket|picket|2|{}|{}|{}|", escaped(event.type, '|'),
                                escaped(text_at(finding, "/title"), '|'), std::lround(event.severity));
  bool first = true;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += fmt::format("{}{}={}", first ? "" : " ", name, escaped(value, '='));
    first = false;
  };
  const auto add_time = [&](std::string_view name, std::string_view pointer) {
    if (const auto time = parse_time(text_at(finding, pointer))) add(name, std::to_string(*time));
  };
  const RemoteEnd remote = remote_end_of(finding);
  add("rt", std::to_string(event.time));
  add_time("start", "/service/eventFirstSeen");
  add_time("end", "/service/eventLastSeen");
  add("cnt", std::to_string(number_at(finding, "/service/count", 1)));
  add("externalId", event.finding_id);
  add("cat", purpose_of(event.type));
  add("act", word_of(event.change));
  if (!remote.ip.empty()) add(remote.ip.contains(':') ? "c6a2" : "src", remote.ip);
  if (remote.ip.contains(':')) add("c6a2Label", "Source IPv6 Address");
  if (remote.port != 0) add("spt", std::to_string(remote.port));
  if (remote.local_port != 0) add("dpt", std::to_string(remote.local_port));
  add("proto", remote.protocol);
  add("suser", principal_of(finding));
  add("dhost", remote.domain);
  add("cs1Label", "AWS account");
  add("cs1", event.account);
  add("cs2Label", "AWS Region");
  add("cs2", event.region);
  add("cs3Label", "Resource");
  add("cs3", resources_of(finding).front().id);
  if (!remote.api.empty()) {
    add("cs4Label", "API");
    add("cs4", fmt::format("{}:{}", remote.service, remote.api));
  }
  add("cs5Label", "Event id");
  add("cs5", event.id);
  add("msg", text_at(finding, "/description"));
  return out;
}

}  // namespace picket::respond
