// The access keys picket's own API accepts. Two files under the data directory, both mode 0600:
//   credentials       AWS shared-credentials format, what the user's clients read: key id, secret, region
//   access_keys.json  what a key may do: {"keys": {"AKIA…": {"account", "role", "profile"}}, "administrator":
//   "…"}
// A key counts when both files name it, so deleting its profile from either one revokes it. HMAC
// needs the secret itself, so the credentials file is the secret's only home.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace picket::aws {

enum class Role : unsigned char {
  administrator,  // everything, on the findings of every account it administers
  member,         // its own account; archiving and lists are the administrator's
  read_only,      // get and list
  responder,      // read_only, and archives and comments findings
};

std::string_view name_of(Role role);
std::optional<Role> parse_role(std::string_view name);

struct Credential {
  std::string profile, access_key_id, secret_access_key, region;
  std::string account;  // 12 digits
  Role role = Role::read_only;
  // The first profile created: it administers every account found in the logs.
  bool administers_all = false;
};

struct NewCredential {
  std::string profile;  // letters, digits, . _ - only
  std::string account;
  Role role = Role::administrator;
  std::string region;
};

// Adds a profile with a fresh random key to both files, creating them when absent. Safe against other
// processes doing the same. Fails with `conflict` when the profile exists already.
Result<Credential> create_credential(const std::filesystem::path& data_dir, const NewCredential& wanted);

// All keys of the data directory; empty when there are no files yet. Refuses files that group or others may
// read.
Result<std::vector<Credential>> load_credentials(const std::filesystem::path& data_dir);

// The keys by id for the API server; reads the files again when they change. Thread-safe.
class KeyStore {
 public:
  static Result<std::unique_ptr<KeyStore>> open(std::filesystem::path data_dir);
  std::optional<Credential> find(std::string_view access_key_id);
  // Why the files could not be read again; the keys read before stay valid meanwhile. Empty when all is well.
  std::string last_error();

 private:
  using Table = std::map<std::string, Credential, std::less<>>;
  struct Stamp {  // what tells that a file was changed or replaced
    long long inode = 0, size = 0, seconds = 0, nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  explicit KeyStore(std::filesystem::path data_dir) : data_dir_(std::move(data_dir)) {}
  static Stamp stamp_of(const std::filesystem::path& file);
  Result<void> reload();

  std::filesystem::path data_dir_;
  std::mutex mutex_;
  Table keys_;
  Stamp credentials_stamp_, roles_stamp_;
  std::string last_error_;
};

}  // namespace picket::aws
