// Passwords of console users, kept as Argon2id hashes in the PHC form ("$argon2id$v=19$m=65536,…").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::console {

constexpr std::size_t password_chars_min = 12, password_bytes_max = 1024;

// Why it may not be a password of this user; ok for one that may.
Result<void> check_password(std::string_view password, std::string_view user);

// Each takes a tenth of a second and 64 MiB. At most two run at once, so that strangers at the door take
// neither memory nor the API's threads: `conflict` when both places are taken.
Result<std::string> hash_password(std::string_view password);
// An empty hash costs the same time and is never right: who has no account looks like a wrong password.
Result<bool> is_password(std::string_view password, const std::string& hash);

}  // namespace picket::console
