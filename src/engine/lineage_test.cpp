// Keys and who asked for them: over roles, accounts and orders of learning.
#include "engine/lineage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace picket {
namespace {

Identity identity(std::string type, std::string principal, std::string principal_id, std::string key) {
  return {{.access_key_id = std::move(key),
           .principal_id = std::move(principal_id),
           .user_name = principal,
           .user_type = std::move(type),
           .principal_key = principal},
          {}};
}

const Identity person = identity("IAMUser", "arn:aws:iam::111122223333:user/marta", "AIDAMARTA", "AKIAMARTA");
const Identity role =
    identity("AssumedRole", "arn:aws:iam::111122223333:role/ops", "AROAOPS:marta", "ASIAOPS");
const Identity remote =
    identity("AssumedRole", "arn:aws:iam::444455556666:role/admin", "AROAADMIN:x", "ASIAADMIN");

IssuedKey issued(const std::string& key, TimeMs time, const Identity& by) {
  return {key, {time, time + 36 * hour_ms, "id-" + std::to_string(time), Shared(by)}};
}

TEST(Lineage, LeadsBackOverRolesAndAccountsInAnyOrder) {
  // The account of the assumed role tells the caller by its unique id alone.
  const Identity foreign = identity("AWSAccount", "111122223333:AROAOPS", "AROAOPS:marta", "");
  const std::vector<IssuedKey> keys = {issued("ASIAOPS", 1000, person), issued("ASIAADMIN", 2000, role),
                                       issued("ASIAADMIN", 2000, foreign)};
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    Lineage lineage;
    for (const std::size_t index : order) lineage.learn(keys[index]);
    EXPECT_EQ(lineage.root_of(remote, 3000).who.principal_key, person.who.principal_key);
    EXPECT_EQ(lineage.root_of(role, 3000).who.principal_key, person.who.principal_key);
    EXPECT_EQ(lineage.root_of(person, 3000).who.principal_key, person.who.principal_key);
  } while (std::ranges::next_permutation(order).found);
}

TEST(Lineage, NamesTheForeignCallerOnlyByWhatWasKnownThen) {
  const Identity foreign = identity("AWSAccount", "111122223333:AIDAMARTA", "AIDAMARTA", "");
  Lineage lineage;
  lineage.learn(issued("ASIAADMIN", 2000, foreign));
  lineage.learn(issued("ASIAOTHER", 9'000'000, person));  // tells later who AIDAMARTA is
  EXPECT_EQ(lineage.root_of(remote, 3000).who.principal_key, "111122223333:AIDAMARTA");
  EXPECT_EQ(lineage.root_of(remote, 9'000'001).who.principal_key, person.who.principal_key);
}

TEST(Lineage, HoldsFromIssueUntilTheKeyIsTooOld) {
  Lineage lineage;
  lineage.learn(issued("ASIAOPS", 100'000, person));
  EXPECT_EQ(lineage.root_of(role, 100'000 - 5001).who.principal_key, role.who.principal_key);
  EXPECT_EQ(lineage.root_of(role, 100'000 - 5000).who.principal_key, person.who.principal_key);
  EXPECT_EQ(lineage.root_of(role, 100'000 + 36 * hour_ms).who.principal_key, person.who.principal_key);
  EXPECT_EQ(lineage.root_of(role, 100'001 + 36 * hour_ms).who.principal_key, role.who.principal_key);
  EXPECT_EQ(lineage.size(), 1U);
  lineage.forget(100'000 + 38 * hour_ms);
  EXPECT_EQ(lineage.size(), 0U);
}

TEST(Lineage, ReadsKeysOutOfResponses) {
  CloudTrailEvent event;
  event.event_source = "sts.amazonaws.com";
  event.event_name = "AssumeRole";
  event.event_time = 5;
  event.user_identity.type = "IAMUser";
  event.user_identity.arn = "arn:aws:iam::111122223333:user/marta";
  event.response_elements = RawJson(R"({"credentials": {"accessKeyId" : "ASIANEW"}})");
  Caller caller(event);
  IssuedKeys issued;
  issued.add(event, caller);
  event.response_elements = RawJson(R"({"credentials": {"accessKeyId" : "ASIANEXT"}})");
  issued.add(event, caller);
  event.user_identity.type = "AWSService";  // the role speaks for itself
  issued.add(event, caller);
  const std::vector<IssuedKey> keys = issued.take();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].key, "ASIANEW");
  EXPECT_EQ(keys[1].key, "ASIANEXT");
  EXPECT_EQ(keys[0].issue.by->who.principal_key, "arn:aws:iam::111122223333:user/marta");
  EXPECT_EQ(&*keys[0].issue.by, &*keys[1].issue.by) << "kept once";
  EXPECT_TRUE(issued.take().empty());
}

TEST(Lineage, PlainMemberIsNotDeceivedByValues) {
  EXPECT_EQ(plain_member(R"({"bucketName":"a"})", "bucketName"), "a");
  EXPECT_EQ(plain_member(R"({"key":"\"bucketName\":\"evil","bucketName":"good"})", "bucketName"), "good");
  EXPECT_EQ(plain_member(R"({"key":"bucketName","x":1})", "bucketName"), "");
  EXPECT_EQ(plain_member(R"({"bucketName":)", "bucketName"), "");
  EXPECT_EQ(plain_member(R"({"bucketName":"a\"b"})", "bucketName"), "");
}

}  // namespace
}  // namespace picket
