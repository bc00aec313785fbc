// What a command that is run in a pod through the cluster's API is for.
#pragma once

#include <string_view>

namespace picket {

// Whether `request_uri` of a request to pods/exec names a place where credentials lie: the token that the
// cluster mounts into every pod, AWS's credentials on disk or at the metadata endpoints of instances, tasks
// and pods, the passwords of the node's users, and what the first process was started with.
bool takes_credentials(std::string_view request_uri);

// What the name of such a request says besides.
inline constexpr std::string_view credentials_taken = " that takes credentials";

}  // namespace picket
