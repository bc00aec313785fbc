#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/flat_map.h"
#include "base/hash.h"
#include "base/oldest.h"
#include "base/text.h"
#include "detectors/shared/dns_host.h"
#include "detectors/shared/row_value.h"
#include "engine/detector.h"
#include "models/joined_words.h"
#include "models/known_generators.h"
#include "models/name_look.h"

namespace picket::detectors {

namespace {

constexpr std::uint8_t known_type = 1;  // Trojan:EC2/DGADomainRequest.C!DNS
// All in 1/256 bit.
constexpr std::int32_t bit = 256;
// One in 10,000 hosts with 50 new harmless names each reaches 28.5 bits, with names from the worst of nine
// populations (data/models/README.md); the rest is reserve for whoever asks for thousands.
constexpr std::int32_t raised_at = 32 * bit;
// What it goes beyond is forgotten, so that a host that stops is soon quiet again.
constexpr std::int32_t total_max = raised_at + 16 * bit;
// Generated names mostly do not exist: few of them are ever registered.
constexpr std::int32_t nonexistent_bits = 2 * bit;
constexpr std::int32_t name_bits_max = 8 * bit, name_bits_min = -4 * bit;
// A name that exists and looks harmless takes this away; one in eight, by its hash, stands for all.
constexpr std::int32_t harmless_bits = -bit;
// Evidence fades by a bit an hour.
constexpr std::int32_t fading_per_hour = bit;
// Families that join words from a list: 98 to 100 in a hundred of their names look joined or are as long,
// of chosen ones 20 to 60, 66 under the worst suffix (.ga). One that does not exist speaks for them by half
// of log2(0.98/0.5), any other against them. Twenty-eight in a row tell; where three in five harmless names
// are so, one host in 100,000 comes so far, where two in three are, one in 5,000 (data/models/README.md).
constexpr std::int32_t joined_bits = bit, unjoined_bits = -4 * bit, joined_raised_at = 28 * bit;
// Names that share this many letters at their begin or end are one brand or one fashion of naming, and say
// no more, unless they share so many: no brand is as long as the moulds of some families.
constexpr std::size_t piece_min = 5, uses_max = 4, long_piece = 14;
constexpr std::size_t labels_max = 64;  // of a host
// Names that can be spoken, because vowels and consonants come by turns all along. Of harmless labels 1 to 6
// in a hundred do so (HSTS 2.5, popular under .jp 5.8), of names that some families make all (simda): one
// that does not exist speaks for them by log2(1/0.06), less a bit, and any other against them. Nine in a row
// tell; where three in ten harmless names were so, one host in 10,000 would come so far.
constexpr std::size_t alternating_min = 7;
constexpr std::int32_t alternating_bits = 3 * bit, broken_bits = -4 * bit, alternating_raised_at = 27 * bit;
// Fewer names are no pattern, whatever they look like.
constexpr std::uint32_t names_min = 5;
// A name the account asked for before is no news, nor is one that exists and this many hosts ask for.
constexpr TimeMs known_after = 20 * hour_ms;
constexpr std::size_t service_hosts = 3;
// Of one account, 60 bytes a name and at most 2 kB a host; beyond it the longest unused quarter goes.
constexpr std::size_t names_max = 65536, hosts_max = 8192;
constexpr std::size_t recent_max = 128, shown_max = 10;  // of a host

// A name is looked up among those of known malware when its letters say so much: hardly any harmless one is,
// and nearly all of theirs are; or when it is of this length and does not exist, as Banjori's are, which join
// words.
constexpr std::int32_t looked_up_at = 3 * bit;
constexpr std::size_t looked_up_size = 24;

// ---- the rows ----

constexpr std::string_view host_name = "host", registered_name = "registered", score_name = "score",
                           rcode_name = "rcode";

std::optional<Evidence> select(const DnsQuery& query, const Context& context) {
  if (context.look == nullptr) return std::nullopt;
  const NameLook& look = *context.look;
  if (look.size == 0 || look.infrastructure || look.punycode) return std::nullopt;
  const bool nonexistent = query.rcode == "NXDOMAIN";
  // A resolver's search list asks for what does not exist below names that do.
  if (nonexistent && look.deep) return std::nullopt;
  if (look.score <= 0 && !nonexistent && !look.sample) return std::nullopt;
  return Evidence{{host_name, std::to_string(DnsHost::entity(query))},
                  {registered_name, lower(look.registered_in(context.asked))},
                  {score_name, std::to_string(look.score)},
                  {rcode_name, std::string(query.rcode)}};
}

template <class Number>
Number number_of_text(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// ---- what is remembered ----

// A registered domain, of the account.
struct Name {
  TimeMs first = 0, last = 0;
  std::array<std::uint64_t, service_hosts> hosts{};  // of the first; 0: nobody yet
  void add(std::uint64_t host) {
    for (std::uint64_t& known : hosts) {
      if (known == 0) known = host;
      if (known == host) return;
    }
  }
  bool of_many() const { return hosts.back() != 0; }
  template <class Ar>
  void io(Ar& ar) {
    ar(first, last, hosts);
  }
};

// Whether too many of the labels before begin or end as this one does.
bool one_of_a_fashion(std::string_view label, const std::vector<std::string>& before) {
  const auto of_side = [&](bool at_end) {
    const auto letter = [&](std::string_view text, std::size_t i) {
      return at_end ? text[text.size() - 1 - i] : text[i];
    };
    std::size_t longest = 0, sharing = 0;
    for (const std::string& other : before) {
      const std::size_t shorter = std::min(label.size(), other.size());
      std::size_t shared = 0;
      while (shared < shorter && letter(label, shared) == letter(other, shared)) ++shared;
      if (shared < piece_min) continue;
      longest = std::max(longest, shared);
      ++sharing;
    }
    return sharing > uses_max && longest < long_piece;
  };
  return of_side(false) || of_side(true);
}

// Whether vowels and consonants of the label come by turns, and nothing else.
bool alternates(std::string_view label) {
  const auto vowel = [](char c) { return std::string_view("aeiouy").contains(c); };
  if (label.size() < alternating_min) return false;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (label[i] < 'a' || label[i] > 'z' || (i > 0 && vowel(label[i]) == vowel(label[i - 1]))) return false;
  }
  return true;
}

// A sum over names, which never falls below nothing; the rest is of the names since it rose.
struct Sum {
  std::int32_t total = 0;
  std::uint32_t names = 0;
  std::uint32_t told = 0;  // of `names`, when it was last raised
  std::vector<std::string> shown;
  template <class Ar>
  void io(Ar& ar) {
    ar(total, names, told, shown);
  }

  void add(std::int32_t bits) {
    total = std::clamp(total + bits, 0, total_max);
    if (total == 0) *this = {};
  }
  void count(const std::string& registered) {
    ++names;
    if (shown.size() < shown_max) shown.push_back(registered);
  }
  // A host that asks for hundreds is told of at every name at first, then as often as they grow by an eighth.
  bool due(std::int32_t from) const { return total >= from && names >= told + told / 8; }
};

// New names of a host.
struct Host {
  TimeMs last = 0, faded = 0;         // faded: the hours until then are taken away
  Sum letters;                        // by what their letters tell
  std::uint32_t nonexistent = 0;      // of those
  std::vector<std::uint64_t> recent;  // hashes of names, the newest last
  // Of names that do not exist: those that look joined from words, and those that can be spoken.
  Sum joined, alternating;
  std::vector<std::string> labels;    // the newest last
  std::vector<std::string> families;  // of known malware, whose names it asked for
  template <class Ar>
  void io(Ar& ar) {
    ar(last, faded, letters, nonexistent, recent, joined, alternating, labels, families);
  }

  bool join(const std::string& registered, std::int32_t score) {
    const std::string label = registered.substr(0, registered.find('.'));
    const bool does = looks_joined(label);
    // What looks like drawn letters is none of these, and a label under another suffix is no other name.
    const bool counts = does && score < looked_up_at && std::ranges::find(labels, label) == labels.end() &&
                        !one_of_a_fashion(label, labels);
    labels.push_back(label);
    if (labels.size() > labels_max) labels.erase(labels.begin());
    joined.add(counts ? joined_bits : does ? 0 : unjoined_bits);
    if (counts) joined.count(registered);
    return counts;
  }
  bool alternate(const std::string& registered) {
    const bool does = alternates(std::string_view(registered).substr(0, registered.find('.')));
    alternating.add(does ? alternating_bits : broken_bits);
    if (does) alternating.count(registered);
    return does;
  }

  void add(std::int32_t bits) {
    letters.add(bits);
    if (letters.total == 0) nonexistent = 0;
  }
  void fade(TimeMs now) {
    const TimeMs hours = (now - faded) / hour_ms;
    if (hours <= 0) return;
    faded += hours * hour_ms;
    const std::int32_t less = static_cast<std::int32_t>(std::min<TimeMs>(hours, 100)) * fading_per_hour;
    add(-less);
    joined.add(-less);
    alternating.add(-less);
  }
};

// The hosts of one account.
class NewNames {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts&) {
    const TimeMs now = row.first.time;
    const std::string registered(text_of(row, registered_name));
    const auto host_id = number_of_text<std::uint64_t>(text_of(row, host_name));
    const auto score = number_of_text<std::int32_t>(text_of(row, score_name));
    const bool nonexistent = text_of(row, rcode_name) == "NXDOMAIN";
    const auto last = [](const auto& entry) { return entry.last; };
    evicted_ +=
        erase_oldest_quarter(names_, names_max - 1, last) + erase_oldest_quarter(hosts_, hosts_max - 1, last);

    const std::uint64_t id = hash64(registered);
    Name& name = names_[id];
    if (name.last == 0) name.first = now;
    name.last = now;
    name.add(host_id);
    if (now - name.first >= known_after) return std::nullopt;
    if (!nonexistent && score > 0 && name.of_many()) return std::nullopt;

    std::int32_t bits = score / 2;
    if (nonexistent) {
      bits = std::clamp(score + nonexistent_bits, name_bits_min, name_bits_max);
    } else if (score <= 0) {
      bits = harmless_bits * static_cast<std::int32_t>(NameLook::sampled);
    }
    auto found = hosts_.find(host_id);
    if (found == hosts_.end()) {
      if (bits <= 0 && !nonexistent) return std::nullopt;
      found = hosts_.emplace(host_id, Host{}).first;
      found->second.faded = now;
    }
    Host& host = found->second;
    if (std::ranges::find(host.recent, id) != host.recent.end()) return std::nullopt;
    host.fade(now);
    host.last = now;
    host.recent.push_back(id);
    if (host.recent.size() > recent_max) host.recent.erase(host.recent.begin());
    host.add(bits);
    if (!nonexistent && score <= 0) host.joined.add(bits);
    // Once for each family: the rest of its names is told as any generated ones.
    if (score >= looked_up_at || (nonexistent && registered.size() >= looked_up_size)) {
      // The same for all accounts.
      thread_local KnownGenerators known;
      const std::string_view family = known.family_of(registered, static_cast<std::int32_t>(now / day_ms));
      if (!family.empty() && std::ranges::find(host.families, family) == host.families.end()) {
        host.families.emplace_back(family);
        Candidate made = row;
        made.type = known_type;
        made.evidence = {{"family", std::string(family)},
                         {"generated_for", fmt::format("within {} days of {}", KnownGenerators::days_around,
                                                       format_time(now).substr(0, 10))}};
        return made;
      }
    }
    if (bits > 0) {
      host.letters.count(registered);
      host.nonexistent += nonexistent ? 1 : 0;
    }
    const bool joins = nonexistent && host.join(registered, score);
    const bool alternates = nonexistent && host.alternate(registered);
    if (bits > 0 && host.letters.due(raised_at) && host.letters.names >= names_min)
      return raised(row, host.letters, host.nonexistent, {}, raised_at, score);
    if (alternates && host.alternating.due(alternating_raised_at))
      return raised(row, host.alternating, host.alternating.names, "can_be_spoken", alternating_raised_at,
                    score);
    if (joins && host.joined.due(joined_raised_at))
      return raised(row, host.joined, host.joined.names, "joined_words", joined_raised_at, score);
    return std::nullopt;
  }

  std::uint64_t take_evicted() { return std::exchange(evicted_, 0); }
  template <class Ar>
  void io(Ar& ar) {
    ar(names_, hosts_);
  }

 private:
  static Candidate raised(const Candidate& row, Sum& sum, std::uint32_t nonexistent, std::string_view pattern,
                          std::int32_t from, std::int32_t score) {
    Candidate made = row;
    if (sum.told > 0) made.count = sum.names - sum.told;
    sum.told = sum.names;
    made.evidence = {{"names", std::to_string(sum.names)}, {"nonexistent", std::to_string(nonexistent)}};
    if (!pattern.empty()) made.evidence.emplace_back(pattern, "true");
    made.evidence.insert(made.evidence.end(), {{"first_names", fmt::format("{}", fmt::join(sum.shown, ", "))},
                                               {"bits", std::to_string(sum.total / bit)},
                                               {"threshold_bits", std::to_string(from / bit)},
                                               {"bits_of_this_name", std::to_string(score / bit)}});
    return made;
  }

  FlatMap<std::uint64_t, Name> names_;
  FlatMap<std::uint64_t, Host> hosts_;
  std::uint64_t evicted_ = 0;  // since it was last asked; not saved
};

}  // namespace

extern const Detector dga_domain_request_b = {
    .types = {{.name = "Trojan:EC2/DGADomainRequest.B",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1568.002"},  // Dynamic Resolution: Domain Generation Algorithms
               .role = ResourceRole::actor,
               .title = "{host} asks for names that look generated, such as {domain}.",
               .description =
                   "{host} asked for {names} new domains that look made up by a program ({nonexistent} of "
                   "them do not exist), at last {domain}; malware looks for its command and control server "
                   "so."},
              {.name = "Trojan:EC2/DGADomainRequest.C!DNS",
               .severity = Severity::high,
               .mitre = {"TA0011", "T1568.002"},  // Dynamic Resolution: Domain Generation Algorithms
               .role = ResourceRole::actor,
               .title = "{host} asked for {domain}, a name that malware {family} generates.",
               .description = "{host} asked for {domain}, which the algorithm of malware {family} generates "
                              "{generated_for}; it looks for its command and control server so."}},
    .summary =
        "A host asked for new domains of which the names, taken together, look generated, or for one that a "
        "known program generates for these days.",
    .when = {queries()},
    .issue = {key::host},
    .entity = key::account,
    .logic = ordered<NewNames>(select),
    .blind_spots =
        "Of known malware six families are told by their first name (Gameover Zeus, PadCrypt, Necurs, "
        "Qakbot, Murofet, Banjori). Of the others: fewer than five names. Of the families that the model did "
        "not learn, those that spell are told in 95 of 100 hosts after ten names that do not exist; those "
        "that join words when 28 names that do not exist, all joined or long, came; those that can be spoken "
        "when vowels and consonants come by turns in nearly all. Names that exist count half: 75 of 100 "
        "hosts after twenty; joined and spoken ones not at all. Names that came to the account one by one "
        "over days, labels of fewer than five characters or in punycode, top-level domains that the public "
        "suffix list lacks, names below clouds and content delivery; hosts that ask for many new harmless "
        "names besides; resolvers other than AWS's, and answers from its cache. False alarms: the first two "
        "hosts of a fleet that asks for eight or more odd names of one vendor at once, crawlers of cheap "
        "suffixes, and those that look up dozens of dead names of Chinese initials or of one fashion.",
};

}  // namespace picket::detectors
