// Who is signed in. Kept in memory: a restart of the server ends every session. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "console/oidc.h"
#include "console/users.h"

namespace picket::console {

// 32 random bytes in hex.
Result<std::string> new_token();

struct Session {
  std::string user;
  std::optional<User>
      guest;               // whom a provider vouched for: no local user, and as it was when it was last asked
  std::string csrf;        // what a changing request must carry besides the cookie
  TimeMs password_at = 0;  // of the user when it signed in: another password ends the session
  TimeMs began = 0, used = 0;
  OidcPerson person;  // of a guest
  TimeMs asked = 0;   // the provider about it
};

class Sessions {
 public:
  static constexpr TimeMs longest = 12 * hour_ms, idle_max = 2 * hour_ms;
  static constexpr TimeMs asked_every = 15 * minute_ms;  // as long as credentials of a session last
  static constexpr std::size_t sessions_max = 1'000;     // beyond, the one unused for longest ends

  // The cookie's value. A guest is no local user, but the person that a provider vouched for.
  Result<std::string> begin(const User& user, const OidcPerson* guest, TimeMs now);
  // The guest about whom the provider is to be asked again; told to one caller, who asks.
  std::optional<OidcPerson> due(std::string_view cookie, TimeMs now);
  void renew(std::string_view cookie, const User& guest, OidcPerson person);
  // Absent: there is no such session, or it is over.
  std::optional<Session> find(std::string_view cookie, TimeMs now);
  void end(std::string_view cookie);

 private:
  std::mutex mutex_;
  std::map<std::string, Session, std::less<>> sessions_;  // by the hash of the cookie's value
};

// Attempts to sign in that failed lately: of a name from one address, of an address, and of a name, each with
// a number that goes free and a wait that doubles behind it. Bounded. Thread-safe.
class Attempts {
 public:
  // How long to wait before the next attempt is looked at; 0: none.
  TimeMs wait(std::string_view name, std::string_view address, TimeMs now);
  void failed(std::string_view name, std::string_view address, TimeMs now);
  void succeeded(std::string_view name, std::string_view address);

 private:
  static constexpr TimeMs forgotten_after = 15 * minute_ms;
  static constexpr std::size_t entries_max = 10'000;
  struct Failures {
    unsigned count = 0;
    TimeMs last = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Failures, std::less<>> failures_;
};

}  // namespace picket::console
