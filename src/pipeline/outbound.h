// What reaches out over the network while the server runs: feeds, the API's lists, publishing destinations,
// responders.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aws/caller_keys.h"
#include "aws/s3.h"
#include "aws/service_call.h"
#include "config/config.h"
#include "net/http_client.h"
#include "pipeline/content_folder.h"
#include "pipeline/feed_keeper.h"
#include "pipeline/list_keeper.h"
#include "pipeline/publisher.h"
#include "playbook/playbooks.h"
#include "respond/responder.h"
#include "store/finding_store.h"

namespace picket {

class Outbound {
 public:
  // The store, the contents and the rules outlive it.
  static Result<std::unique_ptr<Outbound>> make(const Config& config, const std::string& data_dir,
                                                const IntelSetLimits& limits, FindingStore& store,
                                                ContentFolder& contents, const respond::Rules& rules,
                                                std::function<TimeMs()> wall_clock);

  FeedKeeper& feeds() { return feeds_; }
  playbook::Playbooks& playbooks() { return *playbooks_; }
  std::string metrics() const;
  // Responder::described(); "[]" without targets.
  std::string responders() const { return responder_ ? responder_->described() : "[]"; }
  void start();
  void stop();  // ends what is under way

 private:
  Outbound(const Config& config, const std::string& data_dir, const IntelSetLimits& limits,
           FindingStore& store, ContentFolder& contents, const net::AddressGuard& guard,
           const net::AddressGuard& s3_guard, std::optional<aws::CallerKey> caller_key,
           std::vector<Feed> feeds, std::optional<aws::CallerKey> responder_key,
           const std::function<TimeMs()>& wall_clock);

  const net::AddressGuard guard_;
  net::HttpClient http_, s3_http_;
  const aws::ServiceCaller aws_;
  const aws::S3Client s3_;
  FeedKeeper feeds_;
  ListKeeper lists_;
  Publisher publisher_;
  std::unique_ptr<playbook::Playbooks> playbooks_;
  std::unique_ptr<respond::Responder> responder_;  // when there are targets
  std::vector<std::jthread> threads_;
};

}  // namespace picket
