// The access keys picket's own API accepts. Under the data directory, all mode 0600:
//   access_keys.json  what each key is and may do; its secret sealed, since HMAC needs it back
//   master.key        what seals the secrets; another file or the environment may hold it (aws/secret_box.h)
//   credentials       the same keys for clients, in AWS's shared-credentials format; the server never reads
//   it
// Temporary credentials are kept nowhere: the session token holds all that is known of them, sealed.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy.h"
#include "aws/secret_box.h"
#include "base/file_stamp.h"
#include "base/result.h"
#include "base/time.h"

namespace picket::aws {

enum class Role : unsigned char {
  administrator,            // everything, on the findings of every account it administers
  delegated_administrator,  // the same, but for naming the delegated administrator itself
  member,                   // its own account; archiving and lists are the administrator's
  read_only,                // get and list
  responder,                // read_only, and archives and comments findings
};

std::string_view name_of(Role role);
std::optional<Role> parse_role(std::string_view name);

struct Credential {
  std::string profile, access_key_id, secret_access_key, region;
  std::string account;  // 12 digits
  Role role = Role::read_only;
  // The first profile created: it administers every account found in the logs.
  bool administers_all = false;
  bool active = true;
  TimeMs created_at = 0;
  std::optional<Policy> policy;  // adds to what the role allows, and denies

  // Of temporary credentials only.
  std::string session_token;
  std::string issuer;        // the long-term key that asked for them
  std::string session_name;  // of an assumed role; empty: a session of the key itself
  std::optional<TimeMs> expires_at;
  std::optional<Policy> session_policy;  // what it does not allow is denied

  bool temporary() const { return !session_token.empty(); }
};

// Where keys are kept.
struct KeyFiles {
  KeyFiles(std::filesystem::path dir) : data_dir(std::move(dir)), master_key(data_dir / "master.key") {}
  KeyFiles(std::filesystem::path dir, std::filesystem::path key)
      : data_dir(std::move(dir)), master_key(key.empty() ? data_dir / "master.key" : std::move(key)) {}
  std::filesystem::path data_dir, master_key;
};

struct NewCredential {
  std::string profile;  // letters, digits, . _ - only
  std::string account;
  Role role = Role::administrator;
  std::string region;
  std::optional<Policy> policy;
  bool for_clients = true;  // into the clients' file besides; else its maker alone has the secret
};

// Each of these is safe against other processes doing the same, and a running server follows.
// Adds a profile with a fresh random key. Fails with `conflict` when the profile exists.
Result<Credential> create_credential(const KeyFiles& files, const NewCredential& wanted);
// In the order they were made; empty when there are no files yet. Refuses files that others may read.
Result<std::vector<Credential>> load_credentials(const KeyFiles& files);
// `not_found` when no profile has the name. A deleted key is gone for good; a disabled one may come back.
Result<void> set_credential_active(const KeyFiles& files, std::string_view profile, bool active);
Result<void> set_credential_policy(const KeyFiles& files, std::string_view profile,
                                   const std::optional<Policy>& policy);
Result<void> delete_credential(const KeyFiles& files, std::string_view profile);

struct NewSession {
  TimeMs expires_at = 0;
  // Of an assumed role; with an empty name the session is the key's own.
  std::string name, account;
  Role role = Role::read_only;
  std::optional<Policy> policy;
  // Who signed in to the console: the session is the key's own, goes by "console/USER" and may no more than
  // `role`. The caller has checked that the key may as much.
  std::string console_user = {};
};

// The profile that a console user's sessions go by; no key's profile has this form.
std::string console_profile(std::string_view user);

// The keys by id for the API server; reads the file again when it changes. Thread-safe.
class KeyStore {
 public:
  static Result<std::unique_ptr<KeyStore>> open(KeyFiles files);
  // The active key with this id. Temporary ones are known by their token; they end with the key they came
  // from.
  std::optional<Credential> find(std::string_view access_key_id, std::string_view session_token = "");
  // The active key of the profile.
  std::optional<Credential> find_profile(std::string_view profile);
  Result<Credential> issue(const Credential& caller, const NewSession& wanted);
  const KeyFiles& files() const { return files_; }
  // Why the file could not be read again; the keys read before stay valid meanwhile. Empty when all is well.
  std::string last_error();

 private:
  using Table = std::map<std::string, Credential, std::less<>>;
  KeyStore(KeyFiles files, SecretBox box) : files_(std::move(files)), box_(std::move(box)) {}
  Result<void> reload();
  void refresh();  // with mutex_
  std::optional<Credential> find_long_term(std::string_view access_key_id);
  std::optional<Credential> find_session(std::string_view access_key_id, std::string_view token);

  const KeyFiles files_;
  const SecretBox box_;
  std::mutex mutex_;
  Table keys_;
  FileStamp stamp_;
  std::string last_error_;
};

}  // namespace picket::aws
