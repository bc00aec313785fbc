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

struct Model {
  std::int64_t unit = 0, bias = 0;                           // 1/65536 bit a weight's one; 1/256 bit
  std::vector<std::pair<std::int64_t, std::int64_t>> knots;  // score to evidence, both in 1/256 bit
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

std::unique_ptr<const Model> parse(std::string_view text) {
  auto model = std::make_unique<Model>();
  while (!text.empty()) {
    std::string_view line = cut(text, '\n');
    const std::string_view what = cut(line, ' ');
    if (what == "unit") model->unit = number(line);
    if (what == "bias") model->bias = number(line);
    if (what == "knot") {
      const std::int64_t score = number(cut(line, ' '));
      model->knots.emplace_back(score, number(line));
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

}  // namespace

std::int32_t dga_score(std::string_view label) {
  static const std::unique_ptr<const Model> model = parse(dga_model);
  if (!asked_about(label)) return 0;
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
  return static_cast<std::int32_t>(evidence_of((sum * model->unit >> 8) + model->bias, *model));
}

}  // namespace picket
