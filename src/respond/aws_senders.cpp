// EventBridge, SNS, SQS, Lambda, Step Functions, Security Hub and CloudWatch.
#include "respond/aws_senders.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "aws/sigv4.h"
#include "base/hash.h"
#include "base/json_writer.h"

namespace picket::respond {

namespace dom = simdjson::dom;

namespace {

constexpr std::string_view json_1_0 = "application/x-amz-json-1.0", json_1_1 = "application/x-amz-json-1.1";

struct Place {
  aws::Arn arn;
  std::string text, endpoint, target_name, source;
  TimeMs timeout;
  std::function<TimeMs()> clock;
};

aws::ServiceCall call_to(const Place& place, std::string_view body, std::string_view content_type,
                         std::string_view operation = {}) {
  aws::ServiceCall call{.service = place.arn.service,
                        .region = place.arn.region,
                        .endpoint = place.endpoint,
                        .content_type = std::string(content_type),
                        .body = body,
                        .more = {},
                        .timeout = place.timeout};
  if (!operation.empty()) call.more.emplace_back("X-Amz-Target", operation);
  return call;
}

Result<void> done(const Result<std::string>& answer) {
  if (!answer) return std::unexpected(answer.error());
  return {};
}

// Of answers that tell failures of single entries.
Result<void> check_entries(const Result<std::string>& answer, const char* failed_count,
                           const char* first_failure, const std::string& where) {
  if (!answer) return std::unexpected(answer.error());
  dom::parser parser;
  dom::element root;
  std::int64_t failed = 0;
  if (parser.parse(*answer).get(root) != simdjson::SUCCESS ||
      root[failed_count].get(failed) != simdjson::SUCCESS)
    return fail(ErrorKind::io, "the answer is not what the service gives", where);
  if (failed == 0) return {};
  dom::element first;
  std::string_view code, message;
  if (root.at_pointer(first_failure).get(first) == simdjson::SUCCESS) {
    if (first["ErrorCode"].get(code) != simdjson::SUCCESS) code = {};
    if (first["ErrorMessage"].get(message) != simdjson::SUCCESS) message = {};
  }
  const bool may_pass = code.contains("Throttl") || code.contains("Internal");
  return fail(may_pass ? ErrorKind::io : ErrorKind::invalid,
              fmt::format("refused with {}: {}", code, message), where);
}

Result<void> put_event(const aws::ServiceCaller& aws, const Place& place, const FindingEvent& event,
                       const std::string& body) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("Entries");
  json.begin_array();
  json.begin_object();
  json.member("Source", place.source);
  json.member("DetailType", finding_detail_type);
  json.member("Detail", body);
  json.member("EventBusName", place.text);
  json.member("Time", event.time / second_ms);
  json.end_object();
  json.end_array();
  json.end_object();
  return check_entries(aws.call(call_to(place, text, json_1_1, "AWSEvents.PutEvents")), "FailedEntryCount",
                       "/Entries/0", place.text);
}

Result<void> publish(const aws::ServiceCaller& aws, const Place& place, const FindingEvent& event,
                     const std::string& body) {
  std::string form = "Action=Publish&Version=2010-03-31";
  const auto add = [&](std::string_view name, std::string_view value) {
    form += fmt::format("&{}={}", name, aws::uri_encode(value));
  };
  add("TopicArn", place.text);
  add("Message", body);
  int number = 0;
  const auto attribute = [&](std::string_view name, std::string_view type, std::string_view value) {
    if (value.empty()) return;
    ++number;
    add(fmt::format("MessageAttributes.entry.{}.Name", number), name);
    add(fmt::format("MessageAttributes.entry.{}.Value.DataType", number), type);
    add(fmt::format("MessageAttributes.entry.{}.Value.StringValue", number), value);
  };
  // What subscriptions filter by; a finding of a log that does not tell its account has none.
  attribute("severity", "Number", fmt::format("{}", event.severity));
  attribute("type", "String", event.type);
  attribute("account", "String", event.account);
  attribute("eventId", "String", event.id);
  if (place.text.ends_with(".fifo")) {
    add("MessageGroupId", event.finding_id);
    add("MessageDeduplicationId", event.id);
  }
  return done(aws.call(call_to(place, form, "application/x-www-form-urlencoded")));
}

Result<void> send_message(const aws::ServiceCaller& aws, const Place& place, const FindingEvent& event,
                          const std::string& body) {
  const std::string base =
      place.endpoint.empty() ? aws::service_endpoint(place.arn.service, place.arn.region) : place.endpoint;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("QueueUrl", fmt::format("{}/{}/{}", base, place.arn.account, place.arn.resource));
  json.member("MessageBody", body);
  json.key("MessageAttributes");
  json.begin_object();
  for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"eventId", event.id},
                                    {"type", event.type},
                                    {"account", event.account}}) {
    if (value.empty()) continue;
    json.key(name);
    json.begin_object();
    json.member("DataType", "String");
    json.member("StringValue", value);
    json.end_object();
  }
  json.end_object();
  if (place.text.ends_with(".fifo")) {
    json.member("MessageGroupId", event.finding_id);
    json.member("MessageDeduplicationId", event.id);
  }
  json.end_object();
  return done(aws.call(call_to(place, text, json_1_0, "AmazonSQS.SendMessage")));
}

Result<void> invoke(const aws::ServiceCaller& aws, const Place& place, const FindingEvent&,
                    const std::string& body) {
  aws::ServiceCall call = call_to(place, body, "application/json");
  call.path = fmt::format("/2015-03-31/functions/{}/invocations", aws::uri_encode(place.text));
  call.more.emplace_back("X-Amz-Invocation-Type", "Event");
  return done(aws.call(call));
}

Result<void> start_execution(const aws::ServiceCaller& aws, const Place& place, const FindingEvent& event,
                             const std::string& body) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("stateMachineArn", place.text);
  // The same event starts one execution of the machine; another target may start one more.
  json.member("name", fmt::format("{}-{:08x}", event.id, hash64(place.target_name) >> 32));
  json.member("input", body);
  json.end_object();
  const auto answer = aws.call(call_to(place, text, json_1_0, "AWSStepFunctions.StartExecution"));
  // It has begun already, with the finding as it was then.
  if (!answer && answer.error().what.contains("ExecutionAlreadyExists")) return {};
  return done(answer);
}

Result<void> import_finding(const aws::ServiceCaller& aws, const Place& place, const FindingEvent&,
                            const std::string& body) {
  const std::string text = fmt::format("{{\"Findings\":[{}]}}", body);
  aws::ServiceCall call = call_to(place, text, "application/json");
  call.path = "/findings/import";
  return check_entries(aws.call(call), "FailedCount", "/FailedFindings/0", place.text);
}

// A number for each finding: how severe it is, under its type and its account; SampleCount counts them.
Result<void> put_metric(const aws::ServiceCaller& aws, const Place& place, const FindingEvent& event,
                        const std::string&) {
  if (event.change == FindingChange::withdrawn) return {};  // it is no finding
  std::string form = "Action=PutMetricData&Version=2010-08-01";
  const auto add = [&](std::string_view name, std::string_view value) {
    form += fmt::format("&{}={}", name, aws::uri_encode(value));
  };
  add("Namespace", place.text);
  int number = 0;
  const auto metric = [&](std::string_view name, double value, bool with_type) {
    const std::string member = fmt::format("MetricData.member.{}", ++number);
    add(member + ".MetricName", name);
    add(member + ".Value", fmt::format("{}", value));
    add(member + ".Unit", name == "Findings" ? "Count" : "None");
    int dimension = 0;
    const auto dimension_of = [&](std::string_view key, std::string_view text) {
      if (text.empty()) return;
      ++dimension;
      add(fmt::format("{}.Dimensions.member.{}.Name", member, dimension), key);
      add(fmt::format("{}.Dimensions.member.{}.Value", member, dimension), text);
    };
    dimension_of("Account", event.account);
    dimension_of("SeverityLevel", name_of(severity_of(event.severity)));
    if (with_type) dimension_of("FindingType", event.type);
  };
  metric("Findings", 1, false);
  metric("Findings", 1, true);
  metric("Severity", event.severity, true);
  return done(aws.call(call_to(place, form, "application/x-www-form-urlencoded")));
}

// The stream is made when it is not there; its group is the user's.
Result<void> put_log(const aws::ServiceCaller& aws, const Place& place, const FindingEvent&,
                     const std::string& body) {
  std::string_view group = std::string_view(place.arn.resource).substr(std::string_view("log-group:").size());
  constexpr std::string_view between = ":log-stream:";
  const std::size_t at = group.find(between);
  const std::string_view stream = group.substr(at + between.size());
  group = group.substr(0, at);
  const auto send = [&](std::string_view operation, bool event) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member("logGroupName", group);
    json.member("logStreamName", stream);
    if (event) {
      json.key("logEvents");
      json.begin_array();
      json.begin_object();
      // When it was sent: CloudWatch refuses what is older than a fortnight.
      json.member("timestamp", place.clock());
      json.member("message", body);
      json.end_object();
      json.end_array();
    }
    json.end_object();
    return aws.call(call_to(place, text, json_1_1, fmt::format("Logs_20140328.{}", operation)));
  };
  auto answer = send("PutLogEvents", true);
  if (!answer && answer.error().what.contains("ResourceNotFound")) {
    const auto made = send("CreateLogStream", false);
    if (!made && !made.error().what.contains("ResourceAlreadyExists")) return done(made);
    answer = send("PutLogEvents", true);
  }
  if (answer && answer->contains("rejectedLogEventsInfo") &&
      !answer->contains("\"rejectedLogEventsInfo\":{}") && !answer->contains("\"rejectedLogEventsInfo\": {}"))
    return fail(ErrorKind::invalid, "the event was rejected: " + answer->substr(0, 300), place.text);
  return done(answer);
}

}  // namespace

Send make_aws_sender(const Target& target, const aws::ServiceCaller& aws, std::function<TimeMs()> clock) {
  using Function =
      Result<void> (*)(const aws::ServiceCaller&, const Place&, const FindingEvent&, const std::string&);
  const Function function = target.kind == TargetKind::eventbridge     ? put_event
                            : target.kind == TargetKind::sns           ? publish
                            : target.kind == TargetKind::sqs           ? send_message
                            : target.kind == TargetKind::lambda        ? invoke
                            : target.kind == TargetKind::stepfunctions ? start_execution
                            : target.kind == TargetKind::cloudwatch    ? put_metric
                            : target.kind == TargetKind::logs          ? put_log
                                                                       : import_finding;
  aws::Arn arn = aws::parse_arn(target.keys.arn).value_or(aws::Arn());
  const bool metrics = target.kind == TargetKind::cloudwatch;
  if (metrics) arn = {.service = "monitoring", .region = target.keys.region};
  const Place place{arn,
                    metrics ? target.keys.name_space : target.keys.arn,
                    target.keys.endpoint,
                    target.keys.name,
                    target.keys.source,
                    target.keys.timeout,
                    clock};
  return [&aws, place, function](const FindingEvent& event, const std::string& body) {
    return function(aws, place, event, body);
  };
}

}  // namespace picket::respond
