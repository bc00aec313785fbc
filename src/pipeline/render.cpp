#include "pipeline/render.h"

#include "engine/details.h"

namespace picket {

std::string Renderer::document(const AggregatedFinding& finding, DocumentForm form) const {
  const Activity& activity = finding.activity;
  const Detection& latest = activity.latest;
  const Detector& detector = *engine_.detectors()[latest.detector];
  const FindingType& type = detector.types[latest.type];
  FindingDocument out;
  out.id = finding.id;
  out.type = type.name;
  out.detector = detector.name;
  out.mitre_tactic = type.mitre.tactic;
  out.mitre_technique = type.mitre.technique;
  out.severity = activity.severity;
  out.title = type.title;
  out.description = type.description;
  if (finding.signal()) {
    out.title = "Refused attempt: " + out.title;
    out.description = "The call was refused ({error}); had it succeeded: " + out.description;
  }
  out.subject = latest.subject;
  out.evidence = latest.evidence;
  out.intel = activity.intel;
  out.count = activity.count;
  out.created = out.first = activity.first.time;
  out.updated = out.last = activity.last.time;
  for (const ProofRecord& record : activity.proof.records()) {
    out.proof.push_back({engine_.object_key(record.object), record.position, record.event_id, record.time});
  }
  out.records_total = activity.count;
  return render(out, KnownDetails(engine_.facts(), geo_), form);
}

}  // namespace picket
