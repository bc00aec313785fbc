#include "playbook/kubernetes.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "aws/private_file.h"
#include "aws/service_call.h"
#include "aws/sigv4.h"
#include "base/base64.h"
#include "base/json_writer.h"
#include "playbook/steps.h"

namespace picket::playbook {

namespace dom = simdjson::dom;

namespace {

constexpr std::string_view rbac = "/apis/rbac.authorization.k8s.io/v1/";

bool is_account(const dom::element& subject, const ServiceAccount& account,
                std::string_view binding_namespace) {
  std::string_view kind, name, name_space = binding_namespace;
  if (subject["kind"].get(kind) != simdjson::SUCCESS || subject["name"].get(name) != simdjson::SUCCESS)
    return false;
  if (subject["namespace"].get(name_space) != simdjson::SUCCESS) name_space = binding_namespace;
  if (kind == "User")
    return name == fmt::format("system:serviceaccount:{}:{}", account.name_space, account.name);
  return kind == "ServiceAccount" && name == account.name && name_space == account.name_space;
}

// The subjects as a JSON list; with an account, all but it.
std::string subjects_text(const dom::element& binding, const ServiceAccount* but) {
  std::string_view binding_namespace;
  if (binding.at_pointer("/metadata/namespace").get(binding_namespace) != simdjson::SUCCESS)
    binding_namespace = {};
  std::string out = "[";
  dom::array subjects;
  if (binding["subjects"].get(subjects) == simdjson::SUCCESS) {
    for (const dom::element subject : subjects) {
      if (but != nullptr && is_account(subject, *but, binding_namespace)) continue;
      if (out.size() > 1) out += ',';
      out += simdjson::minify(subject);
    }
  }
  return out + ']';
}

Result<std::string> read_subjects(Hands& hands, const Step& step) {
  if (hands.cluster == nullptr)
    return fail(ErrorKind::invalid, "the cluster is not configured", step.resource);
  const auto answer = hands.cluster->get(step.where.at("path"));
  if (!answer) return std::unexpected(answer.error());
  dom::parser parser;
  dom::element root;
  if (parser.parse(*answer).get(root) != simdjson::SUCCESS)
    return fail(ErrorKind::io, "the API server's answer is no JSON", step.resource);
  return subjects_text(root, nullptr);
}

// The resourceVersion that was read makes the API server refuse a change that came in between.
Result<void> write_subjects(Hands& hands, const Step& step, const std::string& from, const std::string& to) {
  const auto answer = hands.cluster->get(step.where.at("path"));
  if (!answer) return std::unexpected(answer.error());
  dom::parser parser;
  dom::element root;
  dom::object members;
  if (parser.parse(*answer).get(root) != simdjson::SUCCESS || root.get(members) != simdjson::SUCCESS)
    return fail(ErrorKind::io, "the API server's answer is no JSON", step.resource);
  if (subjects_text(root, nullptr) != from)
    return fail(ErrorKind::conflict, "somebody else changed the subjects", step.resource);
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  for (const auto& [name, value] : members)
    if (name != "subjects") json.member_raw(name, simdjson::minify(value));
  json.member_raw("subjects", to);
  json.end_object();
  const auto put = hands.cluster->put(step.where.at("path"), body);
  if (!put) return std::unexpected(put.error());
  return {};
}

constexpr StepKind kinds[] = {{"binding_subjects", read_subjects, write_subjects}};

}  // namespace

std::string eks_token(std::string_view cluster, std::string_view region, const aws::CallerKey& key,
                      TimeMs now) {
  const std::string endpoint = aws::service_endpoint("sts", region);
  const aws::HttpHeader headers[] = {{"host", std::string_view(endpoint).substr(endpoint.find("://") + 3)},
                                     {"x-k8s-aws-id", cluster}};
  const std::string query =
      aws::presign({.method = "GET",
                    .path = "/",
                    .query = "Action=GetCallerIdentity&Version=2011-06-15",
                    .headers = headers,
                    .body = {},
                    .remote_address = {}},
                   {key.access_key_id, key.secret_access_key, key.session_token}, {region, "sts"}, now,
                   minute_ms);  // as AWS's own does: the API server asks at once
  return "k8s-aws-v1." + to_base64url(fmt::format("{}/?{}", endpoint, query));
}

Result<std::string> Cluster::token() const {
  if (keys_.token_file.empty()) {
    const auto key = key_();
    if (!key) return std::unexpected(key.error());
    return eks_token(keys_.name, keys_.region, *key, clock_());
  }
  auto token = aws::read_private(keys_.token_file);
  if (!token) return token;
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  if (token->empty()) return fail(ErrorKind::invalid, "the token file is empty", keys_.token_file);
  return token;
}

Result<std::string> Cluster::call(const std::string& method, const std::string& path,
                                  std::string_view body) const {
  const std::string where = fmt::format("{} {} of cluster {}", method, path, keys_.name);
  const auto bearer = token();
  if (!bearer) return std::unexpected(bearer.error());
  net::Request request{.method = method,
                       .url = keys_.endpoint + path,
                       .headers = {{"Authorization", "Bearer " + *bearer},
                                   {"Accept", "application/json"},
                                   {"User-Agent", "picket"}},
                       .body = body};
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  auto response = http_.send(request, {.bytes_max = 64U << 20, .total_ms_max = 10 * second_ms});
  if (!response) return std::unexpected(response.error());
  const unsigned status = response->status;
  if (status < 300) return std::move(response->body);
  dom::parser parser;
  dom::element root;
  std::string_view message;
  if (parser.parse(response->body).get(root) != simdjson::SUCCESS ||
      root["message"].get(message) != simdjson::SUCCESS)
    message = {};
  const ErrorKind kind = status == 404                    ? ErrorKind::not_found
                         : status == 409                  ? ErrorKind::conflict
                         : status >= 500 || status == 429 ? ErrorKind::io
                                                          : ErrorKind::invalid;
  return fail(kind, fmt::format("answered {} {}", status, message.substr(0, 300)), where);
}

Result<std::string> Cluster::get(const std::string& path) const { return call("GET", path, ""); }
Result<std::string> Cluster::put(const std::string& path, std::string_view body) const {
  return call("PUT", path, body);
}

std::optional<ServiceAccount> parse_service_account(std::string_view user) {
  constexpr std::string_view prefix = "system:serviceaccount:";
  if (!user.starts_with(prefix)) return std::nullopt;
  user.remove_prefix(prefix.size());
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == user.size()) return std::nullopt;
  return ServiceAccount{std::string(user.substr(0, colon)), std::string(user.substr(colon + 1))};
}

Result<std::vector<Binding>> bindings_of(const Cluster& cluster, const ServiceAccount& account) {
  std::vector<Binding> found;
  for (const std::string_view kind : {"rolebindings", "clusterrolebindings"}) {
    const auto answer = cluster.get(fmt::format("{}{}", rbac, kind));
    if (!answer) return std::unexpected(answer.error());
    dom::parser parser;
    dom::element root;
    dom::array items;
    if (parser.parse(*answer).get(root) != simdjson::SUCCESS || root["items"].get(items) != simdjson::SUCCESS)
      return fail(ErrorKind::io, "the API server's answer is no list", cluster.name());
    for (const dom::element item : items) {
      Binding binding{.path = {},
                      .label = {},
                      .subjects = subjects_text(item, nullptr),
                      .without = subjects_text(item, &account),
                      .role = {}};
      if (binding.subjects == binding.without) continue;
      std::string_view name, name_space, role;
      if (item.at_pointer("/metadata/name").get(name) != simdjson::SUCCESS) continue;
      if (item.at_pointer("/roleRef/name").get(role) == simdjson::SUCCESS) binding.role = role;
      // Names are DNS labels or paths of them, never with a slash.
      if (name.contains('/')) continue;
      if (item.at_pointer("/metadata/namespace").get(name_space) == simdjson::SUCCESS) {
        binding.path = fmt::format("{}namespaces/{}/{}/{}", rbac, name_space, kind, name);
        binding.label = fmt::format("rolebinding {}/{}", name_space, name);
      } else {
        binding.path = fmt::format("{}{}/{}", rbac, kind, name);
        binding.label = fmt::format("clusterrolebinding {}", name);
      }
      found.push_back(std::move(binding));
    }
  }
  return found;
}

std::span<const StepKind> kubernetes_steps() { return kinds; }

}  // namespace picket::playbook
