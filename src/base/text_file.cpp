#include "base/text_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace picket {

Result<std::string> read_text_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io, std::strerror(errno), path);
  std::string content;
  std::size_t used = 0;
  while (true) {
    content.resize(used + (std::size_t{1} << 18));
    const std::size_t got = std::fread(content.data() + used, 1, content.size() - used, file.get());
    used += got;
    if (got == 0) break;
  }
  if (std::ferror(file.get()) != 0) return fail(ErrorKind::io, std::strerror(errno), path);
  content.resize(used);
  return content;
}

}  // namespace picket
