#include "rules/literal_automaton.h"

#include <cassert>
#include <limits>

namespace picket::rules {

LiteralAutomaton::LiteralAutomaton(const std::vector<std::string>& literals) {
  if (literals.empty()) return;
  // Classes are a byte: the 256th kind of byte would have none, but class 0 is then without bytes.
  std::array<bool, 256> used{};
  for (const std::string& literal : literals) {
    for (const char c : literal) used[static_cast<unsigned char>(c)] = true;
  }
  std::uint32_t kinds = 0;
  for (const bool is_used : used) kinds += is_used ? 1 : 0;
  std::uint32_t next_class = kinds == 256 ? 0 : 1;
  for (std::size_t byte = 0; byte < used.size(); ++byte) {
    if (used[byte]) class_of_[byte] = static_cast<std::uint8_t>(next_class++);
  }
  classes_ = next_class;

  const auto add_state = [&] {
    next_.resize(next_.size() + classes_, none);
    first_output_.push_back(none);
    return static_cast<std::uint32_t>(first_output_.size() - 1);
  };
  add_state();
  for (std::size_t number = 0; number < literals.size(); ++number) {
    assert(!literals[number].empty());
    std::uint32_t state = 0;
    for (const char c : literals[number]) {
      const std::size_t edge = std::size_t{state} * classes_ + class_of_[static_cast<unsigned char>(c)];
      if (next_[edge] == none) {
        const std::uint32_t made = add_state();
        next_[edge] = made;
      }
      state = next_[edge];
    }
    outputs_.push_back({static_cast<std::uint32_t>(number), first_output_[state]});
    first_output_[state] = static_cast<std::uint32_t>(outputs_.size() - 1);
  }

  // Breadth first: a state's missing edges are those of its longest proper suffix, whose outputs it shares.
  std::vector<std::uint32_t> suffix(first_output_.size(), 0), queue;
  for (std::uint32_t c = 0; c < classes_; ++c) {
    std::uint32_t& edge = next_[c];
    if (edge == none) {
      edge = 0;
    } else {
      queue.push_back(edge);
    }
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::uint32_t state = queue[i];
    std::uint32_t* last = &first_output_[state];
    while (*last != none) last = &outputs_[*last].next;
    *last = first_output_[suffix[state]];
    for (std::uint32_t c = 0; c < classes_; ++c) {
      std::uint32_t& edge = next_[std::size_t{state} * classes_ + c];
      const std::uint32_t fallback = next_[std::size_t{suffix[state]} * classes_ + c];
      if (edge == none) {
        edge = fallback;
      } else {
        suffix[edge] = fallback;
        queue.push_back(edge);
      }
    }
  }
}

}  // namespace picket::rules
