// Log lines out of CloudWatch Logs containers, whatever kind of log the lines are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decode/decoder.h"
#include "decode/json_text.h"
#include "decode/sniff.h"

namespace picket {

// "/aws/eks/CLUSTER/cluster" -> CLUSTER; empty for other log groups.
std::string_view cluster_of_log_group(std::string_view log_group);

// Reads a container and gives its records as lines: each "message" of subscription data and of get-log-events
// output, each line of an export without its timestamp. A record's number is its line's. Line breaks inside a
// message become blanks. Memory is bounded by the record limit; a longer message is cut there (its decoder
// then sets it aside).
class EnvelopeSource final : public ByteSource {
 public:
  // `prefix` is what was read of `decoded` already.
  EnvelopeSource(ByteSource& decoded, std::string_view prefix, Container container,
                 const DecodeLimits& limits);
  ~EnvelopeSource() override;
  Result<std::size_t> read(std::span<char> into) override;
  // The first log group that was named ("/aws/eks/CLUSTER/cluster"); empty when none was so far.
  const std::string& log_group() const { return log_group_; }
  // The account of the first log group; empty when none was named so far.
  const std::string& owner() const { return owner_; }

 private:
  void take(std::string_view text);
  void take_json(char c);
  void end_string();
  std::optional<std::size_t> behind_stamp(std::string_view text, std::size_t at);
  std::size_t strip_stamps(char* text, std::size_t size);
  Result<std::size_t> read_lines(std::span<char> into);

  ByteSource& decoded_;
  const Container container_;
  const DecodeLimits limits_;
  std::vector<char> input_;
  std::string output_;  // lines not yet given out, from output_at_
  std::size_t output_at_ = 0;
  bool ended_ = false;
  std::string log_group_, owner_;
  // Where in the JSON the next byte is.
  std::vector<std::string>
      members_;         // of each open container: the member it is the value of; empty in arrays
  std::string string_;  // the string being read, escapes as they are
  std::string member_;  // the member whose value comes next
  bool in_string_ = false, escaped_ = false, value_ = false;
  bool control_ = false;    // in a CONTROL_MESSAGE, which carries no record
  std::size_t deeper_ = 0;  // open containers beyond those kept
  // Of export lines.
  std::string carry_;  // the beginning of a line whose timestamp was not whole
  bool line_start_ = true;
  TimeReader times_;
};

}  // namespace picket
