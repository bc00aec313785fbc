// Bytes of one object in, events out. `decode_object` undoes compression and containers, recognises
// the kind of log by its content (and, where content leaves it open, by AWS's key layout), and drives
// the decoder of that kind. Memory is bounded by `DecodeLimits`, whatever the object claims of itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "decode/sink.h"

namespace picket {

struct DecodeLimits {
  // CloudTrail's records are of 256 KiB at most, and nest a dozen levels; the ratio is above gzip's best on
  // real logs (DNS 8.6, SANS CloudTrail 30) by an order of magnitude, deflate's own limit being 1,032.
  std::uint64_t object_bytes_max = 16ULL << 30;  // decoded
  std::uint64_t record_bytes_max = 1ULL << 20;
  unsigned ratio_max = 500;  // gzip: checked from 256 KiB on, Zstandard: from 16 MiB
  // Of text in which there is no record, for each packed byte, and beyond `record_bytes_max`: what the best
  // packed of real logs comes to.
  unsigned barren_ratio_max = 32;
  unsigned depth_max = 64;
};

// Who can write into a bucket could make a small object of a hundred million records of two bytes, or of
// brackets alone, which would take the time of thousands of objects. When so many are none and no record was
// read before them, decoders set the rest aside as one.
constexpr std::uint64_t hopeless_after = 1000;
constexpr std::uint64_t hopeless_long_after = 8;  // when they are long
constexpr bool is_hopeless(std::uint64_t set_aside, std::uint64_t text_bytes, const DecodeLimits& limits) {
  return set_aside >= hopeless_after ||
         (set_aside >= hopeless_long_after && text_bytes >= limits.record_bytes_max);
}
// What stands with the rest.
std::string hopeless_detail(std::uint64_t set_aside);

// What is known of an object before it is read.
struct ObjectInfo {
  std::string key;              // as in the manifest: relative to its source, "/" separated
  std::optional<LogKind> kind;  // set by configuration; else recognised
  std::string account, region;  // of the source or the key, where the records do not carry them; may be empty
  std::string cluster;          // EKS cluster of the source or the key; may be empty
  std::string flow_format;      // field names of a flow log without header line; empty = header or version 2
};

// Pulls bytes; 0 at the end.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual Result<std::size_t> read(std::span<char> into) = 0;
};

std::unique_ptr<ByteSource> memory_source(std::string_view bytes);

enum class ObjectVerdict : std::uint8_t {
  decoded,    // it is a log of ours (possibly with quarantined records, possibly empty)
  not_a_log,  // other AWS prefixes, CSV, labels, README: skipped and counted, no failure
  failed,     // it should be a log, but could not be read or decoded at all, or was cut short
};

struct DecodeReport {
  ObjectVerdict verdict = ObjectVerdict::not_a_log;
  std::optional<LogKind> kind;
  std::uint64_t bytes_in = 0, bytes_decoded = 0;
  std::uint64_t records_read = 0;  // = events delivered + filtered + quarantined
  // Set with not_a_log (why it was skipped) and failed (what went wrong; records before it were delivered).
  // With decoded it is a remark (bytes behind the compressed data) or empty.
  std::string reason;
  // CloudTrail delivery objects: records that came after the first gzip member (their digest does not cover
  // them).
  std::uint64_t first_unverified_position = 0;
};

DecodeReport decode_object(ByteSource& source, const ObjectInfo& info, const DecodeLimits& limits,
                           EventSink& sink);

// The first decoded bytes of an object, at most `bytes_max`, as far as they can be read: for whoever orders
// objects by their first time (sniff_kind and peek_first_time take it).
std::string decoded_prefix(ByteSource& source, std::size_t bytes_max, const DecodeLimits& limits);

// One kind's decoder, fed with decoded text. `decode_object` owns the window and the carry-over.
class TextDecoder {
 public:
  virtual ~TextDecoder() = default;
  // How much text it wants at once when there is that much (bytes).
  virtual std::size_t window() const = 0;
  // Handles the complete records at the start of [text, text + size) and returns the bytes consumed; what is
  // left comes again with more behind it. 64 writable bytes follow the text. With `last` nothing follows and
  // all must be consumed. A return of 0 without `last` asks for a larger window (up to record_bytes_max
  // more).
  virtual std::size_t feed(char* text, std::size_t size, bool last) = 0;
  // The object was read to its end, and not because it could be read no further.
  virtual void end() {}
  // Records seen so far (delivered, filtered and quarantined).
  virtual std::uint64_t records_read() const = 0;
  // Bytes of the consumed text that belong to records that could be read (delivered or filtered).
  virtual std::uint64_t record_bytes() const = 0;
};

std::unique_ptr<TextDecoder> make_cloudtrail_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                                     EventSink& sink);
std::unique_ptr<TextDecoder> make_flow_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                               EventSink& sink);
std::unique_ptr<TextDecoder> make_dns_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                              EventSink& sink);
std::unique_ptr<TextDecoder> make_audit_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                                EventSink& sink);

}  // namespace picket
