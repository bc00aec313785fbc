// A finding's document: what the store accepts is still JSON with the user's state merged in, and has
// the same filterable values as before.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "store/finding_document.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  const auto values_of = [](std::string_view json, std::string& out) {
    return flatten_document(json, [&](AttributeId attribute, std::string_view value) {
      out += std::to_string(attribute) + '=' + std::string(value) + '\n';
    });
  };
  std::string before, after;
  if (!values_of(document, before)) return 0;
  const auto offset = service_offset(document);
  if (!offset) return 0;
  if (!values_of(with_user_state(document, *offset, true, "USEFUL"), after)) std::abort();
  if (before != after) std::abort();
  return 0;
}
