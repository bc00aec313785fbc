// Control record "lists": every list of indicators in effect, the built-in ones by name, the others by the
// hash of their content: {"builtin": true, "lists": [{"name", …, "sha256"}], "sets": [{"account", "region",
// "accounts", …}]}. Feeds are among the lists; which copies of them hold is the setting "intel_feeds".
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "enrich/intel.h"
#include "enrich/intel_config.h"
#include "pipeline/content_folder.h"
#include "pipeline/governed.h"
#include "store/finding_store.h"
#include "store/list_sets.h"

namespace picket {

// A feed, or a list of the configuration, whose content is kept.
struct KeptList {
  IntelListConfig config;
  std::string sha256;
};
Result<std::vector<KeptList>> keep_lists(const std::vector<IntelListConfig>& lists, ContentFolder& contents);

// A changed setting is noticed like any other, so that a replay uses the copies of its time.
Result<void> publish_feeds(FindingStore& store, const std::vector<KeptList>& feeds);
Result<std::vector<KeptList>> published_feeds(FindingStore& store);

Result<std::string> lists_body(FindingStore& store, bool builtin, const std::vector<KeptList>& lists,
                               const GovernedAccounts& governed);

struct ListsInEffect {
  std::shared_ptr<const IntelIndex> index;
  std::set<std::string> contents;     // hashes
  std::vector<std::string> warnings;  // lists that could not be read: left out
};
Result<ListsInEffect> read_lists(std::string_view body, const ContentFolder& contents,
                                 const IntelSetLimits& limits);

IntelSetKind intel_kind(ListSetKind kind);

}  // namespace picket
