// What a finding says, for people: who, what, where, why.
import type { Finding } from "@aws-sdk/client-guardduty";

export type Level = "low" | "medium" | "high" | "critical";

export function levelOf(severity: number | undefined): Level {
  const value = severity ?? 0;
  return value >= 9 ? "critical" : value >= 7 ? "high" : value >= 4 ? "medium" : "low";
}

export const levels: Level[] = ["critical", "high", "medium", "low"];
// Severities are compared in whole steps: "7" takes 7.0 to 7.9.
export const severitiesOf: Record<Level, string[]> = {
  critical: ["9", "10"],
  high: ["7", "8"],
  medium: ["4", "5", "6"],
  low: ["1", "2", "3"],
};

export interface ProofRecord {
  object: string;
  position: number;
  event_id?: string;
  time?: string;
}
export interface Proof {
  detector?: string;
  mitre?: { tactic?: string; technique?: string };
  records?: ProofRecord[];
  records_total?: number;
  why?: Record<string, unknown>;
}
export interface AdditionalInfo {
  picket?: Proof;
  threatListName?: string;
  sample?: boolean;
  anomalies?: Record<string, unknown>;
  profiledBehavior?: Record<string, unknown>;
  unusualBehavior?: Record<string, unknown>;
  [member: string]: unknown;
}

// service.additionalInfo.value is JSON in a string.
export function additionalInfo(finding: Finding): AdditionalInfo {
  try {
    const parsed: unknown = JSON.parse(finding.Service?.AdditionalInfo?.Value ?? "{}");
    return typeof parsed === "object" && parsed !== null ? (parsed as AdditionalInfo) : {};
  } catch {
    return {};
  }
}

export function principalOf(finding: Finding): string {
  const key = finding.Resource?.AccessKeyDetails;
  const kubernetes = finding.Resource?.KubernetesDetails?.KubernetesUserDetails;
  const actor = finding.Service?.Detection?.Sequence?.Actors?.[0]?.User;
  return key?.UserName || key?.PrincipalId || kubernetes?.Username || actor?.Name || actor?.Uid || "";
}

export const counted = (count: number, what: string) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

export function resourceOf(finding: Finding): string {
  const resource = finding.Resource;
  const sequence = finding.Service?.Detection?.Sequence?.Resources;
  return (
    resource?.InstanceDetails?.InstanceId ||
    resource?.LambdaDetails?.FunctionName ||
    resource?.S3BucketDetails?.[0]?.Name ||
    resource?.EksClusterDetails?.Name ||
    resource?.EcsClusterDetails?.Name ||
    resource?.RdsDbInstanceDetails?.DbInstanceIdentifier ||
    resource?.InstanceDetails?.NetworkInterfaces?.[0]?.NetworkInterfaceId ||
    resource?.InstanceDetails?.NetworkInterfaces?.[0]?.PrivateIpAddress ||
    resource?.AccessKeyDetails?.AccessKeyId ||
    (sequence?.length ? counted(sequence.length, "resource") : "")
  );
}

export function remoteOf(finding: Finding) {
  const action = finding.Service?.Action;
  return (
    action?.AwsApiCallAction?.RemoteIpDetails ??
    action?.NetworkConnectionAction?.RemoteIpDetails ??
    action?.KubernetesApiCallAction?.RemoteIpDetails ??
    action?.RdsLoginAttemptAction?.RemoteIpDetails ??
    action?.PortProbeAction?.PortProbeDetails?.[0]?.RemoteIpDetails
  );
}

export function remoteAddressOf(finding: Finding): string {
  const remote = remoteOf(finding);
  return remote?.IpAddressV4 || remote?.IpAddressV6 || finding.Service?.Action?.DnsRequestAction?.Domain || "";
}

export function isSequence(finding: Finding): boolean {
  return finding.Type?.startsWith("AttackSequence:") ?? false;
}

// "2026-09-14 03:10:50" in UTC, as the logs have it.
export function timeText(time: string | number | Date | undefined): string {
  if (time === undefined || time === "") return "";
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString().replace("T", " ").slice(0, 19);
}

// "12 days ago", for a glance; the exact time stands beside it.
export function ageText(time: string | number | Date | undefined, now = Date.now()): string {
  const at = time === undefined ? NaN : new Date(time).getTime();
  if (Number.isNaN(at)) return "";
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ];
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, span] of steps) {
    if (Math.abs(now - at) >= span) return format.format(-Math.round((now - at) / span), unit);
  }
  return "just now";
}

// The finding as the API sends it: members begin in lower case, as in the AWS CLI's files and in events.
export function apiForm(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(apiForm);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => inner !== undefined && name !== "$metadata")
      .map(([name, inner]) => [name.charAt(0).toLowerCase() + name.slice(1), apiForm(inner)]),
  );
}
