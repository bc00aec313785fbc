#include "decode/sniff.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "decode/json_index.h"
#include "decode/refused.h"

namespace picket {

namespace {

// Members that tell one kind from another. `Records` alone is also S3's and SQS's.
enum Mark : std::uint32_t {
  k_records = 1U << 0,
  k_event_name = 1U << 1,
  k_event_source = 1U << 2,
  k_user_identity = 1U << 3,
  k_cloudtrail_event = 1U << 4,
  k_digest = 1U << 5,
  k_event_json = 1U << 6,
  k_query_name = 1U << 7,
  k_query_detail = 1U << 8,
  k_audit_id = 1U << 9,
  k_message_type = 1U << 10,
  k_log_events = 1U << 11,
  k_message = 1U << 12,
  k_ingestion_time = 1U << 13,
  k_class_uid = 1U << 14,
  k_category_uid = 1U << 15,
  k_foreign_source = 1U << 16,
  k_audit_version = 1U << 17,
  k_insight = 1U << 18,
  k_query_rows = 1U << 19,
  k_events = 1U << 20,
};

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 27> marks{{
    {"Records", k_records},
    {"eventName", k_event_name},
    {"eventname", k_event_name},
    {"eventSource", k_event_source},
    {"eventsource", k_event_source},
    {"userIdentity", k_user_identity},
    {"useridentity", k_user_identity},
    {"CloudTrailEvent", k_cloudtrail_event},
    {"digestStartTime", k_digest},
    {"eventJson", k_event_json},
    {"eventjson", k_event_json},
    {"query_name", k_query_name},
    {"query_timestamp", k_query_detail},
    {"query_type", k_query_detail},
    {"rcode", k_query_detail},
    {"auditID", k_audit_id},
    {"requestReceivedTimestamp", k_audit_id},
    {"messageType", k_message_type},
    {"logEvents", k_log_events},
    {"message", k_message},
    {"ingestionTime", k_ingestion_time},
    {"class_uid", k_class_uid},
    {"category_uid", k_category_uid},
    {"insightDetails", k_insight},
    {"events", k_events},
    {"stageTimestamp", k_audit_id},
    {"QueryResultRows", k_query_rows},
}};

// Members at any depth up to 5: deeper ones belong to a record's contents.
std::uint32_t marks_in(std::string_view text) {
  std::uint32_t found = 0;
  int depth = 0;
  bool source_next = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case '"': {
        const std::size_t start = ++at;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (at >= text.size()) return found;
        if (depth > 5) break;
        const std::string_view name = text.substr(start, at - start);
        std::size_t next = at + 1;
        while (next < text.size() &&
               (text[next] == ' ' || text[next] == '\n' || text[next] == '\r' || text[next] == '\t'))
          ++next;
        if (next >= text.size() || text[next] != ':') {
          if (name.starts_with("audit.k8s.io/")) found |= k_audit_version;
          // S3's and SQS's notifications look like CloudTrail but for this.
          if (source_next && name.starts_with("aws:")) return found | k_foreign_source;
          break;
        }
        source_next = name == "eventSource";
        for (const auto& [mark, bit] : marks) {
          if (mark == name) found |= bit;
        }
        // Enough for most objects after one record.
        if (constexpr std::uint32_t sure = k_event_name | k_event_source | k_user_identity;
            (found & sure) == sure)
          return found;
        if (constexpr std::uint32_t sure = k_query_name | k_query_detail; (found & sure) == sure)
          return found;
        break;
      }
      default:
        break;
    }
  }
  return found;
}

std::string_view first_line(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return out;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    out.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// A header line of flow logs has their field names; a data line ends in the log status or has the action.
bool is_flow_line(std::string_view line) {
  static constexpr std::array<std::string_view, 12> fields{
      "version", "account-id", "interface-id", "srcaddr", "dstaddr",     "srcport",
      "dstport", "protocol",   "log-status",   "tgw-id",  "pkt-srcaddr", "packets"};
  constexpr std::size_t longest = 4096;  // all names of fields there are take 700 bytes
  if (line.size() > longest) return false;
  const auto parts = words(line);
  if (parts.size() < 3) return false;
  const auto named = std::ranges::count_if(
      parts, [](std::string_view word) { return std::ranges::find(fields, word) != fields.end(); });
  if (named >= 2) return true;
  const auto has = [&](auto test) { return std::ranges::any_of(parts, test); };
  const bool status = has([](std::string_view w) { return w == "OK" || w == "NODATA" || w == "SKIPDATA"; });
  const bool action = has([](std::string_view w) { return w == "ACCEPT" || w == "REJECT"; });
  const bool interface =
      has([](std::string_view w) { return w.starts_with("eni-") || w == "TransitGateway"; });
  const bool number = has(
      [](std::string_view w) { return std::ranges::all_of(w, [](char c) { return c >= '0' && c <= '9'; }); });
  return number && ((status && action) || (status && interface) || (action && interface) ||
                    (parts.size() >= 14 && (status || action)));
}

// Length of the timestamp and blank that CloudWatch Logs puts before each exported line; 0 when there is
// none.
std::size_t export_stamp(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank < 20 || blank > 30) return 0;
  return parse_time(line.substr(0, blank)) ? blank + 1 : 0;
}

// A few control characters are damage in a text, and must not hide a log; in binary data they are one byte in
// nine.
bool is_text(std::string_view prefix) {
  constexpr std::size_t one_in = 16;
  const auto controls = std::ranges::count_if(prefix, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f';
  });
  return static_cast<std::size_t>(controls) * one_in <= prefix.size();
}

Sniffed sniff_text(std::string_view text, unsigned depth);

// The kind of the records inside a subscription's or get-log-events' messages.
Sniffed sniff_messages(std::string_view text, unsigned depth) {
  Sniffed sniffed{.container = Container::subscription,
                  .reason = "CloudWatch Logs messages that are none of the logs picket reads"};
  std::string message;
  for (std::size_t at = text.find("\"message\""); at != std::string_view::npos;
       at = text.find("\"message\"", at)) {
    at = text.find_first_not_of(" \t\r\n", at + 9);
    if (at == std::string_view::npos || text[at] != ':') continue;
    at = text.find_first_not_of(" \t\r\n", at + 1);
    if (at == std::string_view::npos || text[at] != '"') continue;
    std::size_t end = ++at;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end, text.size());
    // A message that goes on behind the prefix may be cut in an escape.
    std::string_view escaped = text.substr(at, end - at);
    if (const std::size_t last = escaped.rfind('\\');
        end == text.size() && last != std::string_view::npos && last + 6 > escaped.size()) {
      escaped = escaped.substr(0, last);
    }
    message.resize(escaped.size());
    const std::ptrdiff_t size = unescape_json(escaped, message.data());
    if (size > 0) {
      const Sniffed inner =
          sniff_text(std::string_view(message).substr(0, static_cast<std::size_t>(size)), depth + 1);
      if (inner.kind) {
        sniffed.kind = inner.kind;
        return sniffed;
      }
    }
    at = end;
  }
  return sniffed;
}

Sniffed sniff_json(std::string_view text, unsigned depth) {
  const std::uint32_t found = marks_in(text);
  const auto all = [&](std::uint32_t wanted) { return (found & wanted) == wanted; };
  const auto any = [&](std::uint32_t wanted) { return (found & wanted) != 0; };
  if (depth == 0 && all(k_message_type | k_log_events)) return sniff_messages(text, depth);
  if (depth == 0 && all(k_events | k_message) && !any(k_event_name)) return sniff_messages(text, depth);
  if (all(k_class_uid | k_category_uid)) {
    return {.reason = "Security Lake (OCSF) records are not read; point picket at the original logs",
            .refused = true};
  }
  if (all(k_query_name | k_query_detail)) return {.kind = LogKind::dns};
  if (any(k_audit_id | k_audit_version)) return {.kind = LogKind::k8saudit};
  if (any(k_foreign_source)) return {.reason = "a notification of another service, no log"};
  if (any(k_cloudtrail_event | k_digest | k_event_json | k_insight | k_query_rows) ||
      all(k_event_name | k_event_source) || all(k_event_name | k_user_identity)) {
    return {.kind = LogKind::cloudtrail};
  }
  if (any(k_records) && text.size() < 256) return {.kind = LogKind::cloudtrail};  // an empty delivery
  return {.reason = "JSON, but none of the logs picket reads"};
}

Sniffed sniff_text(std::string_view text, unsigned depth) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!is_text(text.substr(0, 4096))) return {.reason = "binary data, no log"};
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {.reason = "no content"};
  text.remove_prefix(start);
  if (text.front() == '{' || text.front() == '[') return sniff_json(text, depth);
  const std::string_view line = first_line(text);
  if (const std::size_t stamp = depth == 0 ? export_stamp(line) : 0; stamp > 0) {
    Sniffed inner = sniff_text(text.substr(stamp), depth + 1);
    inner.container = Container::export_lines;
    // Component logs of a cluster come beside its audit log: later lines may say more than the first.
    std::string_view rest = text;
    for (int lines = 0; !inner.kind && lines < 100; ++lines) {
      const std::size_t end = rest.find('\n');
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
      const std::string_view next = first_line(rest);
      if (const std::size_t more = export_stamp(next); more > 0)
        inner.kind = sniff_text(next.substr(more), depth + 1).kind;
    }
    return inner;
  }
  if (is_flow_line(line)) return {.kind = LogKind::vpcflow};
  if (std::ranges::count(line, ',') >= 2) return {.reason = "CSV, no log"};
  return {.reason = "text that is none of the logs picket reads"};
}

bool is_digits(std::string_view text, std::size_t size) {
  return text.size() == size && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string_view> parts_of(std::string_view key) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t slash = key.find('/');
    if (slash != 0) parts.push_back(key.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    key.remove_prefix(slash + 1);
  }
}

std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size() || !is_digits(text.substr(at, count), count)) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) value = value * 10 + (c - '0');
  return value;
}

// A day or hour in the path: ".../2026/09/14/[10/]…" or ".../year=2026/month=09/day=14/[hour=10/]…".
std::optional<TimeMs> path_time(const std::vector<std::string_view>& parts) {
  const auto value = [](std::string_view part, std::string_view name,
                        std::size_t digits) -> std::optional<int> {
    if (part.starts_with(name) && part.size() > name.size() && part[name.size()] == '=')
      part.remove_prefix(name.size() + 1);
    return part.size() == digits ? digits_at(part, 0, digits) : std::nullopt;
  };
  for (std::size_t i = 0; i + 3 < parts.size(); ++i) {
    const auto year = value(parts[i], "year", 4), month = value(parts[i + 1], "month", 2),
               day = value(parts[i + 2], "day", 2);
    if (!year || !month || !day || *year < 2000 || *month < 1 || *month > 12 || *day < 1 || *day > 31)
      continue;
    const auto hour = i + 4 < parts.size() ? value(parts[i + 3], "hour", 2) : std::nullopt;
    return days_from_civil(*year, static_cast<unsigned>(*month), static_cast<unsigned>(*day)) * day_ms +
           (hour && *hour < 24 ? *hour * hour_ms : 0);
  }
  return std::nullopt;
}

// "20210729T0000Z" anywhere in a file name.
std::optional<TimeMs> name_time(std::string_view name) {
  for (std::size_t at = name.find('T'); at != std::string_view::npos; at = name.find('T', at + 1)) {
    if (at < 8 || at + 5 >= name.size() || name[at + 5] != 'Z') continue;
    const auto year = digits_at(name, at - 8, 4), month = digits_at(name, at - 4, 2),
               day = digits_at(name, at - 2, 2);
    const auto hour = digits_at(name, at + 1, 2), minute = digits_at(name, at + 3, 2);
    if (!year || !month || !day || !hour || !minute || *month < 1 || *month > 12 || *day < 1 || *day > 31)
      continue;
    return (days_from_civil(*year, static_cast<unsigned>(*month), static_cast<unsigned>(*day)) * 24 + *hour) *
               hour_ms +
           *minute * minute_ms;
  }
  return std::nullopt;
}

}  // namespace

KeyFacts read_key(std::string_view key) {
  // Services that deliver beside ours under AWSLogs/ACCOUNT/.
  static constexpr std::array<std::string_view, 16> siblings{"Config",       "elasticloadbalancing",
                                                             "WAFLogs",      "network-firewall",
                                                             "redshift",     "globalaccelerator",
                                                             "S3AccessLogs", "CloudFront",
                                                             "cloudfront",   "AppFlow",
                                                             "GuardDuty",    "SecurityHub",
                                                             "Inspector",    "MSKLogs",
                                                             "vpclattice",   "verified-access"};
  KeyFacts facts;
  const auto parts = parts_of(key);
  bool below_logs = false;  // behind "AWSLogs"
  std::string_view service;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::string_view part = parts[i];
    if (part == "AWSLogs")
      below_logs = true;
    else if (part.starts_with("aws-account-id="))
      facts.account = part.substr(15);
    else if (part.starts_with("aws-region="))
      facts.region = part.substr(11);
    else if (part.starts_with("aws-service="))
      service = part.substr(12);
    else if (part == "CLOUD_TRAIL_MGMT" || part == "CLOUD_TRAIL" || part == "VPC_FLOW" || part == "ROUTE53" ||
             part == "EKS_AUDIT" || part == "S3_DATA" || part == "LAMBDA_EXECUTION" ||
             part == "SH_FINDINGS" || part == "WAF") {
      if (i > 0 && (parts[i - 1] == "aws" || parts[i - 1] == "ext")) {
        facts.refusal = "Security Lake (OCSF) records are not read; point picket at the original logs";
      }
    } else if (below_logs && is_digits(part, 12)) {
      facts.account = part;
      if (service.empty() && i + 2 < parts.size()) {
        service = parts[i + 1];
        const bool regional = service.starts_with("CloudTrail") || service == "vpcflowlogs";
        if (regional && i + 3 < parts.size() && parts[i + 2].find('-') != std::string_view::npos)
          facts.region = parts[i + 2];
      }
    } else if (part == "eks" && i + 2 < parts.size() && i > 0 && parts[i - 1] == "aws") {
      facts.cluster = parts[i + 1];  // the log group "/aws/eks/CLUSTER/cluster" as a prefix
      facts.kind = LogKind::k8saudit;
    }
  }
  if (service.starts_with("CloudTrail")) {
    facts.kind = LogKind::cloudtrail;
    facts.delivered = service == "CloudTrail";
  } else if (service == "vpcflowlogs") {
    facts.kind = LogKind::vpcflow;
  } else if (service == "vpcdnsquerylogs") {
    facts.kind = LogKind::dns;
  } else if (std::ranges::find(siblings, service) != siblings.end()) {
    facts.skip_reason = "another service's logs (by its key)";
  }
  facts.refused_records = key.ends_with(refused_suffix);
  const std::string name = lower(parts.empty() ? std::string_view{} : parts.back());
  const auto contains = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  // "123456789012_CloudTrail_us-east-1_20260914T1000Z_x.json.gz": the delivered name keeps its meaning when
  // copied.
  if (!facts.kind && facts.skip_reason.empty()) {
    if (contains("_cloudtrail"))
      facts.kind = LogKind::cloudtrail;
    else if (contains("_vpcflowlogs_"))
      facts.kind = LogKind::vpcflow;
    else if (contains("_vpcdnsquerylogs_"))
      facts.kind = LogKind::dns;
  }
  if (name.size() > 13 && name[12] == '_' && is_digits(std::string_view(name).substr(0, 12), 12)) {
    if (facts.account.empty()) facts.account = name.substr(0, 12);
    if (facts.region.empty()) {
      const std::size_t service_end = name.find('_', 13);
      const std::size_t region_end =
          service_end == std::string::npos ? service_end : name.find('_', service_end + 1);
      if (region_end != std::string::npos) {
        const std::string_view region =
            std::string_view(name).substr(service_end + 1, region_end - service_end - 1);
        if (std::ranges::count(region, '-') >= 2) facts.region = region;
      }
    }
  }
  std::string_view stem = name;
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (stem.ends_with(suffix)) stem.remove_suffix(suffix.size());
  }
  if (stem.ends_with(".csv"))
    facts.skip_reason = "CSV, no log";
  else if (stem.ends_with(".md") || stem.starts_with("readme") || stem.starts_with("license"))
    facts.skip_reason = "a text beside the logs, no log";
  else if (stem == "aws-logs-write-test")
    facts.skip_reason = "AWS's write test, no log";
  return facts;
}

Sniffed sniff_kind(std::string_view prefix, std::string_view key) {
  Sniffed sniffed = sniff_text(prefix, 0);
  if (!sniffed.kind && !sniffed.refused) {
    const KeyFacts facts = read_key(key);
    const bool empty = prefix.find_first_not_of(" \t\r\n") == std::string_view::npos;
    // Custom flow formats without a header line look like any text, component logs of a cluster too.
    const bool open = (facts.kind == LogKind::vpcflow || facts.kind == LogKind::k8saudit) &&
                      is_text(prefix.substr(0, 4096));
    if (facts.kind && (empty || open)) sniffed.kind = facts.kind;
  }
  return sniffed;
}

std::optional<TimeMs> object_time_hint(std::string_view key) {
  const auto parts = parts_of(key);
  const auto name = parts.empty() ? std::nullopt : name_time(parts.back());
  const auto path = path_time(parts);
  // A delivery holds events of the hour before its name (CloudTrail delivers within 15 minutes on average,
  // and names the delivery); flow and DNS objects are named by their start.
  if (name) return *name - hour_ms;
  if (path) return *path - hour_ms;
  return std::nullopt;
}

std::optional<TimeMs> peek_first_time(std::string_view prefix, LogKind kind) {
  std::optional<TimeMs> first;
  const auto consider = [&](TimeMs time) {
    if (!first || time < *first) first = time;
  };
  // CloudWatch Logs writes the time of each message beside it.
  if (const std::size_t start = prefix.find_first_not_of(" \t\r\n");
      start != std::string_view::npos && prefix[start] == '{' && prefix.contains("\"message\"")) {
    constexpr std::string_view member = "\"timestamp\"";
    for (std::size_t at = prefix.find(member); at != std::string_view::npos; at = prefix.find(member, at)) {
      at = prefix.find_first_not_of(" \t\r\n:", at + member.size());
      if (at == std::string_view::npos || at + 13 > prefix.size() || !is_digits(prefix.substr(at, 13), 13))
        continue;
      TimeMs time = 0;
      for (const char c : prefix.substr(at, 13)) time = time * 10 + (c - '0');
      consider(time);
    }
    if (first) return first;
  }
  if (kind == LogKind::vpcflow) {
    std::size_t start_column = 10;  // of the default format
    bool header = true;
    while (!prefix.empty()) {
      const std::size_t end = prefix.find('\n');
      std::string_view line = first_line(prefix);
      line.remove_prefix(export_stamp(line));
      const auto fields = words(line);
      const auto named = std::ranges::find(fields, std::string_view("start"));
      if (header && named != fields.end())
        start_column = static_cast<std::size_t>(named - fields.begin());
      else if (fields.size() > start_column && is_digits(fields[start_column], 10)) {
        TimeMs seconds = 0;
        for (const char c : fields[start_column]) seconds = seconds * 10 + (c - '0');
        consider(seconds * second_ms);
      }
      header = false;
      if (end == std::string_view::npos) break;
      prefix.remove_prefix(end + 1);
    }
    return first;
  }
  std::array<std::string_view, 3> names;
  switch (kind) {
    case LogKind::cloudtrail:
      names = {"\"eventTime\"", "\"eventtime\"", "\"@timestamp\""};
      break;
    case LogKind::dns:
      names = {"\"query_timestamp\"", "", ""};
      break;
    default:
      names = {"\"requestReceivedTimestamp\"", "\"stageTimestamp\"", ""};
      break;
  }
  for (const std::string_view name : names) {
    if (name.empty()) continue;
    // In messages of CloudWatch and lookup-events the quotes are escaped.
    const std::string_view bare = name.substr(1, name.size() - 2);
    for (std::size_t at = prefix.find(bare); at != std::string_view::npos; at = prefix.find(bare, at)) {
      at += bare.size();
      const std::size_t value = prefix.find_first_not_of("\\\" :\t", at);
      if (value == std::string_view::npos) break;
      const std::size_t end = prefix.find_first_of("\\\"", value);
      if (end == std::string_view::npos) break;
      if (const auto time = parse_time(prefix.substr(value, end - value))) consider(*time);
    }
    if (first) return first;
  }
  return first;
}

}  // namespace picket
