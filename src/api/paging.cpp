#include "api/paging.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include "base/base64.h"
#include "base/hash.h"

namespace picket::api {

namespace {

constexpr std::size_t page_size = 50;
constexpr char form_version = 1;

// A token is good for the list it came from only.
std::string token_head(const Call& call) {
  const std::uint64_t list = hash64(call.operation.name, hash64(call.caller.account, hash64(call.region)));
  std::string head(1, form_version);
  head.append(reinterpret_cast<const char*>(&list), sizeof list);
  return head;
}

std::string parameter(const Call& call, std::string_view name) {
  if (const auto text = call.text(name)) return *text;
  for (const auto& [key, value] : call.query)
    if (key == name) return value;
  return "";
}

std::size_t page_size_of(const Call& call) {
  if (const auto number = call.number("maxResults")) return static_cast<std::size_t>(*number);
  std::size_t size = page_size;
  const std::string text = parameter(call, "maxResults");
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

}  // namespace

std::expected<PageRange, ApiError> page_of(const Call& call, std::span<const std::string> keys,
                                           bool descending) {
  PageRange page;
  const std::string head = token_head(call);
  if (const std::string token = parameter(call, "nextToken"); !token.empty()) {
    const auto bytes = from_base64url(token);
    if (!bytes || !bytes->starts_with(head)) return invalid_parameter("nextToken");
    const std::string last = bytes->substr(head.size());
    const auto next = descending ? std::ranges::upper_bound(keys, last, std::greater<>())
                                 : std::ranges::upper_bound(keys, last);
    page.begin = static_cast<std::size_t>(next - keys.begin());
  }
  page.end = std::min(keys.size(), page.begin + page_size_of(call));
  if (page.end < keys.size() && page.end > page.begin)
    page.next_token = to_base64url(head + keys[page.end - 1]);
  return page;
}

Answer paged(const Call& call, std::string_view list, std::span<const std::string> keys,
             const std::function<void(JsonWriter& json, std::size_t index)>& write, LastToken last,
             bool descending) {
  const auto page = page_of(call, keys, descending);
  if (!page) return std::unexpected(page.error());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key(list);
  json.begin_array();
  for (std::size_t index = page->begin; index < page->end; ++index) write(json, index);
  json.end_array();
  if (last == LastToken::empty || !page->next_token.empty()) json.member("nextToken", page->next_token);
  json.end_object();
  return out;
}

}  // namespace picket::api
