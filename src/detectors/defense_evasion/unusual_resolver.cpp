#include <string>

#include "detectors/shared/host_habits.h"
#include "engine/detector.h"
#include "state/public_resolvers.h"

namespace picket::detectors {

namespace {

using namespace threshold;

enum Type : std::size_t { dns, dns_over_https, dns_over_tls };

Type type_of(TalkKind kind) {
  return kind == TalkKind::dns ? dns : kind == TalkKind::dns_over_https ? dns_over_https : dns_over_tls;
}

void judge_resolvers(const HostDay& day, const HostNorms& norms, const Judging&, Emit& emit) {
  if (day.resolvers.entries().empty()) return;
  const HostHabits habits(day, norms);
  if (habits.known() == HostHabits::Known::nobody) return;
  const bool recursive = resolves_itself(day);
  for (const auto& [hash, talk] : day.resolvers.entries()) {
    const PublicResolver* listed = public_resolver(talk.remote);
    if (talk.kind == TalkKind::dns) {
      if (recursive || talk.packets < (listed != nullptr ? resolver_queries_min : unlisted_queries_min))
        continue;
    }
    const std::uint64_t thing = resolver_thing(talk);
    if (habits.usual_days(HostTrait::resolver, thing) > 0) continue;
    if (habits.is_habit_of_account(HostTrait::resolver, thing)) continue;
    if (habits.is_rolled_out(HostTrait::resolver, thing)) continue;
    const std::string address = talk.remote.to_string();
    Evidence evidence{{"unusual", address},
                      {"resolver", listed != nullptr ? std::string(listed->provider) : address},
                      {"server", listed != nullptr ? "the public resolver " + std::string(listed->provider)
                                                   : "the unlisted server " + address},
                      {"packets_sent", std::to_string(talk.packets)},
                      {"local_port", std::to_string(talk.local_port)}};
    if (listed != nullptr && !listed->server_name.empty())
      evidence.add("server_name", std::string(listed->server_name));
    evidence.add("account_days_of_last_30", std::to_string(habits.account_days(HostTrait::resolver, thing)));
    habits.tell_history(evidence);
    emit.detection(std::move(evidence).as(type_of(talk.kind)), habits.subject(talk), talk.records,
                   talk.first.proof(), talk.last.proof());
  }
}

constexpr FindingType resolver_type(std::string_view name, Mitre mitre, std::string_view title,
                                    std::string_view description) {
  return {.name = name,
          .severity = Severity::medium,
          .mitre = mitre,
          .resource = std::nullopt,
          .role = ResourceRole::actor,
          .title = title,
          .description = description};
}

}  // namespace

extern const Detector unusual_resolver = {
    .types = {resolver_type(
                  "DefenseEvasion:EC2/UnusualDNSResolver",
                  {"TA0005", "T1071.004"},  // Application Layer Protocol: DNS
                  "{host} asks {server} for names, which it did not.",
                  "{host} sent {packets_sent} packets to port 53 of {remote_ip}, {server}, which it did not "
                  "ask in the last 30 days. Query logs do not see what it asks "
                  "there."),
              resolver_type("DefenseEvasion:EC2/UnusualDoHActivity",
                            {"TA0005", "T1572"},  // Protocol Tunneling
                            "{host} asks {resolver} for names over HTTPS, which it did not.",
                            "{host} exchanged data with the DNS over HTTPS server {remote_ip} ({resolver}), "
                            "which it did not use in the last 30 days. Query logs do not see what it asks "
                            "there."),
              resolver_type("DefenseEvasion:EC2/UnusualDoTActivity", {"TA0005", "T1572"},
                            "{host} asks {resolver} for names over TLS, which it did not.",
                            "{host} exchanged data with the DNS over TLS server {remote_ip} ({resolver}), "
                            "which it did not use in the last 30 days. Query logs do not see what it asks "
                            "there.")},
    .summary =
        "An instance used a public DNS resolver (over port 53, HTTPS or TLS) that neither it nor its account "
        "used in the last 30 days.",
    .when = {flows()},
    .issue = {key::host, key::evidence("resolver")},
    .logic = learned(judge_resolvers),
    .blind_spots =
        "DNS over HTTPS to servers that are not listed, and web traffic to addresses that are; fewer than "
        "five packets to a listed resolver, fewer than 20 to another; hosts that ask eight or more servers a "
        "day (forwarders and recursive resolvers); the first two days of a host in a subnet of less "
        "than two weeks.",
};

}  // namespace picket::detectors
