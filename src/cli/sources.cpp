#include "pipeline/sources.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "event/raw_json.h"

namespace picket::cli {

namespace {

using Element = simdjson::dom::element;

std::string_view text_of(const Element& source, std::string_view pointer) {
  std::string_view text;
  return source.at_pointer(pointer).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

double number_of(const Element& source, std::string_view pointer) {
  double number = 0;
  return source.at_pointer(pointer).get(number) == simdjson::SUCCESS ? number : 0;
}

std::string duration_text(double ms) {
  if (ms < 1) return "-";
  if (ms < minute_ms) return fmt::format("{:.0f} s", ms / second_ms);
  if (ms < hour_ms) return fmt::format("{:.0f} min", ms / minute_ms);
  return ms < 2 * day_ms ? fmt::format("{:.0f} h", ms / hour_ms) : fmt::format("{:.0f} d", ms / day_ms);
}

void print_source(const Element& source) {
  const auto count = [&](std::string_view pointer) { return number_of(source, pointer); };
  fmt::print("{:<9} {}  ({})\n", text_of(source, "/state"), printable(text_of(source, "/name")),
             printable(text_of(source, "/place")));
  fmt::print("          {:.0f} objects wait, lag {}; {:.0f} records/s, {:.2f} MB/s; newest event {}\n",
             count("/waiting"), duration_text(count("/lagMs")), count("/recordsPerSecond"),
             count("/bytesPerSecond") / 1e6,
             text_of(source, "/newestEvent").empty() ? "-" : text_of(source, "/newestEvent"));
  fmt::print(
      "          {:.0f} objects, {:.0f} failed, {:.0f} no logs; {:.0f} records read = {:.0f} processed + "
      "{:.0f} "
      "filtered + {:.0f} duplicate + {:.0f} quarantined; {:.0f} late\n",
      count("/ledger/objects"), count("/ledger/objectsFailed"),
      count("/ledger/objectsSkipped") + count("/bucket/notLogs"), count("/ledger/recordsRead"),
      count("/ledger/processed"), count("/ledger/filtered"), count("/ledger/duplicate"),
      count("/ledger/quarantined"), count("/ledger/late"));
  Element bucket;
  if (source["bucket"].get(bucket) == simdjson::SUCCESS)
    fmt::print(
        "          {:.0f} announced, {:.0f} of them again, {:.0f} found unannounced; {:.0f} fetched, {:.0f} "
        "gone, "
        "{:.0f} retries; {:.0f} messages open, {:.0f} foreign\n",
        count("/bucket/announced"), count("/bucket/repeated"), count("/bucket/unannounced"),
        count("/bucket/fetched"), count("/bucket/gone"), count("/bucket/retries"),
        count("/bucket/openMessages"), count("/bucket/foreignMessages"));
  Element pushed;
  if (source["pushed"].get(pushed) == simdjson::SUCCESS)
    fmt::print(
        "          {:.0f} batches of {:.0f} records since the start, {:.0f} repeated, {:.0f} refused, {:.0f} "
        "put off; "
        "{:.2f} MB held; {:.0f} behind, {:.0f} lost\n",
        count("/pushed/batches"), count("/pushed/records"), count("/pushed/repeated"),
        count("/pushed/refused"), count("/pushed/putOff"), count("/pushed/bytesHeld") / 1e6,
        count("/pushed/behind"), count("/pushed/lost"));
  if (!text_of(source, "/lastError").empty())
    fmt::print("          last error, at {}: {}\n", text_of(source, "/lastErrorTime"),
               printable(text_of(source, "/lastError")));
}

int run_sources(const std::string& data_dir, const std::string& format) {
  const auto text = read_sources(data_dir);
  if (!text) return failed(text.error());
  if (format == "json") {
    fmt::print("{}\n", *text);
    return exit_ok;
  }
  const JsonDocument document(*text);
  const auto root = document.root();
  simdjson::dom::array sources;
  if (!root || (*root)["sources"].get(sources) != simdjson::SUCCESS)
    return failed({ErrorKind::invalid, "what the server wrote of its sources cannot be read", data_dir, -1});
  const std::string_view time = text_of(*root, "/time");
  constexpr TimeMs written_every = 10 * second_ms;  // by a running server, at the least
  if (wall_clock() - parse_time(time).value_or(0) > written_every)
    fmt::print("The server does not run; this is how it was at {}.\n", time);
  if (sources.size() == 0) fmt::print("No sources are configured.\n");
  for (const Element source : sources) print_source(source);
  return exit_ok;
}

}  // namespace

void add_sources(CLI::App& program, Run& run) {
  struct Flags {
    std::string data_dir = default_data_dir(), format = "table";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      program.add_subcommand("sources", "State, lag, rate and ledger of a running server's sources");
  command->add_option("--data-dir", flags->data_dir, "The server's data directory");
  command->add_option("--format", flags->format, "table or json")->check(CLI::IsMember({"table", "json"}));
  command->footer("Example: picket sources --data-dir ./picket-data");
  command->callback([flags, &run] { run = [flags] { return run_sources(flags->data_dir, flags->format); }; });
}

}  // namespace picket::cli
