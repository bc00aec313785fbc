// Runs every detector case: a folder src/detectors/PURPOSE/DETECTOR holds fires_NAME.* files (or folders of
// files) with fires_NAME.findings.json beside them, and quiet_NAME.* files that must raise nothing. All
// detectors are on in every case. CASE.intel.csv (indicator,category,list,kind) replaces the built-in lists;
// CASE.geo.csv (prefix,country,latitude,longitude,as_org) is the geography and CASE.aws.json (AWS's
// ip-ranges.json) are AWS's ranges, which there are none of otherwise.
// CASE.baseline.jsonl is what is normal: records of an ordinary day, which come on each of the 21 days before
// the case's first; one with "every": N besides on each Nth of them. Cases without their own geography or
// baseline share their folder's geo.csv and baseline.jsonl. CASE.limits.json sets budgets and epochs that a
// case is too small to reach: {"identities_max": N, "epoch_objects_max": N}; CASE.digests.json are faults of
// digest chains, as a server enters them in its input log.
//   picket_cases ROOT [--only SUBSTRING] [--update]
// With --custom-rules the folders below ROOT are those of AWS's custom detection rules, all of them LIVE and
// no detector besides.
//   picket_cases ROOT [--only SUBSTRING] [--update] [--custom-rules]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "detectors/catalog.h"
#include "engine/subject.h"
#include "enrich/aws_ranges.h"
#include "enrich/intel_config.h"
#include "pipeline/digest_watch.h"
#include "pipeline/render.h"
#include "pipeline/scan.h"
#include "rules/custom_detection_rules.h"
#include "rules/rule_set.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace picket;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Case name without its extensions: "fires_on_stop_logging".
std::string stem_of(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.'));
}

std::vector<std::string> split(const std::string& line, char by) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

// The case's own indicators, or the built-in ones.
std::shared_ptr<const IntelIndex> intel_of(const fs::path& intel_file) {
  IntelBuilder builder;
  if (!fs::exists(intel_file)) {
    builtin_intel(builder);
    return builder.build();
  }
  std::istringstream lines(read(intel_file));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#') || line.starts_with("indicator,")) continue;
    const std::vector<std::string> parts = split(line, ',');
    if (parts.size() != 4)
      throw std::runtime_error(intel_file.string() + ": needs indicator,category,list,kind: " + line);
    Indicator indicator;
    const auto category = parse_intel_category(parts[1]);
    if (!category) throw std::runtime_error(intel_file.string() + ": no such category: " + parts[1]);
    indicator.category = *category;
    indicator.list = parts[2];
    indicator.trusted = parts[3] == "trusted";
    const auto id = builder.describe(indicator);
    const auto prefix = IpPrefix::parse(parts[0]);
    const auto refused = prefix ? builder.add_address(*prefix, id)
                         : !parts[0].contains('.')
                             ? builder.add_access_key(parts[0], id)
                             : builder.add_domain(parts[0], DomainMatch::subdomains, id);
    if (refused)
      throw std::runtime_error(intel_file.string() + ": " + parts[0] + ": " + std::string(*refused));
  }
  return builder.build();
}

// The case's own geography; nothing without the file.
void load_places(const fs::path& file, Facts& facts) {
  if (!fs::exists(file)) return;
  std::vector<std::pair<IpPrefix, GeoPlace>> places;
  std::istringstream lines(read(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#') || line.starts_with("prefix,")) continue;
    const std::vector<std::string> parts = split(line, ',');
    const auto prefix = IpPrefix::parse(parts.front());
    if (!prefix || parts.size() != 5)
      throw std::runtime_error(file.string() + ": needs prefix,country,latitude,longitude,as_org: " + line);
    places.push_back({*prefix, {parts[1], std::stod(parts[2]), std::stod(parts[3]), 0, parts[4]}});
  }
  facts.use_places([places](const IpAddress& ip) -> std::optional<GeoPlace> {
    for (const auto& [prefix, place] : places) {
      if (prefix.contains(ip)) return place;
    }
    return std::nullopt;
  });
}

// The case's own ranges of AWS; none without the file.
void load_ranges(const fs::path& file, Facts& facts) {
  if (!fs::exists(file)) return;
  auto ranges = AwsRanges::load(file.string());
  if (!ranges) throw std::runtime_error(ranges.error().message());
  facts.use_aws_ranges([ranges = std::make_shared<const AwsRanges>(std::move(*ranges))](const IpAddress& ip) {
    return ranges->find(ip) != nullptr;
  });
}

constexpr int baseline_days = 21;

// The members of a record that tell when it was made.
constexpr const char* time_members[] = {"eventTime", "requestReceivedTimestamp", "stageTimestamp"};

std::optional<TimeMs> first_day_of(const fs::path& input) {
  std::optional<TimeMs> first;
  const auto look = [&](const fs::path& file) {
    const std::string text = read(file);
    for (const std::string member : time_members) {
      const std::string mark = '"' + member + "\":\"";
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
        const auto time = parse_time(text.substr(at + mark.size(), 10) + "T00:00:00Z");
        if (time && (!first || *time < *first)) first = *time;
      }
    }
  };
  if (!fs::is_directory(input)) {
    look(input);
  } else {
    for (const auto& entry : fs::recursive_directory_iterator(input)) {
      if (entry.is_regular_file()) look(entry.path());
    }
  }
  return first;
}

// The days before the case, in a file that is gone with this.
class Baseline {
 public:
  Baseline(const fs::path& pattern, const fs::path& input) {
    const std::optional<TimeMs> first = first_day_of(input);
    if (!first) throw std::runtime_error(input.string() + ": no time to set the baseline before");
    std::vector<json> records;
    std::istringstream lines(read(pattern));
    for (std::string line; std::getline(lines, line);) records.push_back(json::parse(line));
    file_ = fs::temp_directory_path() / fmt::format("picket-baseline-{}.jsonl", getpid());
    std::ofstream out(file_);
    for (int day = baseline_days; day > 0; --day) {
      const std::string date = format_time(*first - day * day_ms).substr(0, 10);
      for (std::size_t i = 0; i < records.size(); ++i) {
        json record = records[i];
        if (const int every = record.value("every", 1); day % every != 0) continue;
        record.erase("every");
        for (const char* member : time_members) {
          if (record.contains(member)) record[member] = date + record[member].get<std::string>().substr(10);
        }
        for (const char* member : {"eventID", "auditID"}) {
          if (record.contains(member)) record[member] = fmt::format("baseline-{}-{}", day, i);
        }
        out << record.dump() << '\n';
      }
    }
  }
  ~Baseline() { fs::remove(file_); }
  Baseline(const Baseline&) = delete;
  Baseline& operator=(const Baseline&) = delete;
  std::string path() const { return file_.string(); }

 private:
  fs::path file_;
};

// The case's own file, or its folder's.
fs::path beside_or_shared(const fs::path& beside, const std::string& name) {
  const fs::path own = beside.string() + '.' + name;
  return fs::exists(own) ? own : beside.parent_path() / name;
}

struct Raised {
  std::string type;
  json view;      // the members an expectation may name directly
  json document;  // the whole finding, as exported
};

// `beside`: the case's path without extensions.
std::vector<Raised> run(const fs::path& input, const fs::path& beside, const rules::RuleSet* rules,
                        std::string& trouble) {
  EngineLimits limits;
  ScanSettings settings;
  if (const fs::path file = beside.string() + ".limits.json"; fs::exists(file)) {
    const json said = json::parse(read(file));
    limits.identities_max = said.value("identities_max", limits.identities_max);
    settings.runner.epoch_objects_max = said.value("epoch_objects_max", settings.runner.epoch_objects_max);
  }
  const std::shared_ptr<const RecordMatcher> matcher(std::shared_ptr<const RecordMatcher>(), rules);
  Engine engine(rules == nullptr ? all_detectors() : rules->detectors(),
                intel_of(beside.string() + ".intel.csv"), Lateness{}, limits, 1, matcher);
  RuleModes live;
  live.set_default("*", RuleMode::live);
  engine.use_rule_modes(std::make_shared<const RuleModes>(live));
  load_places(beside_or_shared(beside, "geo.csv"), engine.facts());
  load_ranges(beside.string() + ".aws.json", engine.facts());
  Workers workers(1);
  std::map<std::string, AggregatedFinding> findings;
  const auto sink = [&](std::uint64_t, const EpochResult& result) -> Result<void> {
    for (const std::string& id : result.retracted) findings.erase(id);
    for (const AggregatedFinding& finding : result.updated) findings[finding.id] = finding;
    return {};
  };
  settings.paths = {input.string()};
  if (const fs::path file = beside.string() + ".digests.json"; fs::exists(file)) {
    const auto faults = read_digest_faults(read(file));
    if (!faults) throw std::runtime_error(file.string() + ": " + faults.error().message());
    for (const DigestFault& fault : *faults) engine.tell_fault(gap_of(fault));
  }
  std::optional<Baseline> baseline;
  if (const fs::path pattern = beside_or_shared(beside, "baseline.jsonl"); fs::exists(pattern)) {
    baseline.emplace(pattern, input);
    settings.paths.push_back(baseline->path());
  }
  const auto failures = scan(settings, engine, workers, sink, [](const ScanProgress&) {});
  if (!failures) {
    trouble = failures.error().message();
    return {};
  }
  std::uint64_t records = 0;
  for (const KindTotals& kind : engine.ledger().kinds) {
    records += kind.processed;
    for (const auto& [reason, count] : kind.quarantine_reasons)
      if (reason != "foreign_account") trouble += fmt::format("{} quarantined: {}; ", count, reason);
  }
  for (const auto& [object, why] : engine.ledger().failures) trouble += object + ": " + why + "; ";
  if (records == 0) trouble += "no record was read; ";
  std::vector<Raised> raised;
  const Renderer renderer(engine, nullptr);
  for (const auto& [id, finding] : findings) {
    const Detection& latest = finding.activity.latest;
    Raised item;
    item.type = engine.detectors()[latest.detector]->types[latest.type].name;
    item.document = json::parse(renderer.document(finding, DocumentForm::exported));
    item.view["type"] = item.type;
    item.view["severity"] = finding.activity.severity;
    item.view["count"] = finding.activity.count;
    item.view["region"] = latest.subject.region;
    item.view["host"] = issue_value(latest.subject, latest.evidence, key::host);
    if (latest.subject.access_key) item.view["principal"] = latest.subject.access_key->user_name;
    if (latest.subject.remote_ip) item.view["remote_ip"] = latest.subject.remote_ip->to_string();
    for (const auto& [name, value] : latest.evidence) item.view["evidence"][name] = value;
    raised.push_back(std::move(item));
  }
  return raised;
}

const json* at_path(const json& root, const std::string& path) {
  const json* node = &root;
  for (const std::string& step : split(path, '.')) {
    if (node->is_array()) {
      const std::size_t index = std::stoul(step);
      if (index >= node->size()) return nullptr;
      node = &(*node)[index];
    } else if (node->is_object() && node->contains(step)) {
      node = &(*node)[step];
    } else {
      return nullptr;
    }
  }
  return node;
}

bool covers(const json& actual, const json& expected) {
  if (expected.is_object() && actual.is_object()) {
    return std::all_of(expected.items().begin(), expected.items().end(), [&](const auto& item) {
      return actual.contains(item.key()) && covers(actual[item.key()], item.value());
    });
  }
  return actual == expected;
}

// Why `raised` is not what `expected` asks for; empty when it is.
std::string mismatch(const Raised& raised, const json& expected) {
  for (const auto& [name, value] : expected.items()) {
    const json* actual = raised.view.contains(name) ? &raised.view[name] : at_path(raised.document, name);
    if (actual == nullptr) return fmt::format("{} is absent", name);
    if (!covers(*actual, value))
      return fmt::format("{} is {}, expected {}", name, actual->dump(), value.dump());
  }
  return {};
}

json minimal(const Raised& raised) {
  json expected;
  for (const char* name : {"type", "severity", "principal", "remote_ip", "host", "evidence"}) {
    if (raised.view.contains(name) && raised.view[name] != "") expected[name] = raised.view[name];
  }
  return expected;
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  bool update = false;
  std::optional<rules::RuleSet> rules;
  fs::path root;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--update") {
      update = true;
    } else if (argument == "--custom-rules") {
      rules.emplace(rules::custom_rules(), std::span<const Detector* const>());
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else {
      root = argument;
    }
  }
  std::set<fs::path> cases;
  for (const auto& item : fs::recursive_directory_iterator(root)) {
    const std::string name = item.path().filename().string();
    if (!name.starts_with("fires_") && !name.starts_with("quiet_")) continue;
    const auto beside = [&](std::string_view suffix) { return name.ends_with(suffix); };
    if (beside(".findings.json") || beside(".intel.csv") || beside(".geo.csv") || beside(".aws.json") ||
        beside(".baseline.jsonl") || beside(".limits.json") || beside(".digests.json"))
      continue;
    if (item.path().string().find(only) != std::string::npos) cases.insert(item.path());
  }
  int passed = 0, failed = 0;
  for (const fs::path& path : cases) {
    const fs::path beside = path.parent_path() / stem_of(path);
    const fs::path expected_file = beside.string() + ".findings.json";
    std::string problem;
    try {
      std::vector<Raised> raised = run(path, beside, rules ? &*rules : nullptr, problem);
      if (update && stem_of(path).starts_with("fires_") && problem.empty()) {
        json all = json::array();
        for (const Raised& item : raised) all.push_back(minimal(item));
        std::ofstream(expected_file) << all.dump(2) << '\n';
      }
      json expected = json::array();
      if (stem_of(path).starts_with("fires_")) {
        expected = json::parse(read(expected_file));
        if (expected.empty()) problem += "a fires_ case must expect a finding; ";
      }
      for (const json& want : expected) {
        std::string nearest;
        const auto found = std::find_if(raised.begin(), raised.end(), [&](const Raised& item) {
          const std::string why = mismatch(item, want);
          if (!why.empty() && item.type == want.value("type", "")) nearest = why;
          return why.empty();
        });
        if (found == raised.end()) {
          problem += fmt::format("\n      missing: {}{}", want.dump(),
                                 nearest.empty() ? "" : "\n        (" + nearest + ")");
        } else {
          raised.erase(found);
        }
      }
      for (const Raised& item : raised) problem += "\n      not expected: " + minimal(item).dump();
    } catch (const std::exception& error) {
      problem += error.what();
    }
    if (problem.empty()) {
      ++passed;
    } else {
      ++failed;
      std::cout << "FAIL " << fs::relative(path, root).string() << ": " << problem << '\n';
    }
  }
  std::cout << fmt::format("{} passed, {} failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
