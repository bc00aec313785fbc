// The flow log decoder with the splitter chosen by hand, for tests that compare the two.
#pragma once

#include <memory>

#include "decode/decoder.h"
#include "decode/flow_split.h"

namespace picket {

std::unique_ptr<TextDecoder> make_flow_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                               EventSink& sink, FlowSplit split);

}  // namespace picket
