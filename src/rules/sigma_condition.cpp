#include "rules/sigma_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace picket::rules {

namespace {

constexpr std::size_t depth_max = 50;
constexpr std::size_t tokens_max = 2000;
// Of the predicate that an expression grows to: identifiers may be named many times.
constexpr std::size_t nodes_max = 100'000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> tokens;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) tokens.push_back(std::move(word));
    word.clear();
  };
  for (const char c : text) {
    if (is_blank(c)) {
      end_word();
    } else if (c == '(' || c == ')' || c == '|' || c == ',') {
      end_word();
      tokens.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  end_word();
  return tokens;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::size_t size_of(const Predicate& predicate) {
  std::size_t size = 1;
  for (const Predicate& part : predicate.parts) size += size_of(part);
  return size;
}

// expression = conjunction { "or" conjunction }; conjunction = factor { "and" factor };
// factor = "not" factor | "(" expression ")" | ("1" | "any" | "all") "of" (pattern | "them") | identifier
class Parser {
 public:
  Parser(std::vector<std::string> tokens, const std::map<std::string, Predicate>& identifiers)
      : tokens_(std::move(tokens)), identifiers_(identifiers) {}

  Result<SigmaCondition> parse() {
    if (tokens_.size() > tokens_max) return fail(ErrorKind::too_large, "the condition is too long");
    auto predicate = expression(0);
    if (!predicate) return std::unexpected(predicate.error());
    SigmaCondition condition{std::move(*predicate), std::nullopt};
    if (at_end()) return condition;
    if (tokens_[next_] != "|") return unexpected("and, or, or the end");
    ++next_;
    auto counted = aggregation();
    if (!counted) return std::unexpected(counted.error());
    condition.aggregation = std::move(*counted);
    return condition;
  }

 private:
  bool at_end() const { return next_ == tokens_.size(); }
  bool takes(std::string_view word) {
    if (at_end() || lower(tokens_[next_]) != word) return false;
    ++next_;
    return true;
  }
  std::unexpected<Error> unexpected(std::string_view wanted) const {
    return fail(ErrorKind::invalid,
                at_end() ? fmt::format("the condition ends where {} should be", wanted)
                         : fmt::format("condition: {} where {} should be", tokens_[next_], wanted));
  }

  Result<Predicate> expression(std::size_t depth) { return joined(depth, "or"); }

  Result<Predicate> joined(std::size_t depth, std::string_view word) {
    std::vector<Predicate> parts;
    do {
      auto part = word == "or" ? joined(depth, "and") : factor(depth);
      if (!part) return part;
      parts.push_back(std::move(*part));
    } while (takes(word));
    if (parts.size() == 1) return std::move(parts.front());
    return word == "or" ? any_of(std::move(parts)) : all_of(std::move(parts));
  }

  Result<Predicate> factor(std::size_t depth) {
    if (depth > depth_max) return fail(ErrorKind::too_large, "the condition is nested too deeply");
    if (takes("not")) {
      auto part = factor(depth + 1);
      if (!part) return part;
      return negation(std::move(*part));
    }
    if (takes("(")) {
      auto inner = expression(depth + 1);
      if (!inner) return inner;
      if (!takes(")")) return unexpected(")");
      return inner;
    }
    if (at_end()) return unexpected("an identifier");
    const std::string word = tokens_[next_];
    const bool of = next_ + 1 < tokens_.size() && lower(tokens_[next_ + 1]) == "of";
    if (of) return some_of();
    const auto found = identifiers_.find(word);
    if (found == identifiers_.end())
      return fail(ErrorKind::invalid, fmt::format("condition: the detection has no identifier {}", word));
    ++next_;
    return copy(found->second);
  }

  Result<Predicate> some_of() {
    const std::string quantifier = lower(tokens_[next_]);
    if (quantifier != "1" && quantifier != "any" && quantifier != "all")
      return fail(ErrorKind::unsupported,
                  fmt::format("condition: {} of: only 1, any and all", tokens_[next_]));
    next_ += 2;
    if (at_end()) return unexpected("a pattern of identifiers");
    const std::string pattern = tokens_[next_++];
    std::vector<Predicate> parts;
    for (const auto& [name, predicate] : identifiers_) {
      // "them" leaves out those that begin with an underscore.
      const bool meant = lower(pattern) == "them" ? !name.starts_with('_') : matches_pattern(pattern, name);
      if (!meant) continue;
      auto part = copy(predicate);
      if (!part) return part;
      parts.push_back(std::move(*part));
    }
    if (parts.empty())
      return fail(ErrorKind::invalid,
                  fmt::format("condition: no identifier of the detection is like {}", pattern));
    return quantifier == "all" ? all_of(std::move(parts)) : any_of(std::move(parts));
  }

  Result<Predicate> copy(const Predicate& predicate) {
    nodes_ += size_of(predicate);
    if (nodes_ > nodes_max) return fail(ErrorKind::too_large, "the condition grows too large");
    return predicate;
  }

  Result<SigmaAggregation> aggregation() {
    if (at_end()) return unexpected("count()");
    const std::string function = lower(tokens_[next_]);
    if (function != "count") {
      return fail(ErrorKind::unsupported,
                  fmt::format("condition: the aggregation {} is not supported; write a correlation rule",
                              tokens_[next_]));
    }
    ++next_;
    SigmaAggregation counted;
    if (!takes("(")) return unexpected("(");
    if (!takes(")")) {
      if (at_end()) return unexpected("a field");
      counted.field = tokens_[next_++];
      if (!takes(")")) return unexpected(")");
    }
    if (takes("by")) {
      do {
        if (at_end() || is_comparison(tokens_[next_])) return unexpected("a field");
        counted.group_by.push_back(tokens_[next_++]);
      } while (takes(","));
    }
    if (at_end() || !is_comparison(tokens_[next_])) return unexpected("a comparison");
    const std::string comparison = tokens_[next_++];
    std::uint64_t number = 0;
    if (at_end()) return unexpected("a number");
    const std::string& text = tokens_[next_];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    constexpr std::uint64_t number_max = 1'000'000'000;
    if (error != std::errc{} || end != text.data() + text.size() || number > number_max)
      return unexpected("a number");
    ++next_;
    if (comparison.starts_with('<'))
      return fail(ErrorKind::unsupported,
                  "condition: too few events cannot be told when records come; use > or >=");
    counted.at_least = comparison == ">" ? number + 1 : number;
    if (comparison.starts_with('=')) counted.at_most = number;
    if (counted.at_least == 0) return fail(ErrorKind::invalid, "condition: a count of 0 is always reached");
    if (!at_end()) return unexpected("the end");
    return counted;
  }
  static bool is_comparison(std::string_view token) {
    return token == ">" || token == ">=" || token == "<" || token == "<=" || token == "=" || token == "==";
  }

  const std::vector<std::string> tokens_;
  const std::map<std::string, Predicate>& identifiers_;
  std::size_t next_ = 0, nodes_ = 0;
};

}  // namespace

Result<SigmaCondition> parse_sigma_condition(std::string_view text,
                                             const std::map<std::string, Predicate>& identifiers) {
  return Parser(tokens_of(text), identifiers).parse();
}

}  // namespace picket::rules
