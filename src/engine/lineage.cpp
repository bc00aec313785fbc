#include "engine/lineage.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/hash.h"
#include "base/oldest.h"

namespace picket {

namespace {

// The longest that STS lets a session live: GetSessionToken and GetFederationToken, 36 hours.
constexpr TimeMs session_max = 36 * hour_ms;
// A key made for another user is handed over or used by its maker within a day, or it is that user's own.
constexpr TimeMs made_key_max = 24 * hour_ms;
// Records of one second come in any order, and services' clocks differ by a little.
constexpr TimeMs clock_slack = 5 * second_ms;
// STS lets roles be chained without end; nobody does.
constexpr int chain_max = 8;

bool complete(const Identity& identity) { return !identity.who.access_key_id.empty(); }

}  // namespace

std::string_view plain_member(std::string_view json, std::string_view name) {
  for (std::size_t at = json.find(name); at != std::string_view::npos; at = json.find(name, at + 1)) {
    std::size_t next = at + name.size();
    if (at == 0 || json[at - 1] != '"' || next >= json.size() || json[next] != '"') continue;
    if (at > 1 && json[at - 2] == '\\') continue;
    const auto skip_blanks = [&] {
      while (next < json.size() && (json[next] == ' ' || json[next] == '\n' || json[next] == '\t')) ++next;
    };
    ++next;
    skip_blanks();
    if (next >= json.size() || json[next] != ':') continue;
    ++next;
    skip_blanks();
    if (next >= json.size() || json[next] != '"') continue;
    const std::size_t end = json.find('"', ++next);
    if (end == std::string_view::npos) return {};
    const std::string_view value = json.substr(next, end - next);
    return value.contains('\\') ? std::string_view{} : value;
  }
  return {};
}

Identity identity_of(const CloudTrailEvent& event, const Principal& principal) {
  const UserIdentity& identity = event.user_identity;
  Identity made;
  made.who = {std::string(identity.access_key_id), std::string(identity.principal_id), principal.name,
              std::string(identity.type), principal.key};
  // A person's session is told by the principal already.
  if (!principal.key.ends_with('/' + principal.workload)) made.workload = principal.workload;
  return made;
}

std::span<const std::pair<std::string_view, std::string_view>> Lineage::issuing_calls() {
  static constexpr std::pair<std::string_view, std::string_view> calls[] = {
      {"sts.amazonaws.com", "AssumeRole"},
      {"sts.amazonaws.com", "AssumeRoleWithSAML"},
      {"sts.amazonaws.com", "AssumeRoleWithWebIdentity"},
      {"sts.amazonaws.com", "AssumeRoot"},
      {"sts.amazonaws.com", "GetFederationToken"},
      {"sts.amazonaws.com", "GetSessionToken"},
      {"iam.amazonaws.com", "CreateAccessKey"},
  };
  return calls;
}

void IssuedKeys::add(const CloudTrailEvent& event, Caller& caller) {
  if (event.user_identity.type == "AWSService" || event.response_elements.absent()) return;
  const std::string_view key = plain_member(event.response_elements.text(), "accessKeyId");
  if (key.empty() || key == event.user_identity.access_key_id) return;
  const Principal& principal = caller.principal();
  if (principal.aws_service || principal.anonymous) return;
  std::uint64_t hash = 0;  // of all that an identity is made of
  for (const std::string_view part : {event.user_identity.access_key_id, event.user_identity.principal_id,
                                      event.user_identity.type, std::string_view(principal.name),
                                      std::string_view(principal.key), std::string_view(principal.workload)})
    hash = hash64(part, hash_mix(hash, part.size()));
  Shared<Identity>& by = known_[hash];
  if (!by) by = Shared(identity_of(event, principal));
  const bool made = event.event_source == "iam.amazonaws.com";
  keys_.push_back(
      {std::string(key),
       {event.event_time, event.event_time + (made ? made_key_max : session_max), event.event_id, by}});
}

std::vector<IssuedKey> IssuedKeys::take() {
  known_.clear();
  return std::exchange(keys_, {});
}

void Lineage::learn(IssuedKey issued) {
  Issue& issue = issued.issue;
  const Identity& by = *issue.by;
  if (complete(by) && !by.who.principal_id.empty() && by.who.user_type != "AWSAccount") {
    const auto at = names_.find(by.who.principal_id);
    if (at == names_.end()) {
      names_.emplace(by.who.principal_id, Named{issue.time, issue.by});
      // Of one time the one that is smaller, so that the order of learning does not show.
    } else if (std::tie(issue.time, by.who.access_key_id) <
               std::tie(at->second.since, at->second.of->who.access_key_id)) {
      at->second = {issue.time, issue.by};
    }
  }
  const auto [at, fresh] = keys_.try_emplace(std::move(issued.key));
  Issue& known = at->second;
  if (fresh) {
    known = std::move(issue);
    return;
  }
  // Both accounts record a role assumed across them; only the caller's tells the caller's key.
  const bool less = complete(*known.by), more = complete(by);
  if (more != less ? more : std::tie(issue.time, issue.event_id) < std::tie(known.time, known.event_id))
    known = std::move(issue);
}

const Identity& Lineage::root_of(const Identity& identity, TimeMs time) const {
  const Identity* root = &identity;
  for (int depth = 0; depth < chain_max; ++depth) {
    if (root->who.user_type == "AWSAccount" && root->who.access_key_id.empty()) {
      const auto named = names_.find(root->who.principal_id);
      if (named != names_.end() && named->second.since <= time + clock_slack) root = &*named->second.of;
    }
    if (root->who.access_key_id.empty()) break;
    const auto at = keys_.find(root->who.access_key_id);
    if (at == keys_.end() || time + clock_slack < at->second.time || time > at->second.until) break;
    root = &*at->second.by;
  }
  return *root;
}

std::uint64_t Lineage::forget(TimeMs watermark) {
  // What is judged next may be older than the watermark by a slot, never by an hour.
  boost::unordered::erase_if(keys_,
                             [&](const auto& item) { return item.second.until < watermark - hour_ms; });
  return erase_oldest(keys_, keys_max, [](const Issue& issue) { return issue.time; }) +
         erase_oldest(names_, keys_max, [](const Named& named) { return named.since; });
}

}  // namespace picket
