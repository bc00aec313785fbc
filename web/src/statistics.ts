// Counts over several Regions.
import { GetFindingsStatisticsCommand, type FindingStatistics, type GroupByType } from "@aws-sdk/client-guardduty";
import { levelOf, levels, severitiesOf, type Level } from "./finding";
import type { Criterion, Place } from "./guardduty";

export const groupsMax = 100; // the API's most

async function grouped(places: Place[], criterion: Criterion, by: GroupByType): Promise<FindingStatistics[]> {
  return Promise.all(
    places.map(async ({ client, detectorId }) => {
      const { FindingStatistics } = await client.send(
        new GetFindingsStatisticsCommand({
          DetectorId: detectorId,
          GroupBy: by,
          MaxResults: groupsMax,
          FindingCriteria: { Criterion: criterion },
        }),
      );
      return FindingStatistics ?? {};
    }),
  );
}

export interface LevelCounts {
  byLevel: Record<Level, number>;
  total: number;
  latest: number; // when the newest of them changed
}

export async function countByLevel(places: Place[], criterion: Criterion): Promise<LevelCounts> {
  const byLevel: Record<Level, number> = { critical: 0, high: 0, medium: 0, low: 0 };
  let latest = 0;
  for (const group of (await grouped(places, criterion, "SEVERITY")).flatMap((one) => one.GroupedBySeverity ?? [])) {
    byLevel[levelOf(group.Severity)] += group.TotalFindings ?? 0;
    latest = Math.max(latest, group.LastGeneratedAt?.getTime() ?? 0);
  }
  return { byLevel, total: levels.reduce((sum, level) => sum + byLevel[level], 0), latest };
}

export interface Count {
  name: string;
  note?: string;
  total: number;
}

function summed(rows: (Count & { key: string })[], most: number): Count[] {
  const sums = new Map<string, Count>();
  for (const { key, ...row } of rows) {
    const known = sums.get(key);
    if (known) known.total += row.total;
    else sums.set(key, row);
  }
  return [...sums.values()].sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1)).slice(0, most);
}

export async function countByType(places: Place[], criterion: Criterion, most: number): Promise<Count[]> {
  const groups = (await grouped(places, criterion, "FINDING_TYPE")).flatMap((one) => one.GroupedByFindingType ?? []);
  return summed(groups.map(({ FindingType = "", TotalFindings = 0 }) => ({ key: FindingType, name: FindingType, total: TotalFindings })), most);
}

export async function countByAccount(places: Place[], criterion: Criterion, most: number): Promise<Count[]> {
  const groups = (await grouped(places, criterion, "ACCOUNT")).flatMap((one) => one.GroupedByAccount ?? []);
  return summed(groups.map(({ AccountId = "", TotalFindings = 0 }) => ({ key: AccountId, name: AccountId, total: TotalFindings })), most);
}

export async function countByResource(places: Place[], criterion: Criterion, most: number): Promise<Count[]> {
  const groups = (await grouped(places, criterion, "RESOURCE")).flatMap((one) => one.GroupedByResource ?? []);
  return summed(
    groups
      .filter(({ ResourceId }) => ResourceId)
      .map(({ ResourceId = "", ResourceType = "", AccountId = "", TotalFindings = 0 }) => {
        // Under the type of an access key stands the bucket that it was used on, where there is one.
        const note = ResourceType === "AccessKey" && !/^A[KS]IA[A-Z0-9]{16}$/.test(ResourceId) ? "S3Bucket" : ResourceType;
        return { key: `${AccountId} ${note} ${ResourceId}`, name: ResourceId, note, total: TotalFindings };
      }),
    most,
  );
}

// Where the API holds the name of a resource of each type.
const resourcePaths: Record<string, string> = {
  AccessKey: "resource.accessKeyDetails.accessKeyId",
  Instance: "resource.instanceDetails.instanceId",
  S3Bucket: "resource.s3BucketDetails.name",
  EKSCluster: "resource.eksClusterDetails.name",
  Lambda: "resource.lambdaDetails.functionName",
  ECSCluster: "resource.ecsClusterDetails.name",
  RDSDBInstance: "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
};

export function criterionOfResource({ name, note = "" }: Count): Criterion {
  const path = resourcePaths[note];
  return path ? { [path]: { Equals: [name] } } : { "resource.resourceType": { Equals: [note] } };
}

export interface Day {
  date: number; // midnight, UTC
  byLevel: Record<Level, number>;
}

// By the day that the findings were last updated. A level at a time, since the API tells a day's severities one by one
// and a limited number of them.
export async function countByDay(places: Place[], criterion: Criterion): Promise<Day[]> {
  const days = new Map<number, Day>();
  const at = (date: number) => {
    if (!days.has(date)) days.set(date, { date, byLevel: { critical: 0, high: 0, medium: 0, low: 0 } });
    return days.get(date)!;
  };
  await Promise.all(
    levels.map(async (level) => {
      const groups = await grouped(places, { ...criterion, severity: { Equals: severitiesOf[level] } }, "DATE");
      for (const { Date: date, TotalFindings = 0 } of groups.flatMap((one) => one.GroupedByDate ?? []))
        if (date) at(date.getTime()).byLevel[level] += TotalFindings;
    }),
  );
  return [...days.values()].sort((a, b) => a.date - b.date);
}
