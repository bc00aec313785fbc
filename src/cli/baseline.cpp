#include "pipeline/baseline.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "config/config.h"
#include "pipeline/feeds.h"
#include "pipeline/scan.h"
#include "pipeline/setup.h"

namespace picket::cli {

namespace {

struct LearnFlags {
  std::vector<std::string> paths, with;
  std::string out, config, assume_account, assume_region;
  unsigned threads = 0;
};

int run_learn(const LearnFlags& flags) {
  take_large_pages();
  auto config = config_or_default(flags.config);
  if (!config) return failed(config.error());
  config->entity_bytes_max = 0;
  auto setup = make_setup(*config, feeds_folder(default_data_dir()), flags.threads, {});
  if (!setup) return failed(setup.error());
  for (const std::string& path : flags.with) {
    const auto baseline = read_baseline(path);
    if (!baseline) return failed(baseline.error());
    start_from(*setup->engine, *baseline);
  }
  ScanSettings settings;
  settings.paths = flags.paths;
  settings.source.account = flags.assume_account;
  settings.source.region = flags.assume_region;
  Workers workers(flags.threads != 0 ? flags.threads : default_threads());
  const auto nobody = [](std::uint64_t, const EpochResult&) -> Result<void> { return {}; };
  const auto failures = scan(settings, *setup->engine, workers, nobody, [](const ScanProgress&) {});
  if (!failures) return failed(failures.error(), exit_input);
  for (const auto& [path, why] : *failures) fmt::print(stderr, "FAILED {}: {}\n", printable(path), why);
  const auto read = [](const KindTotals& totals) { return totals.records_read > 0; };
  if (flags.with.empty() && std::ranges::none_of(setup->engine->ledger().kinds, read))
    return failed({ErrorKind::invalid, "no record was read; the baseline is not written", flags.out, -1},
                  exit_input);
  const Baseline baseline = baseline_of(*setup->engine);
  if (const auto written = write_baseline(flags.out, baseline); !written) return failed(written.error());
  const std::size_t principals = baseline.calls.principals(), users = baseline.clusters.principals();
  fmt::print(
      "{} principals of AWS and {} users of clusters, {} bytes each on average, in {}\n", principals, users,
      (baseline.calls.bytes() + baseline.clusters.bytes()) / std::max<std::size_t>(1, principals + users),
      flags.out);
  return failures->empty() && setup->engine->ledger().failed() == 0 ? exit_ok : exit_input;
}

std::string date_of(Day day) { return format_time(day * day_ms).substr(0, 10); }

// What a principal does, by factor, the most usual first.
void print_norm(const Norm& norm, const Rarity& norms) {
  const auto text_of = [&](Factor factor) {
    std::string text;
    for (const Norm::Value& value : norm.values()) {
      if (value.factor == factor) text += (text.empty() ? "" : ", ") + norms.text_of(factor, value.print);
    }
    return printable(text);
  };
  const Day after = norms.day() + 1;
  fmt::print("{} of {}: active on {} of the last 64 days, first on {}, last on {}; {} bytes\n",
             text_of(Factor::user), text_of(Factor::account), norm.days.before(after),
             date_of(norm.first_day), date_of(norm.days.last), norm.bytes());
  constexpr Factor told[] = {Factor::api,        Factor::network, Factor::country, Factor::client,
                             Factor::credential, Factor::region,  Factor::error,   Factor::resource};
  for (const Factor factor : told) {
    const Variety variety = norm.variety(factor, Besides::later(after));
    if (variety.distinct == 0) continue;
    const std::int32_t bits = variety.new_bits();
    fmt::print("\n  {} ({} known; one that is new is {}.{} bits of evidence)\n", name_of(factor),
               variety.distinct, bits / 256, bits % 256 * 10 / 256);
    std::vector<const Norm::Value*> values;
    for (const Norm::Value& value : norm.values()) {
      if (value.factor == factor) values.push_back(&value);
    }
    std::ranges::stable_sort(values, [&](const Norm::Value* a, const Norm::Value* b) {
      return a->days().before(after) > b->days().before(after);
    });
    for (const Norm::Value* value : values) {
      fmt::print("    {:<10}  {:>2} days, last on {}  {}\n", name_of(value->days().frequency(after)),
                 value->days().before(after), date_of(value->last),
                 printable(norms.text_of(factor, value->print)));
    }
  }
  fmt::print("\n");
}

// `who`: a name, or an ARN, whose account and last part count.
int show(const std::string& file, const std::string& who) {
  const auto baseline = read_baseline(file);
  if (!baseline) return failed(baseline.error());
  std::string name = who, account;
  if (who.starts_with("arn:")) {
    name = who.substr(who.rfind('/') + 1);
    std::size_t colon = 0;
    for (int i = 0; i < 4 && colon != std::string::npos; ++i) colon = who.find(':', colon + (i > 0 ? 1 : 0));
    if (colon != std::string::npos) account = who.substr(colon + 1, who.find(':', colon + 1) - colon - 1);
  }
  std::size_t shown = 0;
  for (const Rarity* norms : {&baseline->calls, &baseline->clusters}) {
    for (const Norm* norm : norms->principals_with(Factor::user, Rarity::print(name))) {
      if (!account.empty() && norm->find(Factor::account, Rarity::print(account)) == nullptr) continue;
      print_norm(*norm, *norms);
      ++shown;
    }
  }
  if (shown == 0) return failed({ErrorKind::not_found, "nothing is known of " + printable(who), file});
  return exit_ok;
}

int merge(const std::vector<std::string>& files, const std::string& out) {
  Baseline all;
  for (const std::string& file : files) {
    const auto baseline = read_baseline(file);
    if (!baseline) return failed(baseline.error());
    all.merge(*baseline);
  }
  if (const auto written = write_baseline(out, all); !written) return failed(written.error());
  fmt::print("{} principals of AWS and {} users of clusters in {}\n", all.calls.principals(),
             all.clusters.principals(), out);
  return exit_ok;
}

}  // namespace

void add_learn(CLI::App& program, Run& run) {
  auto flags = std::make_shared<LearnFlags>();
  CLI::App* command =
      program.add_subcommand("learn", "Learn from an archive what is normal for its principals");
  command->add_option("PATH", flags->paths, "Files, folders or globs, as for scan")->required();
  command->add_option("--out", flags->out, "The file to write")->required();
  command->add_option("--baseline", flags->with, "Go on from what was learned before");
  command->add_option("--config", flags->config, "Configuration file (TOML)");
  command->add_option("--threads", flags->threads, "Threads; default one per core")
      ->check(CLI::Range(1, 1024));
  command->add_option("--assume-account", flags->assume_account,
                      "Account of logs whose records and keys name none");
  command->add_option("--assume-region", flags->assume_region,
                      "Region of logs whose records and keys name none");
  command->footer(
      "The last 64 days of an archive are kept. The file is for `picket scan --baseline` and\n"
      "`picket serve --baseline`.\n"
      "Examples:\n"
      "  picket learn ./AWSLogs/2026/07 ./AWSLogs/2026/08 --out normal.picket\n"
      "  picket scan ./AWSLogs/2026/09 --baseline normal.picket");
  command->callback([flags, &run] { run = [flags] { return run_learn(*flags); }; });
}

void add_baseline(CLI::App& program, Run& run) {
  CLI::App* command = program.add_subcommand("baseline", "What was learned to be normal");
  command->require_subcommand(1);
  struct Flags {
    std::string file, who, out;
    std::vector<std::string> files;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* showing = command->add_subcommand("show", "Tell what is normal for a principal");
  showing->add_option("PRINCIPAL", flags->who, "Its name or ARN, or a cluster's user")->required();
  showing->add_option("--baseline", flags->file, "The file `picket learn` wrote")->required();
  showing->footer("Example:\n  picket baseline show deploy-bot --baseline normal.picket");
  showing->callback([flags, &run] { run = [flags] { return show(flags->file, flags->who); }; });
  CLI::App* merging = command->add_subcommand("merge", "Put together what several machines learned");
  merging->add_option("FILE", flags->files, "Files that `picket learn` wrote")->required();
  merging->add_option("--out", flags->out, "The file to write")->required();
  merging->footer("Example:\n  picket baseline merge eu.picket us.picket --out all.picket");
  merging->callback([flags, &run] { run = [flags] { return merge(flags->files, flags->out); }; });
}

}  // namespace picket::cli
