#include "api/picket_paths.h"

namespace picket::api {

std::optional<FoundOperation> find_picket_operation(std::span<const PicketOperation> operations,
                                                    const aws::HttpRequest& request) {
  if (!request.path.starts_with(picket_root)) return std::nullopt;
  const std::string_view path = request.path.substr(picket_root.size());
  for (const PicketOperation& one : operations) {
    if (request.method != one.method || !path.starts_with(one.before) || !path.ends_with(one.after) ||
        path.size() < one.before.size() + one.after.size())
      continue;
    const std::string_view subject =
        path.substr(one.before.size(), path.size() - one.before.size() - one.after.size());
    if (subject.empty() == one.before.ends_with('/') || subject.contains('/')) continue;
    return FoundOperation{one.name, aws::uri_decode(subject)};
  }
  return std::nullopt;
}

}  // namespace picket::api
