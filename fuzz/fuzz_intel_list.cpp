// Indicator lists of any format: no input breaks the parser, and what an index took from a list it finds
// again. The first byte chooses the format; a value beyond them leaves it to be guessed.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "enrich/intel.h"
#include "enrich/list_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  if (size == 0) return 0;
  ListOptions options;
  const unsigned choice = data[0] - unsigned{'0'};
  if (choice <= static_cast<unsigned>(intel_format_last)) options.format = static_cast<IntelFormat>(choice);
  const std::string_view content(reinterpret_cast<const char*>(data + 1), size - 1);

  IntelBuilder builder;
  const auto id = builder.describe({.list = "fuzz"});
  std::vector<ListEntry> taken;
  const auto report =
      parse_intel_list(content, options, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        std::optional<std::string_view> refused;
        if (entry.kind == ListEntry::Kind::address) refused = builder.add_address(entry.prefix, id);
        if (entry.kind == ListEntry::Kind::domain)
          refused = builder.add_domain(entry.text, DomainMatch::subdomains, id);
        if (entry.kind == ListEntry::Kind::sha256) refused = builder.add_sha256(entry.text, id);
        if (!refused) taken.push_back(entry);
        return refused;
      });
  if (report && report->entries != taken.size()) std::abort();
  const auto index = builder.build();
  for (const ListEntry& entry : taken) {
    if (entry.kind == ListEntry::Kind::address && index->match(entry.prefix.address).empty()) std::abort();
    if (entry.kind == ListEntry::Kind::sha256 && index->match_sha256(entry.text).empty()) std::abort();
    if (entry.kind == ListEntry::Kind::domain) {
      const std::string name = entry.text.starts_with("*.") ? "x" + entry.text.substr(1) : entry.text;
      // A wildcard under the longest possible name matches nothing that could be asked.
      if (name.size() <= 253 && index->match_domain(name).empty()) std::abort();
    }
  }
  return 0;
}
