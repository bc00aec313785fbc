#include "aws/secret_box.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "aws/private_file.h"
#include "base/base64.h"
#include "base/whole_file.h"

namespace picket::aws {

namespace {

constexpr int nonce_bytes = 12, tag_bytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> does_not_open() {
  return fail(ErrorKind::invalid,
              "a sealed secret does not open: the master key is another one, or it was changed");
}

}  // namespace

SecretBox::~SecretBox() { OPENSSL_cleanse(key_.data(), key_.size()); }

Result<SecretBox> SecretBox::from_text(std::string_view base64, const std::string& where) {
  std::string text(base64);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  auto raw = from_base64url(text);
  OPENSSL_cleanse(text.data(), text.size());
  Key key{};
  if (!raw || raw->size() != key.size())
    return fail(ErrorKind::invalid, "the master key must be 32 bytes in base64", where);
  std::memcpy(key.data(), raw->data(), key.size());
  OPENSSL_cleanse(raw->data(), raw->size());
  const SecretBox box(key);
  OPENSSL_cleanse(key.data(), key.size());
  return box;
}

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
  if (const char* given = std::getenv("PICKET_MASTER_KEY")) return from_text(given, "PICKET_MASTER_KEY");
  auto text = read_private(key_file);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) {
    const auto fresh = random_bytes(Key{}.size());
    if (!fresh) return std::unexpected(fresh.error());
    *text = to_base64url(*fresh) + '\n';
    if (auto ok = write_whole_file(key_file, *text); !ok) return std::unexpected(ok.error());
  }
  auto box = from_text(*text, key_file.string());
  OPENSSL_cleanse(text->data(), text->size());
  return box;
}

Result<std::string> SecretBox::seal(std::string_view secret, std::string_view bound_to) const {
  const auto nonce = random_bytes(nonce_bytes);
  if (!nonce) return std::unexpected(nonce.error());
  std::string cipher(secret.size(), '\0'), tag(tag_bytes, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes(*nonce)) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &length, bytes(bound_to),
                        static_cast<int>(bound_to.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), bytes(cipher), &length, bytes(secret),
                        static_cast<int>(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), nullptr, &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) == 1;
  if (!done) return fail(ErrorKind::internal, "AES-256-GCM failed");
  return to_base64url(*nonce + cipher + tag);
}

Result<std::string> SecretBox::unseal(std::string_view sealed, std::string_view bound_to) const {
  auto raw = from_base64url(sealed);
  if (!raw || raw->size() < nonce_bytes + tag_bytes) return does_not_open();
  const std::string_view all = *raw;
  const std::string_view cipher = all.substr(nonce_bytes, all.size() - nonce_bytes - tag_bytes);
  std::string tag(all.substr(all.size() - tag_bytes)), secret(cipher.size(), '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool done =
      context &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes(all)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &length, bytes(bound_to),
                        static_cast<int>(bound_to.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), bytes(secret), &length, bytes(cipher),
                        static_cast<int>(cipher.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), nullptr, &length) == 1;
  if (!done) {
    OPENSSL_cleanse(secret.data(), secret.size());
    return does_not_open();
  }
  return secret;
}

}  // namespace picket::aws
