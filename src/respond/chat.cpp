#include <fmt/format.h>

#include "base/json_writer.h"
#include "finding/severity.h"
#include "respond/finding_parts.h"
#include "respond/formats.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

// Links and mentions begin with "<"; a finding holds what an attacker wrote. Styles are switched off in the
// message.
std::string slack_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

// Adaptive cards read a subset of Markdown.
std::string card_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\*_[]()#-`>").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string_view heading_of(FindingChange change) {
  static constexpr std::string_view headings[] = {"", "Update: ", "Withdrawn: "};
  return headings[static_cast<std::size_t>(change)];
}

std::string_view colour_of(double severity) {
  switch (severity_of(severity)) {
    case Severity::low:
      return "#5f6b7a";
    case Severity::medium:
      return "#b2911c";
    case Severity::high:
      return "#ce3311";
    case Severity::critical:
      return "#870303";
  }
  return "";
}

std::vector<std::pair<std::string_view, std::string>> facts_of(const FindingEvent& event,
                                                               const dom::element& finding) {
  const RemoteEnd remote = remote_end_of(finding);
  std::vector<std::pair<std::string_view, std::string>> facts;
  const auto add = [&](std::string_view name, std::string value) {
    if (!value.empty()) facts.emplace_back(name, std::move(value));
  };
  add("Severity", fmt::format("{} ({})", event.severity, name_of(severity_of(event.severity))));
  add("Account", fmt::format("{}, {}", event.account, event.region));
  add("Resource", resources_of(finding).front().name);
  add("Principal", std::string(principal_of(finding)));
  add("Remote address", fmt::format("{}{}{}", remote.ip, remote.country.empty() ? "" : ", ", remote.country));
  add("Domain", std::string(remote.domain));
  add("Count", std::to_string(number_at(finding, "/service/count", 1)));
  add("Last seen", std::string(text_at(finding, "/service/eventLastSeen")));
  return facts;
}

}  // namespace

std::string slack(const FindingEvent& event, const dom::element& finding) {
  const std::string title = slack_text(text_at(finding, "/title"));
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("text", fmt::format("{}{}", heading_of(event.change), title));
  json.member("mrkdwn", false);
  json.key("attachments");
  json.begin_array();
  json.begin_object();
  json.member("color", colour_of(event.severity));
  json.member("title", slack_text(event.type));
  json.member("text", slack_text(text_at(finding, "/description")));
  json.key("fields");
  json.begin_array();
  for (const auto& [name, value] : facts_of(event, finding)) {
    json.begin_object();
    json.member("title", name);
    json.member("value", slack_text(value));
    json.member("short", true);
    json.end_object();
  }
  json.end_array();
  json.member("mrkdwn_in", std::vector<std::string>{});
  json.member("footer", event.finding_id);
  json.member("ts", event.time / second_ms);
  json.end_object();
  json.end_array();
  json.end_object();
  return out;
}

std::string teams(const FindingEvent& event, const dom::element& finding) {
  std::string out;
  JsonWriter json(out);
  const auto block = [&](std::string_view text, bool strong) {
    json.begin_object();
    json.member("type", "TextBlock");
    json.member("text", card_text(text));
    json.member("wrap", true);
    if (strong) json.member("weight", "Bolder");
    json.end_object();
  };
  json.begin_object();
  json.member("type", "message");
  json.key("attachments");
  json.begin_array();
  json.begin_object();
  json.member("contentType", "application/vnd.microsoft.card.adaptive");
  json.key("content");
  json.begin_object();
  json.member("$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
  json.member("type", "AdaptiveCard");
  json.member("version", "1.4");
  json.key("body");
  json.begin_array();
  block(fmt::format("{}{}", heading_of(event.change), text_at(finding, "/title")), true);
  block(event.type, false);
  block(text_at(finding, "/description"), false);
  json.begin_object();
  json.member("type", "FactSet");
  json.key("facts");
  json.begin_array();
  for (const auto& [name, value] : facts_of(event, finding)) {
    json.begin_object();
    json.member("title", name);
    json.member("value", card_text(value));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.end_array();
  json.end_object();
  json.end_object();
  json.end_array();
  json.end_object();
  return out;
}

}  // namespace picket::respond
