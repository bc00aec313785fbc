#include <set>

#include "detectors/shared/kubernetes_call.h"
#include "detectors/shared/kubernetes_requester.h"
#include "detectors/shared/row_value.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

constexpr std::string_view arns_name = "mapped_to_admin", account_name = "account_of_caller";

// The ARNs that the map of identities gives the group of cluster administrators, one a line. The map is YAML
// in a string: a list of entries, each with an ARN and groups, in any order.
std::string admins_of(std::string_view map) {
  std::string admins;
  std::string arn;
  bool admin = false;
  const auto end_entry = [&] {
    if (admin && !arn.empty()) (admins += arn) += '\n';
    arn.clear();
    admin = false;
  };
  while (!map.empty()) {
    std::string_view line = map.substr(0, map.find('\n'));
    map.remove_prefix(std::min(line.size() + 1, map.size()));
    const std::size_t text = line.find_first_not_of(' ');
    if (text == std::string_view::npos) continue;
    line.remove_prefix(text);
    const bool item = line.starts_with("- ");
    // A new entry is an item with a member; an item of the list of groups has none.
    if (item && line.contains(": ")) end_entry();
    if (const std::size_t at = line.find("arn:aws"); at != std::string_view::npos) {
      std::string_view value = line.substr(at);
      value = value.substr(0, value.find_first_of("\"' ,}"));
      arn = value;
    }
    admin |= line.contains("system:masters");
  }
  end_entry();
  return admins;
}

// "111122223333" of an ARN of IAM or STS.
std::string_view account_of(std::string_view arn) {
  for (int part = 0; part < 4; ++part) arn.remove_prefix(std::min(arn.find(':'), arn.size() - 1) + 1);
  return arn.substr(0, arn.find(':'));
}

std::optional<Evidence> select(const AuditEvent& event, const Context&) {
  if (event.object_ref.namespace_name != "kube-system" || event.object_ref.name != "aws-auth")
    return std::nullopt;
  if (!decides(event) || !succeeded(event) || cluster_machinery(event)) return std::nullopt;
  std::string admins;
  // The response holds the whole map also after a patch.
  for (const RawJson* source : {&event.response_object, &event.request_object}) {
    const JsonDocument map = source->parse();
    if (!map.at("data")) continue;
    for (const std::string_view member : {"data.mapRoles", "data.mapUsers"}) {
      if (const auto text = map.at(member)) admins += admins_of(scalar_text(*text).value_or(""));
    }
    break;
  }
  return Evidence{{"request", request_text(event)},
                  {arns_name, admins},
                  {account_name, std::string(account_of(event.user.arn))}};
}

// Administrators of one cluster as its map last named them.
class MappedAdmins {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts&) {
    Candidate made = row;
    std::string fresh;
    std::set<std::string> now;
    const std::string_view caller = text_of(row, account_name);
    bool outside = false;
    for (auto& [name, value] : made.evidence) {
      if (name != arns_name) continue;
      for (std::size_t at = 0; at < value.size();) {
        const std::size_t end = value.find('\n', at);
        std::string arn = value.substr(at, end - at);
        if (!admins_.contains(arn)) {
          (fresh += fresh.empty() ? "" : ", ") += arn;
          outside |= !caller.empty() && account_of(arn) != caller;
        }
        now.insert(std::move(arn));
        at = end + 1;
      }
      value = fresh;
    }
    admins_ = std::move(now);
    if (fresh.empty()) return std::nullopt;
    if (outside) made.severity = number_of(Severity::high);
    return made;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(admins_);
  }

 private:
  std::set<std::string> admins_;
};

}  // namespace

extern const Detector cluster_admin_mapped = {
    .types = {{.name = "PrivilegeEscalation:Kubernetes/ClusterAdminMapped",
               .severity = Severity::medium,
               .mitre = {"TA0004", "T1098.003"},  // Account Manipulation: Additional Cloud Roles
               .origin = Origin::picket,
               .title = "{principal} made {mapped_to_admin} an administrator of {cluster}.",
               .description =
                   "{principal} changed the map of AWS identities of {cluster} (configmap aws-auth) so that "
                   "{mapped_to_admin} belongs to system:masters, which may do everything."}},
    .summary =
        "The aws-auth map of a cluster was changed so that another identity belongs to system:masters; high "
        "where it is of another account than whoever changed it.",
    .when = {audit({"create", "update", "patch"}, {"configmaps"})},
    .issue = {key::cluster, key::kubernetes_user},
    .entity = key::cluster,
    .logic = ordered<MappedAdmins>(select),
    .blind_spots =
        "Groups of other names with rights of their own; who was an administrator before the first change in "
        "the logs, so that the first one names all; audit levels that leave out bodies.",
};

}  // namespace picket::detectors
