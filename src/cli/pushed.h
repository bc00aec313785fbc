// Sources that others push to: made from the configuration, and for Firehose the listeners in front of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/server.h"
#include "base/result.h"
#include "config/config.h"
#include "source/firehose.h"
#include "source/line_source.h"

namespace picket::cli {

// Where what was pushed lies in a data directory: until it is read, and then.
inline std::string inbox_folder(const std::string& data_dir) { return data_dir + "/inbox"; }
inline std::string pushed_folder(const std::string& data_dir) { return data_dir + "/pushed"; }

// "HOST:PORT"; `key` is named in the error.
Result<api::ServerSettings> address_of(const std::string& listen, const std::string& key);

class PushedSources {
 public:
  // The inbox outlives it.
  static Result<PushedSources> make(const Config& config, Inbox& inbox);

  std::vector<PushSource*> sources() const;
  // The sockets of lines, which are one server's; before the sources are started.
  Result<void> take_sockets();
  // Begins to take requests; returns what to tell people, a line each.
  Result<std::vector<std::string>> listen();
  // Once listening: those with TLS, and their files.
  const std::vector<std::pair<api::Server*, api::TlsFiles>>& with_tls() const { return with_tls_; }
  void stop();

 private:
  std::vector<std::unique_ptr<PushSource>> sources_;
  std::vector<LineSource*> sockets_;  // among them
  struct Endpoint {
    std::optional<api::TlsFiles> tls;
    std::vector<FirehoseSource*> sources;
  };
  std::map<std::string, Endpoint> endpoints_;  // by address
  std::vector<std::unique_ptr<api::Server>> servers_;
  std::vector<std::pair<api::Server*, api::TlsFiles>> with_tls_;
};

}  // namespace picket::cli
