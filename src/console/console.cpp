#include "console/console.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "api/ids.h"
#include "api/permissions.h"
#include "api/router.h"
#include "api/tables.h"
#include "base/json_writer.h"
#include "base/metrics_text.h"
#include "console/password.h"

namespace picket::console {

namespace {

constexpr std::string_view root = "/console/", calls = "api/";
constexpr std::string_view cookie_name = "picket_session", oidc_cookie_name = "picket_oidc";
constexpr std::string_view oidc_calls = "api/oidc/";
constexpr std::size_t body_bytes_max = 16'384, fields_max = 16;
constexpr TimeMs credentials_last = 15 * minute_ms;
constexpr std::chrono::seconds reading_wait{5};

// Scripts, styles and fonts of this server only; nothing may embed the console, and it embeds nothing.
constexpr std::string_view content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

api::Response with_headers(api::Response response, std::string_view cache) {
  auto& headers = response.headers;
  headers.emplace_back("Content-Security-Policy", content_policy);
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("X-Frame-Options", "DENY");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  headers.emplace_back("Cache-Control", cache);
  return response;
}

api::Response told(unsigned status, std::string json) {
  api::Response response{.status = status, .headers = {}, .body = std::move(json)};
  response.headers.emplace_back("Content-Type", "application/json");
  return response;
}

api::Response refused(unsigned status, std::string_view why) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("message", why);
  json.end_object();
  return told(status, std::move(out));
}

api::Response redirect(std::string_view to) {
  api::Response response{.status = 302, .headers = {}, .body = {}};
  response.headers.emplace_back("Location", to);
  return response;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && !a.empty() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view cookie_of(const aws::HttpRequest& request, std::string_view name = cookie_name) {
  std::string_view rest = aws::header_of(request, "cookie");
  while (!rest.empty()) {
    const std::size_t end = rest.find(';');
    std::string_view one = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) return one.substr(name.size() + 1);
  }
  return {};
}

// Behind a proxy that speaks TLS the cookie is for TLS alone.
std::string set_cookie(const aws::HttpRequest& request, std::string_view value, TimeMs lasts) {
  return fmt::format("{}={}; Path={}; Max-Age={}; HttpOnly; SameSite=Strict{}", cookie_name, value, root,
                     lasts / second_ms,
                     aws::header_of(request, "x-forwarded-proto") == "https" ? "; Secure" : "");
}

// Binds a sign-in to the browser that began it. The provider, another site, leads back to where it is asked
// for.
std::string set_oidc_cookie(const OidcClient& oidc, std::string_view state, TimeMs lasts) {
  return fmt::format("{}={}; Path={}{}; Max-Age={}; HttpOnly; SameSite=Lax{}", oidc_cookie_name, state, root,
                     oidc_calls, lasts / second_ms,
                     oidc.settings().redirect_url.starts_with("https:") ? "; Secure" : "");
}

// A page of another site may send forms here, but neither JSON nor under our origin.
bool from_own_page(const aws::HttpRequest& request) {
  const std::string_view site = aws::header_of(request, "sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  std::string_view origin = aws::header_of(request, "origin");
  if (const std::size_t scheme = origin.find("://"); scheme != std::string_view::npos)
    origin.remove_prefix(scheme + 3);
  if (!origin.empty() && origin != aws::header_of(request, "host")) return false;
  return aws::header_of(request, "content-type").starts_with("application/json");
}

// Whether the finding stands on this record: nobody reads others through it.
bool proves(std::string_view document, std::string_view object, std::uint64_t position) {
  simdjson::dom::parser parser, inner;
  simdjson::dom::element root, info;
  std::string_view value;
  simdjson::dom::array records;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS ||
      root.at_pointer("/service/additionalInfo/value").get(value) != simdjson::SUCCESS ||
      inner.parse(value.data(), value.size()).get(info) != simdjson::SUCCESS ||
      info.at_pointer("/picket/records").get(records) != simdjson::SUCCESS)
    return false;
  return std::any_of(records.begin(), records.end(), [&](const simdjson::dom::element& one) {
    std::string_view key;
    std::uint64_t number = 0;
    return one["object"].get(key) == simdjson::SUCCESS && one["position"].get(number) == simdjson::SUCCESS &&
           key == object && number == position;
  });
}

// Who sent it: behind a proxy on this machine what the proxy says, since all else would count as one sender.
std::string_view client_address(const aws::HttpRequest& request) {
  const bool local = request.remote_address == "127.0.0.1" || request.remote_address == "::1";
  std::string_view said = aws::header_of(request, "x-forwarded-for");
  if (!local || said.empty()) return request.remote_address;
  if (const std::size_t comma = said.rfind(','); comma != std::string_view::npos)
    said.remove_prefix(comma + 1);
  said.remove_prefix(std::min(said.find_first_not_of(' '), said.size()));
  return said.substr(0, 64);
}

bool accepts(const aws::HttpRequest& request, std::string_view header, std::string_view what) {
  return aws::header_of(request, header).contains(what);
}

}  // namespace

// Texts of a JSON object; others are left out.
struct Console::Body {
  std::map<std::string, std::string, std::less<>> fields;

  static std::optional<Body> read(std::string_view text) {
    if (text.size() > body_bytes_max) return std::nullopt;
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(text.data(), text.size()).get(object) != simdjson::SUCCESS || object.size() > fields_max)
      return std::nullopt;
    Body body;
    for (const auto& [name, value] : object) {
      std::string_view field;
      if (value.get(field) == simdjson::SUCCESS) body.fields[std::string(name)] = field;
    }
    return body;
  }
  std::string_view operator[](std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
  }
};

struct Console::SignedIn {
  Session session;
  User user;
  aws::Credential key;
};

Console::Console(ConsoleSettings settings, aws::KeyStore& keys, UserStore& users, std::string first_user_key)
    : settings_(std::move(settings)),
      keys_(keys),
      users_(users),
      first_user_key_(std::move(first_user_key)) {}

std::optional<api::Response> Console::handle(const aws::HttpRequest& request) {
  if (settings_.files.empty() || !aws::claimed_service(request).empty()) return std::nullopt;
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get && request.path == "/" && accepts(request, "accept", "text/html"))
    return with_headers(redirect(root), "no-store");
  if (request.path == root.substr(0, root.size() - 1)) return with_headers(redirect(root), "no-store");
  if (!request.path.starts_with(root)) return std::nullopt;
  const std::string_view path = request.path.substr(root.size());
  if (path.starts_with(calls)) return with_headers(answer(path.substr(calls.size()), request), "no-store");
  if (!get) return with_headers(refused(405, "Files are only read."), "no-store");
  // Names of assets hold a hash of their content.
  return with_headers(file(path.empty() ? "index.html" : path, request),
                      path.starts_with("assets/") ? "public, max-age=31536000, immutable" : "no-cache");
}

api::Response Console::file(std::string_view path, const aws::HttpRequest& request) const {
  const auto found = std::ranges::find(settings_.files, path, &File::path);
  if (found == settings_.files.end()) return refused(404, "There is no such file.");
  const std::string tag = fmt::format("\"{}\"", found->hash);
  api::Response response;
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (aws::header_of(request, "if-none-match") == tag) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", found->content_type);
  // Who says nothing takes any encoding (RFC 9110).
  if (found->gzipped) {
    const bool says = !aws::header_of(request, "accept-encoding").empty();
    if (says && !accepts(request, "accept-encoding", "gzip") && !accepts(request, "accept-encoding", "*"))
      return refused(406, "The console's files are sent packed with gzip.");
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  if (request.method != "HEAD") response.body = found->bytes;
  return response;
}

api::Response Console::answer(std::string_view call, const aws::HttpRequest& request) {
  if (call == "session" && request.method == "GET") return session(request);
  if (settings_.oidc != nullptr && request.method == "GET") {
    if (call == "oidc/begin") return begin_oidc(request);
    if (call == "oidc/callback") return end_oidc(request);
  }
  if (request.method != "POST") return refused(404, "There is no such call.");
  if (!from_own_page(request)) return refused(403, "The call does not come from a page of this console.");
  const auto body = Body::read(request.body);
  if (!body) return refused(400, "The body is not a small JSON object.");
  if (call == "setup") return setup(request, *body);
  if (call == "sign-in") return sign_in(request, *body);
  const auto who = signed_in(request);
  if (!who) return refused(401, "Nobody is signed in.");
  if (!same(aws::header_of(request, "x-picket-csrf"), who->session.csrf))
    return refused(403, "The call lacks the session's token.");
  if (call == "credentials") return credentials(*who);
  if (call == "record") return record(*who, *body);
  if (call == "read")
    return settings_.read(who->key, std::string((*body)["region"]), (*body)["path"], (*body)["query"]);
  if (call == "password") return change_password(request, *who, *body);
  if (call.starts_with("users"))
    return manage_users(request, *who, call.substr(std::min(call.size(), std::string_view("users/").size())),
                        *body);
  if (call == "sign-out") {
    sessions_.end(cookie_of(request));
    api::Response response = told(200, "{}");
    response.headers.emplace_back("Set-Cookie", set_cookie(request, "", 0));
    return response;
  }
  return refused(404, "There is no such call.");
}

std::optional<aws::Credential> Console::key_of(const User& user) {
  auto key = keys_.find(user.access_key_id);
  if (!key || !api::no_wider(user.role, *key)) return std::nullopt;
  return key;
}

// No local user's name has a slash.
static User guest_of(const OidcPerson& person, const aws::Credential& key) {
  return {.name = fmt::format("sso/{}", person.name),
          .access_key_id = key.access_key_id,
          .role = person.grant.role};
}

// While the provider does not answer, what it said last holds.
void Console::ask_again(std::string_view cookie) {
  if (settings_.oidc == nullptr) return;
  const auto known = sessions_.due(cookie, settings_.now());
  if (!known) return;
  auto person = settings_.oidc->again(*known);
  if (!person) {
    const ErrorKind kind = person.error().kind;
    spdlog::warn("console: the provider of identities was asked about sso/{}: {}", known->name,
                 person.error().message());
    if (kind != ErrorKind::not_found && kind != ErrorKind::unsupported) return;
  }
  const auto key = person ? keys_.find_profile(person->grant.profile) : std::nullopt;
  if (!key) {
    count("oidc_ended");
    return sessions_.end(cookie);
  }
  const User guest = guest_of(*person, *key);
  sessions_.renew(cookie, guest, std::move(*person));
}

std::optional<Console::SignedIn> Console::signed_in(const aws::HttpRequest& request) {
  const std::string_view cookie = cookie_of(request);
  ask_again(cookie);
  auto session = sessions_.find(cookie, settings_.now());
  if (!session) return std::nullopt;
  auto user = session->guest ? session->guest : users_.find(session->user);
  if (!user || !user->active || user->password_at != session->password_at) {
    sessions_.end(cookie);
    return std::nullopt;
  }
  auto key = key_of(*user);
  if (!key) return std::nullopt;
  return SignedIn{std::move(*session), std::move(*user), std::move(*key)};
}

std::string Console::described(const SignedIn& who) const {
  std::set<std::string> regions{who.key.region}, accounts;
  for (const auto& [account, region] : settings_.places()) {
    regions.insert(region);
    if (who.key.administers_all) accounts.insert(account);
  }
  aws::Credential acting = who.key;
  acting.role = who.user.role;
  std::vector<std::string> may;
  for (const api::Operation& operation : api::operations()) {
    if (api::is_changing(operation.name) && api::is_allowed(acting.role, operation.name) &&
        api::is_permitted(who.key, fmt::format("guardduty:{}", operation.name)))
      may.emplace_back(operation.name);
  }
  for (const std::string_view operation : api::own_operations()) {
    if (api::is_allowed(acting.role, operation) &&
        api::is_permitted(who.key, fmt::format("picket:{}", operation)))
      may.emplace_back(operation);
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("version", settings_.version);
  json.member("user", who.user.name);
  json.member("guest", who.session.guest.has_value());
  json.member("role", aws::name_of(who.user.role));
  json.member("account", who.key.account);
  json.member("administersAll", who.key.administers_all);
  json.member("region", who.key.region);
  json.member("regions", std::vector<std::string>(regions.begin(), regions.end()));
  json.member("accounts", std::vector<std::string>(accounts.begin(), accounts.end()));
  json.member("may", may);
  json.member("csrf", who.session.csrf);
  json.end_object();
  return out;
}

api::Response Console::session(const aws::HttpRequest& request) {
  if (const auto who = signed_in(request)) return told(200, described(*who));
  // Not an error: the page asks whether somebody is there.
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("setup", users_.empty());
  if (settings_.oidc != nullptr) json.member("provider", settings_.oidc->settings().name);
  json.end_object();
  return told(200, std::move(out));
}

api::Response Console::begin_session(const aws::HttpRequest& request, const User& user,
                                     const OidcPerson* guest) {
  auto key = key_of(user);
  if (!key)
    return refused(403, "The key that this user acts through is gone or allows less than the user's role.");
  const TimeMs now = settings_.now();
  const auto cookie = sessions_.begin(user, guest, now);
  if (!cookie) return refused(500, "No session could be made.");
  const auto session = sessions_.find(*cookie, now);
  api::Response response = told(200, described({*session, user, *key}));
  response.headers.emplace_back("Set-Cookie", set_cookie(request, *cookie, Sessions::longest));
  return response;
}

api::Response Console::setup(const aws::HttpRequest& request, const Body& body) {
  {
    const std::scoped_lock lock(mutex_);
    if (!same(body["token"], setup_token_)) {
      ++counters_["setup_refused"];
      return refused(403, "The link is not the one the server printed, or there are users already.");
    }
  }
  const auto key = keys_.find(first_user_key_);
  if (!key) return refused(403, "The server's first key is gone: make users with picket users create.");
  const auto made = create_user(users_.data_dir(),
                                {.name = std::string(body["name"]),
                                 .key = *key,
                                 .role = key->role,
                                 .password = std::string(body["password"])},
                                true);
  if (!made) {
    const bool taken = made.error().kind == ErrorKind::conflict;
    return refused(taken ? 409 : 400, made.error().what);
  }
  {
    const std::scoped_lock lock(mutex_);
    setup_token_.clear();
  }
  count("setup");
  audit(request, *key, *made, "CreateUser", "");
  return begin_session(request, *made);
}

api::Response Console::sign_in(const aws::HttpRequest& request, const Body& body) {
  const TimeMs now = settings_.now();
  const std::string_view name = body["name"];
  if (name.size() > body_bytes_max / 64) return refused(401, "The name or the password is wrong.");
  if (const TimeMs wait = attempts_.wait(name, client_address(request), now); wait > 0) {
    count("limited");
    api::Response response = refused(
        429, fmt::format("Too many attempts: try again in {} s.", (wait + second_ms - 1) / second_ms));
    response.headers.emplace_back("Retry-After", std::to_string((wait + second_ms - 1) / second_ms));
    return response;
  }
  const auto user = users_.find(name);
  const auto right = is_password(body["password"], user ? user->password_hash : "");
  if (!right) {
    count("limited");
    return refused(429, "Too many sign in at once: try again in a moment.");
  }
  // Only who knows the password learns more than that it is wrong.
  if (!*right) {
    attempts_.failed(name, client_address(request), now);
    count("failed");
    if (user)
      if (const auto key = keys_.find(user->access_key_id))
        audit(request, *key, *user, "ConsoleLogin", "Failed authentication");
    return refused(401, "The name or the password is wrong.");
  }
  if (!user->active) {
    count("disabled");
    if (const auto key = keys_.find(user->access_key_id))
      audit(request, *key, *user, "ConsoleLogin", "User is disabled");
    return refused(403, "This user is disabled.");
  }
  attempts_.succeeded(name, client_address(request));
  api::Response response = begin_session(request, *user);
  if (response.status == 200) {
    count("succeeded");
    audit(request, *keys_.find(user->access_key_id), *user, "ConsoleLogin", "");
  }
  return response;
}

api::Response Console::begin_oidc(const aws::HttpRequest& request) {
  // A page of another site, or a frame, has no business to begin it.
  const std::string_view site = aws::header_of(request, "sec-fetch-site");
  if (site == "cross-site" || site == "same-site") return redirect(root);
  const auto begun = settings_.oidc->begin();
  if (!begun) {
    spdlog::error("console: the provider of identities cannot be used: {}", begun.error().message());
    count("oidc_failed");
    return redirect(fmt::format("{}#/refused/provider", root));
  }
  api::Response response = redirect(begun->url);
  response.headers.emplace_back("Set-Cookie",
                                set_oidc_cookie(*settings_.oidc, begun->state, OidcClient::sign_in_lasts));
  return response;
}

api::Response Console::end_oidc(const aws::HttpRequest& request) {
  std::map<std::string, std::string, std::less<>> given;
  for (auto& [name, value] : api::parse_query(request.query)) given.try_emplace(name, std::move(value));
  const auto refuse = [&](std::string_view why, std::string_view outcome) {
    count(outcome);
    api::Response response = redirect(fmt::format("{}#/refused/{}", root, why));
    response.headers.emplace_back("Set-Cookie", set_oidc_cookie(*settings_.oidc, "", 0));
    return response;
  };
  if (!same(given["state"], cookie_of(request, oidc_cookie_name))) return refuse("other", "oidc_failed");
  if (!given["error"].empty()) {
    spdlog::warn("console: the provider of identities let somebody not in");
    return refuse("denied", "oidc_refused");
  }
  const auto person = settings_.oidc->finish(given["state"], given["code"], given["iss"]);
  if (!person) {
    const ErrorKind kind = person.error().kind;
    spdlog::warn("console: sign-in through the provider of identities: {}", person.error().message());
    if (kind == ErrorKind::not_found) return refuse("other", "oidc_failed");
    if (kind == ErrorKind::unsupported) return refuse("unknown", "oidc_refused");
    return refuse("provider", "oidc_failed");
  }
  const auto key = keys_.find_profile(person->grant.profile);
  if (!key) {
    spdlog::error("console: [[console.oidc.grant]] names profile {}, which is not there or disabled",
                  person->grant.profile);
    return refuse("key", "oidc_refused");
  }
  const User guest = guest_of(*person, *key);
  api::Response session = begin_session(request, guest, &*person);
  if (session.status != 200) return refuse("key", "oidc_refused");
  count("oidc_succeeded");
  audit(request, *key, guest, "ConsoleLogin", "", person->subject);
  api::Response response = redirect(root);
  for (auto& header : session.headers)
    if (header.first == "Set-Cookie") response.headers.push_back(std::move(header));
  response.headers.emplace_back("Set-Cookie", set_oidc_cookie(*settings_.oidc, "", 0));
  return response;
}

api::Response Console::change_password(const aws::HttpRequest& request, const SignedIn& who,
                                       const Body& body) {
  if (who.session.guest) return refused(400, "Your password is the provider's.");
  const TimeMs now = settings_.now();
  if (attempts_.wait(who.user.name, client_address(request), now) > 0)
    return refused(429, "Too many attempts: try again later.");
  const auto right = is_password(body["current"], who.user.password_hash);
  if (!right) return refused(429, "Too many sign in at once: try again in a moment.");
  if (!*right) {
    attempts_.failed(who.user.name, client_address(request), now);
    return refused(403, "The current password is wrong.");
  }
  if (const auto done = set_user_password(users_.data_dir(), who.user.name, body["password"]); !done)
    return refused(400, done.error().what);
  audit(request, who.key, who.user, "ChangePassword", "");
  const auto changed = users_.find(who.user.name);
  if (!changed) return refused(401, "The user is gone.");
  return begin_session(request, *changed);
}

api::Response Console::credentials(const SignedIn& who) {
  const TimeMs expires_at = settings_.now() + credentials_last;
  const auto made =
      keys_.issue(who.key, {.expires_at = expires_at, .role = who.user.role, .console_user = who.user.name});
  if (!made) return refused(500, "No credentials could be made.");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("accessKeyId", made->access_key_id);
  json.member("secretAccessKey", made->secret_access_key);
  json.member("sessionToken", made->session_token);
  json.member("expiration", expires_at);
  json.end_object();
  return told(200, std::move(out));
}

api::Response Console::record(const SignedIn& who, const Body& body) {
  const std::string object(body["object"]);
  std::uint64_t position = 0;
  const std::string_view digits = body["position"];
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), position);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return refused(400, "The record's position is no number.");
  if (!api::is_permitted(who.key, "guardduty:GetFindings"))
    return refused(403, "The key that you act through may not read findings.");
  const std::string document =
      settings_.finding(who.key, std::string(body["region"]), std::string(body["finding"]));
  if (document.empty() || !proves(document, object, position))
    return refused(404, "No finding that you see stands on this record.");
  const std::unique_lock one_reader(reading_, reading_wait);
  if (!one_reader) return refused(429, "Another record is being read: try again in a moment.");
  const auto text = settings_.read_record(object, position);
  if (!text) return refused(404, text.error().message());
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("record", *text);
  json.end_object();
  return told(200, std::move(out));
}

api::Response Console::list_users(const SignedIn& who) const {
  const auto users = load_users(users_.data_dir());
  if (!users) return refused(500, "The users cannot be read.");
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("users");
  json.begin_array();
  for (const User& user : *users) {
    if (user.access_key_id != who.key.access_key_id) continue;
    json.begin_object();
    json.member("name", user.name);
    json.member("role", aws::name_of(user.role));
    json.member("active", user.active);
    json.member("createdAt", user.created_at);
    json.member("passwordAt", user.password_at);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return told(200, std::move(out));
}

api::Response Console::manage_users(const aws::HttpRequest& request, const SignedIn& who,
                                    std::string_view act, const Body& body) {
  if (who.user.role != aws::Role::administrator)
    return refused(403, "Users are an administrator's business.");
  if (act.empty()) return list_users(who);
  const std::string name(body["name"]), new_password(body["password"]);
  const auto done = [&](const Result<void>& result, std::string_view event) {
    if (!result) return refused(result.error().kind == ErrorKind::conflict ? 409 : 400, result.error().what);
    audit(request, who.key, who.user, event, "", name);
    return list_users(who);
  };
  const auto& folder = users_.data_dir();
  if (act == "create") {
    const auto role = aws::parse_role(body["role"]);
    if (!role || !api::no_wider(*role, who.key))
      return refused(400, "The role is none, or allows more than the key that you act through.");
    const auto made =
        create_user(folder, {.name = name, .key = who.key, .role = *role, .password = new_password});
    return done(made ? Result<void>() : std::unexpected(made.error()), "CreateUser");
  }
  const auto user = users_.find(name);
  if (!user || user->access_key_id != who.key.access_key_id)
    return refused(404, "No user of this name acts through your key.");
  if (name == who.user.name) return refused(400, "Nobody does this to himself.");
  if (act == "enable" || act == "disable")
    return done(set_user_active(folder, name, act == "enable"), "UpdateUser");
  if (act == "password") return done(set_user_password(folder, name, new_password), "UpdateLoginProfile");
  if (act == "delete") return done(delete_user(folder, name), "DeleteUser");
  return refused(404, "There is no such call.");
}

std::string Console::setup_link() {
  if (settings_.files.empty() || !users_.empty()) return {};
  auto token = new_token();
  if (!token) return {};
  const std::scoped_lock lock(mutex_);
  setup_token_ = std::move(*token);
  return fmt::format("{}#/setup/{}", root, setup_token_);
}

void Console::audit(const aws::HttpRequest& request, const aws::Credential& key, const User& user,
                    std::string_view event, std::string_view error, std::string_view to_whom) {
  if (settings_.audit == nullptr) return;
  const bool login = event == "ConsoleLogin";
  aws::Credential caller = key;
  caller.profile = aws::console_profile(user.name);
  caller.role = user.role;
  const std::string id = api::new_request_id();
  std::string parameters;
  if (!login || !to_whom.empty()) {
    JsonWriter json(parameters);
    json.begin_object();
    if (login) {
      json.member("provider", settings_.oidc->settings().issuer);
      json.member("subject", to_whom);
    } else {
      json.member("userName", to_whom.empty() ? user.name : to_whom);
    }
    json.end_object();
  }
  const auto done =
      settings_.audit->append({.time = settings_.now(),
                               .caller = &caller,
                               .region = key.region,
                               .event_source = login ? "signin.amazonaws.com" : "iam.amazonaws.com",
                               .event_name = event,
                               .request_id = id,
                               .source_address = client_address(request),
                               .user_agent = aws::header_of(request, "user-agent"),
                               .request_parameters = parameters,
                               .response_elements = !login          ? ""
                                                    : error.empty() ? R"({"ConsoleLogin":"Success"})"
                                                                    : R"({"ConsoleLogin":"Failure"})",
                               .error_code = {},
                               .error_message = error,
                               .read_only = false,
                               .event_type = login ? "AwsConsoleSignIn" : "AwsApiCall"});
  if (!done) spdlog::error("console: a sign-in is missing in the audit log: {}", done.error().message());
}

void Console::count(std::string_view outcome) {
  const std::scoped_lock lock(mutex_);
  ++counters_[std::string(outcome)];
}

std::string Console::metrics() {
  const std::scoped_lock lock(mutex_);
  MetricsText out;
  out.begin(MetricsText::Type::counter, "picket_console_sign_ins_total",
            "Attempts to sign in to the console by outcome.");
  for (const auto& [outcome, number] : counters_) out.sample({{"outcome", outcome}}, number);
  return out.take();
}

}  // namespace picket::console
