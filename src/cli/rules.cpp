#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/table.h"
#include "pipeline/scan.h"
#include "pipeline/setup.h"

namespace picket::cli {

namespace {

namespace fs = std::filesystem;

void print_refused(const rules::LoadedRules& loaded) {
  for (const rules::RefusedRule& refused : loaded.refused) {
    fmt::print(stderr, "{}: {}{}{}\n", printable(refused.where), printable(refused.title),
               refused.title.empty() ? "" : ": ", printable(refused.reason));
  }
}

int check_rules(const std::vector<std::string>& paths) {
  const auto loaded = load_rules(paths);
  if (!loaded) return failed(loaded.error());
  print_refused(*loaded);
  fmt::print("{} rules of {} files can be used, {} cannot\n", loaded->rules.size(), loaded->files,
             loaded->refused.size());
  return loaded->refused.empty() ? exit_ok : exit_usage;
}

int list_rules(const std::vector<std::string>& paths) {
  const auto loaded = load_rules(paths);
  if (!loaded) return failed(loaded.error());
  print_refused(*loaded);
  for (const rules::Rule& rule : loaded->rules) {
    fmt::print("{:<8} {:<10} {:<10} {:<70} {}\n", name_of(severity_of(rule.severity)), name_of(rule.log),
               rule.technique.empty() ? "-" : rule.technique,
               rule.raises ? rule.type : "(for correlations only)", printable(rule.origin_text));
  }
  return exit_ok;
}

struct TestFlags {
  std::string rules;
  std::vector<std::string> logs;
};

// The rules alone over some logs: 0 when each of them matched, else 1.
int test_rules(const TestFlags& flags) {
  auto loaded = load_rules({flags.rules});
  if (!loaded) return failed(loaded.error());
  print_refused(*loaded);
  const bool refused = !loaded->refused.empty();
  const auto rules =
      std::make_shared<const rules::RuleSet>(std::move(loaded->rules), std::span<const Detector* const>{});
  Engine engine(rules->detectors(), IntelBuilder().build(), Lateness{}, EngineLimits{}, default_threads(),
                rules);
  std::map<std::string, AggregatedFinding> findings;
  const EpochSink sink = [&](std::uint64_t, const EpochResult& result) -> Result<void> {
    for (const std::string& id : result.retracted) findings.erase(id);
    for (const AggregatedFinding& finding : result.updated) findings.insert_or_assign(finding.id, finding);
    return {};
  };
  Workers workers(default_threads());
  ScanSettings settings;
  settings.paths = flags.logs;
  const auto failures = scan(settings, engine, workers, sink, [](const ScanProgress&) {});
  if (!failures) return failed(failures.error(), exit_input);
  for (const auto& [path, why] : *failures) fmt::print(stderr, "FAILED {}: {}\n", printable(path), why);
  std::map<const rules::Rule*, std::size_t> raised;
  for (const auto& [id, finding] : findings) ++raised[rules->rule_of(finding.activity.latest.detector)];
  bool all = true;
  fmt::print("{:>9} {:>9}  {}\n", "RECORDS", "FINDINGS", "RULE");
  for (std::size_t i = 0; i < rules->rules().size(); ++i) {
    const rules::Rule& rule = rules->rules()[i];
    const std::uint64_t records = rules->matches(i);
    const std::size_t found = raised.contains(&rule) ? raised[&rule] : 0;
    all &= records > 0 || found > 0;
    fmt::print("{:>9} {:>9}  {} ({})\n", rule.correlation ? "-" : std::to_string(records),
               rule.raises ? std::to_string(found) : "-", printable(rule.title), printable(rule.origin_text));
  }
  if (!failures->empty() || engine.ledger().failed() > 0) return exit_input;
  if (refused) return exit_usage;
  return all ? exit_ok : exit_found;
}

// Copies the files whose rules can all be used into a folder.
int import_rules(const std::string& path, const std::string& into) {
  std::error_code error;
  fs::create_directories(into, error);
  if (error) return failed({ErrorKind::io, error.message(), into});
  std::vector<fs::path> files;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      const fs::path extension = entry.path().extension();
      if (extension == ".yml" || extension == ".yaml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.emplace_back(path);
  }
  // Loaded together, for correlations name rules of other files.
  const auto loaded = load_rules({path});
  if (!loaded) return failed(loaded.error());
  print_refused(*loaded);
  std::size_t copied = 0;
  for (const fs::path& file : files) {
    const std::string prefix = file.string() + ":";
    const auto of_file = [&](const auto& item) { return item.where.starts_with(prefix); };
    if (std::any_of(loaded->refused.begin(), loaded->refused.end(), of_file)) continue;
    const fs::path relative = fs::is_directory(path) ? fs::relative(file, path) : file.filename();
    const fs::path target = fs::path(into) / relative;
    fs::create_directories(target.parent_path(), error);
    if (!fs::copy_file(file, target, fs::copy_options::overwrite_existing, error) || error)
      return failed({ErrorKind::io, error.message(), target.string()});
    ++copied;
  }
  fmt::print("{} of {} files copied; use them with   rules = [\"{}\"]   in the configuration\n", copied,
             files.size(), into);
  return loaded->refused.empty() ? exit_ok : exit_usage;
}

}  // namespace

void add_rules(CLI::App& program, Run& run) {
  CLI::App* command = program.add_subcommand("rules", "Rules of your own, in Sigma");
  command->require_subcommand(1);
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* check =
      command->add_subcommand("check", "Tell which rules can be used, and what is wrong with the others");
  check->add_option("PATH", *paths, "Files or folders")->required();
  check->callback([paths, &run] { run = [paths] { return check_rules(*paths); }; });
  CLI::App* list = command->add_subcommand("list", "List rules: severity, log, ATT&CK, finding type, file");
  list->add_option("PATH", *paths, "Files or folders")->required();
  list->callback([paths, &run] { run = [paths] { return list_rules(*paths); }; });
  auto flags = std::make_shared<TestFlags>();
  CLI::App* test = command->add_subcommand(
      "test", "Run the rules alone over logs; exit 1 when one of them matched nothing");
  test->add_option("RULES", flags->rules, "A file or folder of rules")->required();
  test->add_option("LOG", flags->logs, "Log files or folders")->required();
  test->callback([flags, &run] { run = [flags] { return test_rules(*flags); }; });
  auto source = std::make_shared<std::string>();
  auto into = std::make_shared<std::string>(default_data_dir() + "/rules");
  CLI::App* import =
      command->add_subcommand("import", "Copy the files whose rules can be used into a folder");
  import->add_option("PATH", *source, "A file or folder of rules")->required();
  import->add_option("--into", *into, "The folder")->capture_default_str();
  import->callback([source, into, &run] { run = [source, into] { return import_rules(*source, *into); }; });
  command->footer(
      "Examples:\n"
      "  picket rules check ./sigma\n"
      "  picket rules test ./sigma ./AWSLogs\n"
      "  picket scan ./AWSLogs --rules ./sigma --explain");
}

}  // namespace picket::cli
