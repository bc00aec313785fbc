// What the server tells of entities and investigations under /picket/v1/ (docs/investigate.md).
import type { Finding } from "@aws-sdk/client-guardduty";
import { principalOf, remoteOf } from "../finding";
import type { Api } from "../guardduty";
import { href } from "../router";
import { post } from "../session";

export const kinds = {
  principal: "Principal",
  session: "Role session",
  address: "Address",
  domain: "Domain",
  instance: "Instance",
  bucket: "Bucket",
  clusterUser: "Cluster user",
} as const;
export type Kind = keyof typeof kinds;
export const isKind = (kind: string): kind is Kind => kind in kinds;

export interface Found {
  kind: Kind;
  name: string;
  accountId: string;
  firstSeen: string;
  lastSeen: string;
  total: number;
}
export interface Counted {
  count: number;
  failed?: number;
  bytes?: number;
  firstDay: string;
  lastDay: string;
  new: boolean;
}
export type FacetValue = Counted & { value: string };
export interface Place {
  country: string;
  latitude: number;
  longitude: number;
  asn?: number;
  asOrg: string;
}
export type Neighbour = Counted & Partial<Place> & { kind: Kind; name: string };
export interface Range {
  low: number;
  median: number;
  high: number;
}
export interface EntityFinding {
  id: string;
  type: string;
  title: string;
  severity: number;
  accountId: string;
  region: string;
  firstSeen: string;
  lastSeen: string;
  count: number;
  archived: boolean;
}
export const facets = {
  calls: "Calls",
  errors: "Errors",
  regions: "Regions",
  countries: "Countries",
  networks: "Networks",
  clients: "Clients",
  ports: "Ports",
} as const;
export type Facet = keyof typeof facets;
export type Entity = Record<Facet, FacetValue[]> & {
  kind: Kind;
  name: string;
  accounts: string[];
  firstSeen: string;
  lastSeen: string;
  total: number;
  from: string;
  to: string;
  isNew: boolean;
  completeSince?: string;
  place?: Place;
  activity: {
    hours: { at: string; count: number; failed: number }[];
    days: { day: string; count: number; failed: number }[];
    hourlySince: string;
  };
  baseline: { days: number; perDay?: Range; hourlyDays: number; hoursOfDay?: Range[] };
  neighbours: Neighbour[];
  usual?: { activeDays: number; values: Record<string, Record<string, string[]>> };
  findings: EntityFinding[];
  moreFindings: boolean;
};

export interface Evidence {
  text: string;
  source: string;
  weight: number;
}
export interface Report {
  title: string;
  whatHappened: string;
  type: string;
  riskLevel: string;
  confidence: string;
  scope: { from: string; to: string; accounts: string[]; regions: string[]; entities: { kind: Kind; name: string; known: boolean }[] };
  hypotheses: { name: string; statement: string; assessment: "likely" | "possible" | "unlikely"; score: number; supporting: Evidence[]; against: Evidence[] }[];
  timeline: { at: string; wholeDay: boolean; text: string; source: string }[];
  findings: EntityFinding[];
  nextSteps: { title: string; rationale: string; priority: string; commands: string[] }[];
  gaps: string[];
}

export function read<T>(api: Api, path: string, query: Record<string, string | undefined> = {}, region = api.session.region): Promise<T> {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return post<T>("read", { path: `/picket/v1/${path}`, query: new URLSearchParams(given).toString().replaceAll("+", "%20"), region }, api.session.csrf);
}

export const entityHref = (kind: Kind, name: string, more: { from?: string; to?: string; account?: string } = {}) => href(["entities", kind, name], more);

// The entities that a finding is about, by the names their pages go by.
export function entitiesOf(finding: Finding): { kind: Kind; name: string }[] {
  const out: { kind: Kind; name: string }[] = [];
  const add = (kind: Kind, name: string | undefined) => name && out.push({ kind, name });
  const key = finding.Resource?.AccessKeyDetails;
  const cluster = finding.Resource?.EksClusterDetails?.Name;
  const user = finding.Resource?.KubernetesDetails?.KubernetesUserDetails?.Username;
  if (cluster && user) add("clusterUser", `${cluster}/${user}`);
  else add("principal", key?.UserType === "Root" ? "root" : key?.UserName || principalOf(finding));
  const remote = remoteOf(finding);
  add("address", remote?.IpAddressV4 || remote?.IpAddressV6);
  const query = finding.Service?.Action?.DnsRequestAction;
  add("domain", query?.DomainWithSuffix || query?.Domain);
  add("instance", finding.Resource?.InstanceDetails?.InstanceId || finding.Resource?.InstanceDetails?.NetworkInterfaces?.[0]?.NetworkInterfaceId);
  for (const bucket of finding.Resource?.S3BucketDetails ?? []) add("bucket", bucket.Name);
  return out;
}
