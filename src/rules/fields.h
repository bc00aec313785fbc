// Fields of records as texts: each is taken out of a record at most once, whatever the number of rules that
// ask. CloudTrail and Kubernetes audit fields are named by their path in the record. Flow and DNS fields have
// AWS's own names ("dstport", "pkt-srcaddr", "query_name", "answers.Rdata"); names of Sigma's taxonomy stand
// for them.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "event/kind.h"

namespace picket::rules {

struct FieldValue {
  std::string_view text;
  std::string_view lower;         // filled by FieldReader::lower
  const IpAddress* ip = nullptr;  // when the record has it parsed
};

// The record at hand; exactly one is set.
struct RecordView {
  const CloudTrailEvent* cloudtrail = nullptr;
  const AuditEvent* audit = nullptr;
  const FlowRecord* flow = nullptr;
  const DnsQuery* dns = nullptr;
};

class FieldReader;

// Names of fields of one kind of log, each with a number and the way to its values.
class FieldTable {
 public:
  explicit FieldTable(LogKind log) : log_(log) {}
  std::uint32_t number_of(std::string_view name);  // adds it when it is new
  std::size_t size() const { return fields_.size(); }
  const std::string& name(std::uint32_t number) const { return fields_[number].name; }
  LogKind log() const { return log_; }
  // Whether the decoder has it ready, so that no JSON needs to be parsed.
  bool is_ready(std::uint32_t number) const { return fields_[number].read != nullptr; }

 private:
  friend class FieldReader;
  using Read = void (*)(FieldReader& reader, const RecordView& record);
  struct Field {
    std::string name;
    Read read = nullptr;            // a field that the decoder has
    unsigned document = 0;          // else: which part of the record is parsed
    std::vector<std::string> path;  // and the steps in it
    std::string name_to_find;       // the last of these that is the name of a member; may be empty
  };
  LogKind log_;
  std::vector<Field> fields_;
};

// Whether the name can be a field of this kind of log: flow and DNS records have a fixed set, the others any
// path.
bool is_field(LogKind log, std::string_view name);

// Takes fields out of one record at a time. One for each thread; its memory is used again.
class FieldReader {
 public:
  void begin(const FieldTable& table, const RecordView& record);
  const RecordView& record() const { return record_; }
  // Values of a field; none when it is absent or null. Valid until the next begin().
  std::vector<FieldValue>& values(std::uint32_t field);
  // The value in lower case (ASCII).
  std::string_view lower(FieldValue& value);

  // For the ways to values:
  void add(std::string_view text) {
    if (!text.empty()) current_->push_back({text, {}, nullptr});
  }
  void add(const IpAddress& ip);
  void add_number(std::uint64_t number);

 private:
  static constexpr unsigned documents_max = 8;
  struct Slot {
    std::uint64_t record = 0;  // of which the values are
    std::vector<FieldValue> values;
  };
  struct Document {
    std::uint64_t record = 0;
    simdjson::dom::parser parser;
    std::optional<simdjson::dom::element> root;
  };
  std::string& next_text();  // to be kept until the next begin()
  bool may_have(const FieldTable::Field& field) const;
  std::string_view document_text(unsigned document) const;
  const std::optional<simdjson::dom::element>& document(unsigned number);
  void walk(const simdjson::dom::element& element, const std::vector<std::string>& path, std::size_t step);
  void take(const simdjson::dom::element& element);

  const FieldTable* table_ = nullptr;
  RecordView record_;
  std::uint64_t number_ = 0;  // of the record; never used twice
  std::vector<Slot> slots_;
  std::array<std::unique_ptr<Document>, documents_max> documents_;
  std::deque<std::string> texts_;  // made while reading; texts_used_ of them are of this record
  std::size_t texts_used_ = 0;
  std::vector<FieldValue>* current_ = nullptr;
};

}  // namespace picket::rules
