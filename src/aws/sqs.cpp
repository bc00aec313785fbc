#include "aws/sqs.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/json_writer.h"

namespace picket::aws {

namespace {

constexpr TimeMs answer_within = 20 * second_ms;

}  // namespace

Queue::Queue(std::string url, std::string_view region) : url_(std::move(url)), region_(region) {
  const std::size_t host = url_.find("://");
  const std::size_t path = host == std::string::npos ? host : url_.find('/', host + 3);
  origin_ = url_.substr(0, path);
  constexpr std::string_view aws = "https://sqs.";
  if (origin_.starts_with(aws) && origin_.contains(".amazonaws.com"))
    region_ = origin_.substr(aws.size(), origin_.find('.', aws.size()) - aws.size());
}

Result<std::string> Queue::call(const ServiceCaller& caller, std::string_view operation,
                                std::string_view body, TimeMs timeout) const {
  return caller.call({.service = "sqs",
                      .region = region_,
                      .endpoint = origin_,
                      .content_type = "application/x-amz-json-1.0",
                      .body = body,
                      .more = {{"X-Amz-Target", fmt::format("AmazonSQS.{}", operation)}},
                      .timeout = timeout});
}

Result<std::vector<QueueMessage>> parse_messages(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the queue's answer is no JSON object");
  std::vector<QueueMessage> out;
  simdjson::dom::array messages;
  if (root["Messages"].get(messages) != simdjson::SUCCESS) return out;  // there are none
  for (const simdjson::dom::element message : messages) {
    std::string_view receipt, body;
    if (message["ReceiptHandle"].get(receipt) != simdjson::SUCCESS ||
        message["Body"].get(body) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, "a message of the queue has no body or no receipt");
    out.push_back({std::string(receipt), std::string(body)});
  }
  return out;
}

Result<std::vector<QueueMessage>> Queue::receive(const ServiceCaller& caller, unsigned wait_seconds,
                                                 unsigned hidden_seconds) const {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("QueueUrl", url_);
  json.member("MaxNumberOfMessages", batch_max);
  json.member("WaitTimeSeconds", wait_seconds);
  json.member("VisibilityTimeout", hidden_seconds);
  json.end_object();
  const auto answer = call(caller, "ReceiveMessage", body, wait_seconds * second_ms + answer_within);
  if (!answer) return std::unexpected(answer.error());
  return parse_messages(*answer);
}

std::string Queue::batch(const std::vector<std::string>& receipts, std::optional<unsigned> seconds) const {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("QueueUrl", url_);
  json.key("Entries");
  json.begin_array();
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    json.begin_object();
    json.member("Id", std::to_string(i));
    json.member("ReceiptHandle", receipts[i]);
    if (seconds) json.member("VisibilityTimeout", *seconds);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return body;
}

Result<void> Queue::remove(const ServiceCaller& caller, const std::vector<std::string>& receipts) const {
  const auto done = call(caller, "DeleteMessageBatch", batch(receipts, {}), answer_within);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Queue::hide(const ServiceCaller& caller, const std::vector<std::string>& receipts,
                         unsigned seconds) const {
  const auto done = call(caller, "ChangeMessageVisibilityBatch", batch(receipts, seconds), answer_within);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace picket::aws
