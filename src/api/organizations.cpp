// AWS Organizations, its reads: DescribeOrganization, ListAccounts, DescribeAccount,
// ListDelegatedAdministrators, ListRoots, ListAWSServiceAccessForOrganization. Every account of the
// organisation may describe it; the rest is for the management account and the delegated administrator.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/neighbours.h"
#include "api/organization.h"
#include "base/base64.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

constexpr std::size_t page_size = 20;  // Organizations' default and most

std::unexpected<ApiError> refuse(std::string_view code, std::string message) {
  return std::unexpected(ApiError{.status = 400, .type = code, .code = code, .message = std::move(message)});
}

// As configured, else one made of the management account, so that it stays.
std::string organization_id(const Organization& organization) {
  if (!organization.id.empty()) return organization.id;
  return "o-" + hash128("organization\x1f" + organization.management_account).hex().substr(0, 10);
}

std::string organization_arn(const NeighbourCall& call, const Organization& organization,
                             std::string_view kind) {
  return fmt::format("arn:{}:organizations::{}:{}/{}", partition_of(call.region),
                     organization.management_account, kind, organization_id(organization));
}

void write_account(JsonWriter& json, const NeighbourCall& call, const Organization& organization,
                   const OrganizationAccount& account) {
  json.begin_object();
  json.member("Id", account.id);
  json.member("Arn", organization_arn(call, organization, "account") + '/' + account.id);
  json.member("Email", account.email.empty() ? "unknown" : account.email);
  json.member("Name", account.name.empty() ? account.id : account.name);
  json.member("Status", "ACTIVE");
  json.member("State", "ACTIVE");
  json.member("JoinedMethod", "CREATED");
  json.end_object();
}

NeighbourAnswer describe_organization(const NeighbourCall& call, const Organization& organization) {
  const auto management =
      std::ranges::find(organization.accounts, organization.management_account, &OrganizationAccount::id);
  const bool known = management != organization.accounts.end() && !management->email.empty();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("Organization");
  json.begin_object();
  json.member("Id", organization_id(organization));
  json.member("Arn", organization_arn(call, organization, "organization"));
  json.member("FeatureSet", "ALL");
  json.member("MasterAccountArn",
              organization_arn(call, organization, "account") + '/' + organization.management_account);
  json.member("MasterAccountId", organization.management_account);
  json.member("MasterAccountEmail", known ? management->email : "unknown");
  json.end_object();
  json.end_object();
  return {out, ""};
}

NeighbourResult list_accounts(const NeighbourCall& call, Backend& backend) {
  const auto accounts = organization_accounts(backend);
  std::string after;
  if (const std::string_view token = call.parameter("NextToken"); !token.empty()) {
    const auto decoded = from_base64url(token);
    if (!decoded || decoded->size() != 12)
      return refuse("InvalidInputException", "The NextToken is none that was given out.");
    after = *decoded;
  }
  std::size_t most = page_size;
  if (const std::string_view text = call.parameter("MaxResults"); !text.empty()) {
    if (text.size() > 2 || text.find_first_not_of("0123456789") != std::string_view::npos ||
        std::stoul(std::string(text)) < 1 || std::stoul(std::string(text)) > page_size)
      return refuse("InvalidInputException", "MaxResults must be from 1 to 20.");
    most = std::stoul(std::string(text));
  }
  std::string out, next;
  JsonWriter json(out);
  json.begin_object();
  json.key("Accounts");
  json.begin_array();
  std::size_t written = 0;
  for (const OrganizationAccount& account : accounts) {
    if (account.id <= after) continue;
    if (written == most) {
      next = to_base64url(after);
      break;
    }
    write_account(json, call, backend.organization, account);
    after = account.id;
    ++written;
  }
  json.end_array();
  if (!next.empty()) json.member("NextToken", next);
  json.end_object();
  return NeighbourAnswer{out, ""};
}

NeighbourResult describe_account(const NeighbourCall& call, Backend& backend) {
  const auto accounts = organization_accounts(backend);
  const auto found = std::ranges::find(accounts, call.parameter("AccountId"), &OrganizationAccount::id);
  if (found == accounts.end())
    return refuse("AccountNotFoundException", "You specified an account that doesn't exist.");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("Account");
  write_account(json, call, backend.organization, *found);
  json.end_object();
  return NeighbourAnswer{out, ""};
}

NeighbourResult list_delegated_administrators(const NeighbourCall& call, Backend& backend) {
  const auto delegated = load_delegated_administrators(*backend.store);
  if (!delegated) return store_error(delegated.error(), "NextToken");
  std::set<std::string> administrators;
  for (const auto& [region, account] : *delegated) administrators.insert(account);
  for (const OrganizationAccount& account : backend.organization.accounts)
    if (account.role == "delegated-administrator") administrators.insert(account.id);
  const std::string_view principal = call.parameter("ServicePrincipal");
  if (!principal.empty() && principal != "guardduty.amazonaws.com") administrators.clear();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("DelegatedAdministrators");
  json.begin_array();
  for (const OrganizationAccount& account : organization_accounts(backend))
    if (administrators.contains(account.id)) write_account(json, call, backend.organization, account);
  json.end_array();
  json.end_object();
  return NeighbourAnswer{out, ""};
}

NeighbourAnswer list_roots(const NeighbourCall& call, const Organization& organization) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("Roots");
  json.begin_array();
  json.begin_object();
  const std::string id = "r-" + organization_id(organization).substr(2, 4);
  json.member("Id", id);
  json.member("Arn", organization_arn(call, organization, "root") + '/' + id);
  json.member("Name", "Root");
  json.key("PolicyTypes");
  json.begin_array();
  json.end_array();
  json.end_object();
  json.end_array();
  json.end_object();
  return {out, ""};
}

NeighbourAnswer list_service_access() {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("EnabledServicePrincipals");
  json.begin_array();
  json.begin_object();
  json.member("ServicePrincipal", "guardduty.amazonaws.com");
  json.end_object();
  json.end_array();
  json.end_object();
  return {out, ""};
}

}  // namespace

NeighbourResult answer_organizations(const NeighbourCall& call, const aws::Credential& caller,
                                     Backend& backend) {
  const Organization& organization = backend.organization;
  if (organization.management_account.empty() || !in_organization(backend, caller.account))
    return refuse("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
  if (call.action == "DescribeOrganization") return describe_organization(call, organization);
  const auto administrator = organization_administrator(backend, call.region);
  if (!administrator) return store_error(administrator.error(), "organization");
  const bool allowed = caller.account == organization.management_account || caller.account == *administrator;
  const auto is = [&](std::string_view name) { return call.action == name; };
  if (!is("ListAccounts") && !is("DescribeAccount") && !is("ListDelegatedAdministrators") &&
      !is("ListRoots") && !is("ListAWSServiceAccessForOrganization"))
    return action_not_served(call);
  if (!allowed) return refuse("AccessDeniedException", "You don't have permissions to access this resource.");
  if (is("ListAccounts")) return list_accounts(call, backend);
  if (is("DescribeAccount")) return describe_account(call, backend);
  if (is("ListDelegatedAdministrators")) return list_delegated_administrators(call, backend);
  if (is("ListRoots")) return list_roots(call, organization);
  return list_service_access();
}

}  // namespace picket::api
