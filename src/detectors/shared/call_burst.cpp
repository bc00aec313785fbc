#include "detectors/shared/call_burst.h"

#include "event/principal.h"

namespace picket::detectors {

bool person(const UserIdentity& identity) {
  if (identity.type != "AssumedRole") return identity.type != "AWSService" && identity.type != "AWSAccount";
  return identity.session_issuer.user_name.starts_with("AWSReservedSSO_") ||
         !identity.on_behalf_of_user_id.empty() || session_name(identity).contains('@');
}

std::uint64_t principal_entity(const CloudTrailEvent& call) {
  return hash64(principal_of(call).key, hash64(call.recipient_account_id));
}

void CallBurst::add(std::string_view target, bool denied) {
  const auto [at, fresh] = targets_.try_emplace(hash64(target), denied);
  if (!fresh) at->second = at->second && denied;
  if (targets_.size() > targets_max) targets_.erase(std::prev(targets_.end()));
}

bool CallBurst::latest(const ProofRecord& record) {
  const bool empty = targets_.empty();
  if (empty || record < first_) first_ = record;
  if (!empty && !(last_ < record)) return false;
  last_ = record;
  return true;
}

void CallBurst::add(const CloudTrailEvent& call, std::string_view target, const ProofRecord& record) {
  const bool is_latest = latest(record);
  add(target, outcome(call) == Outcome::denied);
  if (!is_latest) return;
  subject_ = subject_of(call, ResourceKind::access_key);
  person_ = person(call.user_identity);
}

void CallBurst::add(const AuditEvent& event, std::string_view target, const ProofRecord& record) {
  constexpr int refused_from = 400;
  const bool is_latest = latest(record);
  add(target, event.response_code >= refused_from);
  if (!is_latest) return;
  subject_ = subject_of(event);
  person_ = !event.user.username.starts_with("system:serviceaccount:");
}

void CallBurst::add_named(const CloudTrailEvent& call, std::initializer_list<std::string_view> members,
                          const ProofRecord& record) {
  for (const std::string_view member : members) {
    if (const auto target = call.request_parameters.find(member)) return add(call, *target, record);
  }
}

void CallBurst::merge(const CallBurst& other) {
  if (other.targets_.empty()) return;
  const bool empty = targets_.empty();
  for (const auto& [target, denied] : other.targets_) {
    const auto [at, fresh] = targets_.try_emplace(target, denied);
    if (!fresh) at->second = at->second && denied;
  }
  while (targets_.size() > targets_max) targets_.erase(std::prev(targets_.end()));
  if (empty || other.first_ < first_) first_ = other.first_;
  if (empty || last_ < other.last_) {
    last_ = other.last_;
    subject_ = other.subject_;
    person_ = other.person_;
  }
}

bool CallBurst::mostly_denied() const {
  const auto denied =
      std::count_if(targets_.begin(), targets_.end(), [](const auto& item) { return item.second; });
  return static_cast<std::size_t>(denied) * 2 >= targets_.size();
}

bool CallBurst::beyond(std::size_t least, const Baseline& before) const {
  const std::size_t begin = person_ || mostly_denied() ? least : least * workload_factor;
  return distinct() >= begin && distinct() > 2 * static_cast<std::size_t>(before.most);
}

void CallBurst::raise(Evidence evidence, const Baseline& before, Emit& emit) const {
  evidence.add("distinct", std::to_string(distinct()));
  evidence.add("most_in_a_window_before", std::to_string(before.most));
  evidence.add("windows_before", std::to_string(before.windows));
  if (mostly_denied()) evidence.add("outcome", "mostly refused");
  emit.detection(std::move(evidence), subject_, distinct(), first_, last_);
}

void CallBurst::raise_beyond(std::size_t least, std::string_view of_what, const Baseline& before,
                             Emit& emit) const {
  if (!beyond(least, before)) return;
  raise(Evidence{{"threshold", std::to_string(least) + ' ' + std::string(of_what)}}, before, emit);
}

}  // namespace picket::detectors
