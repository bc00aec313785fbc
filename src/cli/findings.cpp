#include <fmt/format.h>
#include <simdjson.h>

#include <filesystem>
#include <map>
#include <set>

#include "cli/commands.h"
#include "cli/open_store.h"
#include "cli/table.h"
#include "finding/export.h"
#include "finding/severity.h"
#include "pipeline/records.h"
#include "store/sqlite_store.h"

namespace picket::cli {

namespace {

struct FindingsFlags {
  std::string data_dir, format = "table", account, region, criteria, min_severity;
  bool all = false;
};

Scope scope_of(const FindingsFlags& flags) {
  Scope scope;
  if (!flags.account.empty()) scope.accounts = std::vector<std::string>{flags.account};
  if (!flags.region.empty()) scope.region = flags.region;
  return scope;
}

// Findings or signals as a table, a JSON array or lines, as they come.
class Printer {
 public:
  explicit Printer(const std::string& format, std::string_view none = no_findings)
      : format_(format), none_(none) {
    if (format_ == "json") fmt::print("[");
  }
  void print(const Finding& finding) {
    if (format_ == "table") {
      lines_.push_back({finding.id, finding.type, finding.account, finding.region,
                        subject_in_document(finding.document), finding.severity, finding.count,
                        finding.created_at, finding.updated_at});
    } else {
      fmt::print("{}{}{}", format_ == "json" && !first_ ? ",\n" : "", exported_form(finding.document),
                 format_ == "jsonl" ? "\n" : "");
    }
    first_ = false;
  }
  int finish(const Result<void>& done) {
    if (!done) return failed(done.error(), exit_internal);
    if (format_ == "json") fmt::print("]\n");
    if (format_ == "table") print_table(stdout, std::move(lines_), wants_colour(stdout), none_);
    return exit_ok;
  }

 private:
  const std::string& format_;
  std::string_view none_;
  std::vector<FindingLine> lines_;
  bool first_ = true;
};

int run_findings(const FindingsFlags& flags) {
  auto store = open_store(flags.data_dir);
  if (!store) return failed(store.error());
  Criteria criteria;
  if (!flags.criteria.empty()) {
    auto parsed = parse_criteria(flags.criteria, CriteriaUse::filter);
    if (!parsed) return failed(parsed.error());
    criteria = std::move(*parsed);
  }
  const auto least = flags.min_severity.empty() ? std::nullopt : parse_severity(flags.min_severity);
  Printer printer(flags.format);
  return printer.finish((*store)->for_each(scope_of(flags), criteria, [&](const Finding& finding) {
    if (!flags.all && finding.archived != Archived::no) return true;
    if (least && severity_of(finding.severity) < *least) return true;
    printer.print(finding);
    return true;
  }));
}

// What the store knows of a finding's or signal's principal: the key that both of one identity share.
std::string principal_in(std::string_view document) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view principal;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS) return {};
  if (root.at_pointer("/resource/accessKeyDetails/principalId").get(principal) != simdjson::SUCCESS)
    return {};
  return std::string(principal);
}

std::string title_in(std::string_view document) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view title;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS) return {};
  return root["title"].get(title) == simdjson::SUCCESS ? printable(title) : std::string();
}

int run_signals(const FindingsFlags& flags) {
  auto store = open_store(flags.data_dir);
  if (!store) return failed(store.error());
  Printer printer(flags.format, "No signals.");
  return printer.finish((*store)->for_each_signal(scope_of(flags), [&](const Finding& signal) {
    printer.print(signal);
    return true;
  }));
}

// What the same principal tried and was refused within a day of the finding.
int print_refused_attempts(FindingStore& store, const Finding& finding) {
  const std::string principal = principal_in(finding.document);
  if (principal.empty()) return exit_ok;
  Scope scope;
  scope.accounts = std::vector<std::string>{finding.account};
  bool any = false;
  const auto done = store.for_each_signal(scope, [&](const Finding& signal) {
    if (signal.updated_at < finding.created_at - day_ms || signal.created_at > finding.updated_at + day_ms)
      return true;
    if (principal_in(signal.document) != principal) return true;
    if (!any) fmt::print("\nRefused attempts of the same principal, from a day before to a day after\n");
    any = true;
    fmt::print("  {}  {} times  {}: {}\n", format_time(signal.updated_at), signal.count, signal.type,
               title_in(signal.document));
    return true;
  });
  return done ? exit_ok : failed(done.error(), exit_internal);
}

void print_value(const simdjson::dom::element& value, int indent) {
  if (value.is_object() || value.is_array()) {
    fmt::print("\n");
    std::size_t index = 0;
    simdjson::dom::object object;
    simdjson::dom::array array;
    if (value.get(object) == simdjson::SUCCESS) {
      for (const auto field : object) {
        fmt::print("{:{}}{}: ", "", indent, printable(field.key));
        print_value(field.value, indent + 2);
      }
    } else if (value.get(array) == simdjson::SUCCESS) {
      for (const auto item : array) {
        fmt::print("{:{}}{}. ", "", indent, ++index);
        print_value(item, indent + 2);
      }
    }
    return;
  }
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    fmt::print("{}\n", printable(text));
  } else {
    fmt::print("{}\n", simdjson::minify(value));
  }
}

// Prints the raw records of a finding's proof out of the logs they lie in.
void print_records(const simdjson::dom::element& records, const std::string& logs) {
  std::map<std::string, std::set<std::uint64_t>> wanted;
  simdjson::dom::array list;
  if (records.get(list) != simdjson::SUCCESS) return;
  for (const auto item : list) {
    std::string_view object;
    std::uint64_t position = 0;
    if (item["object"].get(object) == simdjson::SUCCESS &&
        item["position"].get(position) == simdjson::SUCCESS) {
      wanted[std::string(object)].insert(position);
    }
  }
  for (const auto& [object, positions] : wanted) {
    const auto found = read_records(logs, object, positions);
    if (!found) {
      fmt::print("{}\n", printable(found.error().message()));
      continue;
    }
    for (const auto& [position, text] : *found)
      fmt::print("{} {}\n  {}\n", printable(object), position, printable(text));
  }
}

int run_explain(const std::string& data_dir, const std::string& id, const std::string& logs) {
  auto store = open_store(data_dir);
  if (!store) return failed(store.error());
  const auto found = finding_named(**store, id);
  if (!found) {
    const bool ours = found.error().kind != ErrorKind::invalid && found.error().kind != ErrorKind::not_found;
    return failed(found.error(), ours ? exit_internal : exit_usage);
  }
  const Finding& finding = *found;
  const std::string document = exported_form(finding.document);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(document).get(root) != simdjson::SUCCESS) {
    return failed({ErrorKind::internal, "the stored finding cannot be read", id, -1}, exit_internal);
  }
  const auto text = [&](const char* pointer) {
    std::string_view value;
    return root.at_pointer(pointer).get(value) == simdjson::SUCCESS ? printable(value) : std::string();
  };
  fmt::print("{}\n{}\n\n{}\n\n", text("/type"), text("/title"), text("/description"));
  fmt::print("severity {} ({}), seen {} times, {} to {}\n", finding.severity,
             name_of(severity_of(finding.severity)), finding.count, format_time(finding.created_at),
             format_time(finding.updated_at));
  fmt::print("account {}, Region {}, archived: {}\n", finding.account, finding.region,
             finding.archived == Archived::no ? "no" : "yes");
  simdjson::dom::element part;
  if (root.at_pointer("/service/additionalInfo/picket/why").get(part) == simdjson::SUCCESS) {
    fmt::print("\nWhy");
    print_value(part, 2);
  }
  if (root.at_pointer("/service/evidence").get(part) == simdjson::SUCCESS) {
    fmt::print("\nThreat intelligence");
    print_value(part, 2);
  }
  if (root.at_pointer("/service/additionalInfo/picket/records").get(part) == simdjson::SUCCESS) {
    fmt::print("\nRecords (object, position in it, the vendor's event id)");
    print_value(part, 2);
  }
  if (root.at_pointer("/service/action").get(part) == simdjson::SUCCESS) {
    fmt::print("\nAction");
    print_value(part, 2);
  }
  if (!logs.empty() &&
      root.at_pointer("/service/additionalInfo/picket/records").get(part) == simdjson::SUCCESS) {
    fmt::print("\nThe records themselves\n");
    print_records(part, logs);
  }
  return print_refused_attempts(**store, finding);
}

}  // namespace

void add_findings(CLI::App& program, Run& run) {
  auto flags = std::make_shared<FindingsFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command = program.add_subcommand("findings", "Show stored findings");
  command->add_option("--data-dir", flags->data_dir, "Folder of `picket serve` or `picket scan --save`");
  command->add_option("--format", flags->format, "table, json or jsonl")
      ->check(CLI::IsMember({"table", "json", "jsonl"}));
  command->add_option("--account", flags->account, "Only this account");
  command->add_option("--region", flags->region, "Only this Region");
  command->add_option("--criteria", flags->criteria,
                      "GuardDuty criteria as JSON: {\"criterion\":{\"severity\":{\"gte\":7}}}");
  command->add_option("--min-severity", flags->min_severity, "From this severity on")
      ->transform(CLI::IsMember({"low", "medium", "high", "critical"}, CLI::ignore_case));
  command->add_flag("--all", flags->all, "Archived ones too");
  command->footer("Example: picket findings --min-severity high --format jsonl | jq .title");
  command->callback([flags, &run] { run = [flags] { return run_findings(*flags); }; });
}

void add_signals(CLI::App& program, Run& run) {
  auto flags = std::make_shared<FindingsFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command =
      program.add_subcommand("signals", "Show refused attempts at what would have been a finding");
  command->add_option("--data-dir", flags->data_dir, "Folder of `picket serve` or `picket scan --save`");
  command->add_option("--format", flags->format, "table, json or jsonl")
      ->check(CLI::IsMember({"table", "json", "jsonl"}));
  command->add_option("--account", flags->account, "Only this account");
  command->add_option("--region", flags->region, "Only this Region");
  command->footer("Example: picket signals --data-dir ./case-17");
  command->callback([flags, &run] { run = [flags] { return run_signals(*flags); }; });
}

void add_explain(CLI::App& program, Run& run) {
  auto data_dir = std::make_shared<std::string>(default_data_dir());
  auto id = std::make_shared<std::string>();
  auto logs = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("explain", "Tell why a finding was raised, with its records");
  command
      ->add_option("FINDING", *id,
                   "Its id; its first eight digits are enough where no other finding has them")
      ->required();
  command->add_option("--data-dir", *data_dir, "Folder of `picket serve` or `picket scan --save`");
  command->add_option("--logs", *logs, "Folder that was scanned or watched: prints the raw records too");
  command->footer("Example: picket explain 0f3a… --data-dir ./case-17 --logs ./AWSLogs");
  command->callback([data_dir, id, logs, &run] {
    run = [data_dir, id, logs] { return run_explain(*data_dir, *id, *logs); };
  });
}

}  // namespace picket::cli
