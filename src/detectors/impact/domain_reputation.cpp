#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "base/flat_map.h"
#include "base/hash.h"
#include "base/oldest.h"
#include "base/text.h"
#include "detectors/shared/dns_host.h"
#include "detectors/shared/row_value.h"
#include "engine/detector.h"
#include "enrich/intel.h"
#include "models/name_look.h"

namespace picket::detectors {

namespace {

enum Type : std::uint8_t { malicious_type, bitcoin_type, abused_type, suspicious_type };

// Letters that say so much look generated.
constexpr std::int32_t odd_score = 2 * 256;

// An address or alias of more names than these is of a hoster, a parking service or an unlisted sinkhole, and
// says nothing about them.
constexpr std::size_t listed_max = 6, others_max = 4;
// A name the account has asked for that long, or that so many hosts ask for, is part of its business.
constexpr TimeMs known_after = 7 * day_ms;
constexpr std::size_t hosts_enough = 4;
// Of one account; 100 bytes a name, 300 a link. Beyond it the longest unused quarter goes.
constexpr std::size_t names_max = 16384, links_max = 16384;
constexpr std::size_t links_of_answer = 8;

constexpr std::string_view registered_name = "registered", category_name = "category", links_name = "links",
                           host_name = "host", kind_name = "kind";

bool is_bad(IntelCategory category) {
  using enum IntelCategory;
  switch (category) {
    case malicious:
    case c2:
    case mining:
    case phishing:
    case drop_point:
    case drive_by:
    case malware:
    case dga:
    case malicious_domain:
    case mining_domain:
      return true;
    default:
      return false;
  }
}
bool is_mining(std::string_view category) { return category.starts_with("mining"); }

// Why an unlisted name is looked at; empty: it is not.
std::string_view kind_of(const NameLook& look) {
  using enum NameLook::Suffix;
  if (look.suffix == dynamic_dns) return "dynamic_dns";
  if (look.suffix == often_abused) return "often_abused_suffix";
  return look.score >= odd_score ? "looks_generated" : std::string_view{};
}

// Where the name leads: addresses that few share, and its aliases.
std::string links_of(const DnsQuery& query, const IntelIndex& intel) {
  std::string links;
  std::size_t count = 0;
  const auto add = [&](std::string_view link) {
    if (count++ < links_of_answer) links += fmt::format("{}{}", links.empty() ? "" : " ", link);
  };
  for (const DnsAnswer& answer : query.answers) {
    if (answer.type == "A" || answer.type == "AAAA") {
      const auto ip = IpAddress::parse(answer.rdata);
      if (!ip || !ip->is_public()) continue;
      const auto of = [](std::span<const IntelHit> hits, IntelCategory category) {
        return std::ranges::any_of(hits,
                                   [&](const IntelHit& hit) { return hit.indicator->category == category; });
      };
      if (of(intel.described(*ip), IntelCategory::shared) || of(intel.match(*ip), IntelCategory::sinkhole))
        continue;
      add(answer.rdata);
    } else if (answer.type == "CNAME") {
      const std::string_view target = answer.rdata;
      add(lower(target.substr(0, target.size() - (target.ends_with('.') ? 1 : 0))));
    }
  }
  return links;
}

// Apart from the look at each query, which had better be short.
[[gnu::noinline]] std::optional<Evidence> row_of(const DnsQuery& query, const Context& context,
                                                 std::string_view category) {
  if (query.rcode != "NOERROR" || (category.empty() && context.intel->is_trusted_domain(
                                                           context.asked, {context.account, context.region})))
    return std::nullopt;
  std::string links = links_of(query, *context.intel);
  if (links.empty()) return std::nullopt;
  Evidence evidence{{registered_name, lower(context.look->registered_in(context.asked))},
                    {host_name, std::to_string(DnsHost::entity(query))},
                    {kind_name, std::string(kind_of(*context.look))},
                    {links_name, std::move(links)}};
  if (!category.empty()) evidence.add(category_name, std::string(category));
  return evidence;
}

[[gnu::noinline]] std::string_view bad_category(std::span<const IntelHit> hits) {
  const auto bad =
      std::ranges::find_if(hits, [](const IntelHit& hit) { return is_bad(hit.indicator->category); });
  return bad == hits.end() ? std::string_view{} : to_string(bad->indicator->category);
}

std::optional<Evidence> select(const DnsQuery& query, const Context& context) {
  if (query.answers.empty() || context.look == nullptr || !context.listed_answer.empty()) return std::nullopt;
  const NameLook& look = *context.look;
  std::string_view category;
  if (!context.hits.empty()) {
    category = bad_category(context.hits);
    if (category.empty()) return std::nullopt;
  } else if (look.infrastructure) {
    return std::nullopt;
  }
  if (look.size == 0 || (category.empty() && kind_of(look).empty())) return std::nullopt;
  return row_of(query, context, category);
}

// ---- what is remembered, of an account ----

struct Name {
  TimeMs first = 0, last = 0;
  std::vector<std::uint64_t> hosts;  // the first few
  bool told = false;
  template <class Ar>
  void io(Ar& ar) {
    ar(first, last, hosts, told);
  }
};

struct Listed {
  std::string registered, category;
  template <class Ar>
  void io(Ar& ar) {
    ar(registered, category);
  }
};

// An address or an alias, with the names that lead there.
struct Link {
  TimeMs last = 0;
  std::vector<Listed> listed;
  std::vector<std::uint64_t> others;
  bool crowded() const { return listed.size() > listed_max || others.size() > others_max; }
  template <class Ar>
  void io(Ar& ar) {
    ar(last, listed, others);
  }
};

class Neighbourhood {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts&) {
    const TimeMs now = row.first.time;
    const std::string registered(text_of(row, registered_name));
    const std::string_view category = text_of(row, category_name), kind = text_of(row, kind_name);
    const auto last = [](const auto& entry) { return entry.last; };
    evicted_ += erase_oldest_quarter(links_, links_max - links_of_answer, last) +
                erase_oldest_quarter(names_, names_max - 1, last);
    std::vector<std::string> neighbours, through;
    bool mining = false;
    for (std::string_view rest = text_of(row, links_name); !rest.empty();) {
      const std::string_view text = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(text.size() + 1, rest.size()));
      Link& link = links_[hash64(text)];
      link.last = now;
      if (!category.empty()) {
        if (link.listed.size() <= listed_max &&
            std::ranges::find(link.listed, registered, &Listed::registered) == link.listed.end())
          link.listed.push_back({registered, std::string(category)});
        continue;
      }
      const std::uint64_t id = hash64(registered);
      if (link.others.size() <= others_max && std::ranges::find(link.others, id) == link.others.end())
        link.others.push_back(id);
      if (link.crowded()) continue;
      bool leads = false;
      for (const Listed& listed : link.listed) {
        if (listed.registered == registered) continue;
        leads = true;
        mining = mining || is_mining(listed.category);
        const std::string shown = fmt::format("{} ({})", listed.registered, listed.category);
        if (std::ranges::find(neighbours, shown) == neighbours.end()) neighbours.push_back(shown);
      }
      if (leads) through.emplace_back(text);
    }
    if (!category.empty()) return std::nullopt;
    Name& name = names_[hash64(registered)];
    if (name.last == 0) name.first = now;
    name.last = now;
    const auto host = id_of(text_of(row, host_name));
    if (name.hosts.size() < hosts_enough && std::ranges::find(name.hosts, host) == name.hosts.end())
      name.hosts.push_back(host);
    if (neighbours.empty()) return std::nullopt;
    if (!name.told && (now - name.first >= known_after || name.hosts.size() >= hosts_enough))
      return std::nullopt;
    name.told = true;
    Candidate made = row;
    // One neighbour may be chance, at a small hoster.
    made.type = kind == "dynamic_dns"   ? abused_type
                : neighbours.size() < 2 ? suspicious_type
                : mining                ? bitcoin_type
                                        : malicious_type;
    made.severity = number_of(made.type == suspicious_type ? Severity::low
                              : made.type == abused_type   ? Severity::medium
                                                           : Severity::high);
    made.evidence = {{"neighbours", fmt::format("{}", fmt::join(neighbours, ", "))},
                     {"through", fmt::format("{}", fmt::join(through, ", "))},
                     {std::string(kind), "true"},
                     {"first_asked", format_time(name.first)}};
    return made;
  }

  std::uint64_t take_evicted() { return std::exchange(evicted_, 0); }
  template <class Ar>
  void io(Ar& ar) {
    ar(names_, links_);
  }

 private:
  static std::uint64_t id_of(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  FlatMap<std::uint64_t, Name> names_;
  FlatMap<std::uint64_t, Link> links_;
  std::uint64_t evicted_ = 0;  // since it was last asked; not saved
};

}  // namespace

extern const Detector domain_reputation = {
    .types = {{.name = "Impact:EC2/MaliciousDomainRequest.Reputation",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1071.004"},
               .title = "{host} asked for {domain}, which leads where malicious domains do.",
               .description =
                   "{host} asked for {domain}, new in this account, which leads to {through}, as listed "
                   "domains do: {neighbours}."},
              {.name = "Impact:EC2/BitcoinDomainRequest.Reputation",
               .severity = Severity::high,
               .mitre = {"TA0040", "T1496"},
               .title = "{host} asked for {domain}, which leads where domains of cryptocurrency mining do.",
               .description =
                   "{host} asked for {domain}, new in this account, which leads to {through}, as listed "
                   "domains do: {neighbours}."},
              {.name = "Impact:EC2/AbusedDomainRequest.Reputation",
               .severity = Severity::medium,
               .mitre = {"TA0040", "T1568"},
               .title = "{host} asked for {domain}, a name for nothing that leads where listed domains do.",
               .description =
                   "{host} asked for {domain} of a provider of dynamic DNS, new in this account, which "
                   "leads to {through}, as listed domains do: {neighbours}."},
              {.name = "Impact:EC2/SuspiciousDomainRequest.Reputation",
               .severity = Severity::low,
               .mitre = {"TA0040", "T1568"},
               .title = "{host} asked for {domain}, which leads where a listed domain does.",
               .description =
                   "{host} asked for {domain}, new in this account, which leads to {through}, as a listed "
                   "domain does: {neighbours}."}},
    .summary =
        "A host asked for a domain that no list has, but that leads to the address or alias of listed ones "
        "that the "
        "account asked for too.",
    .when = {queries()},
    .issue = {key::host, key::domain},
    .entity = key::account,
    .logic = ordered<Neighbourhood>(select),
    .blind_spots =
        "Only names of suffixes that malware prefers, of dynamic DNS, and those that look generated are "
        "looked at, and "
        "only what the same account asked for; addresses of content delivery networks, sinkholes, and of "
        "more than a "
        "handful of names tell nothing. Resolver logs tell no name servers. A name asked for before the "
        "first listed "
        "one is told of when it is asked for again.",
};

}  // namespace picket::detectors
