#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "cli/commands.h"

#ifdef PICKET_MIMALLOC
#include <mimalloc.h>
#endif

namespace picket::cli {

int failed(const Error& error, int code) {
  fmt::print(stderr, "picket: {}\n", error.message());
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

}  // namespace picket::cli

int main(int argc, char** argv) {
  using namespace picket::cli;
  CLI::App program{
      "picket: threat detection for AWS. Reads the logs an organisation already writes and raises findings "
      "in\n"
      "GuardDuty's own types and JSON; serves the GuardDuty API."};
  program.set_version_flag("--version", "picket " PICKET_VERSION);
  program.require_subcommand(1);
  program.footer(
      "Examples:\n"
      "  picket scan ./AWSLogs                       look back over an archive\n"
      "  picket scan logs.json.gz --format jsonl     one GuardDuty finding a line\n"
      "  picket serve --watch ./AWSLogs              watch a folder and serve the API on 127.0.0.1:7788\n"
      "  picket detectors                            what can be detected\n"
      "`picket COMMAND --help` tells more about each.");
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
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? exit_ok : exit_usage;
  }
  try {
    return run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "picket: {}\n", error.what());
    return exit_internal;
  }
}
