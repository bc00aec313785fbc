// Accounts are walls: every operation of the tables, under every role, with another account's ids. Nothing of
// the other account may change or show, and what is not the caller's looks like what does not exist. Inputs
// are generated from the tables, so operations that come later are covered when they come.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/router.h"
#include "api/test_support.h"
#include "base/json_writer.h"
#include "store/sqlite.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* ours = "111122223333";
constexpr const char* theirs = "444455556666";
constexpr const char* nobody = "999999999999";
constexpr const char* canary = "canary-7d1f";  // in every free text of theirs

// What a generated request says where it names something.
struct Names {
  std::string account;
  std::string detector;
  std::map<std::string, std::string> ids;  // by member name, "ipSetId"
  std::string text;                        // free texts begin with it
};

// A value of the shape that the validator takes; "" when none was found.
class Inputs {
 public:
  explicit Inputs(const Names& names) : names_(names) {}

  std::string parameter(ShapeId shape, std::string_view name) const {
    std::string json = value(shape, name);
    if (json.size() >= 2 && json.front() == '"') json = json.substr(1, json.size() - 2);
    return json;
  }

  std::string value(ShapeId id, std::string_view name, int depth = 0) const {
    const Shape& shape = shapes()[id];
    switch (shape.kind) {
      case ShapeKind::boolean:
        return "true";
      case ShapeKind::integer:
      case ShapeKind::number:
        return std::to_string(std::clamp<std::int64_t>(1, shape.min, shape.max));
      case ShapeKind::timestamp:
        return "1700000000";
      case ShapeKind::string:
        return text(id, name);
      case ShapeKind::list:
        return '[' + value(shape.element, singular(name), depth + 1) + ']';
      case ShapeKind::map:
        return '{' + text(shape.key, "key") + ": " + value(shape.element, "value", depth + 1) + '}';
      case ShapeKind::structure:
        return structure(shape, depth);
    }
    return "";
  }

  std::string body(const Operation& operation, bool everything) const {
    std::string out;
    if (operation.input == no_shape) return "{}";
    for (const Member& member : shapes()[operation.input].members) {
      if (member.location != Location::body || !(member.required || everything)) continue;
      out +=
          fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", member.name, value(member.shape, member.name));
    }
    return '{' + out + '}';
  }

 private:
  std::string structure(const Shape& shape, int depth) const {
    std::string out;
    for (const Member& member : shape.members) {
      if (!member.required && depth > 2) continue;
      out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", member.name,
                         value(member.shape, member.name, depth + 1));
    }
    return '{' + out + '}';
  }

  static std::string singular(std::string_view name) {
    std::string out(name);
    if (out.ends_with("Ids") || out.ends_with("Arns")) out.pop_back();
    return out;
  }

  std::string text(ShapeId id, std::string_view name) const {
    const Shape& shape = shapes()[id];
    if (!shape.values.empty()) return quoted(std::string(shape.values.front()));
    std::vector<std::string> candidates;
    if (const auto known = names_.ids.find(std::string(name)); known != names_.ids.end())
      candidates.push_back(known->second);
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
    if (lower.ends_with("accountid") || lower == "masterid" || lower == "administratorid")
      candidates.push_back(names_.account);
    if (lower == "detectorid") candidates.push_back(names_.detector);
    const std::string arn = fmt::format("arn:aws:guardduty:{}:{}:detector/{}", test::Harness::region,
                                        names_.account, names_.detector);
    if (lower.ends_with("arn")) candidates.push_back(arn);
    for (const std::string& candidate :
         {names_.text + "-text", std::string(32, 'e'), names_.account, names_.text + "@example.com",
          "s3://" + names_.text + "/list.txt", std::string("a"), std::string("1"), std::string("abcdefgh"),
          fmt::format("arn:aws:iam::{}:role/{}", names_.account, names_.text),
          fmt::format("arn:aws:s3:::{}", names_.text), arn,
          fmt::format("arn:aws:ec2:{}:{}:instance/i-0123456789abcdef0", test::Harness::region,
                      names_.account),
          fmt::format("arn:aws:kms:{}:{}:key/12345678-1234-1234-1234-123456789012", test::Harness::region,
                      names_.account)})
      candidates.push_back(candidate);
    simdjson::dom::parser parser;
    for (const std::string& candidate : candidates) {
      const std::string json = quoted(candidate);
      if (!validate_value(id, parser.parse(json).value(), std::string(name))) return json;
    }
    ADD_FAILURE() << "no value for " << shape.name << " of " << name << ", pattern " << shape.pattern;
    return "\"\"";
  }

  static std::string quoted(const std::string& text) {
    std::string out;
    append_json_string(out, text);
    return out;
  }

  const Names& names_;
};

struct Request {
  std::string path, query, body;
};

class WallsTest : public ::testing::Test, protected test::Harness {
 protected:
  void SetUp() override {
    seen = {ours, theirs};
    profile("root", "000000000001");  // administers all, and takes no part
    profile("theirs", theirs);
    for (const auto& [name, role] : roles()) profile(name, ours, role);
    ServiceSettings settings;
    settings.calls_per_second_max = 100'000;
    settings.calls_burst_max = 100'000;
    start(settings);
    add_finding(std::string(32, '1'), ours);
    add_finding(std::string(32, '2'), theirs);
  }

  static std::vector<std::pair<std::string, aws::Role>> roles() {
    return {{"administrator", aws::Role::administrator},
            {"delegated", aws::Role::delegated_administrator},
            {"member", aws::Role::member},
            {"reader", aws::Role::read_only},
            {"responder", aws::Role::responder}};
  }

  Request request(const Operation& operation, const Names& names, bool everything = false) const {
    const Inputs inputs(names);
    Request out;
    std::string name;
    bool inside = false;
    const auto shape_of = [&](std::string_view wanted) {
      for (const Member& member : shapes()[operation.input].members)
        if (member.name == wanted) return member.shape;
      return no_shape;
    };
    for (const char c : operation.uri) {
      if (c == '{') {
        inside = true;
        name.clear();
      } else if (c == '}') {
        inside = false;
        out.path += aws::uri_encode(inputs.parameter(shape_of(name), name));
      } else if (inside) {
        name += c;
      } else {
        out.path += c;
      }
    }
    if (operation.input != no_shape)
      for (const Member& member : shapes()[operation.input].members)
        if (member.location == Location::querystring && member.required)
          out.query += (out.query.empty() ? "" : "&") + std::string(member.name) + '=' +
                       aws::uri_encode(inputs.parameter(shapes()[member.shape].kind == ShapeKind::list
                                                            ? shapes()[member.shape].element
                                                            : member.shape,
                                                        member.name));
    if (operation.method != "GET" && operation.method != "DELETE")
      out.body = inputs.body(operation, everything);
    return out;
  }

  Response call(const std::string& who, const Operation& operation, const Request& request) {
    return send(who, operation.method, request.path, request.body, request.query);
  }

  // Everything the account has: settings and findings with what its users said about them.
  std::string state_of(const std::string& account) {
    std::string out;
    const auto db = SqliteConnection::open(dir / "findings.db", true);
    auto statement = (*db)->prepare(
        "SELECT kind || ' ' || region || ' ' || id || ' ' || body FROM setting WHERE account = ? AND kind <> "
        "'client_token' ORDER BY kind, region, id");
    statement->bind(account);
    while (*statement->step()) out += std::string(statement->text(0)) + '\n';
    const auto visited = store->for_each(
        {.accounts = std::vector{account}, .region = std::nullopt}, {}, [&](const Finding& finding) {
          out += fmt::format("{} {} {}\n", finding.id, static_cast<int>(finding.archived), finding.feedback);
          return true;
        });
    EXPECT_TRUE(visited);
    return out;
  }

  // The other account makes what it can, its free texts marked, and we learn its ids.
  Names fill(const std::string& who, const std::string& account) {
    Names names{.account = account, .detector = detector(who), .ids = {}, .text = canary};
    names.ids["findingId"] = std::string(32, '2');
    send(who, "POST",
         "/tags/" + aws::uri_encode(
                        fmt::format("arn:aws:guardduty:{}:{}:detector/{}", region, account, names.detector)),
         R"({"tags": {"env": ")" + std::string(canary) + "\"}}");
    send(who, "POST", at(who, "/member"),
         R"({"accountDetails": [{"accountId": "222222222222", "email": ")" + std::string(canary) +
             "@example.com\"}]}");
    simdjson::dom::parser parser;
    for (const Operation& operation : operations()) {
      if (!operation.name.starts_with("Create") || operation.name == "CreateMembers") continue;
      const Response made = call(who, operation, request(operation, names, true));
      simdjson::dom::object members;
      if (made.status >= 300 || parser.parse(made.body).get(members) != simdjson::SUCCESS) continue;
      for (const auto& [name, value] : members) {
        std::string_view id;
        if (value.get(id) == simdjson::SUCCESS && name != "detectorId") names.ids[std::string(name)] = id;
      }
    }
    return names;
  }

  // The same kinds of names, of nobody.
  static Names absent(const Names& theirs_names) {
    Names out{.account = nobody, .detector = std::string(32, 'f'), .ids = {}, .text = "nothing-7d1f"};
    for (const auto& [name, value] : theirs_names.ids) {
      std::string other = value;
      for (const auto& [from, to] :
           {std::pair{theirs_names.account, out.account}, std::pair{theirs_names.detector, out.detector}})
        for (std::size_t at = 0; (at = other.find(from, at)) != std::string::npos; at += to.size())
          other.replace(at, from.size(), to);
      // An id that was not all in its account and detector: another one of its form.
      if (other == value)
        for (char& c : other) c = c >= '0' && c <= '9' ? '9' : c;
      if (other == value && !other.empty()) other.back() = other.back() == 'f' ? 'e' : 'f';
      out.ids[name] = other;
    }
    return out;
  }

  // The answer with the request's own names taken out.
  static std::string normal(std::string body, const Names& names) {
    const auto replace = [&](const std::string& from, const std::string& to) {
      if (from.empty()) return;
      for (std::size_t at = 0; (at = body.find(from, at)) != std::string::npos; at += to.size())
        body.replace(at, from.size(), to);
    };
    for (const auto& [name, value] : names.ids) replace(value, "<" + name + ">");
    replace(names.detector, "<detector>");
    replace(names.account, "<account>");
    replace(names.text, "<text>");
    return body;
  }
};

TEST_F(WallsTest, GeneratedInputsAreValid) {
  const Names names{.account = theirs, .detector = detector("theirs"), .ids = {}, .text = canary};
  Router router;
  for (const Operation& operation : operations()) {
    for (const bool everything : {false, true}) {
      const Request made = request(operation, names, everything);
      const auto route = router.find(operation.method, made.path);
      ASSERT_TRUE(route) << operation.name << ' ' << made.path;
      EXPECT_EQ(route->operation->name, operation.name) << made.path;
      simdjson::dom::parser parser;
      std::optional<simdjson::dom::element> body;
      if (!made.body.empty()) body = parser.parse(made.body).value();
      const auto wrong = validate(operation, route->uri, parse_query(made.query), body);
      EXPECT_FALSE(wrong) << operation.name << ": " << wrong->parameter << ' ' << wrong->why << ' '
                          << made.body;
    }
  }
}

TEST_F(WallsTest, NothingCrosses) {
  const Names foreign = fill("theirs", theirs);
  const Names none = absent(foreign);
  const std::string before = state_of(theirs);
  ASSERT_THAT(before, HasSubstr(canary)) << "there is something to see";
  std::size_t calls = 0;
  for (const auto& [who, role] : roles()) {
    for (const Operation& operation : operations()) {
      // With their detector, and with the caller's own detector but their findings, sets, accounts.
      for (const bool own_detector : {false, true}) {
        if (own_detector && operation.name == "DeleteDetector") continue;  // its own: not the wall's matter
        Names with_theirs = foreign, with_none = none;
        with_theirs.text = "ours";
        with_none.text = "none";
        if (own_detector) with_theirs.detector = with_none.detector = detector(who);
        const Response theirs_answer = call(who, operation, request(operation, with_theirs));
        const Response none_answer = call(who, operation, request(operation, with_none));
        calls += 2;
        SCOPED_TRACE(fmt::format("{} {} own detector: {}", who, operation.name, own_detector));
        EXPECT_LT(theirs_answer.status, 500U) << theirs_answer.body;
        EXPECT_THAT(theirs_answer.body, Not(HasSubstr(canary)));
        ASSERT_EQ(state_of(theirs), before);
        // A second set or filter of its own may meet a limit; all else must be answered alike.
        if (operation.name.starts_with("Create") && theirs_answer.status < 300) continue;
        EXPECT_EQ(theirs_answer.status, none_answer.status) << theirs_answer.body << '\n' << none_answer.body;
        if (theirs_answer.status >= 300) {
          EXPECT_EQ(normal(theirs_answer.body, with_theirs), normal(none_answer.body, with_none));
        }
      }
    }
  }
  EXPECT_EQ(calls, roles().size() * (operations().size() * 4 - 2));
}

// A member sees and changes nothing of its administrator.
TEST_F(WallsTest, MembersDoNotReachTheirAdministrator) {
  const Names foreign = fill("theirs", theirs);
  send("theirs", "POST", at("theirs", "/member"),
       R"({"accountDetails": [{"accountId": "111122223333", "email": "a@example.com"}]})");
  send("theirs", "POST", at("theirs", "/member/invite"), R"({"accountIds": ["111122223333"]})");
  const std::string invitations = send("administrator", "GET", "/invitation").body;
  const auto begin = invitations.find(R"("invitationId":")") + 16;
  ASSERT_EQ(send("administrator", "POST", at("administrator", "/administrator"),
                 fmt::format(R"({{"administratorId": "{}", "invitationId": "{}"}})", theirs,
                             invitations.substr(begin, 32)))
                .body,
            "{}");
  const std::string before = state_of(theirs);
  for (const char* who : {"administrator", "member", "reader"}) {
    for (const Operation& operation : operations()) {
      // The one thing it may do to the relationship.
      if (operation.name.starts_with("DisassociateFrom")) continue;
      for (const bool own_detector : {false, true}) {
        Names names = foreign;
        names.text = "ours";
        if (own_detector) names.detector = detector(who);
        const Response answer = call(who, operation, request(operation, names));
        SCOPED_TRACE(fmt::format("{} {} own detector: {}", who, operation.name, own_detector));
        EXPECT_LT(answer.status, 500U) << answer.body;
        EXPECT_THAT(answer.body, Not(HasSubstr(canary)));
        ASSERT_EQ(state_of(theirs), before);
      }
    }
  }
}

}  // namespace
}  // namespace picket::api
