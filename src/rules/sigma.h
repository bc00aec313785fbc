// Sigma rules (specification 2.1): rules, correlations and filters in YAML, to the rules of this folder. What
// cannot be loaded is refused with file, line and reason; the others load.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/rule.h"

namespace picket::rules {

struct RefusedRule {
  std::string where;  // "FILE:LINE"
  std::string title;  // empty when the document did not come so far
  std::string reason;
};

struct LoadedRules {
  std::vector<Rule> rules;  // by id
  std::vector<RefusedRule> refused;
  std::size_t files = 0;
};

class SigmaLoader {
 public:
  // Documents of one text; `origin` is the file's name. Matches of rules in `dry_run` are only counted;
  // correlations cannot be.
  void add_text(std::string_view text, const std::string& origin, bool dry_run = false);
  // A file, or every .yml and .yaml below a folder. Fails when there is nothing to read.
  Result<void> add_path(const std::string& path, bool dry_run = false);
  // Puts correlations and filters on the rules they name, and gives what was loaded since the start.
  LoadedRules finish();

 private:
  struct Draft {  // a rule with what only the loader needs of it
    Rule rule;
    std::string name;  // Sigma's `name`, by which correlations may refer to it
    // Of a correlation:
    std::map<std::string, std::map<std::string, std::string>> aliases;  // alias -> rule -> field
    std::string value_field;
    bool generate = false;
    enum class Resolved : std::uint8_t { no, meanwhile, yes, refused } resolved = Resolved::no;
  };
  struct Filter {
    std::string where, title;
    LogKind log = LogKind::cloudtrail;
    std::vector<std::string> rules;
    bool any = false;  // of every rule of the log
    Predicate condition;
  };
  friend class SigmaDocument;
  void add_document(const std::string& text, const std::string& origin, std::size_t first_line);
  Draft* find(const std::string& reference);
  void apply(const Filter& filter);
  void resolve_once(Draft& correlation);
  Result<void> resolve(Draft& correlation);
  static Result<void> chain(Correlation::Reference& reference, const Draft& rule, Correlation::Type type);

  std::vector<Draft> drafts_;
  std::vector<Filter> filters_;
  std::vector<RefusedRule> refused_;
  std::size_t files_ = 0;
  bool dry_run_ = false;  // of the text at hand
};

}  // namespace picket::rules
