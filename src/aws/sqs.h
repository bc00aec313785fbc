// A queue of SQS, or of what speaks its JSON protocol.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/service_call.h"
#include "base/result.h"

namespace picket::aws {

struct QueueMessage {
  std::string receipt;  // names this delivery of it
  std::string body;
};

class Queue {
 public:
  static constexpr std::size_t batch_max = 10;  // messages of one call

  // "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"; `region` where the URL does not tell it.
  Queue(std::string url, std::string_view region);

  // Waits up to `wait_seconds` for the first message; they stay hidden from others for `hidden_seconds`.
  Result<std::vector<QueueMessage>> receive(const ServiceCaller& caller, unsigned wait_seconds,
                                            unsigned hidden_seconds) const;
  // At most batch_max receipts. Which of them the queue did not know (any more) makes no difference: such a
  // message comes again.
  Result<void> remove(const ServiceCaller& caller, const std::vector<std::string>& receipts) const;
  Result<void> hide(const ServiceCaller& caller, const std::vector<std::string>& receipts,
                    unsigned seconds) const;

 private:
  Result<std::string> call(const ServiceCaller& caller, std::string_view operation, std::string_view body,
                           TimeMs timeout) const;
  std::string batch(const std::vector<std::string>& receipts, std::optional<unsigned> seconds) const;

  std::string url_, origin_, region_;
};

// The messages of an answer to ReceiveMessage.
Result<std::vector<QueueMessage>> parse_messages(std::string_view json);

}  // namespace picket::aws
