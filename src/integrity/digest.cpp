#include "integrity/digest.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/text.h"
#include "event/raw_json.h"

namespace picket::integrity {

namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Empty when it is no hex text.
std::string from_hex(std::string_view text) {
  std::string out;
  if (text.size() % 2 != 0) return out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = nibble(text[i]), low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

// Of PKCS #1 or SubjectPublicKeyInfo, in DER or PEM.
std::shared_ptr<void> load_key(std::string_view text) {
  EVP_PKEY* key = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, decltype(&OSSL_DECODER_CTX_free)> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&key, nullptr, nullptr, "RSA", EVP_PKEY_PUBLIC_KEY, nullptr, nullptr),
      OSSL_DECODER_CTX_free);
  const unsigned char* data = bytes(text);
  std::size_t size = text.size();
  if (!decoder || OSSL_DECODER_from_data(decoder.get(), &data, &size) != 1 || key == nullptr) return nullptr;
  return {key, [](void* made) { EVP_PKEY_free(static_cast<EVP_PKEY*>(made)); }};
}

bool matches(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

// "" for JSON null or nothing at all; nothing for what is no text.
std::optional<std::string> text_or_null(const simdjson::dom::element& object, const char* name) {
  simdjson::dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return "";
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::unexpected<Error> no_digest(const std::string& why) {
  return fail(ErrorKind::invalid, "this is no digest file: " + why);
}

}  // namespace

Result<Digest> parse_digest(std::string_view json) {
  const JsonDocument document(json);
  const auto root = document.root();
  if (!root || !root->is_object()) return no_digest("it is no JSON object");
  Digest out;
  std::string start;
  const std::pair<const char*, std::string*> members[] = {
      {"awsAccountId", &out.account},
      {"digestS3Bucket", &out.bucket},
      {"digestS3Object", &out.key},
      {"digestPublicKeyFingerprint", &out.fingerprint},
      {"digestStartTime", &start},
      {"digestEndTime", &out.end_text},
      {"previousDigestS3Bucket", &out.previous_bucket},
      {"previousDigestS3Object", &out.previous_key},
      {"previousDigestHashValue", &out.previous_sha256},
      {"previousDigestSignature", &out.previous_signature},
  };
  for (const auto& [name, to] : members) {
    auto text = text_or_null(*root, name);
    if (!text) return no_digest(std::string(name) + " is no text");
    *to = std::move(*text);
  }
  for (const char* name : {"digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint"})
    if (text_or_null(*root, name)->empty()) return no_digest(std::string(name) + " is missing");
  const auto began = parse_time(start), ended = parse_time(out.end_text);
  if (!began || !ended) return no_digest("it does not say from when to when it is");
  out.start = *began;
  out.end = *ended;
  out.previous_sha256 = lower(out.previous_sha256);
  simdjson::dom::element value;
  if ((*root)["logFiles"].get(value) != simdjson::SUCCESS || value.is_null()) return out;
  simdjson::dom::array logs;
  if (value.get(logs) != simdjson::SUCCESS) return no_digest("logFiles is no list");
  for (const simdjson::dom::element log : logs) {
    if (!log.is_object()) return no_digest("an entry of logFiles is no object");
    auto bucket = text_or_null(log, "s3Bucket"), key = text_or_null(log, "s3Object"),
         hash = text_or_null(log, "hashValue"), algorithm = text_or_null(log, "hashAlgorithm");
    if (!bucket || !key || !hash || key->empty() || hash->empty())
      return no_digest("an entry of logFiles names no file or no hash");
    if (algorithm != "SHA-256") return no_digest("a log file's hash is not SHA-256");
    out.logs.push_back({std::move(*bucket), std::move(*key), lower(*hash)});
  }
  return out;
}

std::string signed_text(const Digest& digest, std::string_view sha256) {
  std::string text = digest.end_text + '\n' + digest.bucket + '/' + digest.key + '\n';
  text += sha256;
  return text + '\n' + (digest.previous_signature.empty() ? "null" : digest.previous_signature);
}

Result<DigestMetadata> parse_metadata(std::string_view json) {
  const JsonDocument document(json);
  const auto metadata = document.at("Metadata");
  if (!metadata || !metadata->is_object())
    return fail(ErrorKind::invalid, "not what aws s3api head-object prints");
  const auto signature = text_or_null(*metadata, "signature");
  const auto algorithm = text_or_null(*metadata, "signature-algorithm");
  if (!signature || signature->empty()) return fail(ErrorKind::invalid, "the metadata holds no signature");
  if (algorithm != "SHA256withRSA")
    return fail(ErrorKind::unsupported, "signature-algorithm is not SHA256withRSA");
  simdjson::dom::element generated;
  return DigestMetadata{*signature,
                        (*metadata)["backfill-generation-timestamp"].get(generated) == simdjson::SUCCESS};
}

Result<void> PublicKeys::add(std::string_view text, const std::string& where) {
  constexpr std::string_view pem_begin = "-----BEGIN ", pem_end = "-----END ";
  if (text.find(pem_begin) != std::string_view::npos) {
    for (std::size_t at = text.find(pem_begin); at != std::string_view::npos;) {
      std::size_t end = text.find(pem_end, at);
      end = end == std::string_view::npos ? end : text.find('\n', end);
      auto key = load_key(text.substr(at, end == std::string_view::npos ? end : end - at + 1));
      if (!key) return fail(ErrorKind::invalid, "not an RSA public key", where);
      keys_.push_back({"", std::move(key)});
      at = end == std::string_view::npos ? end : text.find(pem_begin, end);
    }
    return {};
  }
  const JsonDocument document(text);
  const auto list = document.at("PublicKeyList");
  simdjson::dom::array keys;
  if (!list || list->get(keys) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "neither PEM nor what aws cloudtrail list-public-keys prints", where);
  for (const simdjson::dom::element item : keys) {
    const auto value = item.is_object() ? text_or_null(item, "Value") : std::nullopt;
    const auto fingerprint = item.is_object() ? text_or_null(item, "Fingerprint") : std::nullopt;
    std::string encoded(value.value_or(""));
    std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
    const auto decoded = from_base64(encoded);
    auto key = decoded ? load_key(*decoded) : nullptr;
    if (!key || !fingerprint || fingerprint->empty())
      return fail(ErrorKind::invalid, "PublicKeyList holds something that is no RSA public key", where);
    keys_.push_back({*fingerprint, std::move(key)});
  }
  return {};
}

PublicKeys::Answer PublicKeys::verify(std::string_view fingerprint, std::string_view text,
                                      std::string_view signature_hex) const {
  const std::string signature = from_hex(signature_hex);
  Answer answer = Answer::no_key;
  for (const Key& key : keys_) {
    if (!key.fingerprint.empty() && key.fingerprint != fingerprint) continue;
    if (!signature.empty() && matches(static_cast<EVP_PKEY*>(key.key.get()), text, signature))
      return Answer::valid;
    // A key without a name may be another one than that which signed.
    if (!key.fingerprint.empty()) answer = Answer::invalid;
  }
  if (answer == Answer::no_key &&
      std::ranges::all_of(keys_, [](const Key& key) { return key.fingerprint.empty(); }) && !keys_.empty())
    return Answer::invalid;
  return answer;
}

Sha256::Sha256()
    : context_(EVP_MD_CTX_new(), [](void* made) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(made)); }) {
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), EVP_sha256(), nullptr);
}

void Sha256::add(std::string_view bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest.data(), &length);
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

}  // namespace picket::integrity
