// Signing in through an OpenID Connect provider: the authorization code flow with PKCE (RFC 7636), the
// provider's endpoints by discovery, its keys by its JWK set. What a person may is decided by claims of the
// ID token and the configuration. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/result.h"
#include "base/time.h"
#include "console/id_token.h"
#include "net/http_client.h"

namespace picket::console {

// Who has `value` among the texts of `claim` acts through the key of `profile` with `role`. "*" is any value.
struct OidcGrant {
  std::string claim, value, profile;
  aws::Role role = aws::Role::read_only;
};

struct OidcSettings {
  std::string name;  // on the button
  std::string issuer, client_id;
  std::string client_secret;  // empty: a public client
  std::string redirect_url;   // of this console: ".../console/api/oidc/callback"
  std::vector<std::string> scopes;
  std::string name_claim;         // of the person's name in the audit log; the subject where it is missing
  std::vector<OidcGrant> grants;  // the first that fits holds
  TimeMs skew = 5 * minute_ms;
};

// Whom the provider vouches for.
struct OidcPerson {
  std::string name, subject;
  OidcGrant grant;
  std::string refresh_token;  // to ask again with; empty: the provider gave none
};

class OidcClient {
 public:
  using Send = std::function<Result<net::Response>(const net::Request&)>;
  static constexpr TimeMs sign_in_lasts = 10 * minute_ms;

  OidcClient(OidcSettings settings, Send send, std::function<TimeMs()> now)
      : settings_(std::move(settings)), send_(std::move(send)), now_(std::move(now)) {}

  const OidcSettings& settings() const { return settings_; }

  struct Begun {
    std::string state;  // the browser keeps it, so that no other can end this sign-in
    std::string url;    // of the provider, where the browser goes
  };
  Result<Begun> begin();
  // `state`, `code` and `issuer` as the provider sent them back. `not_found`: nobody began this, or it took
  // too long; `unsupported`: the person is known, but no grant fits; others: the provider cannot be believed
  // or reached.
  Result<OidcPerson> finish(std::string_view state, std::string_view code, std::string_view issuer);
  // What the provider says now of a person with a refresh token, which may be used once. `not_found`: it
  // vouches no more; `unsupported`: no grant fits any more; others: it cannot be believed or reached.
  Result<OidcPerson> again(const OidcPerson& known);

 private:
  static constexpr TimeMs metadata_kept = hour_ms, keys_asked_again_after = minute_ms;
  static constexpr std::size_t begun_max = 1'000;  // beyond, the oldest is forgotten

  struct Provider {
    std::string authorization_endpoint, token_endpoint, keys_endpoint;
    bool secret_in_body = false;  // it does not take HTTP's basic authentication
    std::string keys;
    TimeMs read_at = 0, keys_read_at = 0;
  };
  struct Pending {
    std::string nonce, verifier;
    TimeMs began = 0;
  };

  Result<Provider> provider();
  Result<std::string> keys_again(const Provider& known);
  Result<std::string> fetched(const std::string& url);
  struct Tokens {
    std::string id, refresh;  // either may be empty
  };
  // `conflict`: the grant is not good, or not any more.
  Result<Tokens> tokens_for(const Provider& provider,
                            std::vector<std::pair<std::string_view, std::string>> fields);
  Result<OidcPerson> person_in(const Provider& provider, const std::string& id_token,
                               const IdTokenExpected& expected);
  Result<OidcPerson> person_of(std::string_view claims) const;

  const OidcSettings settings_;
  const Send send_;
  const std::function<TimeMs()> now_;
  std::mutex mutex_;
  std::optional<Provider> provider_;
  std::map<std::string, Pending, std::less<>> begun_;  // by state
};

}  // namespace picket::console
