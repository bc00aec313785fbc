#include "aws/credentials.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "config/config.h"

namespace picket::cli {

namespace {

struct CredentialFlags {
  std::string data_dir, profile, account, role = "member", region = "us-east-1";
};

int run_create(const CredentialFlags& flags) {
  const auto role = aws::parse_role(flags.role);
  const auto made =
      aws::create_credential(flags.data_dir, {flags.profile, flags.account, *role, flags.region});
  if (!made) {
    fmt::print(stderr, "picket: {}\n", made.error().message());
    return exit_usage;
  }
  fmt::print("profile {} for account {} ({}) added to {}/credentials\n", made->profile, made->account,
             aws::name_of(made->role), flags.data_dir);
  return exit_ok;
}

int run_list(const CredentialFlags& flags) {
  const auto all = aws::load_credentials(flags.data_dir);
  if (!all) {
    fmt::print(stderr, "picket: {}\n", all.error().message());
    return exit_usage;
  }
  fmt::print("{:<20} {:<22} {:<13} {}\n", "PROFILE", "ACCESS KEY", "ACCOUNT", "ROLE");
  for (const aws::Credential& credential : *all) {
    fmt::print("{:<20} {:<22} {:<13} {}{}\n", credential.profile, credential.access_key_id,
               credential.account, aws::name_of(credential.role),
               credential.administers_all ? " of every account" : "");
  }
  return exit_ok;
}

}  // namespace

void add_credentials(CLI::App& program, Run& run) {
  auto flags = std::make_shared<CredentialFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command = program.add_subcommand("credentials", "Access keys of picket's own API");
  command->require_subcommand(1);
  CLI::App* create = command->add_subcommand("create", "Add a profile; also while the server runs");
  create->add_option("--profile", flags->profile, "Name of the profile")->required();
  create->add_option("--account", flags->account, "Account it belongs to, 12 digits")->required();
  create->add_option("--role", flags->role, "administrator, member, read-only or responder")
      ->check(CLI::IsMember({"administrator", "member", "read-only", "responder"}));
  create->add_option("--region", flags->region, "Region its clients use when they name none");
  create->add_option("--data-dir", flags->data_dir, "Folder of `picket serve`");
  create->callback([flags, &run] { run = [flags] { return run_create(*flags); }; });
  CLI::App* list = command->add_subcommand("list", "List the profiles, without their secrets");
  list->add_option("--data-dir", flags->data_dir, "Folder of `picket serve`");
  list->callback([flags, &run] { run = [flags] { return run_list(*flags); }; });
}

void add_config(CLI::App& program, Run& run) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("config", "The configuration file");
  command->require_subcommand(1);
  CLI::App* check = command->add_subcommand("check", "Tell whether a configuration is valid");
  check->add_option("FILE", *path, "Configuration file (TOML)")->required();
  check->callback([path, &run] {
    run = [path] {
      const auto loaded = load_config(*path);
      if (!loaded) {
        fmt::print(stderr, "picket: {}\n", loaded.error().message());
        return exit_usage;
      }
      fmt::print("{} is valid\n", *path);
      return exit_ok;
    };
  });
}

}  // namespace picket::cli
