// Everything the server answers: the API, and beside it /healthz, /metrics and a page at / that says what
// is served here. Those three need no signature and tell no findings.
#pragma once

#include <functional>
#include <string>

#include "api/response.h"
#include "api/service.h"

namespace picket::api {

struct SiteSettings {
  std::function<std::string()> metrics;    // Prometheus text of the rest of the program; may be empty
  std::function<std::string()> unhealthy;  // one sentence; empty text means healthy; may be empty
};

class Site {
 public:
  Site(Service& service, SiteSettings settings) : service_(service), settings_(std::move(settings)) {}
  Response handle(const aws::HttpRequest& request);

 private:
  Service& service_;
  SiteSettings settings_;
};

}  // namespace picket::api
