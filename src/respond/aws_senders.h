// What make_sender uses for targets in AWS.
#pragma once

#include "respond/senders.h"

namespace picket::respond {

Send make_aws_sender(const Target& target, const aws::ServiceCaller& aws, std::function<TimeMs()> clock);

}  // namespace picket::respond
