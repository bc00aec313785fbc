#include "detectors/shared/kubernetes_listed_caller.h"

#include "detectors/shared/intel_hits.h"
#include "detectors/shared/kubernetes_call.h"

namespace picket::detectors {

std::optional<Evidence> listed_request(const AuditEvent& event, const Context& context,
                                       std::initializer_list<IntelCategory> categories) {
  if (!decides(event)) return std::nullopt;
  // Scanners knock at every public endpoint: without credentials only what is served and not meant to be
  // public counts. 401 means that the credentials were none.
  if (event.response_code == 401) return std::nullopt;
  if (unauthenticated(event) && (!succeeded(event) || public_endpoint(event))) return std::nullopt;
  const IntelHit* hit = best_hit(context.hits, categories, event.request_received_timestamp);
  if (hit == nullptr) return std::nullopt;
  Evidence evidence{{"request", request_text(event)}};
  add_hit(evidence, *hit, event.request_received_timestamp);
  return std::move(evidence).as(static_cast<std::size_t>(tactic_of(event)));
}

}  // namespace picket::detectors
