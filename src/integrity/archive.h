// Where an archive that is verified lies: in files, or in a bucket.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/role_key.h"
#include "aws/s3.h"
#include "integrity/digest.h"
#include "net/http_client.h"
#include "source/file_source.h"

namespace picket::integrity {

class Archive {
 public:
  virtual ~Archive() = default;
  // What lies below a place. `from`: what was written on earlier days may be left out. A listing with
  // failures may lack anything.
  virtual Listing list(const std::string& place, std::optional<TimeMs> from) const = 0;

  struct Opened {
    std::unique_ptr<ByteSource> bytes;
    std::optional<DigestMetadata> metadata;  // that the object itself has
  };
  // Errors of kind `io` say nothing of what lies there where it is not at hand.
  virtual Result<Opened> open(const std::string& path) const = 0;
  // Whether another answer than a moment ago may be the network's fault.
  virtual bool is_remote() const { return false; }
};

// Files, folders and globs.
class FileArchive final : public Archive {
 public:
  Listing list(const std::string& place, std::optional<TimeMs> from) const override;
  Result<Opened> open(const std::string& path) const override;
};

struct BucketSettings {
  std::string region = "us-east-1";  // to ask first
  std::string endpoint;              // empty: AWS
  std::string role, external_id;     // assumed with the key; empty: the key's own rights
};

// "s3://BUCKET/PREFIX" and what lies below. Of AWS's key layout only the folders of CloudTrail and its
// digests are looked into.
class BucketArchive final : public Archive {
 public:
  // The endpoint may be anywhere. `clock` is the wall clock.
  static Result<std::unique_ptr<BucketArchive>> make(BucketSettings settings,
                                                     const std::vector<std::string>& allow_hosts,
                                                     const std::string& ca_file,
                                                     std::optional<aws::CallerKey> key,
                                                     std::function<TimeMs()> clock);
  // Objects carry the hash of their entity tag as `inode`: it tells one content of a key from another.
  Listing list(const std::string& place, std::optional<TimeMs> from) const override;
  Result<Opened> open(const std::string& path) const override;
  bool is_remote() const override { return true; }

 private:
  BucketArchive(BucketSettings settings, net::AddressGuard guard, const std::string& ca_file,
                std::optional<aws::CallerKey> key, std::function<TimeMs()> clock);
  Result<aws::S3Client> client() const;

  const BucketSettings settings_;
  const std::function<TimeMs()> clock_;
  const net::HttpClient http_;
  mutable aws::RoleKey key_;
};

// Whether the folder "…/AWSLogs/…/" may hold CloudTrail's log files or digests of `from` or later; the day
// before counts, for what was delivered around midnight.
bool may_hold_trail(std::string_view folder, std::optional<TimeMs> from);

}  // namespace picket::integrity
