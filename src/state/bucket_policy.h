// Whom a bucket's policy lets in: a reading of S3 policy documents by the rules of IAM's evaluation and of
// what S3 itself calls public. Statements are read one by one; a denial of everybody takes a grant back,
// Block Public Access does not show in a policy and is not weighed here.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

enum class BucketAudience : std::uint8_t {
  named,          // accounts, organisations, networks or services that the grant names
  authenticated,  // whoever has credentials of any AWS account
  everyone,
};

struct BucketPolicyVerdict {
  // The widest audience that a statement lets in, and the statement: its Sid, else its number from 1.
  BucketAudience audience = BucketAudience::named;
  std::string statement;
  // The statement that denies that audience all that this one allows; empty when there is none.
  std::string taken_back_by;
  // What stands for everyone: objects or their list read, objects put or deleted.
  bool public_read = false, public_write = false;
  // Accounts that an Allow names as principals, sorted; whose the bucket is, a policy does not tell.
  std::vector<std::string> accounts;

  // More than it names, and no denial takes that back.
  bool lets_in_strangers() const { return audience != BucketAudience::named && taken_back_by.empty(); }
};

// A document that is no policy lets nobody in.
BucketPolicyVerdict evaluate_bucket_policy(const simdjson::dom::element& policy);
BucketPolicyVerdict evaluate_bucket_policy(std::string_view policy);

}  // namespace picket
