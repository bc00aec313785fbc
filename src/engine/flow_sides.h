// Who began the conversation that a flow record is one half of, and whether more than a probe went across.
#pragma once

#include <optional>

#include "event/flow_record.h"

namespace picket {

// Whether the source opened the connection: by flags and well-known ports where they tell (initiator_of),
// else by which port looks like a client's.
std::optional<bool> opened_by_source(const FlowRecord& flow);

// Data, not only a handshake or a refusal.
bool exchanged(const FlowRecord& flow);

}  // namespace picket
