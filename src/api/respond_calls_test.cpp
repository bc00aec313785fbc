// Who may ask picket itself for what. What playbooks do there, tests/e2e/playbooks.py tries.
#include "api/respond_calls.h"

#include <fmt/format.h>

#include "api/test_support.h"
#include "playbook/playbooks.h"

namespace picket::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* ours = "111122223333";
constexpr const char* theirs = "444455556666";
const std::string our_finding(32, 'a'), their_finding(32, 'b');

// A playbook on dry run whose calls lead nowhere: there are no credentials. One account beside the
// administrator's.
class RespondCallsTest : public ::testing::Test {
 protected:
  RespondCallsTest() {
    harness.seen = {ours, theirs};
    harness.profile("all", ours);  // the first one administers every account
    harness.profile("reader", ours, aws::Role::read_only);
    harness.profile("responder", ours, aws::Role::responder);
    harness.profile("other", theirs);
    harness.add_finding(our_finding, ours);
    harness.add_finding(their_finding, theirs);
    keys.playbooks = {{.name = "isolate", .action = "isolate_instance", .where = "t"}};
    playbooks = std::move(*playbook::Playbooks::make(
        keys, {*harness.store, http, guard, std::nullopt, (harness.dir / "playbooks").string(), "",
               [this] { return harness.now; }}));
    Backend backend = harness.backend();
    backend.playbooks = playbooks.get();
    backend.responders = [] { return std::string(R"([{"name":"soc"}])"); };
    harness.service = std::make_unique<Service>(std::move(backend), *harness.keys);
  }
  Response preview(const std::string& who, const std::string& finding) {
    return harness.send(who, "POST", "/picket/v1/playbooks/isolate/preview",
                        fmt::format(R"({{"findingId":"{}"}})", finding));
  }

  test::Harness harness;
  net::AddressGuard guard = *net::AddressGuard::make({});
  net::HttpClient http{guard};
  RespondKeys keys;
  std::unique_ptr<playbook::Playbooks> playbooks;
};

TEST_F(RespondCallsTest, TellsPlaybooksAndResponders) {
  EXPECT_THAT(harness.send("reader", "GET", "/picket/v1/playbooks").body, HasSubstr(R"("mode":"dry_run")"));
  EXPECT_THAT(harness.send("all", "GET", "/picket/v1/responders").body, HasSubstr("soc"));
  EXPECT_EQ(harness.send("other", "GET", "/picket/v1/responders").status, 403U);
}

TEST_F(RespondCallsTest, RolesDecideWhoActs) {
  EXPECT_EQ(preview("reader", our_finding).status, 403U);
  EXPECT_EQ(harness.send("reader", "POST", "/picket/v1/playbook-runs/x/undo", "{}").status, 403U);
  const Response done = preview("responder", our_finding);
  EXPECT_EQ(done.status, 200U) << done.body;
  EXPECT_THAT(done.body, HasSubstr(R"("state":"refused")"));  // it names no instance
  EXPECT_THAT(done.body, HasSubstr(R"("actor":"responder")"));
}

TEST_F(RespondCallsTest, AccountsAreWalls) {
  EXPECT_EQ(preview("other", our_finding).status, preview("other", std::string(32, 'c')).status);
  EXPECT_EQ(preview("other", our_finding).status, 404U);
  EXPECT_EQ(preview("other", their_finding).status, 200U);
  EXPECT_EQ(preview("all", our_finding).status, 200U);
  EXPECT_THAT(harness.send("other", "GET", "/picket/v1/playbook-runs").body, Not(HasSubstr(our_finding)));
  EXPECT_THAT(harness.send("other", "GET", "/picket/v1/playbook-runs").body, HasSubstr(their_finding));
  const auto runs = playbooks->history();
  ASSERT_TRUE(runs);
  for (const playbook::Run& run : *runs) {
    if (run.account != ours) continue;
    const std::string path = fmt::format("/picket/v1/playbook-runs/{}/undo", run.id);
    EXPECT_EQ(harness.send("other", "POST", path, "{}").status, 404U);
    EXPECT_EQ(harness.send("all", "POST", path, "{}").status, 409U);  // nothing was done
  }
}

TEST_F(RespondCallsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(harness.send("all", "GET", "/picket/v1/playbooks/none").status, 404U);
  EXPECT_EQ(harness
                .send("all", "POST", "/picket/v1/playbooks/none/run",
                      fmt::format(R"({{"findingId":"{}"}})", our_finding))
                .status,
            404U);
  for (const char* body :
       {"", "[]", "{}", R"({"findingId":7})", R"({"findingId":"x","acceptForgeableEvidence":"y"})"})
    EXPECT_EQ(harness.send("all", "POST", "/picket/v1/playbooks/isolate/run", body).status, 400U) << body;
  EXPECT_EQ(harness.send("all", "GET", "/picket/v1/playbook-runs", "", "limit=1").status, 400U);
  const std::vector<aws::HttpHeader> headers{{"Host", "127.0.0.1"}};
  EXPECT_EQ(harness.service->handle({"GET", "/picket/v1/playbooks", "", headers, "", {}}).status, 403U);
}

}  // namespace
}  // namespace picket::api
