#include "console/users.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>

#include "aws/private_file.h"
#include "base/clock.h"
#include "base/folder_lock.h"
#include "base/json_writer.h"
#include "base/whole_file.h"
#include "console/password.h"

namespace picket::console {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_name = ".users.lock";
constexpr std::size_t name_max = 64;

fs::path users_file(const fs::path& data_dir) { return data_dir / "users.json"; }

Result<void> check_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
  if (name.empty() || name.size() > name_max || name.find_first_not_of(allowed) != std::string_view::npos)
    return fail(
        ErrorKind::invalid,
        fmt::format("a user's name is made of at most {} letters, digits, '-', '_', '.' and '@'", name_max),
        std::string(name));
  return {};
}

// Throws simdjson_error where the object is not what write_users() makes.
User read_user(std::string_view name, const simdjson::dom::element& row) {
  const auto role = aws::parse_role(std::string_view(row["role"]));
  if (!role) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  return {.name = std::string(name),
          .access_key_id = std::string(std::string_view(row["key"])),
          .role = *role,
          .active = row["active"],
          .password_hash = std::string(std::string_view(row["password"])),
          .created_at = row["created_at"],
          .password_at = row["password_at"]};
}

Result<void> write_users(const fs::path& data_dir, const std::vector<User>& users) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const User& user : users) {
    json.key(user.name);
    json.begin_object();
    json.member("key", user.access_key_id);
    json.member("role", aws::name_of(user.role));
    json.member("active", user.active);
    json.member("password", user.password_hash);
    json.member("created_at", user.created_at);
    json.member("password_at", user.password_at);
    json.end_object();
  }
  json.end_object();
  return write_whole_file(users_file(data_dir), out + '\n');
}

// Reads the users, lets `change` alter them and writes them back, alone.
Result<void> change_users(const fs::path& data_dir,
                          const std::function<Result<void>(std::vector<User>&)>& change) {
  const auto lock = FolderLock::take(data_dir, lock_name);
  if (!lock) return std::unexpected(lock.error());
  auto users = load_users(data_dir);
  if (!users) return std::unexpected(users.error());
  if (auto done = change(*users); !done) return done;
  return write_users(data_dir, *users);
}

Result<void> change_user(const fs::path& data_dir, std::string_view name,
                         const std::function<void(std::vector<User>&, std::size_t)>& change) {
  return change_users(data_dir, [&](std::vector<User>& users) -> Result<void> {
    const auto found = std::ranges::find(users, name, &User::name);
    if (found == users.end())
      return fail(ErrorKind::not_found, fmt::format("there is no user '{}'", name),
                  users_file(data_dir).string());
    change(users, static_cast<std::size_t>(found - users.begin()));
    return {};
  });
}

}  // namespace

Result<std::vector<User>> load_users(const fs::path& data_dir) {
  const auto text = aws::read_private(users_file(data_dir));
  if (!text) return std::unexpected(text.error());
  std::vector<User> users;
  if (text->empty()) return users;
  try {
    simdjson::dom::parser parser;
    for (const auto& [name, row] : simdjson::dom::object(parser.parse(*text)))
      users.push_back(read_user(name, row));
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorKind::invalid, fmt::format("is not what picket writes there ({})", error.what()),
                users_file(data_dir).string());
  }
  std::ranges::sort(users, {}, &User::name);
  return users;
}

Result<User> create_user(const fs::path& data_dir, const NewUser& wanted, bool only_first) {
  if (auto ok = check_name(wanted.name); !ok) return std::unexpected(ok.error());
  if (auto ok = check_password(wanted.password, wanted.name); !ok) return std::unexpected(ok.error());
  auto hash = hash_password(wanted.password);
  if (!hash) return std::unexpected(hash.error());
  const TimeMs now = wall_clock();
  User made{.name = wanted.name,
            .access_key_id = wanted.key.access_key_id,
            .role = wanted.role,
            .password_hash = std::move(*hash),
            .created_at = now,
            .password_at = now};
  const auto added = change_users(data_dir, [&](std::vector<User>& users) -> Result<void> {
    if (only_first && !users.empty())
      return fail(ErrorKind::conflict, "there are users already", users_file(data_dir).string());
    if (std::ranges::find(users, wanted.name, &User::name) != users.end())
      return fail(ErrorKind::conflict, fmt::format("user '{}' exists already", wanted.name),
                  users_file(data_dir).string());
    users.push_back(made);
    return {};
  });
  if (!added) return std::unexpected(added.error());
  return made;
}

Result<void> set_user_active(const fs::path& data_dir, std::string_view name, bool active) {
  return change_user(data_dir, name, [&](auto& users, std::size_t at) { users[at].active = active; });
}

Result<void> set_user_password(const fs::path& data_dir, std::string_view name, std::string_view password) {
  if (auto ok = check_password(password, name); !ok) return ok;
  const auto hash = hash_password(password);
  if (!hash) return std::unexpected(hash.error());
  return change_user(data_dir, name, [&](auto& users, std::size_t at) {
    users[at].password_hash = *hash;
    users[at].password_at = std::max(wall_clock(), users[at].password_at + 1);
  });
}

Result<void> delete_user(const fs::path& data_dir, std::string_view name) {
  return change_user(data_dir, name, [](auto& users, std::size_t at) {
    users.erase(users.begin() + static_cast<std::ptrdiff_t>(at));
  });
}

void UserStore::refresh() {
  const FileStamp stamp = FileStamp::of(users_file(data_dir_));
  if (stamp_ == stamp) return;
  stamp_ = stamp;
  users_.clear();
  auto loaded = load_users(data_dir_);
  unreadable_ = !loaded;
  if (!loaded) {
    spdlog::error("console: {}", loaded.error().message());
    return;
  }
  for (User& user : *loaded) users_.insert_or_assign(user.name, std::move(user));
}

std::optional<User> UserStore::find(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  refresh();
  const auto found = users_.find(name);
  if (found == users_.end()) return std::nullopt;
  return found->second;
}

bool UserStore::empty() {
  const std::scoped_lock lock(mutex_);
  refresh();
  return users_.empty() && !unreadable_;
}

}  // namespace picket::console
