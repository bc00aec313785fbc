// What a bucket's policy text grants to everyone.
#pragma once

#include <string_view>

namespace picket {

struct PublicGrants {
  bool read = false;   // objects or their list
  bool write = false;  // putting or deleting objects
};

// Statements for everyone ("*") without a condition count; with one, S3 may still call the bucket private, so
// they do not. A text that is no policy grants nothing.
PublicGrants public_grants_of(std::string_view policy);

}  // namespace picket
