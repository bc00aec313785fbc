// The commands of the binary: each adds its flags to the program and leaves what to run in `run`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace picket::cli {

// Exit codes.
constexpr int exit_ok = 0;
constexpr int exit_found = 1;  // --fail-on was reached
constexpr int exit_usage = 2;  // wrong usage or configuration
constexpr int exit_input = 3;  // a log object could not be read (or, with --strict, a record was quarantined)
constexpr int exit_internal = 4;

using Run = std::function<int()>;

void add_scan(CLI::App& program, Run& run);
void add_learn(CLI::App& program, Run& run);
void add_baseline(CLI::App& program, Run& run);
void add_serve(CLI::App& program, Run& run);
void add_findings(CLI::App& program, Run& run);
void add_explain(CLI::App& program, Run& run);
void add_signals(CLI::App& program, Run& run);
void add_detectors(CLI::App& program, Run& run);
void add_credentials(CLI::App& program, Run& run);
void add_users(CLI::App& program, Run& run);
void add_rules(CLI::App& program, Run& run);
void add_intel(CLI::App& program, Run& run);
void add_respond(CLI::App& program, Run& run);
void add_playbook(CLI::App& program, Run& run);
void add_config(CLI::App& program, Run& run);
void add_verify(CLI::App& program, Run& run);
void add_sources(CLI::App& program, Run& run);
void add_quarantine(CLI::App& program, Run& run);
void add_backup(CLI::App& program, Run& run);
void add_doctor(CLI::App& program, Run& run);

// Tells the error on standard error; the code to exit with.
int failed(const Error& error, int code = exit_usage);

// Reads a flag's time, "2026-09-14" or RFC 3339; what is wrong with it otherwise. Empty text leaves `into`
// alone.
std::optional<std::string> time_flag(const std::string& text, std::optional<TimeMs>& into);

// For what runs once over much data: memory comes in pages of 2 MiB where the kernel has them, and is kept
// until the end. A fifth less CPU time where most of what is read is new.
void take_large_pages();
// Where data lives when --data-dir is not given: $XDG_DATA_HOME/picket or ~/.local/share/picket.
std::string default_data_dir();

}  // namespace picket::cli
