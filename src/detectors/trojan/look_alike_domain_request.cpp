#include <string>

#include "base/text.h"
#include "engine/detector.h"
#include "enrich/intel.h"
#include "models/name_look.h"

namespace picket::detectors {

namespace {

// Apart from the look at each query, which had better be short.
[[gnu::noinline]] std::optional<Evidence> imitation(const DnsQuery& query, const Context& context) {
  // Who misspells a name learns that it does not exist.
  if (query.rcode != "NOERROR" ||
      context.intel->is_trusted_domain(context.asked, {context.account, context.region}))
    return std::nullopt;
  const std::string registered = lower(context.look->registered_in(context.asked));
  const auto found = context.intel->look_alikes().of(registered);
  if (!found) return std::nullopt;
  Evidence evidence{{"registered_domain", registered},
                    {"imitates", std::string(found->imitated)},
                    {"how", std::string(text_of(found->how))}};
  // Nobody takes such a name by chance.
  return found->how == LookAlike::How::same_look ? std::move(evidence).with(Severity::high)
                                                 : std::move(evidence);
}

std::optional<Evidence> asked_for_look_alike(const DnsQuery& query, const Context& context) {
  // What a list knows already has types of its own.
  if (query.answers.empty() || context.look == nullptr || !context.hits.empty()) return std::nullopt;
  return context.look->imitates ? imitation(query, context) : std::nullopt;
}

}  // namespace

extern const Detector look_alike_domain_request = {
    .types = {{.name = "Trojan:EC2/LookAlikeDomainRequest!DNS",
               .severity = Severity::medium,
               .mitre = {"TA0001", "T1566"},  // Initial Access: Phishing
               .origin = Origin::picket,
               .title = "{host} asked for {domain}, which imitates {imitates}.",
               .description =
                   "{host} asked for {domain}, and got an answer. {registered_domain} imitates {imitates} "
                   "({how}); such names lead to pages that ask for passwords."}},
    .summary =
        "A host asked for a domain that imitates one of the organisation, of AWS or of a provider of "
        "identities, and "
        "it exists.",
    .when = {queries()},
    .issue = {key::host, key::evidence("imitates")},
    .logic = each(asked_for_look_alike),
    .blind_spots =
        "The organisation's own domains are imitated only where a list of category own_domain names them; of "
        "others "
        "those of data/intel/imitated.csv. One letter differs of names of seven letters and more; the same "
        "name under "
        "another suffix, names below a domain (login.example.com.evil.example), and words of other languages "
        "are not "
        "looked at. False alarms: domains of the imitated that the table lacks, and names that resemble one "
        "by chance.",
};

}  // namespace picket::detectors
