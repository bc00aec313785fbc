// Public DNS resolvers and how they can be asked: data/learning/public_resolvers.csv, which is part of the
// binary.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"

namespace picket {

struct PublicResolver {
  std::string_view provider;     // "Quad9"
  std::string_view server_name;  // as in its certificate; empty when it speaks plain DNS only
  bool over_https = false;
};

// The resolver at this address; nullptr when none is listed.
const PublicResolver* public_resolver(const IpAddress& ip);

// Whether DNS over HTTPS is served there. Fast: asked for every flow to port 443.
bool serves_dns_over_https(const IpAddress& ip);

}  // namespace picket
