#include "engine/query_tallies.h"

#include "base/hash.h"
#include "base/text.h"
#include "models/registered_domain.h"

namespace picket {

namespace {

CallTally tally_of(const DnsQuery& query, std::string_view account, std::string_view region) {
  CallTally made;
  made.account = query.account_id.empty() ? account : query.account_id;
  made.region = query.region.empty() ? region : query.region;
  if (!query.instance.empty()) {
    made.instance = query.instance;
  } else {
    made.remote_ip = query.srcaddr;
  }
  std::string name = lower(query.query_name);
  if (name.ends_with('.')) name.pop_back();
  const NameParts parts = parts_of(name);
  made.domain = parts.registered.empty() ? std::string_view(name) : parts.registered;
  made.call = "dns:";
  made.call += query.query_type;
  made.failed = !query.rcode.empty() && query.rcode != "NOERROR";
  if (made.failed) made.error = query.rcode;
  return made;
}

}  // namespace

void QueryTallies::add(const DnsQuery& query, std::string_view account, std::string_view region) {
  std::uint64_t hash = hash64(query.query_name, hash64(query.instance, hash64(query.rcode)));
  hash = hash64(query.query_type, hash);
  if (query.instance.empty() && query.srcaddr)
    hash = hash_mix(hash_mix(hash, query.srcaddr->high()), query.srcaddr->low());
  if (const auto day = static_cast<std::uint64_t>(query.query_timestamp / day_ms); day != 0)
    hash = hash_mix(hash, day);
  Latest& latest = latest_[hash % latest_.size()];
  if (latest.hash != hash) {
    const auto [at, fresh] = known_.try_emplace(hash, static_cast<std::uint32_t>(tallies_.size()));
    if (fresh) tallies_.push_back(tally_of(query, account, region));
    latest = {hash, at->second};
  }
  tallies_[latest.tally].count(query.query_timestamp);
}

void QueryTallies::clear() {
  if (tallies_.empty()) return;
  latest_.fill({});
  known_.clear();
  tallies_.clear();
}

}  // namespace picket
