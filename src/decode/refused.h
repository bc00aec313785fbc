// Records that a source could not take as such (a tombstone, broken Base64): they enter the input log as
// objects whose keys end in ".refused", a line each, so that they are counted as quarantined like all others.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace picket {

constexpr std::string_view refused_suffix = ".refused";
constexpr std::size_t refused_bytes_kept = 4096;  // of the record

// "REASON BASE64\n": the record's first bytes. `reason` is one of the codes below; others become "refused".
std::string refused_line(std::string_view reason, std::string_view record);

// The code of a line, with static life: "tombstone", "empty_record", "not_a_log", "bad_json", "bad_base64",
// "bad_compression", "record_too_large" or "refused".
std::string_view refused_reason(std::string_view line);
// A sentence for people.
std::string_view refused_detail(std::string_view reason);

}  // namespace picket
