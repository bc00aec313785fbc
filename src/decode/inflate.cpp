#include "decode/inflate.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace picket {

namespace {

constexpr std::size_t input_bytes = 128 << 10;
// Small objects may be far above the ratio without harm.
// Deflate packs at most to a thousandth; no log comes near the limit, for each of its records has an id.
// Zstandard finds what repeats much farther back, so that it is given more time.
constexpr std::uint64_t gzip_ratio_checked_from_bytes = 256U << 10;
constexpr std::uint64_t zstd_ratio_checked_from_bytes = 16ULL << 20;
// The window an object may ask us to keep, as a power of two: 32 MiB, above what all levels but --ultra use.
constexpr int zstd_window_log_max = 25;

bool has_gzip_magic(const char* bytes, std::size_t size) {
  return size >= 2 && std::memcmp(bytes, "\x1f\x8b", 2) == 0;
}
bool has_zstd_magic(const char* bytes, std::size_t size) {
  return size >= 4 && std::memcmp(bytes + 1, "\xb5\x2f\xfd", 3) == 0 && bytes[0] == '\x28';
}

const char* gzip_error(int code) {
  switch (code) {
    case ISAL_INCORRECT_CHECKSUM:
      return "its checksum does not match";
    case ISAL_INVALID_WRAPPER:
      return "a header or trailer is wrong";
    case ISAL_UNSUPPORTED_METHOD:
      return "its compression method is unknown";
    default:
      return "the deflate stream is corrupt";
  }
}

}  // namespace

struct InflateWorkspace::State {
  std::vector<char> input = std::vector<char>(input_bytes);
  std::unique_ptr<inflate_state> gzip = std::make_unique<inflate_state>();
  struct ZstdDeleter {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, ZstdDeleter> zstd;
};

InflateWorkspace::InflateWorkspace() : state_(std::make_unique<State>()) {}
InflateWorkspace::~InflateWorkspace() = default;
InflateWorkspace::InflateWorkspace(InflateWorkspace&&) noexcept = default;
InflateWorkspace& InflateWorkspace::operator=(InflateWorkspace&&) noexcept = default;

InflatingSource::InflatingSource(ByteSource& raw, const DecodeLimits& limits, InflateWorkspace& workspace)
    : raw_(raw), limits_(limits), state_(*workspace.state_) {}

// Fills the input buffer as far as the source goes; `ended_` when there is nothing behind it.
Result<void> InflatingSource::refill() {
  if (at_ > 0) {
    std::memmove(state_.input.data(), state_.input.data() + at_, filled_ - at_);
    filled_ -= at_;
    at_ = 0;
  }
  while (!ended_ && filled_ < input_bytes) {
    const auto got = raw_.read({state_.input.data() + filled_, input_bytes - filled_});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) ended_ = true;
    filled_ += *got;
    bytes_in_ += *got;
  }
  return {};
}

Result<std::size_t> InflatingSource::within_budget(std::size_t produced) {
  bytes_out_ += produced;
  const std::uint64_t checked_from =
      format_ == Format::zstd ? zstd_ratio_checked_from_bytes : gzip_ratio_checked_from_bytes;
  const std::uint64_t used = bytes_in_ - (filled_ - at_);
  if (bytes_out_ > limits_.object_bytes_max) {
    pending_ =
        Error{ErrorKind::too_large,
              fmt::format("decoding stopped: the object is larger than {} bytes", limits_.object_bytes_max),
              {},
              -1};
  } else if (bytes_out_ > checked_from && bytes_out_ / limits_.ratio_max > used) {
    pending_ = Error{
        ErrorKind::too_large,
        fmt::format("decoding stopped: {} bytes became {}, more than {} times as many (a compression bomb)",
                    used, bytes_out_, limits_.ratio_max),
        {},
        -1};
  }
  if (produced == 0 && pending_) return std::unexpected(*pending_);
  return produced;
}

Result<std::size_t> InflatingSource::read(std::span<char> into) {
  if (pending_) return std::unexpected(*pending_);
  if (format_ == Format::unknown) {
    if (auto filled = refill(); !filled) return std::unexpected(filled.error());
    const char* const bytes = state_.input.data();
    format_ = has_gzip_magic(bytes, filled_)   ? Format::gzip
              : has_zstd_magic(bytes, filled_) ? Format::zstd
                                               : Format::plain;
    between_ = true;
  }
  switch (format_) {
    case Format::gzip:
      return read_gzip(into);
    case Format::zstd:
      return read_zstd(into);
    default:
      break;
  }
  std::size_t produced = std::min(into.size(), filled_ - at_);
  if (produced > 0) {
    std::memcpy(into.data(), state_.input.data() + at_, produced);
    at_ += produced;
  } else if (!ended_) {
    const auto got = raw_.read(into);
    if (!got) return got;
    produced = *got;
    ended_ = produced == 0;
    bytes_in_ += produced;
  }
  return within_budget(produced);
}

Result<std::size_t> InflatingSource::read_gzip(std::span<char> into) {
  inflate_state& gzip = *state_.gzip;
  std::size_t produced = 0;
  while (produced < into.size()) {
    if (filled_ - at_ < 4 && !ended_) {
      if (auto filled = refill(); !filled) {
        pending_ = filled.error();
        break;
      }
    }
    if (between_) {
      if (!has_gzip_magic(state_.input.data() + at_, filled_ - at_)) {
        // Tape and block devices pad with zeros; anything else is not ours to read.
        while (!trailing_garbage_ && at_ < filled_) {
          trailing_garbage_ = std::any_of(state_.input.data() + at_, state_.input.data() + filled_,
                                          [](char c) { return c != 0; });
          at_ = filled_;
          if (!ended_ && !refill()) break;
        }
        break;
      }
      if (member_open_ && !first_member_bytes_) first_member_bytes_ = bytes_out_ + produced;
      member_open_ = true;
      between_ = false;
      isal_inflate_init(&gzip);
      gzip.crc_flag = ISAL_GZIP;
    }
    gzip.next_in = reinterpret_cast<std::uint8_t*>(state_.input.data() + at_);
    gzip.avail_in = static_cast<std::uint32_t>(filled_ - at_);
    gzip.next_out = reinterpret_cast<std::uint8_t*>(into.data() + produced);
    const std::size_t room = std::min<std::size_t>(into.size() - produced, 1U << 30);
    gzip.avail_out = static_cast<std::uint32_t>(room);
    const int code = isal_inflate(&gzip);
    const std::size_t used = filled_ - at_ - gzip.avail_in, got = room - gzip.avail_out;
    at_ += used;
    produced += got;
    if (code < 0) {
      pending_ = Error{ErrorKind::invalid,
                       fmt::format("the gzip data is damaged: {}", gzip_error(code)),
                       {},
                       static_cast<long long>(bytes_out_ + produced)};
      break;
    }
    if (gzip.block_state == ISAL_BLOCK_FINISH) {
      between_ = true;
    } else if (got == 0 && used == 0) {
      if (ended_) {
        pending_ = Error{ErrorKind::invalid,
                         "the gzip data ends early (truncated)",
                         {},
                         static_cast<long long>(bytes_out_ + produced)};
        break;
      }
      if (auto filled = refill(); !filled) {
        pending_ = filled.error();
        break;
      }
    }
  }
  if (produced == 0 && pending_) return std::unexpected(*pending_);
  return within_budget(produced);
}

Result<std::size_t> InflatingSource::read_zstd(std::span<char> into) {
  if (!state_.zstd) state_.zstd.reset(ZSTD_createDStream());
  ZSTD_DStream* const zstd = state_.zstd.get();
  if (!member_open_) {
    ZSTD_initDStream(zstd);
    ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, zstd_window_log_max);
    member_open_ = true;
  }
  std::size_t produced = 0;
  while (produced == 0) {
    if (filled_ - at_ < 4 && !ended_) {
      if (auto filled = refill(); !filled) {
        pending_ = filled.error();
        break;
      }
    }
    if (between_ && first_frame_done_) {
      trailing_garbage_ = at_ < filled_ && !has_zstd_magic(state_.input.data() + at_, filled_ - at_);
      if (at_ == filled_ || trailing_garbage_) break;
    }
    ZSTD_inBuffer in{state_.input.data() + at_, filled_ - at_, 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t code = ZSTD_decompressStream(zstd, &out, &in);
    at_ += in.pos;
    produced += out.pos;
    if (ZSTD_isError(code)) {
      pending_ = Error{ErrorKind::invalid,
                       fmt::format("the zstd data is damaged: {}", ZSTD_getErrorName(code)),
                       {},
                       static_cast<long long>(bytes_out_ + produced)};
      break;
    }
    between_ = code == 0;
    first_frame_done_ |= between_;
    if (!between_ && at_ == filled_ && ended_ && out.pos < into.size()) {
      pending_ = Error{ErrorKind::invalid,
                       "the zstd data ends early (truncated)",
                       {},
                       static_cast<long long>(bytes_out_ + produced)};
      break;
    }
  }
  if (produced == 0 && pending_) return std::unexpected(*pending_);
  return within_budget(produced);
}

Result<std::string> inflated(std::string_view bytes, std::uint64_t bytes_max) {
  thread_local InflateWorkspace workspace;
  DecodeLimits limits;
  limits.object_bytes_max = bytes_max;
  const auto raw = memory_source(bytes);
  InflatingSource source(*raw, limits, workspace);
  std::string text;
  std::size_t filled = 0;
  while (true) {
    text.resize(std::max<std::size_t>(filled + 4 * bytes.size(), filled + 4096));
    const auto got = source.read(std::span(text).subspan(filled));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    filled += *got;
  }
  if (source.trailing_garbage()) return fail(ErrorKind::invalid, "bytes behind the compressed data");
  text.resize(filled);
  return text;
}

}  // namespace picket
