#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "api/samples.h"
#include "base/clock.h"
#include "base/program_log.h"
#include "cli/commands.h"
#include "cli/open_store.h"
#include "cli/table.h"
#include "config/config.h"
#include "net/http_client.h"
#include "playbook/playbooks.h"

namespace picket::cli {

namespace {

struct PlaybookFlags {
  std::string config, data_dir = default_data_dir(), name, finding, run, format = "table", type;
  bool accept_forgeable = false;
};

// The running service and this command may do so at once: a lock lets one run after the other.
struct Works {
  Config config;
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<net::AddressGuard> guard;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<playbook::Playbooks> playbooks;
};

Result<Works> open_works(const PlaybookFlags& flags) {
  // What is told on the way does not belong to the answer.
  start_program_log(LogForm::text, spdlog::level::info);
  Works works;
  auto config = load_config(flags.config);
  if (!config) return std::unexpected(config.error());
  works.config = std::move(*config);
  auto store = open_store(flags.data_dir);
  if (!store) return std::unexpected(store.error());
  works.store = std::move(*store);
  auto guard = net::AddressGuard::make(works.config.network.allow_hosts);
  if (!guard) return std::unexpected(guard.error());
  works.guard = std::make_unique<net::AddressGuard>(std::move(*guard));
  works.http = std::make_unique<net::HttpClient>(*works.guard, works.config.network.ca_file);
  auto key = aws::load_caller_key(works.config.respond.credentials, works.config.respond.profile);
  if (!key) return std::unexpected(key.error());
  auto playbooks = playbook::Playbooks::make(
      works.config.respond, {*works.store, *works.http, *works.guard, std::move(*key),
                             flags.data_dir + "/playbooks", works.config.aws_ranges, wall_clock});
  if (!playbooks) return std::unexpected(playbooks.error());
  works.playbooks = std::move(*playbooks);
  return works;
}

std::string actor() {
  const passwd* user = ::getpwuid(::getuid());
  return fmt::format("cli/{}", user == nullptr ? std::to_string(::getuid()) : std::string(user->pw_name));
}

void print_run(const playbook::Run& run, const std::string& format) {
  if (format == "json") {
    fmt::print("{}\n", playbook::run_json(run, true));
    return;
  }
  fmt::print("run {} of {} ({}): {}{}\n", run.id, run.playbook, run.action, run.state,
             run.why.empty() ? "" : ": " + printable(run.why));
  if (!run.subject_id.empty()) fmt::print("{} {}\n", run.subject, printable(run.subject_id));
  if (!run.basis.empty()) fmt::print("evidence: {}\n", printable(run.basis));
  for (const playbook::Step& step : run.steps) {
    fmt::print("  {:<8} {} {}: {} -> {}{}\n", step.status, step.kind, printable(step.resource),
               step.before.empty() ? "(none)" : printable(step.before),
               step.after.empty() ? "(none)" : printable(step.after),
               step.note.empty() ? "" : " (" + step.note + ")");
  }
}

int list_playbooks(const PlaybookFlags& flags) {
  const auto config = load_config(flags.config);
  if (!config) return failed(config.error());
  for (const PlaybookKeys& one : config->respond.playbooks)
    fmt::print("{:<24} {:<28} {}\n", one.name, one.action, one.mode);
  return exit_ok;
}

// Exit 1 when the run was refused or failed.
int act(const PlaybookFlags& flags, bool preview) {
  auto works = open_works(flags);
  if (!works) return failed(works.error());
  const auto finding = finding_named(*works->store, flags.finding);
  if (!finding) return failed(finding.error());
  const playbook::Order order{.actor = actor(), .accept_forgeable = flags.accept_forgeable};
  const auto run = preview ? works->playbooks->preview(flags.name, finding->document, order)
                           : works->playbooks->run(flags.name, finding->document, order);
  if (!run) return failed(run.error());
  print_run(*run, flags.format);
  return run->state == "refused" || run->state == "failed" ? exit_found : exit_ok;
}

int undo(const PlaybookFlags& flags) {
  auto works = open_works(flags);
  if (!works) return failed(works.error());
  const auto run = works->playbooks->undo(flags.run, actor());
  if (!run) return failed(run.error());
  print_run(*run, flags.format);
  return exit_ok;
}

int history(const PlaybookFlags& flags) {
  const auto store = open_store(flags.data_dir);
  if (!store) return failed(store.error());
  const auto runs = playbook::load_runs(**store);
  if (!runs) return failed(runs.error());
  for (const playbook::Run& run : *runs) {
    if (!flags.run.empty() && run.id != flags.run) continue;
    if (flags.format == "json" || !flags.run.empty()) {
      print_run(run, flags.format);
      continue;
    }
    fmt::print("{} {} {:<10} {:<20} {:<16} {}{}\n", run.id, format_time(run.created), run.state, run.playbook,
               printable(run.actor), printable(run.subject_id),
               run.why.empty() ? "" : ": " + printable(run.why));
  }
  return exit_ok;
}

// On what each finding type's evidence about each subject rests.
int evidence(const PlaybookFlags& flags) {
  constexpr std::string_view actions[] = {"isolate_instance",           "disable_access_key",
                                          "revoke_role_sessions",       "block_public_bucket",
                                          "quarantine_service_account", "block_address"};
  bool any = false;
  for (const api::SampleType& type : api::sample_types()) {
    if (!flags.type.empty() && type.type != flags.type) continue;
    any = true;
    const FindingRow row =
        api::sample_finding(type, {"111122223333", "us-east-1", std::string(32, '0'), 1, 0});
    auto facts = playbook::facts_of(row.document);
    if (!facts) return failed(facts.error());
    facts->sample = false;
    fmt::print("{}\n", type.type);
    for (const std::string_view action : actions) {
      if (!playbook::subject_id_of(action, *facts)) continue;
      const playbook::Basis basis = playbook::basis_of(*facts, playbook::subject_of(action));
      fmt::print("  {:<28} {:<8} {}\n", action, basis.firm ? "firm" : "forgeable", basis.why);
    }
  }
  if (!any)
    return failed(
        {ErrorKind::not_found, "no such finding type; `picket detectors` lists them", flags.type, -1});
  return exit_ok;
}

}  // namespace

void add_playbook(CLI::App& program, Run& run) {
  auto flags = std::make_shared<PlaybookFlags>();
  CLI::App* command = program.add_subcommand("playbook", "Act on findings: preview, run and undo playbooks");
  command->require_subcommand(1);
  const auto config = [&](CLI::App* one) {
    one->add_option("--config", flags->config, "Configuration file (TOML)")->required();
  };
  const auto data_dir = [&](CLI::App* one) {
    one->add_option("--data-dir", flags->data_dir, "Where findings and runs are kept");
  };
  const auto format = [&](CLI::App* one) {
    one->add_option("--format", flags->format, "table or json")->check(CLI::IsMember({"table", "json"}));
  };
  CLI::App* list = command->add_subcommand("list", "The playbooks of the configuration");
  config(list);
  list->callback([flags, &run] { run = [flags] { return list_playbooks(*flags); }; });
  for (const bool preview : {true, false}) {
    CLI::App* one = preview
                        ? command->add_subcommand("preview", "Show what a playbook would do; changes nothing")
                        : command->add_subcommand("run", "Run a playbook on a finding");
    one->add_option("NAME", flags->name, "Name of a [[respond.playbook]]")->required();
    one->add_option("FINDING", flags->finding, "A finding's id")->required();
    config(one);
    data_dir(one);
    format(one);
    one->add_flag("--accept-forgeable-evidence", flags->accept_forgeable,
                  "Act though the evidence could be forged: you know better");
    one->footer(
        fmt::format("Exit 1 when the run is refused or fails.\nExample: picket playbook {} isolate "
                    "69c752eb4a77cb4d5ed555e87dd5c9c2 --config picket.toml --data-dir ./picket-data",
                    preview ? "preview" : "run"));
    one->callback([flags, preview, &run] { run = [flags, preview] { return act(*flags, preview); }; });
  }
  CLI::App* back = command->add_subcommand("undo", "Put back what a run changed, if nobody changed it since");
  back->add_option("RUN", flags->run, "A run's id, as `picket playbook history` lists it")->required();
  config(back);
  data_dir(back);
  format(back);
  back->callback([flags, &run] { run = [flags] { return undo(*flags); }; });
  CLI::App* past = command->add_subcommand("history", "What was run, newest first");
  past->add_option("RUN", flags->run, "Tell all about one run");
  data_dir(past);
  format(past);
  past->callback([flags, &run] { run = [flags] { return history(*flags); }; });
  CLI::App* grounds =
      command->add_subcommand("evidence", "On what evidence each finding type rests, by what is acted on");
  grounds->add_option("TYPE", flags->type, "Of one finding type");
  grounds->callback([flags, &run] { run = [flags] { return evidence(*flags); }; });
}

}  // namespace picket::cli
