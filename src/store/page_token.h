// Where a page ended: the sort value and id of its last finding, as an opaque base64url text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/finding_store.h"

namespace picket {

using FindingId = std::array<std::uint8_t, 16>;
std::optional<FindingId> parse_finding_id(std::string_view hex);  // 32 lower-case digits
std::string finding_id_text(const FindingId& id);

constexpr std::size_t sort_text_bytes_max =
    256;  // longer texts are ordered by what they begin with, then by id

struct SortKey {
  bool present = false;   // the finding has the attribute
  double number = 0;      // when it sorts by number, times in milliseconds
  std::string_view text;  // else; at most sort_text_bytes_max
  FindingId id{};
};
// Whether `a` comes before `b`.
bool precedes(const SortKey& a, const SortKey& b, bool descending);

struct PagePosition {
  bool present = false;
  double number = 0;
  std::string text;
  FindingId id{};

  SortKey key() const { return {present, number, text, id}; }
};

std::string write_page_token(const Sort& sort, const PagePosition& last);
// A token that is damaged, or of another sort, is ErrorKind::invalid.
Result<PagePosition> read_page_token(const Sort& sort, std::string_view token);

}  // namespace picket
