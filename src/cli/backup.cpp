#include "pipeline/backup.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/table.h"

namespace picket::cli {

namespace {

int told(const Result<BackupReport>& report, std::string_view what, const std::string& where) {
  if (!report)
    return failed(report.error(), report.error().kind == ErrorKind::io ? exit_internal : exit_usage);
  fmt::print("{} {}: {} files, {:.1f} MB, of {} by picket {}\n", what, printable(where), report->files,
             static_cast<double>(report->bytes) / 1e6, report->time, report->version);
  return exit_ok;
}

}  // namespace

void add_backup(CLI::App& program, Run& run) {
  struct Flags {
    std::string data_dir = default_data_dir(), folder;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* backup =
      program.add_subcommand("backup", "Copy a data directory, also while a server runs on it");
  backup->add_option("FOLDER", flags->folder, "The backup: a new folder")->required();
  backup->add_option("--data-dir", flags->data_dir, "The server's data directory");
  backup->footer(
      "The backup holds keys and findings: keep it as safe as the data directory.\n"
      "Example: picket backup /backup/picket-$(date +%F) --data-dir ./picket-data");
  backup->callback([flags, &run] {
    run = [flags] {
      return told(make_backup(flags->data_dir, flags->folder, PICKET_VERSION), "backup in", flags->folder);
    };
  });

  auto check = std::make_shared<bool>(false);
  CLI::App* restore = program.add_subcommand("restore", "Bring a backup back as a new data directory");
  restore->add_option("FOLDER", flags->folder, "The backup")->required();
  restore->add_option("--data-dir", flags->data_dir, "Where to: must be empty or not exist");
  restore->add_flag("--check", *check, "Only verify the backup");
  restore->footer(
      "Every file is verified by its hash; a backup of a newer picket is refused.\n"
      "Example: picket restore /backup/picket-2026-11-30 --data-dir ./picket-data");
  restore->callback([flags, check, &run] {
    run = [flags, check] {
      if (*check) return told(check_backup(flags->folder, PICKET_VERSION), "good backup", flags->folder);
      return told(restore_backup(flags->folder, flags->data_dir, PICKET_VERSION), "restored into",
                  flags->data_dir);
    };
  });
}

}  // namespace picket::cli
