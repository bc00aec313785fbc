#include "aws/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/json_writer.h"

namespace picket::aws {

namespace {

constexpr std::array<std::pair<Role, std::string_view>, 4> role_names{{{Role::administrator, "administrator"},
                                                                       {Role::member, "member"},
                                                                       {Role::read_only, "read-only"},
                                                                       {Role::responder, "responder"}}};

std::filesystem::path credentials_file(const std::filesystem::path& dir) { return dir / "credentials"; }
std::filesystem::path roles_file(const std::filesystem::path& dir) { return dir / "access_keys.json"; }

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> io_error(std::string_view what, const std::filesystem::path& file) {
  return fail(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(errno)), file.string());
}

// The whole file; an absent one reads as empty.
Result<std::string> read_private(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return std::string();
    return io_error("cannot open", file);
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return io_error("cannot stat", file);
  if ((status.st_mode & 077) != 0)
    return fail(ErrorKind::invalid, "secrets in it can be read or changed by others; run chmod 600 on it",
                file.string());
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("cannot read", file);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// Replaces the file as a whole, so that a reader sees the old or the new one.
Result<void> write_private(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path temporary = file.string() + ".new";
  {
    const FileDescriptor fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return io_error("cannot create", temporary);
    if (::fchmod(fd.get(), 0600) != 0) return io_error("cannot set the mode of", temporary);
    while (!text.empty()) {
      const ssize_t written = ::write(fd.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_error("cannot write", temporary);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(fd.get()) != 0) return io_error("cannot sync", temporary);
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) return io_error("cannot replace", file);
  const FileDescriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Profiles in the order of the file.
std::vector<Credential> parse_profiles(const std::string& text) {
  std::vector<Credential> profiles;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view content = trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[' && content.back() == ']') {
      profiles.push_back({.profile = std::string(trim(content.substr(1, content.size() - 2)))});
      continue;
    }
    const std::size_t equals = content.find('=');
    if (profiles.empty() || equals == std::string_view::npos) continue;
    const std::string_view name = trim(content.substr(0, equals));
    const std::string_view value = trim(content.substr(equals + 1));
    if (name == "aws_access_key_id") profiles.back().access_key_id = value;
    if (name == "aws_secret_access_key") profiles.back().secret_access_key = value;
    if (name == "region") profiles.back().region = value;
  }
  return profiles;
}

struct KeyRow {
  std::string account, profile;
  Role role = Role::read_only;
};

struct KeyTable {
  std::map<std::string, KeyRow, std::less<>> keys;
  std::string administrator;  // id of the key that administers every account
};

Result<KeyTable> parse_key_table(const std::string& text, const std::filesystem::path& file) {
  KeyTable table;
  if (text.empty()) return table;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object keys;
  const auto broken = [&](std::string_view why) {
    return fail(ErrorKind::invalid, std::string(why), file.string());
  };
  if (parser.parse(text).get(root) != simdjson::SUCCESS || root["keys"].get(keys) != simdjson::SUCCESS)
    return broken("is not the JSON object with member keys that picket writes");
  for (const auto& [id, row] : keys) {
    std::string_view account, role_name, profile;
    if (row["account"].get(account) != simdjson::SUCCESS || row["role"].get(role_name) != simdjson::SUCCESS ||
        row["profile"].get(profile) != simdjson::SUCCESS)
      return broken(fmt::format("key {} lacks account, role or profile", id));
    const std::optional<Role> role = parse_role(role_name);
    if (!role) return broken(fmt::format("key {} has the unknown role '{}'", id, role_name));
    table.keys[std::string(id)] = {std::string(account), std::string(profile), *role};
  }
  std::string_view administrator;
  if (root["administrator"].get(administrator) == simdjson::SUCCESS) table.administrator = administrator;
  return table;
}

std::string write_key_table(const KeyTable& table) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("administrator", table.administrator);
  json.key("keys");
  json.begin_object();
  for (const auto& [id, row] : table.keys) {
    json.key(id);
    json.begin_object();
    json.member("account", row.account);
    json.member("role", name_of(row.role));
    json.member("profile", row.profile);
    json.end_object();
  }
  json.end_object();
  json.end_object();
  return out + '\n';
}

// `length` characters of `alphabet`, whose size divides 256, so that none is likelier than another.
template <std::size_t N>
Result<std::string> random_text(std::size_t length, const std::array<char, N>& alphabet) {
  static_assert(256 % N == 0);
  std::string bytes(length, '\0');
  for (std::size_t done = 0; done < length;) {
    const ssize_t got = ::getrandom(bytes.data() + done, length - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::io, fmt::format("getrandom failed: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(got);
  }
  for (char& c : bytes) c = alphabet[static_cast<unsigned char>(c) % N];
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

Result<std::vector<Credential>> load_credentials(const std::filesystem::path& data_dir) {
  auto profiles_text = read_private(credentials_file(data_dir));
  if (!profiles_text) return std::unexpected(profiles_text.error());
  const auto table_text = read_private(roles_file(data_dir));
  if (!table_text) return std::unexpected(table_text.error());
  const auto table = parse_key_table(*table_text, roles_file(data_dir));
  if (!table) return std::unexpected(table.error());
  std::vector<Credential> loaded;
  for (Credential& profile : parse_profiles(*profiles_text)) {
    const auto row = table->keys.find(profile.access_key_id);
    if (row == table->keys.end() || profile.secret_access_key.empty()) continue;
    profile.account = row->second.account;
    profile.role = row->second.role;
    profile.administers_all =
        profile.access_key_id == table->administrator && profile.role == Role::administrator;
    loaded.push_back(std::move(profile));
  }
  OPENSSL_cleanse(profiles_text->data(), profiles_text->size());
  return loaded;
}

Result<Credential> create_credential(const std::filesystem::path& data_dir, const NewCredential& wanted) {
  if (auto ok = check_new(wanted); !ok) return std::unexpected(ok.error());
  std::error_code error;
  if (std::filesystem::create_directories(data_dir, error))
    std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all, error);
  if (error)
    return fail(ErrorKind::io, "cannot create the data directory: " + error.message(), data_dir.string());

  const std::filesystem::path lock_file = data_dir / ".credentials.lock";
  const FileDescriptor lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) return io_error("cannot lock", lock_file);

  auto profiles_text = read_private(credentials_file(data_dir));
  if (!profiles_text) return std::unexpected(profiles_text.error());
  const auto table_text = read_private(roles_file(data_dir));
  if (!table_text) return std::unexpected(table_text.error());
  auto table = parse_key_table(*table_text, roles_file(data_dir));
  if (!table) return std::unexpected(table.error());
  for (const Credential& profile : parse_profiles(*profiles_text))
    if (profile.profile == wanted.profile)
      return fail(ErrorKind::conflict, fmt::format("profile '{}' exists already", wanted.profile),
                  credentials_file(data_dir).string());

  const auto id_tail = random_text(16, base32);
  if (!id_tail) return std::unexpected(id_tail.error());
  const auto secret = random_text(40, base64);
  if (!secret) return std::unexpected(secret.error());
  const std::string id = "AKIA" + *id_tail;
  const bool first = table->keys.empty() && wanted.role == Role::administrator;
  table->keys[id] = {wanted.account, wanted.profile, wanted.role};
  if (first) table->administrator = id;

  // The table first: a key it names is of no use until the credentials file carries its secret.
  if (auto ok = write_private(roles_file(data_dir), write_key_table(*table)); !ok)
    return std::unexpected(ok.error());
  if (!profiles_text->empty() && !profiles_text->ends_with('\n')) *profiles_text += '\n';
  *profiles_text +=
      fmt::format("{}[{}]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = {}\n",
                  profiles_text->empty() ? "" : "\n", wanted.profile, id, *secret, wanted.region);
  if (auto ok = write_private(credentials_file(data_dir), *profiles_text); !ok)
    return std::unexpected(ok.error());
  return Credential{.profile = wanted.profile,
                    .access_key_id = id,
                    .secret_access_key = *secret,
                    .region = wanted.region,
                    .account = wanted.account,
                    .role = wanted.role,
                    .administers_all = first};
}

Result<std::unique_ptr<KeyStore>> KeyStore::open(std::filesystem::path data_dir) {
  std::unique_ptr<KeyStore> store(new KeyStore(std::move(data_dir)));
  if (auto ok = store->reload(); !ok) return std::unexpected(ok.error());
  return store;
}

KeyStore::Stamp KeyStore::stamp_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {static_cast<long long>(status.st_ino), status.st_size, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

Result<void> KeyStore::reload() {
  // Stamps are taken before reading: a change in between is seen at the next call.
  credentials_stamp_ = stamp_of(credentials_file(data_dir_));
  roles_stamp_ = stamp_of(roles_file(data_dir_));
  auto loaded = load_credentials(data_dir_);
  if (!loaded) return std::unexpected(loaded.error());
  keys_.clear();
  for (Credential& credential : *loaded) {
    std::string id = credential.access_key_id;
    keys_.insert_or_assign(std::move(id), std::move(credential));
  }
  return {};
}

std::optional<Credential> KeyStore::find(std::string_view access_key_id) {
  const std::scoped_lock lock(mutex_);
  if (stamp_of(credentials_file(data_dir_)) != credentials_stamp_ ||
      stamp_of(roles_file(data_dir_)) != roles_stamp_) {
    const auto ok = reload();
    last_error_ = ok ? "" : ok.error().message();
  }
  const auto found = keys_.find(access_key_id);
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

std::string KeyStore::last_error() {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

}  // namespace picket::aws
