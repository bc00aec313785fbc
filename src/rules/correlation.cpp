#include "rules/correlation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "base/archive.h"

namespace picket::rules {

namespace {

constexpr std::size_t values_shown_max = 10;
// Groups of chained correlations that one group keeps at most; the one that was quiet longest goes.
constexpr std::size_t chained_groups_max = 1000;

// One event that counts: the latest of its value (value_count) or rule (temporal), else one event each.
struct Seen {
  TimeMs time = 0;
  std::uint32_t rule = 0;
  std::string value;
  ProofRecord record;
  bool told = false;  // part of a detection already
  template <class Ar>
  void io(Ar& ar) {
    ar(time, rule, value, record, told);
  }
};

std::vector<std::uint32_t> numbers_in(std::string_view list) {
  std::vector<std::uint32_t> numbers;
  while (!list.empty()) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), number);
    if (error != std::errc{}) break;
    numbers.push_back(number);
    list.remove_prefix(std::min(list.size(), static_cast<std::size_t>(end - list.data()) + 1));
  }
  return numbers;
}

class CorrelationState final : public OrderedState {
 public:
  CorrelationState(const Correlation& correlation, const std::vector<std::string>& rule_titles)
      : correlation_(correlation), rule_titles_(rule_titles) {}

  std::optional<Candidate> step(const Candidate& row, const Facts& facts) override {
    std::erase_if(seen_, [&](const Seen& seen) { return seen.time < row.last.time - correlation_.timespan; });
    bool complete = false, added = false;
    std::vector<std::uint32_t> rules;
    for (const auto& [name, value] : row.evidence) {
      if (name == row_evidence::rules) rules = numbers_in(value);
    }
    ProofRecord first = row.last;  // of what the step is about
    step_chained(row, facts, rules, first);
    if (rules.empty()) return std::nullopt;
    switch (correlation_.type) {
      case Correlation::Type::event_count:
        add(row, first, 0, {});
        added = true;
        break;
      case Correlation::Type::value_count:
        for (const auto& [name, value] : row.evidence) {
          if (name != row_evidence::value) continue;
          std::erase_if(seen_, [&](const Seen& seen) { return seen.value == value; });
          add(row, first, 0, value);
          added = true;
        }
        break;
      case Correlation::Type::temporal:
        for (const std::uint32_t rule : rules) {
          std::erase_if(seen_, [&](const Seen& seen) { return seen.rule == rule; });
          add(row, first, rule, {});
          added = true;
        }
        break;
      case Correlation::Type::temporal_ordered:
        complete = extend_chains(row, first, rules);
        break;
    }
    if (correlation_.type == Correlation::Type::temporal_ordered)
      return complete ? raise_chain(row) : std::nullopt;
    if (!added) return std::nullopt;
    const std::uint64_t count = seen_.size();
    if (count < correlation_.at_least || (correlation_.at_most && count > *correlation_.at_most))
      return std::nullopt;
    return raise(row, count);
  }

  bool is_spent(TimeMs watermark) const override {
    return last_ + correlation_.timespan < watermark &&
           std::ranges::all_of(chained_, [&](const auto& item) { return item.second->is_spent(watermark); });
  }
  std::uint64_t take_evicted() override { return std::exchange(evicted_, 0); }
  void save(Writer& out) override {
    out(seen_, last_, static_cast<std::uint32_t>(chained_.size()));
    for (const auto& [key, state] : chained_) {
      out(key);
      state->save(out);
    }
  }
  void load(Reader& in) override {
    std::uint32_t count = 0;
    in(seen_, last_, count);
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
      Chained key;
      in(key);
      if (in.failed() || !is_chained(key.first)) return in.fail();
      chain(key).load(in);
    }
  }

 private:
  using Chained = std::pair<std::uint32_t, std::string>;  // number of the rule, and group

  bool is_chained(std::uint32_t number) const {
    return number < correlation_.rules.size() && correlation_.rules[number].chained != nullptr;
  }
  CorrelationState& chain(const Chained& key) {
    auto& state = chained_[key];
    if (!state)
      state = std::make_unique<CorrelationState>(*correlation_.rules[key.first].chained, rule_titles_);
    return *state;
  }

  // What chained correlations make of the record: the numbers of those that raise something, and the first
  // record of what they raise.
  void step_chained(const Candidate& row, const Facts& facts, std::vector<std::uint32_t>& rules,
                    ProofRecord& first) {
    struct Events {
      std::set<std::uint32_t> rules;  // of the chained one
      NamedValues values;
    };
    std::map<Chained, Events> events;
    for (const auto& [name, text] : row.evidence) {
      if (name != row_evidence::chained) continue;
      const auto event = ChainedEvent::parse(text);
      if (!event || !is_chained(event->number)) continue;
      Events& of_group = events[{event->number, event->group}];
      of_group.rules.insert(event->inner);
      if (!event->value.empty()) of_group.values.emplace_back(row_evidence::value, event->value);
    }
    if (events.empty()) return;
    std::erase_if(chained_, [&](const auto& item) { return item.second->is_spent(row.last.time); });
    for (auto& [key, of_group] : events) {
      Candidate inner = row;
      inner.evidence = std::move(of_group.values);
      inner.evidence.emplace_back(row_evidence::rules, fmt::format("{}", fmt::join(of_group.rules, ",")));
      const auto raised = chain(key).step(inner, facts);
      if (!raised) continue;
      first = std::min(first, raised->first);
      if (std::ranges::find(rules, key.first) == rules.end()) rules.push_back(key.first);
    }
    std::ranges::sort(rules);
    if (chained_.size() <= chained_groups_max) return;
    chained_.erase(std::ranges::min_element(
        chained_, {}, [](const auto& item) { return std::pair(item.second->last_, item.first); }));
    ++evicted_;
  }

  void add(const Candidate& row, const ProofRecord& first, std::uint32_t rule, std::string value) {
    last_ = std::max(last_, row.last.time);
    seen_.push_back({row.last.time, rule, std::move(value), first, false});
    // What is beyond the condition's numbers changes no judgement.
    const std::uint64_t needed = std::max(correlation_.at_least, correlation_.at_most.value_or(0)) + 1;
    if (seen_.size() > needed) seen_.erase(seen_.begin());
  }

  // seen_[n] is the first event of the latest chain that has come as far as rule n.
  bool extend_chains(const Candidate& row, const ProofRecord& first,
                     const std::vector<std::uint32_t>& rules) {
    const auto chain = [&](std::uint32_t rule) {
      return std::find_if(seen_.begin(), seen_.end(), [&](const Seen& seen) { return seen.rule == rule; });
    };
    bool complete = false;
    // Later steps first: one record is one step.
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
      Seen start{row.last.time, 0, {}, first, false};
      if (*rule > 0) {
        const auto previous = chain(*rule - 1);
        if (previous == seen_.end()) continue;
        start = *previous;
      }
      start.rule = *rule;
      if (const auto old = chain(*rule); old != seen_.end()) seen_.erase(old);
      seen_.push_back(std::move(start));
      last_ = std::max(last_, row.last.time);
      complete |= *rule + 1 == correlation_.rules.size();
    }
    return complete;
  }

  std::optional<Candidate> raise_chain(const Candidate& row) {
    Candidate raised = row;
    raised.first = std::min(seen_.back().record, row.last);
    raised.count = correlation_.rules.size();
    seen_.clear();  // A new chain begins with new events.
    finish(raised, correlation_.rules.size());
    return raised;
  }

  std::optional<Candidate> raise(const Candidate& row, std::uint64_t count) {
    Candidate raised = row;
    raised.count = 0;
    for (Seen& seen : seen_) {
      if (seen.told) continue;
      seen.told = true;
      ++raised.count;
      raised.first = std::min(raised.first, seen.record);
    }
    raised.count = std::max<std::uint64_t>(1, raised.count);
    finish(raised, count);
    return raised;
  }

  void finish(Candidate& raised, std::uint64_t count) const {
    std::erase_if(raised.evidence, [](const auto& item) {
      return item.first == row_evidence::rules || item.first == row_evidence::value ||
             item.first == row_evidence::chained;
    });
    raised.evidence.emplace_back("count", std::to_string(count));
    raised.evidence.emplace_back("needed", std::to_string(correlation_.at_least));
    raised.evidence.emplace_back("timespan_seconds", std::to_string(correlation_.timespan / second_ms));
    if (correlation_.type == Correlation::Type::value_count) {
      std::vector<std::string> values;
      for (const Seen& seen : seen_) values.push_back(seen.value);
      std::sort(values.begin(), values.end());
      if (values.size() > values_shown_max) values.resize(values_shown_max);
      raised.evidence.emplace_back("values", fmt::format("{}", fmt::join(values, ", ")));
    } else {
      raised.evidence.emplace_back("rules", fmt::format("{}", fmt::join(rule_titles_, ", ")));
    }
  }

  const Correlation& correlation_;
  const std::vector<std::string>& rule_titles_;
  std::vector<Seen> seen_;  // oldest first
  TimeMs last_ = 0;
  std::map<Chained, std::unique_ptr<CorrelationState>> chained_;
  std::uint64_t evicted_ = 0;
};

}  // namespace

std::string ChainedEvent::text() const {
  return fmt::format("{} {} {} {}{}", number, inner, group.size(), group, value);
}

std::optional<ChainedEvent> ChainedEvent::parse(std::string_view text) {
  ChainedEvent event;
  std::size_t size = 0;
  const auto read = [&](auto& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
  };
  if (!read(event.number) || !read(event.inner) || !read(size) || size > text.size()) return std::nullopt;
  event.group = text.substr(0, size);
  event.value = text.substr(size);
  return event;
}

std::unique_ptr<OrderedState> make_correlation_state(const Correlation& correlation,
                                                     const std::vector<std::string>& rule_titles) {
  return std::make_unique<CorrelationState>(correlation, rule_titles);
}

}  // namespace picket::rules
