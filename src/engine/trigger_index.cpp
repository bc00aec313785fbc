#include "engine/trigger_index.h"

#include <algorithm>
#include <stdexcept>

#include "engine/lineage.h"
#include "state/api_tactics.h"
#include "state/call_aim.h"

namespace picket {

namespace {

std::uint32_t categories_of(const Trigger& trigger, std::string_view type) {
  std::uint32_t bits = 0;
  for (const std::string_view name : trigger.categories) {
    const auto category = parse_intel_category(name);
    // A detector literal with a misspelt category is a programming error; the first test that builds the
    // index stops.
    if (!category)
      throw std::logic_error(std::string(type) + ": no such indicator category: " + std::string(name));
    bits |= TriggerIndex::bit(*category);
  }
  return bits;
}

// "pods/exec" -> "pods", "exec"
std::pair<std::string_view, std::string_view> split_resource(std::string_view resource) {
  const std::size_t slash = resource.find('/');
  if (slash == std::string_view::npos) return {resource, {}};
  return {resource.substr(0, slash), resource.substr(slash + 1)};
}

}  // namespace

TriggerIndex::TriggerIndex(std::span<const Detector* const> detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    const Detector& detector = *detectors[i];
    const auto index = static_cast<std::uint16_t>(i);
    for (const Trigger& trigger : detector.when) {
      if (trigger.behaviours) {
        learns_[static_cast<std::size_t>(trigger.log)] = true;
        if (trigger.log == LogKind::k8saudit) cluster_behaviours_ = &detector;
      }
      if (trigger.matched || trigger.signals || trigger.behaviours || trigger.gap ||
          detector.logic.host_day != nullptr)
        continue;
      const auto log = static_cast<std::size_t>(trigger.log);
      if (detector.logic.window && (trigger.log == LogKind::vpcflow || trigger.log == LogKind::dns)) {
        windows_[log].push_back({index, detector.logic.window.get()});
      } else if (trigger.objects) {
        objects_.push_back(index);
      } else if (trigger.log == LogKind::k8saudit) {
        if (trigger.verbs.empty() || trigger.resources.empty()) audits_.push_back({index, &trigger});
        for (const std::string_view verb : trigger.verbs) {
          for (const std::string_view resource : trigger.resources) {
            const auto [name, subresource] = split_resource(resource);
            audits_named_[audit_hash(verb, name, subresource)].push_back({index, &trigger});
          }
        }
      } else if (trigger.listed) {
        listed_[log].push_back({index, categories_of(trigger, detector.types.front().name)});
      } else if (trigger.log != LogKind::cloudtrail) {
        every_[log].push_back(index);
      } else if (trigger.event_names.empty()) {
        every_call_.push_back(index);
      } else {
        for (const std::string_view name : trigger.event_names) {
          calls_[call_hash(trigger.event_source, name)].detectors.push_back(index);
        }
      }
    }
  }
  for (const auto& [source, name] : Facts::interesting_calls()) calls_[call_hash(source, name)].fact = true;
  for (const ListedApi& api : listed_apis()) {
    if (tells_aim(api.event_source, api.event_name))
      calls_[call_hash(api.event_source, api.event_name)].tells_aim = true;
  }
  if (std::ranges::none_of(detectors,
                           [](const Detector* detector) { return detector->logic.sequence != nullptr; }))
    return;
  for (std::size_t i = 0; i < listed_apis().size(); ++i) {
    const ListedApi& api = listed_apis()[i];
    if (api.of.weight_bits > 0)
      calls_[call_hash(api.event_source, api.event_name)].risky = static_cast<std::uint16_t>(i);
  }
  for (const auto& [source, name] : Lineage::issuing_calls())
    calls_[call_hash(source, name)].issues_key = true;
}

bool TriggerIndex::wants(const Trigger& trigger, const AuditEvent& event) {
  if (!trigger.verbs.empty() &&
      std::find(trigger.verbs.begin(), trigger.verbs.end(), event.verb) == trigger.verbs.end()) {
    return false;
  }
  if (trigger.resources.empty()) return true;
  for (const std::string_view resource : trigger.resources) {
    const auto [name, subresource] = split_resource(resource);
    if (name == event.object_ref.resource && subresource == event.object_ref.subresource) return true;
  }
  return false;
}

}  // namespace picket
