#include "decode/envelope.h"

#include <algorithm>
#include <cstring>

#include "base/time.h"
#include "decode/json_index.h"

namespace picket {

namespace {

constexpr std::size_t input_bytes = 64 << 10;
constexpr std::size_t stamp_bytes_max = 30;
constexpr std::size_t depth_max = 16;

}  // namespace

EnvelopeSource::EnvelopeSource(ByteSource& decoded, std::string_view prefix, Container container,
                               const DecodeLimits& limits)
    : decoded_(decoded), container_(container), limits_(limits), input_(input_bytes) {
  take(prefix);
}
EnvelopeSource::~EnvelopeSource() = default;

void EnvelopeSource::take(std::string_view text) {
  if (container_ == Container::subscription) {
    for (const char c : text) take_json(c);
  } else {
    for (const char c : text) take_line(c);
  }
}

void EnvelopeSource::take_line(char c) {
  if (c == '\n') {
    if (!stamp_done_) output_ += stamp_;
    output_ += '\n';
    stamp_.clear();
    stamp_done_ = false;
    return;
  }
  if (stamp_done_) {
    output_ += c;
    return;
  }
  if (c == ' ' && parse_time(stamp_)) {
    stamp_done_ = true;
    stamp_.clear();
    return;
  }
  stamp_ += c;
  if (stamp_.size() > stamp_bytes_max) {  // a line without a timestamp: the rest of a broken message
    output_ += stamp_;
    stamp_.clear();
    stamp_done_ = true;
  }
}

void EnvelopeSource::end_string() {
  if (!value_) {
    member_ = string_;
    return;
  }
  const bool in_events = members_.size() >= 2 && (members_[members_.size() - 2] == "logEvents" ||
                                                  members_[members_.size() - 2] == "events");
  if (member_ == "message" && in_events && !control_) {
    std::string message(string_.size(), '\0');
    const std::ptrdiff_t size = unescape_json(string_, message.data());
    if (size >= 0)
      message.resize(static_cast<std::size_t>(size));
    else
      message = string_;
    std::ranges::replace(message, '\n', ' ');
    while (!message.empty() && message.back() == ' ') message.pop_back();
    output_ += message;
    output_ += '\n';
  } else if (member_ == "messageType") {
    control_ = string_ == "CONTROL_MESSAGE";
  } else if (member_ == "logGroup" && log_group_.empty()) {
    log_group_ = string_;
    std::erase(log_group_, '\\');
  }
  value_ = false;
}

void EnvelopeSource::take_json(char c) {
  if (in_string_) {
    if (!escaped_ && c == '"') {
      in_string_ = false;
      end_string();
      return;
    }
    escaped_ = !escaped_ && c == '\\';
    if (string_.size() <= limits_.record_bytes_max) string_ += c;
    return;
  }
  switch (c) {
    case '"':
      in_string_ = true;
      string_.clear();
      break;
    case ':':
      value_ = true;
      break;
    case ',':
      value_ = false;
      break;
    case '{':
    case '[':
      // The member names the array, and the array its elements; deeper levels than any container has are not
      // told apart.
      if (members_.size() < depth_max)
        members_.push_back(c == '[' ? member_ : std::string{});
      else
        ++deeper_;
      member_.clear();
      value_ = false;
      break;
    case '}':
    case ']':
      if (deeper_ > 0)
        --deeper_;
      else if (!members_.empty())
        members_.pop_back();
      value_ = false;
      break;
    default:
      break;
  }
}

Result<std::size_t> EnvelopeSource::read(std::span<char> into) {
  while (output_at_ == output_.size() && !ended_) {
    output_.clear();
    output_at_ = 0;
    const auto got = decoded_.read(input_);
    if (!got) return got;
    if (*got == 0) {
      ended_ = true;
      if (container_ == Container::export_lines && !stamp_.empty()) output_ += stamp_;
    }
    take({input_.data(), *got});
  }
  const std::size_t size = std::min(into.size(), output_.size() - output_at_);
  std::memcpy(into.data(), output_.data() + output_at_, size);
  output_at_ += size;
  return size;
}

}  // namespace picket
