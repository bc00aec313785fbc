#include "respond/event_pattern.h"

#include <gmock/gmock.h>

namespace picket::respond {
namespace {

using ::testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view event) {
  const auto parsed = EventPattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern << ": " << (parsed ? "" : parsed.error().message());
  simdjson::dom::parser parser;
  return parsed && parsed->matches(parser.parse(event.data(), event.size()));
}

// What the guide of EventBridge says of each operator, from both sides.
struct Row {
  const char* pattern;
  const char* event;
  bool matches;
};
const Row rows[] = {
    // values that stand for themselves; other fields of the event do not matter
    {R"({"source":["aws.guardduty"]})", R"({"source":"aws.guardduty","id":"1"})", true},
    {R"({"source":["aws.guardduty"]})", R"({"source":"aws.guardDuty"})", false},
    {R"({"source":["a","b"]})", R"({"source":"b"})", true},
    {R"({"source":["a"],"id":["1"]})", R"({"source":"a","id":"2"})", false},
    {R"({"a":[1]})", R"({"a":1.0})", true},
    {R"({"a":[300]})", R"({"a":3.0e2})", true},
    {R"({"a":[1]})", R"({"a":"1"})", false},
    {R"({"a":["1"]})", R"({"a":1})", false},
    {R"({"a":[true]})", R"({"a":true})", true},
    {R"({"a":[true]})", R"({"a":false})", false},
    {R"({"a":[true]})", R"({"a":"true"})", false},
    {R"({"a":[null]})", R"({"a":null})", true},
    {R"({"a":[null]})", R"({"a":""})", false},
    {R"({"a":[null]})", R"({})", false},
    {R"({"a":[""]})", R"({"a":""})", true},
    {R"({"a":[""]})", R"({"a":null})", false},
    {R"({"detail":{"type":["x"]}})", R"({"detail":{"type":"x"}})", true},
    {R"({"detail":{"type":["x"]}})", R"({"detail":"x"})", false},
    {R"({"detail":{"type":["x"]}})", R"({"type":"x"})", false},
    // lists of the event
    {R"({"a":["x"]})", R"({"a":["y","x"]})", true},
    {R"({"a":["x"]})", R"({"a":["y"]})", false},
    {R"({"a":["x"]})", R"({"a":[]})", false},
    {R"({"a":["x"]})", R"({"a":[["x"]]})", true},
    {R"({"a":{"b":[1],"c":[2]}})", R"({"a":[{"b":1,"c":2},{"b":3}]})", true},
    {R"({"a":{"b":[1],"c":[2]}})", R"({"a":[{"b":1},{"c":2}]})", false},
    // texts
    {R"({"a":[{"prefix":"Recon:"}]})", R"({"a":"Recon:EC2/Portscan"})", true},
    {R"({"a":[{"prefix":"Recon:"}]})", R"({"a":"recon:EC2"})", false},
    {R"({"a":[{"prefix":"1"}]})", R"({"a":12})", false},
    {R"({"a":[{"prefix":{"equals-ignore-case":"RECON:"}}]})", R"({"a":"recon:EC2"})", true},
    {R"({"a":[{"prefix":{"equals-ignore-case":"RECON:"}}]})", R"({"a":"re"})", false},
    {R"({"a":[{"suffix":".png"}]})", R"({"a":"x.png"})", true},
    {R"({"a":[{"suffix":".png"}]})", R"({"a":"x.PNG"})", false},
    {R"({"a":[{"suffix":{"equals-ignore-case":".png"}}]})", R"({"a":"x.PNG"})", true},
    {R"({"a":[{"equals-ignore-case":"Alice"}]})", R"({"a":"aLICE"})", true},
    {R"({"a":[{"equals-ignore-case":"Alice"}]})", R"({"a":"alices"})", false},
    {R"({"a":[{"wildcard":"dir/*/x*.txt"}]})", R"({"a":"dir/a/b/x1.txt"})", true},
    {R"({"a":[{"wildcard":"dir/*/x*.txt"}]})", R"({"a":"dir/x1.txt"})", false},
    {R"({"a":[{"wildcard":"*"}]})", R"({"a":""})", true},
    {R"({"a":[{"wildcard":"a*a"}]})", R"({"a":"a"})", false},
    {R"({"a":[{"wildcard":"a*a"}]})", R"({"a":"aa"})", true},
    {R"({"a":[{"wildcard":"*bc*bc"}]})", R"({"a":"abcbc"})", true},
    {R"({"a":[{"wildcard":"*bc*bc"}]})", R"({"a":"abc"})", false},
    {R"({"a":[{"wildcard":"a\\*b"}]})", R"({"a":"a*b"})", true},
    {R"({"a":[{"wildcard":"a\\*b"}]})", R"({"a":"axb"})", false},
    {R"({"a":[{"wildcard":"a\\\\*"}]})", R"({"a":"a\\x"})", true},
    {R"({"a":[{"wildcard":"a?"}]})", R"({"a":"ab"})", false},
    // numbers
    {R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":5})", true},
    {R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":0})", false},
    {R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":5.1})", false},
    {R"({"a":[{"numeric":[">=",7]}]})", R"({"a":7})", true},
    {R"({"a":[{"numeric":[">=",7]}]})", R"({"a":6.9})", false},
    {R"({"a":[{"numeric":["<",-1.5]}]})", R"({"a":-2})", true},
    {R"({"a":[{"numeric":["=",3.018e2]}]})", R"({"a":301.8})", true},
    {R"({"a":[{"numeric":["=",3]}]})", R"({"a":"3"})", false},
    // addresses
    {R"({"a":[{"cidr":"10.0.0.0/24"}]})", R"({"a":"10.0.0.255"})", true},
    {R"({"a":[{"cidr":"10.0.0.0/24"}]})", R"({"a":"10.0.1.0"})", false},
    {R"({"a":[{"cidr":"2001:db8::/32"}]})", R"({"a":"2001:db8:1::1"})", true},
    {R"({"a":[{"cidr":"0.0.0.0/0"}]})", R"({"a":"somewhere"})", false},
    // exists
    {R"({"a":[{"exists":true}]})", R"({"a":null})", true},
    {R"({"a":[{"exists":true}]})", R"({"b":1})", false},
    {R"({"a":[{"exists":true}]})", R"({"a":{"b":1}})", false},
    {R"({"a":[{"exists":true}]})", R"({"a":[]})", false},
    {R"({"a":[{"exists":false}]})", R"({"b":1})", true},
    {R"({"a":[{"exists":false}]})", R"({"a":""})", false},
    {R"({"a":[{"exists":false}]})", R"({"a":{"b":1}})", true},
    {R"({"a":{"b":[{"exists":false}]}})", R"({})", true},
    {R"({"a":{"b":[{"exists":false}]}})", R"({"a":[{"c":1},{"b":1}]})", false},
    {R"({"a":{"b":[{"exists":false},"x"]}})", R"({"a":{"b":"x"}})", true},
    {R"({"a":{"b":[{"exists":false},"x"]}})", R"({"a":{"b":"y"}})", false},
    // anything-but, for which the field must be there
    {R"({"a":[{"anything-but":"x"}]})", R"({"a":"y"})", true},
    {R"({"a":[{"anything-but":"x"}]})", R"({"a":"x"})", false},
    {R"({"a":[{"anything-but":"x"}]})", R"({"b":"y"})", false},
    {R"({"a":[{"anything-but":"x"}]})", R"({"a":7})", true},
    {R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"y"})", false},
    {R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"z"})", true},
    {R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":["x","z"]})", true},
    {R"({"a":[{"anything-but":100}]})", R"({"a":100.0})", false},
    {R"({"a":[{"anything-but":[100,200]}]})", R"({"a":300})", true},
    {R"({"a":[{"anything-but":{"prefix":"init"}}]})", R"({"a":"initial"})", false},
    {R"({"a":[{"anything-but":{"prefix":"init"}}]})", R"({"a":"done"})", true},
    {R"({"a":[{"anything-but":{"prefix":["init","st"]}}]})", R"({"a":"stopped"})", false},
    {R"({"a":[{"anything-but":{"suffix":".txt"}}]})", R"({"a":"x.txt"})", false},
    {R"({"a":[{"anything-but":{"suffix":[".txt",".rtf"]}}]})", R"({"a":"x.md"})", true},
    {R"({"a":[{"anything-but":{"equals-ignore-case":"x"}}]})", R"({"a":"X"})", false},
    {R"({"a":[{"anything-but":{"equals-ignore-case":["x","y"]}}]})", R"({"a":"z"})", true},
    {R"({"a":[{"anything-but":{"wildcard":"*/lib/*"}}]})", R"({"a":"usr/lib/x"})", false},
    {R"({"a":[{"anything-but":{"wildcard":["*/lib/*","*.o"]}}]})", R"({"a":"usr/bin/x"})", true},
    // several in one list: any
    {R"({"a":[{"prefix":"x"},{"numeric":["=",1]},null]})", R"({"a":null})", true},
    {R"({"a":[{"prefix":"x"},{"numeric":["=",1]},null]})", R"({"a":2})", false},
    // $or
    {R"({"$or":[{"a":[1]},{"b":[2]}]})", R"({"b":2})", true},
    {R"({"$or":[{"a":[1]},{"b":[2]}]})", R"({"a":2,"b":1})", false},
    {R"({"s":["x"],"$or":[{"a":[1]},{"b":[2]}]})", R"({"s":"y","a":1})", false},
    {R"({"d":{"s":["x"],"$or":[{"a":[1]},{"b":{"c":[2]}}]}})", R"({"d":{"s":"x","b":{"c":2}}})", true},
    {R"({"d":{"$or":[{"a":[1]},{"$or":[{"b":[1]},{"c":[1]}]}]}})", R"({"d":{"c":1}})", true},
    {R"({"$or":[{"a":[{"exists":false}]},{"b":[2]}]})", R"({"c":1})", true},
};

TEST(EventPattern, MatchesAsEventBridgeDoes) {
  for (const Row& row : rows)
    EXPECT_EQ(matches(row.pattern, row.event), row.matches) << row.pattern << " on " << row.event;
}

TEST(EventPattern, TellsWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "not JSON"},
      {"[1]", "a JSON object"},
      {"{}", "the pattern is empty"},
      {R"({"a":{}})", "a: the pattern is empty"},
      {R"({"a":[]})", "a: the list is empty"},
      {R"({"a":"x"})", "a: must be a list"},
      {R"({"detail":{"a":5}})", "detail.a: must be a list"},
      {R"({"a":[["x"]]})", "a: a list cannot hold another list"},
      {R"({"a":["x"],"a":["y"]})", "a: the field stands there twice"},
      {R"({"a":[{"perfix":"x"}]})", "a: there is no operator \"perfix\""},
      {R"({"a":[{"prefix":"x","suffix":"y"}]})", "a: each object in a list holds exactly one operator"},
      {R"({"a":[{"prefix":""}]})", "a: prefix takes a text that is not empty"},
      {R"({"a":[{"prefix":5}]})", "a: prefix takes a text"},
      {R"({"a":[{"prefix":{"suffix":"x"}}]})", "a: prefix takes a text or"},
      {R"({"a":[{"wildcard":"a**"}]})", "a: a wildcard cannot have two stars"},
      {R"({"a":[{"wildcard":"a\\b"}]})", "a: in a wildcard a backslash"},
      {R"({"a":[{"exists":"yes"}]})", "a: exists takes true or false"},
      {R"({"a":[{"cidr":"10.0.0.1"}]})", "a: cidr takes a range"},
      {R"({"a":[{"cidr":"10.0.0.0/33"}]})", "a: cidr takes a range"},
      {R"({"a":[{"numeric":[">"]}]})", "a: numeric takes one comparison"},
      {R"({"a":[{"numeric":["<",1,">",0]}]})", "a: numeric takes one comparison"},
      {R"({"a":[{"numeric":["=",1,"<",2]}]})", "a: numeric takes one comparison"},
      {R"({"a":[{"numeric":[">",5,"<",5]}]})", "a: numeric has a lower bound"},
      {R"({"a":[{"numeric":[">",5000000001]}]})", "a: numeric compares with numbers from"},
      {R"({"a":[{"anything-but":[]}]})", "a: anything-but has an empty list"},
      {R"({"a":[{"anything-but":[true]}]})", "a: anything-but lists only"},
      {R"({"a":[{"anything-but":null}]})", "a: anything-but takes"},
      {R"({"a":[{"anything-but":{"numeric":["=",1]}}]})", "a: anything-but takes one of"},
      {R"({"$or":[{"a":[1]}]})", "$or takes a list of at least two objects"},
      {R"({"d":{"$or":{"a":[1]}}})", "d.$or: $or takes a list"},
  };
  for (const auto& [pattern, message] : wrong) {
    const auto parsed = EventPattern::parse(pattern);
    ASSERT_FALSE(parsed) << pattern;
    EXPECT_THAT(parsed.error().message(), HasSubstr(message)) << pattern;
  }
}

}  // namespace
}  // namespace picket::respond
