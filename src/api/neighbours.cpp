#include "api/neighbours.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/organization.h"
#include "api/router.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "finding/detector_id.h"

namespace picket::api {

namespace {

struct Neighbour {
  std::string_view name;
  Protocol protocol;
  std::string_view xmlns;   // of XML answers
  std::string_view served;  // for whoever asks for more
};
constexpr std::array<Neighbour, 4> neighbours{
    Neighbour{"sts", Protocol::query, "https://sts.amazonaws.com/doc/2011-06-15/",
              "GetCallerIdentity, AssumeRole and GetSessionToken"},
    Neighbour{"ec2", Protocol::ec2, "http://ec2.amazonaws.com/doc/2016-11-15/", "DescribeRegions"},
    Neighbour{"iam", Protocol::query, "https://iam.amazonaws.com/doc/2010-05-08/", "ListAccountAliases"},
    Neighbour{
        "organizations", Protocol::json, "",
        "DescribeOrganization, ListAccounts, DescribeAccount, ListDelegatedAdministrators, ListRoots and "
        "ListAWSServiceAccessForOrganization"}};

constexpr std::string_view served_here =
    "picket serves Amazon GuardDuty here, and of its neighbours sts (GetCallerIdentity, AssumeRole, "
    "GetSessionToken), ec2 (DescribeRegions), iam (ListAccountAliases) and organizations (reads)";

const Neighbour& neighbour_of(std::string_view service) {
  return *std::ranges::find(neighbours, service, &Neighbour::name);
}

// A form writes blanks as "+".
std::vector<std::pair<std::string, std::string>> read_form(std::string_view form) {
  std::string text;
  for (const char c : form) {
    if (c == '+') {
      text += "%20";
    } else {
      text += c;
    }
  }
  return parse_query(text);
}

void read_json(std::string_view body, std::vector<std::pair<std::string, std::string>>& parameters) {
  simdjson::dom::parser parser;
  simdjson::dom::object members;
  simdjson::dom::element root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS ||
      root.get(members) != simdjson::SUCCESS)
    return;
  for (const auto& [name, value] : members) {
    std::string_view text;
    std::int64_t number = 0;
    if (value.get(text) == simdjson::SUCCESS) parameters.emplace_back(name, text);
    if (value.get(number) == simdjson::SUCCESS) parameters.emplace_back(name, std::to_string(number));
  }
}

std::string hex_id(std::string_view prefix, std::string_view of) {
  std::string id = hash128(of).hex().substr(0, 17);
  for (char& c : id) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return std::string(prefix) + id;
}

// Regions that logs were seen of, and the one asked: nothing is to be found in others.
NeighbourResult describe_regions(const NeighbourCall& call, Backend& backend) {
  std::set<std::string> regions{call.region};
  if (backend.places)
    for (const auto& [account, region] : backend.places())
      if (!region.empty()) regions.insert(region);
  std::set<std::string> wanted;
  for (const auto& [name, value] : call.parameters)
    if (name.starts_with("RegionName.")) wanted.insert(value);
  for (const std::string& name : wanted)
    if (!regions.contains(name))
      return std::unexpected(ApiError{.type = "InvalidParameterValue",
                                      .code = "InvalidParameterValue",
                                      .message = fmt::format("Invalid region names: [{}]", name)});
  std::string out = "<regionInfo>";
  for (const std::string& region : regions) {
    if (!wanted.empty() && !wanted.contains(region)) continue;
    out += fmt::format(
        "<item><optInStatus>opt-in-not-required</optInStatus><regionName>{0}</regionName>"
        "<regionEndpoint>ec2.{0}.amazonaws.com{1}</regionEndpoint></item>",
        xml_escaped(region), region.starts_with("cn-") ? ".cn" : "");
  }
  return NeighbourAnswer{out + "</regionInfo>", ""};
}

// The name that the configuration gives the account, where it can be an alias.
NeighbourResult list_account_aliases(const aws::Credential& caller, Backend& backend) {
  std::string aliases;
  for (const OrganizationAccount& account : backend.organization.accounts) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const bool is_alias = account.name.size() >= 3 && account.name.size() <= 63 &&
                          account.name.find_first_not_of(allowed) == std::string::npos;
    if (account.id == caller.account && is_alias) aliases += fmt::format("<member>{}</member>", account.name);
  }
  return NeighbourAnswer{
      fmt::format("<IsTruncated>false</IsTruncated><AccountAliases>{}</AccountAliases>", aliases), ""};
}

std::string query_error(const NeighbourCall& call, const ApiError& error) {
  return fmt::format(
      R"(<ErrorResponse xmlns="{}"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>)",
      neighbour_of(call.service).xmlns, error.status >= 500 ? "Receiver" : "Sender", error.code,
      xml_escaped(error.message), call.request_id);
}

std::string ec2_error(std::string_view code, std::string_view message, const std::string& request_id) {
  return fmt::format(
      R"(<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors><RequestID>{}</RequestID></Response>)",
      code, xml_escaped(message), request_id);
}

std::string json_error(std::string_view code, std::string_view message) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("__type", code);
  json.member("message", message);
  json.member("Message", message);
  json.end_object();
  return out;
}

}  // namespace

std::string_view NeighbourCall::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return {};
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' ? '?' : c;
    }
  }
  return out;
}

std::string principal_arn(const aws::Credential& credential, std::string_view region) {
  const std::string_view partition = partition_of(region);
  if (credential.session_name.empty())
    return fmt::format("arn:{}:iam::{}:user/{}", partition, credential.account, credential.profile);
  return fmt::format("arn:{}:sts::{}:assumed-role/{}/{}", partition, credential.account,
                     aws::name_of(credential.role), credential.session_name);
}

std::string principal_id(const aws::Credential& credential) {
  if (credential.session_name.empty()) return hex_id("AIDA", credential.account + '/' + credential.profile);
  return hex_id("AROA", credential.account + '/' + std::string(aws::name_of(credential.role))) + ':' +
         credential.session_name;
}

bool is_neighbour(std::string_view service) {
  return std::ranges::find(neighbours, service, &Neighbour::name) != neighbours.end();
}

NeighbourCall read_neighbour_call(std::string_view service, const aws::HttpRequest& request) {
  const Neighbour& neighbour = neighbour_of(service);
  NeighbourCall call{.service = neighbour.name, .action = {}, .protocol = neighbour.protocol};
  if (neighbour.protocol == Protocol::json) {
    const std::string_view target = aws::header_of(request, "x-amz-target");
    const std::size_t dot = target.rfind('.');
    if (dot != std::string_view::npos) call.action = target.substr(dot + 1);
    read_json(request.body, call.parameters);
  } else {
    call.parameters = read_form(request.method == "GET" ? request.query : request.body);
    call.action = call.parameter("Action");
  }
  // A name is letters and digits; what is not would only spoil logs.
  const bool is_name = std::ranges::all_of(call.action, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
  if (!is_name || call.action.size() > 64) call.action.clear();
  return call;
}

std::string audit_parameters(const NeighbourCall& call) {
  // Those that are no secrets, under CloudTrail's names.
  static constexpr std::array<std::string_view, 7> told{
      "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "AccountId", "NextToken", "MaxResults"};
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const std::string_view name : told) {
    const std::string_view value = call.parameter(name);
    if (value.empty()) continue;
    std::string key(name);
    key.front() = static_cast<char>(key.front() - 'A' + 'a');
    json.member(key, value);
  }
  json.end_object();
  return out == "{}" ? std::string() : out;
}

NeighbourResult answer_neighbour(const NeighbourCall& call, const aws::Credential& caller, Backend& backend,
                                 aws::KeyStore& keys) {
  if (call.service == "sts") return answer_sts(call, caller, backend, keys);
  if (call.service == "organizations") return answer_organizations(call, caller, backend);
  if (call.service == "ec2" && call.action == "DescribeRegions") return describe_regions(call, backend);
  if (call.service == "iam" && call.action == "ListAccountAliases")
    return list_account_aliases(caller, backend);
  return action_not_served(call);
}

std::unexpected<ApiError> action_not_served(const NeighbourCall& call) {
  return std::unexpected(ApiError{
      .type = "InvalidAction",
      .code = "InvalidAction",
      .message = fmt::format("picket serves {} of {}, not {}.", neighbour_of(call.service).served,
                             call.service, call.action.empty() ? "a call without a name" : call.action)});
}

ApiError neighbour_error(Protocol protocol, const ApiError& error) {
  struct Name {
    std::string_view rest, query, ec2;
  };
  static constexpr std::array<Name, 7> names{
      Name{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"},
      Name{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"},
      Name{"ExpiredTokenException", "ExpiredToken", "RequestExpired"},
      Name{"MissingAuthenticationTokenException", "MissingAuthenticationToken", "MissingAuthenticationToken"},
      Name{"IncompleteSignatureException", "IncompleteSignature", "IncompleteSignature"},
      Name{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"},
      Name{"TooManyRequestsException", "Throttling", "RequestLimitExceeded"}};
  ApiError out = error;
  if (protocol == Protocol::json) {
    out.status = 400;
    out.code = out.type;
    return out;
  }
  const auto known = std::ranges::find(names, error.type, &Name::rest);
  if (known != names.end()) out.type = out.code = protocol == Protocol::ec2 ? known->ec2 : known->query;
  return out;
}

Response neighbour_response(const NeighbourCall& call, const NeighbourResult& result) {
  Response response;
  response.headers.emplace_back("Content-Type",
                                call.protocol == Protocol::json ? "application/x-amz-json-1.1" : "text/xml");
  if (!result) {
    const ApiError& error = result.error();
    response.status = error.status;
    response.headers.emplace_back("x-amzn-ErrorType", error.type);
    response.body = call.protocol == Protocol::query ? query_error(call, error)
                    : call.protocol == Protocol::ec2 ? ec2_error(error.code, error.message, call.request_id)
                                                     : json_error(error.code, error.message);
    return response;
  }
  const std::string_view xmlns = neighbour_of(call.service).xmlns;
  switch (call.protocol) {
    case Protocol::json:
      response.body = result->result;
      break;
    case Protocol::ec2:
      response.body = fmt::format(R"(<{0}Response xmlns="{1}"><requestId>{2}</requestId>{3}</{0}Response>)",
                                  call.action, xmlns, call.request_id, result->result);
      break;
    case Protocol::query:
      response.body = fmt::format(
          R"(<{0}Response xmlns="{1}"><{0}Result>{2}</{0}Result><ResponseMetadata><RequestId>{3}</RequestId></ResponseMetadata></{0}Response>)",
          call.action, xmlns, result->result, call.request_id);
      break;
  }
  return response;
}

Response service_not_served(std::string_view service, const aws::HttpRequest& request,
                            const std::string& request_id) {
  constexpr std::string_view code = "UnknownOperationException";
  const std::string message =
      fmt::format("{}; this request is signed for {}.", served_here, service.substr(0, 64));
  Response response{.status = 404};
  response.headers.emplace_back("x-amzn-ErrorType", code);
  const bool form = aws::header_of(request, "content-type").starts_with("application/x-www-form-urlencoded");
  if (form) {
    response.headers.emplace_back("Content-Type", "text/xml");
    response.body = fmt::format(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>"
        "<RequestId>{}</RequestId></ErrorResponse>",
        code, xml_escaped(message), request_id);
  } else if (service == "s3") {
    response.headers.emplace_back("Content-Type", "application/xml");
    response.body = fmt::format(
        R"(<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId></Error>)",
        code, xml_escaped(message), request_id);
  } else {
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = json_error(code, message);
  }
  return response;
}

}  // namespace picket::api
