// Requests that stay open (shells, tunnels) are logged when they start and again when they end, under one id.
#pragma once

#include "event/audit_event.h"

namespace picket {

// A shell, a command or a tunnel into a container or node that was let in. Which of its stages a log keeps is
// up to the audit policy; either tells the same.
inline bool is_session(const AuditEvent& event) {
  const std::string_view kind = event.object_ref.subresource;
  return event.response_code < 400 &&
         (kind == "exec" || kind == "attach" || kind == "portforward" || kind == "proxy");
}

}  // namespace picket
