#include <fmt/format.h>

#include <set>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "detectors/catalog.h"
#include "enrich/intel_config.h"
#include "pipeline/setup.h"

namespace picket::cli {

namespace {

std::string logs_of(const Detector& detector) {
  std::set<std::string_view> logs;
  for (const Trigger& trigger : detector.when) logs.insert(name_of(trigger.log));
  return fmt::format("{}", fmt::join(logs, ", "));
}

std::string_view order_of(const Detector& detector) {
  if (detector.logic.ordered != nullptr) return "ordered";
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
    if (!read) {
      fmt::print(stderr, "picket: {}\n", read.error().message());
      return exit_usage;
    }
    config = std::move(*read);
  }
  auto loaded = load_rules(config.rules);
  if (!loaded) {
    fmt::print(stderr, "picket: {}\n", loaded.error().message());
    return exit_usage;
  }
  const rules::RuleSet rules(std::move(loaded->rules), all_detectors());
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

int run_lookup(const std::string& config_path, const std::string& what) {
  Config config;
  if (!config_path.empty()) {
    auto loaded = load_config(config_path);
    if (!loaded) {
      fmt::print(stderr, "picket: {}\n", loaded.error().message());
      return exit_usage;
    }
    config = std::move(*loaded);
  }
  const auto intel = load_intel(config);
  if (!intel) {
    fmt::print(stderr, "picket: {}\n", intel.error().message());
    return exit_usage;
  }
  const auto ip = IpAddress::parse(what);
  const bool trusted = ip ? intel->index->is_trusted(*ip) : intel->index->is_trusted_domain(what);
  const auto hits = trusted ? (ip ? intel->index->silenced(*ip) : intel->index->silenced_domain(what))
                            : (ip ? intel->index->match(*ip) : intel->index->match_domain(what));
  if (trusted) fmt::print("{} is trusted: nothing is raised for it\n", what);
  if (hits.empty()) fmt::print("{} is in no threat list\n", what);
  for (const IntelHit& hit : hits) {
    fmt::print("{}  category {}  list {}{}{}\n", hit.entry, to_string(hit.indicator->category),
               hit.indicator->list, hit.indicator->threat.empty() ? "" : "  threat " + hit.indicator->threat,
               hit.indicator->source.empty() ? "" : "  from " + hit.indicator->source);
  }
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

void add_intel(CLI::App& program, Run& run) {
  auto what = std::make_shared<std::string>();
  auto config = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("intel", "Threat intelligence");
  command->require_subcommand(1);
  CLI::App* lookup = command->add_subcommand("lookup", "Tell what is known of an address or a domain");
  lookup->add_option("WHAT", *what, "An IP address or a domain")->required();
  lookup->add_option("--config", *config, "Configuration file with lists of your own");
  lookup->callback([what, config, &run] { run = [what, config] { return run_lookup(*config, *what); }; });
}

}  // namespace picket::cli
