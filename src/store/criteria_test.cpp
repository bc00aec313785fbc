#include "store/criteria.h"

#include <gmock/gmock.h>

#include <random>

#include "base/json_writer.h"
#include "base/time.h"
#include "store/test_support.h"

namespace picket {
namespace {

using namespace store_test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Criteria, absent_criteria_mean_every_finding) {
  for (const char* text : {"", "  ", "null", "{}", R"({"criterion":null})", R"({"criterion":{}})",
                           R"({"criterion":{"severity":null}})", R"({"other":1})"}) {
    const auto parsed = parse_criteria(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_THAT(parsed->conditions, IsEmpty()) << text;
  }
}

TEST(Criteria, old_and_new_names_mean_the_same) {
  const auto parsed = parse_criteria(R"({"criterion":{
      "type":{"eq":["a"],"equals":["a","b"],"neq":["c"],"notEquals":["d"]},
      "severity":{"gt":4,"greaterThanOrEqual":4,"lt":9,"lessThanOrEqual":8}}})");
  ASSERT_TRUE(parsed) << parsed.error().message();
  ASSERT_EQ(parsed->conditions.size(), 2U);
  const Condition& severity = parsed->conditions[0];
  EXPECT_EQ(severity.attribute, attribute::severity());
  EXPECT_EQ(severity.above, 4);
  EXPECT_FALSE(severity.above_inclusive);
  EXPECT_EQ(severity.below, 8);
  EXPECT_TRUE(severity.below_inclusive);
  EXPECT_THAT(parsed->conditions[1].equals, ElementsAre("a", "b"));
  EXPECT_THAT(parsed->conditions[1].not_equals, ElementsAre("c", "d"));
}

TEST(Criteria, refuses_what_it_does_not_know) {
  const auto error = [](const std::string& text, CriteriaUse use = CriteriaUse::filter) {
    const auto parsed = parse_criteria(text, use);
    return parsed ? std::string() : parsed.error().message();
  };
  const auto criterion = [&](const std::string& inside) {
    return error(R"({"criterion":{)" + inside + "}}");
  };
  EXPECT_THAT(error("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(error(R"({"criterion":[]})"), HasSubstr("must be an object"));
  EXPECT_THAT(criterion(R"("no.such":{"eq":["a"]})"), HasSubstr("no.such: unknown attribute"));
  EXPECT_THAT(criterion(R"("type":{"is":["a"]})"), HasSubstr("unknown condition is"));
  EXPECT_THAT(criterion(R"("type":["a"])"), HasSubstr("must be an object"));
  EXPECT_THAT(criterion(R"("type":{"eq":"a"})"), HasSubstr("list of strings"));
  EXPECT_THAT(criterion(R"("type":{"eq":[1]})"), HasSubstr("list of strings"));
  EXPECT_THAT(criterion(R"("severity":{"gte":"7"})"), HasSubstr("must be a number"));
  EXPECT_THAT(criterion(R"("severity":{"gte":true})"), HasSubstr("must be a number"));
  EXPECT_THAT(criterion(R"("type":{"eq":["a"]},"type":{"eq":["b"]})"), HasSubstr("given twice"));
  EXPECT_THAT(criterion(R"("type":{"matches":[""]})"), HasSubstr("1 to 512"));
  EXPECT_THAT(criterion(R"("type":{"matches":[")" + std::string(513, 'a') + R"("]})"), HasSubstr("1 to 512"));
  EXPECT_EQ(criterion(R"("type":{"matches":[")" + std::string(512, 'a') + R"("]})"), "");
  EXPECT_THAT(error(R"({"criterion":{"type":{"matches":["a"]}}})", CriteriaUse::list),
              HasSubstr("only for filters"));

  const auto values = [&](const char* operation, int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\"";
    return criterion(R"("type":{")" + std::string(operation) + "\":[" + list + "]}");
  };
  EXPECT_EQ(values("eq", 50), "");
  EXPECT_THAT(values("eq", 51), HasSubstr("at most 50"));
  EXPECT_EQ(values("notMatches", 5), "");
  EXPECT_THAT(values("notMatches", 6), HasSubstr("at most 5"));

  const auto attributes = [&](std::size_t count) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i)
      list += (i > 0 ? ",\"" : "\"") + std::string(filterable_attributes()[i].path) + R"(":{"eq":["a"]})";
    return criterion(list);
  };
  EXPECT_EQ(attributes(50), "");
  EXPECT_THAT(attributes(51), HasSubstr("at most 50 attributes"));
}

// One attribute in an otherwise empty finding, nested as its path says; with `lists` every object on the
// way stands in an array behind one without it.
FindingRow with_value(unsigned number, const Attribute& attribute, std::string_view json, bool lists) {
  FindingRow row = finding_row(number);
  std::string inside(json);
  std::string_view path = attribute.path;
  if (lists) inside = "[\"other\"," + inside + "]";
  while (true) {
    const std::size_t dot = path.rfind('.');
    std::string member;
    append_json_string(member, path.substr(dot == std::string_view::npos ? 0 : dot + 1));
    inside = "{" + member + ":" + inside + "}";
    if (dot == std::string_view::npos) break;
    path = path.substr(0, dot);
    // The finding's service itself is always an object.
    if (lists && path != "service") inside = R"([{"x":1},)" + inside + "]";
  }
  row.document = attribute.path.starts_with("service.") ? inside : R"({"service":{},)" + inside.substr(1);
  return row;
}

struct Sample {
  std::string json;   // in a document
  std::string value;  // in criteria
  std::string other_json, other_value;
};

Sample sample(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::text:
      return {R"("one \"1\"")", R"(one "1")", R"("two")", "two"};
    case AttributeKind::number:
      return {"41.5", "41.50", "42", "42"};
    case AttributeKind::boolean:
      return {"true", "true", "false", "false"};
    case AttributeKind::time:
      return {"1700000000.123", "1700000000123", R"("2023-11-14T22:13:21Z")", "1700000001000"};
  }
  return {};
}

Criteria one(AttributeId id, const std::string& operation, const std::string& value, bool is_text = true) {
  std::string text = R"({"criterion":{)";
  append_json_string(text, filterable_attributes()[id].path);
  text += ":{\"" + operation + "\":";
  if (is_text) {
    text += '[';
    append_json_string(text, value);
    text += ']';
  } else {
    text += value;
  }
  const auto parsed = parse_criteria(text + "}}}", CriteriaUse::filter);
  if (!parsed) throw std::runtime_error(parsed.error().message());
  return *parsed;
}

TEST(Criteria, every_filterable_attribute_filters) {
  ScratchFolder folder;
  auto store = open_store(folder);
  const auto attributes = filterable_attributes();
  ASSERT_EQ(attributes.size(), 622U);
  std::vector<FindingRow> rows;
  const auto row_of = [](AttributeId id, bool other, bool lists) {
    return finding_id(static_cast<unsigned>(id) * 4 + (other ? 2 : 0) + (lists ? 1 : 0) + 1);
  };
  for (AttributeId id = 0; id < attributes.size(); ++id) {
    if (is_row_attribute(id)) continue;
    const Sample values = sample(attributes[id].kind);
    for (const bool other : {false, true})
      for (const bool lists : {false, true})
        rows.push_back(with_value(static_cast<unsigned>(id) * 4 + (other ? 2 : 0) + (lists ? 1 : 0) + 1,
                                  attributes[id], other ? values.other_json : values.json, lists));
  }
  ASSERT_THAT(put_rows(*store, rows).rejected, IsEmpty());
  const auto count = static_cast<std::int64_t>(rows.size());
  std::size_t listed = 0;
  for (AttributeId id = 0; id < attributes.size(); ++id) {
    SCOPED_TRACE(attributes[id].path);
    listed += attributes[id].in_list_findings ? 1 : 0;
    if (is_row_attribute(id)) continue;
    const Sample values = sample(attributes[id].kind);
    const std::string plain = row_of(id, false, false), in_list = row_of(id, false, true);
    const std::string other = row_of(id, true, false), other_in_list = row_of(id, true, true);
    for (const char* equals : {"eq", "equals"}) {
      EXPECT_THAT(list_all(*store, one(id, equals, values.value)), ElementsAre(plain, in_list));
      EXPECT_THAT(list_all(*store, one(id, equals, values.other_value)), ElementsAre(other, other_in_list));
      EXPECT_THAT(list_all(*store, one(id, equals, "elsewhere")), IsEmpty());
    }
    for (const char* not_equals : {"neq", "notEquals"})
      EXPECT_EQ(store->count({}, one(id, not_equals, values.value)).value(), count - 2);
    EXPECT_THAT(list_all(*store, one(id, "matches", "?*")),
                ElementsAre(plain, in_list, other, other_in_list));
    EXPECT_EQ(store->count({}, one(id, "notMatches", "?*")).value(), count - 4);
    if (attributes[id].kind == AttributeKind::number || attributes[id].kind == AttributeKind::time) {
      const std::string low = values.value, high = values.other_value;
      EXPECT_THAT(list_all(*store, one(id, "gt", low, false)), ElementsAre(other, other_in_list));
      EXPECT_THAT(list_all(*store, one(id, "greaterThan", high, false)), IsEmpty());
      EXPECT_THAT(list_all(*store, one(id, "gte", high, false)), ElementsAre(other, other_in_list));
      EXPECT_THAT(list_all(*store, one(id, "greaterThanOrEqual", low, false)),
                  ElementsAre(plain, in_list, other, other_in_list));
      EXPECT_THAT(list_all(*store, one(id, "lt", high, false)), ElementsAre(plain, in_list));
      EXPECT_THAT(list_all(*store, one(id, "lessThan", low, false)), IsEmpty());
      EXPECT_THAT(list_all(*store, one(id, "lte", low, false)), ElementsAre(plain, in_list));
      EXPECT_THAT(list_all(*store, one(id, "lessThanOrEqual", high, false)),
                  ElementsAre(plain, in_list, other, other_in_list));
    }
  }
  EXPECT_EQ(listed, 49U);
}

TEST(Criteria, the_rows_own_attributes_filter) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow special = finding_row(2);
  special.account = "999999999999";
  special.region = "sa-east-1";
  special.type = "Impact:EC2/PortSweep";
  special.detector_id = finding_id(0xe);
  special.severity = 7.9;
  special.count = 12;
  special.created_at = special.updated_at = special.first_seen = special.last_seen = 1'800'000'000'000;
  // The row decides, whatever the document says.
  special.document = R"({"accountId":"1","severity":1,"service":{"count":99}})";
  put_rows(*store, {finding_row(1), special, finding_row(3)});
  const std::vector<std::string> ids = {special.id};
  ASSERT_TRUE(store->set_archived({}, ids, Archived::manual));
  ASSERT_TRUE(store->set_feedback({}, ids, "USEFUL"));
  const std::vector<std::pair<const char*, std::string>> equal = {{"accountId", special.account},
                                                                  {"region", special.region},
                                                                  {"type", special.type},
                                                                  {"id", special.id},
                                                                  {"service.detectorId", special.detector_id},
                                                                  {"severity", "7"},
                                                                  {"service.count", "12"},
                                                                  {"createdAt", "1800000000000"},
                                                                  {"updatedAt", "2027-01-15T08:00:00Z"},
                                                                  {"service.eventFirstSeen", "1800000000000"},
                                                                  {"service.eventLastSeen", "1800000000000"},
                                                                  {"service.archived", "true"},
                                                                  {"service.userFeedback", "USEFUL"}};
  for (const auto& [path, value] : equal) {
    SCOPED_TRACE(path);
    const AttributeId id = *find_attribute(path);
    EXPECT_TRUE(is_row_attribute(id));
    EXPECT_THAT(list_all(*store, one(id, "equals", value)), ElementsAre(special.id));
    EXPECT_THAT(list_all(*store, one(id, "neq", value)), ElementsAre(finding_id(1), finding_id(3)));
  }
  for (const char* path : {"createdAt", "updatedAt", "service.eventFirstSeen", "service.eventLastSeen"}) {
    const AttributeId id = *find_attribute(path);
    EXPECT_THAT(list_all(*store, one(id, "gte", "1800000000000", false)), ElementsAre(special.id));
    EXPECT_THAT(list_all(*store, one(id, "gt", "1800000000000", false)), IsEmpty());
    EXPECT_THAT(list_all(*store, one(id, "matches", "2027-01-15T*")), ElementsAre(special.id));
  }
  const AttributeId severity = attribute::severity();
  EXPECT_THAT(list_all(*store, one(severity, "eq", "8")), IsEmpty());
  EXPECT_THAT(list_all(*store, one(severity, "gte", "7", false)), ElementsAre(special.id));
  EXPECT_THAT(list_all(*store, one(severity, "gt", "7", false)), ElementsAre(special.id));
  EXPECT_THAT(list_all(*store, one(severity, "lte", "7", false)), ElementsAre(finding_id(1), finding_id(3)));
}

TEST(Criteria, reads_additional_info_from_its_value_and_names_in_either_case) {
  ScratchFolder folder;
  auto store = open_store(folder);
  FindingRow api = finding_row(1), spelled_out = finding_row(2), plain = finding_row(3),
             cased = finding_row(4);
  api.document =
      R"({"service":{"additionalInfo":{"type":"default","value":"{\"threatListName\":\"Ours\",\"inBytes\":\"2048\",\"unusual\":{\"asnOrg\":[\"A\",\"B\"]}}"}}})";
  spelled_out.document = R"({"service":{"additionalInfo":{"threatListName":"Ours","inBytes":1024}}})";
  plain.document = R"({"service":{"additionalInfo":{"type":"default","value":"not {json"}}})";
  cased.document =
      R"({"service":{"action":{"rdsLoginAttemptAction":{"LoginAttributes":[{"user":"u"}]}}},
          "resource":{"kubernetesDetails":{"kubernetesWorkloadDetails":{"hostIPC":true}}}})";
  put_rows(*store, {api, spelled_out, plain, cased});
  EXPECT_THAT(list_all(*store, criteria(R"({"service.additionalInfo.threatListName":{"eq":["Ours"]}})")),
              ElementsAre(api.id, spelled_out.id));
  EXPECT_THAT(list_all(*store, criteria(R"({"service.additionalInfo.unusual.asnOrg":{"eq":["B"]}})")),
              ElementsAre(api.id));
  EXPECT_THAT(list_all(*store, criteria(R"({"service.additionalInfo.inBytes":{"gt":2000}})")),
              ElementsAre(api.id));
  EXPECT_THAT(
      list_all(*store, criteria(R"({"service.action.rdsLoginAttemptAction.loginAttributes.user":{"eq":["u"]},
          "resource.kubernetesDetails.kubernetesWorkloadDetails.hostIpc":{"eq":["true"]}})")),
      ElementsAre(cased.id));
}

TEST(Criteria, conditions_on_lists_ask_any_element) {
  FindingRow row = finding_row(1);
  row.document =
      R"({"resource":{"instanceDetails":{"tags":[{"key":"env","value":"prod"},{"key":"team","value":"a"}]}},"service":{}})";
  const auto match = [&](std::string_view text) { return matches(criteria(text), row).value(); };
  EXPECT_TRUE(match(R"({"resource.instanceDetails.tags.key":{"eq":["team"]}})"));
  EXPECT_TRUE(match(R"({"resource.instanceDetails.tags.key":{"eq":["x","env"]}})"));
  EXPECT_FALSE(match(R"({"resource.instanceDetails.tags.key":{"neq":["team"]}})"));
  EXPECT_FALSE(match(R"({"resource.instanceDetails.tags.key":{"eq":["env"],"neq":["team"]}})"));
  EXPECT_TRUE(match(R"({"resource.instanceDetails.tags.key":{"eq":["env"]},"severity":{"gte":5}})"));
  EXPECT_FALSE(match(R"({"resource.instanceDetails.tags.key":{"eq":["env"]},"severity":{"gte":6}})"));
  EXPECT_TRUE(match(R"({"resource.instanceDetails.tags.value":{"matches":["pr?d"]}})"));
  EXPECT_FALSE(match(R"({"resource.instanceDetails.tags.value":{"notMatches":["p*"]}})"));
  EXPECT_TRUE(match(R"({"resource.instanceDetails.platform":{"neq":["windows"],"notMatches":["*"]}})"));
  EXPECT_FALSE(match(R"({"resource.instanceDetails.platform":{"matches":["*"]}})"));
  EXPECT_TRUE(match(R"({"service.archived":{"eq":["false"]}})"));
  row.document = "nonsense";
  EXPECT_EQ(matches(criteria(R"({"severity":{"gte":5}})"), row).error().kind, ErrorKind::invalid);
}

// Random findings and random criteria: the store's columns and the plain walk over a document agree,
// also after findings were changed and removed.
TEST(Criteria, the_index_agrees_with_a_plain_walk) {
  ScratchFolder folder;
  auto store = open_store(folder);
  std::mt19937 random(7);
  const auto pick = [&](auto from, auto to) { return std::uniform_int_distribution<int>(from, to)(random); };
  const char* paths[] = {"type",
                         "severity",
                         "service.count",
                         "updatedAt",
                         "resource.instanceDetails.tags.value",
                         "service.action.networkConnectionAction.remotePortDetails.port",
                         "region",
                         "resource.s3BucketDetails.createdAt",
                         "service.action.dnsRequestAction.blocked"};
  const auto make = [&](unsigned number, std::uint64_t epoch) {
    FindingRow row = finding_row(number, epoch);
    row.severity = pick(10, 100) / 10.0;
    row.count = pick(1, 9);
    row.type = "T" + std::to_string(pick(0, 3));
    row.updated_at = 1'700'000'000'000 + pick(0, 9);
    std::string tags;
    for (int i = pick(0, 3); i > 0; --i) tags += R"({"value":")" + std::to_string(pick(0, 9)) + R"("},)";
    row.document = R"({"resource":{"instanceDetails":{"tags":[)" + tags +
                   R"({}]},"s3BucketDetails":[{"createdAt":)" + std::to_string(pick(0, 9)) +
                   R"(}]},"service":{"action":{"networkConnectionAction":)" +
                   R"({"remotePortDetails":{"port":)" + std::to_string(pick(0, 9)) + "}}" +
                   (pick(0, 1) == 0 ? R"(,"dnsRequestAction":{"blocked":true})" : "") + "}}}";
    return row;
  };
  std::map<unsigned, FindingRow> truth;
  std::vector<FindingRow> rows;
  for (unsigned i = 0; i < 300; ++i) rows.push_back(truth[i] = make(i, 1));
  put_rows(*store, rows, 1);
  rows.clear();
  for (unsigned i = 0; i < 300; i += 3) rows.push_back(truth[i] = make(i, 2));
  std::vector<std::string> retracted;
  for (unsigned i = 1; i < 300; i += 9) {
    retracted.push_back(finding_id(i));
    truth.erase(i);
  }
  put_rows(*store, rows, 2, retracted);
  int hits = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (const char* path : paths) {
      if (pick(0, 3) != 0) continue;
      const char* operations[] = {"eq", "neq", "gt", "gte", "lt", "lte", "matches", "notMatches"};
      const int operation = pick(0, 7);
      const bool time = filterable_attributes()[*find_attribute(path)].kind == AttributeKind::time;
      const std::string value = std::string_view(path) == "updatedAt"
                                    ? std::to_string(1'700'000'000'000 + pick(0, 9))
                                : time                             ? std::to_string(pick(0, 9) * 1000)
                                : std::string_view(path) == "type" ? "T" + std::to_string(pick(0, 3))
                                                                   : std::to_string(pick(0, 9));
      const bool number = operation >= 2 && operation <= 5;
      if (number && value[0] == 'T') continue;
      text += (text.empty() ? "\"" : ",\"") + std::string(path) + "\":{\"" + operations[operation] + "\":" +
              (number           ? value
               : operation >= 6 ? "[\"*" + value.substr(value.size() - 1) + "*\"]"
                                : "[\"" + value + "\"]") +
              "}";
    }
    const Criteria wanted = criteria("{" + text + "}");
    std::vector<std::string> expected;
    for (const auto& [number, row] : truth)
      if (matches(wanted, row).value()) expected.push_back(row.id);
    ASSERT_EQ(list_all(*store, wanted), expected) << text;
    hits += expected.empty() || expected.size() == truth.size() ? 0 : 1;
  }
  EXPECT_GT(hits, 100);
}

}  // namespace
}  // namespace picket
