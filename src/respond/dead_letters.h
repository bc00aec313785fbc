// The file of what was given up: told, and sent again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "respond/finding_event.h"

namespace picket::respond {

struct DeadLetter {
  TimeMs time = 0;  // when it was given up
  std::string target, rule, error;
  unsigned attempts = 0;
  FindingEvent event;  // with the id it had
};

// A line of the file.
std::string dead_letter_line(const DeadLetter& letter);
Result<DeadLetter> parse_dead_letter(std::string_view line);

struct DeadLetters {
  std::vector<DeadLetter> letters;
  std::size_t unreadable = 0;  // lines
};
// An absent file has none.
Result<DeadLetters> read_dead_letters(const std::string& file);

struct Resent {
  std::size_t sent = 0, kept = 0;  // lines; what is not wanted or cannot be read is kept
  std::string first_error;
};
// Hands every letter to `send`; what it takes leaves the file. A server may go on writing to the file. What a
// crash interrupts is sent again the next time.
Result<Resent> resend(const std::string& file, const std::function<bool(const DeadLetter&)>& wanted,
                      const std::function<Result<void>(const DeadLetter&)>& send);

}  // namespace picket::respond
