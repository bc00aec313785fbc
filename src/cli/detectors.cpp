#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "config/config.h"
#include "detectors/catalog.h"
#include "pipeline/setup.h"
#include "rules/custom_detection_rules.h"
#include "rules/rule_set.h"

namespace picket::cli {

namespace {

std::string logs_of(const Detector& detector) {
  std::set<std::string_view> logs;
  for (const Trigger& trigger : detector.when) logs.insert(name_of(trigger.log));
  return fmt::format("{}", fmt::join(logs, ", "));
}

std::string_view order_of(const Detector& detector) {
  if (detector.logic.ordered != nullptr || detector.logic.sequence != nullptr) return "ordered";
  if (detector.logic.host_day != nullptr || detector.logic.incident != nullptr) return "learned";
  if (!detector.logic.window) return "each";
  return detector.logic.window->has_baseline() ? "bucket" : "window";
}

void write_type(JsonWriter& json, const Detector& detector, const FindingType& type) {
  json.begin_object();
  json.member("type", type.name);
  json.member("detector", detector.name);
  json.member("origin", name_of(type.origin));
  json.member("severity", number_of(type.severity));
  json.key("logs");
  json.begin_array();
  std::set<std::string_view> logs;
  for (const Trigger& trigger : detector.when) logs.insert(name_of(trigger.log));
  for (const std::string_view log : logs) json.value(log);
  json.end_array();
  json.member("order", order_of(detector));
  json.member("tactic", type.mitre.tactic);
  json.member("technique", type.mitre.technique);
  json.member("summary", detector.summary);
  json.member("blind_spots", detector.blind_spots);
  json.end_object();
}

int run_detectors(const std::string& wanted, const std::string& format, const std::string& config_path) {
  Config config;
  if (!config_path.empty()) {
    auto read = load_config(config_path);
    if (!read) return failed(read.error());
    config = std::move(*read);
  }
  auto loaded = load_rules(config.rules, config.rules_dry_run);
  if (!loaded) return failed(loaded.error());
  std::vector<rules::Rule> all_rules = rules::custom_rules();
  std::ranges::move(loaded->rules, std::back_inserter(all_rules));
  const rules::RuleSet rules(std::move(all_rules), all_detectors());
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  bool any = false;
  for (const Detector* detector : rules.detectors()) {
    for (const FindingType& type : detector->types) {
      if (!wanted.empty() && type.name != wanted) continue;
      any = true;
      if (format == "json") {
        write_type(json, *detector, type);
      } else if (wanted.empty()) {
        fmt::print("{:<70} {:<9} {}\n", type.name, name_of(type.severity), logs_of(*detector));
      } else {
        fmt::print(
            "{}\n\n{}\n\nseverity   {} ({})\nATT&CK     {} {}\nlogs       {}\norder      {}\ndetector   "
            "{}\ncannot see {}\n",
            type.name, detector->summary, number_of(type.severity), name_of(type.severity), type.mitre.tactic,
            type.mitre.technique, logs_of(*detector), order_of(*detector), detector->name,
            detector->blind_spots);
      }
    }
  }
  json.end_array();
  if (!any) {
    fmt::print(stderr, "picket: no detector raises {}; `picket detectors` lists all\n", wanted);
    return exit_usage;
  }
  if (format == "json") fmt::print("{}\n", text);
  return exit_ok;
}

}  // namespace

void add_detectors(CLI::App& program, Run& run) {
  auto type = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("table");
  CLI::App* command = program.add_subcommand("detectors", "List what can be detected");
  command->add_option("TYPE", *type, "Tell all about one finding type");
  command->add_option("--format", *format, "table or json")->check(CLI::IsMember({"table", "json"}));
  auto config = std::make_shared<std::string>();
  command->add_option("--config", *config, "Configuration file: its rules are listed too");
  command->callback([type, format, config, &run] {
    run = [type, format, config] { return run_detectors(*type, *format, *config); };
  });
}

}  // namespace picket::cli
