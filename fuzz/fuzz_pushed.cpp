// What is pushed to picket, whole requests and single records: every record ends in an object or is set
// aside.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "decode/refused.h"
#include "source/firehose.h"
#include "source/intake.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Intake intake({});
  static_cast<void>(read_firehose_body(text, text.starts_with("\x1f\x8b"), "id-1", intake));
  const std::uint64_t before = intake.records() + intake.control_messages();
  intake.add(text);
  if (intake.records() + intake.control_messages() != before + 1) std::abort();
  std::uint64_t bytes = 0;
  const std::uint64_t told = intake.bytes();
  for (const PushedPart& part : intake.finish()) {
    if (part.content.empty() || part.content.back() != '\n' || !part.origin.kind) std::abort();
    bytes += part.content.size();
    if (part.refused && refused_detail(refused_reason(part.content)).empty()) std::abort();
  }
  if (bytes > told) std::abort();
  return 0;
}
