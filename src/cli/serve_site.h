// What `picket serve` answers: the API, the console, health and metrics, on one port.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "api/audit_log.h"
#include "api/server.h"
#include "api/site.h"
#include "aws/credentials.h"
#include "base/file_stamp.h"
#include "cli/serve_logs.h"
#include "config/config.h"
#include "console/console.h"
#include "pipeline/live.h"
#include "pipeline/outbound.h"
#include "pipeline/setup.h"

namespace picket::cli {

// Loads a certificate again when SIGHUP asks for it or its files changed.
class CertificateKeeper {
 public:
  CertificateKeeper(api::Server& server, api::TlsFiles files)
      : server_(server), files_(std::move(files)), stamps_(stamps()) {}
  void look(bool asked);

 private:
  std::pair<FileStamp, FileStamp> stamps() const {
    return {FileStamp::of(files_.certificate), FileStamp::of(files_.key)};
  }
  api::Server& server_;
  const api::TlsFiles files_;
  std::pair<FileStamp, FileStamp> stamps_;
};

class ServedSite {
 public:
  // All of them outlive it.
  struct Parts {
    const Config& config;
    const std::string& data_dir;
    const std::vector<aws::Credential>& known;
    aws::KeyStore& keys;
    FindingStore& store;
    const Setup& setup;
    Live& live;
    ServedLogs& logs;
    Outbound& outbound;
    api::AuditLog* audit = nullptr;  // null: none is kept
  };
  static Result<std::unique_ptr<ServedSite>> start(const Parts& parts, const api::ServerSettings& settings);

  const std::string& url() const { return url_; }
  // "HOST:PORT" that it listens on.
  const std::string& address() const { return address_; }
  std::string setup_link() { return console_.setup_link(); }
  // A server of sources that are pushed to, whose certificate is looked after like its own.
  void keep_certificate(api::Server& server, api::TlsFiles files) {
    certificates_.emplace_back(server, std::move(files));
  }
  // What is to be done now and then; an error stays in the log, and it is tried again.
  void tend();
  void look_at_certificates(bool asked);
  // From here on it is not ready.
  void stopping() { site_.stopping(); }
  void stop() { server_->stop(); }

 private:
  ServedSite(const Parts& parts, std::unique_ptr<console::OidcClient> oidc);
  api::SiteSettings site_settings();

  const Parts parts_;
  api::Service service_;
  const std::unique_ptr<console::OidcClient> oidc_;  // null: nobody signs in through a provider
  console::UserStore users_;
  console::Console console_;
  api::Site site_;
  std::unique_ptr<api::Server> server_;
  std::atomic<const api::Server*> metered_ = nullptr;
  std::vector<CertificateKeeper> certificates_;
  std::string url_, address_;
};

}  // namespace picket::cli
