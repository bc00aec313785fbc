#include "engine/detector.h"

namespace picket::detectors {

namespace {

// CloudTrail writes one gzip member, and its digest covers that one. Archivers make objects of several
// members by joining them, so the records are read; under CloudTrail's own prefix somebody must have appended
// them.
std::optional<Evidence> was_appended_to(const ObjectSeen& object, const Context&) {
  if (object.first_unverified_position == 0 || object.records_read < object.first_unverified_position)
    return std::nullopt;
  return Evidence{
      {"object", std::string(object.key)},
      {"first_unverified_record", std::to_string(object.first_unverified_position)},
      {"unverified_records", std::to_string(object.records_read - object.first_unverified_position + 1)}};
}

}  // namespace

extern const Detector unverified_log_records = {
    .types =
        {{.name = "Stealth:S3/UnverifiedLogRecords",
          .severity = Severity::medium,
          .mitre = {"TA0005",
                    "T1565.001"},  // Stored Data Manipulation, used to mislead whoever reads the log
          .resource = ResourceKind::s3_bucket,
          .origin = Origin::picket,
          .title =
              "A CloudTrail log object holds {unverified_records} records that CloudTrail did not deliver.",
          .description =
              "{object} has data behind the compressed member that CloudTrail's digest covers, from record "
              "{first_unverified_record} on. The records were evaluated, but somebody may have forged "
              "them."}},
    .summary = "A CloudTrail log object was appended to after its delivery.",
    .when = {cloudtrail_objects()},
    .issue = {key::evidence("object")},
    .logic = each(was_appended_to),
    .blind_spots = "An object replaced as a whole; only its digest file tells that.",
};

}  // namespace picket::detectors
