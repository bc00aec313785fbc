// An object that is read once more for what was set aside of it: only those records are evaluated, the others
// were already. Records are known by their numbers, so an object that numbers them otherwise by now (another
// version finds three records where an unreadable span was) is refused rather than counted twice.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "decode/decoder.h"
#include "ledger/object_ledger.h"

namespace picket {

struct ReadAgain {
  ObjectLedger before;  // of the last reading
};

struct AgainReport {
  DecodeReport decoded;  // records_read are those that were evaluated or set aside again
  std::uint64_t records_numbered = 0;
  std::string refusal;  // why nothing was evaluated; what was known of it holds on
};

// `open` is called twice: the first reading only numbers.
AgainReport decode_again(const std::function<Result<std::unique_ptr<ByteSource>>()>& open,
                         const ObjectInfo& info, const DecodeLimits& limits, const ReadAgain& again,
                         EventSink& sink);

}  // namespace picket
