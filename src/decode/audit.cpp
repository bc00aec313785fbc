// Kubernetes audit events (audit.k8s.io/v1 and v1beta1) as EKS delivers them: JSON lines, single events,
// EventList. The other control plane streams of a cluster, which lie beside the audit log, are told apart by
// the form of their lines.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "decode/decoder.h"
#include "decode/json_records.h"
#include "decode/json_text.h"

namespace picket {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// "I0924 12:00:00.000000       1 controller.go:611] …": the Go components of the control plane.
bool is_klog(std::string_view line) {
  return line.size() > 14 && (line[0] == 'I' || line[0] == 'W' || line[0] == 'E' || line[0] == 'F') &&
         std::all_of(line.begin() + 1, line.begin() + 5, digit) && line[5] == ' ' && digit(line[6]) &&
         digit(line[7]) && line[8] == ':';
}

// The stream by the name EKS gives it ("kube-scheduler-3c1c…"), where the object's key carries it.
std::string_view stream_of(std::string_view key) {
  if (key.find("authenticator-") != std::string_view::npos) return "authenticator_stream";
  if (key.find("kube-scheduler-") != std::string_view::npos) return "scheduler_stream";
  if (key.find("controller-manager-") != std::string_view::npos) return "controller_manager_stream";
  if (key.find("kube-apiserver-") != std::string_view::npos) return "api_stream";
  return "control_plane_stream";
}

class AuditReader final : public JsonRecordReader {
 public:
  AuditReader(const ObjectInfo& info, const DecodeLimits& limits, EventSink& sink)
      : depth_max_(std::min(limits.depth_max, 64U)),
        cluster_(info.cluster),
        stream_(stream_of(info.key)),
        sink_(sink) {}

  Outcome read(const JsonIndex& index, std::uint32_t i, bool top, std::uint64_t position) override {
    return read_object(index, i, top, false, position);
  }
  bool other_line(std::string_view line, std::uint64_t position) override;

 private:
  // Group and source lists are spans, made when the record is complete: the vectors grow until then.
  struct Names {
    std::vector<std::string_view> list;
    JsonStep read(AuditReader& reader, const JsonIndex& index, std::uint32_t value, unsigned depth);
  };
  Outcome read_object(const JsonIndex& index, std::uint32_t i, bool top, bool test_case,
                      std::uint64_t position);
  Outcome judge(std::string_view record, bool test_case, std::uint64_t position);
  JsonStep member(const JsonIndex& index, std::string_view key, std::uint32_t value);
  JsonStep read_user(const JsonIndex& index, std::uint32_t value, AuditUser& user, Names& groups);
  JsonStep read_extra(const JsonIndex& index, std::uint32_t value, AuditUser& user);
  JsonStep read_object_ref(const JsonIndex& index, std::uint32_t value);
  JsonStep read_response_status(const JsonIndex& index, std::uint32_t value);
  JsonStep read_annotations(const JsonIndex& index, std::uint32_t value);
  JsonStep raw(const JsonIndex& index, std::uint32_t value, unsigned depth, RawJson& out);
  JsonStep text(const JsonIndex& index, std::uint32_t value, unsigned depth, std::string_view& out) {
    return texts_.read(index, value, depth, depth_max_, out);
  }
  JsonStep skip(const JsonIndex& index, std::uint32_t value, unsigned depth) const {
    return skip_value(index, value, depth, depth_max_);
  }

  const unsigned depth_max_;
  const std::string cluster_;
  const std::string_view stream_;
  EventSink& sink_;
  JsonTexts texts_;
  AuditEvent event_;
  Names groups_, impersonated_groups_, source_ips_;
  std::string_view kind_, api_version_, received_, staged_, timestamp_, response_code_;
  std::uint32_t items_ = 0,
                nested_ = 0;  // structural of an EventList's items, of a test case's event; 0 = none
  TimeReader times_;
  TimeMs last_time_ = 0;
  bool in_stream_ = false;  // the last line belonged to another stream
};

bool AuditReader::other_line(std::string_view line, std::uint64_t position) {
  std::string_view stream;
  if (line.starts_with("time=\"")) {
    stream = "authenticator_stream";
  } else if (is_klog(line) || in_stream_ || stream_ != "control_plane_stream") {
    // Stack traces and other continuation lines follow a line that is recognised.
    stream = stream_;
  } else {
    return false;
  }
  in_stream_ = true;
  sink_.on_filtered(LogKind::k8saudit, position, stream);
  return true;
}

JsonStep AuditReader::Names::read(AuditReader& reader, const JsonIndex& index, std::uint32_t value,
                                  unsigned depth) {
  if (index.character(value) != '[') return reader.skip(index, value, depth);
  return each_json_element(index, value, [&](std::uint32_t element) -> JsonStep {
    std::string_view name;
    const JsonStep after = reader.text(index, element, depth + 1, name);
    if (after >= 0 && !name.empty()) list.push_back(name);
    return after;
  });
}

AuditReader::Outcome AuditReader::read_object(const JsonIndex& index, std::uint32_t i, bool top,
                                              bool test_case, std::uint64_t position) {
  event_ = AuditEvent{};
  texts_.begin(index, i);
  groups_.list.clear();
  impersonated_groups_.list.clear();
  source_ips_.list.clear();
  kind_ = api_version_ = received_ = staged_ = timestamp_ = response_code_ = {};
  items_ = nested_ = 0;
  const JsonStep after =
      each_json_member(index, i, [&](std::string_view key, std::uint32_t value) -> JsonStep {
        if (top && (is(key, "items") || is(key, "Records")) && index.character(value) == '[') {
          items_ = value;
          return json_bad;
        }
        return member(index, key, value);
      });
  if (items_ != 0) {
    next_ = items_ + 1;
    return Outcome::wrapper;
  }
  if (after == json_incomplete) return Outcome::incomplete;
  if (after == json_too_deep) return Outcome::too_deep;
  if (after < 0) return Outcome::bad_json;
  in_stream_ = false;
  const auto end = static_cast<std::uint32_t>(after);
  if (nested_ != 0 && kind_.empty() && !test_case) {
    const Outcome inner = read_object(index, nested_, false, true, position);
    next_ = end;
    return inner;
  }
  next_ = end;
  return judge({index.text() + index.at(i), index.at(end - 1) + 1 - index.at(i)}, test_case, position);
}

AuditReader::Outcome AuditReader::judge(std::string_view record, bool test_case, std::uint64_t position) {
  if (texts_.bad_escape()) return refuse("bad_json", "a string has an escape that JSON does not know");
  const bool audit = api_version_.empty() ? kind_ == "Event" || !event_.audit_id.empty()
                                          : api_version_.starts_with("audit.k8s.io/");
  if (!audit) return refuse("not_audit_event", "an object that is no audit.k8s.io event");
  for (const auto& [text, time] : {std::pair{received_, &event_.request_received_timestamp},
                                   std::pair{timestamp_, &event_.request_received_timestamp},
                                   std::pair{staged_, &event_.stage_timestamp}}) {
    if (text.empty() || *time != 0) continue;
    const auto parsed = times_.read(text);
    if (!parsed) return refuse("bad_event_time", fmt::format("a timestamp is \"{}\"", text.substr(0, 64)));
    *time = *parsed;
  }
  if (received_.empty() && timestamp_.empty()) event_.request_received_timestamp = event_.stage_timestamp;
  if (received_.empty() && timestamp_.empty() && staged_.empty()) {
    // Published rule tests shorten their events; then the time is the last one known.
    if (!test_case)
      return refuse("no_event_time", "the event has no requestReceivedTimestamp and no stageTimestamp");
    event_.request_received_timestamp = last_time_;
  }
  last_time_ = event_.request_received_timestamp;
  if (!response_code_.empty()) {
    const auto [last, error] = std::from_chars(
        response_code_.data(), response_code_.data() + response_code_.size(), event_.response_code);
    if (error != std::errc{} || last != response_code_.data() + response_code_.size()) {
      return refuse("bad_number", fmt::format("responseStatus.code is \"{}\"", response_code_.substr(0, 64)));
    }
  }
  event_.user.groups = groups_.list;
  event_.impersonated_user.groups = impersonated_groups_.list;
  event_.source_ips = source_ips_.list;
  for (const std::string_view ip : source_ips_.list) {
    event_.source_ip = IpAddress::parse(ip);
    if (event_.source_ip) break;
  }
  event_.cluster_name = cluster_;
  event_.raw = RawJson(record);
  sink_.on_audit(event_, position);
  return Outcome::delivered;
}

JsonStep AuditReader::member(const JsonIndex& index, std::string_view key, std::uint32_t value) {
  switch (key.size()) {
    case 4:
      if (is(key, "kind")) return text(index, value, 1, kind_);
      if (is(key, "verb")) return text(index, value, 1, event_.verb);
      if (is(key, "user")) return read_user(index, value, event_.user, groups_);
      break;
    case 5:
      if (is(key, "stage")) return text(index, value, 1, event_.stage);
      if (is(key, "level")) return text(index, value, 1, event_.level);
      if (is(key, "event") && index.character(value) == '{') nested_ = value;
      break;
    case 7:
      if (is(key, "auditID")) return text(index, value, 1, event_.audit_id);
      break;
    case 9:
      if (is(key, "userAgent")) return text(index, value, 1, event_.user_agent);
      if (is(key, "sourceIPs")) return source_ips_.read(*this, index, value, 1);
      if (is(key, "objectRef")) return read_object_ref(index, value);
      if (is(key, "timestamp")) return text(index, value, 1, timestamp_);
      break;
    case 10:
      if (is(key, "apiVersion")) return text(index, value, 1, api_version_);
      if (is(key, "requestURI")) return text(index, value, 1, event_.request_uri);
      break;
    case 11:
      if (is(key, "annotations")) return read_annotations(index, value);
      break;
    case 13:
      if (is(key, "requestObject")) return raw(index, value, 1, event_.request_object);
      break;
    case 14:
      if (is(key, "stageTimestamp")) return text(index, value, 1, staged_);
      if (is(key, "responseObject")) return raw(index, value, 1, event_.response_object);
      if (is(key, "responseStatus")) return read_response_status(index, value);
      break;
    case 16:
      if (is(key, "impersonatedUser")) {
        return read_user(index, value, event_.impersonated_user, impersonated_groups_);
      }
      break;
    case 24:
      if (is(key, "requestReceivedTimestamp")) return text(index, value, 1, received_);
      break;
    default:
      break;
  }
  return skip(index, value, 1);
}

JsonStep AuditReader::read_user(const JsonIndex& index, std::uint32_t value, AuditUser& user, Names& groups) {
  if (index.character(value) != '{') return skip(index, value, 1);
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    if (is(key, "username")) return text(index, inner, 2, user.username);
    if (is(key, "uid")) return text(index, inner, 2, user.uid);
    if (is(key, "groups")) return groups.read(*this, index, inner, 2);
    if (is(key, "extra")) return read_extra(index, inner, user);
    return skip(index, inner, 2);
  });
}

JsonStep AuditReader::read_extra(const JsonIndex& index, std::uint32_t value, AuditUser& user) {
  if (index.character(value) != '{') return skip(index, value, 2);
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    // Newer clusters put "sigs.k8s.io/aws-iam-authenticator/" before the name.
    const std::string_view name = key.substr(key.rfind('/') + 1);
    std::string_view* into = name == "arn"            ? &user.arn
                             : name == "canonicalArn" ? &user.canonical_arn
                             : name == "sessionName"  ? &user.session_name
                             : name == "accessKeyId"  ? &user.access_key_id
                             : name == "principalId"  ? &user.principal_id
                                                      : nullptr;
    if (into == nullptr) return skip(index, inner, 3);
    if (index.character(inner) != '[') return text(index, inner, 3, *into);
    return each_json_element(index, inner, [&](std::uint32_t element) -> JsonStep {
      return into->empty() ? text(index, element, 4, *into) : skip(index, element, 4);
    });
  });
}

JsonStep AuditReader::read_object_ref(const JsonIndex& index, std::uint32_t value) {
  if (index.character(value) != '{') return skip(index, value, 1);
  AuditObject& object = event_.object_ref;
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    if (is(key, "resource")) return text(index, inner, 2, object.resource);
    if (is(key, "subresource")) return text(index, inner, 2, object.subresource);
    if (is(key, "namespace")) return text(index, inner, 2, object.namespace_name);
    if (is(key, "name")) return text(index, inner, 2, object.name);
    if (is(key, "apiGroup")) return text(index, inner, 2, object.api_group);
    if (is(key, "apiVersion")) return text(index, inner, 2, object.api_version);
    return skip(index, inner, 2);
  });
}

JsonStep AuditReader::read_response_status(const JsonIndex& index, std::uint32_t value) {
  if (index.character(value) != '{') return skip(index, value, 1);
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    if (is(key, "code")) return text(index, inner, 2, response_code_);
    if (is(key, "reason")) return text(index, inner, 2, event_.response_reason);
    if (is(key, "message")) return text(index, inner, 2, event_.response_message);
    return skip(index, inner, 2);
  });
}

JsonStep AuditReader::read_annotations(const JsonIndex& index, std::uint32_t value) {
  const JsonStep end = raw(index, value, 1, event_.annotations);
  if (end < 0 || index.character(value) != '{') return end;
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    if (is(key, "authorization.k8s.io/decision")) return text(index, inner, 2, event_.authorization_decision);
    if (is(key, "authorization.k8s.io/reason")) return text(index, inner, 2, event_.authorization_reason);
    return skip(index, inner, 2);
  });
}

JsonStep AuditReader::raw(const JsonIndex& index, std::uint32_t value, unsigned depth, RawJson& out) {
  const JsonStep after = skip(index, value, depth);
  if (after < 0) return after;
  const char* const begin = index.text() + index.at(value);
  const char* end = index.text() + index.at(static_cast<std::uint32_t>(after) - 1);
  // The last structural of a container is its closing bracket; of a scalar its first byte.
  if (*end == '}' || *end == ']') {
    ++end;
  } else {
    end = index.text() + index.at(static_cast<std::uint32_t>(after));
    while (end > begin && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t')) --end;
  }
  out = RawJson({begin, static_cast<std::size_t>(end - begin)});
  return after;
}

}  // namespace

std::unique_ptr<TextDecoder> make_audit_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                                EventSink& sink) {
  return std::make_unique<JsonRecordsDecoder>(
      LogKind::k8saudit, std::make_unique<AuditReader>(info, limits, sink), limits, sink);
}

}  // namespace picket
