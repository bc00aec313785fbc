// Between the filter people type and FindingCriteria of the API.
import type { Condition, Finding } from "@aws-sdk/client-guardduty";
import type { PropertyFilterProps } from "@cloudscape-design/components/property-filter";
import attributes from "../generated/attributes.json";
import findingTypes from "../generated/finding_types.json";
import { levelOf, remoteAddressOf } from "../finding";
import type { Criterion } from "../guardduty";
import { plain } from "../text";
import { archivedPath } from "./paths";

type Kind = "text" | "number" | "boolean" | "time";
interface Attribute {
  path: string;
  kind: Kind;
}
const all = attributes as Attribute[];
const kinds = new Map(all.map(({ path, kind }) => [path, kind]));

// Attributes that people ask for most, under the names of the GuardDuty console.
const common: Record<string, string> = {
  severity: "Severity",
  type: "Finding type",
  accountId: "Account ID",
  region: "Region",
  id: "Finding ID",
  createdAt: "Created at",
  updatedAt: "Updated at",
  "service.count": "Count",
  "service.eventFirstSeen": "First seen",
  "service.eventLastSeen": "Last seen",
  "service.resourceRole": "Resource role",
  "service.userFeedback": "Feedback",
  "resource.resourceType": "Resource type",
  "resource.accessKeyDetails.accessKeyId": "Access key ID",
  "resource.accessKeyDetails.principalId": "Principal ID",
  "resource.accessKeyDetails.userName": "User name",
  "resource.accessKeyDetails.userType": "User type",
  "resource.instanceDetails.instanceId": "Instance ID",
  "resource.instanceDetails.imageId": "Instance image ID",
  "resource.instanceDetails.tags.key": "Instance tag key",
  "resource.instanceDetails.tags.value": "Instance tag value",
  "resource.instanceDetails.networkInterfaces.vpcId": "VPC ID",
  "resource.instanceDetails.networkInterfaces.subnetId": "Subnet ID",
  "resource.instanceDetails.networkInterfaces.publicIp": "Instance public IPv4 address",
  "resource.instanceDetails.networkInterfaces.securityGroups.groupId": "Security group ID",
  "resource.s3BucketDetails.name": "S3 bucket name",
  "resource.eksClusterDetails.name": "EKS cluster name",
  "resource.kubernetesDetails.kubernetesUserDetails.username": "Kubernetes user name",
  "resource.kubernetesDetails.kubernetesWorkloadDetails.name": "Kubernetes workload",
  "resource.kubernetesDetails.kubernetesWorkloadDetails.namespace": "Kubernetes namespace",
  "resource.lambdaDetails.functionName": "Lambda function name",
  "service.action.actionType": "Action type",
  "service.action.awsApiCallAction.api": "API called",
  "service.action.awsApiCallAction.serviceName": "API service name",
  "service.action.awsApiCallAction.callerType": "API caller type",
  "service.action.awsApiCallAction.errorCode": "API error code",
  "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4": "API caller IPv4 address",
  "service.action.awsApiCallAction.remoteIpDetails.country.countryName": "API caller country",
  "service.action.awsApiCallAction.remoteIpDetails.organization.asn": "API caller ASN",
  "service.action.awsApiCallAction.remoteIpDetails.organization.asnOrg": "API caller ASN name",
  "service.action.networkConnectionAction.connectionDirection": "Network connection direction",
  "service.action.networkConnectionAction.protocol": "Network protocol",
  "service.action.networkConnectionAction.localPortDetails.port": "Local port",
  "service.action.networkConnectionAction.remotePortDetails.port": "Remote port",
  "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4": "Remote IPv4 address",
  "service.action.networkConnectionAction.remoteIpDetails.country.countryName": "Remote country",
  "service.action.networkConnectionAction.remoteIpDetails.organization.asnOrg": "Remote ASN name",
  "service.action.dnsRequestAction.domain": "DNS request domain",
  "service.additionalInfo.threatListName": "Threat list name",
};

export const labelOf = (path: string): string => common[path] ?? path;

const compared: PropertyFilterProps.ComparisonOperator[] = ["=", "!=", ">=", "<=", ">", "<"];

function propertyOf(path: string): PropertyFilterProps.FilteringProperty {
  const kind = kinds.get(path) ?? "text";
  const operators = kind === "number" ? compared : kind === "time" ? [">=", "<=", ">", "<"] : ["=", "!="];
  return {
    key: path,
    propertyLabel: labelOf(path),
    groupValuesLabel: `${labelOf(path)} values`,
    group: path in common ? undefined : "all",
    operators: operators.map((operator) =>
      operator === "=" || operator === "!=" ? { operator, tokenType: "enum" as const } : (operator as PropertyFilterProps.ComparisonOperator),
    ),
    defaultOperator: operators[0] as PropertyFilterProps.ComparisonOperator,
  };
}

// For rules, which know wildcards besides.
const withWildcards = (property: PropertyFilterProps.FilteringProperty): PropertyFilterProps.FilteringProperty =>
  kinds.get(property.key) === "text" || kinds.get(property.key) === undefined
    ? { ...property, operators: [...(property.operators ?? []), ":", "!:"] }
    : property;

const paths = [...Object.keys(common).filter((path) => kinds.has(path)), ...all.map(({ path }) => path).filter((path) => !(path in common))];
export const properties = paths.filter((path) => path !== archivedPath).map(propertyOf);
export const ruleProperties = properties.map(withWildcards);

// Values to choose from: those the API fixes, and those of the findings at hand.
export function optionsFrom(findings: Finding[], accounts: string[], regions: string[]): PropertyFilterProps.FilteringOption[] {
  const values = new Map<string, Map<string, string>>();
  const add = (propertyKey: string, value: string | number | undefined, label?: string) => {
    if (value === undefined || value === "") return;
    const text = String(value);
    if (!values.has(propertyKey)) values.set(propertyKey, new Map());
    values.get(propertyKey)!.set(text, label ?? plain(text));
  };
  for (let severity = 10; severity >= 1; --severity) add("severity", severity, `${severity} (${levelOf(severity)})`);
  for (const type of Object.keys(findingTypes)) add("type", type);
  for (const account of accounts) add("accountId", account);
  for (const region of regions) add("region", region);
  for (const feedback of ["USEFUL", "NOT_USEFUL"]) add("service.userFeedback", feedback);
  for (const finding of findings) {
    const { Resource: resource, Service: service } = finding;
    const call = service?.Action?.AwsApiCallAction;
    const connection = service?.Action?.NetworkConnectionAction;
    add("type", finding.Type);
    add("accountId", finding.AccountId);
    add("region", finding.Region);
    add("resource.resourceType", resource?.ResourceType);
    add("resource.accessKeyDetails.userName", resource?.AccessKeyDetails?.UserName);
    add("resource.accessKeyDetails.accessKeyId", resource?.AccessKeyDetails?.AccessKeyId);
    add("resource.accessKeyDetails.principalId", resource?.AccessKeyDetails?.PrincipalId);
    add("resource.accessKeyDetails.userType", resource?.AccessKeyDetails?.UserType);
    add("resource.instanceDetails.instanceId", resource?.InstanceDetails?.InstanceId);
    for (const bucket of resource?.S3BucketDetails ?? []) add("resource.s3BucketDetails.name", bucket.Name);
    add("resource.eksClusterDetails.name", resource?.EksClusterDetails?.Name);
    add("resource.kubernetesDetails.kubernetesUserDetails.username", resource?.KubernetesDetails?.KubernetesUserDetails?.Username);
    add("service.action.actionType", service?.Action?.ActionType);
    add("service.action.awsApiCallAction.api", call?.Api);
    add("service.action.awsApiCallAction.serviceName", call?.ServiceName);
    add("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", call?.RemoteIpDetails?.IpAddressV4);
    add("service.action.awsApiCallAction.remoteIpDetails.country.countryName", call?.RemoteIpDetails?.Country?.CountryName);
    add("service.action.networkConnectionAction.remoteIpDetails.ipAddressV4", connection?.RemoteIpDetails?.IpAddressV4);
    add("service.action.networkConnectionAction.remotePortDetails.port", connection?.RemotePortDetails?.Port);
    add("service.action.networkConnectionAction.localPortDetails.port", connection?.LocalPortDetails?.Port);
    add("service.action.dnsRequestAction.domain", service?.Action?.DnsRequestAction?.Domain);
  }
  return [...values].flatMap(([propertyKey, options]) => [...options].map(([value, label]) => ({ propertyKey, value, label })));
}

const bounds = { ">": "GreaterThan", ">=": "GreaterThanOrEqual", "<": "LessThan", "<=": "LessThanOrEqual" } as const;
const lists = { "=": "Equals", "!=": "NotEquals", ":": "Matches", "!:": "NotMatches" } as const;

export class FilterError extends Error {}

function bound(path: string, text: string): number {
  const value = kinds.get(path) === "time" ? Date.parse(text) || Number(text) : Number(text);
  if (!Number.isFinite(value) || text.trim() === "")
    throw new FilterError(`${labelOf(path)} is compared with a ${kinds.get(path) === "time" ? "time such as 2026-09-14T03:00:00Z" : "number"}`);
  return value;
}

export function toCriterion(tokens: readonly PropertyFilterProps.Token[]): Criterion {
  const criterion: Criterion = {};
  for (const { propertyKey, operator, value } of tokens) {
    if (!propertyKey) throw new FilterError("choose an attribute to compare the text with");
    const condition: Condition = (criterion[propertyKey] ??= {});
    const texts: string[] = Array.isArray(value) ? (value as string[]) : [String(value)];
    if (operator in lists) {
      const list = lists[operator as keyof typeof lists];
      condition[list] = [...new Set([...(condition[list] ?? []), ...texts])];
    } else {
      condition[bounds[operator as keyof typeof bounds]] = bound(propertyKey, texts[0] ?? "");
    }
  }
  return criterion;
}

// Old names of conditions (eq, gte, …) come from filters that other clients made.
const oldNames = { Eq: "Equals", Neq: "NotEquals", Gt: "GreaterThan", Gte: "GreaterThanOrEqual", Lt: "LessThan", Lte: "LessThanOrEqual" } as const;

export function toTokens(criterion: Criterion): PropertyFilterProps.Token[] {
  const tokens: PropertyFilterProps.Token[] = [];
  for (const [propertyKey, given] of Object.entries(criterion)) {
    const condition: Condition = { ...given };
    for (const [old, name] of Object.entries(oldNames) as [keyof typeof oldNames, (typeof oldNames)[keyof typeof oldNames]][]) {
      if (given[old] !== undefined && condition[name] === undefined) Object.assign(condition, { [name]: given[old] });
    }
    for (const [operator, name] of Object.entries(lists)) {
      const values = condition[name];
      if (!values?.length) continue;
      // Each pattern is a token of its own, typed as it is.
      if (operator === ":" || operator === "!:") values.forEach((value) => tokens.push({ propertyKey, operator, value }));
      else tokens.push({ propertyKey, operator, value: values });
    }
    for (const [operator, name] of Object.entries(bounds)) {
      const value = condition[name];
      if (value === undefined) continue;
      tokens.push({ propertyKey, operator, value: kinds.get(propertyKey) === "time" ? new Date(value).toISOString() : String(value) });
    }
  }
  return tokens;
}

export function parseCriterion(text: string | null): Criterion {
  if (!text) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Criterion) : {};
  } catch {
    return {};
  }
}

// What finding and rule have in common: the narrowest things worth suppressing by.
export function criterionFrom(finding: Finding): { path: string; value: string }[] {
  const { Resource: resource, Service: service } = finding;
  const remote = remoteAddressOf(finding);
  const action = service?.Action;
  const out: { path: string; value: string | undefined }[] = [
    { path: "type", value: finding.Type },
    { path: "accountId", value: finding.AccountId },
    { path: "resource.accessKeyDetails.userName", value: resource?.AccessKeyDetails?.UserName },
    { path: "resource.accessKeyDetails.principalId", value: resource?.AccessKeyDetails?.PrincipalId },
    { path: "resource.instanceDetails.instanceId", value: resource?.InstanceDetails?.InstanceId },
    { path: "resource.s3BucketDetails.name", value: resource?.S3BucketDetails?.[0]?.Name },
    { path: "resource.eksClusterDetails.name", value: resource?.EksClusterDetails?.Name },
    { path: "resource.kubernetesDetails.kubernetesUserDetails.username", value: resource?.KubernetesDetails?.KubernetesUserDetails?.Username },
    { path: "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", value: action?.AwsApiCallAction ? remote : undefined },
    { path: "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4", value: action?.NetworkConnectionAction ? remote : undefined },
    { path: "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4", value: action?.KubernetesApiCallAction ? remote : undefined },
    { path: "service.action.dnsRequestAction.domain", value: action?.DnsRequestAction?.Domain },
    { path: "service.action.awsApiCallAction.api", value: action?.AwsApiCallAction?.Api },
  ];
  return out.filter((one): one is { path: string; value: string } => Boolean(one.value) && kinds.has(one.path));
}

