// Texts as the logs and AWS's documents have them: ASCII case, wildcards, account ids.
#pragma once

#include <string>
#include <string_view>

namespace picket {

// Only A to Z and a to z change.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
std::string lower(std::string_view text);
std::string upper(std::string_view text);

// '*' stands for any run of bytes, '?' for one character (UTF-8 sequence). Linear in practice, never
// recursive.
bool wildcard_match(std::string_view pattern, std::string_view text);

bool is_account_id(std::string_view text);  // 12 digits

}  // namespace picket
