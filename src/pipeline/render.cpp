#include "pipeline/render.h"

#include <algorithm>
#include <tuple>

#include "engine/details.h"
#include "rules/custom_detection_rules.h"

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
  out.remote_ips = activity.remote_ips;
  out.count = finding.count();
  out.created = finding.created();
  out.first = activity.first.time;
  out.updated = out.last = activity.last.time;
  for (const ProofRecord& record : activity.proof.records()) {
    out.proof.push_back(
        {engine_.object_key(record.object), record.position, record.event_id.text(), record.time});
  }
  out.records_total = activity.count;
  out.sequence = activity.sequence;
  if (holds_by_association(detector)) out.custom_detection_rule_name = detector.name;
  for (const auto& [number, signal] : activity.signals) {
    const auto* rule = rules::custom_detection_rule_named(engine_.detectors()[number]->name);
    if (rule != nullptr)
      out.signals.push_back({rule->name, rule->description, rule->tactic.name, rule->technique.name, signal});
  }
  std::ranges::sort(out.signals, {},
                    [](const DocumentSignal& one) { return std::tie(one.signal.first, one.name); });
  return render(out, KnownDetails(engine_.facts(), geo_), form);
}

}  // namespace picket
