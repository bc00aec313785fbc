#include "models/registered_domain.h"

#include <libpsl.h>

namespace picket {

NameParts parts_of(const std::string& name) {
  if (name.find('.') == std::string::npos || name.front() == '.' || name.find('\0') != std::string::npos)
    return {};
  const psl_ctx_t* suffixes = psl_builtin();
  if (suffixes == nullptr) return {};
  const char* registered = psl_registrable_domain(suffixes, name.c_str());
  if (registered == nullptr) return {};
  const std::string_view whole = name;
  const auto begin = static_cast<std::size_t>(registered - name.c_str());
  NameParts parts;
  parts.registered = whole.substr(begin);
  parts.label = parts.registered.substr(0, parts.registered.find('.'));
  if (begin > 0) parts.below = whole.substr(0, begin - 1);
  return parts;
}

}  // namespace picket
