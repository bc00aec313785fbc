#include <cmath>
#include <vector>

#include "detectors/unauthorized_access/password_guessing.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

constexpr std::uint16_t ssh = 22, rdp = 3389;

enum Type : std::size_t { ssh_target, rdp_target, winrm_target };

// Sessions that look like guesses, of all public addresses at one port of a host, in one hour. Order-free.
class SpreadGuessing {
 public:
  // The most addresses in an earlier hour.
  struct Baseline {
    std::uint32_t sources_max = 0;
    void fold(const SpreadGuessing& hour) {
      sources_max = std::max(sources_max, static_cast<std::uint32_t>(hour.sources_.size()));
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(sources_max);
    }
  };

  static bool select(const FlowRecord& flow) {
    return PasswordGuessing::select(flow) && flow.srcaddr.is_public() && !flow.dstaddr.is_public();
  }
  static std::uint64_t entity(const FlowRecord& flow) {
    return hash_mix(FlowPair::entity(flow, flow.dstaddr, flow.dstaddr), flow.dstport);
  }

  void add(const FlowRecord& flow, const ProofRecord& record) {
    pair_.add(flow, record);
    port_ = flow.dstport;
    packets_ += flow.packets;
    squares_ += flow.packets * flow.packets;
    note(hash_mix(flow.srcaddr.high(), flow.srcaddr.low()));
  }
  void merge(const SpreadGuessing& other) {
    pair_.merge(other.pair_);
    port_ = std::max(port_, other.port_);  // the same, or not set yet
    packets_ += other.packets_;
    squares_ += other.squares_;
    for (const std::uint64_t source : other.sources_) note(source);
  }

  void judge(const Judging& judging, const Baseline& usual, Emit& emit) const {
    const std::size_t sources = sources_.size();
    if (sources < spread_sources_min || pair_.records() < spread_sessions_each_min * sources) return;
    if (usual.sources_max >= guess_usual_share * static_cast<double>(sources)) return;
    const auto count = static_cast<double>(pair_.records());
    const double mean = static_cast<double>(packets_) / count;
    const double variance = std::max(0.0, static_cast<double>(squares_) / count - mean * mean);
    if (std::sqrt(variance) > guess_variation_max * mean) return;
    const auto local = pair_.local(judging);
    if (!local || *local != pair_.destination()) return;
    std::string told = std::to_string(sources);
    if (sources == spread_sources_kept) told += " or more";
    Evidence evidence{{"sources_in_an_hour", told},
                      {"sessions_in_an_hour", std::to_string(pair_.records())},
                      {"packets_per_session", std::to_string(std::lround(mean))},
                      {"most_sources_before", std::to_string(usual.sources_max)},
                      {"direction", "inbound"}};
    emit.detection(std::move(evidence).as(port_ == ssh   ? ssh_target
                                          : port_ == rdp ? rdp_target
                                                         : winrm_target),
                   pair_.subject(*local, Direction::inbound), pair_.records(), pair_.first(), pair_.last());
  }

  template <class Ar>
  void io(Ar& ar) {
    ar(pair_, port_, packets_, squares_, sources_);
  }

 private:
  // The smallest are kept, so that the order of adding cannot show.
  void note(std::uint64_t source) {
    const auto at = std::ranges::lower_bound(sources_, source);
    if (at != sources_.end() && *at == source) return;
    sources_.insert(at, source);
    if (sources_.size() > spread_sources_kept) sources_.pop_back();
  }

  FlowPair pair_;
  std::uint16_t port_ = 0;
  std::uint64_t packets_ = 0, squares_ = 0;  // of all sessions' packets: sum, sum of squares
  std::vector<std::uint64_t> sources_;       // hashes, ascending
};

constexpr FindingType guessed(std::string_view name, std::string_view title, std::string_view description) {
  return {.name = name,
          .severity = Severity::low,
          .mitre = {"TA0006", "T1110"},  // Credential Access: Brute Force
          .resource = std::nullopt,
          .title = title,
          .description = description};
}

}  // namespace

extern const Detector spread_password_guessing = {
    .types = {guessed("UnauthorizedAccess:EC2/SSHBruteForce",
                      "{sources_in_an_hour} addresses guess SSH passwords of {host}.",
                      "{sources_in_an_hour} public addresses, {remote_ip} the first of them, opened "
                      "{sessions_in_an_hour} short SSH sessions to {host} within an hour, all alike; before, "
                      "at most {most_sources_before} did."),
              guessed("UnauthorizedAccess:EC2/RDPBruteForce",
                      "{sources_in_an_hour} addresses guess RDP passwords of {host}.",
                      "{sources_in_an_hour} public addresses, {remote_ip} the first of them, opened "
                      "{sessions_in_an_hour} short RDP sessions to {host} within an hour, all alike; before, "
                      "at most {most_sources_before} did."),
              guessed("Impact:EC2/WinRMBruteForce",
                      "{sources_in_an_hour} addresses guess WinRM passwords of {host}.",
                      "{sources_in_an_hour} public addresses, {remote_ip} the first of them, opened "
                      "{sessions_in_an_hour} short WinRM sessions to {host} within an hour, all alike; "
                      "before, at most {most_sources_before} did.")},
    .summary =
        "Many public addresses opened short sessions of equal length to a host's SSH, RDP or WinRM port "
        "within an hour, more than ever did: a botnet's guesses, each member below what tells it alone.",
    .when = {flows()},
    .issue = {key::host, key::evidence("direction")},
    .logic = bucket<SpreadGuessing>({.span = guess_bucket,
                                     .reason = "Members of a botnet take turns within minutes.",
                                     .records_min = spread_sources_min * spread_sessions_each_min}),
    .blind_spots =
        "Fewer than 20 addresses an hour, hosts that are guessed at all the time (the most of earlier hours "
        "counts), and other ports than 22, 3389, 5985 and 5986. False alarms: a Git server whose clients "
        "poll from the Internet, in its first hours.",
};

}  // namespace picket::detectors
