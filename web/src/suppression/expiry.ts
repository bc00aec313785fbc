// Until when a rule archives. GuardDuty's filters know no end, so picket reads it from a tag of the filter.
import { TagResourceCommand, UntagResourceCommand } from "@aws-sdk/client-guardduty";
import type { Place } from "../guardduty";

const tag = "picket:expires";

// Absent: for ever, or no time.
export function expiryOf(tags: Record<string, string> | undefined): string | undefined {
  const value = tags?.[tag];
  return value !== undefined && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

export const expiryTags = (until: string | undefined): Record<string, string> | undefined => (until ? { [tag]: until } : undefined);

const partitionOf = (region: string) => (region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws");

// Of a filter that is there already.
export async function setExpiry({ client, region, detectorId }: Place, account: string, name: string, until: string | undefined): Promise<void> {
  const ResourceArn = `arn:${partitionOf(region)}:guardduty:${region}:${account}:detector/${detectorId}/filter/${name}`;
  if (until) await client.send(new TagResourceCommand({ ResourceArn, Tags: { [tag]: until } }));
  else await client.send(new UntagResourceCommand({ ResourceArn, TagKeys: [tag] }));
}
