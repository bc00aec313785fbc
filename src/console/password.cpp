#include "console/password.h"

#include <argon2.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <semaphore>

#include "aws/private_file.h"

namespace picket::console {

namespace {

// The second recommendation of RFC 9106 with one lane, since threads are the server's.
constexpr std::uint32_t passes = 3, memory_kib = 65'536, lanes = 1;
constexpr std::size_t salt_bytes = 16, hash_bytes = 32;
constexpr std::size_t at_once_max = 2;

// Of no password: what a stranger's attempt is measured against.
constexpr const char* nobodys_hash =
    "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::counting_semaphore<at_once_max> places{at_once_max};

class Place {
 public:
  static std::optional<Place> take() {
    if (!places.try_acquire()) return std::nullopt;
    return Place();
  }
  Place(Place&& other) noexcept : held_(std::exchange(other.held_, false)) {}
  Place(const Place&) = delete;
  ~Place() {
    if (held_) places.release();
  }

 private:
  Place() = default;
  bool held_ = true;
};

std::unexpected<Error> busy() { return fail(ErrorKind::conflict, "too many sign in at once", "password"); }

}  // namespace

Result<void> check_password(std::string_view password, std::string_view user) {
  const auto chars =
      static_cast<std::size_t>(std::ranges::count_if(password, [](char c) { return (c & 0xC0) != 0x80; }));
  if (chars < password_chars_min || password.size() > password_bytes_max)
    return fail(ErrorKind::invalid,
                fmt::format("a password has at least {} characters and at most {} bytes", password_chars_min,
                            password_bytes_max),
                std::string(user));
  const auto same = std::ranges::count(password, password.front());
  if (static_cast<std::size_t>(same) == password.size() || password.contains(user))
    return fail(ErrorKind::invalid, "a password holds neither the user's name nor one character alone",
                std::string(user));
  return {};
}

Result<std::string> hash_password(std::string_view password) {
  const auto place = Place::take();
  if (!place) return busy();
  const auto salt = aws::random_bytes(salt_bytes);
  if (!salt) return std::unexpected(salt.error());
  std::array<char, 128> encoded{};
  const int code =
      ::argon2id_hash_encoded(passes, memory_kib, lanes, password.data(), password.size(), salt->data(),
                              salt->size(), hash_bytes, encoded.data(), encoded.size());
  if (code != ARGON2_OK)
    return fail(ErrorKind::internal,
                fmt::format("the password cannot be hashed: {}", ::argon2_error_message(code)), "password");
  return std::string(encoded.data());
}

Result<bool> is_password(std::string_view password, const std::string& hash) {
  const auto place = Place::take();
  if (!place) return busy();
  const int code = ::argon2id_verify(hash.empty() ? nobodys_hash : hash.c_str(),
                                     password.substr(0, password_bytes_max).data(),
                                     std::min(password.size(), password_bytes_max));
  return code == ARGON2_OK && !hash.empty();
}

}  // namespace picket::console
