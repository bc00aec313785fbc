#include "rules/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "rules/json_functions.h"

namespace picket::rules {

namespace {

constexpr int depth_max = 50;  // of parentheses and NOT

// Columns: the members of a CloudTrail record.
constexpr std::string_view columns[] = {"additionalEventData",
                                        "awsRegion",
                                        "errorCode",
                                        "errorMessage",
                                        "eventCategory",
                                        "eventName",
                                        "eventSource",
                                        "eventTime",
                                        "eventType",
                                        "managementEvent",
                                        "readOnly",
                                        "recipientAccountId",
                                        "requestParameters",
                                        "resources",
                                        "responseElements",
                                        "serviceEventDetails",
                                        "sessionCredentialFromConsole",
                                        "sharedEventID",
                                        "sourceIPAddress",
                                        "tlsDetails",
                                        "userAgent",
                                        "userIdentity",
                                        "vpcEndpointId"};

struct Function {
  ValueFunction values;
  bool takes_argument = false;
  bool is_condition = false;  // stands alone; the others are compared
};
constexpr Function functions[] = {
    {{"get_aws_principal", get_aws_principal}},
    {{"ingress_prefix_length", ingress_prefix_length}, true},
    {{"json_collect_values", json_collect_values}, true},
    {{"lifecycle_expiration_days", lifecycle_expiration_days}},
    {{"policy_has_public_principal", policy_has_public_principal}, false, true},
};

const Function* function_named(std::string_view name) {
  const auto found = std::ranges::find(functions, name, [](const Function& one) { return one.values.name; });
  return found == std::end(functions) ? nullptr : found;
}

enum class Token : std::uint8_t { end, word, text, number, symbol };

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// "$.a.b[*].c" as steps joined by dots; absent when it is no such path. "[*]" needs no step of its own.
std::optional<std::string> steps_of(std::string_view path) {
  if (!path.starts_with('$')) return std::nullopt;
  path.remove_prefix(1);
  std::string steps;
  while (!path.empty()) {
    if (path.starts_with("[*]")) {
      path.remove_prefix(3);
      continue;
    }
    const bool index = path.front() == '[';
    if (!index && path.front() != '.') return std::nullopt;
    path.remove_prefix(1);
    const std::string_view step = path.substr(0, path.find_first_of(index ? "]" : ".["));
    const bool named = !step.empty() && step.find_first_of("*]\"'") == std::string_view::npos;
    if (!named || (index && (step.size() == path.size() || !std::ranges::all_of(step, is_digit))))
      return std::nullopt;
    path.remove_prefix(step.size() + (index ? 1 : 0));
    steps += '.';
    steps += step;
  }
  return steps;
}

// LIKE's % and _ as * and ?, and these and the backslash as themselves.
std::string wildcard_of(std::string_view like) {
  std::string out;
  for (const char c : like) {
    if (c == '*' || c == '?' || c == '\\') out += '\\';
    out += c == '%' ? '*' : c == '_' ? '?' : c;
  }
  return out;
}

using Parsed = Result<Predicate>;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { next(); }

  Parsed parse() {
    Parsed condition = any();
    if (condition && token_ != Token::end) return wrong("expected AND, OR or the end");
    return condition;
  }

 private:
  std::unexpected<Error> wrong(std::string what) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::ranges::count(before, '\n');
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return fail(ErrorKind::invalid, std::move(what),
                fmt::format("line {}, column {}", line, at_ - begin + 1));
  }

  // ---- tokens ----
  void next() {
    while (end_ < text_.size() &&
           (text_[end_] == ' ' || text_[end_] == '\n' || text_[end_] == '\t' || text_[end_] == '\r'))
      ++end_;
    at_ = end_;
    if (end_ == text_.size()) {
      token_ = Token::end;
      value_.clear();
      return;
    }
    const char c = text_[end_];
    if (c == '\'') return quoted();
    token_ = is_letter(c) ? Token::word : is_digit(c) ? Token::number : Token::symbol;
    if (token_ == Token::word) {
      while (end_ < text_.size() && (is_letter(text_[end_]) || is_digit(text_[end_]) || text_[end_] == '.'))
        ++end_;
    } else if (token_ == Token::number) {
      while (end_ < text_.size() && (is_digit(text_[end_]) || text_[end_] == '.')) ++end_;
    } else {
      const std::string_view two = text_.substr(end_, 2);
      end_ += two == "<=" || two == ">=" || two == "<>" || two == "!=" ? 2 : 1;
    }
    value_ = text_.substr(at_, end_ - at_);
  }
  // 'it''s'. Without its end the token is a symbol, which nothing takes.
  void quoted() {
    token_ = Token::symbol;
    value_.clear();
    for (++end_; end_ < text_.size(); ++end_) {
      if (text_[end_] == '\'') {
        ++end_;
        if (end_ == text_.size() || text_[end_] != '\'') {
          token_ = Token::text;
          return;
        }
      }
      value_ += text_[end_];
    }
  }
  bool at_word(std::string_view word) const { return token_ == Token::word && upper(value_) == word; }
  bool take_word(std::string_view word) {
    if (!at_word(word)) return false;
    next();
    return true;
  }
  bool take_symbol(std::string_view symbol) {
    if (token_ != Token::symbol || value_ != symbol) return false;
    next();
    return true;
  }

  // ---- conditions ----
  Parsed any() {
    std::vector<Predicate> parts;
    do {
      Parsed part = all();
      if (!part) return part;
      parts.push_back(std::move(*part));
    } while (take_word("OR"));
    return parts.size() == 1 ? std::move(parts.front()) : any_of(std::move(parts));
  }
  Parsed all() {
    std::vector<Predicate> parts;
    do {
      Parsed part = one();
      if (!part) return part;
      parts.push_back(std::move(*part));
    } while (take_word("AND"));
    return parts.size() == 1 ? std::move(parts.front()) : all_of(std::move(parts));
  }
  Parsed one() {
    if (depth_ == depth_max)
      return wrong(fmt::format("more than {} levels of parentheses and NOT", depth_max));
    ++depth_;
    Parsed condition = nested();
    --depth_;
    return condition;
  }
  Parsed nested() {
    if (take_word("NOT")) {
      Parsed part = one();
      if (!part) return part;
      return negation(std::move(*part));
    }
    if (take_symbol("(")) {
      Parsed part = any();
      if (part && !take_symbol(")")) return wrong("expected )");
      return part;
    }
    return comparison();
  }

  Parsed comparison() {
    Result<FieldTest> operand = this->operand();
    if (!operand) return std::unexpected(operand.error());
    FieldTest& field = *operand;
    if (stands_alone_) {
      stands_alone_ = false;
      field.kind = FieldTest::Kind::exists;
      return test(std::move(field));
    }
    field.cased = true;
    if (take_word("IS")) {
      field.kind = take_word("NOT") ? FieldTest::Kind::exists : FieldTest::Kind::absent;
      if (!take_word("NULL")) return wrong("expected NULL");
      return test(std::move(field));
    }
    field.none_of = take_word("NOT");
    if (take_word("IN")) return in(std::move(field));
    if (take_word("LIKE")) {
      if (token_ != Token::text) return wrong("expected a pattern in quotes");
      field.kind = FieldTest::Kind::wildcard;
      field.values = {wildcard_of(value_)};
      next();
      return test(std::move(field));
    }
    if (field.none_of) return wrong("expected IN or LIKE");
    return compared(std::move(field));
  }
  Parsed in(FieldTest field) {
    if (!take_symbol("(")) return wrong("expected (");
    do {
      if (token_ != Token::text && token_ != Token::number) return wrong("expected a value");
      field.values.push_back(value_);
      next();
    } while (take_symbol(","));
    if (!take_symbol(")")) return wrong("expected , or )");
    return test(std::move(field));
  }
  Parsed compared(FieldTest field) {
    if (token_ != Token::symbol) return wrong("expected a comparison");
    if (value_ == "=") {
      next();
      return equal(std::move(field));
    }
    if (value_ == "<>" || value_ == "!=") {
      field.none_of = true;
      next();
      return equal(std::move(field));
    }
    using enum FieldTest::Kind;
    static constexpr std::pair<std::string_view, FieldTest::Kind> orders[] = {
        {"<", less}, {"<=", less_equal}, {">", greater}, {">=", greater_equal}};
    const auto order =
        std::ranges::find(orders, value_, &std::pair<std::string_view, FieldTest::Kind>::first);
    if (order == std::end(orders)) return wrong("expected a comparison");
    field.kind = order->second;
    next();
    if (token_ != Token::number) return wrong("expected a number");
    field.values = {value_};
    next();
    return test(std::move(field));
  }
  // With a value or another column.
  Parsed equal(FieldTest field) {
    if (token_ == Token::text || token_ == Token::number || at_word("TRUE") || at_word("FALSE")) {
      field.values = {token_ == Token::word ? std::string(at_word("TRUE") ? "true" : "false") : value_};
    } else {
      auto column = this->column();
      if (!column) return std::unexpected(column.error());
      field.values = {std::move(*column)};
      field.of_fields = true;
      return test(std::move(field));
    }
    next();
    return test(std::move(field));
  }

  // ---- operands ----
  // A column, or a member of one: userIdentity.type.
  Result<std::string> column() {
    if (token_ != Token::word) return wrong("expected a column");
    const std::string_view name = std::string_view(value_).substr(0, value_.find('.'));
    if (std::ranges::find(columns, name) == std::end(columns))
      return wrong(fmt::format("no such column: {}", name));
    if (value_.ends_with('.') || value_.find("..") != std::string::npos)
      return wrong("expected a member's name");
    std::string column = value_;
    next();
    return column;
  }
  Result<FieldTest> operand() {
    if (token_ == Token::word && value_ == "get_json_object") {
      auto field = json_object();
      if (!field) return std::unexpected(field.error());
      return FieldTest{.field = std::move(*field)};
    }
    const Function* function = token_ == Token::word ? function_named(value_) : nullptr;
    if (function != nullptr) return call(*function);
    auto column = this->column();
    if (!column) return std::unexpected(column.error());
    return FieldTest{.field = std::move(*column)};
  }
  // get_json_object(column, '$.path')
  Result<std::string> json_object() {
    next();
    if (!take_symbol("(")) return wrong("expected (");
    auto column = this->column();
    if (!column) return column;
    if (!take_symbol(",")) return wrong("expected ,");
    const auto steps = token_ == Token::text ? steps_of(value_) : std::nullopt;
    if (!steps) return wrong("expected a path such as '$.name.items[*].id'");
    next();
    if (!take_symbol(")")) return wrong("expected )");
    return *column + *steps;
  }
  Result<FieldTest> call(const Function& function) {
    next();
    if (!take_symbol("(")) return wrong("expected (");
    auto field = token_ == Token::word && value_ == "get_json_object" ? json_object() : column();
    if (!field) return std::unexpected(field.error());
    FieldTest test{.field = std::move(*field)};
    test.function = &function.values;
    if (function.takes_argument) {
      if (!take_symbol(",")) return wrong("expected ,");
      if (token_ != Token::text && token_ != Token::number) return wrong("expected a value");
      test.argument = value_;
      next();
    }
    if (!take_symbol(")")) return wrong("expected )");
    stands_alone_ = function.is_condition;
    return test;
  }

  std::string_view text_;
  std::size_t at_ = 0, end_ = 0;  // of the token
  Token token_ = Token::end;
  std::string value_;
  int depth_ = 0;
  bool stands_alone_ = false;  // the operand just read is a condition by itself
};

}  // namespace

Result<Predicate> parse_condition(std::string_view text) { return Parser(text).parse(); }

}  // namespace picket::rules
