#include "engine/detector.h"
#include "engine/learned.h"

namespace picket::detectors {

static std::optional<Evidence> judge(const Incident& incident);

extern const Detector anomalous_model_invocation = {
    .types = {{.name = "Impact:IAMUser/AnomalousModelInvocation",
               .severity = Severity::low,
               .mitre = {"TA0040", "AML.T0040"},  // ATLAS: AI Model Inference API Access
               .title = "{principal} invoked AI models in a way that is unusual for it.",
               .description =
                   "{principal} called {api} of {model}. Against what is normal for the identity, its peers "
                   "and the account this comes to {score} of evidence; from {threshold} on it is raised. "
                   "{one_in}."}},
    .summary =
        "An identity invokes Bedrock or SageMaker models with an API, from a network, with a client or "
        "of a model that is normal neither for it nor for its peers, account and organisation.",
    .when = {behaviours(LogKind::cloudtrail)},
    .issue = {key::principal},
    .logic = learned(judge),
    .blind_spots =
        "Invocations of models are data events of some endpoints: without them in the trail nothing "
        "is seen. Nothing is raised in the first 14 days of an account."};

static std::optional<Evidence> judge(const Incident& incident) {
  if (incident.domain != Domain::model) return std::nullopt;
  const IncidentScore score = weigh(incident);
  if (!is_anomalous(incident, score)) return std::nullopt;
  return Evidence{{"model", incident.behaviours[score.primary].what.resource}};
}

}  // namespace picket::detectors
