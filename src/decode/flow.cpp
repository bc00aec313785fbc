#include "decode/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "decode/flow_layout.h"
#include "decode/flow_line.h"

namespace picket {

namespace {

// Text at once, and records in a batch: together they stay in the second-level cache.
constexpr std::size_t window_bytes = 256 * 1024;
constexpr std::size_t batch_max = 1024;

class FlowDecoder final : public TextDecoder {
 public:
  FlowDecoder(const ObjectInfo& info, const DecodeLimits& limits, EventSink& sink, FlowSplit split)
      : limits_(limits), sink_(sink), split_(split), records_(batch_max) {
    if (auto layout = flow_layout_from(info.flow_format)) use(std::move(*layout));
  }

  std::size_t window() const override { return window_bytes; }

  std::size_t feed(char* text, std::size_t size, bool last) override {
    std::size_t at = 0;
    while (at < size && !hopeless_) {
      const std::size_t stretch = std::min(size - at, FlowSeparators::text_max);
      find_flow_separators(text + at, stretch, split_, separators_);
      std::size_t used = separators_.lines_count > 0 ? lines(text + at, at) : 0;
      if (used == 0) used = long_line(text + at, size - at, at, last);
      if (used == 0) break;
      at += used;
    }
    // The views in a batch point into this text.
    flush();
    if (hopeless_) {
      if (rest_from_ == 0) rest_from_ = base_ + at;
      barren_bytes_ += size - at;
      at = size;
    }
    base_ += at;
    if (last && skipping_) end_skipped();
    if (last && hopeless_ && base_ > rest_from_ && rest_from_ > 0) end_rest();
    return at;
  }

  std::uint64_t records_read() const override { return records_read_; }
  std::uint64_t record_bytes() const override { return base_ - barren_bytes_; }

 private:
  void use(FlowLayout layout) {
    flush();
    layout_ = std::move(layout);
    // The fast reader leaves `more` alone, and a layout's reader the extras it has no column for.
    std::ranges::fill(records_, FlowRecord{});
    if (layout_->has_extras) extras_.assign(batch_max, FlowExtras{});
  }

  // The whole lines of a stretch; answers how many bytes they take.
  std::size_t lines(const char* text, std::size_t offset) {
    const std::uint32_t* all = separators_.all.data();
    const bool plain = split_ == FlowSplit::simd && !separators_.odd_bytes;
    bool fast = plain && layout_ && layout_->is_default;
    std::uint32_t begin = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < separators_.lines_count && !hopeless_; ++i) {
      const std::uint32_t end = separators_.lines[i];
      if (fast && !skipping_ && all[next + 13] == end &&
          read_default_flow_line(text, begin, all + next, records_[count_])) {
        next += 14;
        ++line_;
        deliver();
      } else {
        std::size_t columns = 0;
        std::uint32_t from = begin;
        for (;; ++next) {
          const std::uint32_t to = all[next];
          if (columns < values_.size()) values_[columns] = {text + from, to - from};
          ++columns;
          from = to + 1;
          if (to == end) break;
        }
        ++next;
        line({text + begin, end - begin}, columns, offset + begin, separators_.odd_bytes);
        fast = plain && layout_ && layout_->is_default;  // the line may have been a header
      }
      begin = end + 1;
    }
    return begin;
  }

  // A line with no end in a whole stretch, or none in all the text.
  std::size_t long_line(const char* text, std::size_t size, std::size_t offset, bool last) {
    const auto* end = static_cast<const char*>(std::memchr(text, '\n', size));
    if (end == nullptr && !last) {
      if (size <= limits_.record_bytes_max) return 0;
      skip(size, offset);
      return size;
    }
    const std::size_t length = end == nullptr ? size : static_cast<std::size_t>(end - text);
    std::size_t columns = 0;
    for (std::size_t from = 0; from <= length; ++columns) {
      const auto* blank = static_cast<const char*>(std::memchr(text + from, ' ', length - from));
      const std::size_t to = blank == nullptr ? length : static_cast<std::size_t>(blank - text);
      if (columns < values_.size()) values_[columns] = {text + from, to - from};
      from = to + 1;
    }
    line({text, length}, columns, offset, true);
    return end == nullptr ? size : length + 1;
  }

  // Takes in part of a line that is longer than a record may be.
  void skip(std::size_t size, std::size_t offset) {
    if (!skipping_) skip_from_ = base_ + offset;
    skipping_ = true;
    skipped_ = base_ + offset + size - skip_from_;
  }

  void end_skipped() {
    skipping_ = false;
    ++line_;
    ++records_read_;
    quarantine(skip_from_, skipped_, "record_too_large", fmt::format("a line of {} bytes", skipped_));
  }

  void end_rest() {
    ++records_read_;
    sink_.on_quarantined(LogKind::vpcflow, {++line_, rest_from_, base_ - rest_from_, "not_flow_log",
                                            hopeless_detail(set_aside_)});
  }

  // A line whose first columns are in values_.
  void line(std::string_view text, std::size_t columns, std::size_t offset, bool odd_bytes) {
    if (skipping_ || text.size() > limits_.record_bytes_max) {
      skip(text.size(), offset);
      return end_skipped();
    }
    ++line_;
    if (text.ends_with('\r')) {
      text.remove_suffix(1);
      if (columns <= values_.size()) values_[columns - 1].remove_suffix(1);
    }
    if (text.empty()) {
      ++barren_bytes_;
      return;
    }
    if (looks_like_header(columns)) {
      if (auto layout = flow_layout_from(text)) {
        use(std::move(*layout));
        return;
      }
    }
    ++records_read_;
    const auto refuse = [&](std::string_view reason, std::string detail) {
      quarantine(base_ + offset, text.size(), reason, std::move(detail));
    };
    if (!layout_) {
      if (columns > 1 && values_[1] == "TransitGateway") return filter("transit_gateway");
      if (columns != default_flow_layout().columns.size()) {
        return refuse("wrong_field_count",
                      fmt::format("{} fields, no header line and not the 14 fields of version 2", columns));
      }
      use(default_flow_layout());
    }
    if (columns != layout_->columns.size()) {
      return refuse("wrong_field_count",
                    fmt::format("{} fields instead of {}", columns, layout_->columns.size()));
    }
    FlowExtras& extras = layout_->has_extras ? extras_[count_] : no_extras_;
    switch (read_flow_line(*layout_, std::span(values_).first(columns), odd_bytes, records_[count_], extras,
                           told_)) {
      case FlowLineKind::flow:
        --records_read_;
        return deliver();
      case FlowLineKind::gap:
        flush();
        return sink_.on_flow_gap(told_.account_id, told_.interface_id, told_.skip_data,
                                 told_.start * second_ms, told_.end * second_ms, line_);
      case FlowLineKind::filtered:
        return filter(told_.reason);
      case FlowLineKind::bad:
        return refuse(told_.reason, std::move(told_.detail));
    }
  }

  // A cheap look before the names are compared: data have a column that starts with a digit or "-".
  bool looks_like_header(std::size_t columns) const {
    if (columns > values_.size()) return false;
    return std::all_of(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(columns),
                       [](std::string_view value) {
                         const char c = value.empty() ? 'x' : value.front();
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                       });
  }

  // The record that was read into the free place of the batch.
  void deliver() {
    records_[count_].position = line_;
    ++records_read_;
    if (++count_ == batch_max) flush();
  }

  void flush() {
    if (count_ == 0) return;
    const std::size_t count = count_;
    count_ = 0;
    sink_.on_flows(std::span(records_).first(count));
  }

  void filter(std::string_view reason) {
    flush();
    sink_.on_filtered(LogKind::vpcflow, line_, reason);
  }

  void quarantine(std::uint64_t offset, std::uint64_t length, std::string_view reason, std::string detail) {
    flush();
    barren_bytes_ += length;
    hopeless_ = ++set_aside_ == records_read_ && is_hopeless(set_aside_, offset + length, limits_);
    sink_.on_quarantined(LogKind::vpcflow, {line_, offset, length, reason, std::move(detail)});
  }

  const DecodeLimits limits_;
  EventSink& sink_;
  const FlowSplit split_;
  std::optional<FlowLayout> layout_;
  FlowSeparators separators_;
  std::array<std::string_view, flow_columns_max> values_;
  std::vector<FlowRecord> records_;
  std::vector<FlowExtras> extras_;  // one for each record, where the layout has such columns
  FlowExtras no_extras_;
  FlowLine told_;
  std::size_t count_ = 0;   // records waiting in the batch
  std::uint64_t base_ = 0;  // decoded bytes before the current text
  std::uint64_t line_ = 0;
  std::uint64_t records_read_ = 0;
  std::uint64_t barren_bytes_ = 0;  // of lines that are no record
  std::uint64_t set_aside_ = 0;
  bool hopeless_ = false;
  std::uint64_t rest_from_ = 0;  // what is not looked at any more
  bool skipping_ = false;        // inside a line that is too long
  std::uint64_t skip_from_ = 0, skipped_ = 0;
};

}  // namespace

std::unique_ptr<TextDecoder> make_flow_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                               EventSink& sink, FlowSplit split) {
  return std::make_unique<FlowDecoder>(info, limits, sink, split);
}

std::unique_ptr<TextDecoder> make_flow_decoder(const ObjectInfo& info, const DecodeLimits& limits,
                                               EventSink& sink) {
  return make_flow_decoder(info, limits, sink, best_flow_split);
}

}  // namespace picket
