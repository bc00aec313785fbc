#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/program_log.h"
#include "cli/commands.h"

#ifdef PICKET_MIMALLOC
#include <mimalloc.h>
#endif

namespace picket::cli {

namespace {
// As a line of the log where programs read it.
void tell_failure(std::string_view why) {
  if (program_log_form() == LogForm::json) {
    spdlog::critical("{}", why);
  } else {
    fmt::print(stderr, "picket: {}\n", why);
  }
}
}  // namespace

int failed(const Error& error, int code) {
  tell_failure(error.message());
  return code;
}

std::optional<std::string> time_flag(const std::string& text, std::optional<TimeMs>& into) {
  if (text.empty()) return std::nullopt;
  into = parse_time(text.size() == 10 ? text + "T00:00:00Z" : text);
  if (!into) return fmt::format("{} is no time; write 2026-09-14 or 2026-09-14T10:00:00Z", text);
  return std::nullopt;
}

std::string default_data_dir() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0')
    return std::string(data) + "/picket";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/share/picket";
}

void take_large_pages() {
#ifdef PICKET_MIMALLOC
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
#endif
}

namespace {

// What was wrong with the words on the command line, said of the command they were meant for.
int explain_usage(const CLI::App& program, const CLI::ParseError& error, std::span<char*> words) {
  const CLI::App* command = &program;
  std::string path = "picket", parent;
  std::size_t depth = 1;
  for (std::vector<CLI::App*> parsed = command->get_subcommands(); !parsed.empty();
       parsed = command->get_subcommands()) {
    command = parsed.front();
    parent = path;
    path += ' ' + command->get_name();
    ++depth;
  }
  const bool needs_command = command->get_require_subcommand_min() > 0;
  const std::string_view word = words.size() > depth ? words[depth] : "";
  if (needs_command && word.empty()) {
    fmt::print(stderr, "{}", command->help(parent));
  } else if (needs_command && !word.starts_with('-')) {
    fmt::print(stderr, "{}: there is no command {}; {} --help lists them\n", path, word, path);
  } else {
    fmt::print(stderr, "{}: {}\n{} --help tells more\n", path, error.what(), path);
  }
  return exit_usage;
}

}  // namespace

}  // namespace picket::cli

int main(int argc, char** argv) {
  using namespace picket::cli;
  CLI::App program{
      "picket: threat detection for AWS. Reads the logs an organisation already writes and raises findings "
      "in\n"
      "GuardDuty's own types and JSON; serves the GuardDuty API."};
  program.set_version_flag("--version", "picket " PICKET_VERSION);
  program.require_subcommand(1);
  Run run;
  add_scan(program, run);
  add_learn(program, run);
  add_baseline(program, run);
  add_serve(program, run);
  add_findings(program, run);
  add_explain(program, run);
  add_signals(program, run);
  add_detectors(program, run);
  add_credentials(program, run);
  add_users(program, run);
  add_rules(program, run);
  add_intel(program, run);
  add_respond(program, run);
  add_playbook(program, run);
  add_config(program, run);
  add_verify(program, run);
  add_sources(program, run);
  add_quarantine(program, run);
  add_backup(program, run);
  add_doctor(program, run);
  program.add_subcommand("version", "Print the version")->callback([&] {
    run = [] {
      fmt::print("picket {}\n", PICKET_VERSION);
      return exit_ok;
    };
  });
  // Behind the commands, which would have it too.
  program.footer(
      "Examples:\n"
      "  picket scan ./AWSLogs                       look back over an archive\n"
      "  picket scan logs.json.gz --format jsonl     one GuardDuty finding a line\n"
      "  picket serve --watch ./AWSLogs              watch a folder and serve the API on 127.0.0.1:7788\n"
      "  picket detectors                            what can be detected\n"
      "`picket COMMAND --help` tells more about each.");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);  // help and version
    return explain_usage(program, error, std::span(argv, static_cast<std::size_t>(argc)));
  }
  try {
    return run();
  } catch (const std::exception& error) {
    tell_failure(error.what());
    return exit_internal;
  }
}
