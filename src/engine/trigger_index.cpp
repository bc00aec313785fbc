#include "engine/trigger_index.h"

#include <algorithm>
#include <stdexcept>

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

}  // namespace

TriggerIndex::TriggerIndex(std::span<const Detector* const> detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    const Detector& detector = *detectors[i];
    const auto index = static_cast<std::uint16_t>(i);
    for (const Trigger& trigger : detector.when) {
      const auto log = static_cast<std::size_t>(trigger.log);
      if (detector.logic.window) {
        windows_[log].push_back({index, detector.logic.window.get()});
      } else if (trigger.objects) {
        objects_.push_back(index);
      } else if (trigger.log == LogKind::k8saudit) {
        audits_.push_back({index, &trigger});
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
}

bool TriggerIndex::wants(const Trigger& trigger, const AuditEvent& event) {
  if (!trigger.verbs.empty() &&
      std::find(trigger.verbs.begin(), trigger.verbs.end(), event.verb) == trigger.verbs.end()) {
    return false;
  }
  if (trigger.resources.empty()) return true;
  for (const std::string_view resource : trigger.resources) {
    const std::size_t slash = resource.find('/');
    if (resource.substr(0, slash) != event.object_ref.resource) continue;
    const std::string_view subresource =
        slash == std::string_view::npos ? std::string_view{} : resource.substr(slash + 1);
    if (subresource == event.object_ref.subresource) return true;
  }
  return false;
}

}  // namespace picket
