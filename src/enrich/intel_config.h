// Indicator lists as users name them: files of the configuration, sets made through the API, and the lists
// built into the binary, each read into an IntelBuilder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "enrich/intel.h"
#include "enrich/list_parser.h"

namespace picket {

enum class IntelListKind : std::uint8_t { threat, trusted };

struct IntelListConfig {
  std::string name;  // shown in findings
  IntelListKind kind = IntelListKind::threat;
  std::string path;
  std::optional<IntelFormat> format;  // guessed when left out
  IntelCategory category = IntelCategory::custom;
  DomainMatch match = DomainMatch::subdomains;  // of entries without "*."
  std::string source;                           // where the list comes from; the path when empty
  std::optional<TimeMs> as_of;                  // when it was drawn up or fetched
};

// Limits of GuardDuty's quotas page.
struct IntelSetLimits {
  std::size_t bytes_max = 35U * 1024 * 1024;
  std::size_t trusted_ips_max = 2000;
  std::size_t threat_ips_max = 250'000;
  std::size_t entities_max = 1000;
};

// The sets of GuardDuty's API. Their entries match exactly unless they begin with "*."; private addresses,
// domains in address lists and hashes outside threat entity lists have no effect; files and entries are
// capped.
enum class IntelSetKind : std::uint8_t { trusted_ips, threat_ips, trusted_entities, threat_entities };

struct IntelSetConfig {
  std::string name;
  IntelSetKind kind = IntelSetKind::threat_ips;
  std::optional<IntelFormat> format;
  std::string location;                     // the set's `location`, shown as source
  std::shared_ptr<const IntelScope> scope;  // whose set it is
  IntelSetLimits limits = {};
};

// When these fail, nothing of the list is in the builder; errors name the file or set.
Result<ListReport> load_intel_list(const IntelListConfig& config,
                                   IntelBuilder& builder);  // reads config.path
Result<ListReport> add_intel_list(const IntelListConfig& config, std::string_view content,
                                  IntelBuilder& builder);
Result<ListReport> add_intel_set(const IntelSetConfig& config, std::string_view content,
                                 IntelBuilder& builder);

struct BuiltinList {
  std::string_view name, source;
  IntelCategory category = IntelCategory::malicious;  // unless its rows say their own
  DomainMatch match = DomainMatch::exact;
  std::string_view as_of;  // the day of the snapshot
  std::string_view content;
};

// The lists of data/intel, carried in the binary. Origins and licences are in data/intel/README.md.
std::vector<BuiltinList> builtin_lists();
// Adds all of them. They are tested at build time, so this does not fail.
void builtin_intel(IntelBuilder& builder);

}  // namespace picket
