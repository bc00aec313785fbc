// A finding's document as it is stored, and with the user's state merged in.
#pragma once

#include <string>
#include <string_view>

#include "store/finding_store.h"

namespace picket {

// Checks what the store asks of a document that is known to be a JSON object: one `service` object,
// without `archived` and `userFeedback`. Returns the offset behind the brace that opens it.
Result<std::size_t> service_offset(std::string_view document);

// The document with service.archived and, unless empty, service.userFeedback.
std::string with_user_state(std::string_view document, std::size_t service_offset, bool archived,
                            std::string_view feedback);

}  // namespace picket
