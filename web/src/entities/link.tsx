// From a finding to the page of an entity in it, of the days around the finding.
import type { Finding } from "@aws-sdk/client-guardduty";
import { To, Value } from "../parts";
import { Text } from "../text";
import { entitiesOf, entityHref, type Kind } from "./entity";

const dayMs = 86_400_000;

function around(time: string | undefined, days: number): string | undefined {
  const at = new Date(time ?? "").getTime();
  return Number.isNaN(at) ? undefined : new Date((Math.floor(at / dayMs) + days) * dayMs).toISOString();
}

export function EntityLink({ finding, name, kind, most }: { finding: Finding; name?: string; kind: Kind[]; most?: number }) {
  const entity = entitiesOf(finding).find((one) => kind.includes(one.kind));
  if (!name || !entity) return <Value most={most}>{name}</Value>;
  const from = around(finding.Service?.EventFirstSeen ?? finding.CreatedAt, -1);
  const to = around(finding.Service?.EventLastSeen ?? finding.UpdatedAt, 2);
  return (
    <To to={entityHref(entity.kind, entity.name, from && to ? { from, to } : {})}>
      <Text most={most}>{name}</Text>
    </To>
  );
}
