#include "integrity/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/text_file.h"
#include "cli/bucket.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "pipeline/setup.h"
#include "source/s3_source.h"

namespace picket::cli {

namespace {

using namespace integrity;

struct VerifyFlags {
  std::vector<std::string> paths, keys;
  std::string from, to, format = "text", config, region;
  unsigned threads = 0;
};

constexpr std::size_t problems_shown = 20;  // of a chain; JSON has all

std::string counts_text(const LogCounts& logs) {
  std::string out;
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, what);
  };
  add(logs.valid, "valid");
  add(logs.modified, "modified");
  add(logs.appended, "with data appended");
  add(logs.missing, "missing");
  add(logs.unreadable, "unreadable");
  add(logs.unlisted, "that no digest names");
  add(logs.unproven, "unproven");
  add(logs.pending, "newer than the newest digest");
  return out.empty() ? "none" : out;
}

void print_problems(const std::vector<Problem>& problems) {
  for (std::size_t i = 0; i < std::min(problems.size(), problems_shown); ++i) {
    const Problem& problem = problems[i];
    fmt::print("  {:<8} {:<17} {}{}{}\n", is_fault(problem.kind) ? "FAULT" : "unproven",
               name_of(problem.kind), printable(problem.object), problem.object.empty() ? "" : ": ",
               printable(problem.detail));
  }
  if (problems.size() > problems_shown)
    fmt::print("  … and {} more; --format json has all\n", problems.size() - problems_shown);
}

void print_text(const VerifyReport& report) {
  for (const ChainReport& chain : report.chains) {
    fmt::print("Trail {} ({}), account {}, logs of {}{}\n", printable(chain.trail),
               printable(chain.home_region), chain.account, printable(chain.region),
               chain.backfill ? ", made afterwards" : "");
    if (chain.to != 0)
      fmt::print("  covers   {} to {}\n", format_time_seconds(chain.from), format_time_seconds(chain.to));
    fmt::print("  digests  {} valid, {} invalid, {} unproven, {} missing\n", chain.digests.valid,
               chain.digests.invalid, chain.digests.unproven, chain.digests.missing);
    fmt::print("  logs     {}\n", counts_text(chain.logs));
    print_problems(chain.problems);
    for (const std::string& note : chain.notes) fmt::print("  {}\n", note);
  }
  for (const VerifyReport::Uncovered& place : report.uncovered) {
    fmt::print("Log files of account {} in {} that no digest names\n  logs     {}\n", place.account,
               printable(place.region), counts_text(place.logs));
    print_problems(place.problems);
  }
  for (const auto& [path, why] : report.failures) fmt::print("{}: {}\n", printable(path), why);
  if (report.other_files > 0)
    fmt::print("{} other files are neither log files of CloudTrail nor digests.\n", report.other_files);
  switch (report.verdict()) {
    case Verdict::intact:
      fmt::print("INTACT: every log file is as CloudTrail delivered it, and none is missing.\n");
      break;
    case Verdict::unproven:
      fmt::print("UNPROVEN: {}.\n", report.chains.empty()
                                        ? "there are no digest files here"
                                        : "no fault was found, but not everything can be proven");
      break;
    case Verdict::broken:
      fmt::print("BROKEN: log files or digests were changed, added or removed.\n");
      break;
  }
}

void write_logs(JsonWriter& json, const LogCounts& logs) {
  json.key("logs");
  json.begin_object();
  json.member("valid", logs.valid);
  json.member("modified", logs.modified);
  json.member("appended", logs.appended);
  json.member("missing", logs.missing);
  json.member("unreadable", logs.unreadable);
  json.member("unlisted", logs.unlisted);
  json.member("unproven", logs.unproven);
  json.member("pending", logs.pending);
  json.end_object();
}

void write_problems(JsonWriter& json, const std::vector<Problem>& problems) {
  json.key("problems");
  json.begin_array();
  for (const Problem& problem : problems) {
    json.begin_object();
    json.member("kind", name_of(problem.kind));
    json.member("fault", is_fault(problem.kind));
    json.member("object", problem.object);
    json.member("detail", problem.detail);
    json.end_object();
  }
  json.end_array();
}

std::string json_of(const VerifyReport& report) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("verdict", name_of(report.verdict()));
  json.key("chains");
  json.begin_array();
  for (const ChainReport& chain : report.chains) {
    json.begin_object();
    json.member("account", chain.account);
    json.member("region", chain.region);
    json.member("trail", chain.trail);
    json.member("homeRegion", chain.home_region);
    json.member("backfill", chain.backfill);
    if (chain.to != 0) {
      json.member("from", format_time_seconds(chain.from));
      json.member("to", format_time_seconds(chain.to));
    }
    json.key("digests");
    json.begin_object();
    json.member("valid", chain.digests.valid);
    json.member("invalid", chain.digests.invalid);
    json.member("unproven", chain.digests.unproven);
    json.member("missing", chain.digests.missing);
    json.end_object();
    write_logs(json, chain.logs);
    write_problems(json, chain.problems);
    json.member("notes", chain.notes);
    json.end_object();
  }
  json.end_array();
  json.key("uncovered");
  json.begin_array();
  for (const VerifyReport::Uncovered& place : report.uncovered) {
    json.begin_object();
    json.member("account", place.account);
    json.member("region", place.region);
    write_logs(json, place.logs);
    write_problems(json, place.problems);
    json.end_object();
  }
  json.end_array();
  json.key("failures");
  json.begin_array();
  for (const auto& [path, why] : report.failures) {
    json.begin_object();
    json.member("path", path);
    json.member("why", why);
    json.end_object();
  }
  json.end_array();
  json.member("otherFiles", report.other_files);
  json.end_object();
  return out;
}

// The bucket's, as the configuration's source of the same bucket has it. Null: the paths are local.
Result<std::shared_ptr<const Archive>> archive_of(const VerifyFlags& flags) {
  const auto config = config_or_default(flags.config);
  if (!config) return std::unexpected(config.error());
  std::string bucket;
  for (const std::string& path : flags.paths) {
    const auto place = parse_bucket_url(path);
    if (place ? (&path != &flags.paths.front() && bucket != place->first) : !bucket.empty())
      return fail(ErrorKind::invalid, "a bucket is verified by itself", path);
    if (place) bucket = place->first;
  }
  if (bucket.empty()) return nullptr;
  return cli::archive_of(*config, source_of_bucket(*config, bucket, flags.region));
}

int run_verify(const VerifyFlags& flags) {
  const auto archive = archive_of(flags);
  if (!archive) return failed(archive.error());
  VerifySettings settings{
      .paths = flags.paths, .from = {}, .to = {}, .limits = {}, .archive = archive->get(), .known = nullptr};
  if (const auto wrong = time_flag(flags.from, settings.from))
    return failed({ErrorKind::invalid, *wrong, "--from", -1});
  if (const auto wrong = time_flag(flags.to, settings.to))
    return failed({ErrorKind::invalid, *wrong, "--to", -1});
  PublicKeys keys;
  for (const std::string& path : flags.keys) {
    const auto text = read_text_file(path);
    if (!text) return failed(text.error());
    if (const auto added = keys.add(*text, path); !added) return failed(added.error());
  }
  Workers workers(flags.threads != 0 ? flags.threads : default_threads());
  const VerifyReport report = verify_archive(settings, keys, workers);
  if (flags.format == "json") {
    fmt::print("{}\n", json_of(report));
  } else {
    print_text(report);
  }
  switch (report.verdict()) {
    case Verdict::intact:
      return exit_ok;
    case Verdict::unproven:
      return exit_input;
    case Verdict::broken:
      return exit_found;
  }
  return exit_internal;
}

}  // namespace

void add_verify(CLI::App& program, Run& run) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = program.add_subcommand(
      "verify", "Prove by CloudTrail's digest files that an archive is as it was delivered");
  command
      ->add_option("PATH", flags->paths,
                   "Files, folders or globs that hold log files and digests, or s3://BUCKET/PREFIX")
      ->required();
  command->add_option(
      "--keys", flags->keys,
      "CloudTrail's public keys: what `aws cloudtrail list-public-keys` prints, or PEM; without "
      "them hashes alone are checked, and nothing is proven");
  command->add_option("--config", flags->config,
                      "Configuration, of which a source of the bucket tells credentials, role and endpoint; "
                      "without it the environment's AWS_ACCESS_KEY_ID and its companions count");
  command->add_option("--region", flags->region, "The bucket's Region");
  command->add_option("--from", flags->from, "The time that must be proven begins here");
  command->add_option("--to", flags->to, "The time that must be proven ends here");
  command->add_option("--format", flags->format, "text or json")->check(CLI::IsMember({"text", "json"}));
  command->add_option("--threads", flags->threads, "Threads; default one per core")
      ->check(CLI::Range(1, 1024));
  command->footer(
      "Exit: 0 intact; 1 something was changed, added or removed; 2 wrong usage; 3 not everything can be "
      "proven.\n"
      "docs/verify.md tells what is checked and what nobody can know.\n"
      "Examples:\n"
      "  aws cloudtrail list-public-keys --start-time 2026-09-01 > keys.json\n"
      "  picket verify ./AWSLogs --keys keys.json\n"
      "  picket verify ./AWSLogs --keys keys.json --from 2026-09-14 --to 2026-09-15 --format json\n"
      "  picket verify s3://example-trail-logs/AWSLogs/ --keys keys.json --from 2026-09-14 --region "
      "eu-west-1");
  command->callback([flags, &run] { run = [flags] { return run_verify(*flags); }; });
}

}  // namespace picket::cli
