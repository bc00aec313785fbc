#include "store/page_token.h"

#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/hash.h"

namespace picket {

namespace {

constexpr std::size_t token_chars_max = 2048;
constexpr char form_version = 1;

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
bool take(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

// By the path, not its index: a later table may have more paths.
std::uint64_t sort_hash(const Sort& sort) {
  return hash64(filterable_attributes()[sort.attribute].path, sort.descending ? 1 : 0);
}

}  // namespace

std::optional<FindingId> parse_finding_id(std::string_view hex) {
  FindingId id;
  if (hex.size() != 2 * id.size()) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else
      return std::nullopt;
    id[i / 2] = static_cast<std::uint8_t>(i % 2 == 0 ? digit << 4 : id[i / 2] | digit);
  }
  return id;
}

std::string finding_id_text(const FindingId& id) {
  std::string out;
  for (const std::uint8_t byte : id) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

bool precedes(const SortKey& a, const SortKey& b, bool descending) {
  int order = 0;
  if (a.present != b.present)
    order = a.present ? 1 : -1;
  else if (a.number != b.number)
    order = a.number < b.number ? -1 : 1;
  else
    order = a.text.compare(b.text);
  if (order != 0) return descending ? order > 0 : order < 0;
  return a.id < b.id;
}

std::string write_page_token(const Sort& sort, const PagePosition& last) {
  std::string bytes(1, form_version);
  put(bytes, sort_hash(sort));
  put(bytes, last.present);
  put(bytes, last.number);
  put(bytes, last.id);
  bytes += last.text;
  put(bytes, hash64(bytes));
  return to_base64url(bytes);
}

Result<PagePosition> read_page_token(const Sort& sort, std::string_view token) {
  const auto bad = [] { return fail(ErrorKind::invalid, "the page token is not one of this list"); };
  if (token.size() > token_chars_max) return bad();
  const auto bytes = from_base64url(token);
  std::uint64_t check = 0;
  if (!bytes || bytes->size() < sizeof check) return bad();
  std::string_view rest(*bytes);
  std::memcpy(&check, rest.data() + rest.size() - sizeof check, sizeof check);
  rest.remove_suffix(sizeof check);
  if (hash64(rest) != check || rest.empty() || rest[0] != form_version) return bad();
  rest.remove_prefix(1);
  std::uint64_t order = 0;
  std::uint8_t present = 0;
  PagePosition position;
  if (!take(rest, order) || order != sort_hash(sort) || !take(rest, present) || present > 1 ||
      !take(rest, position.number) || std::isnan(position.number) || !take(rest, position.id) ||
      rest.size() > sort_text_bytes_max)
    return bad();
  position.present = present == 1;
  position.text = rest;
  return position;
}

}  // namespace picket
