// Everything the server answers: the API, and beside it /healthz, /readyz, /metrics and a page at / that says
// what is served here. Those four need no signature and tell no findings.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "api/response.h"
#include "api/service.h"

namespace picket::api {

struct SiteSettings {
  std::function<std::string()> metrics;    // Prometheus text of the rest of the program; may be empty
  std::function<std::string()> unhealthy;  // one sentence; empty text means healthy; may be empty
  std::function<std::string()> not_ready;  // the same of its work: a restart would not help
};

class Site {
 public:
  Site(Service& service, SiteSettings settings) : service_(service), settings_(std::move(settings)) {}
  Response handle(const aws::HttpRequest& request);
  // From here on it is not ready, whatever the rest says: no new requests are to come.
  void stopping() { stopping_ = true; }

 private:
  Service& service_;
  SiteSettings settings_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace picket::api
