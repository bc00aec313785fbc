#include <fmt/format.h>

#include <filesystem>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "config/config.h"
#include "detectors/catalog.h"
#include "detectors/shared/listed_types.h"
#include "enrich/intel_config.h"
#include "pipeline/feeds.h"
#include "pipeline/setup.h"

namespace picket::cli {

namespace {

struct IntelFlags {
  std::string what, config, data_dir;
  bool all = false;
};

std::string age(TimeMs since, TimeMs now) {
  const TimeMs span = std::max<TimeMs>(0, now - since);
  if (span < 2 * hour_ms) return fmt::format("{} min", span / minute_ms);
  if (span < 2 * day_ms) return fmt::format("{} h", span / hour_ms);
  return fmt::format("{} days", span / day_ms);
}

std::string day(TimeMs time) { return format_time(time).substr(0, 10); }

std::filesystem::path folder_of(const IntelFlags& flags) { return feeds_folder(flags.data_dir); }

// ---- update

std::string_view word(FeedOutcome outcome) {
  switch (outcome) {
    case FeedOutcome::updated:
      return "updated";
    case FeedOutcome::unchanged:
      return "unchanged";
    case FeedOutcome::not_due:
      return "not due";
    case FeedOutcome::off:
      return "off";
    case FeedOutcome::failed:
      return "FAILED";
  }
  return "";
}

int run_update(const IntelFlags& flags) {
  const auto config = config_or_default(flags.config);
  if (!config) return failed(config.error());
  const auto feeds = feeds_of(*config);
  if (!feeds) return failed(feeds.error());
  const auto guard = net::AddressGuard::make(config->network.allow_hosts);
  if (!guard) return failed(guard.error());
  const net::HttpClient client(*guard, config->network.ca_file);
  const auto fetch = [&](const net::Request& request, const net::HttpLimits& limits) {
    return client.send(request, limits);
  };
  const auto reports = update_feeds(*feeds, folder_of(flags), fetch, wall_clock(), flags.all);
  if (!reports) return failed(reports.error());
  bool any_failed = false;
  for (const FeedReport& report : *reports) {
    any_failed |= report.outcome == FeedOutcome::failed;
    fmt::print("{:<10} {:<36} {:>8}  {}\n", word(report.outcome), report.name, report.entries,
               printable(report.detail));
  }
  if (any_failed) fmt::print(stderr, "feeds that failed keep their last good copy\n");
  return any_failed ? exit_input : exit_ok;
}

// ---- list

void print_list(std::string_view name, std::string_view category, std::size_t entries, std::string_view state,
                std::string_view origin) {
  fmt::print("{:<36} {:<16} {:>8}  {:<28} {}\n", name, category, entries, state, origin);
}

int run_list(const IntelFlags& flags) {
  const auto config = config_or_default(flags.config);
  if (!config) return failed(config.error());
  const auto feeds = feeds_of(*config);
  if (!feeds) return failed(feeds.error());
  const auto cache = FeedCache::open(folder_of(flags));
  if (!cache) return failed(cache.error());
  const TimeMs now = wall_clock();
  fmt::print("{:<36} {:<16} {:>8}  {:<28} {}\n", "LIST", "CATEGORY", "ENTRIES", "STATE", "ORIGIN, LICENCE");
  if (config->intel_builtin) {
    for (const BuiltinList& list : builtin_lists()) {
      IntelBuilder scratch;
      const auto report =
          add_intel_list({.name = std::string(list.name), .match = list.match}, list.content, scratch);
      print_list(list.name, to_string(list.category), report ? report->entries : 0,
                 fmt::format("built in, of {}", list.as_of), list.source);
    }
  }
  for (const IntelListKeys& keys : config->intel_lists) {
    IntelBuilder scratch;
    const auto report = load_intel_list({.name = keys.name, .path = keys.path}, scratch);
    print_list(keys.name,
               keys.kind == "trusted"  ? "trusted"
               : keys.category.empty() ? "custom"
                                       : keys.category,
               report ? report->entries : 0, report ? "of the configuration" : "CANNOT BE READ", keys.path);
  }
  for (const Feed& feed : *feeds) {
    const FeedCopy* copy = cache->find(feed.name);
    std::string state = "never fetched";
    if (copy != nullptr && !copy->sha256.empty()) {
      state = fmt::format("{} old{}", age(copy->fetched, now), is_old(feed, *copy, now) ? ", TOO OLD" : "");
      if (!copy->error.empty()) state += ", last try failed";
    } else if (copy != nullptr && !copy->error.empty()) {
      state += ", last try failed";
    }
    if (!feed.enabled) state = "off";
    print_list(feed.name, to_string(feed.category), copy != nullptr ? copy->entries : 0, state,
               feed.url + ", " + feed.licence);
    if (copy != nullptr && !copy->error.empty()) fmt::print("    {}\n", printable(copy->error));
  }
  return exit_ok;
}

// ---- lookup

void print_hit(const IntelHit& hit, TimeMs now) {
  const Indicator& indicator = *hit.indicator;
  fmt::print("{}  {}  {}{}\n", hit.entry, indicator.trusted ? "trusted" : to_string(indicator.category),
             indicator.list, indicator.threat.empty() ? "" : "  " + printable(indicator.threat));
  std::string about;
  const auto add = [&](const std::string& text) { about += (about.empty() ? "" : ", ") + text; };
  if (indicator.first_seen) add("since " + day(*indicator.first_seen));
  if (indicator.last_seen) add("last seen " + day(*indicator.last_seen));
  if (indicator.confidence) add(fmt::format("confidence {} of 100", *indicator.confidence));
  if (indicator.as_of)
    add(fmt::format("list of {}, {} old", day(*indicator.as_of), age(*indicator.as_of, now)));
  if (!indicator.source.empty()) add("from " + indicator.source);
  if (hit.shared) add("many strangers share this address: never more than medium");
  if (hit.scanner && indicator.category != IntelCategory::scanner)
    add("also a known scanner: never more than medium");
  if (!about.empty()) fmt::print("    {}\n", about);
  if (indicator.trusted) return;
  const auto types = detectors::types_raised_by(indicator.category, all_detectors());
  if (types.empty()) fmt::print("    raises nothing by itself\n");
  for (const std::string_view type : types) fmt::print("    raises {}\n", type);
}

int run_lookup(const IntelFlags& flags) {
  const auto config = config_or_default(flags.config);
  if (!config) return failed(config.error());
  const auto intel = load_intel(*config, folder_of(flags));
  if (!intel) return failed(intel.error());
  const IntelIndex& index = *intel->index;
  const auto ip = IpAddress::parse(flags.what);
  const bool hash = !ip && flags.what.size() == 64 && flags.what.find('.') == std::string::npos;
  if (!ip && !hash && !normalise_domain(flags.what))
    return failed({ErrorKind::invalid, "neither an address, a domain nor a SHA-256 hash", flags.what, -1});
  const auto trust = ip ? index.trusted_by(*ip) : index.trusted_by_domain(flags.what);
  const auto hits = hash            ? index.match_sha256(flags.what)
                    : trust.empty() ? (ip ? index.match(*ip) : index.match_domain(flags.what))
                    : ip            ? index.silenced(*ip)
                                    : index.silenced_domain(flags.what);
  const TimeMs now = wall_clock();
  for (const IntelHit& hit : trust) print_hit(hit, now);
  if (!trust.empty())
    fmt::print("trusted: nothing is raised for it{}\n", hits.empty() ? "" : "; without that trust:");
  for (const IntelHit& hit : hits) print_hit(hit, now);
  const auto described = ip ? index.described(*ip) : std::span<const IntelHit>{};
  for (const IntelHit& hit : described) print_hit(hit, now);
  if (hits.empty() && described.empty()) fmt::print("{} is in no threat list\n", flags.what);
  return exit_ok;
}

}  // namespace

void add_intel(CLI::App& program, Run& run) {
  auto flags = std::make_shared<IntelFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command = program.add_subcommand("intel", "Threat intelligence: lists and feeds");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*what)(const IntelFlags&)) {
    CLI::App* sub = command->add_subcommand(name, help);
    sub->add_option("--config", flags->config, "Configuration file with lists and feeds of your own");
    sub->add_option("--data-dir", flags->data_dir,
                    "Folder of `picket serve`; fetched feeds are kept below it");
    sub->callback([flags, what, &run] { run = [flags, what] { return what(*flags); }; });
    return sub;
  };
  CLI::App* update = add("update", "Fetch the feeds that are due", run_update);
  update->add_flag("--all", flags->all, "Also those fetched a short while ago");
  update->footer(
      "Feeds that need a key, or whose terms bar commercial use, are off: turn them on in the "
      "configuration.\n"
      "Exit: 0 all fetched or not due; 3 a feed failed (its last good copy stays).");
  add("list", "Show every list with its category, size and age", run_list);
  CLI::App* lookup = add(
      "lookup", "Tell which lists know an address, a domain or a hash, and what it would raise", run_lookup);
  lookup->add_option("WHAT", flags->what, "An IP address, a domain or a SHA-256 hash")->required();
  lookup->footer("Example: picket intel lookup 203.0.113.7");
}

}  // namespace picket::cli
