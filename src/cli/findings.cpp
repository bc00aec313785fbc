#include <fmt/format.h>
#include <simdjson.h>

#include <functional>
#include <map>
#include <set>

#include "cli/bucket.h"
#include "cli/commands.h"
#include "cli/open_store.h"
#include "cli/pushed.h"
#include "cli/table.h"
#include "config/config.h"
#include "finding/export.h"
#include "finding/severity.h"
#include "pipeline/records.h"
#include "source/s3_source.h"

namespace picket::cli {

namespace {

struct FindingsFlags {
  std::string data_dir, format = "table", account, region, criteria, min_severity;
  bool all = false;
};

struct ExplainFlags {
  std::string data_dir = default_data_dir(), id, logs, config, region;
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
    // The API ignores members that it does not know, as AWS's does.
    if (criteria.conditions.empty() && flags.criteria.find(':') != std::string::npos)
      return failed({ErrorKind::invalid,
                     R"(no condition in it; as in {"criterion":{"severity":{"gte":7}}}, in lower case)",
                     flags.criteria, -1},
                    exit_usage);
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

using RecordsByPosition = std::map<std::uint64_t, std::string>;
using ReadRecords =
    std::function<Result<RecordsByPosition>(const std::string& object, const std::set<std::uint64_t>&)>;

// What was pushed to the server and is still there.
class PushedRecords {
 public:
  explicit PushedRecords(const std::string& data_dir)
      : unread_(inbox_folder(data_dir), 0), read_(pushed_folder(data_dir), 0) {
    unread_.recover();
    read_.recover();
  }
  bool empty() const { return unread_.empty() && read_.empty(); }
  Result<RecordsByPosition> operator()(const std::string& object,
                                       const std::set<std::uint64_t>& positions) const {
    auto found = unread_.find(object);
    if (!found) found = read_.find(object);
    if (!found) return fail(ErrorKind::not_found, "no batch of this name is kept", object);
    return read_records(*found, positions);
  }

 private:
  PushedArchive unread_, read_;
};

// Of a folder or file, or of "s3://BUCKET" and anything behind it: keys are the bucket's.
Result<ReadRecords> reader_of(const ExplainFlags& flags) {
  const auto place = parse_bucket_url(flags.logs);
  if (!place)
    return [&flags](const std::string& object, const std::set<std::uint64_t>& positions) {
      return read_records(flags.logs, object, positions);
    };
  const auto config = config_or_default(flags.config);
  if (!config) return std::unexpected(config.error());
  auto archive = archive_of(*config, source_of_bucket(*config, place->first, flags.region));
  if (!archive) return std::unexpected(archive.error());
  return
      [bucket = place->first, archive = std::move(*archive)](
          const std::string& object, const std::set<std::uint64_t>& positions) -> Result<RecordsByPosition> {
        const auto open = [&]() -> Result<std::unique_ptr<ByteSource>> {
          auto opened = archive->open(fmt::format("s3://{}/{}", bucket, object));
          if (!opened) return std::unexpected(opened.error());
          return std::move(opened->bytes);
        };
        return read_records(open, {.key = object}, positions);
      };
}

// Prints the raw records of a finding's proof out of the logs they lie in.
void print_records(const simdjson::dom::element& records, const PushedRecords& pushed,
                   const ReadRecords& in_logs) {
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
    auto found = pushed(object, positions);
    if (!found && found.error().kind == ErrorKind::not_found && in_logs) found = in_logs(object, positions);
    if (!found) {
      fmt::print("{}\n", printable(found.error().message()));
      continue;
    }
    for (const auto& [position, text] : *found)
      fmt::print("{} {}\n  {}\n", printable(object), position, printable(text));
  }
}

int run_explain(const ExplainFlags& flags) {
  auto store = open_store(flags.data_dir);
  if (!store) return failed(store.error());
  const auto found = finding_named(**store, flags.id);
  if (!found) {
    const bool ours = found.error().kind != ErrorKind::invalid && found.error().kind != ErrorKind::not_found;
    return failed(found.error(), ours ? exit_internal : exit_usage);
  }
  const Finding& finding = *found;
  const std::string document = exported_form(finding.document);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(document).get(root) != simdjson::SUCCESS) {
    return failed({ErrorKind::internal, "the stored finding cannot be read", flags.id, -1}, exit_internal);
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
  const PushedRecords pushed(flags.data_dir);
  if ((!flags.logs.empty() || !pushed.empty()) &&
      root.at_pointer("/service/additionalInfo/picket/records").get(part) == simdjson::SUCCESS) {
    auto in_logs = flags.logs.empty() ? Result<ReadRecords>(ReadRecords{}) : reader_of(flags);
    if (!in_logs) return failed(in_logs.error());
    fmt::print("\nThe records themselves\n");
    print_records(part, pushed, *in_logs);
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
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* command = program.add_subcommand("explain", "Tell why a finding was raised, with its records");
  command
      ->add_option("FINDING", flags->id,
                   "Its id; its first eight digits are enough where no other finding has them")
      ->required();
  command->add_option("--data-dir", flags->data_dir, "Folder of `picket serve` or `picket scan --save`");
  command->add_option("--logs", flags->logs,
                      "Folder that was scanned or watched, or s3://BUCKET: prints the raw records too");
  command->add_option("--config", flags->config,
                      "Configuration, of which a source of the bucket tells credentials, role and endpoint; "
                      "without it the environment's AWS_ACCESS_KEY_ID and its companions count");
  command->add_option("--region", flags->region, "The bucket's Region");
  command->footer(
      "Examples:\n"
      "  picket explain 0f3a… --data-dir ./case-17 --logs ./AWSLogs\n"
      "  picket explain 0f3a… --data-dir ./picket-data --logs s3://example-trail-logs --config picket.toml");
  command->callback([flags, &run] { run = [flags] { return run_explain(*flags); }; });
}

}  // namespace picket::cli
