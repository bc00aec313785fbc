// A queried name cut where its registrant's own choice begins.
#pragma once

#include <string>
#include <string_view>

namespace picket {

// A name as the models look at it: lower case, without trailing dot. The views point into `name`.
struct NameParts {
  std::string_view below;       // what stands left of the registered domain, without its last dot
  std::string_view registered;  // "example.co.uk"
  std::string_view label;       // "example"
};

// By the public suffix list, its private section included: who gets a name under duckdns.org chose it as
// freely as one under com. All parts are empty for a bare suffix, a single label and an address. `name` must
// be lower case and without trailing dot.
NameParts parts_of(const std::string& name);

// By the suffixes that registries run and those of dynamic DNS, where anyone takes a name for nothing: the
// machine-made names that clouds and content delivery hand out below their own domains are not labels here.
// All parts are empty also where the top-level domain is neither a public one nor of a root beside that is
// sold.
NameParts chosen_parts_of(const std::string& name);

// Whether the registered domain is one that chosen_parts_of() cut below a provider of dynamic DNS.
bool below_dynamic_dns(std::string_view registered);

}  // namespace picket
