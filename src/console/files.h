// The built console (web/), part of the binary.
#pragma once

#include <span>
#include <string_view>

namespace picket::console {

struct File {
  std::string_view path;  // "index.html", "assets/findings-4f2a.js"
  std::string_view content_type;
  std::string_view hash;   // of the content
  std::string_view bytes;  // packed with gzip where `gzipped`
  bool gzipped = false;
};

}  // namespace picket::console
