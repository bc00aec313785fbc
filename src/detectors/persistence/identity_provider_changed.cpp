#include "detectors/shared/attempt.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// EKS gives every cluster an issuer of its own, which is entered when the cluster is made. Only AWS can issue
// tokens there.
bool is_cluster_issuer(std::string_view url) {
  if (url.starts_with("https://")) url.remove_prefix(8);
  return url.starts_with("oidc.eks.") && url.substr(0, url.find('/')).contains(".amazonaws.com");
}

std::optional<Evidence> changes_provider(const CloudTrailEvent& call, const Context&) {
  if (through_service(call.user_identity)) return std::nullopt;
  const RawJson& request = call.request_parameters;
  auto provider = request.find("url");
  if (provider && is_cluster_issuer(*provider)) return std::nullopt;
  for (const std::string_view member : {"name", "sAMLProviderArn", "openIDConnectProviderArn"}) {
    if (!provider) provider = request.find(member);
  }
  // An ARN ends in the issuer's address.
  if (provider && is_cluster_issuer(std::string_view(*provider).substr(provider->find('/') + 1)))
    return std::nullopt;
  Evidence evidence{{"api", std::string(call.event_name)}};
  evidence.add("provider", std::move(provider));
  return by_outcome(call, std::move(evidence));
}

}  // namespace

extern const Detector identity_provider_changed = {
    .types = {{.name = "Persistence:IAMUser/IdentityProviderChanged",
               .severity = Severity::medium,
               .mitre = {"TA0003", "T1556.007"},  // Modify Authentication Process: Hybrid Identity
               .origin = Origin::picket,
               .title = "{principal} changed whom the account trusts to sign people in.",
               .description =
                   "{principal} called {api} from {remote_ip}. Whoever runs an identity provider that an "
                   "account trusts can sign in there as anybody its roles let in."}},
    .summary =
        "An identity provider (SAML, OpenID Connect, or that of Identity Center) was added or replaced.",
    .when = {calls("iam.amazonaws.com",
                   {"CreateSAMLProvider", "UpdateSAMLProvider", "CreateOpenIDConnectProvider",
                    "UpdateOpenIDConnectProviderThumbprint", "AddClientIDToOpenIDConnectProvider"}),
             calls(
                 "sso-directory.amazonaws.com",
                 {"EnableExternalIdPConfigurationForDirectory", "CreateExternalIdPConfigurationForDirectory",
                  "UpdateExternalIdPConfigurationForDirectory", "DisableExternalIdPConfigurationForDirectory",
                  "ImportExternalIdPCertificate"}),
             calls("sso.amazonaws.com",
                   {"AssociateDirectory", "DisassociateDirectory", "CreateTrustedTokenIssuer"})},
    .issue = {key::principal},
    .logic = each(changes_provider),
    .blind_spots =
        "Tokens forged with the key of a provider that is trusted already, and roles whose trust is "
        "widened to one.",
};

}  // namespace picket::detectors
