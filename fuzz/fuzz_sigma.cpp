// Sigma rules: no input breaks the loader; what it takes can be compiled and asked, and together the rules
// answer as each does alone. An input that begins with "?" is a condition.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "decode/decoder.h"
#include "rules/matcher.h"
#include "rules/rule_set.h"
#include "rules/sigma.h"
#include "rules/sigma_condition.h"

namespace {

using namespace picket;

constexpr std::string_view records =
    R"({"eventVersion":"1.08","eventTime":"2026-09-14T10:00:00Z","eventID":"e1","eventSource":"iam.amazonaws.com",)"
    R"("eventName":"CreateUser","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15",)"
    R"("userIdentity":{"type":"IAMUser","userName":"alice","arn":"arn:aws:iam::111122223333:user/alice"},)"
    R"("requestParameters":{"userName":"bob","list":[{"port":22},{"port":443}]},"recipientAccountId":"111122223333"})"
    "\n"
    R"({"eventVersion":"1.08","eventTime":"2026-09-14T10:01:00Z","eventID":"e2","eventSource":"signin.amazonaws.com",)"
    R"("eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"AWS Internal","errorCode":"AccessDenied",)"
    R"("userIdentity":{"type":"Root"},"additionalEventData":{"MFAUsed":"No"},"recipientAccountId":"111122223333"})"
    "\n";

class Judge final : public EventSink {
 public:
  explicit Judge(const std::vector<rules::Rule>& loaded) {
    for (const rules::Rule& rule : loaded) {
      if (rule.log == LogKind::cloudtrail && !rule.correlation) predicates_.push_back(&rule.when);
    }
  }
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t) override {
    std::vector<std::uint32_t> together, alone;
    rules::CompiledPredicates::Scratch scratch;
    const rules::CompiledPredicates all(LogKind::cloudtrail, predicates_);
    all.match({.cloudtrail = &event}, scratch, together);
    for (const std::uint32_t number : together)
      all.passed(number, scratch, [](std::string_view, std::string_view) {});
    for (std::uint32_t i = 0; i < predicates_.size(); ++i) {
      const rules::Predicate* one[] = {predicates_[i]};
      rules::CompiledPredicates::Scratch own;
      std::vector<std::uint32_t> matched;
      rules::CompiledPredicates(LogKind::cloudtrail, one).match({.cloudtrail = &event}, own, matched);
      if (!matched.empty()) alone.push_back(i);
    }
    if (together != alone) std::abort();
  }
  void on_flows(std::span<const FlowRecord>) override {}
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_dns(const DnsQuery&, std::uint64_t) override {}
  void on_audit(const AuditEvent&, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined&) override {}

 private:
  std::vector<const rules::Predicate*> predicates_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with('?')) {
    const std::map<std::string, rules::Predicate> identifiers = {
        {"selection", rules::all_of({})}, {"filter_a", rules::any_of({})}, {"_hidden", rules::all_of({})}};
    (void)rules::parse_sigma_condition(text.substr(1), identifiers);
    return 0;
  }
  rules::SigmaLoader loader;
  loader.add_text(text, "fuzz.yml");
  rules::LoadedRules loaded = loader.finish();
  for (const rules::Rule& rule : loaded.rules) {
    if (rule.type.empty() || rule.title.empty() || !rules::check(rule.when, rule.log)) std::abort();
  }
  Judge judge(loaded.rules);
  ObjectInfo info;
  info.kind = LogKind::cloudtrail;
  const auto bytes = memory_source(records);
  decode_object(*bytes, info, {}, judge);
  const rules::RuleSet set(std::move(loaded.rules), {});
  return 0;
}
