// Writes a finding as GuardDuty does (schemaVersion "2.0", members in camelCase, always in the same order).
// `service.archived` and `service.userFeedback` belong to the user and are put in by the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "finding/details.h"
#include "finding/signal.h"
#include "finding/subject.h"

namespace picket {

// One record of the proof, with its object's key spelled out.
struct DocumentRecord {
  std::string object;
  std::uint64_t position = 0;
  std::string event_id;  // empty when the vendor gave none
  TimeMs time = 0;
};

// One rule's part in the finding, told under service.detection.sequence.
struct DocumentSignal {
  std::string name, description;
  std::string tactic, technique;  // ATT&CK names
  Signal signal;
};

struct FindingDocument {
  std::string id;        // 32 hex digits
  std::string type;      // "Stealth:IAMUser/CloudTrailLoggingDisabled"
  std::string detector;  // the detector's name in the catalog, or the user's rule
  std::string mitre_tactic, mitre_technique;
  double severity = 0;
  std::string title, description;  // templates, see expand_template
  Subject subject;                 // of the latest record
  NamedValues evidence;
  std::vector<IntelEvidence> intel;
  std::vector<IpAddress> remote_ips;  // of all its records; `subject` has the latest one's
  std::uint64_t count = 1;
  TimeMs created = 0, updated = 0, first = 0, last = 0;
  std::vector<DocumentRecord> proof;
  std::uint64_t records_total = 0;
  std::string custom_detection_rule_name;  // of the latest record; empty: no custom detection rule raised it
  std::vector<DocumentSignal> signals;     // of custom detection rules, in order of their first record
  std::optional<Sequence> sequence;        // of an attack sequence
};

enum class DocumentForm : std::uint8_t {
  api,       // additionalInfo = {value: JSON as a string, type}
  exported,  // its members spelled out beside them: scan's output, exports, events
};

// Resource details are as of the finding's last record.
std::string render(const FindingDocument& finding, const DetailsSource& details, DocumentForm form);

// Replaces {principal}, {host}, {remote_ip}, {api}, {service}, {bucket}, {domain}, {cluster}, {namespace},
// {workload}, {remote_port}, {local_port}, {count} and names of evidence. What is not known becomes a word,
// never a hole. `host` names the instance when the record alone did not. Values are taken as they are: no
// markup, one pass.
std::string expand_template(std::string_view text, const Subject& subject, const NamedValues& evidence,
                            std::uint64_t count, std::string_view host = {});

// The name GuardDuty gives a port, "Unknown" for most.
std::string_view port_name(std::uint16_t port);

}  // namespace picket
