#include "state/pod_command.h"

#include <algorithm>
#include <array>
#include <string>

namespace picket {

bool takes_credentials(std::string_view request_uri) {
  constexpr std::array<std::string_view, 7> places = {
      "/serviceaccount/token", "169.254.169.254", "169.254.170.2",  // .23 is EKS Pod Identity's
      "/.aws/credentials",     "/etc/shadow",     "/proc/1/environ", "/proc/self/environ"};
  const std::size_t query = request_uri.find('?');
  if (query == request_uri.npos) return false;
  // Clients write slashes as they are or as %2F.
  std::string text;
  for (std::string_view rest = request_uri.substr(query); !rest.empty();) {
    const bool slash = rest.starts_with("%2F") || rest.starts_with("%2f");
    text += slash ? '/' : rest.front();
    rest.remove_prefix(slash ? 3 : 1);
  }
  return std::ranges::any_of(places, [&](std::string_view place) { return text.contains(place); });
}

}  // namespace picket
