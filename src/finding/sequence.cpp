#include "finding/sequence.h"

#include <map>
#include <set>
#include <vector>

#include "base/hash.h"
#include "finding/detector_id.h"

namespace picket {

namespace {

constexpr std::size_t told_max = 10;         // actors and endpoints, as GuardDuty tells them
constexpr std::size_t indicators_max = 100;  // values of an indicator

struct IndicatorKey {
  std::string_view key, title;
};

class SequenceWriter {
 public:
  SequenceWriter(JsonWriter& json, const FindingDocument& finding, const DetailsSource& details)
      : json_(json), finding_(finding), details_(details) {
    if (finding.sequence) {
      take(*finding.sequence);
    } else {
      take(finding.signals);
    }
  }

  void write() {
    json_.key("detection");
    json_.begin_object();
    json_.key("sequence");
    json_.begin_object();
    json_.member("uid", finding_.id);
    json_.member("description",
                 expand_template(finding_.description, finding_.subject, finding_.evidence, finding_.count));
    list("actors", [&] {
      for (const auto& [id, one] : actors_) actor(id, one);
    });
    list("resources", [&] {
      for (const auto& [uid, one] : keys_) access_key(uid, one);
      for (const auto& [name, region] : buckets_) bucket(name, region);
    });
    list("endpoints", [&] {
      for (const IpAddress& ip : addresses_) endpoint(ip);
    });
    list("signals", [&] {
      for (const Told& signal : signals_) write_signal(signal);
    });
    Indicators all;
    for (const Told& signal : signals_) {
      for (const auto& [key, values] : signal.indicators) all[key].insert(values.begin(), values.end());
    }
    list("sequenceIndicators", [&] { indicators(all); });
    json_.end_object();
    json_.end_object();
  }

 private:
  using Indicators = std::map<std::string, std::set<std::string>>;
  // A signal as it is written, whatever it comes from.
  struct Told {
    std::string uid, type = "CLOUD_TRAIL", name, description;
    TimeMs first = 0, last = 0;
    double severity = 0;
    std::uint64_t count = 0;
    ApiCall call;
    std::set<std::string> actors, resources, endpoints;
    Indicators indicators;
  };

  static std::string uid_of(const AccessKeySubject& key) {
    // Calls without a key (a console login) still have their principal.
    return key.access_key_id.empty() ? key.principal_key : key.access_key_id;
  }

  // Of custom detection rules: one identity.
  void take(const std::vector<DocumentSignal>& signals) {
    const AccessKeySubject key = finding_.subject.access_key.value_or(AccessKeySubject{});
    const SequenceActor actor{key, finding_.subject.account};
    actors_.emplace(key.principal_key, actor);
    keys_.emplace(uid_of(key), actor);
    for (const DocumentSignal& one : signals) {
      const Signal& signal = one.signal;
      Told told{.uid = hash128(finding_.id + '/' + one.name).hex(),
                .name = one.name,
                .description = one.description,
                .first = signal.first,
                .last = signal.last,
                .severity = signal.severity,
                .count = signal.count,
                .call = signal.call,
                .actors = {key.principal_key},
                .resources = {uid_of(key)}};
      if (signal.remote_ip) {
        addresses_.insert(*signal.remote_ip);
        told.endpoints = {signal.remote_ip->to_string()};
      }
      told.indicators["ATTACK_TACTIC"] = {one.tactic};
      told.indicators["ATTACK_TECHNIQUE"] = {one.technique};
      told.indicators["HIGH_RISK_API"] = {signal.call.service_name + ':' + signal.call.api};
      signals_.push_back(std::move(told));
    }
  }

  void take(const Sequence& sequence) {
    for (const auto& [id, actor] : sequence.actors) {
      if (actors_.size() == told_max) break;
      actors_.emplace(id, actor);
      keys_.emplace(uid_of(actor.who), actor);
    }
    for (const SequenceSignal& signal : sequence.signals) {
      for (const IpAddress& ip : signal.addresses) {
        if (addresses_.size() < told_max) addresses_.insert(ip);
      }
      for (const std::string& name : signal.buckets) buckets_.try_emplace(name, signal.region);
    }
    for (const SequenceSignal& signal : sequence.signals) signals_.push_back(told_of(signal));
  }

  Told told_of(const SequenceSignal& signal) const {
    Told told{.name = signal.name,
              .first = signal.first.time,
              .last = signal.last.time,
              .severity = signal.severity,
              .count = signal.count,
              .call = signal.call};
    std::string identity = finding_.id + '/' + std::to_string(static_cast<int>(signal.kind)) + signal.name;
    for (const std::string& actor : signal.actors) {
      identity += '/' + actor;
      const auto at = actors_.find(actor);
      if (at == actors_.end()) continue;
      told.actors.insert(actor);
      told.resources.insert(uid_of(at->second.who));
    }
    for (const std::string& account : signal.accounts) identity += '/' + account;
    identity += '/' + signal.network;
    if (signal.kind == SignalKind::context) {
      for (const std::string& value : signal.indicators) identity += '/' + value;
    }
    told.uid = hash128(identity).hex();
    if (is_finding(signal.kind)) {
      told.type = "FINDING";
    } else if (signal.call.service_name == "s3.amazonaws.com" && !signal.buckets.empty() &&
               signal.call.api.contains("Object")) {
      told.type = "S3_DATA_EVENTS";
    }
    told.resources.insert(signal.buckets.begin(), signal.buckets.end());
    for (const IpAddress& ip : signal.addresses) {
      if (addresses_.contains(ip)) told.endpoints.insert(ip.to_string());
    }
    describe(signal, told);
    return told;
  }

  static void describe(const SequenceSignal& signal, Told& told) {
    const bool refused = is_refused(signal.kind);
    Indicators& indicators = told.indicators;
    if (!signal.tactic.empty()) indicators["ATTACK_TACTIC"] = {signal.tactic};
    if (!signal.technique.empty()) indicators["ATTACK_TECHNIQUE"] = {signal.technique};
    const std::string api = call_name(signal.call);
    if (signal.kind == SignalKind::context) {
      const bool network = signal.name.ends_with("network"), hours = signal.name.ends_with("hours");
      // GuardDuty has no indicator for hours.
      told.name = network ? "UnusualNetwork" : hours ? "UnusualHours" : "UnusualUserAgent";
      told.description = std::string(network ? "Called from a network that the identity never used before: "
                                     : hours ? "Called at hours at which the identity never did before: "
                                             : "Called with a client that the identity never used before: ") +
                         *signal.indicators.begin() + '.';
      if (!hours) indicators[network ? "UNUSUAL_ASN_FOR_USER" : "SUSPICIOUS_USER_AGENT"] = signal.indicators;
      return;
    }
    if (is_finding(signal.kind)) {
      told.description = std::string(refused ? "A refused attempt at what would be " : "A finding ") +
                         signal.name + ", by " + api + '.';
      for (const std::string& category : signal.indicators) {
        const std::string_view key = category == "tor_exit" || category == "tor" ? "TOR_IP"
                                     : category == "mining"                      ? "CRYPTOMINING_IP"
                                                                                 : "MALICIOUS_IP";
        for (const IpAddress& ip : signal.addresses) indicators[std::string(key)].insert(ip.to_string());
      }
      return;
    }
    told.description =
        api + (refused ? " was refused" : " was called") + ", which serves " + signal.tactic + '.';
    indicators["HIGH_RISK_API"] = {api};
  }

  template <class Items>
  void list(std::string_view name, Items items) {
    json_.key(name);
    json_.begin_array();
    items();
    json_.end_array();
  }
  void texts(std::string_view name, const std::set<std::string>& values) {
    list(name, [&] {
      for (const std::string& value : values) json_.value(value);
    });
  }
  void time(std::string_view name, TimeMs at) {
    json_.member(name, static_cast<double>(at) / 1000);  // epoch seconds, as the model says
  }
  void said(std::string_view name, std::string_view value) {
    if (!value.empty()) json_.member(name, value);
  }

  void actor(const std::string& id, const SequenceActor& actor) {
    json_.begin_object();
    json_.member("id", id);
    json_.key("user");
    json_.begin_object();
    json_.member("name", actor.who.user_name);
    json_.member("uid", actor.who.principal_id);
    json_.member("type", actor.who.user_type);
    said("credentialUid", actor.who.access_key_id);
    json_.key("account");
    json_.begin_object();
    json_.member("uid", actor.account);
    json_.end_object();
    json_.end_object();
    json_.end_object();
  }

  void open_resource(std::string_view uid, std::string_view name, std::string_view account,
                     std::string_view type, std::string_view region, std::string_view service) {
    json_.begin_object();
    json_.member("uid", uid);
    json_.member("name", name);
    said("accountId", account);
    json_.member("resourceType", type);
    json_.member("region", region);
    json_.member("service", service);
    json_.member("cloudPartition", partition_of(region));
    json_.key("data");
    json_.begin_object();
  }
  void close_resource() {
    json_.end_object();
    json_.end_object();
  }

  void access_key(const std::string& uid, const SequenceActor& actor) {
    open_resource(uid, actor.who.user_name, actor.account, "ACCESS_KEY", finding_.subject.region, "iam");
    json_.key("accessKey");
    json_.begin_object();
    json_.member("principalId", actor.who.principal_id);
    json_.member("userName", actor.who.user_name);
    json_.member("userType", actor.who.user_type);
    json_.end_object();
    close_resource();
  }

  void bucket(const std::string& name, const std::string& region) {
    const BucketDetails known = details_.bucket(name, finding_.last).value_or(BucketDetails{});
    open_resource(name, name, known.owner_account, "S3_BUCKET", region, "s3");
    json_.key("s3Bucket");
    json_.begin_object();
    said("ownerId", known.owner_account);
    if (known.created_at) time("createdAt", *known.created_at);
    said("encryptionType", known.encryption_type);
    said("encryptionKeyArn", known.kms_key_arn);
    json_.end_object();
    close_resource();
  }

  void endpoint(const IpAddress& ip) {
    json_.begin_object();
    json_.member("id", ip.to_string());
    json_.member("ip", ip.to_string());
    const GeoDetails geo = details_.geo(ip);
    if (geo.latitude && geo.longitude) {
      json_.key("location");
      json_.begin_object();
      json_.member("city", geo.city);
      json_.member("country", geo.country_name);
      json_.member("lat", *geo.latitude);
      json_.member("lon", *geo.longitude);
      json_.end_object();
    }
    if (geo.asn != 0) {
      json_.key("autonomousSystem");
      json_.begin_object();
      json_.member("name", geo.as_org);
      json_.member("number", geo.asn);
      json_.end_object();
    }
    json_.end_object();
  }

  void write_signal(const Told& signal) {
    json_.begin_object();
    json_.member("uid", signal.uid);
    json_.member("type", signal.type);
    json_.member("description", signal.description);
    json_.member("name", signal.name);
    time("createdAt", signal.first);
    time("updatedAt", signal.last);
    time("firstSeenAt", signal.first);
    time("lastSeenAt", signal.last);
    json_.member("severity", signal.severity);
    json_.member("count", signal.count);
    texts("resourceUids", signal.resources);
    texts("actorIds", signal.actors);
    if (!signal.endpoints.empty()) texts("endpointIds", signal.endpoints);
    list("signalIndicators", [&] { indicators(signal.indicators); });
    if (!signal.call.api.empty()) list("activities", [&] { activity(signal.call); });
    json_.end_object();
  }

  void activity(const ApiCall& call) {
    json_.begin_object();
    json_.member("type", "API_CALL");
    json_.key("api");
    json_.begin_object();
    json_.member("operation", call.api);
    json_.member("service", call.service_name);
    said("error", call.error_code);
    said("userAgent", call.user_agent);
    json_.end_object();
    json_.end_object();
  }

  void indicators(const Indicators& indicators) {
    static constexpr IndicatorKey keys[] = {{"ATTACK_TACTIC", "ATT&CK tactics"},
                                            {"ATTACK_TECHNIQUE", "ATT&CK techniques"},
                                            {"HIGH_RISK_API", "API calls"},
                                            {"TOR_IP", "Tor exits"},
                                            {"MALICIOUS_IP", "Addresses known for harm"},
                                            {"CRYPTOMINING_IP", "Addresses of mining"},
                                            {"UNUSUAL_ASN_FOR_USER", "Networks new to the identity"},
                                            {"SUSPICIOUS_USER_AGENT", "Clients new to the identity"}};
    for (const IndicatorKey& one : keys) {
      const auto at = indicators.find(std::string(one.key));
      if (at == indicators.end()) continue;
      json_.begin_object();
      json_.member("key", one.key);
      list("values", [&] {
        std::size_t told = 0;
        for (const std::string& value : at->second) {
          if (told++ == indicators_max) break;
          json_.value(std::string_view(value).substr(0, 256));
        }
      });
      json_.member("title", one.title);
      json_.end_object();
    }
  }

  JsonWriter& json_;
  const FindingDocument& finding_;
  const DetailsSource& details_;
  std::map<std::string, SequenceActor> actors_, keys_;  // by id, by access key
  std::map<std::string, std::string> buckets_;          // with Region
  std::set<IpAddress> addresses_;
  std::vector<Told> signals_;
};

}  // namespace

void write_sequence(JsonWriter& json, const FindingDocument& finding, const DetailsSource& details) {
  SequenceWriter(json, finding, details).write();
}

}  // namespace picket
