#include "detectors/trojan/dns_data_exfiltration.h"

#include <algorithm>
#include <limits>

#include "detectors/shared/name_information.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// 60,317 ten-minute windows of harmless look-ups never told a domain more than 189 bytes; tunnels tell
// thousands, the shortest of tools/simulate (120 names of 18 letters) 600 to 900.
constexpr std::uint64_t new_domain_bytes_min = 512;
// Of a domain that was told things before.
constexpr std::uint64_t known_domain_bytes_min = 4096;
constexpr std::uint64_t usual_factor = 8;
// Over the windows of a day. The most that harmless look-ups told a domain in a day was 31 bytes in a capture
// of one busy client and 44 in 300 simulated account-days; a slow channel, of which the windows of the last
// minutes are not there yet, shows half of what it tells.
constexpr std::uint64_t new_domain_day_bytes_min = 640;
constexpr std::uint64_t known_domain_day_bytes_min = 8192;
// So many hosts that tell one domain things are a fleet with an agent or a mail filter: a channel of it must
// be so much wider.
constexpr std::size_t fleet_hosts_min = 3;
constexpr std::uint64_t fleet_factor = 8;
constexpr std::size_t hosts_max = 4;

// Look-up services answer in the loopback range, and search lists ask for names that do not exist.
constexpr std::uint32_t lookup_divisor = 16;

bool answered_as_lookup(const DnsQuery& query) {
  return !query.answers.empty() && std::ranges::all_of(query.answers, [](const DnsAnswer& answer) {
    return answer.type == "A" && answer.rdata.starts_with("127.");
  });
}

}  // namespace

bool NameFlow::select(const DnsQuery& query) {
  return may_carry(query.query_name) && !information_of(query.query_name).registered.empty();
}

std::uint64_t NameFlow::entity(const DnsQuery& query) {
  return hash64(information_of(query.query_name).registered, hash64(query.account_id));
}

void NameFlow::add(const DnsQuery& query, const ProofRecord& record) {
  const NameInformation& name = information_of(query.query_name);
  const bool lookup = answered_as_lookup(query) || (name.looks_expanded && query.rcode == "NXDOMAIN");
  const std::uint32_t bits = lookup ? name.bits / lookup_divisor : name.bits;
  names_.add(hash64(query.query_name), {static_cast<std::uint16_t>(std::min<std::uint32_t>(bits, 0xffff))});
  registered_ = name.registered;
  hosts_[DnsHost::entity(query)].add(query, record);
  if (hosts_.size() > hosts_max) hosts_.erase(std::prev(hosts_.end()));
}

void NameFlow::merge(const NameFlow& other) {
  names_.merge(other.names_);
  if (registered_.empty()) registered_ = other.registered_;
  for (const auto& [hash, host] : other.hosts_) hosts_[hash].merge(host);
  while (hosts_.size() > hosts_max) hosts_.erase(std::prev(hosts_.end()));
}

std::uint64_t NameFlow::information_bytes(const Names& names) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < names.counted(); ++i) bits += names.entries()[i].second.bits;
  return names.scaled(bits) / 8;
}

TimeMs NameFlow::begin() const {
  TimeMs first = std::numeric_limits<TimeMs>::max();
  for (const auto& [hash, host] : hosts_) first = std::min(first, host.first().time);
  return first;
}

std::int64_t NameFlow::Baseline::day_of(const NameFlow& window) const {
  const TimeMs since = window.begin() - begin;
  return (since < 0 ? since - day_ms + 1 : since) / day_ms;
}

void NameFlow::Baseline::fold(const NameFlow& window) {
  bytes_most = std::max(bytes_most, information_bytes(window.names_));
  ++windows;
  if (windows == 1) begin = window.begin();
  if (const std::int64_t now = day_of(window); now != day || days == 0) {
    if (days != 0) day_bytes_most = std::max(day_bytes_most, information_bytes(names));
    names = {};
    day = now;
    ++days;
  }
  names.merge(window.names_);
}

void NameFlow::judge(const Judging&, const Baseline& before, Emit& emit) const {
  const bool today = before.days != 0 && before.day == before.day_of(*this);
  const std::uint64_t fleet = hosts_.size() >= fleet_hosts_min ? fleet_factor : 1;
  const auto tell = [&](const Names& names, std::string_view span, std::uint64_t least, std::uint64_t most) {
    least = std::max(least * fleet, usual_factor * most);
    const std::uint64_t told = information_bytes(names);
    if (told < least) return false;
    // The host that asked most; of equal ones that of the smaller hash.
    const DnsHost& host = std::ranges::max_element(hosts_, [](const auto& a, const auto& b) {
                            return a.second.records() < b.second.records();
                          })->second;
    Evidence evidence{
        {"within", std::string(span)},
        {"information_bytes", std::to_string(told)},
        {"distinct_names", std::to_string(names.distinct())},
        {"threshold_bytes", std::to_string(least)},
        {"most_before", std::to_string(most)},
        {"hosts", std::to_string(hosts_.size()) + (hosts_.size() == hosts_max ? " or more" : "")}};
    emit.detection(std::move(evidence), host.subject(registered_), host.records(), host.first(), host.last());
    return true;
  };
  if (tell(names_, "ten minutes", before.windows == 0 ? new_domain_bytes_min : known_domain_bytes_min,
           before.bytes_most))
    return;
  if (!today) return;
  Names all = before.names;
  all.merge(names_);
  const bool is_new = before.days == 1;
  tell(all, "a day", is_new ? new_domain_day_bytes_min : known_domain_day_bytes_min, before.day_bytes_most);
}

extern const Detector dns_data_exfiltration = {
    .types =
        {{.name = "Trojan:EC2/DNSDataExfiltration",
          .severity = Severity::high,
          .mitre = {"TA0010", "T1048.003"},  // Exfiltration Over Unencrypted Non-C2 Protocol
          .role = ResourceRole::actor,
          .title = "{host} sends data out in DNS queries for {domain}.",
          .description =
              "{host} asked within {within} for {distinct_names} different names below {domain}, which "
              "carry {information_bytes} bytes to whoever owns it; a tunnel does so, ordinary look-ups do "
              "not."}},
    .summary = "A host's queries carried more information to one registered domain than look-ups do.",
    .when = {queries()},
    .issue = {key::host, key::domain},
    .logic = bucket<NameFlow>({.span = 10 * minute_ms,
                               .bytes_max = 64U << 20,
                               .reason = "Tunnels tell kilobytes in it, and agents repeat within it."}),
    .blind_spots =
        "Below half a kilobyte in ten minutes and 640 bytes in a day (of which the two windows before the "
        "last are "
        "not yet there), of domains that were told things before "
        "below 4 in "
        "ten "
        "minutes and 8 in a day, names of less than 10 characters below the domain, channels "
        "spread over many domains or shaped like addresses or UUIDs, names with a top-level domain inside "
        "that do not "
        "exist (search lists) below 16 times as much, and names below the zones of clouds, content delivery, "
        "antivirus and blocklists.",
};

}  // namespace picket::detectors
