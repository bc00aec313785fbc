// How functions that can fail answer: Result<T>, whose Error says what went wrong, where and on which input.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace picket {

enum class ErrorKind : unsigned char {
  invalid,      // the input breaks its format or contract
  not_found,    // what was named does not exist
  io,           // the operating system refused
  too_large,    // a cap was reached
  unsupported,  // recognised, but nothing we can do here (the message tells the way out)
  conflict,
  internal,
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string what;   // one sentence for the user, without a full stop
  std::string where;  // file, key, URL or object it concerns; empty when the sentence says it
  // Byte offset into the input, or -1.
  long long offset = -1;

  std::string message() const { return where.empty() ? what : where + ": " + what; }
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string what, std::string where = {}) {
  return std::unexpected(Error{kind, std::move(what), std::move(where), -1});
}

}  // namespace picket
