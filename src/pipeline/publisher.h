// Sends findings to the publishing destinations: new ones at once, what changed of known ones at the
// detector's publishing frequency, as gzipped lines under GuardDuty's keys. What is to be sent waits in the
// store's outbox until S3 has it, so everything arrives at least once, after a crash too. One thread runs it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aws/s3.h"
#include "store/finding_store.h"
#include "store/publishing.h"

namespace picket {

class Publisher {
 public:
  // All references outlive the publisher.
  Publisher(FindingStore& store, const aws::S3Client& s3, std::function<TimeMs()> wall_clock);

  // Takes in what the outbox has new, verifies new destinations, sends what is due.
  Result<void> turn();
  void run(const std::stop_token& stop);

 private:
  using Refusal =
      std::optional<Error>;  // by the destination; failures of the store are this class's own errors
  struct Waiting {
    std::map<std::string, std::uint64_t> fresh, updates;  // finding id -> newest outbox sequence
  };

  Result<void> take_in();
  Result<void> serve(PublishingDestination destination);
  Refusal verify(const PublishingDestination& destination) const;
  Result<Refusal> send(const PublishingDestination& destination,
                       std::map<std::string, std::uint64_t>& findings);
  Result<void> put(const PublishingDestination& destination, const std::string& account,
                   const std::string& name, std::string_view body) const;
  Result<void> note(const PublishingDestination& before, PublishingDestination now);

  FindingStore& store_;
  const aws::S3Client& s3_;
  const std::function<TimeMs()> wall_clock_;
  std::uint64_t last_sequence_ = 0;         // of the outbox rows taken in
  std::map<std::string, Waiting> waiting_;  // by destination
  std::map<std::string, TimeMs> retry_at_;  // of destinations that failed
};

}  // namespace picket
