// Route 53 Resolver query logs: one JSON object a query, as Resolver writes them to S3, CloudWatch Logs and
// Firehose.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "decode/decoder.h"
#include "decode/json_records.h"
#include "decode/json_text.h"

namespace picket {

namespace {

class DnsReader final : public JsonRecordReader {
 public:
  DnsReader(const DecodeLimits& limits, EventSink& sink)
      : depth_max_(std::min(limits.depth_max, 64U)), sink_(sink) {}

  Outcome read(const JsonIndex& index, std::uint32_t i, bool top, std::uint64_t position) override {
    return read_object(index, i, top, 0, position);
  }
  bool other_line(std::string_view, std::uint64_t) override { return false; }

 private:
  Outcome read_object(const JsonIndex& index, std::uint32_t i, bool top, unsigned envelopes,
                      std::uint64_t position);
  JsonStep member(const JsonIndex& index, std::string_view key, std::uint32_t value);
  JsonStep read_srcids(const JsonIndex& index, std::uint32_t value);
  JsonStep read_answers(const JsonIndex& index, std::uint32_t value);
  JsonStep read_answer(const JsonIndex& index, std::uint32_t value, unsigned depth);
  JsonStep text(const JsonIndex& index, std::uint32_t value, unsigned depth, std::string_view& out) {
    return texts_.read(index, value, depth, depth_max_, out);
  }

  const unsigned depth_max_;
  EventSink& sink_;
  JsonTexts texts_;
  DnsQuery query_;
  std::vector<DnsAnswer> answers_;
  std::string_view timestamp_, srcaddr_, srcport_;
  std::uint32_t wrapped_ = 0;  // structural of the array of records, of a record inside a test case; 0 = none
  std::uint32_t event_ = 0;
  TimeReader times_;
};

DnsReader::Outcome DnsReader::read_object(const JsonIndex& index, std::uint32_t i, bool top,
                                          unsigned envelopes, std::uint64_t position) {
  query_ = DnsQuery{};
  answers_.clear();
  texts_.begin(index, i);
  timestamp_ = srcaddr_ = srcport_ = {};
  wrapped_ = event_ = 0;
  const JsonStep after =
      each_json_member(index, i, [&](std::string_view key, std::uint32_t value) -> JsonStep {
        if (top && is(key, "Records") && index.character(value) == '[') {
          wrapped_ = value;
          return json_bad;
        }
        return member(index, key, value);
      });
  if (wrapped_ != 0) {
    next_ = wrapped_ + 1;
    return Outcome::wrapper;
  }
  if (after == json_incomplete) return Outcome::incomplete;
  if (after == json_too_deep) return Outcome::too_deep;
  if (after < 0) return Outcome::bad_json;
  const auto end = static_cast<std::uint32_t>(after);
  if (query_.query_name.empty() && timestamp_.empty() && event_ != 0 && envelopes == 0) {
    const Outcome inner = read_object(index, event_, false, envelopes + 1, position);
    next_ = end;
    return inner;
  }
  next_ = end;
  if (texts_.bad_escape()) return refuse("bad_json", "a string has an escape that JSON does not know");
  if (query_.query_name.empty()) return refuse("no_query_name", "the record has no query_name");
  if (timestamp_.empty()) return refuse("no_event_time", "the record has no query_timestamp");
  const auto time = times_.read(timestamp_);
  if (!time)
    return refuse("bad_event_time", fmt::format("query_timestamp is \"{}\"", timestamp_.substr(0, 64)));
  query_.query_timestamp = *time;
  if (!srcaddr_.empty()) {
    query_.srcaddr = IpAddress::parse(srcaddr_);
    if (!query_.srcaddr)
      return refuse("bad_address", fmt::format("srcaddr is \"{}\"", srcaddr_.substr(0, 64)));
  }
  if (!srcport_.empty()) {
    const auto [last, error] =
        std::from_chars(srcport_.data(), srcport_.data() + srcport_.size(), query_.srcport);
    if (error != std::errc{} || last != srcport_.data() + srcport_.size()) {
      return refuse("bad_number", fmt::format("srcport is \"{}\"", srcport_.substr(0, 64)));
    }
  }
  query_.answers = answers_;
  query_.raw = {index.text() + index.at(i), index.at(end - 1) + 1 - index.at(i)};
  sink_.on_dns(query_, position);
  return Outcome::delivered;
}

JsonStep DnsReader::member(const JsonIndex& index, std::string_view key, std::uint32_t value) {
  switch (key.size()) {
    case 5:
      if (is(key, "rcode")) return text(index, value, 1, query_.rcode);
      if (is(key, "event") && index.character(value) == '{') event_ = value;
      break;
    case 6:
      if (is(key, "vpc_id")) return text(index, value, 1, query_.vpc_id);
      if (is(key, "region")) return text(index, value, 1, query_.region);
      if (is(key, "srcids")) return read_srcids(index, value);
      break;
    case 7:
      if (is(key, "srcaddr")) return text(index, value, 1, srcaddr_);
      if (is(key, "srcport")) return text(index, value, 1, srcport_);
      if (is(key, "version")) return text(index, value, 1, query_.version);
      if (is(key, "answers")) return read_answers(index, value);
      break;
    case 9:
      if (is(key, "transport")) return text(index, value, 1, query_.transport);
      break;
    case 10:
      if (is(key, "query_name")) return text(index, value, 1, query_.query_name);
      if (is(key, "query_type")) return text(index, value, 1, query_.query_type);
      if (is(key, "account_id")) return text(index, value, 1, query_.account_id);
      break;
    case 11:
      if (is(key, "query_class")) return text(index, value, 1, query_.query_class);
      break;
    case 15:
      if (is(key, "query_timestamp")) return text(index, value, 1, timestamp_);
      break;
    case 20:
      if (is(key, "firewall_rule_action")) return text(index, value, 1, query_.firewall_rule_action);
      break;
    case 22:
      if (is(key, "firewall_rule_group_id")) return text(index, value, 1, query_.firewall_rule_group_id);
      break;
    case 23:
      if (is(key, "firewall_domain_list_id")) return text(index, value, 1, query_.firewall_domain_list_id);
      break;
    default:
      break;
  }
  return skip_value(index, value, 1, depth_max_);
}

JsonStep DnsReader::read_srcids(const JsonIndex& index, std::uint32_t value) {
  if (index.character(value) != '{') return skip_value(index, value, 1, depth_max_);
  return each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
    if (is(key, "instance")) return text(index, inner, 2, query_.instance);
    if (is(key, "resolver_endpoint")) return text(index, inner, 2, query_.resolver_endpoint);
    if (is(key, "resolver_network_interface"))
      return text(index, inner, 2, query_.resolver_network_interface);
    return skip_value(index, inner, 2, depth_max_);
  });
}

JsonStep DnsReader::read_answers(const JsonIndex& index, std::uint32_t value) {
  if (index.character(value) == '{') return read_answer(index, value, 2);
  if (index.character(value) != '[') return skip_value(index, value, 1, depth_max_);
  return each_json_element(index, value, [&](std::uint32_t element) -> JsonStep {
    if (index.character(element) != '{') return skip_value(index, element, 2, depth_max_);
    return read_answer(index, element, 3);
  });
}

JsonStep DnsReader::read_answer(const JsonIndex& index, std::uint32_t value, unsigned depth) {
  DnsAnswer answer;
  const JsonStep after =
      each_json_member(index, value, [&](std::string_view key, std::uint32_t inner) -> JsonStep {
        if (is(key, "Rdata")) return text(index, inner, depth, answer.rdata);
        if (is(key, "Type")) return text(index, inner, depth, answer.type);
        if (is(key, "Class")) return text(index, inner, depth, answer.answer_class);
        return skip_value(index, inner, depth, depth_max_);
      });
  if (after >= 0) answers_.push_back(answer);
  return after;
}

}  // namespace

std::unique_ptr<TextDecoder> make_dns_decoder(const ObjectInfo&, const DecodeLimits& limits,
                                              EventSink& sink) {
  return std::make_unique<JsonRecordsDecoder>(LogKind::dns, std::make_unique<DnsReader>(limits, sink), limits,
                                              sink);
}

}  // namespace picket
