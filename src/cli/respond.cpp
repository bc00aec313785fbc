#include <fmt/format.h>

#include <algorithm>

#include "api/samples.h"
#include "aws/caller_keys.h"
#include "base/clock.h"
#include "base/text_file.h"
#include "cli/commands.h"
#include "cli/open_store.h"
#include "cli/table.h"
#include "config/config.h"
#include "finding/detector_id.h"
#include "respond/dead_letters.h"
#include "respond/rules.h"
#include "respond/senders.h"

namespace picket::cli {

namespace {

struct RespondFlags {
  std::string config, data_dir = default_data_dir(), rule, finding, target;
};

// An id or its first digits: a file of such a name is given with its folder.
bool is_finding_id(std::string_view text) {
  return text.size() >= short_id_size && text.size() <= 32 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A file, "-" for standard input.
Result<std::string> text_of(const std::string& path) {
  auto text = read_text_file(path == "-" ? "/dev/stdin" : path);
  if (!text && text.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::not_found, "neither a finding's id, a sample:TYPE nor a file", path);
  return text;
}

Result<respond::FindingEvent> event_named(const RespondFlags& flags) {
  constexpr std::string_view sample_prefix = "sample:";
  if (flags.finding.starts_with(sample_prefix)) {
    const std::string type = flags.finding.substr(sample_prefix.size());
    const api::SampleType* sample = api::find_sample(type);
    if (sample == nullptr)
      return fail(ErrorKind::not_found, "no such finding type; `picket detectors` lists them", type);
    const std::string account = "111122223333", region = "us-east-1";
    const FindingRow row =
        api::sample_finding(*sample, {account, region, detector_id_of(account, region), 1, wall_clock()});
    return respond::event_of(row.document, row.id, row.epoch, FindingChange::created);
  }
  if (is_finding_id(flags.finding)) {
    auto store = open_store(flags.data_dir);
    if (!store) return std::unexpected(store.error());
    const auto found = finding_named(**store, flags.finding);
    if (!found) return std::unexpected(found.error());
    return respond::event_of(found->document, found->id, found->epoch, FindingChange::created);
  }
  const auto text = text_of(flags.finding);
  if (!text) return std::unexpected(text.error());
  auto event = respond::event_of(*text, flags.finding, 0, FindingChange::created);
  if (event.type.empty())
    return fail(ErrorKind::invalid, "not a finding in JSON, as `picket findings --format jsonl` prints it",
                flags.finding);
  return event;
}

Result<respond::Rules> rules_of(const RespondFlags& flags) {
  const auto config = load_config(flags.config);
  if (!config) return std::unexpected(config.error());
  return respond::Rules::make(config->respond);
}

// What would be sent where; nothing is. Exit 1 when the rule does not want the finding.
int test_rule(const RespondFlags& flags) {
  const auto rules = rules_of(flags);
  if (!rules) return failed(rules.error());
  const auto event = event_named(flags);
  if (!event) return failed(event.error());
  const auto tasks = rules->tasks(*event, flags.rule);
  if (!tasks) return failed({ErrorKind::not_found, "no such rule in the configuration", flags.rule, -1});
  fmt::print("{} of severity {}: {}\n", printable(event->type), event->severity,
             tasks->empty() ? "the rule does not want it" : "would be sent");
  for (const respond::Task& task : *tasks) {
    const respond::Target& target = rules->targets().find(task.target)->second;
    fmt::print("\n{} ({}) {}\n{}\n", target.keys.name, target.keys.kind, printable(target.place()),
               printable(target.body(*event, task.rule, wall_clock())));
  }
  return tasks->empty() ? exit_found : exit_ok;
}

std::string dead_letter_file(const RespondFlags& flags, const Config& config) {
  return config.respond.dead_letters.empty() ? flags.data_dir + "/respond/dead_letters.jsonl"
                                             : config.respond.dead_letters;
}

int list_dead(const RespondFlags& flags) {
  const auto config = load_config(flags.config);
  if (!config) return failed(config.error());
  const std::string file = dead_letter_file(flags, *config);
  const auto dead = respond::read_dead_letters(file);
  if (!dead) return failed(dead.error());
  for (const respond::DeadLetter& letter : dead->letters) {
    if (!flags.target.empty() && letter.target != flags.target) continue;
    fmt::print("{} {} {} {}: {} attempts, {}\n", format_time(letter.time), printable(letter.target),
               printable(letter.event.finding_id), printable(letter.event.type), letter.attempts,
               printable(letter.error));
  }
  if (dead->unreadable > 0) fmt::print(stderr, "{} lines of {} cannot be read\n", dead->unreadable, file);
  return exit_ok;
}

// Exit 1 when something was not taken again.
int resend_dead(const RespondFlags& flags) {
  const auto config = load_config(flags.config);
  if (!config) return failed(config.error());
  const auto rules = respond::Rules::make(config->respond);
  if (!rules) return failed(rules.error());
  const auto guard = net::AddressGuard::make(config->network.allow_hosts);
  if (!guard) return failed(guard.error());
  auto key = aws::load_caller_key(config->respond.credentials, config->respond.profile);
  if (!key) return failed(key.error());
  const net::HttpClient http(*guard, config->network.ca_file);
  const aws::ServiceCaller aws(http, std::move(*key), wall_clock);
  const respond::Means means{http, *guard, aws, config->network.ca_file, wall_clock};
  const auto resent = respond::resend(
      dead_letter_file(flags, *config),
      [&](const respond::DeadLetter& letter) {
        return flags.target.empty() || letter.target == flags.target;
      },
      [&](const respond::DeadLetter& letter) -> Result<void> {
        const auto target = rules->targets().find(letter.target);
        if (target == rules->targets().end())
          return fail(ErrorKind::not_found, "the target is not configured any more", letter.target);
        if (target->second.kind == respond::TargetKind::playbook)
          return fail(ErrorKind::unsupported, "playbooks are run with picket playbook run", letter.target);
        const auto send = respond::make_sender(target->second, means);
        if (!send) return std::unexpected(send.error());
        return (*send)(letter.event, target->second.body(letter.event, letter.rule, wall_clock()));
      });
  if (!resent) return failed(resent.error());
  fmt::print("{} sent, {} kept{}\n", resent->sent, resent->kept,
             resent->first_error.empty() ? "" : ": " + printable(resent->first_error));
  return resent->first_error.empty() ? exit_ok : exit_found;
}

}  // namespace

void add_respond(CLI::App& program, Run& run) {
  auto flags = std::make_shared<RespondFlags>();
  CLI::App* command = program.add_subcommand("respond", "Where findings are sent");
  command->require_subcommand(1);
  CLI::App* test = command->add_subcommand("test", "Show what a rule would send where; sends nothing");
  test->add_option("RULE", flags->rule, "Name of a [[respond.rule]]")->required();
  test->add_option("FINDING", flags->finding,
                   "A finding's id, sample:TYPE, or a file with a finding (- reads it from standard input)")
      ->required();
  test->add_option("--config", flags->config, "Configuration file (TOML)")->required();
  test->add_option("--data-dir", flags->data_dir, "Where findings are kept");
  test->footer(
      "Exit 1 when the rule does not want the finding.\n"
      "Example: picket respond test high 'sample:Recon:EC2/Portscan' --config picket.toml");
  test->callback([flags, &run] { run = [flags] { return test_rule(*flags); }; });
  CLI::App* dead = command->add_subcommand("dead", "What targets did not take within retry_for");
  dead->require_subcommand(1);
  for (const bool again : {false, true}) {
    CLI::App* one = again ? dead->add_subcommand("resend", "Send it again; what is taken leaves the file")
                          : dead->add_subcommand("list", "List it");
    one->add_option("--target", flags->target, "Of this target only");
    one->add_option("--config", flags->config, "Configuration file (TOML)")->required();
    one->add_option("--data-dir", flags->data_dir, "Where findings are kept");
    if (again) one->footer("Exit 1 when something was not taken again.");
    one->callback([flags, again, &run] {
      run = [flags, again] { return again ? resend_dead(*flags) : list_dead(*flags); };
    });
  }
}

}  // namespace picket::cli
