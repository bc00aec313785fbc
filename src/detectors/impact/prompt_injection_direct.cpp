#include "engine/detector.h"

namespace picket::detectors {

namespace {

namespace dom = simdjson::dom;

// A content filter {"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED"}, wherever the
// guardrail's assessment holds it: its place differs between APIs and versions.
std::optional<std::string> prompt_attack(const dom::element& element, int depth) {
  constexpr int depth_max = 12;
  if (depth > depth_max) return std::nullopt;
  dom::array items;
  if (element.get(items) == simdjson::SUCCESS) {
    for (const dom::element item : items) {
      if (auto found = prompt_attack(item, depth + 1)) return found;
    }
    return std::nullopt;
  }
  dom::object members;
  if (element.get(members) != simdjson::SUCCESS) return std::nullopt;
  std::string_view type, confidence, action;
  if (members["type"].get(type) == simdjson::SUCCESS && type == "PROMPT_ATTACK" &&
      members["confidence"].get(confidence) == simdjson::SUCCESS && confidence == "HIGH") {
    if (members["action"].get(action) != simdjson::SUCCESS) action = "NONE";
    return std::string(action);
  }
  for (const auto& [name, value] : members) {
    if (auto found = prompt_attack(value, depth + 1)) return found;
  }
  return std::nullopt;
}

std::optional<Evidence> guardrail_saw_attack(const CloudTrailEvent& call, const Context&) {
  // Few records name the filter at all, and only those are worth a parse.
  if (!call.raw.mentions("PROMPT_ATTACK")) return std::nullopt;
  for (const RawJson* place :
       {&call.additional_event_data, &call.response_elements, &call.service_event_details}) {
    if (!place->mentions("PROMPT_ATTACK") || !place->mentions("GUARDRAIL_INTERVENED")) continue;
    const JsonDocument document = place->parse();
    if (!document.root()) continue;
    const auto action = prompt_attack(*document.root(), 0);
    if (!action) continue;
    return Evidence{{"api", std::string(call.event_name)},
                    {"model", call.request_parameters.find("modelId")},
                    {"filter_action", *action}};
  }
  return std::nullopt;
}

}  // namespace

extern const Detector prompt_injection_direct = {
    .types = {{.name = "Impact:IAMUser/PromptInjection.Direct",
               .severity = Severity::low,
               .mitre = {"TA0040", "AML.T0051"},  // ATLAS: LLM Prompt Injection
               .title = "A guardrail saw a prompt attack in a model invocation of {principal}.",
               .description =
                   "{principal} called {api} from {remote_ip}; the Bedrock guardrail intervened because "
                   "its prompt-attack filter matched with high confidence."}},
    .summary = "A Bedrock guardrail intervened on an invocation: its prompt-attack filter was sure.",
    .when = {calls("bedrock.amazonaws.com", {"InvokeModel", "InvokeModelWithResponseStream", "Converse",
                                             "ConverseStream", "ApplyGuardrail"}),
             calls("bedrock-runtime.amazonaws.com", {"InvokeModel", "InvokeModelWithResponseStream",
                                                     "Converse", "ConverseStream", "ApplyGuardrail"}),
             calls("bedrock-mantle.amazonaws.com", {"CreateInference"})},
    .issue = {key::principal},
    .logic = each(guardrail_saw_attack),
    .blind_spots =
        "Invocations without a guardrail, guardrails without the prompt-attack filter, and trails that "
        "do not record Bedrock's data events.",
};

}  // namespace picket::detectors
