// XML answers of AWS's services.
#include <cstdint>

#include "aws/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto root = picket::aws::parse_xml({reinterpret_cast<const char*>(data), size});
  if (!root) return 0;
  (void)root->at("Error/Code");
  for (const picket::aws::Xml* item : root->all("set/item")) (void)item->find("a/b");
  return 0;
}
