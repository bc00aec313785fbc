// Secrets at rest: each sealed by itself with AES-256-GCM under the installation's master key, and bound to
// what it belongs to, so that one copied to another place does not open there.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::aws {

class SecretBox {
 public:
  // The master key: the environment's PICKET_MASTER_KEY (32 bytes in base64), else the file, which is made
  // with a random key when it is absent. A file that others may read is refused.
  static Result<SecretBox> open(const std::filesystem::path& key_file);
  ~SecretBox();
  SecretBox(const SecretBox&) = default;
  SecretBox& operator=(const SecretBox&) = default;

  Result<std::string> seal(std::string_view secret, std::string_view bound_to) const;  // base64url
  // Fails for a text that this key did not seal for `bound_to`, whatever was changed.
  Result<std::string> unseal(std::string_view sealed, std::string_view bound_to) const;

 private:
  using Key = std::array<unsigned char, 32>;
  explicit SecretBox(const Key& key) : key_(key) {}
  static Result<SecretBox> from_text(std::string_view base64, const std::string& where);
  Key key_;
};

}  // namespace picket::aws
