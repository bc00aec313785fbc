#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "decode/decoder.h"
#include "decode/envelope.h"
#include "decode/inflate.h"
#include "decode/parquet.h"
#include "decode/refused.h"
#include "decode/sniff.h"

namespace picket {

namespace {

constexpr std::size_t tail_bytes = 64;  // what decoders may read and write behind the text
constexpr std::size_t sniff_bytes = 64 << 10;
constexpr std::size_t first_window_bytes = 256 << 10;

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t size = std::min(into.size(), bytes_.size());
    std::memcpy(into.data(), bytes_.data(), size);
    bytes_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view bytes_;
};

// Bytes read ahead, then the rest of the source.
class ResumedSource final : public ByteSource {
 public:
  ResumedSource(std::string_view ahead, ByteSource& rest) : ahead_(ahead), rest_(rest) {}
  Result<std::size_t> read(std::span<char> into) override {
    if (ahead_.empty()) return rest_.read(into);
    const std::size_t size = std::min(into.size(), ahead_.size());
    std::memcpy(into.data(), ahead_.data(), size);
    ahead_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view ahead_;
  ByteSource& rest_;
};

// A buffer that keeps its pages from object to object.
class Window {
 public:
  void reserve(std::size_t size) {
    if (size + tail_bytes <= bytes_.size()) return;
    bytes_.resize(size + tail_bytes);
  }
  char* data() { return bytes_.data(); }
  std::size_t capacity() const { return bytes_.size() - tail_bytes; }

 private:
  std::vector<char> bytes_ = std::vector<char>(first_window_bytes + tail_bytes);
};

// One per thread: objects are decoded one after the other there.
struct Workspace {
  Window window;
  InflateWorkspace outer, inner;
  std::vector<char> ahead;
};

Workspace& workspace() {
  thread_local Workspace the_workspace;
  return the_workspace;
}

struct Filled {
  std::size_t size = 0;
  bool last = false;
  std::optional<Error> error;
};

// Reads until the window holds `wanted` bytes or the source ends or fails.
Filled fill(ByteSource& source, Window& window, std::size_t have, std::size_t wanted) {
  Filled filled{.size = have};
  window.reserve(wanted);
  while (filled.size < wanted && !filled.last) {
    const auto got = source.read({window.data() + filled.size, wanted - filled.size});
    if (!got) {
      filled.error = got.error();
      filled.last = true;
    } else if (*got == 0) {
      filled.last = true;
    } else {
      filled.size += *got;
    }
  }
  return filled;
}

// The same of a window that was filled before; an error of then stays.
void fill_on(ByteSource& source, Window& window, Filled& filled, std::size_t have, std::size_t wanted) {
  const std::optional<Error> error = std::move(filled.error);
  filled = fill(source, window, have, wanted);
  if (error) filled.error = error;
}

// The text of an object on its way through its decoder, a window at a time.
struct Feeding {
  TextDecoder& decoder;
  ByteSource& text;
  const InflatingSource& outer;  // what the text is inflated from
  const DecodeLimits& limits;
  Window& room;
  std::uint64_t fed = 0;
  // Of the first record behind the first gzip member, in objects that have one as they are delivered; else 0.
  std::uint64_t first_unverified_position = 0;

  // `filled`: what is in the window already; with the error that ended it, if one did.
  void run(Filled& filled, bool delivered) {
    const std::size_t window = std::max<std::size_t>(decoder.window(), 1);
    const std::size_t window_max = window + limits.record_bytes_max;
    std::size_t wanted = window;
    while (true) {
      if (!filled.last && filled.size < wanted) {
        fill_on(text, room, filled, filled.size, wanted);
      }
      if (delivered && first_unverified_position == 0 && outer.first_member_bytes() &&
          fed + filled.size > *outer.first_member_bytes()) {
        // The records of the first member end here; what is left of it belongs to a record that spans both.
        const std::size_t covered = fed < *outer.first_member_bytes() ? *outer.first_member_bytes() - fed : 0;
        const std::size_t used = covered > 0 ? decoder.feed(room.data(), covered, false) : 0;
        fed += used;
        drop(filled, used);
        first_unverified_position = decoder.records_read() + 1;
      }
      const std::size_t used = decoder.feed(room.data(), filled.size, filled.last);
      fed += used;
      if (filled.last) break;
      drop(filled, used);
      if (auto bomb = compression_bomb()) {
        filled.error = std::move(bomb);
        filled.last = true;
        continue;
      }
      if (used > 0) {
        wanted = std::max(window, filled.size + window / 2);
      } else if (wanted < window_max) {
        wanted = std::min(wanted * 2, window_max);
      } else {
        filled.error = Error{ErrorKind::internal, "the decoder asked for more than a record's limit", {}, -1};
        break;
      }
    }
  }

 private:
  void drop(Filled& filled, std::size_t used) {
    filled.size -= used;
    std::memmove(room.data(), room.data() + used, filled.size);
  }

  std::optional<Error> compression_bomb() const {
    const std::uint64_t barren = fed - decoder.record_bytes();
    if (barren <= limits.record_bytes_max || barren / limits.barren_ratio_max <= outer.bytes_in())
      return std::nullopt;
    return Error{
        ErrorKind::too_large,
        fmt::format(
            "decoding stopped: {} bytes became {}, of which {} belong to no record (a compression bomb)",
            outer.bytes_in(), fed, barren),
        {},
        -1};
  }
};

std::unique_ptr<TextDecoder> make_decoder(LogKind kind, const ObjectInfo& info, const DecodeLimits& limits,
                                          EventSink& sink) {
  switch (kind) {
    case LogKind::cloudtrail:
      return make_cloudtrail_decoder(info, limits, sink);
    case LogKind::vpcflow:
      return make_flow_decoder(info, limits, sink);
    case LogKind::dns:
      return make_dns_decoder(info, limits, sink);
    case LogKind::k8saudit:
      return make_audit_decoder(info, limits, sink);
  }
  return nullptr;
}

// What a source set aside: every line is a record that is none.
DecodeReport decode_refused(ByteSource& source, const ObjectInfo& info, EventSink& sink) {
  DecodeReport report{.verdict = ObjectVerdict::decoded, .kind = info.kind.value_or(LogKind::cloudtrail)};
  std::string text;
  constexpr std::size_t step = 64U << 10;
  for (std::size_t got = step; got > 0; text.resize(report.bytes_in)) {
    text.resize(report.bytes_in + step);
    const auto read = source.read(std::span(text).subspan(report.bytes_in));
    if (!read) {
      report.verdict = ObjectVerdict::failed;
      report.reason = read.error().what;
    }
    got = read.value_or(0);
    report.bytes_in += got;
  }
  report.bytes_decoded = report.bytes_in;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view reason = refused_reason(std::string_view(text).substr(at, end - at));
    sink.on_quarantined(*report.kind,
                        {++report.records_read, at, end - at, reason, std::string(refused_detail(reason))});
    at = end + 1;
  }
  return report;
}

}  // namespace

std::unique_ptr<ByteSource> memory_source(std::string_view bytes) {
  return std::make_unique<MemorySource>(bytes);
}

std::string hopeless_detail(std::uint64_t set_aside) {
  return fmt::format("the rest of an object whose first {} records are none", set_aside);
}

std::string decoded_prefix(ByteSource& source, std::size_t bytes_max, const DecodeLimits& limits) {
  std::string prefix(bytes_max, '\0');
  InflatingSource inflating(source, limits, workspace().outer);
  std::size_t size = 0;
  while (size < bytes_max) {
    const auto got = inflating.read({prefix.data() + size, bytes_max - size});
    if (!got || *got == 0) break;
    size += *got;
  }
  prefix.resize(size);
  return prefix;
}

DecodeReport decode_object(ByteSource& source, const ObjectInfo& info, const DecodeLimits& limits,
                           EventSink& sink) {
  DecodeReport report;
  const KeyFacts facts = read_key(info.key);
  if (!info.kind && !facts.refusal.empty()) {
    report.verdict = ObjectVerdict::failed;
    report.reason = facts.refusal;
    return report;
  }
  if (!facts.skip_reason.empty()) {
    report.reason = facts.skip_reason;
    return report;
  }
  if (facts.refused_records) return decode_refused(source, info, sink);
  const std::optional<LogKind> expected = info.kind ? info.kind : facts.kind;

  Workspace& work = workspace();
  InflatingSource outer(source, limits, work.outer);
  Filled filled = fill(outer, work.window, 0, first_window_bytes);
  ByteSource* text = &outer;

  // Firehose compresses CloudWatch Logs data that is compressed already.
  std::optional<ResumedSource> resumed;
  std::optional<InflatingSource> inner;
  const auto starts = [&](std::string_view magic) {
    return filled.size >= magic.size() && std::memcmp(work.window.data(), magic.data(), magic.size()) == 0;
  };
  if (starts("PAR1")) {
    work.ahead.assign(work.window.data(), work.window.data() + filled.size);
    ResumedSource whole({work.ahead.data(), work.ahead.size()}, outer);
    report = decode_parquet(whole, info, limits, sink);
    report.bytes_in = outer.bytes_in();
    return report;
  }
  if (starts("\x1f\x8b") || starts("\x28\xb5\x2f\xfd")) {
    work.ahead.assign(work.window.data(), work.window.data() + filled.size);
    resumed.emplace(std::string_view(work.ahead.data(), work.ahead.size()), outer);
    inner.emplace(*resumed, limits, work.inner);
    text = &*inner;
    filled = fill(*text, work.window, 0, first_window_bytes);
  }

  const auto finish = [&](ObjectVerdict verdict, std::string reason) {
    report.verdict = verdict;
    report.reason = std::move(reason);
    report.bytes_in = outer.bytes_in();
    report.bytes_decoded = inner ? inner->bytes_out() : outer.bytes_out();
    return report;
  };

  const std::string_view prefix(work.window.data(), std::min(filled.size, sniff_bytes));
  const Sniffed sniffed = sniff_kind(prefix, info.key);
  report.kind = sniffed.kind ? sniffed.kind : info.kind;
  if (filled.size == 0) {
    report.kind = expected;
    if (filled.error) return finish(ObjectVerdict::failed, filled.error->what);
    return finish(ObjectVerdict::decoded, {});
  }
  if (sniffed.refused && !info.kind) return finish(ObjectVerdict::failed, sniffed.reason);
  if (!sniffed.kind && sniffed.reason.starts_with("binary")) report.kind.reset();
  if (!report.kind) {
    if (filled.error) return finish(ObjectVerdict::failed, filled.error->what);
    if (!expected) return finish(ObjectVerdict::not_a_log, sniffed.reason);
    report.kind = expected;
    return finish(ObjectVerdict::failed, fmt::format("by its key a {} log, but its content is not: {}",
                                                     name_of(*expected), sniffed.reason));
  }

  ObjectInfo known = info;
  if (known.account.empty()) known.account = facts.account;
  if (known.region.empty()) known.region = facts.region;
  if (known.cluster.empty()) known.cluster = facts.cluster;

  std::optional<EnvelopeSource> envelope;
  if (sniffed.container != Container::plain) {
    envelope.emplace(*text, std::string_view(work.window.data(), filled.size), sniffed.container, limits);
    if (known.cluster.empty()) known.cluster = cluster_of_log_group(envelope->log_group());
    // The other kinds' records tell their account.
    if (known.account.empty() && *report.kind == LogKind::k8saudit && !envelope->owner().empty()) {
      known.account = envelope->owner();
      sink.on_owner(known.account);
    }
    text = &*envelope;
    fill_on(*text, work.window, filled, 0, first_window_bytes);
  }

  const std::unique_ptr<TextDecoder> decoder = make_decoder(*report.kind, known, limits, sink);
  Feeding feeding{*decoder, *text, outer, limits, work.window};
  feeding.run(filled, facts.delivered);
  if (!filled.error) decoder->end();
  report.first_unverified_position = feeding.first_unverified_position;
  report.records_read = decoder->records_read();
  if (filled.error) return finish(ObjectVerdict::failed, filled.error->what);
  return finish(ObjectVerdict::decoded,
                outer.trailing_garbage() ? "bytes behind the compressed data were not read" : "");
}

}  // namespace picket
