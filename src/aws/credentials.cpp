#include "aws/credentials.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <functional>
#include <sstream>
#include <utility>

#include "aws/private_file.h"
#include "base/clock.h"
#include "base/folder_lock.h"
#include "base/json_writer.h"
#include "base/whole_file.h"

namespace picket::aws {

namespace {

constexpr std::array<std::pair<Role, std::string_view>, 5> role_names{
    {{Role::administrator, "administrator"},
     {Role::delegated_administrator, "delegated-administrator"},
     {Role::member, "member"},
     {Role::read_only, "read-only"},
     {Role::responder, "responder"}}};

constexpr std::string_view lock_name = ".credentials.lock";
constexpr std::size_t token_bytes_max = 16'384;

std::filesystem::path clients_file(const KeyFiles& files) { return files.data_dir / "credentials"; }
std::filesystem::path keys_file(const KeyFiles& files) { return files.data_dir / "access_keys.json"; }

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The file without the section of one profile; everything else stays as it was, other services' profiles too.
std::string without_profile(const std::string& text, std::string_view profile) {
  std::string out;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view content = trim(line);
    if (content.starts_with('[') && content.ends_with(']'))
      inside = trim(content.substr(1, content.size() - 2)) == profile;
    if (!inside) out += line + '\n';
  }
  return out;
}

bool has_profile(const std::string& text, std::string_view profile) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view content = trim(line);
    if (content.starts_with('[') && content.ends_with(']') &&
        trim(content.substr(1, content.size() - 2)) == profile)
      return true;
  }
  return false;
}

// A sealed secret opens only for its own key of its own account.
std::string binding(std::string_view account, std::string_view access_key_id) {
  return fmt::format("access key {} of {}", access_key_id, account);
}
std::string session_binding(std::string_view access_key_id) {
  return fmt::format("session {}", access_key_id);
}

// Throws simdjson_error where the object is not what write_keys() makes.
Credential read_key(std::string_view id, const simdjson::dom::element& row, std::string& sealed) {
  const auto text = [&](const char* name) { return std::string(std::string_view(row[name])); };
  Credential out;
  out.access_key_id = id;
  out.profile = text("profile");
  out.account = text("account");
  out.region = text("region");
  out.active = row["active"];
  out.created_at = row["created_at"];
  const auto role = parse_role(std::string_view(row["role"]));
  if (!role) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
  out.role = *role;
  sealed = text("secret");
  simdjson::dom::element policy;
  if (row["policy"].get(policy) == simdjson::SUCCESS) {
    auto parsed = parse_policy(simdjson::minify(policy));
    if (!parsed) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
    out.policy = std::move(*parsed);
  }
  return out;
}

Result<std::vector<Credential>> read_keys(const KeyFiles& files, const SecretBox& box) {
  const auto text = read_private(keys_file(files));
  if (!text) return std::unexpected(text.error());
  std::vector<Credential> keys;
  if (text->empty()) return keys;
  std::string id;
  try {
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parser.parse(*text);
    const std::string_view administrator = root["administrator"];
    for (const auto& [name, row] : simdjson::dom::object(root["keys"])) {
      id = name;
      std::string sealed;
      Credential key = read_key(name, row, sealed);
      auto secret = box.unseal(sealed, binding(key.account, name));
      if (!secret) {
        secret.error().where = fmt::format("{}, key {}", keys_file(files).string(), name);
        return std::unexpected(secret.error());
      }
      key.secret_access_key = std::move(*secret);
      key.administers_all = name == administrator && key.role == Role::administrator;
      keys.push_back(std::move(key));
    }
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorKind::invalid,
                fmt::format("is not what picket writes there ({}{})", id.empty() ? "" : "key " + id + ": ",
                            error.what()),
                keys_file(files).string());
  }
  std::ranges::stable_sort(keys, {}, &Credential::created_at);
  return keys;
}

Result<void> write_keys(const KeyFiles& files, const SecretBox& box, const std::vector<Credential>& keys) {
  std::string administrator;
  for (const Credential& key : keys)
    if (key.administers_all) administrator = key.access_key_id;
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("administrator", administrator);
  json.key("keys");
  json.begin_object();
  for (const Credential& key : keys) {
    const auto sealed = box.seal(key.secret_access_key, binding(key.account, key.access_key_id));
    if (!sealed) return std::unexpected(sealed.error());
    json.key(key.access_key_id);
    json.begin_object();
    json.member("profile", key.profile);
    json.member("account", key.account);
    json.member("role", name_of(key.role));
    json.member("region", key.region);
    json.member("active", key.active);
    json.member("created_at", key.created_at);
    json.member("secret", *sealed);
    if (key.policy) json.member_raw("policy", write_policy(*key.policy));
    json.end_object();
  }
  json.end_object();
  json.end_object();
  return write_whole_file(keys_file(files), out + '\n');
}

// `length` characters of `alphabet`, whose size divides 256, so that none is likelier than another.
template <std::size_t N>
Result<std::string> random_text(std::size_t length, const std::array<char, N>& alphabet) {
  static_assert(256 % N == 0);
  auto bytes = random_bytes(length);
  if (!bytes) return bytes;
  for (char& c : *bytes) c = alphabet[static_cast<unsigned char>(c) % N];
  return bytes;
}

template <std::size_t N>
constexpr std::array<char, N - 1> letters(const char (&text)[N]) {
  std::array<char, N - 1> out{};
  for (std::size_t i = 0; i < N - 1; ++i) out[i] = text[i];
  return out;
}

constexpr auto base32 = letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
constexpr auto base64 = letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

struct NewKey {
  std::string id, secret;
};

// AWS tells long-term keys by AKIA and temporary ones by ASIA.
Result<NewKey> new_key(std::string_view prefix) {
  const auto tail = random_text(16, base32);
  if (!tail) return std::unexpected(tail.error());
  auto secret = random_text(40, base64);
  if (!secret) return std::unexpected(secret.error());
  return NewKey{std::string(prefix) + *tail, std::move(*secret)};
}

Result<void> check_new(const NewCredential& wanted) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (wanted.profile.empty() || wanted.profile.find_first_not_of(allowed) != std::string::npos)
    return fail(ErrorKind::invalid, "a profile name is made of letters, digits, '-', '_' and '.'",
                wanted.profile);
  if (wanted.account.size() != 12 || wanted.account.find_first_not_of("0123456789") != std::string::npos)
    return fail(ErrorKind::invalid, "an account id has 12 digits", wanted.account);
  if (wanted.region.empty() || wanted.region.find_first_not_of(allowed) != std::string::npos)
    return fail(ErrorKind::invalid, "a Region is a name such as eu-central-1", wanted.region);
  return {};
}

// Reads the keys, lets `change` alter them and writes them back, alone.
template <class Change>
Result<void> change_keys(const KeyFiles& files, Change change) {
  const auto lock = FolderLock::take(files.data_dir, lock_name);
  if (!lock) return std::unexpected(lock.error());
  const auto box = SecretBox::open(files.master_key);
  if (!box) return std::unexpected(box.error());
  auto keys = read_keys(files, *box);
  if (!keys) return std::unexpected(keys.error());
  if (Result<void> ok = change(*keys); !ok) return ok;
  return write_keys(files, *box, *keys);
}

Result<void> change_key(const KeyFiles& files, std::string_view profile,
                        const std::function<void(std::vector<Credential>&, std::size_t)>& change) {
  return change_keys(files, [&](std::vector<Credential>& keys) -> Result<void> {
    const auto found = std::ranges::find(keys, profile, &Credential::profile);
    if (found == keys.end())
      return fail(ErrorKind::not_found, fmt::format("there is no profile '{}'", profile),
                  keys_file(files).string());
    change(keys, static_cast<std::size_t>(found - keys.begin()));
    return {};
  });
}

}  // namespace

std::string_view name_of(Role role) {
  for (const auto& [value, name] : role_names)
    if (value == role) return name;
  return "";
}

std::optional<Role> parse_role(std::string_view name) {
  for (const auto& [value, known] : role_names)
    if (known == name) return value;
  return std::nullopt;
}

Result<std::vector<Credential>> load_credentials(const KeyFiles& files) {
  std::error_code ignored;
  if (!std::filesystem::exists(keys_file(files), ignored)) return std::vector<Credential>();
  const auto box = SecretBox::open(files.master_key);
  if (!box) return std::unexpected(box.error());
  return read_keys(files, *box);
}

Result<Credential> create_credential(const KeyFiles& files, const NewCredential& wanted) {
  if (auto ok = check_new(wanted); !ok) return std::unexpected(ok.error());
  std::error_code error;
  if (std::filesystem::create_directories(files.data_dir, error))
    std::filesystem::permissions(files.data_dir, std::filesystem::perms::owner_all, error);
  if (error)
    return fail(ErrorKind::io, "cannot create the data directory: " + error.message(),
                files.data_dir.string());
  auto fresh = new_key("AKIA");
  if (!fresh) return std::unexpected(fresh.error());
  Credential made{.profile = wanted.profile,
                  .access_key_id = std::move(fresh->id),
                  .secret_access_key = std::move(fresh->secret),
                  .region = wanted.region,
                  .account = wanted.account,
                  .role = wanted.role,
                  .created_at = wall_clock(),
                  .policy = wanted.policy};
  std::string clients;
  const auto added = change_keys(files, [&](std::vector<Credential>& keys) -> Result<void> {
    auto text = read_private(clients_file(files));
    if (!text) return std::unexpected(text.error());
    const bool taken = std::ranges::find(keys, wanted.profile, &Credential::profile) != keys.end();
    if (taken || has_profile(*text, wanted.profile))
      return fail(ErrorKind::conflict, fmt::format("profile '{}' exists already", wanted.profile),
                  clients_file(files).string());
    made.administers_all = keys.empty() && wanted.role == Role::administrator;
    if (!keys.empty()) made.created_at = std::max(made.created_at, keys.back().created_at + 1);
    keys.push_back(made);
    if (!wanted.for_clients) return {};
    clients = std::move(*text);
    if (!clients.empty() && !clients.ends_with('\n')) clients += '\n';
    clients += fmt::format("{}[{}]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = {}\n",
                           clients.empty() ? "" : "\n", made.profile, made.access_key_id,
                           made.secret_access_key, made.region);
    // Clients first: a key without an entry in the table is refused, one without a home would be lost.
    return write_whole_file(clients_file(files), clients);
  });
  OPENSSL_cleanse(clients.data(), clients.size());
  if (!added) return std::unexpected(added.error());
  return made;
}

Result<void> set_credential_active(const KeyFiles& files, std::string_view profile, bool active) {
  return change_key(files, profile, [&](auto& keys, std::size_t at) { keys[at].active = active; });
}

Result<void> set_credential_policy(const KeyFiles& files, std::string_view profile,
                                   const std::optional<Policy>& policy) {
  return change_key(files, profile, [&](auto& keys, std::size_t at) { keys[at].policy = policy; });
}

Result<void> delete_credential(const KeyFiles& files, std::string_view profile) {
  const auto gone = change_key(files, profile, [](auto& keys, std::size_t at) {
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(at));
  });
  if (!gone) return gone;
  const auto lock = FolderLock::take(files.data_dir, lock_name);
  if (!lock) return std::unexpected(lock.error());
  const auto text = read_private(clients_file(files));
  if (!text) return std::unexpected(text.error());
  return write_whole_file(clients_file(files), without_profile(*text, profile));
}

std::string console_profile(std::string_view user) { return fmt::format("console/{}", user); }

Result<std::unique_ptr<KeyStore>> KeyStore::open(KeyFiles files) {
  std::error_code error;
  std::filesystem::create_directories(files.data_dir, error);
  const auto lock = FolderLock::take(files.data_dir, lock_name);  // two would make two master keys
  if (!lock) return std::unexpected(lock.error());
  auto box = SecretBox::open(files.master_key);
  if (!box) return std::unexpected(box.error());
  std::unique_ptr<KeyStore> store(new KeyStore(std::move(files), std::move(*box)));
  if (auto ok = store->reload(); !ok) return std::unexpected(ok.error());
  return store;
}

Result<void> KeyStore::reload() {
  // The stamp is taken before reading: a change in between is seen at the next call.
  stamp_ = FileStamp::of(keys_file(files_));
  auto loaded = read_keys(files_, box_);
  if (!loaded) return std::unexpected(loaded.error());
  keys_.clear();
  for (Credential& credential : *loaded) {
    std::string id = credential.access_key_id;
    keys_.insert_or_assign(std::move(id), std::move(credential));
  }
  return {};
}

std::optional<Credential> KeyStore::find(std::string_view access_key_id, std::string_view session_token) {
  return session_token.empty() ? find_long_term(access_key_id) : find_session(access_key_id, session_token);
}

void KeyStore::refresh() {
  if (FileStamp::of(keys_file(files_)) == stamp_) return;
  const auto ok = reload();
  last_error_ = ok ? "" : ok.error().message();
}

std::optional<Credential> KeyStore::find_profile(std::string_view profile) {
  const std::scoped_lock lock(mutex_);
  refresh();
  for (const auto& [id, key] : keys_)
    if (key.profile == profile && key.active) return key;
  return std::nullopt;
}

std::optional<Credential> KeyStore::find_long_term(std::string_view access_key_id) {
  const std::scoped_lock lock(mutex_);
  refresh();
  const auto found = keys_.find(access_key_id);
  if (found == keys_.end() || !found->second.active) return std::nullopt;
  return found->second;
}

Result<Credential> KeyStore::issue(const Credential& caller, const NewSession& wanted) {
  auto fresh = new_key("ASIA");
  if (!fresh) return std::unexpected(fresh.error());
  std::string inside;
  JsonWriter json(inside);
  json.begin_object();
  json.member("secret", fresh->secret);
  json.member("issuer", caller.temporary() ? caller.issuer : caller.access_key_id);
  json.member("expires_at", wanted.expires_at);
  json.member("name", wanted.name);
  json.member("account", wanted.account);
  json.member("role", name_of(wanted.role));
  if (!wanted.console_user.empty()) json.member("console_user", wanted.console_user);
  if (wanted.policy) json.member_raw("policy", write_policy(*wanted.policy));
  json.end_object();
  auto token = box_.seal(inside, session_binding(fresh->id));
  OPENSSL_cleanse(inside.data(), inside.size());
  if (!token) return std::unexpected(token.error());
  auto made = find_session(fresh->id, *token);
  if (!made) return fail(ErrorKind::not_found, "the key that asks is gone", caller.access_key_id);
  return std::move(*made);
}

std::optional<Credential> KeyStore::find_session(std::string_view access_key_id, std::string_view token) {
  if (token.size() > token_bytes_max) return std::nullopt;
  auto inside = box_.unseal(token, session_binding(access_key_id));
  if (!inside) return std::nullopt;
  try {
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parser.parse(*inside);
    auto session = find_long_term(std::string_view(root["issuer"]));
    if (!session) return std::nullopt;
    session->issuer = std::exchange(session->access_key_id, std::string(access_key_id));
    session->secret_access_key = std::string_view(root["secret"]);
    session->session_token = token;
    session->expires_at = std::int64_t(root["expires_at"]);
    session->session_name = std::string_view(root["name"]);
    if (!session->session_name.empty()) {  // an assumed role is nothing but that role
      session->account = std::string_view(root["account"]);
      const auto role = parse_role(std::string_view(root["role"]));
      if (!role) return std::nullopt;
      session->role = *role;
      session->administers_all = false;
      session->policy.reset();
    }
    std::string_view user;
    if (root["console_user"].get(user) == simdjson::SUCCESS) {
      const auto role = parse_role(std::string_view(root["role"]));
      if (!role) return std::nullopt;
      session->profile = console_profile(user);
      // What the key's policy adds is the key's, what it denies is denied to all who act through it.
      if (session->policy && *role != session->role) {
        std::erase_if(session->policy->statements, [](const Policy::Statement& said) { return said.allow; });
      }
      session->role = *role;
    }
    simdjson::dom::element policy;
    if (root["policy"].get(policy) == simdjson::SUCCESS) {
      auto parsed = parse_policy(simdjson::minify(policy));
      if (!parsed) return std::nullopt;
      session->session_policy = std::move(*parsed);
    }
    OPENSSL_cleanse(inside->data(), inside->size());
    return session;
  } catch (const simdjson::simdjson_error&) {
    return std::nullopt;
  }
}

std::string KeyStore::last_error() {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

}  // namespace picket::aws
