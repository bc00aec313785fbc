// An endpoint for Amazon Data Firehose's HTTP delivery: what it answers to each request, as AWS documents the
// protocol ("Understand HTTP endpoint delivery request and response specifications"). A request is answered
// with 200 once its records lie in the inbox; a repetition of one that does is answered so at once. Who
// listens hands the requests over.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aws/sigv4.h"
#include "source/push_source.h"

namespace picket {

struct FirehoseAnswer {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct FirehoseSettings {
  std::string name;
  std::string place;  // "firehose://HOST:PORT/PATH"
  std::string path;   // "/PATH"
  RecordOrigin origin;
  std::vector<std::string> access_keys;  // any of them will do, so that they can be exchanged
};

// "firehose://HOST:PORT/PATH" as ("HOST:PORT", "/PATH"); nothing when it is none.
std::optional<std::pair<std::string, std::string>> parse_firehose_url(std::string_view url);

struct FirehoseError {
  unsigned status = 400;
  std::string what;
};
// The records of a request into `intake`; an error when it is none, or too large. `packed`: with gzip.
std::optional<FirehoseError> read_firehose_body(std::string_view body, bool packed, std::string_view id,
                                                Intake& intake);

class FirehoseSource final : public PushSource {
 public:
  // Firehose buffers at most 64 MiB before Base64 makes it a third longer.
  static constexpr std::uint64_t body_bytes_max = 96ULL << 20;      // as sent and when unpacked
  static constexpr std::uint64_t records_bytes_max = 256ULL << 20;  // of a request, each unpacked
  static constexpr std::size_t records_max = 10'000;                // of a request; AWS's own limit

  FirehoseSource(FirehoseSettings settings, Inbox& inbox, std::function<TimeMs()> wall_clock);

  const std::string& path() const { return settings_.path; }
  // By the headers alone: what need not be read further. Wrong keys cost no memory.
  std::optional<FirehoseAnswer> refuse(const aws::HttpRequest& head);
  FirehoseAnswer handle(const aws::HttpRequest& request);

 private:
  FirehoseAnswer answer(unsigned status, std::string_view request_id, std::string_view error);
  FirehoseAnswer refusal(unsigned status, std::string_view request_id, std::string_view error);
  bool has_key(std::string_view given) const;

  const FirehoseSettings settings_;
};

}  // namespace picket
