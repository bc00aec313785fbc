#include "api/site.h"

namespace picket::api {

namespace {

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>picket</title></head>
<body>
<h1>picket</h1>
<p>Threat detection for AWS logs. This address serves:</p>
<ul>
<li>Amazon GuardDuty's API, signed with Signature Version 4. The access keys are in the file
<code>credentials</code> of the data directory. List the findings with any AWS client:
<pre>export AWS_SHARED_CREDENTIALS_FILE=DATA_DIR/credentials
aws guardduty list-detectors --endpoint-url http://THIS_ADDRESS
aws guardduty list-findings --endpoint-url http://THIS_ADDRESS --detector-id ID</pre></li>
<li><a href="/healthz">/healthz</a>: whether the service lives, <a href="/readyz">/readyz</a>: whether it can work</li>
<li><a href="/metrics">/metrics</a>: its counters, for Prometheus</li>
</ul>
</body>
</html>
)";

Response text(unsigned status, std::string body, std::string content_type) {
  Response response{.status = status, .headers = {}, .body = std::move(body)};
  response.headers.emplace_back("Content-Type", std::move(content_type));
  return response;
}

// For probes: ok, or 503 and what is wrong.
Response state(const std::string& trouble) {
  return text(trouble.empty() ? 200 : 503, trouble.empty() ? "ok\n" : trouble + '\n',
              "text/plain; charset=utf-8");
}

}  // namespace

Response Site::handle(const aws::HttpRequest& request) {
  Response response;
  // Signed ones are calls, whatever their path: the query protocol puts all of them at "/".
  const bool get = request.method == "GET" && aws::claimed_service(request).empty();
  if (get && request.path == "/") {
    response = text(200, std::string(page), "text/html; charset=utf-8");
    response.headers.emplace_back(
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
  } else if (get && request.path == "/healthz") {
    response = state(settings_.unhealthy ? settings_.unhealthy() : "");
  } else if (get && request.path == "/readyz") {
    response = state(stopping_ ? "the server stops" : settings_.not_ready ? settings_.not_ready() : "");
  } else if (get && request.path == "/metrics") {
    response = text(200, service_.metrics() + (settings_.metrics ? settings_.metrics() : ""),
                    "text/plain; version=0.0.4; charset=utf-8");
  } else {
    response = service_.handle(request);
  }
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace picket::api
