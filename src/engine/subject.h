// Copies out of a record what a finding about it needs: the subject of a detection.
#pragma once

#include "engine/detector.h"
#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "finding/subject.h"

namespace picket {

Subject subject_of(const CloudTrailEvent& event, ResourceKind resource = ResourceKind::access_key);
// `remote_is_source`: which side of the record is the far end.
Subject subject_of(const FlowRecord& flow, bool remote_is_source);
Subject subject_of(const DnsQuery& query);
Subject subject_of(const AuditEvent& event);

// What the finding type says of every subject: role, action, kind of resource, Region of global
// types.
void apply_type(const FindingType& type, Subject& subject);

// Which end of a record between two hosts started it, by ports and, where the log has them, direction and
// flags: 0 the source, 1 the destination, nothing when it cannot be told.
std::optional<int> initiator_of(const FlowRecord& flow);

// The hits, copied: lists may change while findings stay.
std::vector<IntelEvidence> intel_evidence(std::span<const IntelHit> hits);

// The detection's identity: the values of its issue keys.
std::string issue_of(const Subject& subject, const NamedValues& evidence, std::span<const IssueKey> keys);
std::string issue_value(const Subject& subject, const NamedValues& evidence, const IssueKey& key);

}  // namespace picket
