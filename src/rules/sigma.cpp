#include "rules/sigma.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/hash.h"
#include "rules/correlation.h"
#include "rules/matcher.h"
#include "rules/sigma_condition.h"
#include "rules/sigma_values.h"

namespace picket::rules {

namespace {

constexpr std::size_t file_bytes_max = 4U << 20;
constexpr std::size_t title_bytes_max = 256;  // specification: title
constexpr std::size_t type_name_max = 80;
constexpr unsigned depth_max = 20;
constexpr std::size_t values_max = 50'000;  // of one rule; YAML aliases may name the same list many times
constexpr std::size_t rules_max = 60'000;   // detectors are numbered in 16 bits

// What is wrong with a document, and where.
struct Refusal {
  std::string reason;
  std::size_t line = 0;  // in the document, from 0
};

std::size_t line_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.line < 0 ? 0 : static_cast<std::size_t>(mark.line);
}

[[noreturn]] void refuse(const YAML::Node& node, std::string reason) {
  throw Refusal{std::move(reason), node.IsDefined() ? line_of(node) : 0};
}

std::string text_of(const YAML::Node& node, std::string_view name) {
  if (!node.IsScalar()) refuse(node, fmt::format("{} must be a text", name));
  return node.Scalar();
}

std::string optional_text(const YAML::Node& root, const char* name) {
  const YAML::Node node = root[name];
  return node.IsDefined() && !node.IsNull() ? text_of(node, name) : std::string();
}

// A key that comes twice: YAML forbids it, and only one of the two could have been meant.
void refuse_doubles(const YAML::Node& map) {
  std::set<std::string_view> names;
  for (const auto& item : map) {
    if (!item.first.IsScalar()) continue;
    if (item.first.Scalar() == "<<")
      refuse(item.first, "YAML's merge keys (<<) are not supported; write the items out");
    if (!names.insert(item.first.Scalar()).second)
      refuse(item.first, fmt::format("{} is there twice", item.first.Scalar()));
  }
}

// A list of texts; a lone text is a list of one.
std::vector<std::string> texts_of(const YAML::Node& node, std::string_view name) {
  std::vector<std::string> texts;
  if (node.IsScalar()) return {node.Scalar()};
  if (!node.IsSequence()) refuse(node, fmt::format("{} must be a list", name));
  for (const YAML::Node& item : node) texts.push_back(text_of(item, name));
  if (texts.size() > values_max) refuse(node, fmt::format("{} is too long", name));
  return texts;
}

// A step of the loading that fails is the refusal of its document.
template <class T>
T taken(Result<T> result, const YAML::Node& node) {
  if (!result) refuse(node, result.error().what);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

LogKind log_of(const YAML::Node& root) {
  const YAML::Node source = root["logsource"];
  if (!source.IsDefined() || !source.IsMap()) refuse(root, "logsource is missing");
  const std::string product = optional_text(source, "product"), service = optional_text(source, "service"),
                    category = optional_text(source, "category");
  if (product == "aws" && (service == "cloudtrail" || (service.empty() && category.empty())))
    return LogKind::cloudtrail;
  if (product == "kubernetes" && (service == "audit" || service.empty()) &&
      (category.empty() || category == "application"))
    return LogKind::k8saudit;
  const bool network = product.empty() || product == "aws";
  static const std::set<std::string> flow_services = {"vpcflow", "vpc-flow", "vpc_flow", "flowlogs",
                                                      "vpcflowlogs"};
  static const std::set<std::string> dns_services = {"route53", "route53-resolver", "route53_resolver",
                                                     "resolver"};
  if (network && (flow_services.contains(service) || (service.empty() && category == "firewall")))
    return LogKind::vpcflow;
  if (network && (dns_services.contains(service) || (service.empty() && category == "dns")))
    return LogKind::dns;
  refuse(source, fmt::format("no log that picket reads: logsource{}{}{}",
                             product.empty() ? "" : " product " + product,
                             category.empty() ? "" : " category " + category,
                             service.empty() ? "" : " service " + service));
}

double severity_of_level(const YAML::Node& root) {
  static const std::map<std::string, double> levels = {{"", 5},       {"informational", 1}, {"low", 2},
                                                       {"medium", 5}, {"high", 8},          {"critical", 9}};
  const std::string level = optional_text(root, "level");
  const auto found = levels.find(level);
  if (found == levels.end()) refuse(root["level"], fmt::format("no such level: {}", level));
  return found->second;
}

// ATT&CK ids from tags: "attack.t1078.004", "attack.persistence".
void read_tags(const YAML::Node& root, Rule& rule) {
  static const std::map<std::string, std::string_view> tactics = {
      {"reconnaissance", "TA0043"},  {"resource-development", "TA0042"},
      {"initial-access", "TA0001"},  {"execution", "TA0002"},
      {"persistence", "TA0003"},     {"privilege-escalation", "TA0004"},
      {"defense-evasion", "TA0005"}, {"credential-access", "TA0006"},
      {"discovery", "TA0007"},       {"lateral-movement", "TA0008"},
      {"collection", "TA0009"},      {"command-and-control", "TA0011"},
      {"exfiltration", "TA0010"},    {"impact", "TA0040"},
      {"stealth", "TA0005"}};
  const YAML::Node tags = root["tags"];
  if (!tags.IsDefined() || tags.IsNull()) return;
  for (std::string tag : texts_of(tags, "tags")) {
    for (char& c : tag) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (!tag.starts_with("attack.")) continue;
    tag.erase(0, 7);
    if (const auto tactic = tactics.find(tag); tactic != tactics.end()) {
      if (rule.tactic.empty()) rule.tactic = tactic->second;
    } else if (rule.technique.empty() && tag.size() >= 5 && tag[0] == 't' && tag[1] >= '0' && tag[1] <= '9') {
      tag[0] = 'T';
      rule.technique = tag;
    }
  }
}

// "Root login without MFA" -> "RootLoginWithoutMFA".
std::string camel_case(std::string_view title) {
  std::string name;
  bool begins = true;
  for (const char c : title) {
    const bool lower = c >= 'a' && c <= 'z',
               letter = lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter && name.size() < type_name_max) name += begins && lower ? static_cast<char>(c - 32) : c;
    begins = !letter;
  }
  return name.empty() ? "Rule" : name;
}

// GuardDuty's grammar; the resource is what a finding of the log is about.
std::string type_of(LogKind log, std::string_view title) {
  const std::string_view resource = log == LogKind::cloudtrail ? "IAMUser"
                                    : log == LogKind::k8saudit ? "Kubernetes"
                                                               : "EC2";
  return fmt::format("Custom:{}/{}", resource, camel_case(title));
}

std::vector<IssueKey> issue_of(LogKind log) {
  if (log == LogKind::cloudtrail) return {key::principal};
  if (log == LogKind::k8saudit) return {key::cluster, key::kubernetes_user};
  return {key::host};
}

std::optional<TimeMs> timespan_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data() || end + 1 != text.data() + text.size() || value <= 0)
    return std::nullopt;
  const TimeMs unit = *end == 's'   ? second_ms
                      : *end == 'm' ? minute_ms
                      : *end == 'h' ? hour_ms
                      : *end == 'd' ? day_ms
                                    : 0;
  constexpr TimeMs span_max = 90 * day_ms;
  if (unit == 0 || value > span_max / unit) return std::nullopt;
  return value * unit;
}

TimeMs required_timespan(const YAML::Node& parent, const char* name) {
  const YAML::Node node = parent[name];
  if (!node.IsDefined()) refuse(parent, fmt::format("{} is missing", name));
  const auto span = timespan_of(text_of(node, name));
  if (!span) refuse(node, fmt::format("{} must be like 90s, 15m, 1h or 7d, and 90d at most", name));
  return *span;
}

}  // namespace

// One YAML document on its way to a draft; what is wrong is thrown as a Refusal.
class SigmaDocument {
 public:
  SigmaDocument(const YAML::Node& root, SigmaLoader& loader, std::string where)
      : root_(root), loader_(loader), where_(std::move(where)) {}

  void load() {
    if (!root_.IsMap()) refuse(root_, "a rule must be a map");
    refuse_doubles(root_);
    if (root_["action"].IsDefined())
      refuse(root_["action"], "collections by `action` are not supported; write each rule out");
    title_ = optional_text(root_, "title");
    if (root_["correlation"].IsDefined()) return load_correlation();
    if (root_["filter"].IsDefined()) return load_filter();
    if (root_["detection"].IsDefined()) return load_rule();
    refuse(root_, "a rule needs a detection, a correlation or a filter");
  }
  const std::string& title() const { return title_; }

 private:
  SigmaLoader::Draft begin() {
    if (title_.empty()) refuse(root_, "title is missing");
    if (title_.size() > title_bytes_max) refuse(root_["title"], "title has more than 256 characters");
    SigmaLoader::Draft draft;
    Rule& rule = draft.rule;
    draft.name = optional_text(root_, "name");
    rule.id = optional_text(root_, "id");
    if (rule.id.empty()) rule.id = draft.name.empty() ? hash128(title_).hex() : draft.name;
    if (loader_.find(rule.id) != nullptr)
      refuse(root_["id"], fmt::format("another rule has the id {}", rule.id));
    if (!draft.name.empty() && loader_.find(draft.name) != nullptr)
      refuse(root_["name"], fmt::format("another rule has the name {}", draft.name));
    rule.name = "rule " + rule.id;
    rule.title = title_;
    rule.description = optional_text(root_, "description");
    while (!rule.description.empty() && rule.description.back() == '\n') rule.description.pop_back();
    rule.origin_text = where_;
    rule.dry_run = loader_.dry_run_;
    rule.severity = severity_of_level(root_);
    read_tags(root_, rule);
    return draft;
  }

  void load_rule() {
    SigmaLoader::Draft draft = begin();
    Rule& rule = draft.rule;
    if (optional_text(root_, "status") == "unsupported")
      refuse(root_["status"], "the rule's status is unsupported");
    rule.log = log_of(root_);
    rule.issue = issue_of(rule.log);
    if (const YAML::Node fields = root_["fields"]; fields.IsDefined() && !fields.IsNull()) {
      for (std::string& field : texts_of(fields, "fields")) {
        if (is_field(rule.log, field) && !field.empty()) rule.fields.push_back(std::move(field));
      }
    }
    const YAML::Node detection = root_["detection"];
    if (!detection.IsMap()) refuse(detection, "detection must be a map");
    const auto identifiers = identifiers_of(detection, rule.log);
    const YAML::Node condition = detection["condition"];
    if (!condition.IsDefined()) refuse(detection, "condition is missing");
    std::vector<Predicate> conditions;
    std::optional<SigmaAggregation> aggregation;
    const std::vector<std::string> texts = texts_of(condition, "condition");
    for (const std::string& text : texts) {
      SigmaCondition parsed = taken(parse_sigma_condition(text, identifiers), condition);
      if (parsed.aggregation && texts.size() > 1) refuse(condition, "one of several conditions cannot count");
      aggregation = std::move(parsed.aggregation);
      conditions.push_back(std::move(parsed.predicate));
    }
    if (conditions.empty()) refuse(condition, "condition is empty");
    rule.when = conditions.size() == 1 ? std::move(conditions.front()) : any_of(std::move(conditions));
    rule.type = type_of(rule.log, title_);
    if (aggregation) return load_aggregation(std::move(draft), *aggregation, detection);
    loader_.drafts_.push_back(std::move(draft));
  }

  // The old form of counting is a rule that raises nothing, and a correlation of it.
  void load_aggregation(SigmaLoader::Draft draft, const SigmaAggregation& counted,
                        const YAML::Node& detection) {
    SigmaLoader::Draft correlation = draft;
    const std::string events = draft.rule.id + " events";
    draft.rule.id = events;
    draft.name.clear();
    draft.rule.raises = false;
    correlation.rule.when = {};
    correlation.rule.fields.clear();
    correlation.rule.issue = {key::evidence(row_evidence::group)};
    Correlation& of = correlation.rule.correlation.emplace();
    of.type = counted.field.empty() ? Correlation::Type::event_count : Correlation::Type::value_count;
    of.rules = {{events, {}, {}}};
    of.group_by = counted.group_by;
    of.timespan = required_timespan(detection, "timeframe");
    of.at_least = counted.at_least;
    of.at_most = counted.at_most;
    correlation.value_field = counted.field;
    check_counts(of, detection["condition"]);
    loader_.drafts_.push_back(std::move(draft));
    loader_.drafts_.push_back(std::move(correlation));
  }

  static void check_counts(const Correlation& correlation, const YAML::Node& node) {
    if (std::max(correlation.at_least, correlation.at_most.value_or(0)) > correlation_count_max)
      refuse(node, fmt::format("counts above {} are not supported", correlation_count_max));
  }

  void load_correlation() {
    SigmaLoader::Draft draft = begin();
    const YAML::Node node = root_["correlation"];
    if (!node.IsMap()) refuse(node, "correlation must be a map");
    refuse_doubles(node);
    Correlation& of = draft.rule.correlation.emplace();
    static const std::map<std::string, Correlation::Type> types = {
        {"event_count", Correlation::Type::event_count},
        {"value_count", Correlation::Type::value_count},
        {"temporal", Correlation::Type::temporal},
        {"temporal_ordered", Correlation::Type::temporal_ordered},
        {"ordered_temporal", Correlation::Type::temporal_ordered}};
    const std::string type = optional_text(node, "type");
    const auto known = types.find(type);
    if (known == types.end()) refuse(node, fmt::format("no such correlation type: {}", type));
    of.type = known->second;
    if (!node["rules"].IsDefined()) refuse(node, "correlation: rules is missing");
    for (std::string& rule : texts_of(node["rules"], "rules")) of.rules.push_back({std::move(rule), {}, {}});
    constexpr std::size_t correlated_max = 50;
    if (of.rules.empty() || of.rules.size() > correlated_max)
      refuse(node["rules"], "correlation: 1 to 50 rules");
    if (node["group-by"].IsDefined() && !node["group-by"].IsNull())
      of.group_by = texts_of(node["group-by"], "group-by");
    of.timespan = required_timespan(node, "timespan");
    const bool temporal =
        of.type == Correlation::Type::temporal || of.type == Correlation::Type::temporal_ordered;
    if (temporal) of.at_least = of.rules.size();
    if (node["condition"].IsDefined()) {
      read_condition(node["condition"], of, draft.value_field);
    } else if (!temporal) {
      refuse(node, "correlation: condition is missing");
    }
    if (of.type == Correlation::Type::value_count && draft.value_field.empty())
      refuse(node, "correlation: value_count needs condition.field");
    if (of.type == Correlation::Type::temporal_ordered && of.at_least != of.rules.size())
      refuse(node["condition"], "correlation: an ordered sequence takes all of its rules");
    check_counts(of, node["condition"].IsDefined() ? node["condition"] : node);
    read_aliases(node["aliases"], draft);
    for (const YAML::Node& generate : {node["generate"], root_["generate"]}) {
      if (generate.IsDefined() && generate.IsScalar()) draft.generate = generate.Scalar() == "true";
    }
    draft.rule.issue = {key::evidence(row_evidence::group)};
    loader_.drafts_.push_back(std::move(draft));
  }

  static void read_condition(const YAML::Node& node, Correlation& of, std::string& value_field) {
    if (!node.IsMap()) refuse(node, "correlation: condition must be a map");
    bool least = false;
    for (const auto& item : node) {
      const std::string name = text_of(item.first, "condition");
      if (name == "field") {
        value_field = text_of(item.second, name);
        continue;
      }
      const std::string text = text_of(item.second, name);
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc{} || end != text.data() + text.size() || number > correlation_count_max)
        refuse(item.second,
               fmt::format("correlation: {} must be a whole number up to {}", name, correlation_count_max));
      if (name == "gt" || name == "gte" || name == "eq") {
        of.at_least = name == "gt" ? number + 1 : number;
        least = true;
      }
      if (name == "eq" || name == "lte") of.at_most = number;
      if (name == "lt") of.at_most = number == 0 ? 0 : number - 1;
      if (name != "gt" && name != "gte" && name != "eq" && name != "lt" && name != "lte")
        refuse(item.first, fmt::format("correlation: no such condition: {}", name));
    }
    if (!least || of.at_least == 0)
      refuse(node,
             "correlation: too few events cannot be told when records come; the condition needs gt, gte or "
             "eq above 0");
  }

  static void read_aliases(const YAML::Node& node, SigmaLoader::Draft& draft) {
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsMap()) refuse(node, "correlation: aliases must be a map");
    for (const auto& alias : node) {
      if (!alias.second.IsMap()) refuse(alias.second, "correlation: an alias is a map from rules to fields");
      for (const auto& field : alias.second)
        draft.aliases[text_of(alias.first, "aliases")][text_of(field.first, "aliases")] =
            text_of(field.second, "aliases");
    }
  }

  void load_filter() {
    const YAML::Node node = root_["filter"];
    if (!node.IsMap()) refuse(node, "filter must be a map");
    SigmaLoader::Filter filter;
    filter.where = where_;
    filter.title = title_;
    filter.log = log_of(root_);
    const YAML::Node rules = node["rules"];
    if (!rules.IsDefined()) refuse(node, "filter: rules is missing");
    filter.any = rules.IsScalar() && rules.Scalar() == "any";
    if (!filter.any) filter.rules = texts_of(rules, "rules");
    const auto identifiers = identifiers_of(node, filter.log);
    if (!node["condition"].IsDefined()) refuse(node, "filter: condition is missing");
    SigmaCondition condition =
        taken(parse_sigma_condition(text_of(node["condition"], "condition"), identifiers), node);
    if (condition.aggregation) refuse(node["condition"], "filter: a condition cannot count");
    filter.condition = std::move(condition.predicate);
    loader_.filters_.push_back(std::move(filter));
  }

  // ---- detection --------------------------------------------------------------------------------

  std::map<std::string, Predicate> identifiers_of(const YAML::Node& detection, LogKind log) {
    std::map<std::string, Predicate> identifiers;
    refuse_doubles(detection);
    for (const auto& item : detection) {
      const std::string name = text_of(item.first, "an identifier");
      if (name == "condition" || name == "timeframe" || name == "rules") continue;
      Predicate predicate = search(item.second, 0);
      taken(check(predicate, log), item.second);
      identifiers.emplace(name, std::move(predicate));
    }
    return identifiers;
  }

  // A map joins its items by and, a list its entries by or; lone texts are keywords.
  Predicate search(const YAML::Node& node, unsigned depth) {
    if (depth > depth_max) refuse(node, "the detection is nested too deeply");
    if (node.IsMap()) {
      refuse_doubles(node);
      std::vector<Predicate> parts;
      for (const auto& item : node) parts.push_back(search_item(item.first, item.second));
      if (parts.empty()) refuse(node, "a search identifier is empty");
      return parts.size() == 1 ? std::move(parts.front()) : all_of(std::move(parts));
    }
    if (node.IsSequence()) {
      std::vector<Predicate> parts;
      for (const YAML::Node& item : node) parts.push_back(search(item, depth + 1));
      if (parts.empty()) refuse(node, "a search identifier is empty");
      return parts.size() == 1 ? std::move(parts.front()) : any_of(std::move(parts));
    }
    if (!node.IsScalar() || node.Scalar().empty()) refuse(node, "a search identifier is empty");
    count_value(node);
    return taken(sigma_keyword(node.Scalar()), node);
  }

  Predicate search_item(const YAML::Node& key, const YAML::Node& value) {
    std::vector<std::optional<std::string>> values;
    const auto add = [&](const YAML::Node& node) {
      count_value(node);
      if (node.IsNull()) {
        values.emplace_back(std::nullopt);
      } else if (node.IsScalar()) {
        values.emplace_back(node.Scalar());
      } else {
        refuse(node, fmt::format("{}: must be a value or a list of values", text_of(key, "a field")));
      }
    };
    if (value.IsSequence()) {
      for (const YAML::Node& item : value) add(item);
    } else {
      add(value);
    }
    return taken(sigma_item(text_of(key, "a field"), values), value);
  }

  void count_value(const YAML::Node& node) {
    if (++values_ > values_max) refuse(node, fmt::format("a rule may have {} values at most", values_max));
  }

  const YAML::Node root_;
  SigmaLoader& loader_;
  const std::string where_;
  std::string title_;
  std::size_t values_ = 0;
};

namespace {

std::string place(const std::string& origin, std::size_t line) { return fmt::format("{}:{}", origin, line); }

bool is_separator(std::string_view line) {
  if (!line.starts_with("---")) return false;
  line.remove_prefix(3);
  return line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with(" #");
}

}  // namespace

void SigmaLoader::add_text(std::string_view text, const std::string& origin, bool dry_run) {
  dry_run_ = dry_run;
  ++files_;
  if (text.size() > file_bytes_max) {
    refused_.push_back({place(origin, 1), "", "the file is larger than 4 MiB"});
    return;
  }
  // Cut into documents here, so that a broken one leaves the others of its file alone.
  std::string document;
  std::size_t line_number = 1, first_line = 1;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (is_separator(line)) {
      add_document(document, origin, first_line);
      document.clear();
      first_line = line_number + 1;
    } else {
      document += line;
      document += '\n';
    }
    ++line_number;
  }
  add_document(document, origin, first_line);
}

void SigmaLoader::add_document(const std::string& text, const std::string& origin, std::size_t first_line) {
  std::string title;
  std::size_t line = 0;
  std::string reason;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return;  // Comments, or nothing at all.
    if (drafts_.size() >= rules_max) throw Refusal{fmt::format("more than {} rules", rules_max), 0};
    SigmaDocument document(root, *this, place(origin, first_line + (root.IsMap() ? line_of(root) : 0)));
    try {
      return document.load();
    } catch (...) {
      title = document.title();
      throw;
    }
  } catch (const Refusal& refusal) {
    line = refusal.line;
    reason = refusal.reason;
  } catch (const YAML::Exception& error) {
    line = error.mark.line < 0 ? 0 : static_cast<std::size_t>(error.mark.line);
    reason = "YAML: " + error.msg;
  }
  // The parser may stumble over the document's end.
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  line = std::min(line, lines == 0 ? 0 : lines - 1);
  refused_.push_back({place(origin, first_line + line), title, reason});
}

Result<void> SigmaLoader::add_path(const std::string& path, bool dry_run) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> files;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
      const fs::path extension = entry.path().extension();
      if ((extension == ".yml" || extension == ".yaml") && entry.is_regular_file(error))
        files.push_back(entry.path());
    }
    if (files.empty()) return fail(ErrorKind::not_found, "no .yml or .yaml file is there", path);
    std::sort(files.begin(), files.end());
  } else {
    files.emplace_back(path);
  }
  for (const fs::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return fail(ErrorKind::io, "cannot open the rules", file.string());
    std::string text(std::istreambuf_iterator<char>(stream), {});
    add_text(text, file.string(), dry_run);
  }
  return {};
}

SigmaLoader::Draft* SigmaLoader::find(const std::string& reference) {
  const auto found = std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& draft) {
    return draft.rule.id == reference || draft.name == reference;
  });
  return found == drafts_.end() ? nullptr : &*found;
}

void SigmaLoader::apply(const Filter& filter) {
  for (Draft& draft : drafts_) {
    const bool named =
        std::find(filter.rules.begin(), filter.rules.end(), draft.rule.id) != filter.rules.end() ||
        (!draft.name.empty() &&
         std::find(filter.rules.begin(), filter.rules.end(), draft.name) != filter.rules.end());
    if (draft.rule.correlation || draft.rule.log != filter.log || !(filter.any || named)) continue;
    std::vector<Predicate> both;
    both.push_back(std::move(draft.rule.when));
    both.push_back(filter.condition);
    draft.rule.when = all_of(std::move(both));
  }
  for (const std::string& rule : filter.rules) {
    if (find(rule) == nullptr)
      refused_.push_back({filter.where, filter.title, fmt::format("filter: no rule {} was loaded", rule)});
  }
}

// A correlation's findings are the events of another one, which takes part of its groups together.
Result<void> SigmaLoader::chain(Correlation::Reference& reference, const Draft& rule,
                                Correlation::Type type) {
  const Correlation& inner = *rule.rule.correlation;
  if (type == Correlation::Type::value_count)
    return fail(
        ErrorKind::unsupported,
        fmt::format("correlation: {} is a correlation, of which no values can be counted", rule.rule.id));
  if (std::ranges::any_of(inner.rules, [](const auto& one) { return one.chained != nullptr; }))
    return fail(ErrorKind::unsupported,
                fmt::format("correlation: {} is a correlation of correlations; one level can be chained",
                            rule.rule.id));
  for (const std::string& name : reference.group_by)
    if (std::ranges::find(inner.group_by, name) == inner.group_by.end())
      return fail(ErrorKind::unsupported,
                  fmt::format("correlation: {} does not group by {}", rule.rule.id, name));
  reference.chained = std::make_shared<const Correlation>(inner);
  return {};
}

void SigmaLoader::resolve_once(Draft& draft) {
  if (draft.resolved != Draft::Resolved::no) return;
  draft.resolved = Draft::Resolved::meanwhile;
  const auto done = resolve(draft);
  draft.resolved = done ? Draft::Resolved::yes : Draft::Resolved::refused;
  if (done) return;
  refused_.push_back({draft.rule.origin_text, draft.rule.title, done.error().what});
  draft.rule.type.clear();
}

// References become ids, group-by and value fields the fields of each rule's records.
Result<void> SigmaLoader::resolve(Draft& draft) {
  if (draft.rule.dry_run)
    return fail(ErrorKind::unsupported,
                "correlation: there is no dry run of correlations; `picket rules test` tries them over logs");
  Correlation& correlation = *draft.rule.correlation;
  const auto field_of = [&](const std::string& name, const Draft& rule) {
    const auto alias = draft.aliases.find(name);
    if (alias == draft.aliases.end()) return name;
    for (const std::string& key : {rule.name, rule.rule.id}) {
      if (const auto field = alias->second.find(key); field != alias->second.end()) return field->second;
    }
    return name;
  };
  bool first = true;
  for (Correlation::Reference& reference : correlation.rules) {
    Draft* rule = find(reference.rule);
    if (rule != nullptr && rule->rule.correlation) resolve_once(*rule);
    if (rule == nullptr || rule->resolved == Draft::Resolved::refused)
      return fail(ErrorKind::not_found, fmt::format("correlation: no rule {} was loaded", reference.rule));
    if (rule->resolved == Draft::Resolved::meanwhile)
      return fail(ErrorKind::invalid, fmt::format("correlation: {} refers to this one", reference.rule));
    if (!first && rule->rule.log != draft.rule.log)
      return fail(ErrorKind::unsupported, "correlation: rules of different logs cannot be correlated");
    first = false;
    draft.rule.log = rule->rule.log;
    reference.rule = rule->rule.id;
    for (const std::string& name : correlation.group_by) reference.group_by.push_back(field_of(name, *rule));
    if (rule->rule.correlation) {
      if (auto chained = chain(reference, *rule, correlation.type); !chained) return chained;
      continue;
    }
    if (correlation.type == Correlation::Type::value_count)
      reference.field = field_of(draft.value_field, *rule);
    std::vector<std::string> fields = reference.group_by;
    if (!reference.field.empty()) fields.push_back(reference.field);
    for (const std::string& field : fields) {
      if (field.empty() || !is_field(draft.rule.log, field))
        return fail(ErrorKind::invalid,
                    fmt::format("correlation: {} records have no field {}", name_of(draft.rule.log), field));
    }
  }
  for (const Correlation::Reference& reference : correlation.rules) {
    if (!draft.generate) find(reference.rule)->rule.raises = false;
  }
  draft.rule.type = type_of(draft.rule.log, draft.rule.title);
  return {};
}

LoadedRules SigmaLoader::finish() {
  for (const Filter& filter : filters_) apply(filter);
  std::set<std::string> wanted;  // raised by themselves, whatever other correlations say
  for (Draft& draft : drafts_) {
    if (!draft.rule.correlation) continue;
    resolve_once(draft);
    if (draft.resolved == Draft::Resolved::yes && draft.generate) {
      for (const auto& reference : draft.rule.correlation->rules) wanted.insert(reference.rule);
    }
  }
  LoadedRules loaded;
  for (Draft& draft : drafts_) {
    if (draft.rule.type.empty()) continue;
    if (wanted.contains(draft.rule.id)) draft.rule.raises = true;
    loaded.rules.push_back(std::move(draft.rule));
  }
  std::sort(loaded.rules.begin(), loaded.rules.end(),
            [](const Rule& a, const Rule& b) { return a.id < b.id; });
  // Findings of one type are one list: a second rule of the same title gets its own.
  std::set<std::string> types;
  for (Rule& rule : loaded.rules) {
    if (!rule.raises) continue;
    if (!types.insert(rule.type).second) rule.type += "-" + hash128(rule.id).hex().substr(0, 8);
    types.insert(rule.type);
  }
  loaded.refused = std::move(refused_);
  loaded.files = files_;
  *this = {};
  return loaded;
}

}  // namespace picket::rules
