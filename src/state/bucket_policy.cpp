#include "state/bucket_policy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "event/raw_json.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

constexpr std::array<std::string_view, 3> reading = {"s3:getobject", "s3:getobjectversion", "s3:listbucket"};
constexpr std::array<std::string_view, 2> writing = {"s3:putobject", "s3:deleteobject"};

// '*' for any run of characters, '?' for one.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// IAM's "one or a list" members.
template <class Test>
bool any_text(const dom::element& element, Test test) {
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return test(text);
  dom::array list;
  if (element.get(list) != simdjson::SUCCESS) return false;
  return std::ranges::any_of(list, [&](const dom::element& one) { return any_text(one, test); });
}

bool is_everyone(const dom::element& principal) {
  const auto star = [](std::string_view text) { return text == "*"; };
  if (any_text(principal, star)) return true;
  dom::element aws;
  return principal.is_object() && principal["AWS"].get(aws) == simdjson::SUCCESS && any_text(aws, star);
}

template <std::size_t N>
bool covers(const dom::element& statement, const std::array<std::string_view, N>& actions) {
  const auto names_one = [&](std::string_view pattern) {
    std::string lower(pattern);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::ranges::any_of(actions, [&](std::string_view action) { return matches(lower, action); });
  };
  dom::element element;
  if (statement["Action"].get(element) == simdjson::SUCCESS) return any_text(element, names_one);
  if (statement["NotAction"].get(element) == simdjson::SUCCESS) return !any_text(element, names_one);
  return false;
}

}  // namespace

PublicGrants public_grants_of(std::string_view policy) {
  const JsonDocument document(policy);
  const auto found = document.at("Statement");
  if (!found) return {};
  PublicGrants allowed, denied;
  const auto weigh = [&](const dom::element& statement) {
    std::string_view effect;
    dom::element principal, condition;
    if (!statement.is_object() || statement["Effect"].get(effect) != simdjson::SUCCESS) return;
    if (statement["Condition"].get(condition) == simdjson::SUCCESS) return;
    const bool everyone =
        statement["Principal"].get(principal) == simdjson::SUCCESS
            ? is_everyone(principal)
            : effect == "Allow" && statement["NotPrincipal"].get(principal) == simdjson::SUCCESS;
    if (!everyone) return;
    PublicGrants& grants = effect == "Allow" ? allowed : denied;
    grants.read |= covers(statement, reading);
    grants.write |= covers(statement, writing);
  };
  dom::array list;
  if (found->get(list) == simdjson::SUCCESS) {
    for (const dom::element statement : list) weigh(statement);
  } else {
    weigh(*found);
  }
  return {allowed.read && !denied.read, allowed.write && !denied.write};
}

}  // namespace picket
