// Finding criteria: what a list accepts a filter accepts too, and whatever is accepted can be asked of a
// finding.
#include <cstdint>
#include <cstdlib>

#include "store/finding_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto of_list = parse_criteria(text, CriteriaUse::list);
  const auto of_filter = parse_criteria(text, CriteriaUse::filter);
  if (of_list && !of_filter) std::abort();
  if (!of_filter) return 0;
  static const FindingRow row{
      .id = "0123456789abcdef0123456789abcdef",
      .account = "111122223333",
      .region = "eu-west-1",
      .type = "Recon:EC2/Portscan",
      .severity = 5.5,
      .created_at = 1'700'000'000'000,
      .count = 3,
      .document = R"({"resource":{"instanceDetails":{"tags":[{"key":"a","value":"b"},{"key":"c"}]}},
                      "service":{"action":{"networkConnectionAction":{"remotePortDetails":{"port":22}}}}})"};
  if (!matches(*of_filter, row)) std::abort();
  return 0;
}
