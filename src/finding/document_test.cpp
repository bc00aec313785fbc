#include "finding/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <fstream>
#include <iterator>
#include <map>

#include "event/raw_json.h"
#include "finding/detector_id.h"

namespace picket {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace dom = simdjson::dom;

constexpr TimeMs moment = 1'571'959'439'078;  // 2019-10-24T23:23:59.078Z

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

// Knows everything of one resource of each kind.
class EverythingKnown : public DetailsSource {
 public:
  std::optional<InstanceDetails> instance(std::string_view id, TimeMs at) const override {
    if (id != "i-0a" || at != moment) return std::nullopt;
    return InstanceDetails{"i-0a",           "ami-1",
                           "t3.micro",       "2019-01-01T00:00:00Z",
                           "windows",        "running",
                           "us-west-2c",     "arn:aws:iam::111122223333:instance-profile/web",
                           "AIPA1",          {"eni-0a", "eni-0b"},
                           {{"Name", "web"}}};
  }
  std::optional<InterfaceDetails> interface(std::string_view id, TimeMs) const override {
    if (id == "eni-lambda") {
      InterfaceDetails details;
      details.interface_id = id;
      details.type = "lambda";
      return details;
    }
    if (id != "eni-0a" && id != "eni-0b") return std::nullopt;
    return InterfaceDetails{std::string(id),     "vpc-1",
                            "subnet-1",          "ip-10-0-0-4.internal",
                            "ec2-1.example",     "i-0a",
                            "interface",         {{ip("10.0.0.4"), "ip-10-0-0-4.internal"}},
                            {ip("203.0.113.8")}, {ip("2001:db8::4")},
                            {{"sg-1", "ssh"}}};
  }
  std::optional<std::string> instance_by_ip(std::string_view, std::string_view vpc, const IpAddress& address,
                                            TimeMs) const override {
    if (vpc != "vpc-1" || address != ip("10.0.0.4")) return std::nullopt;
    return "i-0a";
  }
  std::optional<BucketDetails> bucket(std::string_view, TimeMs) const override {
    BucketDetails details;
    details.owner_account = "111122223333";
    details.encryption_type = "aws:kms";
    details.kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/k";
    details.created_at = 1'500'000'000'500;
    details.bucket = {true, false, true, false};
    details.account = {false, false, false, false};
    details.acl_public_read = true;
    details.acl_public_write = false;
    details.policy_public_read = false;
    details.policy_public_write = false;
    details.tags = {{"team", "a"}};
    return details;
  }
  std::optional<ClusterDetails> cluster(std::string_view, std::string_view, std::string_view,
                                        TimeMs) const override {
    return ClusterDetails{"arn:aws:eks:us-west-2:111122223333:cluster/prod",
                          "vpc-1",
                          "ACTIVE",
                          1'500'000'000'000,
                          {{"team", "a"}}};
  }
  std::optional<FunctionDetails> function(std::string_view, std::string_view, std::string_view name,
                                          TimeMs) const override {
    if (name != "orders") return std::nullopt;
    return FunctionDetails{.arn = "arn:aws:lambda:us-west-2:111122223333:function:orders",
                           .description = "",
                           .role = "arn:aws:iam::111122223333:role/orders",
                           .version = "$LATEST",
                           .revision_id = "r-1",
                           .last_modified = 1'500'000'000'000};
  }
  GeoDetails geo(const IpAddress&) const override {
    return {"KR", "South Korea", "", "SK Broadband Co Ltd", "", "", 37.1825, 126.8783, 9318};
  }
};

class NothingKnown : public DetailsSource {
 public:
  std::optional<InstanceDetails> instance(std::string_view, TimeMs) const override { return std::nullopt; }
  std::optional<InterfaceDetails> interface(std::string_view, TimeMs) const override { return std::nullopt; }
  std::optional<std::string> instance_by_ip(std::string_view, std::string_view, const IpAddress&,
                                            TimeMs) const override {
    return std::nullopt;
  }
  std::optional<BucketDetails> bucket(std::string_view, TimeMs) const override { return std::nullopt; }
  std::optional<ClusterDetails> cluster(std::string_view, std::string_view, std::string_view,
                                        TimeMs) const override {
    return std::nullopt;
  }
  std::optional<FunctionDetails> function(std::string_view, std::string_view, std::string_view,
                                          TimeMs) const override {
    return std::nullopt;
  }
  GeoDetails geo(const IpAddress&) const override { return {}; }
};

FindingDocument finding_of(Subject subject) {
  FindingDocument finding;
  finding.id = "a2b4e5df544366954e71c42d515b5a16";
  finding.type = "Purpose:Resource/Family";
  finding.detector = "family";
  finding.mitre_tactic = "TA0005";
  finding.mitre_technique = "T1562.008";
  finding.severity = 5;
  finding.title = "{principal} used {api}";
  finding.description = "{host} and {remote_ip}";
  subject.account = "111122223333";
  subject.region = "us-west-2";
  finding.subject = std::move(subject);
  finding.count = 13793;
  finding.created = finding.first = moment - 5000;
  finding.updated = finding.last = moment;
  finding.proof = {{"AWSLogs/a.json.gz", 3, "e-1", moment - 5000}, {"AWSLogs/b.json.gz", 9, "", moment}};
  finding.records_total = 13793;
  return finding;
}

Subject api_call_subject() {
  Subject subject;
  subject.action = ActionKind::aws_api_call;
  subject.remote_ip = ip("198.51.100.7");
  subject.access_key =
      AccessKeySubject{"AKIA1", "AIDA1", "mallory", "IAMUser", "arn:aws:iam::111122223333:user/mallory"};
  ApiCall call;
  call.api = "StopLogging";
  call.service_name = "cloudtrail.amazonaws.com";
  call.error_code = "AccessDenied";
  call.user_agent = "aws-cli";
  call.affected_resources = {{"AWS::CloudTrail::Trail", "main"}};
  call.remote_account_id = "999988887777";
  subject.api_call = call;
  return subject;
}

Subject flow_subject() {
  Subject subject;
  subject.resource = ResourceKind::instance;
  subject.role = ResourceRole::actor;
  subject.action = ActionKind::network_connection;
  subject.remote_ip = ip("198.51.100.7");
  subject.instance = InstanceSubject{"", "eni-0a", "", "", ip("10.0.0.4")};
  subject.connection = NetworkConnection{Direction::outbound, 6, 39677, 22, false};
  return subject;
}

Subject dns_subject() {
  Subject subject;
  subject.resource = ResourceKind::instance;
  subject.action = ActionKind::dns_request;
  subject.instance = InstanceSubject{"", "", "vpc-1", "", ip("10.0.0.4")};
  subject.dns = DnsRequest{"evil.example", "UDP", true};
  return subject;
}

Subject bucket_subject() {
  Subject subject = api_call_subject();
  subject.resource = ResourceKind::s3_bucket;
  subject.buckets = {BucketSubject{"data", "", "", "Destination"}};
  return subject;
}

Subject kubernetes_subject() {
  Subject subject;
  subject.resource = ResourceKind::eks_cluster;
  subject.action = ActionKind::kubernetes_api_call;
  subject.remote_ip = ip("2001:db8::9");
  subject.kubernetes = KubernetesSubject{
      "prod", "kubernetes-admin", "u-1", {"system:masters"}, "s", "bob", {"g"}, "web", "pods", "kube-system"};
  KubernetesCall call;
  call.request_uri = "/api/v1/namespaces/kube-system/pods/web/exec";
  call.verb = "create";
  call.user_agent = "kubectl";
  call.resource = "pods";
  call.subresource = "exec";
  call.namespace_name = "kube-system";
  call.resource_name = "web";
  call.source_ips = {"2001:db8::9"};
  call.status_code = 101;
  call.parameters = "{}";
  subject.kubernetes_call = call;
  return subject;
}

// Two custom detection rules told of one principal.
FindingDocument rule_finding() {
  Subject subject = api_call_subject();
  subject.action = ActionKind::none;
  FindingDocument finding = finding_of(subject);
  finding.custom_detection_rule_name = "VPCFlowLogsDeleted";
  Signal signal{.count = 2,
                .first = moment - 5000,
                .last = moment,
                .severity = 8,
                .event_id = "e-1",
                .call = *subject.api_call,
                .remote_ip = subject.remote_ip};
  finding.signals.push_back(
      {"VPCFlowLogsDeleted", "A flow log was deleted.", "Defense Impairment", "Impair Defenses", signal});
  signal.remote_ip.reset();
  finding.signals.push_back(
      {"IAMAccessKeyCreated", "A key was created.", "Persistence", "Account Manipulation", signal});
  return finding;
}

std::vector<FindingDocument> one_of_each() {
  std::vector<FindingDocument> findings;
  for (Subject subject :
       {api_call_subject(), flow_subject(), dns_subject(), bucket_subject(), kubernetes_subject()}) {
    findings.push_back(finding_of(std::move(subject)));
  }
  Subject probe = flow_subject();
  probe.action = ActionKind::port_probe;
  findings.push_back(finding_of(probe));
  findings.back().evidence = {{"ports_sample", "22, 443"}};
  findings.push_back(rule_finding());
  Subject service = api_call_subject();
  service.remote_ip.reset();
  service.api_call->caller_domain = "cloudformation.amazonaws.com";
  findings.push_back(finding_of(service));
  Subject silent = api_call_subject();
  silent.action = ActionKind::none;
  findings.push_back(finding_of(silent));
  findings.push_back(finding_of(flow_subject()));
  findings.back().intel = {{"198.51.100.7", "ProofPoint", "c2", "Cobalt", false},
                           {"198.51.100.0/24", "ProofPoint", "scanner", "Scanner", false}};
  return findings;
}

JsonDocument rendered(const FindingDocument& finding, const DetailsSource& details,
                      DocumentForm form = DocumentForm::api) {
  return JsonDocument(render(finding, details, form));
}

std::string text(const JsonDocument& document, std::string_view path) {
  const auto found = document.at(path);
  return found ? scalar_text(*found).value_or("(not a scalar)") : "(absent)";
}

// ---- against the model of the API ----

class Model {
 public:
  Model() {
    std::ifstream file(PICKET_SOURCE_DIR "/data/api/guardduty.json");
    text_.assign(std::istreambuf_iterator<char>(file), {});
    document_ = parser_.parse(text_);
  }
  // The first thing wrong below a value, as "path: what"; empty when it is as the shape says. Everything but
  // additionalInfo, where GuardDuty itself writes more than the model has.
  std::string wrong(const dom::element& value, std::string_view shape_name,
                    const std::string& path = "finding") const {
    if (value.is_null()) return {};
    const dom::object shape = document_["shapes"][shape_name];
    const std::string_view type = shape["type"];
    if (type == "structure") return wrong_structure(value, shape, path);
    if (type == "list") {
      if (!value.is_array()) return path + ": not a list";
      const std::string_view member = shape["member"];
      std::size_t index = 0;
      const dom::array list = value.get_array();
      for (const dom::element one : list) {
        if (std::string found = wrong(one, member, path + "[" + std::to_string(index++) + "]");
            !found.empty())
          return found;
      }
      return {};
    }
    if (type == "map") {
      if (!value.is_object()) return path + ": not a map";
      const std::string_view member = shape["value"];
      const dom::object entries = value.get_object();
      for (const auto [key, one] : entries) {
        if (std::string found = wrong(one, member, path + "." + std::string(key)); !found.empty())
          return found;
      }
      return {};
    }
    const bool fits = type == "string"                          ? value.is_string()
                      : type == "boolean"                       ? value.is_bool()
                      : type == "integer" || type == "long"     ? value.is_int64()
                      : type == "double" || type == "timestamp" ? value.is_number()
                                                                : false;
    return fits ? std::string{} : path + ": not a " + std::string(type);
  }

 private:
  std::string wrong_structure(const dom::element& value, const dom::object& shape,
                              const std::string& path) const {
    if (!value.is_object()) return path + ": not a structure";
    std::map<std::string_view, std::string_view> shapes;  // by name on the wire
    const dom::object members = shape["members"];
    for (const auto [key, member] : members) shapes.emplace(member["name"], member["shape"]);
    const dom::object fields = value.get_object();
    for (const auto [key, one] : fields) {
      const auto known = shapes.find(key);
      if (known == shapes.end()) return path + "." + std::string(key) + ": no such member";
      if (std::string found = wrong(one, known->second, path + "." + std::string(key)); !found.empty())
        return found;
    }
    dom::array required;
    if (shape["required"].get(required) != simdjson::SUCCESS) return {};
    for (const dom::element name : required) {
      const std::string_view wire = members[std::string_view(name)]["name"];
      dom::element found;
      if (value[wire].get(found) != simdjson::SUCCESS) return path + "." + std::string(wire) + ": missing";
    }
    return {};
  }

  std::string text_;
  dom::parser parser_;
  dom::element document_;
};

TEST(DocumentTest, every_kind_of_finding_fits_the_api_model) {
  const Model model;
  for (const FindingDocument& finding : one_of_each()) {
    for (const DetailsSource* details :
         std::initializer_list<const DetailsSource*>{new EverythingKnown, new NothingKnown}) {
      const std::unique_ptr<const DetailsSource> owner(details);
      const JsonDocument document = rendered(finding, *details);
      ASSERT_TRUE(document.root());
      EXPECT_EQ(model.wrong(*document.root(), "Finding"), "") << simdjson::minify(*document.root());
    }
  }
}

TEST(DocumentTest, rules_are_told_as_a_sequence) {
  const JsonDocument document(render(rule_finding(), EverythingKnown(), DocumentForm::api));
  const auto text = [&](std::string_view path) { return scalar_text(document.at(path).value()).value(); };
  EXPECT_EQ(text("customDetectionRuleName"), "VPCFlowLogsDeleted");
  EXPECT_FALSE(document.at("service.action"));
  const std::string sequence = "service.detection.sequence.";
  EXPECT_EQ(text(sequence + "actors.0.user.name"), "mallory");
  EXPECT_EQ(text(sequence + "endpoints.0.location.country"), "South Korea");
  EXPECT_EQ(text(sequence + "signals.0.name"), "VPCFlowLogsDeleted");
  EXPECT_EQ(text(sequence + "signals.0.endpointIds.0"), "198.51.100.7");
  EXPECT_EQ(text(sequence + "signals.0.activities.0.api.error"), "AccessDenied");
  EXPECT_EQ(text(sequence + "signals.1.name"), "IAMAccessKeyCreated");
  EXPECT_FALSE(document.at(sequence + "signals.1.endpointIds"));
  EXPECT_EQ(text(sequence + "sequenceIndicators.0.values.1"), "Persistence");
}

TEST(DocumentTest, the_model_check_sees_what_is_wrong) {
  const Model model;
  const JsonDocument unknown(R"({"resource":{"resourceTyp":"Instance"}})"), kind(R"({"severity":"8"})"),
      missing("{}");
  EXPECT_EQ(model.wrong(*unknown.root(), "Finding"), "finding.resource.resourceTyp: no such member");
  EXPECT_EQ(model.wrong(*kind.root(), "Finding"), "finding.severity: not a double");
  EXPECT_THAT(model.wrong(*missing.root(), "Finding"), HasSubstr("missing"));
}

// ---- what is in it ----

TEST(DocumentTest, the_frame_is_guarddutys) {
  const JsonDocument document = rendered(finding_of(api_call_subject()), EverythingKnown());
  const std::string detector = detector_id_of("111122223333", "us-west-2");
  EXPECT_EQ(text(document, "schemaVersion"), "2.0");
  EXPECT_EQ(text(document, "partition"), "aws");
  EXPECT_EQ(text(document, "arn"), "arn:aws:guardduty:us-west-2:111122223333:detector/" + detector +
                                       "/finding/a2b4e5df544366954e71c42d515b5a16");
  EXPECT_EQ(text(document, "createdAt"), "2019-10-24T23:23:54.078Z");
  EXPECT_EQ(text(document, "updatedAt"), "2019-10-24T23:23:59.078Z");
  EXPECT_EQ(text(document, "service.detectorId"), detector);
  EXPECT_EQ(text(document, "service.count"), "13793");
  EXPECT_EQ(text(document, "service.resourceRole"), "TARGET");
  EXPECT_EQ(text(document, "service.archived"), "(absent)");
  EXPECT_EQ(text(document, "title"), "mallory used StopLogging");
  EXPECT_EQ(text(document, "severity"), "5");
}

TEST(DocumentTest, an_api_call_tells_caller_place_and_resources) {
  const JsonDocument document = rendered(finding_of(api_call_subject()), EverythingKnown());
  const std::string at = "service.action.awsApiCallAction.";
  EXPECT_EQ(text(document, "resource.resourceType"), "AccessKey");
  EXPECT_EQ(text(document, "resource.accessKeyDetails.userName"), "mallory");
  EXPECT_EQ(text(document, "service.action.actionType"), "AWS_API_CALL");
  EXPECT_EQ(text(document, at + "callerType"), "Remote IP");
  EXPECT_EQ(text(document, at + "errorCode"), "AccessDenied");
  EXPECT_EQ(text(document, at + "remoteAccountDetails.accountId"), "999988887777");
  EXPECT_EQ(text(document, at + "affectedResources.AWS::CloudTrail::Trail"), "main");
  EXPECT_EQ(text(document, at + "remoteIpDetails.ipAddressV4"), "198.51.100.7");
  EXPECT_EQ(text(document, at + "remoteIpDetails.organization.asn"), "9318");
  EXPECT_EQ(text(document, at + "remoteIpDetails.organization.isp"), "SK Broadband Co Ltd");
  EXPECT_EQ(text(document, at + "remoteIpDetails.country.countryName"), "South Korea");
  EXPECT_EQ(text(document, at + "remoteIpDetails.city.cityName"), "");
  EXPECT_EQ(text(document, at + "remoteIpDetails.geoLocation.lat"), "37.1825");
  const JsonDocument nowhere = rendered(finding_of(api_call_subject()), NothingKnown());
  EXPECT_EQ(text(nowhere, at + "remoteIpDetails.ipAddressV4"), "198.51.100.7");
  EXPECT_EQ(text(nowhere, at + "remoteIpDetails.country"), "(absent)");
}

TEST(DocumentTest, an_aws_service_as_caller_is_a_domain) {
  Subject subject = api_call_subject();
  subject.remote_ip.reset();
  subject.api_call->caller_domain = "cloudformation.amazonaws.com";
  const JsonDocument document = rendered(finding_of(subject), NothingKnown());
  EXPECT_EQ(text(document, "service.action.awsApiCallAction.callerType"), "Domain");
  EXPECT_EQ(text(document, "service.action.awsApiCallAction.domainDetails.domain"),
            "cloudformation.amazonaws.com");
  EXPECT_EQ(text(document, "service.action.awsApiCallAction.remoteIpDetails"), "(absent)");
}

TEST(DocumentTest, an_instance_is_found_by_its_interface) {
  const JsonDocument document = rendered(finding_of(flow_subject()), EverythingKnown());
  const std::string at = "resource.instanceDetails.";
  EXPECT_EQ(text(document, at + "instanceId"), "i-0a");
  EXPECT_EQ(text(document, at + "imageId"), "ami-1");
  EXPECT_EQ(text(document, at + "platform"), "windows");
  EXPECT_EQ(text(document, at + "iamInstanceProfile.id"), "AIPA1");
  EXPECT_EQ(text(document, at + "tags.0.value"), "web");
  EXPECT_EQ(text(document, at + "networkInterfaces.0.networkInterfaceId"), "eni-0a");
  EXPECT_EQ(text(document, at + "networkInterfaces.0.privateIpAddresses.0.privateIpAddress"), "10.0.0.4");
  EXPECT_EQ(text(document, at + "networkInterfaces.0.publicIp"), "203.0.113.8");
  EXPECT_EQ(text(document, at + "networkInterfaces.0.ipv6Addresses.0"), "2001:db8::4");
  EXPECT_EQ(text(document, at + "networkInterfaces.0.securityGroups.0.groupName"), "ssh");
  EXPECT_EQ(text(document, at + "networkInterfaces.1.networkInterfaceId"), "eni-0b");
  EXPECT_EQ(text(document, at + "networkInterfaces.2"), "(absent)");
  EXPECT_EQ(text(document, "description"), "i-0a and 198.51.100.7");
  EXPECT_EQ(text(document, "service.resourceRole"), "ACTOR");
  const std::string action = "service.action.networkConnectionAction.";
  EXPECT_EQ(text(document, action + "connectionDirection"), "OUTBOUND");
  EXPECT_EQ(text(document, action + "remotePortDetails.portName"), "SSH");
  EXPECT_EQ(text(document, action + "localPortDetails.portName"), "Unknown");
  EXPECT_EQ(text(document, action + "protocol"), "TCP");
  EXPECT_EQ(text(document, action + "localIpDetails.ipAddressV4"), "10.0.0.4");
}

TEST(DocumentTest, an_instance_is_found_by_its_address_in_a_vpc) {
  Subject subject = dns_subject();
  EXPECT_EQ(text(rendered(finding_of(subject), EverythingKnown()), "resource.instanceDetails.instanceId"),
            "i-0a");
  subject.instance->vpc_id = "vpc-2";
  const JsonDocument document = rendered(finding_of(subject), EverythingKnown(), DocumentForm::exported);
  EXPECT_EQ(text(document, "resource.instanceDetails.instanceId"), "(absent)");
  EXPECT_EQ(text(document, "resource.instanceDetails.networkInterfaces.0.privateIpAddress"), "10.0.0.4");
  EXPECT_EQ(text(document, "resource.instanceDetails.networkInterfaces.0.vpcId"), "vpc-2");
  EXPECT_EQ(text(document, "service.additionalInfo.picket.resource_owner"), "unknown");
}

TEST(DocumentTest, an_interface_of_a_service_is_no_instance) {
  Subject subject = flow_subject();
  subject.instance->interface_id = "eni-lambda";
  subject.instance->vpc_id = "vpc-1";  // where an instance once had this address
  const JsonDocument document = rendered(finding_of(subject), EverythingKnown(), DocumentForm::exported);
  EXPECT_EQ(text(document, "resource.instanceDetails.instanceId"), "(absent)");
  EXPECT_EQ(text(document, "service.additionalInfo.picket.interface_type"), "lambda");
}

TEST(DocumentTest, a_function_is_told_with_its_network) {
  Subject subject = flow_subject();
  subject.resource = ResourceKind::lambda;
  subject.instance->interface_id = "eni-0a";
  subject.lambda = LambdaSubject{"orders"};
  const JsonDocument document = rendered(finding_of(subject), EverythingKnown());
  EXPECT_EQ(text(document, "resource.resourceType"), "Lambda");
  EXPECT_EQ(text(document, "resource.instanceDetails.imageId"), "(absent)");
  const std::string at = "resource.lambdaDetails.";
  EXPECT_EQ(text(document, at + "functionName"), "orders");
  EXPECT_EQ(text(document, at + "functionArn"), "arn:aws:lambda:us-west-2:111122223333:function:orders");
  EXPECT_EQ(text(document, at + "lastModifiedAt"), "1500000000");
  EXPECT_EQ(text(document, at + "vpcConfig.subnetIds.0"), "subnet-1");
  EXPECT_EQ(text(document, at + "vpcConfig.securityGroups.0.groupId"), "sg-1");
  EXPECT_EQ(text(document, "service.additionalInfo.picket.resource_owner"), "(absent)");
}

TEST(DocumentTest, a_bucket_tells_who_can_reach_it) {
  const JsonDocument document = rendered(finding_of(bucket_subject()), EverythingKnown());
  const std::string at = "resource.s3BucketDetails.0.";
  EXPECT_EQ(text(document, "resource.resourceType"), "S3Bucket");
  EXPECT_EQ(text(document, "resource.accessKeyDetails.accessKeyId"), "AKIA1");
  EXPECT_EQ(text(document, at + "arn"), "arn:aws:s3:::data");
  EXPECT_EQ(text(document, at + "createdAt"), "1500000000.5");
  EXPECT_EQ(text(document, at + "defaultServerSideEncryption.encryptionType"), "aws:kms");
  const std::string permissions = at + "publicAccess.permissionConfiguration.bucketLevelPermissions.";
  EXPECT_EQ(text(document, permissions + "accessControlList.allowsPublicReadAccess"), "true");
  EXPECT_EQ(text(document, permissions + "blockPublicAccess.blockPublicAcls"), "true");
  EXPECT_EQ(text(document, permissions + "blockPublicAccess.ignorePublicAcls"), "false");
  EXPECT_EQ(text(document, at + "publicAccess.effectivePermission"), "PUBLIC");
}

class BucketKnown : public NothingKnown {
 public:
  explicit BucketKnown(BucketDetails details) : details_(std::move(details)) {}
  std::optional<BucketDetails> bucket(std::string_view, TimeMs) const override { return details_; }

 private:
  BucketDetails details_;
};

TEST(DocumentTest, what_was_never_seen_of_a_bucket_is_not_guessed) {
  const auto permission = [](const std::optional<bool>& acl, const std::optional<bool>& policy,
                             const std::optional<bool>& ignore, const std::optional<bool>& restrict_bucket,
                             const std::optional<bool>& account) {
    BucketDetails details;
    details.acl_public_read = details.acl_public_write = acl;
    details.policy_public_read = details.policy_public_write = policy;
    details.bucket.ignore_public_acls = ignore;
    details.bucket.restrict_public_buckets = restrict_bucket;
    details.account.ignore_public_acls = details.account.restrict_public_buckets = account;
    return text(rendered(finding_of(bucket_subject()), BucketKnown(details)),
                "resource.s3BucketDetails.0.publicAccess.effectivePermission");
  };
  EXPECT_EQ(permission({}, {}, {}, {}, {}), "UNKNOWN");
  EXPECT_EQ(permission(true, false, {}, {}, {}), "UNKNOWN");
  EXPECT_EQ(permission(true, false, false, {}, {}), "PUBLIC");
  EXPECT_EQ(permission(true, false, true, {}, {}), "NOT_PUBLIC");
  EXPECT_EQ(permission(false, true, {}, false, {}), "PUBLIC");
  EXPECT_EQ(permission(true, true, false, false, true), "NOT_PUBLIC");
  EXPECT_EQ(permission(false, false, {}, {}, {}), "NOT_PUBLIC");
}

TEST(DocumentTest, a_cluster_tells_user_and_workload) {
  const JsonDocument document = rendered(finding_of(kubernetes_subject()), EverythingKnown());
  EXPECT_EQ(text(document, "resource.eksClusterDetails.vpcId"), "vpc-1");
  EXPECT_EQ(text(document, "resource.eksClusterDetails.createdAt"), "1500000000");
  EXPECT_EQ(text(document, "resource.kubernetesDetails.kubernetesUserDetails.groups.0"), "system:masters");
  EXPECT_EQ(text(document, "resource.kubernetesDetails.kubernetesUserDetails.impersonatedUser.username"),
            "bob");
  EXPECT_EQ(text(document, "resource.kubernetesDetails.kubernetesWorkloadDetails.namespace"), "kube-system");
  EXPECT_EQ(text(document, "service.action.kubernetesApiCallAction.statusCode"), "101");
  EXPECT_EQ(text(document, "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV6"),
            "2001:db8::9");
  EXPECT_EQ(
      text(rendered(finding_of(kubernetes_subject()), NothingKnown()), "resource.eksClusterDetails.arn"),
      "arn:aws:eks:us-west-2:111122223333:cluster/prod");
}

TEST(DocumentTest, the_proof_is_inside_the_value_and_in_exports_beside_it) {
  FindingDocument finding = finding_of(flow_subject());
  finding.evidence = {{"hosts_reached", "120"},
                      {"threshold", "100"},
                      {"out_bytes", "7000"},
                      {"hosts_reached", "121"},
                      {"unusual.asn", "9318"}};
  finding.intel = {{"198.51.100.0/24", "ProofPoint", "scanner", "Scanner", false}};
  const JsonDocument api = rendered(finding, EverythingKnown());
  EXPECT_EQ(text(api, "service.additionalInfo.type"), "default");
  EXPECT_EQ(text(api, "service.additionalInfo.picket"), "(absent)");
  const std::string value = text(api, "service.additionalInfo.value");
  const JsonDocument inside{std::string_view(value)};
  EXPECT_EQ(text(inside, "threatListName"), "ProofPoint");
  EXPECT_EQ(text(inside, "threatName"), "Scanner");
  EXPECT_EQ(text(inside, "outBytes"), "7000");
  EXPECT_EQ(text(inside, "unusualBehavior.asn"), "9318");
  EXPECT_EQ(text(inside, "picket.detector"), "family");
  EXPECT_EQ(text(inside, "picket.mitre.technique"), "T1562.008");
  EXPECT_EQ(text(inside, "picket.records.0.object"), "AWSLogs/a.json.gz");
  EXPECT_EQ(text(inside, "picket.records.0.event_id"), "e-1");
  EXPECT_EQ(text(inside, "picket.records.1.position"), "9");
  EXPECT_EQ(text(inside, "picket.records.1.event_id"), "(absent)");
  EXPECT_EQ(text(inside, "picket.records_total"), "13793");
  EXPECT_EQ(text(inside, "picket.why.threshold"), "100");
  EXPECT_EQ(text(inside, "picket.why.hosts_reached.1"), "121");
  EXPECT_EQ(text(inside, "picket.why.indicators.0.indicator"), "198.51.100.0/24");
  EXPECT_EQ(text(api, "service.evidence.threatIntelligenceDetails.0.threatNames.0"), "Scanner");

  const JsonDocument exported = rendered(finding, EverythingKnown(), DocumentForm::exported);
  EXPECT_EQ(text(exported, "service.additionalInfo.value"), value);
  EXPECT_EQ(text(exported, "service.additionalInfo.picket.why.threshold"), "100");
  EXPECT_EQ(text(exported, "service.additionalInfo.type"), "default");
}

TEST(DocumentTest, known_evidence_takes_guarddutys_kinds) {
  FindingDocument finding = finding_of(flow_subject());
  finding.evidence = {
      {"ports_sample", "22, 80,443"}, {"api_calls", "GetObject=12,ListObjects"}, {"in_bytes", "many"}};
  const JsonDocument document = rendered(finding, EverythingKnown(), DocumentForm::exported);
  const std::string at = "service.additionalInfo.";
  EXPECT_EQ(simdjson::minify(*document.at(at + "portsScannedSample")), "[22,80,443]");
  EXPECT_EQ(simdjson::minify(*document.at(at + "apiCalls")),
            R"([{"name":"GetObject","count":12,"firstSeen":1571959434,"lastSeen":1571959439},)"
            R"({"name":"ListObjects","count":1,"firstSeen":1571959434,"lastSeen":1571959439}])");
  EXPECT_EQ(text(document, at + "inBytes"), "(absent)");
  EXPECT_EQ(text(document, at + "picket.why.in_bytes"), "many");
}

TEST(DocumentTest, a_port_probe_lists_its_ports) {
  FindingDocument finding = one_of_each()[5];
  const JsonDocument document = rendered(finding, EverythingKnown());
  const std::string at = "service.action.portProbeAction.portProbeDetails.";
  EXPECT_EQ(text(document, at + "0.localPortDetails.portName"), "SSH");
  EXPECT_EQ(text(document, at + "1.localPortDetails.port"), "443");
  EXPECT_EQ(text(document, at + "1.remoteIpDetails.ipAddressV4"), "198.51.100.7");
  finding.evidence.clear();
  EXPECT_EQ(text(rendered(finding, EverythingKnown()), at + "0.localPortDetails.port"), "39677");
}

TEST(DocumentTest, what_an_attacker_wrote_stays_a_string) {
  Subject subject = api_call_subject();
  const std::string nasty = "\"},{\"x\":\"<script>{api}\n\xff";
  subject.access_key->user_name = nasty;
  subject.api_call->user_agent = nasty;
  const JsonDocument document = rendered(finding_of(subject), EverythingKnown());
  ASSERT_TRUE(document.root());
  const std::string kept = text(document, "resource.accessKeyDetails.userName");
  EXPECT_THAT(kept, HasSubstr("\"},{\"x\":\"<script>{api}\n"));
  EXPECT_EQ(text(document, "title"), kept + " used StopLogging");  // values are not expanded again
}

TEST(DocumentTest, the_same_finding_gives_the_same_bytes) {
  for (const FindingDocument& finding : one_of_each()) {
    EXPECT_EQ(render(finding, EverythingKnown(), DocumentForm::exported),
              render(finding, EverythingKnown(), DocumentForm::exported));
  }
}

TEST(DocumentTest, partitions_follow_the_region) {
  FindingDocument finding = finding_of(bucket_subject());
  finding.subject.region = "cn-north-1";
  const JsonDocument document = rendered(finding, NothingKnown());
  EXPECT_EQ(text(document, "partition"), "aws-cn");
  EXPECT_EQ(text(document, "resource.s3BucketDetails.0.arn"), "arn:aws-cn:s3:::data");
}

TEST(TemplateTest, placeholders_become_values) {
  EXPECT_EQ(
      expand_template("{principal} {api} {remote_ip} {count} {unit}", api_call_subject(), {{"unit", "7"}}, 3),
      "mallory StopLogging 198.51.100.7 3 7");
  EXPECT_EQ(expand_template("{host}:{local_port} to {remote_port}", flow_subject(), {}, 1),
            "eni-0a:39677 to 22");
  EXPECT_EQ(expand_template("{host}", flow_subject(), {}, 1, "i-0a"), "i-0a");
  EXPECT_EQ(expand_template("{principal} in {cluster}, {namespace}/{workload}", kubernetes_subject(), {}, 1),
            "kubernetes-admin in prod, kube-system/web");
  EXPECT_EQ(expand_template("{domain} {bucket}", dns_subject(), {{"bucket", "b"}}, 1), "evil.example b");
}

TEST(TemplateTest, a_missing_value_is_a_word) {
  for (const char* name : {"principal", "host", "remote_ip", "api", "service", "bucket", "domain", "cluster",
                           "namespace", "workload", "remote_port", "local_port", "anything"}) {
    const std::string found = expand_template("{" + std::string(name) + "}", Subject{}, {}, 1);
    EXPECT_THAT(found, Not(IsEmpty()));
    EXPECT_THAT(found, Not(HasSubstr("{"))) << name;
  }
  EXPECT_EQ(expand_template("{open and plain", Subject{}, {}, 1), "{open and plain");
}

TEST(TemplateTest, long_values_are_cut_between_characters) {
  Subject subject = dns_subject();
  subject.dns->domain = std::string(255, 'a') + "éé";  // the limit falls inside the first é
  EXPECT_EQ(expand_template("{domain}", subject, {}, 1), std::string(255, 'a') + "…");
}

}  // namespace
}  // namespace picket
