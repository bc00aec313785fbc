#include "respond/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "aws/service_call.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "finding/export.h"
#include "net/http_client.h"
#include "net/kafka_client.h"
#include "net/send_bytes.h"
#include "respond/finding_parts.h"
#include "respond/formats.h"
#include "store/finding_document.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

constexpr std::string_view prefix = "respond/";

struct KindFacts {
  std::string_view name;
  TargetKind kind;
  std::string_view arn_service;  // empty: no ARN
  Format format;                 // when none is given
};
constexpr KindFacts kinds[] = {
    {"eventbridge", TargetKind::eventbridge, "events", Format::eventbridge},
    {"sns", TargetKind::sns, "sns", Format::eventbridge},
    {"sqs", TargetKind::sqs, "sqs", Format::eventbridge},
    {"lambda", TargetKind::lambda, "lambda", Format::eventbridge},
    {"stepfunctions", TargetKind::stepfunctions, "states", Format::eventbridge},
    {"securityhub", TargetKind::securityhub, "securityhub", Format::asff},
    {"webhook", TargetKind::webhook, "", Format::eventbridge},
    {"syslog", TargetKind::syslog, "", Format::cef},
    {"file", TargetKind::file, "", Format::eventbridge},
    {"email", TargetKind::email, "", Format::eventbridge},
    {"cloudwatch", TargetKind::cloudwatch, "", Format::eventbridge},
    {"logs", TargetKind::logs, "logs", Format::eventbridge},
    {"kafka", TargetKind::kafka, "", Format::eventbridge},
};

constexpr std::string_view format_names[] = {"eventbridge", "guardduty", "asff", "ocsf",
                                             "cef",         "slack",     "teams"};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// As an address stands in a mail's envelope: one line, without what would end it.
bool is_mailbox(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at != 0 && at + 1 != text.size() && text.size() <= 254 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '<' && c != '>'; });
}

// What is wrong with where a target sends; empty: nothing.
std::string wrong_place(const RespondTargetKeys& keys, const KindFacts& facts) {
  if (!facts.arn_service.empty()) {
    const auto arn = aws::parse_arn(keys.arn);
    const bool stream = facts.kind != TargetKind::logs || (arn && arn->resource.starts_with("log-group:") &&
                                                           arn->resource.contains(":log-stream:"));
    if (!stream)
      return "kind logs needs arn = \"arn:aws:logs:REGION:ACCOUNT:log-group:GROUP:log-stream:STREAM\"";
    if (!arn || arn->service != facts.arn_service || arn->region.empty() || arn->account.empty())
      return fmt::format("kind {} needs arn = \"arn:aws:{}:REGION:ACCOUNT:…\"", keys.kind, facts.arn_service);
    if (!keys.endpoint.empty() && !net::host_of(keys.endpoint)) return "endpoint is not a URL";
    if (facts.kind == TargetKind::eventbridge && keys.source.starts_with("aws."))
      return "source: EventBridge refuses events whose source begins with aws.";
    return {};
  }
  if (facts.kind == TargetKind::webhook && !net::host_of(keys.url))
    return "kind webhook needs url = \"https://…\"";
  if (facts.kind == TargetKind::syslog && !net::parse_peer(keys.address))
    return "kind syslog needs address = \"HOST:PORT\"";
  if (facts.kind == TargetKind::file && keys.path.empty()) return "kind file needs a path";
  if (facts.kind == TargetKind::kafka && !net::parse_kafka_url(keys.url))
    return "kind kafka needs url = \"kafka://HOST:PORT,…/TOPIC\"";
  if (facts.kind != TargetKind::kafka && !keys.properties.empty()) return "properties are for kind kafka";
  if (facts.kind == TargetKind::email) {
    if (!net::parse_peer(keys.address)) return "kind email needs address = \"HOST:PORT\" of an SMTP server";
    if (!is_mailbox(keys.from) || keys.to.empty() || !std::ranges::all_of(keys.to, is_mailbox))
      return "kind email needs from = \"NAME@DOMAIN\" and to = [\"NAME@DOMAIN\"]";
    if (keys.username.empty() != keys.password_file.empty())
      return "username and password_file belong together";
    if (keys.transport == "plain" && !keys.username.empty())
      return "a password is sent over TLS only: transport = \"starttls\" or \"tls\"";
  }
  if (facts.kind == TargetKind::cloudwatch) {
    if (keys.region.empty()) return "kind cloudwatch needs a region";
    if (!keys.endpoint.empty() && !net::host_of(keys.endpoint)) return "endpoint is not a URL";
    if (keys.name_space.starts_with("AWS/")) return "namespaces that begin with AWS/ are AWS's own";
  }
  const bool encrypts = keys.transport == "starttls" || keys.transport == "plain";
  if (!keys.transport.empty() && facts.kind != TargetKind::syslog && facts.kind != TargetKind::email)
    return "transport is for kinds syslog and email";
  if (facts.kind == TargetKind::syslog && encrypts) return "kind syslog takes transport udp, tcp or tls";
  if (facts.kind == TargetKind::email && (keys.transport == "udp" || keys.transport == "tcp"))
    return "kind email takes transport starttls, tls or plain";
  return {};
}

// What is wrong with the form of what is sent; empty: nothing.
std::string wrong_form(const Target& target) {
  const Format format = target.format;
  if (target.kind == TargetKind::securityhub && format != Format::asff)
    return "kind securityhub takes only format = \"asff\"";
  if (target.kind == TargetKind::eventbridge && format != Format::eventbridge)
    return "kind eventbridge takes only format = \"eventbridge\"";
  if ((format == Format::slack || format == Format::teams) && target.kind != TargetKind::webhook)
    return "formats slack and teams are for webhooks";
  if (format == Format::cef &&
      (target.kind == TargetKind::lambda || target.kind == TargetKind::stepfunctions))
    return "kinds lambda and stepfunctions take only JSON";
  if (target.kind == TargetKind::cloudwatch && (format != Format::eventbridge || !target.input.is_whole()))
    return "kind cloudwatch sends metrics: it takes no format and no input";
  if (!target.input.is_whole() && (format != Format::eventbridge || target.kind == TargetKind::eventbridge))
    return "input, input_path and input_template are for format = \"eventbridge\" of other kinds than "
           "eventbridge";
  return {};
}

Result<Target> target_of(const RespondTargetKeys& keys) {
  const auto wrong = [&](std::string what) {
    return fail(ErrorKind::invalid, fmt::format("respond.target {}: {}", keys.name, what), keys.where);
  };
  if (!is_name(keys.name)) return wrong("a name has 1 to 64 letters, digits, dots, dashes and underscores");
  const auto facts = std::ranges::find(kinds, keys.kind, &KindFacts::name);
  if (facts == std::end(kinds)) return wrong("there is no kind " + keys.kind);
  auto input = Input::make(keys);
  if (!input) return wrong(input.error().what);
  const auto format = std::ranges::find(format_names, keys.format);
  Target target{.keys = keys,
                .kind = facts->kind,
                .format = format == std::end(format_names)
                              ? facts->format
                              : static_cast<Format>(format - std::begin(format_names)),
                .input = std::move(*input)};
  if (auto what = wrong_place(keys, *facts); !what.empty()) return wrong(std::move(what));
  if (auto what = wrong_form(target); !what.empty()) return wrong(std::move(what));
  return target;
}

}  // namespace

std::string Target::body(const FindingEvent& event, std::string_view rule, TimeMs now) const {
  if (kind == TargetKind::playbook) return fmt::format("rule/{}", rule);  // who wants it
  if (kind == TargetKind::eventbridge || format == Format::guardduty) return event.detail;
  const bool mails = kind == TargetKind::email && input.is_whole();
  if (format == Format::eventbridge && !mails) return input.apply(event_json(event), rule, now);
  dom::parser parser;
  const dom::element finding = parser.parse(event.detail);
  switch (format) {
    case Format::asff:
      return asff(event, finding, kind == TargetKind::securityhub ? keys.arn : "");
    case Format::ocsf:
      return ocsf(event, finding);
    case Format::cef:
      return cef(event, finding);
    case Format::slack:
      return slack(event, finding);
    case Format::teams:
      return teams(event, finding);
    case Format::eventbridge:  // of mails
      return mail_text(event, finding);
    case Format::guardduty:
      break;
  }
  return event.detail;
}

const std::string& Target::place() const {
  switch (kind) {
    case TargetKind::webhook:
    case TargetKind::kafka:
      return keys.url;
    case TargetKind::syslog:
    case TargetKind::email:
      return keys.address;
    case TargetKind::cloudwatch:
      return keys.name_space;
    case TargetKind::file:
      return keys.path;
    case TargetKind::playbook:
      return keys.name;
    default:
      return keys.arn;
  }
}

// Whose doing a call is says its principal: keys of a role come and go.
static std::uint64_t entity_of(const dom::element& finding) {
  const std::string_view principal = principal_of(finding);
  const std::uint64_t account = hash64(text_at(finding, "/accountId"));
  return hash64(principal.empty() ? std::string_view(resources_of(finding).front().id) : principal, account);
}

std::string outbox_kind(const Task& task) {
  return fmt::format("{}{}/{}/{}/{}/{:016x}", prefix, word_of(task.change), name_of(task.severity),
                     task.target, task.rule, task.entity);
}

std::optional<Task> parse_task(std::string_view kind) {
  if (!kind.starts_with(prefix)) return std::nullopt;
  kind.remove_prefix(prefix.size());
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t slash = kind.find('/');
    parts.push_back(kind.substr(0, slash));
    if (slash == std::string_view::npos) break;
    kind.remove_prefix(slash + 1);
  }
  // Rows of older versions name no entity.
  if (parts.size() != 4 && parts.size() != 5) return std::nullopt;
  const auto change = parse_change(parts[0]);
  const auto severity = parse_severity(parts[1]);
  if (!change || !severity) return std::nullopt;
  Task task{*change, *severity, std::string(parts[2]), std::string(parts[3])};
  if (parts.size() == 5) {
    const std::string_view hash = parts[4];
    if (std::from_chars(hash.data(), hash.data() + hash.size(), task.entity, 16).ptr !=
        hash.data() + hash.size())
      return std::nullopt;
  }
  return task;
}

Result<Rules> Rules::make(const RespondKeys& keys) {
  Rules made;
  for (const RespondTargetKeys& one : keys.targets) {
    auto target = target_of(one);
    if (!target) return std::unexpected(target.error());
    if (!made.targets_.emplace(one.name, std::move(*target)).second)
      return fail(ErrorKind::invalid, fmt::format("respond.target {} stands there twice", one.name),
                  one.where);
  }
  for (const PlaybookKeys& one : keys.playbooks) {
    const auto wrong = [&](std::string_view what) {
      return fail(ErrorKind::invalid, fmt::format("respond.playbook {}: {}", one.name, what), one.where);
    };
    if (!is_name(one.name)) return wrong("a name has 1 to 64 letters, digits, dots, dashes and underscores");
    RespondTargetKeys target{.name = one.name, .kind = "playbook", .where = one.where};
    target.rate_per_minute = 0;  // it has a cap of its own
    auto input = Input::make(target);
    if (!input) return wrong(input.error().what);
    if (!made.targets_
             .emplace(one.name, Target{target, TargetKind::playbook, Format::eventbridge, std::move(*input)})
             .second)
      return wrong("a target has the same name");
  }
  for (const RespondRuleKeys& one : keys.rules) {
    const auto wrong = [&](const std::string& what) {
      return fail(ErrorKind::invalid, fmt::format("respond.rule {}: {}", one.name, what), one.where);
    };
    Rule rule{.name = one.name, .pattern = {}, .targets = one.targets};
    if (!is_name(one.name)) return wrong("a name has 1 to 64 letters, digits, dots, dashes and underscores");
    if (std::ranges::find(made.rules_, one.name, &Rule::name) != made.rules_.end())
      return wrong("stands there twice");
    if (one.targets.empty()) return wrong("names no targets");
    for (const std::string& target : one.targets)
      if (!made.targets_.contains(target)) return wrong("there is no target " + target);
    if (!one.pattern.empty()) {
      auto pattern = EventPattern::parse(one.pattern);
      if (!pattern) return wrong("pattern: " + pattern.error().message());
      rule.pattern = std::move(*pattern);
    }
    made.rules_.push_back(std::move(rule));
  }
  return made;
}

std::vector<Task> Rules::tasks(const FindingEvent& event, const Rule* only) const {
  std::vector<Task> all;
  const std::string json = event_json(event);
  dom::parser parser;
  dom::element root;
  if (parser.parse(json).get(root) != simdjson::SUCCESS) return all;
  dom::element finding;
  const std::uint64_t entity = root["detail"].get(finding) == simdjson::SUCCESS ? entity_of(finding) : 0;
  for (const Rule& rule : rules_) {
    if ((only != nullptr && &rule != only) || (rule.pattern && !rule.pattern->matches(root))) continue;
    for (const std::string& target : rule.targets) {
      if (std::ranges::find(all, target, &Task::target) == all.end())
        all.push_back({event.change, severity_of(event.severity), target, rule.name, entity});
    }
  }
  return all;
}

std::vector<Task> Rules::tasks(const FindingEvent& event) const { return tasks(event, nullptr); }

std::optional<std::vector<Task>> Rules::tasks(const FindingEvent& event, std::string_view rule) const {
  const auto known = std::ranges::find(rules_, rule, &Rule::name);
  if (known == rules_.end()) return std::nullopt;
  return tasks(event, &*known);
}

std::vector<OutboxRow> outbox_rows(const Rules& rules, const FindingRow& row, const Finding* stored) {
  std::vector<OutboxRow> rows;
  // What a filter archived sends no events, neither at first nor later; what a user archived still does.
  if (stored == nullptr ? row.suppressed : stored->archived == Archived::automatic) return rows;
  const auto service = service_offset(row.document);
  if (!service) return rows;  // the store will refuse it, and tell
  const std::string document =
      with_user_state(row.document, *service, stored != nullptr && stored->archived != Archived::no,
                      stored == nullptr ? std::string_view() : std::string_view(stored->feedback));
  const FindingEvent event = event_of(document, row.id, row.epoch,
                                      stored == nullptr ? FindingChange::created : FindingChange::updated);
  for (const Task& task : rules.tasks(event)) rows.push_back({row.id, outbox_kind(task)});
  return rows;
}

// By the finding as it was told: a pattern that leaves out what is archived wants to know all the same.
std::vector<OutboxRow> withdrawal_rows(const Rules& rules, const Finding& finding) {
  std::vector<OutboxRow> rows;
  if (finding.archived == Archived::automatic) return rows;
  const FindingEvent event = event_of(finding.document, finding.id, finding.epoch, FindingChange::withdrawn);
  for (const Task& task : rules.tasks(event)) {
    if (rules.targets().find(task.target)->second.kind == TargetKind::playbook) continue;
    rows.push_back({finding.id, outbox_kind(task), withdrawn_form(event.detail)});
  }
  return rows;
}

}  // namespace picket::respond
