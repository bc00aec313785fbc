#include "decode/envelope.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "base/time.h"
#include "decode/json_index.h"

namespace picket {

namespace {

constexpr std::size_t input_bytes = 8 << 10;
constexpr std::size_t stamp_bytes_max = 30;
constexpr std::size_t depth_max = 16;

}  // namespace

std::string_view cluster_of_log_group(std::string_view log_group) {
  constexpr std::string_view prefix = "/aws/eks/";
  if (!log_group.starts_with(prefix)) return {};
  log_group.remove_prefix(prefix.size());
  return log_group.substr(0, log_group.find('/'));
}

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
    const std::size_t begin = output_.size();
    output_ += text;
    output_.resize(begin + strip_stamps(output_.data() + begin, text.size()));
  }
}

// Where the line that begins at `at` goes on behind its timestamp: `at` itself when it has none, nothing when
// that cannot be told before more is read.
std::optional<std::size_t> EnvelopeSource::behind_stamp(std::string_view text, std::size_t at) {
  const std::string_view head = text.substr(at, stamp_bytes_max + 1);
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n') return at;
    if (head[i] != ' ') continue;
    const std::string_view stamp = head.substr(0, i);
    // With a zone; the reader of times would do without.
    if (stamp.ends_with('Z') ? times_.read(stamp) : parse_time(stamp)) return at + i + 1;
  }
  if (head.size() > stamp_bytes_max || ended_) return at;  // the rest of a broken message
  return std::nullopt;
}

// Takes the timestamps out of the text in place and answers what is left of its size. The beginning of a line
// that may be one is kept for the next text.
std::size_t EnvelopeSource::strip_stamps(char* text, std::size_t size) {
  const std::string_view whole(text, size);
  std::size_t at = 0, kept = 0;
  while (at < size) {
    if (line_start_) {
      const auto behind = behind_stamp(whole, at);
      if (!behind) {
        carry_ = whole.substr(at);
        break;
      }
      at = *behind;
      line_start_ = false;
      if (at == size) break;
    }
    const std::size_t end = std::min(whole.find('\n', at), size - 1) + 1;
    std::memmove(text + kept, text + at, end - at);
    kept += end - at;
    line_start_ = text[kept - 1] == '\n';
    at = end;
  }
  return kept;
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
  } else if (member_ == "owner" && owner_.empty() && members_.size() == 1 && is_account_id(string_)) {
    owner_ = string_;
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
  if (container_ == Container::export_lines && output_at_ == output_.size() && into.size() >= input_bytes) {
    return read_lines(into);
  }
  while (output_at_ == output_.size() && !ended_) {
    output_.clear();
    output_at_ = 0;
    const std::size_t carried = carry_.copy(input_.data(), carry_.size());
    carry_.clear();
    const auto got = decoded_.read(std::span(input_).subspan(carried));
    if (!got) return got;
    ended_ = *got == 0;
    take({input_.data(), carried + *got});
  }
  const std::size_t size = std::min(into.size(), output_.size() - output_at_);
  std::memcpy(into.data(), output_.data() + output_at_, size);
  output_at_ += size;
  return size;
}

// Straight into the caller's room: lines only get shorter.
Result<std::size_t> EnvelopeSource::read_lines(std::span<char> into) {
  std::size_t size = 0;
  while (size == 0 && !ended_) {
    const std::size_t carried = carry_.copy(into.data(), carry_.size());
    carry_.clear();
    const auto got = decoded_.read(into.subspan(carried));
    if (!got) return got;
    ended_ = *got == 0;
    size = strip_stamps(into.data(), carried + *got);
  }
  return size;
}

}  // namespace picket
