// Conditions of custom detection rules: what is read can be compiled and asked of a record; and the functions
// of the language take any JSON.
#include <cstdint>
#include <cstdlib>

#include "event/cloudtrail_event.h"
#include "rules/condition.h"
#include "rules/json_functions.h"
#include "rules/matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  rules::json_collect_values(text, "AWS");
  rules::get_aws_principal(text, "");
  rules::policy_has_public_principal(text, "");
  rules::ingress_prefix_length(text, "22");
  rules::lifecycle_expiration_days(text, "");

  const auto predicate = rules::parse_condition(text);
  if (!predicate || !rules::check(*predicate, LogKind::cloudtrail)) return 0;
  const rules::Predicate* one[] = {&*predicate};
  const rules::CompiledPredicates compiled(LogKind::cloudtrail, one);
  CloudTrailEvent event;
  event.event_source = "s3.amazonaws.com";
  event.event_name = "PutBucketPolicy";
  event.request_parameters =
      RawJson(R"({"bucketName":"b","bucketPolicy":{"Statement":{"Effect":"Allow","Principal":"*"}}})");
  event.raw = event.request_parameters;
  rules::CompiledPredicates::Scratch scratch;
  std::vector<std::uint32_t> matched;
  compiled.match({.cloudtrail = &event}, scratch, matched);
  if (!matched.empty()) compiled.passed(0, scratch, [](std::string_view, std::string_view) {});
  return 0;
}
