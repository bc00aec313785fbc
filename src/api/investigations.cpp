// Investigations. What would look into an account's records and answer is not part of this version: none can
// be begun, so none is listed or found.
#include "api/handlers.h"
#include "api/paging.h"

namespace picket::api {

Answer create_investigation(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  return unsupported(
      "The request is rejected because the engine for investigations is not part of this version of picket.");
}

Answer list_investigations(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  if (const auto page = page_of(call, {}); !page) return std::unexpected(page.error());
  return R"({"investigations":[]})";
}

Answer get_investigation(Call& call) {
  if (const auto detector = require_detector(call); !detector) return std::unexpected(detector.error());
  return resource_not_found();
}

Answer list_investigation_records(Call& call) { return get_investigation(call); }

}  // namespace picket::api
