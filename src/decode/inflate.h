// gzip, zstd or plain bytes as plain bytes, streaming, under one budget.
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

namespace picket {

// What an inflating source needs besides its output; kept between objects, since making one costs page
// faults.
class InflateWorkspace {
 public:
  InflateWorkspace();
  ~InflateWorkspace();
  InflateWorkspace(InflateWorkspace&&) noexcept;
  InflateWorkspace& operator=(InflateWorkspace&&) noexcept;

 private:
  friend class InflatingSource;
  struct State;
  std::unique_ptr<State> state_;
};

// Recognises the compression by its magic number; all members of a multi-member file are read. A read that
// fails after output returns the output first and the error with the next call.
class InflatingSource final : public ByteSource {
 public:
  InflatingSource(ByteSource& raw, const DecodeLimits& limits, InflateWorkspace& workspace);
  Result<std::size_t> read(std::span<char> into) override;

  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  // Output of the first member, once a second one has begun.
  std::optional<std::uint64_t> first_member_bytes() const { return first_member_bytes_; }
  // Bytes behind the last member that are no member (zeros do not count).
  bool trailing_garbage() const { return trailing_garbage_; }

 private:
  enum class Format : std::uint8_t { unknown, plain, gzip, zstd };
  Result<void> refill();
  Result<std::size_t> read_gzip(std::span<char> into);
  Result<std::size_t> read_zstd(std::span<char> into);
  Result<std::size_t> within_budget(std::size_t produced);

  ByteSource& raw_;
  const DecodeLimits limits_;
  InflateWorkspace::State& state_;
  Format format_ = Format::unknown;
  std::size_t at_ = 0, filled_ = 0;  // in the input buffer
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  std::optional<std::uint64_t> first_member_bytes_;
  std::optional<Error> pending_;
  bool ended_ = false, between_ = false, trailing_garbage_ = false, member_open_ = false,
       first_frame_done_ = false;
};

// The whole of what is packed in `bytes`, at most `bytes_max`. Nothing may follow behind it.
Result<std::string> inflated(std::string_view bytes, std::uint64_t bytes_max);

}  // namespace picket
