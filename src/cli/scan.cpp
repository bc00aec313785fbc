#include "pipeline/scan.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>

#include "api/entity_page.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "config/config.h"
#include "detectors/catalog.h"
#include "finding/export.h"
#include "pipeline/baseline.h"
#include "pipeline/feeds.h"
#include "pipeline/finding_writer.h"
#include "pipeline/setup.h"
#include "store/sqlite_store.h"

namespace picket::cli {

namespace {

struct ScanFlags {
  std::vector<std::string> paths;
  std::string format = "table", from, to, account, config, assume_account, assume_region, stats, save,
              min_severity, fail_on, entities;
  std::vector<std::string> rules;
  unsigned threads = 0;
  std::string baseline, learn_until;
  bool strict = false, quiet = false, explain = false, retrospective = false;
};

using Findings = std::map<std::string, AggregatedFinding>;  // by id

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

std::uint64_t peak_rss_bytes() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<std::uint64_t>(use.ru_maxrss) * 1024;
}

void write_reasons(JsonWriter& json, std::string_view name,
                   const std::map<std::string, std::uint64_t>& reasons) {
  json.key(name);
  json.begin_object();
  for (const auto& [reason, count] : reasons) json.member(reason, count);
  json.end_object();
}

std::string stats_json(const Engine& engine, std::size_t findings, double seconds, unsigned threads) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("kinds");
  json.begin_object();
  for (const LogKind kind : log_kinds) {
    const KindTotals& totals = engine.ledger().kinds[static_cast<std::size_t>(kind)];
    json.key(name_of(kind));
    json.begin_object();
    json.member("objects", totals.objects);
    json.member("objects_failed", totals.objects_failed);
    json.member("bytes_in", totals.bytes_in);
    json.member("bytes_decoded", totals.bytes_decoded);
    json.member("records_read", totals.records_read);
    json.member("processed", totals.processed);
    json.member("filtered", totals.filtered);
    json.member("duplicate", totals.duplicate);
    json.member("quarantined", totals.quarantined);
    json.member("late", totals.late);
    write_reasons(json, "filter_reasons", totals.filter_reasons);
    write_reasons(json, "quarantine_reasons", totals.quarantine_reasons);
    if (kind == LogKind::vpcflow) {
      json.member("no_data", totals.no_data);
      json.member("skip_data", totals.skip_data);
    }
    json.end_object();
  }
  json.end_object();
  json.member("findings", findings);
  json.member("objects_skipped", engine.ledger().skipped);
  write_reasons(json, "skip_reasons", engine.ledger().skip_reasons);
  json.key("failures");
  json.begin_object();
  for (const auto& [object, why] : engine.ledger().failures) json.member(object, why);
  json.end_object();
  json.member("evicted", engine.evictions().total());
  json.key("state_bytes_per_entity");
  json.begin_object();
  for (const auto& [name, log] :
       {std::pair{"principal", LogKind::cloudtrail}, std::pair{"cluster_user", LogKind::k8saudit}}) {
    const Rarity& norms = engine.norms(log);
    if (norms.principals() > 0) json.member(name, norms.bytes() / norms.principals());
  }
  json.end_object();
  json.member("seconds", seconds);
  json.member("cpu_seconds", cpu_seconds());
  json.member("peak_rss_bytes", peak_rss_bytes());
  json.member("threads", threads);
  json.end_object();
  text += '\n';
  return text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "0"
                    : fmt::format("{:.0f}", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// The ledger, and what could not be judged because its log was not there.
void print_summary(const Engine& engine, const PathFailures& failures, double seconds) {
  const LedgerTotals& ledger = engine.ledger();
  fmt::print(stderr, "\n{:<11} {:>8} {:>12} {:>12} {:>9} {:>10} {:>11} {:>6}  {}\n", "LOG", "OBJECTS", "READ",
             "PROCESSED", "FILTERED", "DUPLICATE", "QUARANTINED", "LATE", "FROM - TO");
  std::uint64_t bytes = 0, records = 0;
  for (const LogKind kind : log_kinds) {
    const KindTotals& totals = ledger.kinds[static_cast<std::size_t>(kind)];
    bytes += totals.bytes_decoded;
    records += totals.records_read;
    if (totals.objects == 0) continue;
    const std::string span = totals.processed == 0 ? ""
                                                   : format_time(totals.first).substr(0, 16) + " - " +
                                                         format_time(totals.last).substr(0, 16);
    fmt::print(stderr, "{:<11} {:>8} {:>12} {:>12} {:>9} {:>10} {:>11} {:>6}  {}\n", name_of(kind),
               totals.objects, totals.records_read, totals.processed, totals.filtered, totals.duplicate,
               totals.quarantined, totals.late, span);
    for (const auto& [reason, count] : totals.filter_reasons)
      fmt::print(stderr, "  {} filtered: {}\n", count, reason);
    for (const auto& [reason, count] : totals.quarantine_reasons)
      fmt::print(stderr, "  {} quarantined: {}\n", count, reason);
    if (totals.skip_data > 0)
      fmt::print(stderr, "  {} SKIPDATA: AWS left out records of these intervals\n", totals.skip_data);
  }
  for (const auto& [reason, count] : ledger.skip_reasons)
    fmt::print(stderr, "{} objects skipped: {}\n", count, reason);
  for (const auto& [object, why] : ledger.failures)
    fmt::print(stderr, "FAILED {}: {}\n", printable(object), why);
  for (const auto& [path, why] : failures) fmt::print(stderr, "FAILED {}: {}\n", printable(path), why);
  if (const std::uint64_t evicted = engine.evictions().total(); evicted > 0) {
    fmt::print(stderr, "{} pieces of state were evicted to stay within memory budgets\n", evicted);
  }
  std::map<std::string_view, std::size_t> blind;
  for (const Detector* detector : engine.detectors()) {
    bool any = false;
    for (const Trigger& trigger : detector->when) {
      any |= ledger.kinds[static_cast<std::size_t>(trigger.log)].records_read > 0;
    }
    if (!any) blind[name_of(detector->when.front().log)] += detector->types.size();
  }
  for (const auto& [log, types] : blind) {
    fmt::print(stderr, "{} finding types could not be judged: no {} records were there\n", types, log);
  }
  fmt::print(stderr, "{} records, {:.1f} MB decoded in {:.2f} s\n", records, static_cast<double>(bytes) / 1e6,
             seconds);
}

// Per rule: how many records, how many findings, and why.
void print_rules(const rules::RuleSet& rules, const Engine& engine, const Findings& findings) {
  std::map<const rules::Rule*, std::vector<const AggregatedFinding*>> raised;
  for (const auto& [id, finding] : findings) {
    if (const rules::Rule* rule = rules.rule_of(finding.activity.latest.detector))
      raised[rule].push_back(&finding);
  }
  fmt::print(stderr, "\n{:>9} {:>9}  {}\n", "RECORDS", "FINDINGS", "RULE");
  for (std::size_t i = 0; i < rules.rules().size(); ++i) {
    const rules::Rule& rule = rules.rules()[i];
    if (rule.origin != Origin::rule) continue;
    const auto& found = raised[&rule];
    const std::string records = rule.correlation ? "-" : std::to_string(rules.matches(i));
    fmt::print(stderr, "{:>9} {:>9}  {} ({})\n", records, found.size(), printable(rule.title),
               printable(rule.origin_text));
    if (engine.ledger().kinds[static_cast<std::size_t>(rule.log)].records_read == 0) {
      fmt::print(stderr, "{:>21}no {} records were there\n", "", name_of(rule.log));
    } else if (!rule.raises) {
      fmt::print(stderr, "{:>21}raises nothing itself: correlations use it\n", "");
    } else if (found.empty()) {
      fmt::print(stderr, "{:>21}{}\n", "",
                 rule.correlation ? "no group reached its condition" : "no record matched");
    } else {
      const Activity& activity = found.front()->activity;
      std::string why;
      for (const auto& [name, value] : activity.latest.evidence)
        if (name != "rule") why += fmt::format("{}{}={}", why.empty() ? "" : ", ", name, value);
      fmt::print(stderr, "{:>21}{} {}: {}\n", "", format_time_seconds(activity.first.time), found.front()->id,
                 printable(why));
    }
  }
}

int usage_error(const std::string& what) {
  fmt::print(stderr, "picket: {}\n", what);
  return exit_usage;
}

// Every entity as /picket/v1/entity tells it, one a line, over all that is kept of it.
Result<void> write_entities(const Engine& engine, const std::string& path) {
  api::Backend backend;
  backend.entities = &engine.entities();
  backend.place = [&engine](const IpAddress& ip) { return engine.facts().place(ip); };
  std::ofstream file(path, std::ios::binary);
  for (const auto& found :
       engine.entities().find(std::nullopt, std::nullopt, "", std::numeric_limits<std::size_t>::max())) {
    constexpr std::int32_t all_days = 1 << 16;
    auto data = engine.entities().data({{found.account}}, found.kind, found.name, 0, all_days);
    if (!data) continue;
    api::EntityPage page;
    page.from = data->first - data->first % day_ms;
    page.to = data->last + 1;
    page.is_new = true;
    page.data = std::move(*data);
    std::string line;
    JsonWriter json(line);
    api::write_entity_page(json, page, backend);
    file << line << '\n';
  }
  if (!file.flush()) return fail(ErrorKind::io, "cannot write", path);
  return {};
}

// Where --save keeps findings.
struct SaveFolder {
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<FindingWriter> writer;

  // Epochs go on from those that are there.
  Result<void> open(const std::string& folder, Engine& engine, const Renderer& renderer) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    auto opened = open_sqlite_store(std::filesystem::path(folder) / "findings.db");
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
    const auto last = store->last_epoch();
    if (!last) return std::unexpected(last.error());
    engine.start_at(*last);
    writer = std::make_unique<FindingWriter>(*store, engine, renderer, wall_clock);
    return {};
  }
};

// From --min-severity on, in the order of their making.
std::vector<const AggregatedFinding*> shown_of(const Findings& findings, const ScanFlags& flags) {
  std::vector<const AggregatedFinding*> shown;
  const auto least = flags.min_severity.empty() ? std::nullopt : parse_severity(flags.min_severity);
  for (const auto& [id, finding] : findings) {
    if (!least || severity_of(finding.activity.severity) >= *least) shown.push_back(&finding);
  }
  std::sort(shown.begin(), shown.end(), [](const AggregatedFinding* a, const AggregatedFinding* b) {
    return std::pair(a->created(), a->id) < std::pair(b->created(), b->id);
  });
  return shown;
}

void print_findings(const ScanFlags& flags, const Engine& engine, const Renderer& renderer,
                    const std::vector<const AggregatedFinding*>& shown) {
  if (flags.format == "table") {
    std::vector<FindingLine> lines;
    for (const AggregatedFinding* finding : shown) {
      const Detection& latest = finding->activity.latest;
      lines.push_back({finding->id, std::string(engine.detectors()[latest.detector]->types[latest.type].name),
                       latest.subject.account, latest.subject.region,
                       subject_in_document(renderer.document(*finding, DocumentForm::exported)),
                       finding->activity.severity, static_cast<std::int64_t>(finding->count()),
                       finding->activity.first.time, finding->activity.last.time});
    }
    print_table(stdout, std::move(lines), wants_colour(stdout));
  } else {
    const auto put = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); };
    if (flags.format == "json") put("[");
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (flags.format == "json" && i > 0) put(",\n");
      put(renderer.document(*shown[i], DocumentForm::exported));
      if (flags.format == "jsonl") put("\n");
    }
    if (flags.format == "json") put("]\n");
  }
}

// The configuration, with what the flags say.
Result<Config> config_of(const ScanFlags& flags) {
  auto config = config_or_default(flags.config);
  if (!config) return config;
  if (flags.entities.empty()) config->entity_bytes_max = 0;
  config->rules.insert(config->rules.end(), flags.rules.begin(), flags.rules.end());
  if (flags.explain && config->rules.empty() && config->rules_dry_run.empty())
    return fail(ErrorKind::invalid,
                "--explain tells of rules: name them with --rules or in the configuration");
  return config;
}

// What is normal, before anything is judged: from a file, or from the logs themselves, read once to learn.
// The code to exit with when that fails.
std::optional<int> teach(const ScanFlags& flags, Config config, const RecordFilter& filter,
                         const ScanSettings& settings, Workers& workers, Engine& engine) {
  if (!flags.baseline.empty()) {
    const auto baseline = read_baseline(flags.baseline);
    if (!baseline) return usage_error("--baseline: " + baseline.error().message());
    start_from(engine, *baseline);
  }
  if (flags.retrospective) {
    config.entity_bytes_max = 0;
    auto learning = make_setup(config, feeds_folder(default_data_dir()), flags.threads, filter);
    if (!learning) return usage_error(learning.error().message());
    const auto nobody = [](std::uint64_t, const EpochResult&) -> Result<void> { return {}; };
    if (const auto read = scan(settings, *learning->engine, workers, nobody, [](const ScanProgress&) {});
        !read)
      return failed(read.error(), exit_input);
    start_from(engine, baseline_of(*learning->engine));
    engine.judge_in_retrospect();
  }
  std::optional<TimeMs> learn_until;
  if (const auto wrong = time_flag(flags.learn_until, learn_until))
    return usage_error("--learn-until: " + *wrong);
  if (learn_until) engine.learn_until(*learn_until);
  return std::nullopt;
}

// How far a scan is, on a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted) : shown_(wanted && isatty(STDERR_FILENO) != 0) {}
  void tell(const ScanProgress& state) const {
    if (!shown_) return;
    fmt::print(stderr, "\r\x1b[K{}% of {:.1f} MB, {} of {} objects", percent(state.bytes_done, state.bytes),
               static_cast<double>(state.bytes) / 1e6, state.objects_done, state.objects);
  }
  void clear() const {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  const bool shown_;
};

int exit_code_of(const ScanFlags& flags, const Engine& engine, bool read_all, const Findings& findings) {
  const auto is_grave = [&](const auto& item) {
    return severity_of(item.second.activity.severity) >= *parse_severity(flags.fail_on);
  };
  const bool reached = !flags.fail_on.empty() && std::ranges::any_of(findings, is_grave);
  if (!read_all || engine.ledger().failed() > 0) return exit_input;
  if (flags.strict && engine.ledger().quarantined() > 0) return exit_input;
  return reached ? exit_found : exit_ok;
}

int run_scan(const ScanFlags& flags) {
  take_large_pages();
  const auto begin = std::chrono::steady_clock::now();
  const auto config = config_of(flags);
  if (!config) return usage_error(config.error().message());
  RecordFilter filter;
  filter.account = flags.account;
  if (const auto wrong = time_flag(flags.from, filter.from)) return usage_error("--from: " + *wrong);
  if (const auto wrong = time_flag(flags.to, filter.to)) return usage_error("--to: " + *wrong);
  auto setup = make_setup(*config, feeds_folder(default_data_dir()), flags.threads, filter);
  if (!setup) return usage_error(setup.error().message());
  for (const std::string& note : setup->notes) fmt::print(stderr, "{}\n", note);
  Engine& engine = *setup->engine;
  const unsigned threads = flags.threads != 0     ? flags.threads
                           : config->threads != 0 ? config->threads
                                                  : default_threads();
  const Renderer renderer(engine, setup->geo);
  ScanSettings settings;
  settings.paths = flags.paths;
  settings.source.account = flags.assume_account;
  settings.source.region = flags.assume_region;
  Workers workers(threads);
  if (const auto failure = teach(flags, *config, filter, settings, workers, engine)) return *failure;

  SaveFolder saved;
  if (!flags.save.empty()) {
    if (const auto opened = saved.open(flags.save, engine, renderer); !opened)
      return usage_error("--save: " + opened.error().message());
  }
  Findings findings;
  const EpochSink sink = [&](std::uint64_t epoch, EpochResult& result) -> Result<void> {
    if (saved.writer) {
      if (auto written = saved.writer->write(epoch, result); !written) return written;
    }
    for (const std::string& id : result.retracted) findings.erase(id);
    for (AggregatedFinding& finding : result.updated)
      findings.insert_or_assign(finding.id, std::move(finding));
    return {};
  };
  const ProgressBar bar(!flags.quiet);
  const auto failures =
      scan(settings, engine, workers, sink, [&](const ScanProgress& state) { bar.tell(state); });
  bar.clear();
  if (!failures) return failed(failures.error(), exit_input);

  print_findings(flags, engine, renderer, shown_of(findings, flags));
  std::fflush(stdout);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!flags.quiet) print_summary(engine, *failures, seconds);
  if (flags.explain) print_rules(*setup->rules, engine, findings);
  if (saved.writer && saved.writer->rejected() > 0) {
    fmt::print(stderr, "{} findings were refused by the store, the first: {}\n", saved.writer->rejected(),
               saved.writer->first_rejection());
  }
  if (!flags.stats.empty()) {
    std::ofstream file(flags.stats, std::ios::binary);
    file << stats_json(engine, findings.size(), seconds, threads);
    if (!file.flush()) return usage_error("--stats: cannot write " + flags.stats);
  }
  if (!flags.entities.empty()) {
    if (const auto written = write_entities(engine, flags.entities); !written)
      return usage_error("--entities: " + written.error().message());
  }
  return exit_code_of(flags, engine, failures->empty(), findings);
}

}  // namespace

void add_scan(CLI::App& program, Run& run) {
  auto flags = std::make_shared<ScanFlags>();
  CLI::App* command = program.add_subcommand("scan", "Look back over an archive of logs");
  command->add_option("PATH", flags->paths, "Files, folders or globs; .gz, .zst, plain and .parquet")
      ->required();
  command
      ->add_option("--format", flags->format,
                   "table, json (one array) or jsonl (one GuardDuty finding a line)")
      ->check(CLI::IsMember({"table", "json", "jsonl"}));
  command->add_option("--from", flags->from,
                      "Only records from this time on (2026-09-14 or 2026-09-14T10:00:00Z)");
  command->add_option("--to", flags->to, "Only records before this time");
  command->add_option("--account", flags->account, "Only records of this account");
  command->add_option("--config", flags->config, "Configuration file (TOML)");
  command->add_option("--baseline", flags->baseline, "What is normal, from `picket learn`");
  auto* until = command->add_option(
      "--learn-until", flags->learn_until,
      "What is before this time only tells what is normal; by default the first 14 days of each account do");
  command
      ->add_flag(
          "--retrospective", flags->retrospective,
          "Judge each week by all others, so that who is there from the first day on is no part of what "
          "is normal; reads everything twice and learns from its last 64 days")
      ->excludes(until);
  command->add_option("--rules", flags->rules, "Sigma rules of your own: files or folders");
  command->add_flag("--explain", flags->explain,
                    "Tell of each rule how many records and findings, and why (to standard error)");
  command->add_option("--threads", flags->threads, "Threads; default one per core")
      ->check(CLI::Range(1, 1024));
  command->add_option("--assume-account", flags->assume_account,
                      "Account of logs whose records and keys name none");
  command->add_option("--assume-region", flags->assume_region,
                      "Region of logs whose records and keys name none");
  command->add_option("--stats", flags->stats, "Write the ledger and timings to this file as JSON");
  command->add_option("--entities", flags->entities,
                      "Write what was seen of each principal, address, domain, instance, … to this file, one "
                      "JSON object a line");
  command->add_option("--save", flags->save,
                      "Keep the findings in this folder, for `picket findings` and `picket serve`");
  command->add_option("--min-severity", flags->min_severity, "Show findings from this severity on")
      ->transform(CLI::IsMember({"low", "medium", "high", "critical"}, CLI::ignore_case));
  command->add_option("--fail-on", flags->fail_on, "Exit with 1 when a finding reaches this severity")
      ->transform(CLI::IsMember({"low", "medium", "high", "critical"}, CLI::ignore_case));
  command->add_flag("--strict", flags->strict, "Exit with 3 when a record had to be quarantined");
  command->add_flag("--quiet", flags->quiet, "No progress and no summary");
  command->footer(
      "Findings go to standard output, progress and the ledger to standard error.\n"
      "Exit: 0 all read; 1 --fail-on reached; 2 wrong usage; 3 an object could not be read.\n"
      "Examples:\n"
      "  picket scan ./AWSLogs\n"
      "  picket scan trail.json.gz --format jsonl | jq -r .type\n"
      "  picket scan ./AWSLogs --rules ./sigma --explain\n"
      "  picket scan ./AWSLogs/2026/09 --baseline normal.picket\n"
      "  picket scan ./AWSLogs --from 2026-09-14 --min-severity high --save ./case-17");
  command->callback([flags, &run] { run = [flags] { return run_scan(*flags); }; });
}

}  // namespace picket::cli
