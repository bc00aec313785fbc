// CloudTrail's digest files: once an hour, per trail and Region, a signed list of the log files that were
// delivered, with their hashes, and of the digest before it. Format and signed text as AWS's own validator
// reads them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace picket::integrity {

struct LogHash {
  std::string bucket, key;
  std::string sha256;  // of the decompressed bytes, in lower-case hex
};

struct Digest {
  std::string account, bucket, key;  // where it says that it lies
  std::string fingerprint;           // of the public key that proves its signature
  std::string end_text;              // as written: it is part of what is signed
  TimeMs start = 0, end = 0;
  // Of the digest before it; all empty in the first of a chain.
  std::string previous_bucket, previous_key, previous_sha256, previous_signature;
  std::vector<LogHash> logs;
};

// `json` is the decompressed file.
Result<Digest> parse_digest(std::string_view json);

// What CloudTrail signs, RSA PKCS #1 v1.5 with SHA-256.
std::string signed_text(const Digest& digest, std::string_view sha256);

// What `aws s3api head-object` prints of a digest's object: its signature lies in the metadata only.
struct DigestMetadata {
  std::string signature;  // hex
  bool backfill = false;  // of a chain of its own, made afterwards
};
Result<DigestMetadata> parse_metadata(std::string_view json);

// CloudTrail's public keys of a Region.
class PublicKeys {
 public:
  // Takes what `aws cloudtrail list-public-keys` prints, or keys in PEM; of the latter nobody knows the
  // fingerprint.
  Result<void> add(std::string_view text, const std::string& where);
  enum class Answer : unsigned char { valid, invalid, no_key };
  Answer verify(std::string_view fingerprint, std::string_view text, std::string_view signature_hex) const;
  std::size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string fingerprint;  // empty: any
    std::shared_ptr<void> key;
  };
  std::vector<Key> keys_;
};

// SHA-256 of a text that comes in pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  std::string hex();  // ends it

 private:
  std::shared_ptr<void> context_;
};

}  // namespace picket::integrity
