#include "engine/signal_rows.h"

#include <algorithm>

#include "base/hash.h"
#include "engine/behaviours.h"

namespace picket {

namespace {

// Circles of those who are elsewhere.
constexpr std::uint64_t people = 1, machines = 2;

Kin kin_of(const Identity& identity) {
  const std::string_view key = identity.who.principal_key;
  Kin kin{.identity = hash64(key), .person = hash64(key, 1), .circle = people};
  if (identity.who.user_type != "AssumedRole") return kin;
  constexpr std::string_view permission_set = "/AWSReservedSSO_";
  if (const auto at = key.find(permission_set); at != key.npos) {
    const std::size_t session = key.rfind('/');
    kin.person = hash64(key.substr(session + 1), 1);
    // "AWSReservedSSO_NAME_" and 16 digits that differ by account
    const std::string_view set = key.substr(at, session - at);
    kin.peers = hash64(set.substr(0, set.rfind('_')), 2);
  } else {
    kin.peers = hash64(key.substr(key.rfind('/') + 1), 2);
    kin.circle = machines;
  }
  return kin;
}

}  // namespace

void take_later(ProofRecord& known, const ProofRecord& other) {
  if (known.time == other.time && known.event_id == other.event_id ? other < known : known < other)
    known = other;
}

void SignalFinding::merge(const SignalFinding& other, bool earlier) {
  severity = std::max(severity, other.severity);
  for (const std::string& category : other.indicators) insert_few(indicators, category);
  if (earlier) call = other.call;
}

void SignalOrigin::complete() {
  id = by.id();
  kin = kin_of(by);
  client = user_agent.empty() ? std::string() : client_of(user_agent);
  hash = 0;
  for (const std::string_view part :
       {std::string_view(id), std::string_view(by.who.access_key_id), std::string_view(account),
        std::string_view(region), std::string_view(user_agent)})
    hash = hash64(part, hash);
  if (remote_ip) {
    const auto& bytes = remote_ip->bytes();
    hash = hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, hash);
  }
}

void SignalRow::merge(const SignalRow& other) {
  const bool earlier = other.first < first;
  count += other.count;
  take_later(last, other.last);
  if (finding) finding->merge(*other.finding, earlier);
  if (!earlier) return;
  first = other.first;
  from = other.from;
  error_code = other.error_code;
}

std::uint64_t SignalRow::kind_hash() const {
  const std::uint64_t what = (static_cast<std::uint64_t>(kind) << 32U) + index * 256U + type;
  std::uint64_t hash = hash64(bucket, hash_mix(from->hash, what));
  if (is_grave(aim.aim)) hash = hash64(aim.accounts, hash_mix(hash, static_cast<std::uint64_t>(aim.aim)));
  return aim.aim == Aim::untold ? hash : hash_mix(hash, 1);
}

void RiskyCalls::add(const CloudTrailEvent& event, Caller& caller, std::uint16_t api, const CallAim& aim,
                     const Where& where) {
  const UserIdentity& identity = event.user_identity;
  if (identity.type == "AWSService" || through_service(identity)) return;
  const Outcome result = outcome(event);
  if (result == Outcome::failed) return;
  const std::string_view bucket = event.event_source == "s3.amazonaws.com"
                                      ? plain_member(event.request_parameters.text(), "bucketName")
                                      : std::string_view{};
  const std::string_view account = event_account(event);
  // The console's pages call from the address of whoever looks at them.
  const bool console = event.session_credential_from_console || event.user_agent.starts_with("console.");
  const bool remote = event.source_ip && event.source_ip->is_public() && event.vpc_endpoint_id.empty() &&
                      event.vpc_endpoint_account_id.empty();
  // All that an origin tells, so that it does not show which of its records came first.
  std::uint64_t whose = hash_mix(identity_hash(identity), (console ? 1U : 0U) + (remote ? 2U : 0U));
  for (const std::string_view part :
       {identity.type, identity.arn, identity.principal_id, identity.access_key_id,
        identity.session_issuer.arn, event.source_ip_address, event.user_agent, account, event.aws_region})
    whose = hash64(part, whose);
  std::uint64_t hash = hash_mix(api, static_cast<std::uint64_t>(SignalRow::slot_of(event.event_time)));
  hash = hash64(bucket, hash_mix(hash_mix(whose, hash), static_cast<std::uint64_t>(result)));
  if (aim.aim != Aim::untold)
    hash = hash64(aim.accounts, hash_mix(hash, static_cast<std::uint64_t>(aim.aim)));
  const auto [at, fresh] = known_.try_emplace(hash, nobody);
  if (!fresh) {
    if (at->second == nobody) return;
    folded_.counted.push_back({where.object_index, where.position, at->second});
    SignalRow& row = *folded_.rows[at->second];
    ++row.count;
    if (row.first.time < event.event_time && event.event_time < row.last.time) return;
    const ProofRecord record{event.event_time, where.object, where.number, std::string(event.event_id)};
    if (record < row.first) {
      row.first = record;
      row.error_code = event.error_code;
    }
    take_later(row.last, record);
    return;
  }
  const auto [of, unseen] = origins_.try_emplace(whose);
  if (unseen) {
    const Principal& principal = caller.principal();
    if (principal.aws_service || principal.anonymous) return;
    SignalOrigin made;
    made.by = identity_of(event, principal);
    made.account = account;
    made.region = event.aws_region;
    made.user_agent = event.user_agent;
    made.console = console;
    if (remote) made.remote_ip = event.source_ip;
    made.complete();
    of->second = Shared(std::move(made));
  }
  if (!of->second) return;
  at->second = static_cast<std::uint32_t>(folded_.rows.size());
  folded_.counted.push_back({where.object_index, where.position, at->second});
  SignalRow& row = *folded_.rows.emplace_back(SignalRow{});
  row.kind = result == Outcome::denied ? SignalKind::refused_call : SignalKind::call;
  row.index = api;
  row.from = of->second;
  row.error_code = event.error_code;
  row.bucket = bucket;
  row.aim = aim;
  row.count = 1;
  row.first = row.last = {event.event_time, where.object, where.number, std::string(event.event_id)};
}

RiskyCalls::Folded RiskyCalls::take() {
  known_.clear();
  origins_.clear();
  return std::exchange(folded_, {});
}

}  // namespace picket
