#include "decode/cloudtrail_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace picket {

namespace {

// Members whose repetition would let two parsers see two different records.
enum Member : std::uint64_t {
  m_event_time = 1U << 0,
  m_event_name = 1U << 1,
  m_event_source = 1U << 2,
  m_user_identity = 1U << 3,
  m_source_ip_address = 1U << 4,
  m_recipient_account_id = 1U << 5,
  m_aws_region = 1U << 6,
  m_event_id = 1U << 7,
  m_error_code = 1U << 8,
  m_request_parameters = 1U << 9,
  m_response_elements = 1U << 10,
  m_identity_type = 1U << 11,
  m_identity_arn = 1U << 12,
  m_identity_principal = 1U << 13,
  m_identity_account = 1U << 14,
  m_identity_key = 1U << 15,
  m_identity_user = 1U << 16,
  m_identity_session = 1U << 17,
  m_session_issuer = 1U << 18,
  m_issuer_arn = 1U << 19,
  m_invoked_by = 1U << 20,
};

constexpr unsigned envelopes_max = 3;

// CloudTrail's names by their lower-case spelling, as Athena and Hive tables export them.
std::string_view canonical_name(std::string_view lower) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 49> names{{
      {"accesskeyid", "accessKeyId"},
      {"accountid", "accountId"},
      {"additionaleventdata", "additionalEventData"},
      {"awsregion", "awsRegion"},
      {"credentialid", "credentialId"},
      {"ec2roledelivery", "ec2RoleDelivery"},
      {"errorcode", "errorCode"},
      {"errormessage", "errorMessage"},
      {"eventcategory", "eventCategory"},
      {"eventid", "eventID"},
      {"eventname", "eventName"},
      {"eventsource", "eventSource"},
      {"eventtime", "eventTime"},
      {"eventtype", "eventType"},
      {"eventversion", "eventVersion"},
      {"identityprovider", "identityProvider"},
      {"invokedby", "invokedBy"},
      {"managementevent", "managementEvent"},
      {"onbehalfof", "onBehalfOf"},
      {"principalid", "principalId"},
      {"readonly", "readOnly"},
      {"recipientaccountid", "recipientAccountId"},
      {"requestid", "requestID"},
      {"requestparameters", "requestParameters"},
      {"responseelements", "responseElements"},
      {"serviceeventdetails", "serviceEventDetails"},
      {"sessioncontext", "sessionContext"},
      {"sessioncredentialfromconsole", "sessionCredentialFromConsole"},
      {"sessionissuer", "sessionIssuer"},
      {"sharedeventid", "sharedEventID"},
      {"sourceidentity", "sourceIdentity"},
      {"sourceipaddress", "sourceIPAddress"},
      {"tlsdetails", "tlsDetails"},
      {"useragent", "userAgent"},
      {"useridentity", "userIdentity"},
      {"userid", "userId"},
      {"username", "userName"},
      {"vpcendpointaccountid", "vpcEndpointAccountId"},
      {"vpcendpointid", "vpcEndpointId"},
      {"webidfederationdata", "webIdFederationData"},
      {"federatedprovider", "federatedProvider"},
      {"mfaauthenticated", "mfaAuthenticated"},
      {"creationdate", "creationDate"},
      {"eventdata", "eventData"},
      {"eventjson", "eventJson"},
      {"detail", "detail"},
      {"event", "event"},
      {"cloudtrailevent", "CloudTrailEvent"},
      {"@timestamp", "@timestamp"},
  }};
  for (const auto& [from, to] : names) {
    if (from == lower) return to;
  }
  return lower;
}

RecordStatus failure(JsonStep step) {
  if (step == json_too_deep) return RecordStatus::too_deep;
  return step == json_incomplete ? RecordStatus::incomplete : RecordStatus::bad_json;
}

}  // namespace

JsonStep container_end(const JsonIndex& index, std::uint32_t i) {
  unsigned depth = 0;
  for (const std::uint32_t count = index.count(); i < count; ++i) {
    const int bracket = index.character(i) | 0x20;  // of either kind
    if (bracket == '{') ++depth;
    if (bracket == '}' && --depth == 0) return i + 1;
  }
  return json_incomplete;
}

// Calls on_member(key, value's structural) for each member of the object at `i`; on_member returns the
// structural after the value. Returns the structural after the object.
template <class OnMember>
JsonStep CloudTrailRecordReader::each_member(const JsonIndex& index, std::uint32_t i, unsigned depth,
                                             OnMember on_member) {
  const auto wrong = [&](std::uint32_t at) { return at + 1 >= index.count() ? json_incomplete : json_bad; };
  if (depth > depth_max_) return json_too_deep;
  ++i;
  if (index.character(i) == '}') return i + 1;
  while (true) {
    std::string_view key;
    if (!string_at(index, i, key)) return wrong(i);
    if (index.character(i + 1) != ':') return wrong(i + 1);
    if (is_escaped(key) && !plain(index, key, key)) return json_bad;
    const JsonStep after = on_member(key, i + 2);
    if (after < 0) return after;
    i = static_cast<std::uint32_t>(after);
    const char c = index.character(i);
    if (c == '}') return i + 1;
    if (c != ',') return wrong(i);
    ++i;
  }
}

bool CloudTrailRecordReader::plain(const JsonIndex& index, std::string_view escaped, std::string_view& out) {
  // All texts of one record together are shorter than the indexed text, so one allocation holds them without
  // moving.
  if (unescaped_size_ == 0 && unescaped_.size() < index.size()) unescaped_.resize(index.size());
  char* const begin = unescaped_.data() + unescaped_size_;
  const std::ptrdiff_t length = unescape_json(escaped, begin);
  if (length < 0) return false;
  unescaped_size_ += static_cast<std::size_t>(length);
  out = {begin, static_cast<std::size_t>(length)};
  return true;
}

JsonStep CloudTrailRecordReader::text(const JsonIndex& index, std::uint32_t i, unsigned depth,
                                      std::string_view& out) {
  switch (index.character(i)) {
    case '"':
      if (!string_at(index, i, out)) return i + 1 >= index.count() ? json_incomplete : json_bad;
      if (is_escaped(out) && !plain(index, out, out)) {
        bad_escape_ = true;
        out = {};
      }
      return i + 1;
    case '{':
    case '[':  // polymorphic members: not text, so absent as text
      out = {};
      return skip(index, i, depth);
    default: {
      if (i + 1 >= index.count()) return json_incomplete;
      const std::string_view scalar = scalar_at(index, i);
      if (scalar.empty()) return json_bad;
      out = scalar == "null" ? std::string_view{} : scalar;
      return i + 1;
    }
  }
}

JsonStep CloudTrailRecordReader::raw(const JsonIndex& index, std::uint32_t i, RawJson& out) {
  const JsonStep after = skip(index, i, 1);
  if (after < 0) return after;
  const std::uint32_t start = index.at(i);
  std::uint32_t end = index.at(static_cast<std::uint32_t>(after) - 1) + 1;
  if (after ==
      i + 1) {  // a scalar or a string: it ends where the next structural character begins, but for blanks
    std::string_view string;
    if (index.character(i) == '"' && string_at(index, i, string))
      end = start + static_cast<std::uint32_t>(string.size()) + 2;
    else
      end = start + static_cast<std::uint32_t>(scalar_at(index, i).size());
  }
  out = RawJson({index.text() + start, end - start});
  return after;
}

JsonStep CloudTrailRecordReader::read_issuer(const JsonIndex& index, std::uint32_t i) {
  if (index.character(i) != '{') return skip(index, i, 3);
  SessionIssuer& issuer = event_.user_identity.session_issuer;
  return each_member(index, i, 4, [&](std::string_view key, std::uint32_t v) {
    switch (key.size()) {
      case 3:
        if (is(key, "arn")) {
          duplicate_ |= (std::exchange(seen_, seen_ | m_issuer_arn) & m_issuer_arn) != 0;
          return text(index, v, 4, issuer.arn);
        }
        break;
      case 4:
        if (is(key, "type")) return text(index, v, 4, issuer.type);
        break;
      case 8:
        if (is(key, "userName")) return text(index, v, 4, issuer.user_name);
        break;
      case 9:
        if (is(key, "accountId")) return text(index, v, 4, issuer.account_id);
        break;
      case 11:
        if (is(key, "principalId")) return text(index, v, 4, issuer.principal_id);
        break;
      default:
        break;
    }
    return skip(index, v, 4);
  });
}

JsonStep CloudTrailRecordReader::read_session(const JsonIndex& index, std::uint32_t i) {
  if (index.character(i) != '{') return skip(index, i, 2);
  UserIdentity& identity = event_.user_identity;
  return each_member(index, i, 3, [&](std::string_view key, std::uint32_t v) {
    if (is(key, "sessionIssuer")) {
      duplicate_ |= (std::exchange(seen_, seen_ | m_session_issuer) & m_session_issuer) != 0;
      return read_issuer(index, v);
    }
    if (is(key, "attributes") && index.character(v) == '{') {
      return each_member(index, v, 4, [&](std::string_view name, std::uint32_t value) {
        if (is(name, "mfaAuthenticated")) return text(index, value, 4, identity.mfa_authenticated);
        if (is(name, "creationDate")) return text(index, value, 4, identity.session_creation_date);
        return skip(index, value, 4);
      });
    }
    if (is(key, "webIdFederationData") && index.character(v) == '{') {
      return each_member(index, v, 4, [&](std::string_view name, std::uint32_t value) {
        if (is(name, "federatedProvider")) return text(index, value, 4, identity.federated_provider);
        return skip(index, value, 4);
      });
    }
    if (is(key, "ec2RoleDelivery")) return text(index, v, 3, identity.ec2_role_delivery);
    if (is(key, "sourceIdentity")) return text(index, v, 3, identity.source_identity);
    return skip(index, v, 3);
  });
}

JsonStep CloudTrailRecordReader::read_identity(const JsonIndex& index, std::uint32_t i) {
  if (index.character(i) != '{') return skip(index, i, 1);
  UserIdentity& identity = event_.user_identity;
  const auto once = [&](std::uint64_t member) {
    duplicate_ |= (std::exchange(seen_, seen_ | member) & member) != 0;
  };
  return each_member(index, i, 2, [&](std::string_view key, std::uint32_t v) {
    switch (key.size()) {
      case 3:
        if (is(key, "arn")) return once(m_identity_arn), text(index, v, 2, identity.arn);
        break;
      case 4:
        if (is(key, "type")) return once(m_identity_type), text(index, v, 2, identity.type);
        break;
      case 8:
        if (is(key, "userName")) return once(m_identity_user), text(index, v, 2, identity.user_name);
        break;
      case 9:
        if (is(key, "accountId")) return once(m_identity_account), text(index, v, 2, identity.account_id);
        if (is(key, "invokedBy")) return once(m_invoked_by), text(index, v, 2, identity.invoked_by);
        break;
      case 10:
        if (is(key, "onBehalfOf") && index.character(v) == '{') {
          return each_member(index, v, 3, [&](std::string_view name, std::uint32_t value) {
            if (is(name, "userId")) return text(index, value, 3, identity.on_behalf_of_user_id);
            return skip(index, value, 3);
          });
        }
        break;
      case 11:
        if (is(key, "principalId"))
          return once(m_identity_principal), text(index, v, 2, identity.principal_id);
        if (is(key, "accessKeyId")) return once(m_identity_key), text(index, v, 2, identity.access_key_id);
        break;
      case 12:
        if (is(key, "credentialId")) return text(index, v, 2, identity.credential_id);
        break;
      case 14:
        if (is(key, "sessionContext")) return once(m_identity_session), read_session(index, v);
        break;
      case 16:
        if (is(key, "identityProvider")) return text(index, v, 2, identity.identity_provider);
        break;
      default:
        break;
    }
    return skip(index, v, 2);
  });
}

template <CloudTrailRecordReader::Spelling spelling>
RecordStatus CloudTrailRecordReader::walk(const JsonIndex& index, std::uint32_t i, bool top) {
  event_ = CloudTrailEvent{};
  seen_ = 0;
  envelope_ = 0;
  eventbridge_ = duplicate_ = bad_escape_ = digest_ = false;
  event_time_ = timestamp_ = {};
  unescaped_size_ = 0;
  escape_ = index.first_escape(index.at(i));
  std::uint32_t array = 0;  // first element of a wrapper's array
  const auto once = [&](std::uint64_t member) {
    duplicate_ |= (std::exchange(seen_, seen_ | member) & member) != 0;
  };
  const auto flag = [&](std::uint32_t v, std::optional<bool>& out) {
    std::string_view word;
    const JsonStep after = text(index, v, 1, word);
    if (!word.empty()) out = word == "true" || word == "True";
    return after;
  };

  const JsonStep end = each_member(index, i, 1, [&](std::string_view key, std::uint32_t v) -> JsonStep {
    std::array<char, 32> lower;
    if constexpr (spelling == Spelling::lower) {
      if (key.size() <= lower.size()) {
        std::transform(key.begin(), key.end(), lower.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        key = canonical_name({lower.data(), key.size()});
      }
    }
    CloudTrailEvent& e = event_;
    switch (key.size()) {
      case 5:
        if (is(key, "event")) envelope_ = v;
        break;
      case 6:
        if (is(key, "detail")) {
          envelope_ = v;
          eventbridge_ = true;
        }
        if (top && is(key, "Events") && index.character(v) == '[') return array = v + 1, json_bad;
        break;
      case 7:
        if (is(key, "eventID")) return once(m_event_id), text(index, v, 1, e.event_id);
        if (top && is(key, "Records") && index.character(v) == '[') return array = v + 1, json_bad;
        break;
      case 8:
        if (is(key, "readOnly")) return flag(v, e.read_only);
        if (is(key, "addendum")) return raw(index, v, e.addendum);
        break;
      case 9:
        if (is(key, "eventTime")) return once(m_event_time), text(index, v, 1, event_time_);
        if (is(key, "eventName")) return once(m_event_name), text(index, v, 1, e.event_name);
        if (is(key, "awsRegion")) return once(m_aws_region), text(index, v, 1, e.aws_region);
        if (is(key, "userAgent")) return text(index, v, 1, e.user_agent);
        if (is(key, "requestID")) return text(index, v, 1, e.request_id);
        if (is(key, "eventType")) return text(index, v, 1, e.event_type);
        if (is(key, "errorCode")) return once(m_error_code), text(index, v, 1, e.error_code);
        if (is(key, "resources")) return raw(index, v, e.resources);
        if (is(key, "eventData") || is(key, "eventJson")) envelope_ = v;
        break;
      case 10:
        if (is(key, "tlsDetails")) return raw(index, v, e.tls_details);
        if (is(key, "@timestamp")) return text(index, v, 1, timestamp_);
        break;
      case 11:
        if (is(key, "eventSource")) return once(m_event_source), text(index, v, 1, e.event_source);
        break;
      case 12:
        if (is(key, "userIdentity")) return once(m_user_identity), read_identity(index, v);
        if (is(key, "eventVersion")) return text(index, v, 1, e.event_version);
        if (is(key, "errorMessage")) return text(index, v, 1, e.error_message);
        break;
      case 13:
        if (is(key, "eventCategory")) return text(index, v, 1, e.event_category);
        if (is(key, "vpcEndpointId")) return text(index, v, 1, e.vpc_endpoint_id);
        if (is(key, "sharedEventID")) return text(index, v, 1, e.shared_event_id);
        break;
      case 15:
        if (is(key, "sourceIPAddress"))
          return once(m_source_ip_address), text(index, v, 1, e.source_ip_address);
        if (is(key, "managementEvent")) return flag(v, e.management_event);
        if (is(key, "CloudTrailEvent")) envelope_ = v;
        if (is(key, "digestStartTime")) digest_ = true;
        if (top && is(key, "QueryResultRows") && index.character(v) == '[') return array = v + 1, json_bad;
        break;
      case 16:
        if (is(key, "responseElements")) return once(m_response_elements), raw(index, v, e.response_elements);
        break;
      case 17:
        if (is(key, "requestParameters"))
          return once(m_request_parameters), raw(index, v, e.request_parameters);
        break;
      case 18:
        if (is(key, "recipientAccountId"))
          return once(m_recipient_account_id), text(index, v, 1, e.recipient_account_id);
        break;
      case 19:
        if (is(key, "additionalEventData")) return raw(index, v, e.additional_event_data);
        if (is(key, "serviceEventDetails")) return raw(index, v, e.service_event_details);
        break;
      case 20:
        if (is(key, "vpcEndpointAccountId")) return text(index, v, 1, e.vpc_endpoint_account_id);
        break;
      case 28:
        if (is(key, "sessionCredentialFromConsole")) {
          std::optional<bool> value;
          const JsonStep after = flag(v, value);
          e.session_credential_from_console = value.value_or(false);
          return after;
        }
        break;
      default:
        break;
    }
    return skip(index, v, 1);
  });

  if (array != 0 && event_.event_name.empty()) {
    next_ = array;
    return RecordStatus::wrapper;
  }
  if (end < 0) return failure(end);
  next_ = static_cast<std::uint32_t>(end);
  event_.raw = RawJson({index.text() + index.at(i), index.at(next_ - 1) + 1 - index.at(i)});
  return RecordStatus::event;
}

RecordStatus CloudTrailRecordReader::judge() const {
  if (duplicate_) return RecordStatus::duplicate_member;
  if (bad_escape_) return RecordStatus::bad_escape;
  if (event_time_.empty() && timestamp_.empty()) return RecordStatus::no_event_time;
  return RecordStatus::event;
}

RecordStatus CloudTrailRecordReader::read_object(const JsonIndex& index, std::uint32_t i, bool top,
                                                 unsigned envelopes) {
  RecordStatus status = walk<Spelling::exact>(index, i, top);
  if (status != RecordStatus::event) return status;
  // Insights events name the API they are about further in.
  if (event_.event_category == "Insight" || event_.event_type == "AwsCloudTrailInsight")
    return RecordStatus::insight;
  if (event_.event_name.empty() && event_.event_source.empty()) {
    if (digest_) return RecordStatus::digest;
    if (envelope_ == 0) {
      status = walk<Spelling::lower>(index, i, false);
      if (status != RecordStatus::event) return status;
      if (event_.event_name.empty() && event_.event_source.empty() && envelope_ == 0)
        return RecordStatus::not_cloudtrail;
    }
    if (envelope_ != 0 && event_.event_name.empty()) {
      const std::uint32_t behind = next_;
      const bool eventbridge = eventbridge_;
      status = envelopes < envelopes_max ? read_envelope(index, envelopes + 1) : RecordStatus::not_cloudtrail;
      next_ = behind;
      return status == RecordStatus::not_cloudtrail && eventbridge ? RecordStatus::other_event : status;
    }
  }
  status = judge();
  if (status != RecordStatus::event) return status;
  // Tables exported through SQL write "2023-01-10 21:04:02.000"; CloudTrail's times are UTC.
  const auto time = times_.read(event_time_.empty() ? timestamp_ : event_time_);
  if (!time) return RecordStatus::bad_event_time;
  event_.event_time = *time;
  if (!event_.source_ip_address.empty()) event_.source_ip = IpAddress::parse(event_.source_ip_address);
  return RecordStatus::event;
}

RecordStatus CloudTrailRecordReader::read_envelope(const JsonIndex& index, unsigned envelopes) {
  const std::uint32_t at = envelope_;
  if (index.character(at) == '{') return read_object(index, at, false, envelopes);
  std::string_view string;
  if (index.character(at) == '"' && string_at(index, at, string)) return read_nested(string, envelopes);
  return RecordStatus::not_cloudtrail;
}

RecordStatus CloudTrailRecordReader::read_nested(std::string_view escaped, unsigned envelopes) {
  if (!nested_) {
    nested_ = std::make_unique<Nested>();
    nested_->reader = std::make_unique<CloudTrailRecordReader>(depth_max_);
  }
  std::string& text = nested_->text;
  text.resize(escaped.size() + simdjson::SIMDJSON_PADDING);
  const std::ptrdiff_t length = unescape_json(escaped, text.data());
  if (length < 0) return RecordStatus::bad_escape;
  if (!nested_->index.build(text.data(), static_cast<std::size_t>(length)) ||
      nested_->index.character(0) != '{') {
    return RecordStatus::not_cloudtrail;
  }
  const RecordStatus status = nested_->reader->read_object(nested_->index, 0, false, envelopes);
  if (status == RecordStatus::incomplete || status == RecordStatus::bad_json)
    return RecordStatus::not_cloudtrail;
  event_ = nested_->reader->event_;
  return status;
}

RecordStatus CloudTrailRecordReader::read_row(const JsonIndex& index, std::uint32_t i) {
  const JsonStep end = skip(index, i, 1);
  if (end < 0) return failure(end);
  next_ = static_cast<std::uint32_t>(end);
  event_ = CloudTrailEvent{};
  unescaped_size_ = 0;
  escape_ = index.first_escape(index.at(i));
  // A row is an array of objects with one member each, the column's name and value.
  for (++i; index.character(i) == '{';) {
    std::string_view column, value;
    const JsonStep after = each_member(index, i, 3, [&](std::string_view key, std::uint32_t v) {
      column = key;
      if (index.character(v) == '"') string_at(index, v, value);
      return skip(index, v, 3);
    });
    if (after < 0) return failure(after);
    if (column == "eventJson" || column == "eventjson") return read_nested(value, 1);
    i = static_cast<std::uint32_t>(after);
    if (index.character(i) == ',') ++i;
  }
  return RecordStatus::not_cloudtrail;
}

RecordStatus CloudTrailRecordReader::read(const JsonIndex& index, std::uint32_t i, bool top) {
  const RecordStatus status = index.character(i) == '[' ? read_row(index, i) : read_object(index, i, top, 0);
  if (status == RecordStatus::too_deep) {
    const JsonStep end = container_end(index, i);
    if (end < 0) return RecordStatus::incomplete;
    next_ = static_cast<std::uint32_t>(end);
  }
  return status;
}

}  // namespace picket
