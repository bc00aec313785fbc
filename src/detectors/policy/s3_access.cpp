#include "detectors/policy/s3_access.h"

#include <algorithm>
#include <array>

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// Calls visit(text) for a string, or for each string of an array; stops when it returns true and returns
// that.
template <class F>
bool any_text(const dom::element& value, F visit) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return visit(text);
  bool flag = false;
  if (value.get(flag) == simdjson::SUCCESS)
    return visit(flag ? std::string_view("true") : std::string_view("false"));
  dom::array values;
  if (value.get(values) != simdjson::SUCCESS) return false;
  for (const dom::element item : values) {
    if (item.get(text) == simdjson::SUCCESS && visit(text)) return true;
  }
  return false;
}

template <class F>
bool all_texts(const dom::element& value, F holds) {
  return !any_text(value, [&](std::string_view text) { return !holds(text); });
}

// ---- conditions -----------------------------------------------------------------------------

bool digits12(std::string_view text) {
  return text.size() == 12 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

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
    return end != std::string_view::npos && digits12(value.substr(colon + 1, end - colon - 1));
  }
  if (fixed.starts_with("o-")) return fixed.find('/') != std::string_view::npos;
  const std::size_t colon = fixed.find(':');
  return colon == 21 || digits12(fixed.substr(0, colon));
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
                                   std::string_view("s3:dataaccesspointaccount"),
                                   std::string_view("s3:dataaccesspointarn"),
                                   std::string_view("s3:x-amz-server-side-encryption-aws-kms-key-id")};

// Keys that only a request with credentials has at all.
bool needs_credentials(std::string_view key) {
  return key.starts_with("aws:principal") || key == "aws:userid" || key == "aws:username" ||
         key == "aws:viaawsservice" || key == "aws:multifactorauthpresent" || key == "aws:tokenissuetime";
}

// How far one condition narrows a grant to everybody.
S3Audience narrowed_by(std::string_view operation, std::string_view key, const dom::element& value) {
  // An empty or missing set satisfies ForAllValues.
  if (operation.starts_with("forallvalues:")) return S3Audience::everyone;
  if (operation.starts_with("foranyvalue:")) operation.remove_prefix(12);
  const bool if_exists = operation.ends_with("ifexists");
  if (if_exists) operation.remove_suffix(8);
  // Every request over the Internet has a source address; of the other keys an anonymous one may have none.
  if (if_exists && key != "aws:sourceip") return S3Audience::everyone;

  if (operation == "null") {
    const bool must_exist = all_texts(value, [](std::string_view text) { return text == "false"; });
    return must_exist && needs_credentials(key) ? S3Audience::authenticated : S3Audience::everyone;
  }
  if (operation == "bool") {
    const bool yes = all_texts(value, [](std::string_view text) { return text == "true"; });
    if (key == "aws:principalisawsservice" && yes) return S3Audience::named;
    return yes && needs_credentials(key) ? S3Audience::authenticated : S3Audience::everyone;
  }
  if (operation == "ipaddress") {
    const bool narrow = key == "aws:sourceip" && all_texts(value, names_network);
    return narrow ? S3Audience::named : S3Audience::everyone;
  }
  if (operation.find("not") != std::string_view::npos) {
    const bool no_anonymous = key == "aws:principaltype" &&
                              any_text(value, [](std::string_view text) { return text == "Anonymous"; });
    return no_anonymous ? S3Audience::authenticated : S3Audience::everyone;
  }
  if (operation != "stringequals" && operation != "stringequalsignorecase" && operation != "stringlike" &&
      operation != "arnequals" && operation != "arnlike") {
    return S3Audience::everyone;
  }
  if (std::find(tying_keys.begin(), tying_keys.end(), key) != tying_keys.end() &&
      all_texts(value, names_somebody)) {
    return S3Audience::named;
  }
  if (key == "aws:principaltype" &&
      any_text(value, [](std::string_view text) { return text == "Anonymous"; })) {
    return S3Audience::everyone;
  }
  return needs_credentials(key) ? S3Audience::authenticated : S3Audience::everyone;
}

// All conditions must hold at once, so the narrowest decides.
S3Audience narrowed_by(const dom::element& conditions) {
  S3Audience audience = S3Audience::everyone;
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

// ---- policies -------------------------------------------------------------------------------

// "*", {"AWS": "*"} and {"AWS": ["*", …]} all let in requests without credentials.
bool anybody(const dom::element& principal) {
  const auto star = [](std::string_view text) { return text == "*"; };
  if (any_text(principal, star)) return true;
  dom::element aws;
  return principal["AWS"].get(aws) == simdjson::SUCCESS && any_text(aws, star);
}

S3Audience audience_of(const dom::element& statement) {
  std::string_view effect;
  if (statement["Effect"].get(effect) != simdjson::SUCCESS || effect != "Allow") return S3Audience::named;
  dom::element principal;
  // NotPrincipal with Allow lets in everybody but the named.
  const bool all_but = statement["NotPrincipal"].get(principal) == simdjson::SUCCESS;
  if (!all_but && (statement["Principal"].get(principal) != simdjson::SUCCESS || !anybody(principal)))
    return S3Audience::named;
  dom::element conditions;
  if (statement["Condition"].get(conditions) != simdjson::SUCCESS) return S3Audience::everyone;
  return narrowed_by(conditions);
}

void widen(S3Grant& grant, S3Audience audience, std::string how) {
  if (audience > grant.audience) grant = {audience, std::move(how)};
}

void add_policy(const dom::element& policy, S3Grant& grant) {
  const auto add = [&](const dom::element& statement, std::size_t number) {
    std::string_view sid;
    std::string name = statement["Sid"].get(sid) == simdjson::SUCCESS && !sid.empty()
                           ? std::string(sid)
                           : std::to_string(number);
    widen(grant, audience_of(statement), "policy statement " + name);
  };
  dom::element statements;
  if (policy["Statement"].get(statements) != simdjson::SUCCESS) return;
  dom::array list;
  if (statements.get(list) != simdjson::SUCCESS) return add(statements, 1);
  std::size_t number = 0;
  for (const dom::element statement : list) add(statement, ++number);
}

// ---- access control lists -------------------------------------------------------------------

S3Audience group_audience(std::string_view uri) {
  if (uri.find("/groups/global/AllUsers") != std::string_view::npos) return S3Audience::everyone;
  if (uri.find("/groups/global/AuthenticatedUsers") != std::string_view::npos)
    return S3Audience::authenticated;
  return S3Audience::named;
}

std::string group_name(S3Audience audience) {
  return audience == S3Audience::everyone ? "AllUsers" : "AuthenticatedUsers";
}

void add_grant(const dom::element& element, S3Grant& grant) {
  std::string_view uri, permission;
  if (element["Grantee"]["URI"].get(uri) != simdjson::SUCCESS) return;
  if (element["Permission"].get(permission) != simdjson::SUCCESS) permission = "access";
  const S3Audience audience = group_audience(uri);
  widen(grant, audience, "access control list: " + std::string(permission) + " to " + group_name(audience));
}

void add_grants(const dom::element& grants, S3Grant& grant) {
  dom::array list;
  if (grants.get(list) != simdjson::SUCCESS) return add_grant(grants, grant);
  for (const dom::element element : list) add_grant(element, grant);
}

void add_canned(std::string_view name, S3Grant& grant) {
  const S3Audience audience = name == "public-read" || name == "public-read-write" ? S3Audience::everyone
                              : name == "authenticated-read"                       ? S3Audience::authenticated
                                                                                   : S3Audience::named;
  widen(grant, audience, "canned access control list " + std::string(name));
}

}  // namespace

S3Grant widest_grant(const CloudTrailEvent& call) {
  S3Grant grant;
  const JsonDocument document = call.request_parameters.parse();
  const auto root = document.root();
  dom::object request;
  if (!root || root->get(request) != simdjson::SUCCESS) return grant;
  for (const auto& [key, value] : request) {
    if (key == "bucketPolicy") {
      // Recorded as an object, or as text in records that other tools made.
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        const JsonDocument inner(text);
        if (inner.root()) add_policy(*inner.root(), grant);
      } else {
        add_policy(value, grant);
      }
    } else if (key == "AccessControlPolicy") {
      dom::element grants;
      if (value["AccessControlList"]["Grant"].get(grants) == simdjson::SUCCESS) add_grants(grants, grant);
    } else if (key == "x-amz-acl") {
      any_text(value, [&](std::string_view name) {
        add_canned(name, grant);
        return false;
      });
    } else if (key.starts_with("x-amz-grant-")) {
      any_text(value, [&](std::string_view grantees) {
        const S3Audience audience = group_audience(grantees);
        widen(grant, audience,
              "access control list: " + std::string(key.substr(12)) + " to " + group_name(audience));
        return false;
      });
    }
  }
  return grant;
}

std::optional<std::string> blocks_off(const CloudTrailEvent& call) {
  constexpr std::array switches = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                   "RestrictPublicBuckets"};
  const bool deleted = call.event_name.starts_with("Delete");
  const JsonDocument document = call.request_parameters.parse();
  const auto configuration = document.at("PublicAccessBlockConfiguration");
  if (!deleted && !configuration) return std::nullopt;
  std::string off;
  for (const std::string_view name : switches) {
    if (!deleted) {
      const auto value = document.at("PublicAccessBlockConfiguration." + std::string(name));
      if (value && scalar_text(*value) == "true") continue;
    }
    if (!off.empty()) off += ", ";
    off += name;
  }
  return off.empty() ? std::nullopt : std::optional(off);
}

}  // namespace picket::detectors
