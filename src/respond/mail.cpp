// A finding as a mail: what people read first, then the event as it is.
#include <fmt/format.h>

#include <array>
#include <ctime>

#include "base/base64.h"
#include "finding/severity.h"
#include "respond/finding_parts.h"
#include "respond/formats.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

// One line of ASCII: nothing that logs hold may end a header or begin another.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out += c >= ' ' && c < '\x7f' ? c : '?';
  return out;
}

std::string mail_date(TimeMs time) {
  const auto seconds = static_cast<std::time_t>(time / second_ms);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  // Names of days and months as RFC 5322 has them, whatever the locale.
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", days[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string mail_text(const FindingEvent& event, const dom::element& finding) {
  std::string out = fmt::format("{}\n\n{}\n\n", text_at(finding, "/title"), text_at(finding, "/description"));
  const RemoteEnd remote = remote_end_of(finding);
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{:<12}{}\n", name, value);
  };
  line("Type", event.type);
  line("Severity", fmt::format("{} ({})", event.severity, name_of(severity_of(event.severity))));
  line("Account", event.account);
  line("Region", event.region);
  line("Remote", remote.ip);
  line("Finding", event.finding_id);
  return out + "\n" + event_json(event) + "\n";
}

std::string mail_message(const FindingEvent& event, const std::string& from,
                         const std::vector<std::string>& to, std::string_view body, TimeMs now) {
  std::string out = fmt::format("Date: {}\r\nFrom: {}\r\n", mail_date(now), from);
  out += fmt::format("To: {}\r\n", fmt::join(to, ", "));
  const std::string suffix =
      event.change == FindingChange::created ? "" : fmt::format(" ({})", word_of(event.change));
  out +=
      fmt::format("Subject: {}\r\n",
                  header_text(fmt::format("[picket] {}: {} in {} {}{}", name_of(severity_of(event.severity)),
                                          event.type, event.account, event.region, suffix)));
  out += fmt::format("Message-ID: <{}@picket>\r\n", event.id);
  out +=
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
      "Auto-Submitted: auto-generated\r\n\r\n";
  const std::string packed = to_base64(body);
  for (std::size_t at = 0; at < packed.size(); at += 76) out += packed.substr(at, 76) + "\r\n";
  return out;
}

}  // namespace picket::respond
