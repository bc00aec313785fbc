#include "integrity/digest.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace picket::integrity {
namespace {

constexpr std::string_view whole = R"({"awsAccountId": "111122223333",
  "digestStartTime": "2026-09-14T01:00:00Z", "digestEndTime": "2026-09-14T02:00:00Z",
  "digestS3Bucket": "trail", "digestS3Object": "AWSLogs/d.json.gz", "digestPublicKeyFingerprint": "f0",
  "digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": null, "oldestEventTime": null,
  "previousDigestS3Bucket": "trail", "previousDigestS3Object": "AWSLogs/c.json.gz",
  "previousDigestHashValue": "AB01", "previousDigestHashAlgorithm": "SHA-256", "previousDigestSignature": "c0ffee",
  "logFiles": [{"s3Bucket": "trail", "s3Object": "AWSLogs/l.json.gz", "hashValue": "CD02", "hashAlgorithm": "SHA-256"}]})";

std::string with(std::string_view what, std::string_view instead) {
  std::string text(whole);
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

TEST(Digest, IsRead) {
  const auto digest = parse_digest(whole);
  ASSERT_TRUE(digest) << digest.error().message();
  EXPECT_EQ(digest->key, "AWSLogs/d.json.gz");
  EXPECT_EQ(digest->end - digest->start, hour_ms);
  EXPECT_EQ(digest->previous_sha256, "ab01");
  ASSERT_EQ(digest->logs.size(), 1U);
  EXPECT_EQ(digest->logs[0].sha256, "cd02");
  EXPECT_EQ(signed_text(*digest, "99"), "2026-09-14T02:00:00Z\ntrail/AWSLogs/d.json.gz\n99\nc0ffee");
}

TEST(Digest, OfTheFirstHourHasNoneBeforeIt) {
  const auto digest = parse_digest(with(R"("c0ffee")", "null"));
  ASSERT_TRUE(digest);
  EXPECT_TRUE(signed_text(*digest, "99").ends_with("\nnull"));
}

TEST(Digest, IsRefusedWhenSomethingIsWrong) {
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string("nothing"), with("2026-09-14T02:00:00Z", "soon"),
        with(R"("AWSLogs/d.json.gz")", "7"), with(R"("AWSLogs/d.json.gz")", "null"),
        with(R"("CD02")", "null"), with(R"("SHA-256"}])", R"("MD5"}])"),
        with(R"([{"s3Bucket")", R"([3, {"s3Bucket")"), with(R"("f0")", R"("")")})
    EXPECT_FALSE(parse_digest(text)) << text;
}

TEST(DigestMetadata, IsWhatHeadObjectPrints) {
  const auto plain =
      parse_metadata(R"({"Metadata": {"signature": "ab", "signature-algorithm": "SHA256withRSA"}})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->signature, "ab");
  EXPECT_FALSE(plain->backfill);
  const auto later = parse_metadata(
      R"({"Metadata": {"signature": "ab", "signature-algorithm": "SHA256withRSA", "backfill-generation-timestamp": "x"}})");
  ASSERT_TRUE(later);
  EXPECT_TRUE(later->backfill);
  EXPECT_FALSE(parse_metadata(R"({"Metadata": {}})"));
  EXPECT_FALSE(parse_metadata(R"({"Metadata": {"signature": "ab", "signature-algorithm": "MD5"}})"));
}

// A key, its public half in PEM, and what it signs.
struct TestKey {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_RSA_gen(2048), EVP_PKEY_free};

  std::string pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  std::string listing(std::string_view fingerprint) const {
    unsigned char* der = nullptr;
    const int size = i2d_PublicKey(key.get(), &der);
    std::string base64(static_cast<std::size_t>(size + 2) / 3 * 4 + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), der, size);
    OPENSSL_free(der);
    base64.pop_back();
    return R"({"PublicKeyList": [{"Value": ")" + base64 + R"(", "Fingerprint": ")" +
           std::string(fingerprint) + R"("}]})";
  }
  std::string sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
    std::string raw(512, '\0');
    std::size_t size = raw.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(raw.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    std::string hex;
    for (std::size_t i = 0; i < size; ++i) {
      constexpr std::string_view digits = "0123456789abcdef";
      hex += digits[static_cast<unsigned char>(raw[i]) >> 4];
      hex += digits[static_cast<unsigned char>(raw[i]) & 15];
    }
    return hex;
  }
};

TEST(PublicKeys, Verify) {
  const TestKey key, other;
  PublicKeys listed, pem;
  ASSERT_TRUE(listed.add(key.listing("f0"), "keys.json"));
  ASSERT_TRUE(pem.add(other.pem() + key.pem(), "keys.pem"));
  EXPECT_EQ(pem.size(), 2U);
  const std::string signature = key.sign("text");
  using Answer = PublicKeys::Answer;
  EXPECT_EQ(listed.verify("f0", "text", signature), Answer::valid);
  EXPECT_EQ(pem.verify("f0", "text", signature), Answer::valid);
  EXPECT_EQ(listed.verify("f0", "Text", signature), Answer::invalid);
  EXPECT_EQ(pem.verify("f0", "Text", signature), Answer::invalid);
  EXPECT_EQ(listed.verify("f0", "text", other.sign("text")), Answer::invalid);
  EXPECT_EQ(listed.verify("f1", "text", signature), Answer::no_key);
  for (const char* broken : {"", "0", "zz", "00"})
    EXPECT_EQ(listed.verify("f0", "text", broken), Answer::invalid) << broken;
  EXPECT_EQ(PublicKeys().verify("f0", "text", signature), Answer::no_key);
}

TEST(PublicKeys, RefuseWhatIsNoKey) {
  PublicKeys keys;
  for (const char* text : {"", "{}", R"({"PublicKeyList": [{"Value": "AAAA", "Fingerprint": "f"}]})",
                           R"({"PublicKeyList": [1]})",
                           "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "-----BEGIN "})
    EXPECT_FALSE(keys.add(text, "keys")) << text;
  EXPECT_EQ(keys.size(), 0U);
}

TEST(Sha256, IsThatOfTheWholeText) {
  Sha256 hash;
  hash.add("a");
  hash.add("bc");
  EXPECT_EQ(hash.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace picket::integrity
