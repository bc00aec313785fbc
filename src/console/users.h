// Who may sign in to the console. Under the data directory, mode 0600:
//   users.json  names, the key each acts through, and Argon2id hashes of their passwords
// A user acts through one of the server's keys (aws/credentials) with a role that allows no more than that
// key, so accounts stay walls; calls are logged under "console/NAME".
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/file_stamp.h"
#include "base/result.h"
#include "base/time.h"

namespace picket::console {

struct User {
  std::string name;
  std::string access_key_id;  // of the key it acts through
  aws::Role role = aws::Role::read_only;
  bool active = true;
  std::string password_hash;
  TimeMs created_at = 0, password_at = 0;
};

struct NewUser {
  std::string name;  // letters, digits, . _ @ - only
  aws::Credential key;
  aws::Role role = aws::Role::administrator;
  std::string password;
};

// Each of these is safe against other processes doing the same, and a running server follows.
// `conflict` when the name is taken, or when `only_first` and there are users; `invalid` for a name, a role
// or a password that may not be.
Result<User> create_user(const std::filesystem::path& data_dir, const NewUser& wanted,
                         bool only_first = false);
// By name; empty when there is no file yet.
Result<std::vector<User>> load_users(const std::filesystem::path& data_dir);
// `not_found` when nobody has the name. What changes ends the user's sessions.
Result<void> set_user_active(const std::filesystem::path& data_dir, std::string_view name, bool active);
Result<void> set_user_password(const std::filesystem::path& data_dir, std::string_view name,
                               std::string_view password);
Result<void> delete_user(const std::filesystem::path& data_dir, std::string_view name);

// The users for the server; reads the file again when it changes. Thread-safe.
class UserStore {
 public:
  explicit UserStore(std::filesystem::path data_dir) : data_dir_(std::move(data_dir)) {}
  std::optional<User> find(std::string_view name);
  bool empty();
  const std::filesystem::path& data_dir() const { return data_dir_; }

 private:
  void refresh();  // with mutex_

  const std::filesystem::path data_dir_;
  std::mutex mutex_;
  std::map<std::string, User, std::less<>> users_;
  std::optional<FileStamp> stamp_;
  bool unreadable_ = false;  // then nobody signs in, and nobody becomes the first user
};

}  // namespace picket::console
