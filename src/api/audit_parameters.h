// A call's parameters for the audit log: path, query and body as one JSON object under the API's names, what
// the model calls sensitive hidden.
#pragma once

#include <string>

#include "api/router.h"
#include "aws/sigv4.h"

namespace picket::api {

// "" when the body is no JSON object or the parameters are too large for a record.
std::string audited_parameters(const Route& route, const aws::HttpRequest& request);

}  // namespace picket::api
