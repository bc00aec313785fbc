#include "decode/refused.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"

namespace picket {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> reasons{{
    {"refused", "the source set it aside"},
    {"tombstone", "a message without a value"},
    {"empty_record", "nothing in it"},
    {"not_a_log", "none of the logs picket reads"},
    {"bad_json", "not JSON"},
    {"bad_base64", "not Base64"},
    {"bad_compression", "its gzip or zstd cannot be unpacked"},
    {"record_too_large", "longer than a record may be"},
}};

const auto& find(std::string_view reason) {
  const auto at = std::ranges::find(reasons, reason, &std::pair<std::string_view, std::string_view>::first);
  return at == reasons.end() ? reasons.front() : *at;
}

}  // namespace

std::string refused_line(std::string_view reason, std::string_view record) {
  return std::string(find(reason).first) + " " + to_base64(record.substr(0, refused_bytes_kept)) + "\n";
}

std::string_view refused_reason(std::string_view line) { return find(line.substr(0, line.find(' '))).first; }
std::string_view refused_detail(std::string_view reason) { return find(reason).second; }

}  // namespace picket
