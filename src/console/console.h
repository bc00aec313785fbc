// The console's part of the server: its files below /console/, and beside them who is signed in. All data of
// its pages comes from the GuardDuty API, called with the short-lived credentials a session gets here.
//
//   GET  /console/api/session      who is signed in; whether the first user is still to be made
//   POST /console/api/setup        makes the first user, with the token of the link the server prints
//   POST /console/api/sign-in, sign-out, password
//   GET  /console/api/oidc/begin   leads the browser to the provider, which leads it back to oidc/callback
//   POST /console/api/credentials  of the session: signed calls of the API with the user's role
//   POST /console/api/record       one log record of a finding's proof, as it lies in its object
//   POST /console/api/read         what lies below /picket/v1/, of the path, query and Region in the body
//   POST /console/api/users        of an administrator: who else acts through the same key; users/create,
//                                  users/enable, users/disable, users/password, users/delete
//
// A session is a cookie that scripts cannot read and other sites cannot send; what changes anything needs the
// session's token in a header besides.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/audit_log.h"
#include "api/response.h"
#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "console/files.h"
#include "console/oidc.h"
#include "console/sessions.h"
#include "console/users.h"

namespace picket::console {

struct ConsoleSettings {
  std::string version;
  std::span<const File> files;     // none: picket was built without the console
  api::AuditLog* audit = nullptr;  // outlives the console; null: not logged
  OidcClient* oidc = nullptr;      // outlives the console; null: local users only
  std::function<TimeMs()> now;
  // Accounts and Regions that logs were seen of.
  std::function<std::vector<std::pair<std::string, std::string>>()> places;
  // The document of a finding that the caller may see; empty when there is none such.
  std::function<std::string(const aws::Credential& caller, const std::string& region, const std::string& id)>
      finding;
  // An answer of /picket/v1/ to the caller.
  std::function<api::Response(const aws::Credential& caller, const std::string& region, std::string_view path,
                              std::string_view query)>
      read;
  // A record by its object's key and its number in it.
  std::function<Result<std::string>(const std::string& object, std::uint64_t position)> read_record;
};

class Console {
 public:
  // `keys` and `users` outlive the console. `first_user_key` is the key the first user will act through.
  Console(ConsoleSettings settings, aws::KeyStore& keys, UserStore& users, std::string first_user_key);

  // Absent: the path is not the console's.
  std::optional<api::Response> handle(const aws::HttpRequest& request);
  // What the server prints while there are no users: the end of a URL. Empty when there are some.
  std::string setup_link();
  // Prometheus text: attempts to sign in by outcome.
  std::string metrics();

 private:
  struct Body;
  struct SignedIn;
  api::Response file(std::string_view path, const aws::HttpRequest& request) const;
  api::Response answer(std::string_view call, const aws::HttpRequest& request);
  api::Response session(const aws::HttpRequest& request);
  api::Response setup(const aws::HttpRequest& request, const Body& body);
  api::Response sign_in(const aws::HttpRequest& request, const Body& body);
  api::Response begin_oidc(const aws::HttpRequest& request);
  api::Response end_oidc(const aws::HttpRequest& request);
  api::Response change_password(const aws::HttpRequest& request, const SignedIn& who, const Body& body);
  api::Response credentials(const SignedIn& who);
  api::Response record(const SignedIn& who, const Body& body);
  api::Response manage_users(const aws::HttpRequest& request, const SignedIn& who, std::string_view act,
                             const Body& body);
  api::Response list_users(const SignedIn& who) const;
  std::optional<SignedIn> signed_in(const aws::HttpRequest& request);
  // A session for the user, told like `session`.
  api::Response begin_session(const aws::HttpRequest& request, const User& user,
                              const OidcPerson* guest = nullptr);
  void ask_again(std::string_view cookie);
  std::string described(const SignedIn& who) const;
  // The user's key, if it is there and still allows the user's role.
  std::optional<aws::Credential> key_of(const User& user);
  // What `user` did, of sign-ins how they ended, of the rest to whom. Of a guest `to_whom` is the provider's
  // subject.
  void audit(const aws::HttpRequest& request, const aws::Credential& key, const User& user,
             std::string_view event, std::string_view error, std::string_view to_whom = {});
  void count(std::string_view outcome);

  const ConsoleSettings settings_;
  aws::KeyStore& keys_;
  UserStore& users_;
  const std::string first_user_key_;
  Sessions sessions_;
  Attempts attempts_;
  std::timed_mutex reading_;  // one record at a time: a large object must be decoded up to it
  std::mutex mutex_;
  std::string setup_token_;  // empty until it is asked for
  std::map<std::string, std::uint64_t, std::less<>> counters_;
};

}  // namespace picket::console
