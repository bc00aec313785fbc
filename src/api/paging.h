// Pages of lists held in memory, cut by key: what comes or goes between two pages neither repeats nor hides
// others. Lists of findings are paged by the store.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "api/call.h"
#include "base/json_writer.h"

namespace picket::api {

struct PageRange {
  std::size_t begin = 0, end = 0;
  std::string next_token;  // empty: no more
};

// The page that the call's maxResults and nextToken mean, wherever the operation has them (body or query).
// `keys` are in the list's order, ascending or descending, each once, and at most 1,024 bytes long so that a
// token stays within 2,048 characters.
std::expected<PageRange, ApiError> page_of(const Call& call, std::span<const std::string> keys,
                                           bool descending = false);

// How the last page says that there is no more.
enum class LastToken : bool { left_out, empty };

// One page of {LIST: […], "nextToken": …}; `write` writes the row of the key at an index.
Answer paged(const Call& call, std::string_view list, std::span<const std::string> keys,
             const std::function<void(JsonWriter& json, std::size_t index)>& write,
             LastToken last = LastToken::left_out, bool descending = false);

}  // namespace picket::api
