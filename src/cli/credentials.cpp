#include "aws/credentials.h"

#include <fmt/format.h>

#include <functional>

#include "base/text_file.h"
#include "cli/commands.h"
#include "config/config.h"
#include "playbook/playbooks.h"
#include "respond/rules.h"

namespace picket::cli {

namespace {

struct CredentialFlags {
  std::string data_dir, config, profile, account, role = "member", region = "us-east-1", policy;
  bool clear = false;

  // The configuration tells where the master key is, if not in the data directory.
  Result<aws::KeyFiles> files() const {
    const auto loaded = config_or_default(config);
    if (!loaded) return std::unexpected(loaded.error());
    return aws::KeyFiles(data_dir, loaded->master_key_file);
  }
};

Result<std::optional<aws::Policy>> read_policy(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const auto text = read_text_file(path);
  if (!text) return std::unexpected(text.error());
  auto policy = aws::parse_policy(*text);
  if (!policy) return std::unexpected(policy.error());
  return std::move(*policy);
}

int run_create(const CredentialFlags& flags) {
  const auto files = flags.files();
  if (!files) return failed(files.error());
  auto policy = read_policy(flags.policy);
  if (!policy) return failed(policy.error());
  const auto role = aws::parse_role(flags.role);
  const auto made =
      aws::create_credential(*files, {flags.profile, flags.account, *role, flags.region, std::move(*policy)});
  if (!made) return failed(made.error());
  fmt::print("profile {} for account {} ({}) added to {}/credentials\n", made->profile, made->account,
             aws::name_of(made->role), flags.data_dir);
  return exit_ok;
}

int run_list(const CredentialFlags& flags) {
  const auto files = flags.files();
  if (!files) return failed(files.error());
  const auto all = aws::load_credentials(*files);
  if (!all) return failed(all.error());
  fmt::print("{:<20} {:<22} {:<13} {:<9} {:<20} {}\n", "PROFILE", "ACCESS KEY", "ACCOUNT", "STATUS",
             "CREATED", "ROLE");
  for (const aws::Credential& credential : *all) {
    fmt::print("{:<20} {:<22} {:<13} {:<9} {:<20} {}{}{}\n", credential.profile, credential.access_key_id,
               credential.account, credential.active ? "active" : "disabled",
               format_time_seconds(credential.created_at), aws::name_of(credential.role),
               credential.administers_all ? " of every account" : "",
               credential.policy ? ", with a policy" : "");
  }
  return exit_ok;
}

int run_change(const CredentialFlags& flags, std::string_view what,
               const std::function<Result<void>(const aws::KeyFiles&)>& change) {
  const auto files = flags.files();
  if (!files) return failed(files.error());
  if (const auto done = change(*files); !done) return failed(done.error());
  fmt::print("profile {} is {}\n", flags.profile, what);
  return exit_ok;
}

// Without --file and --clear it is shown.
int run_policy(const CredentialFlags& flags) {
  const auto files = flags.files();
  if (!files) return failed(files.error());
  if (!flags.policy.empty() || flags.clear) {
    auto policy = read_policy(flags.policy);
    if (!policy) return failed(policy.error());
    return run_change(flags, flags.clear ? "without a policy" : "under its policy",
                      [&](const auto& at) { return aws::set_credential_policy(at, flags.profile, *policy); });
  }
  const auto all = aws::load_credentials(*files);
  if (!all) return failed(all.error());
  for (const aws::Credential& credential : *all) {
    if (credential.profile != flags.profile) continue;
    fmt::print("{}\n", credential.policy ? aws::write_policy(*credential.policy) : "{}");
    return exit_ok;
  }
  return failed({ErrorKind::not_found, fmt::format("there is no profile '{}'", flags.profile), "", -1});
}

}  // namespace

void add_credentials(CLI::App& program, Run& run) {
  auto flags = std::make_shared<CredentialFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command = program.add_subcommand("credentials", "Access keys of picket's own API");
  command->require_subcommand(1);
  command->footer(
      "Example: picket credentials create --profile audit --account 444455556666 --role read-only\n"
      "All of them work while the server runs, which follows at once.");
  const auto add = [&](const char* name, const char* help, std::function<int(const CredentialFlags&)> act) {
    CLI::App* sub = command->add_subcommand(name, help);
    sub->add_option("--data-dir", flags->data_dir, "Folder of `picket serve`");
    sub->add_option("--config", flags->config, "Configuration that names the master key's file");
    sub->callback([flags, &run, act = std::move(act)] { run = [flags, act] { return act(*flags); }; });
    return sub;
  };
  const auto named = [&](CLI::App* sub) {
    sub->add_option("--profile", flags->profile, "Name of the profile")->required();
    return sub;
  };
  CLI::App* create = named(add("create", "Add a profile with a fresh key", run_create));
  create->add_option("--account", flags->account, "Account it belongs to, 12 digits")->required();
  create
      ->add_option("--role", flags->role,
                   "administrator, delegated-administrator, member, read-only or responder")
      ->check(
          CLI::IsMember({"administrator", "delegated-administrator", "member", "read-only", "responder"}));
  create->add_option("--region", flags->region, "Region its clients use when they name none");
  create->add_option("--policy", flags->policy, "File with a policy that adds to the role and denies (JSON)");
  add("list", "List the profiles, without their secrets", run_list);
  named(add("disable", "Refuse a profile's key, and its temporary credentials",
            [](const CredentialFlags& given) {
              return run_change(given, "disabled", [&](const auto& files) {
                return aws::set_credential_active(files, given.profile, false);
              });
            }));
  named(add("enable", "Accept a disabled profile's key again", [](const CredentialFlags& given) {
    return run_change(given, "active", [&](const auto& files) {
      return aws::set_credential_active(files, given.profile, true);
    });
  }));
  named(add("delete", "Remove a profile and its key", [](const CredentialFlags& given) {
    return run_change(given, "gone",
                      [&](const auto& files) { return aws::delete_credential(files, given.profile); });
  }));
  CLI::App* policy = named(add("policy", "Show, set or clear a profile's policy", run_policy));
  policy->add_option("--file", flags->policy, "File with the policy (JSON)");
  policy->add_flag("--clear", flags->clear, "Take the policy away")->excludes("--file");
}

void add_config(CLI::App& program, Run& run) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("config", "The configuration file");
  command->require_subcommand(1);
  CLI::App* check = command->add_subcommand("check", "Tell whether a configuration is valid");
  check->add_option("FILE,--config", *path, "Configuration file (TOML)")->required();
  check->callback([path, &run] {
    run = [path] {
      const auto loaded = load_config(*path);
      if (!loaded) return failed(loaded.error());
      if (const auto rules = respond::Rules::make(loaded->respond); !rules) return failed(rules.error());
      if (const auto playbooks = playbook::Playbooks::check(loaded->respond, loaded->aws_ranges); !playbooks)
        return failed(playbooks.error());
      fmt::print("{} is valid\n", *path);
      return exit_ok;
    };
  });
}

}  // namespace picket::cli
