#include "models/dga_score.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

namespace picket {

extern const std::string_view dga_model;  // data/models/dga.txt

namespace {

constexpr std::size_t weights = 1U << 16U, gram_max = 5, label_min = 5, label_max = 63;
// The network, as tools/train_dga_model.py has it: filters over five characters, of which the highest and the
// mean over the label go on, then one layer.
constexpr std::size_t filters = 48, units = 32, offsets = 5, seen_max = 26, inputs = 2 * filters + 2;
constexpr std::int32_t size_max = 40, mean_factor = 16;
constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_^$";
// The score of n-grams from which on it is asked: below, most harmless names, it could not change the
// answer. Both are summed by these tenths.
constexpr std::int64_t asked_above = -6 * 256, grams_tenths = 7, network_tenths = 3;

struct Network {
  // What a character adds to each filter at each offset; the first is of what lies outside the label.
  std::array<std::array<std::array<std::int16_t, filters>, alphabet.size() + 1>, offsets> table{};
  std::array<std::int16_t, filters> bias{};
  std::array<std::array<std::int32_t, units>, inputs> hidden{};  // 1/2^20
  std::array<std::int32_t, units> hidden_bias{};
  std::array<std::int64_t, units> output{};  // 1/2^24 bit for 1/256 of a unit
  std::int64_t start = 0;                    // 1/2^16 bit
};

struct Model {
  std::int64_t unit = 0, bias = 0;                           // 1/65536 bit a weight's one; 1/256 bit
  std::vector<std::pair<std::int64_t, std::int64_t>> knots;  // score to evidence, both in 1/256 bit
  Network network;
  std::array<std::int8_t, weights> weight{};
};

std::string_view cut(std::string_view& text, char at) {
  const std::string_view part = text.substr(0, text.find(at));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

std::int64_t number(std::string_view text, int base = 10) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

template <class Number, std::size_t size>
void read(std::string_view line, std::array<Number, size>& values) {
  for (Number& value : values) value = static_cast<Number>(number(cut(line, ' ')));
  assert(line.empty());
}

// Rows one after another in the line.
template <class Row, std::size_t size>
void read_rows(std::string_view& line, std::array<Row, size>& rows, std::size_t from = 0) {
  for (std::size_t i = from; i < size; ++i)
    for (auto& value : rows[i]) value = static_cast<typename Row::value_type>(number(cut(line, ' ')));
}

std::unique_ptr<const Model> parse(std::string_view text) {
  auto model = std::make_unique<Model>();
  Network& network = model->network;
  while (!text.empty()) {
    std::string_view line = cut(text, '\n');
    const std::string_view what = cut(line, ' ');
    if (what == "unit") model->unit = number(line);
    if (what == "bias") model->bias = number(line);
    if (what == "knot") {
      const std::int64_t score = number(cut(line, ' '));
      model->knots.emplace_back(score, number(line));
    }
    if (what == "filters") read(line, network.bias);
    if (what == "hidden") read_rows(line, network.hidden);
    if (what == "units") read(line, network.hidden_bias);
    if (what == "output") read(line, network.output);
    if (what == "start") network.start = number(line);
    if (what == "table") {
      for (auto& offset : network.table) read_rows(line, offset, 1);
    }
    if (what == "weights") break;
  }
  std::size_t at = 0;
  while (!text.empty()) {
    const std::string_view line = cut(text, '\n');
    for (std::size_t i = 0; i + 1 < line.size() && at < weights; i += 2)
      model->weight[at++] = static_cast<std::int8_t>(number(line.substr(i, 2), 16));
  }
  assert(at == weights && model->knots.size() > 1);
  return model;
}

std::int64_t evidence_of(std::int64_t score, const Model& model) {
  const auto& knots = model.knots;
  const auto above =
      std::ranges::upper_bound(knots, score, {}, &std::pair<std::int64_t, std::int64_t>::first);
  if (above == knots.begin()) return knots.front().second;
  if (above == knots.end()) return knots.back().second;
  const auto& [x0, y0] = *std::prev(above);
  const auto& [x1, y1] = *above;
  return y0 + (y1 - y0) * (score - x0) / (x1 - x0);
}

bool asked_about(std::string_view label) {
  return label.size() >= label_min && label.size() <= label_max && !label.starts_with("xn--") &&
         std::ranges::all_of(label, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

constexpr std::uint32_t hash_start = 2166136261, hash_factor = 16777619;  // FNV-1a
constexpr std::size_t fold(std::uint32_t hash) { return ((hash >> 16U) ^ hash) & (weights - 1); }

constexpr std::array<std::uint8_t, 256> codes = [] {
  std::array<std::uint8_t, 256> codes{};
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    codes[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i + 1);
  return codes;
}();

// `text` is the label between '^' and '$'. 1/256 bit.
std::int64_t network_score(std::string_view text, const Network& network) {
  const std::size_t seen = std::min(text.size(), seen_max);
  std::array<std::uint8_t, seen_max + offsets - 1> code{};
  for (std::size_t i = 0; i < seen; ++i) code[i + offsets / 2] = codes[static_cast<unsigned char>(text[i])];
  std::array<std::int16_t, filters> highest{};
  std::array<std::int32_t, filters> sum{};
  for (std::size_t at = 0; at < seen; ++at) {
    std::array<std::int16_t, filters> value = network.bias;
    for (std::size_t k = 0; k < offsets; ++k) {
      const auto& added = network.table[k][code[at + k]];
      for (std::size_t f = 0; f < filters; ++f) value[f] = static_cast<std::int16_t>(value[f] + added[f]);
    }
    for (std::size_t f = 0; f < filters; ++f) {
      const std::int16_t positive = std::max<std::int16_t>(value[f], 0);
      highest[f] = std::max(highest[f], positive);
      sum[f] += positive;
    }
  }
  // The tool sees to it that the sums fit.
  std::array<std::int32_t, inputs> layer{};
  for (std::size_t f = 0; f < filters; ++f) {
    layer[f] = highest[f];
    layer[filters + f] = sum[f] * mean_factor / static_cast<std::int32_t>(seen);
  }
  const std::int32_t size = std::min(static_cast<std::int32_t>(text.size()) - 2, size_max);
  layer[inputs - 2] = size;
  layer[inputs - 1] = size * size;
  std::array<std::int32_t, units> unit = network.hidden_bias;
  for (std::size_t i = 0; i < inputs; ++i)
    for (std::size_t u = 0; u < units; ++u) unit[u] += layer[i] * network.hidden[i][u];
  std::int64_t score = network.start * 256;
  for (std::size_t u = 0; u < units; ++u) score += (std::max(unit[u], 0) >> 12) * network.output[u];
  return score >> 16;
}

std::int64_t floor_tenth(std::int64_t value) { return value / 10 - (value % 10 < 0 ? 1 : 0); }

}  // namespace

namespace {

std::int32_t score_of(std::string_view label) {
  static const std::unique_ptr<const Model> model = parse(dga_model);
  std::array<char, label_max + 2> text;
  text[0] = '^';
  std::ranges::copy(label, text.begin() + 1);
  text[label.size() + 1] = '$';
  const std::size_t size = label.size() + 2;
  std::int64_t sum =
      model->weight[fold((hash_start ^ static_cast<std::uint32_t>(label.size())) * hash_factor)];
  for (std::size_t begin = 0; begin < size; ++begin) {
    std::uint32_t hash = hash_start;
    for (std::size_t end = begin; end < std::min(begin + gram_max, size); ++end) {
      hash = (hash ^ static_cast<unsigned char>(text[end])) * hash_factor;
      sum += model->weight[fold(hash)];
    }
  }
  std::int64_t score = (sum * model->unit >> 8) + model->bias;
  if (score > asked_above)
    score = floor_tenth(grams_tenths * score +
                        network_tenths * network_score({text.data(), size}, model->network));
  return static_cast<std::int32_t>(evidence_of(score, *model));
}

}  // namespace

std::int32_t dga_score(std::string_view label) { return asked_about(label) ? score_of(label) : 0; }

}  // namespace picket
