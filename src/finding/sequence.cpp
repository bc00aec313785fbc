#include "finding/sequence.h"

#include <set>
#include <span>

#include "base/hash.h"
#include "finding/detector_id.h"

namespace picket {

namespace {

class SequenceWriter {
 public:
  SequenceWriter(JsonWriter& json, const FindingDocument& finding, const DetailsSource& details)
      : json_(json),
        finding_(finding),
        details_(details),
        key_(finding.subject.access_key.value_or(AccessKeySubject{})) {
    for (const DocumentSignal& signal : finding.signals) {
      if (signal.signal.remote_ip) addresses_.insert(*signal.signal.remote_ip);
    }
    // Calls without a key (a console login) still have their principal.
    resource_ = key_.access_key_id.empty() ? key_.principal_key : key_.access_key_id;
  }

  void write() {
    json_.key("detection");
    json_.begin_object();
    json_.key("sequence");
    json_.begin_object();
    json_.member("uid", finding_.id);
    json_.member("description",
                 expand_template(finding_.description, finding_.subject, finding_.evidence, finding_.count));
    list("actors", [&] { actor(); });
    list("resources", [&] { resource(); });
    list("endpoints", [&] {
      for (const IpAddress& ip : addresses_) endpoint(ip);
    });
    list("signals", [&] {
      for (const DocumentSignal& signal : finding_.signals) write_signal(signal);
    });
    list("sequenceIndicators", [&] { indicators(finding_.signals); });
    json_.end_object();
    json_.end_object();
  }

 private:
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

  void actor() {
    json_.begin_object();
    json_.member("id", key_.principal_key);
    json_.key("user");
    json_.begin_object();
    json_.member("name", key_.user_name);
    json_.member("uid", key_.principal_id);
    json_.member("type", key_.user_type);
    said("credentialUid", key_.access_key_id);
    json_.key("account");
    json_.begin_object();
    json_.member("uid", finding_.subject.account);
    json_.end_object();
    json_.end_object();
    json_.end_object();
  }

  void resource() {
    json_.begin_object();
    json_.member("uid", resource_);
    json_.member("name", key_.user_name);
    json_.member("accountId", finding_.subject.account);
    json_.member("resourceType", "ACCESS_KEY");
    json_.member("region", finding_.subject.region);
    json_.member("service", "iam");
    json_.member("cloudPartition", partition_of(finding_.subject.region));
    json_.key("data");
    json_.begin_object();
    json_.key("accessKey");
    json_.begin_object();
    json_.member("principalId", key_.principal_id);
    json_.member("userName", key_.user_name);
    json_.member("userType", key_.user_type);
    json_.end_object();
    json_.end_object();
    json_.end_object();
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

  void write_signal(const DocumentSignal& one) {
    const Signal& signal = one.signal;
    json_.begin_object();
    json_.member("uid", hash128(finding_.id + '/' + one.name).hex());
    json_.member("type", "CLOUD_TRAIL");
    json_.member("description", one.description);
    json_.member("name", one.name);
    time("createdAt", signal.first);
    time("updatedAt", signal.last);
    time("firstSeenAt", signal.first);
    time("lastSeenAt", signal.last);
    json_.member("severity", signal.severity);
    json_.member("count", signal.count);
    texts("resourceUids", {resource_});
    texts("actorIds", {key_.principal_key});
    if (signal.remote_ip) texts("endpointIds", {signal.remote_ip->to_string()});
    list("signalIndicators", [&] { indicators({&one, 1}); });
    list("activities", [&] { activity(signal.call); });
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

  void indicator(std::string_view key, const std::set<std::string>& values, std::string_view title) {
    json_.begin_object();
    json_.member("key", key);
    texts("values", values);
    json_.member("title", title);
    json_.end_object();
  }
  void indicators(std::span<const DocumentSignal> signals) {
    std::set<std::string> tactics, techniques, calls;
    for (const DocumentSignal& one : signals) {
      tactics.insert(one.tactic);
      techniques.insert(one.technique);
      calls.insert(one.signal.call.service_name + ':' + one.signal.call.api);
    }
    indicator("ATTACK_TACTIC", tactics, "ATT&CK tactics");
    indicator("ATTACK_TECHNIQUE", techniques, "ATT&CK techniques");
    indicator("HIGH_RISK_API", calls, "API calls");
  }

  JsonWriter& json_;
  const FindingDocument& finding_;
  const DetailsSource& details_;
  const AccessKeySubject key_;
  std::set<IpAddress> addresses_;
  std::string resource_;
};

}  // namespace

void write_sequence(JsonWriter& json, const FindingDocument& finding, const DetailsSource& details) {
  SequenceWriter(json, finding, details).write();
}

}  // namespace picket
