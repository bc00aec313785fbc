#include "pipeline/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "decode/inflate.h"
#include "event/raw_json.h"
#include "integrity/digest.h"
#include "pipeline/sources.h"
#include "source/file_source.h"

namespace picket::cli {

namespace {

using Element = simdjson::dom::element;

struct QuarantineFlags {
  std::string data_dir = default_data_dir(), format = "table", id;
  unsigned wait_seconds = 30;
  bool all = false;
};

std::string text_of(const Element& value, std::string_view member) {
  std::string_view text;
  return value[member].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::uint64_t number_of(const Element& value, std::string_view member) {
  std::uint64_t number = 0;
  return value[member].get(number) == simdjson::SUCCESS ? number : 0;
}

simdjson::dom::array array_of(const Element& value, std::string_view member) {
  simdjson::dom::array items;
  return value[member].get(items) == simdjson::SUCCESS ? items : simdjson::dom::array();
}

// "3 bad_json, 1 too_deep", or why the whole object failed.
std::string reasons_of(const Element& object) {
  std::string out =
      text_of(object, "state") == "failed" ? "failed: " + text_of(object, "reason") : std::string();
  simdjson::dom::object reasons;
  if (object["reasons"].get(reasons) == simdjson::SUCCESS)
    for (const auto& [reason, count] : reasons)
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get_uint64().value_unsafe(), reason);
  return out;
}

// What a running server wrote last.
struct Quarantined {
  JsonDocument document;
  std::optional<Element> find(std::uint64_t id) const {
    for (const Element object : array_of(*document.root(), "objects"))
      if (number_of(object, "id") == id) return object;
    return std::nullopt;
  }
};

Result<Quarantined> load(const std::string& data_dir) {
  const auto text = read_quarantine(data_dir);
  if (!text) return std::unexpected(text.error());
  Quarantined out{JsonDocument(*text)};
  if (!out.document.root())
    return fail(ErrorKind::invalid, "what the server wrote of its quarantine cannot be read", data_dir);
  return out;
}

bool server_runs(const std::string& data_dir) {
  const auto text = read_sources(data_dir);
  if (!text) return false;
  const JsonDocument document(*text);
  constexpr TimeMs written_every = 10 * second_ms;  // by a running server, at the least
  return document.root() &&
         wall_clock() - parse_time(text_of(*document.root(), "time")).value_or(0) < written_every;
}

int run_list(const QuarantineFlags& flags) {
  if (flags.format == "json") {
    const auto text = read_quarantine(flags.data_dir);
    if (!text) return failed(text.error());
    fmt::print("{}\n", *text);
    return exit_ok;
  }
  const auto held = load(flags.data_dir);
  if (!held) return failed(held.error());
  const Element& root = *held->document.root();
  const auto objects = array_of(root, "objects");
  if (objects.size() == 0) fmt::print("Nothing is set aside.\n");
  for (const Element object : objects) {
    fmt::print("{:>6}  {:<10} {:>8} of {} records  {}  ({})\n", number_of(object, "id"),
               text_of(object, "kind"), number_of(object, "recordsSetAside"),
               number_of(object, "recordsInObject"), printable(text_of(object, "object")),
               printable(text_of(object, "source")));
    fmt::print("        {}\n", printable(reasons_of(object)));
    if (!text_of(object, "lastRetry").empty())
      fmt::print("        not evaluated when it was retried: {}\n", printable(text_of(object, "lastRetry")));
  }
  if (number_of(root, "forgotten") > 0)
    fmt::print("{} older objects are not kept any more; their counts are in the ledger.\n",
               number_of(root, "forgotten"));
  return exit_ok;
}

// Bytes of the decoded text, as far as they can be read.
std::string bytes_at(const std::string& path, std::uint64_t file_offset, std::uint64_t offset,
                     std::size_t length) {
  auto raw = open_file(path, file_offset);
  if (!raw) return {};
  InflateWorkspace workspace;
  const DecodeLimits limits;
  InflatingSource text(**raw, limits, workspace);
  std::vector<char> buffer(64U << 10);
  std::string out;
  for (std::uint64_t at = 0; out.size() < length;) {
    const auto got = text.read(buffer);
    if (!got || *got == 0) break;
    if (at + *got > offset) {
      const std::size_t skip = at < offset ? static_cast<std::size_t>(offset - at) : 0;
      out.append(buffer.data() + skip, std::min(*got - skip, length - out.size()));
    }
    at += *got;
  }
  return out;
}

int run_show(const QuarantineFlags& flags, std::uint64_t id) {
  const auto held = load(flags.data_dir);
  if (!held) return failed(held.error());
  const auto object = held->find(id);
  if (!object) return failed({ErrorKind::not_found, "nothing is set aside under this number", flags.id, -1});
  const std::string path = text_of(*object, "path");
  fmt::print("object    {}\nsource    {}\npath      {}\n", printable(text_of(*object, "object")),
             printable(text_of(*object, "source")), printable(path));
  fmt::print("kind      {}, account {}, Region {}\n",
             text_of(*object, "kind").empty() ? "?" : text_of(*object, "kind"),
             text_of(*object, "account").empty() ? "-" : printable(text_of(*object, "account")),
             text_of(*object, "region").empty() ? "-" : printable(text_of(*object, "region")));
  fmt::print("set aside {} of {} records: {}\nretries   {}{}\n", number_of(*object, "recordsSetAside"),
             number_of(*object, "recordsInObject"), printable(reasons_of(*object)),
             number_of(*object, "retries"),
             text_of(*object, "lastRetry").empty()
                 ? ""
                 : "; the last evaluated nothing: " + printable(text_of(*object, "lastRetry")));
  constexpr std::size_t shown_max = 4096;
  const bool local = path.find("://") == std::string::npos;
  if (!local) fmt::print("The object lies in its bucket; its bytes are not shown here.\n");
  for (const Element record : array_of(*object, "records")) {
    fmt::print("\nrecord {}: {}, {} (bytes {} to {} of the text)\n", number_of(record, "position"),
               text_of(record, "reason"), printable(text_of(record, "detail")), number_of(record, "offset"),
               number_of(record, "offset") + number_of(record, "length"));
    if (!local) continue;
    const std::uint64_t length = number_of(record, "length");
    const std::string bytes = bytes_at(path, number_of(*object, "offset"), number_of(record, "offset"),
                                       static_cast<std::size_t>(std::min<std::uint64_t>(length, shown_max)));
    integrity::Sha256 hash;
    hash.add(bytes);
    fmt::print("  SHA-256 {}{}\n  {}{}\n", hash.hex(),
               length > shown_max ? fmt::format(" of the first {} bytes", shown_max) : "", printable(bytes),
               length > shown_max ? " …" : "");
  }
  return exit_ok;
}

int run_retry(const QuarantineFlags& flags, std::optional<std::uint64_t> id) {
  const auto before = load(flags.data_dir);
  if (!before) return failed(before.error());
  if (id && !before->find(*id))
    return failed({ErrorKind::not_found, "nothing is set aside under this number", flags.id, -1});
  std::map<std::uint64_t, std::uint64_t> retries;
  for (const Element object : array_of(*before->document.root(), "objects"))
    if (!id || number_of(object, "id") == *id)
      retries[number_of(object, "id")] = number_of(object, "retries");
  if (retries.empty()) {
    fmt::print("Nothing is set aside.\n");
    return exit_ok;
  }
  const auto request = request_retry(flags.data_dir, id);
  if (!request) return failed(request.error());
  if (!server_runs(flags.data_dir)) {
    fmt::print("The server does not run; it retries {} objects when it is started.\n", retries.size());
    return exit_ok;
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(flags.wait_seconds);
  std::size_t open = retries.size();
  auto now = load(flags.data_dir);
  while (std::chrono::steady_clock::now() < deadline) {
    now = load(flags.data_dir);
    if (!now) return failed(now.error());
    open = static_cast<std::size_t>(std::ranges::count_if(retries, [&](const auto& item) {
      const auto object = now->find(item.first);
      return object && number_of(*object, "retries") == item.second;
    }));
    if (open == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  std::size_t cleared = 0, left = 0;
  for (const auto& [number, tries] : retries) {
    const auto object = now->find(number);
    if (!object) {
      ++cleared;
    } else if (number_of(*object, "retries") != tries) {
      ++left;
      fmt::print("{:>6}  {} records stay: {}\n", number, number_of(*object, "recordsSetAside"),
                 printable(text_of(*object, "lastRetry").empty() ? reasons_of(*object)
                                                                 : text_of(*object, "lastRetry")));
    }
  }
  fmt::print("{} cleared, {} still set aside, {} wait for their turn\n", cleared, left, open);
  return left + open == 0 ? exit_ok : exit_input;
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoull(text);
}

}  // namespace

void add_quarantine(CLI::App& program, Run& run) {
  auto flags = std::make_shared<QuarantineFlags>();
  CLI::App* command = program.add_subcommand("quarantine", "What a server set aside: list, show, retry");
  command->require_subcommand(1);
  CLI::App* list =
      command->add_subcommand("list", "Objects and records that were set aside, with their reasons");
  list->add_option("--format", flags->format, "table or json")->check(CLI::IsMember({"table", "json"}));
  CLI::App* show =
      command->add_subcommand("show", "One object, with the first records of it that were set aside");
  show->add_option("ID", flags->id, "Its number in the list")->required();
  CLI::App* retry = command->add_subcommand(
      "retry", "Reads what was set aside again, by the configuration that the server runs with now");
  CLI::Option* id = retry->add_option("ID", flags->id, "Its number in the list");
  retry->add_flag("--all", flags->all, "Everything")->excludes(id);
  retry->add_option("--wait", flags->wait_seconds, "How many seconds to wait for the outcome");
  for (CLI::App* sub : {list, show, retry})
    sub->add_option("--data-dir", flags->data_dir, "The server's data directory");
  command->footer(
      "Exit of retry: 0 everything is good now, 3 something stays set aside or waits.\n"
      "Examples:\n"
      "  picket quarantine list --data-dir ./picket-data\n"
      "  picket quarantine retry --all --data-dir ./picket-data");
  list->callback([flags, &run] { run = [flags] { return run_list(*flags); }; });
  const auto needs_number = [flags](auto then) {
    const auto id = number_in(flags->id);
    return id ? then(*id) : failed({ErrorKind::invalid, "this is no number of the list", flags->id, -1});
  };
  show->callback([flags, needs_number, &run] {
    run = [flags, needs_number] {
      return needs_number([&](std::uint64_t id) { return run_show(*flags, id); });
    };
  });
  retry->callback([flags, needs_number, &run] {
    run = [flags, needs_number] {
      if (flags->all) return run_retry(*flags, std::nullopt);
      if (flags->id.empty())
        return failed({ErrorKind::invalid, "give a number of the list, or --all", "retry", -1});
      return needs_number([&](std::uint64_t id) { return run_retry(*flags, id); });
    };
  });
}

}  // namespace picket::cli
