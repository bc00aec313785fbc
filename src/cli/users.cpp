#include "console/users.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>

#include "api/permissions.h"
#include "aws/credentials.h"
#include "cli/commands.h"
#include "config/config.h"

namespace picket::cli {

namespace {

struct UserFlags {
  std::string data_dir, config, name, profile = "default", role, password_file;

  Result<std::vector<aws::Credential>> keys() const {
    std::string master_key;
    if (!config.empty()) {
      const auto loaded = load_config(config);
      if (!loaded) return std::unexpected(loaded.error());
      master_key = loaded->master_key_file;
    }
    return aws::load_credentials(aws::KeyFiles(data_dir, master_key));
  }
};

// A line from the terminal that is not shown.
Result<std::string> ask(const char* prompt) {
  fmt::print(stderr, "{}", prompt);
  termios shown{};
  const bool terminal = ::tcgetattr(STDIN_FILENO, &shown) == 0;
  if (terminal) {
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fmt::print(stderr, "\n");
  }
  if (!read) return fail(ErrorKind::invalid, "no password was given", "standard input");
  return line;
}

// From the file, else asked for; the first line counts.
Result<std::string> new_password(const UserFlags& flags) {
  if (!flags.password_file.empty()) {
    std::ifstream file(flags.password_file, std::ios::binary);
    std::string line;
    if (!std::getline(file, line))
      return fail(ErrorKind::io, "cannot read the password", flags.password_file);
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }
  auto first = ask("Password: ");
  if (!first || ::isatty(STDIN_FILENO) == 0) return first;
  const auto again = ask("The same again: ");
  if (!again) return again;
  if (*first != *again) return fail(ErrorKind::invalid, "the two are not the same", "password");
  return first;
}

int run_create(const UserFlags& flags) {
  const auto keys = flags.keys();
  if (!keys) return failed(keys.error());
  const auto key = std::ranges::find(*keys, flags.profile, &aws::Credential::profile);
  if (key == keys->end())
    return failed({ErrorKind::not_found,
                   fmt::format("there is no profile '{}' to act through: picket credentials create makes one",
                               flags.profile),
                   flags.data_dir, -1});
  const aws::Role role = flags.role.empty() ? key->role : *aws::parse_role(flags.role);
  if (!api::no_wider(role, *key))
    return failed(
        {ErrorKind::invalid,
         fmt::format("{} would allow more than profile '{}' does", aws::name_of(role), flags.profile),
         "--role", -1});
  const auto password = new_password(flags);
  if (!password) return failed(password.error());
  const auto made = console::create_user(
      flags.data_dir, {.name = flags.name, .key = *key, .role = role, .password = *password});
  if (!made) return failed(made.error());
  fmt::print("user {} signs in as {} of account {} (profile {})\n", made->name, aws::name_of(role),
             key->account, key->profile);
  return exit_ok;
}

int run_list(const UserFlags& flags) {
  const auto users = console::load_users(flags.data_dir);
  if (!users) return failed(users.error());
  const auto keys = flags.keys();
  if (!keys) return failed(keys.error());
  fmt::print("{:<24} {:<23} {:<20} {:<13} {:<9} {}\n", "USER", "ROLE", "PROFILE", "ACCOUNT", "STATUS",
             "PASSWORD OF");
  for (const console::User& user : *users) {
    const auto key = std::ranges::find(*keys, user.access_key_id, &aws::Credential::access_key_id);
    const bool gone = key == keys->end();
    fmt::print("{:<24} {:<23} {:<20} {:<13} {:<9} {}\n", user.name, aws::name_of(user.role),
               gone ? "(gone)" : key->profile, gone ? "" : key->account, user.active ? "active" : "disabled",
               format_time_seconds(user.password_at));
  }
  return exit_ok;
}

int run_change(const UserFlags& flags, std::string_view what, const Result<void>& done) {
  if (!done) return failed(done.error());
  fmt::print("user {} {}\n", flags.name, what);
  return exit_ok;
}

int run_password(const UserFlags& flags) {
  const auto password = new_password(flags);
  if (!password) return failed(password.error());
  return run_change(flags, "has a new password; its sessions are over",
                    console::set_user_password(flags.data_dir, flags.name, *password));
}

}  // namespace

void add_users(CLI::App& program, Run& run) {
  auto flags = std::make_shared<UserFlags>();
  flags->data_dir = default_data_dir();
  CLI::App* command = program.add_subcommand("users", "Who may sign in to the console");
  command->require_subcommand(1);
  command->footer(
      "Example: picket users create --name alice --role read-only\n"
      "A user acts through a profile of `picket credentials` and may no more than it. All of these work "
      "while\n"
      "the server runs, which follows at once.");
  const auto add = [&](const char* name, const char* help, std::function<int(const UserFlags&)> act) {
    CLI::App* sub = command->add_subcommand(name, help);
    sub->add_option("--data-dir", flags->data_dir, "Folder of `picket serve`");
    sub->callback([flags, &run, act = std::move(act)] { run = [flags, act] { return act(*flags); }; });
    return sub;
  };
  const auto named = [&](CLI::App* sub) {
    sub->add_option("--name", flags->name, "Name of the user")->required();
    return sub;
  };
  const auto with_password = [&](CLI::App* sub) {
    sub->add_option("--password-file", flags->password_file,
                    "File whose first line is the password; without it, it is asked for");
    return sub;
  };
  const auto with_config = [&](CLI::App* sub) {
    sub->add_option("--config", flags->config, "Configuration that names the master key's file");
    return sub;
  };
  CLI::App* create = with_config(with_password(named(add("create", "Add a user", run_create))));
  create->add_option("--profile", flags->profile, "Profile it acts through; default: default");
  create
      ->add_option("--role", flags->role,
                   "administrator, delegated-administrator, member, read-only or responder; default: the "
                   "profile's")
      ->check(
          CLI::IsMember({"administrator", "delegated-administrator", "member", "read-only", "responder"}));
  with_config(add("list", "List the users", run_list));
  named(add("disable", "End a user's sessions and let it in no more", [](const UserFlags& given) {
    return run_change(given, "is disabled", console::set_user_active(given.data_dir, given.name, false));
  }));
  named(add("enable", "Let a disabled user in again", [](const UserFlags& given) {
    return run_change(given, "is active", console::set_user_active(given.data_dir, given.name, true));
  }));
  named(add("delete", "Remove a user", [](const UserFlags& given) {
    return run_change(given, "is gone", console::delete_user(given.data_dir, given.name));
  }));
  with_password(named(add("password", "Set a user's password", run_password)));
}

}  // namespace picket::cli
