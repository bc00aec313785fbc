#include "detectors/unauthorized_access/password_guessing.h"

#include <algorithm>
#include <cmath>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint8_t tcp = 6;
constexpr std::uint16_t ssh = 22, rdp = 3389, winrm_http = 5985, winrm_https = 5986;

enum Type : std::size_t { ssh_target, rdp_target, winrm_target, ssh_actor, rdp_actor, winrm_actor };

std::size_t type_of(std::uint16_t port, bool outward) {
  const Type inward = port == ssh ? ssh_target : port == rdp ? rdp_target : winrm_target;
  return inward + (outward ? ssh_actor : ssh_target);
}

}  // namespace

// The client's half only. What was refused never got to guess.
bool PasswordGuessing::select(const FlowRecord& flow) {
  return (flow.dstport == ssh || flow.dstport == rdp || flow.dstport == winrm_http ||
          flow.dstport == winrm_https) &&
         flow.protocol == tcp && flow.packets >= guess_packets_min && flow.packets <= guess_packets_max &&
         flow.srcport >= unprivileged_port_min && flow.action == FlowAction::accept;
}

std::uint64_t PasswordGuessing::entity(const FlowRecord& flow) {
  return hash_mix(FlowPair::entity(flow, flow.srcaddr, flow.dstaddr), flow.dstport);
}

void PasswordGuessing::add(const FlowRecord& flow, const ProofRecord& record) {
  pair_.add(flow, record);
  port_ = flow.dstport;
  const TimeMs within = ((flow.start_ms() % guess_bucket) + guess_bucket) % guess_bucket;
  ++sessions_[static_cast<std::size_t>(within / guess_span)];
  packets_ += flow.packets;
  squares_ += flow.packets * flow.packets;
}

void PasswordGuessing::merge(const PasswordGuessing& other) {
  pair_.merge(other.pair_);
  port_ = std::max(port_, other.port_);  // the same, or not set yet
  for (std::size_t i = 0; i < parts; ++i) sessions_[i] += other.sessions_[i];
  packets_ += other.packets_;
  squares_ += other.squares_;
}

std::uint32_t PasswordGuessing::busiest() const {
  return *std::max_element(sessions_.begin(), sessions_.end());
}

void PasswordGuessing::judge(const Judging& judging, const Baseline& usual, Emit& emit) const {
  if (busiest() < guess_sessions_min) return;
  if (usual.sessions_max >= guess_usual_share * busiest()) return;
  const auto count = static_cast<double>(pair_.records());
  const double mean = static_cast<double>(packets_) / count;
  const double variance = std::max(0.0, static_cast<double>(squares_) / count - mean * mean);
  if (std::sqrt(variance) > guess_variation_max * mean) return;
  const auto local = pair_.local(judging);
  if (!local) return;
  const bool outward = *local == pair_.source();
  Evidence evidence{{"sessions_in_ten_minutes", std::to_string(busiest())},
                    {"packets_per_session", std::to_string(std::lround(mean))},
                    {"direction", outward ? "outbound" : "inbound"}};
  emit.detection(std::move(evidence).as(type_of(port_, outward)),
                 pair_.subject(*local, outward ? Direction::outbound : Direction::inbound), pair_.records(),
                 pair_.first(), pair_.last());
}

extern const Detector password_guessing = {
    .types = {{.name = "UnauthorizedAccess:EC2/SSHBruteForce",
               .severity = Severity::low,
               .mitre = {"TA0006", "T1110"},  // Credential Access: Brute Force
               .title = "{remote_ip} guesses SSH passwords of {host}.",
               .description =
                   "{remote_ip} opened {sessions_in_ten_minutes} short SSH sessions to {host} within ten "
                   "minutes, all alike."},
              {.name = "UnauthorizedAccess:EC2/RDPBruteForce",
               .severity = Severity::low,
               .mitre = {"TA0006", "T1110"},
               .title = "{remote_ip} guesses RDP passwords of {host}.",
               .description =
                   "{remote_ip} opened {sessions_in_ten_minutes} short RDP sessions to {host} within ten "
                   "minutes, all alike."},
              {.name = "Impact:EC2/WinRMBruteForce",
               .severity = Severity::low,
               .mitre = {"TA0006", "T1110"},
               .title = "{remote_ip} guesses WinRM passwords of {host}.",
               .description =
                   "{remote_ip} opened {sessions_in_ten_minutes} short WinRM sessions to {host} within ten "
                   "minutes, all alike."},
              {.name = "UnauthorizedAccess:EC2/SSHBruteForce",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1110"},
               .role = ResourceRole::actor,
               .title = "{host} guesses SSH passwords of {remote_ip}.",
               .description =
                   "{host} opened {sessions_in_ten_minutes} short SSH sessions to {remote_ip} within ten "
                   "minutes, all alike."},
              {.name = "UnauthorizedAccess:EC2/RDPBruteForce",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1110"},
               .role = ResourceRole::actor,
               .title = "{host} guesses RDP passwords of {remote_ip}.",
               .description =
                   "{host} opened {sessions_in_ten_minutes} short RDP sessions to {remote_ip} within ten "
                   "minutes, all alike."},
              {.name = "Impact:EC2/WinRMBruteForce",
               .severity = Severity::high,
               .mitre = {"TA0006", "T1110"},
               .role = ResourceRole::actor,
               .title = "{host} guesses WinRM passwords of {remote_ip}.",
               .description =
                   "{host} opened {sessions_in_ten_minutes} short WinRM sessions to {remote_ip} within ten "
                   "minutes, all alike."}},
    .summary =
        "One host opened many short sessions of equal length to another's SSH, RDP or WinRM port, more than "
        "it used to.",
    .when = {flows()},
    .issue = {key::host, key::evidence("direction")},
    .logic = bucket<PasswordGuessing>({.span = guess_bucket,
                                       .reason = "Automation repeats by the hour.",
                                       .records_min = guess_sessions_min}),
    .blind_spots =
        "Guesses slower than 15 sessions in ten minutes or spread over many sources, other ports than 22, "
        "3389, 5985 and 5986, and sources that always did so.",
};

}  // namespace picket::detectors
