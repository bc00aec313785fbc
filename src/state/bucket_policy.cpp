#include "state/bucket_policy.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/ip.h"
#include "base/text.h"
#include "event/raw_json.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

constexpr std::array<std::string_view, 3> reading = {"s3:getobject", "s3:getobjectversion", "s3:listbucket"};
constexpr std::array<std::string_view, 2> writing = {"s3:putobject", "s3:deleteobject"};

template <class F>
bool all_texts(const dom::element& value, F holds) {
  return !any_text(value, [&](std::string_view text) { return !holds(text); });
}

// ---- conditions of a grant: how far they narrow it ----

// A value that ties the request to somebody: no wildcard or policy variable, or wildcards only below a named
// account, organisation or unique id (21 characters: AROA…, AIDA…).
bool names_somebody(std::string_view value) {
  if (value.find("${") != std::string_view::npos) return false;
  const std::size_t wildcard = value.find_first_of("*?");
  if (wildcard == std::string_view::npos) return !value.empty();
  const std::string_view fixed = value.substr(0, wildcard);
  if (value.starts_with("arn:")) {
    std::size_t colon = 0;
    for (int field = 0; field < 4 && colon != std::string_view::npos; ++field)
      colon = value.find(':', colon + (field ? 1 : 0));
    if (colon == std::string_view::npos) return false;
    const std::size_t end = value.find(':', colon + 1);
    return end != std::string_view::npos && is_account_id(value.substr(colon + 1, end - colon - 1));
  }
  if (fixed.starts_with("o-")) return fixed.find('/') != std::string_view::npos;
  const std::size_t colon = fixed.find(':');
  return colon == 21 || is_account_id(fixed.substr(0, colon));
}

// S3's own limits for what is public: IPv4 ranges wider than /8, IPv6 wider than /32.
bool names_network(std::string_view value) {
  const auto prefix = IpPrefix::parse(value);
  if (!prefix) return false;
  return prefix->length >= (prefix->address.is_v4() ? 8U : 32U);
}

// Keys whose values say who asks or from which network, account or service: the keys S3 itself accepts as
// making a policy non-public, and their newer relatives.
constexpr std::array tying_keys = {std::string_view("aws:sourcearn"),
                                   std::string_view("aws:sourceaccount"),
                                   std::string_view("aws:sourceowner"),
                                   std::string_view("aws:sourceorgid"),
                                   std::string_view("aws:sourceorgpaths"),
                                   std::string_view("aws:sourcevpc"),
                                   std::string_view("aws:sourcevpcarn"),
                                   std::string_view("aws:sourcevpce"),
                                   std::string_view("aws:vpceaccount"),
                                   std::string_view("aws:vpceorgid"),
                                   std::string_view("aws:vpceorgpaths"),
                                   std::string_view("aws:principalorgid"),
                                   std::string_view("aws:principalorgpaths"),
                                   std::string_view("aws:principalaccount"),
                                   std::string_view("aws:principalarn"),
                                   std::string_view("aws:principalservicename"),
                                   std::string_view("aws:userid"),
                                   std::string_view("kms:calleraccount"),
                                   std::string_view("s3:dataaccesspointaccount"),
                                   std::string_view("s3:dataaccesspointarn"),
                                   std::string_view("s3:x-amz-server-side-encryption-aws-kms-key-id")};

// Keys that only a request with credentials has at all.
bool needs_credentials(std::string_view key) {
  return key.starts_with("aws:principal") || key == "aws:userid" || key == "aws:username" ||
         key == "aws:viaawsservice" || key == "aws:multifactorauthpresent" || key == "aws:tokenissuetime";
}

// How far one condition narrows a grant to everybody.
BucketAudience narrowed_by(std::string_view operation, std::string_view key, const dom::element& value) {
  // An empty or missing set satisfies ForAllValues.
  if (operation.starts_with("forallvalues:")) return BucketAudience::everyone;
  if (operation.starts_with("foranyvalue:")) operation.remove_prefix(12);
  const bool if_exists = operation.ends_with("ifexists");
  if (if_exists) operation.remove_suffix(8);
  // Every request over the Internet has a source address; of the other keys an anonymous one may have none.
  if (if_exists && key != "aws:sourceip") return BucketAudience::everyone;

  if (operation == "null") {
    const bool must_exist = all_texts(value, [](std::string_view text) { return text == "false"; });
    return must_exist && needs_credentials(key) ? BucketAudience::authenticated : BucketAudience::everyone;
  }
  if (operation == "bool") {
    const bool yes = all_texts(value, [](std::string_view text) { return text == "true"; });
    if (yes && (key == "aws:principalisawsservice" || key == "elasticfilesystem:accessedviamounttarget"))
      return BucketAudience::named;
    return yes && needs_credentials(key) ? BucketAudience::authenticated : BucketAudience::everyone;
  }
  if (operation == "ipaddress") {
    const bool narrow = key == "aws:sourceip" && all_texts(value, names_network);
    return narrow ? BucketAudience::named : BucketAudience::everyone;
  }
  if (operation.find("not") != std::string_view::npos) {
    const bool no_anonymous = key == "aws:principaltype" &&
                              any_text(value, [](std::string_view text) { return text == "Anonymous"; });
    return no_anonymous ? BucketAudience::authenticated : BucketAudience::everyone;
  }
  if (operation != "stringequals" && operation != "stringequalsignorecase" && operation != "stringlike" &&
      operation != "arnequals" && operation != "arnlike") {
    return BucketAudience::everyone;
  }
  if (std::find(tying_keys.begin(), tying_keys.end(), key) != tying_keys.end() &&
      all_texts(value, names_somebody)) {
    return BucketAudience::named;
  }
  if (key == "aws:principaltype" &&
      any_text(value, [](std::string_view text) { return text == "Anonymous"; })) {
    return BucketAudience::everyone;
  }
  return needs_credentials(key) ? BucketAudience::authenticated : BucketAudience::everyone;
}

// All conditions must hold at once, so the narrowest decides.
BucketAudience narrowed_by(const dom::element& conditions) {
  BucketAudience audience = BucketAudience::everyone;
  dom::object operations;
  if (conditions.get(operations) != simdjson::SUCCESS) return audience;
  for (const auto& [operation, tests] : operations) {
    dom::object keys;
    if (tests.get(keys) != simdjson::SUCCESS) continue;
    for (const auto& [key, value] : keys) {
      audience = std::min(audience, narrowed_by(std::string_view(lower(operation)), lower(key), value));
    }
  }
  return audience;
}

// ---- conditions of a denial: whether every stranger meets them ----

// "Everybody who is not …": a denial of all but the named leaves no stranger in.
bool meets_strangers(std::string_view operation, std::string_view key, const dom::element& value) {
  if (operation.starts_with("forallvalues:")) operation.remove_prefix(13);
  if (operation.starts_with("foranyvalue:")) {
    // A request without the key has no value that could differ; all have an address.
    if (key != "aws:sourceip") return false;
    operation.remove_prefix(12);
  }
  if (operation.ends_with("ifexists")) operation.remove_suffix(8);
  if (operation == "notipaddress") return key == "aws:sourceip" && all_texts(value, names_network);
  if (operation == "bool") {
    return key == "aws:principalisawsservice" &&
           all_texts(value, [](std::string_view text) { return text == "false"; });
  }
  const bool negative = operation == "stringnotequals" || operation == "stringnotequalsignorecase" ||
                        operation == "stringnotlike" || operation == "arnnotequals" ||
                        operation == "arnnotlike";
  return negative && std::find(tying_keys.begin(), tying_keys.end(), key) != tying_keys.end() &&
         all_texts(value, names_somebody);
}

// A denial holds when all of its conditions do.
bool meets_strangers(const dom::element& conditions) {
  dom::object operations;
  if (conditions.get(operations) != simdjson::SUCCESS) return false;
  bool all = true;
  for (const auto& [operation, tests] : operations) {
    dom::object keys;
    if (tests.get(keys) != simdjson::SUCCESS) return false;
    for (const auto& [key, value] : keys) {
      all = all && meets_strangers(std::string_view(lower(operation)), std::string_view(lower(key)), value);
    }
  }
  return all;
}

// ---- statements ----

bool is(const dom::element& statement, std::string_view effect) {
  std::string_view text;
  return statement.is_object() && statement["Effect"].get(text) == simdjson::SUCCESS && text == effect;
}

// "*", {"AWS": "*"} and {"AWS": ["*", …]} all mean requests without credentials too.
bool anybody(const dom::element& principal) {
  const auto star = [](std::string_view text) { return text == "*"; };
  if (any_text(principal, star)) return true;
  dom::element aws;
  return principal.is_object() && principal["AWS"].get(aws) == simdjson::SUCCESS && any_text(aws, star);
}

// Strangers are meant by "*", and by everybody but somebody.
bool means_strangers(const dom::element& statement) {
  dom::element principal;
  if (statement["NotPrincipal"].get(principal) == simdjson::SUCCESS) return !anybody(principal);
  return statement["Principal"].get(principal) == simdjson::SUCCESS && anybody(principal);
}

BucketAudience audience_of(const dom::element& statement) {
  if (!is(statement, "Allow") || !means_strangers(statement)) return BucketAudience::named;
  dom::element conditions;
  if (statement["Condition"].get(conditions) != simdjson::SUCCESS) return BucketAudience::everyone;
  return narrowed_by(conditions);
}

bool denies_strangers(const dom::element& statement) {
  if (!is(statement, "Deny") || !means_strangers(statement)) return false;
  dom::element conditions;
  return statement["Condition"].get(conditions) != simdjson::SUCCESS || meets_strangers(conditions);
}

// Whether the statement is about the action (or pattern of actions: "s3:get*" lies within "s3:*").
bool about_action(const dom::element& statement, std::string_view action) {
  const auto covers = [&](std::string_view pattern) { return wildcard_match(lower(pattern), action); };
  dom::element list;
  if (statement["Action"].get(list) == simdjson::SUCCESS) return any_text(list, covers);
  return statement["NotAction"].get(list) == simdjson::SUCCESS && !any_text(list, covers);
}

// Whether the denial is about every resource of the grant.
bool covers_resources(const dom::element& denial, const dom::element& grant) {
  dom::element resources, denied;
  // A statement without resources is about the bucket its policy belongs to.
  if (denial["Resource"].get(denied) != simdjson::SUCCESS)
    return denial["NotResource"].get(denied) != simdjson::SUCCESS;
  if (grant["Resource"].get(resources) != simdjson::SUCCESS)
    return any_text(denied, [](std::string_view t) { return t == "*"; });
  return all_texts(resources, [&](std::string_view resource) {
    return any_text(denied, [&](std::string_view pattern) { return wildcard_match(pattern, resource); });
  });
}

// Whether the denial is about every action and resource of the grant.
bool covers(const dom::element& denial, const dom::element& grant) {
  dom::element actions;
  // All actions but some: only a denial of everything takes that back.
  if (grant["Action"].get(actions) == simdjson::SUCCESS) {
    if (!all_texts(actions, [&](std::string_view action) { return about_action(denial, lower(action)); }))
      return false;
  } else if (!about_action(denial, "s3:*") && !about_action(denial, "*")) {
    return false;
  }
  return covers_resources(denial, grant);
}

// The accounts an Allow names: by number, by "arn:aws:iam::NUMBER:…".
void add_accounts(const dom::element& statement, std::set<std::string>& accounts) {
  dom::element principal, aws;
  if (!is(statement, "Allow") || statement["Principal"].get(principal) != simdjson::SUCCESS ||
      !principal.is_object() || principal["AWS"].get(aws) != simdjson::SUCCESS) {
    return;
  }
  any_text(aws, [&](std::string_view text) {
    if (is_account_id(text)) {
      accounts.emplace(text);
    } else if (const std::size_t at = text.find("::");
               text.starts_with("arn:") && at != std::string_view::npos) {
      if (const std::string_view account = text.substr(at + 2, 12); is_account_id(account))
        accounts.emplace(account);
    }
    return false;
  });
}

std::string name_of(const dom::element& statement, std::size_t number) {
  std::string_view sid;
  return statement["Sid"].get(sid) == simdjson::SUCCESS && !sid.empty() ? std::string(sid)
                                                                        : std::to_string(number);
}

}  // namespace

BucketPolicyVerdict evaluate_bucket_policy(const dom::element& policy) {
  BucketPolicyVerdict verdict;
  dom::element found;
  if (!policy.is_object() || policy["Statement"].get(found) != simdjson::SUCCESS) return verdict;
  std::vector<dom::element> statements;
  dom::array list;
  if (found.get(list) == simdjson::SUCCESS) {
    for (const dom::element statement : list) statements.push_back(statement);
  } else {
    statements.push_back(found);
  }
  // The first denial of strangers that covers the grant.
  const auto denial_of = [&](const dom::element& grant) -> std::string {
    for (std::size_t i = 0; i < statements.size(); ++i) {
      if (denies_strangers(statements[i]) && covers(statements[i], grant))
        return name_of(statements[i], i + 1);
    }
    return {};
  };
  // Whether the grant lets one of the actions through, on some of its resources at least.
  const auto grants = [&](const dom::element& grant, const auto& actions) {
    return std::ranges::any_of(actions, [&](std::string_view action) {
      return about_action(grant, action) &&
             std::ranges::none_of(statements, [&](const dom::element& statement) {
               return denies_strangers(statement) && about_action(statement, action) &&
                      covers_resources(statement, grant);
             });
    });
  };
  std::set<std::string> accounts;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const dom::element& statement = statements[i];
    if (!statement.is_object()) continue;
    add_accounts(statement, accounts);
    const BucketAudience audience = audience_of(statement);
    if (audience == BucketAudience::named) continue;
    const std::string denial = denial_of(statement);
    // Of equally wide grants one that stands counts before one that is taken back.
    if (audience > verdict.audience ||
        (audience == verdict.audience && !verdict.taken_back_by.empty() && denial.empty())) {
      verdict.audience = audience;
      verdict.statement = name_of(statement, i + 1);
      verdict.taken_back_by = denial;
    }
    if (audience != BucketAudience::everyone || !denial.empty()) continue;
    verdict.public_read |= grants(statement, reading);
    verdict.public_write |= grants(statement, writing);
  }
  verdict.accounts.assign(accounts.begin(), accounts.end());
  return verdict;
}

BucketPolicyVerdict evaluate_bucket_policy(std::string_view policy) {
  const JsonDocument document(policy);
  return document.root() ? evaluate_bucket_policy(*document.root()) : BucketPolicyVerdict{};
}

}  // namespace picket
