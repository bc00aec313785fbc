// What the server read and what became of it, from its counters for Prometheus.

export const kinds = { cloudtrail: "CloudTrail", vpcflow: "VPC flow logs", dns: "Resolver query logs", k8saudit: "EKS audit logs" } as const;
export type Kind = keyof typeof kinds;
export interface KindLedger {
  kind: Kind;
  objects: number;
  failed: number;
  read: number;
  processed: number;
  filtered: number;
  duplicate: number;
  quarantined: number;
  late: number;
}
export interface Ledger {
  kinds: KindLedger[];
  caughtUp: boolean;
  pending: number;
  skipped: number;
}

async function loadMetrics(): Promise<Map<string, number>> {
  const response = await fetch("/metrics");
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const blank = line.lastIndexOf(" ");
    if (blank > 0 && !line.startsWith("#")) values.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return values;
}

// Of custom rules on dry run, how many records each would have raised something for, over all accounts.
export async function loadDryRuns(region: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const [name, value] of await loadMetrics()) {
    const [, rule, where] = /^picket_custom_rule_dry_run_matches_total\{rule="([^"]*)",account="[^"]*",region="([^"]*)"\}$/.exec(name) ?? [];
    if (rule && where === region) counts.set(rule, (counts.get(rule) ?? 0) + value);
  }
  return counts;
}

export async function loadLedger(): Promise<Ledger> {
  const values = await loadMetrics();
  const of = (name: string, kind?: string) => values.get(`picket_${name}${kind ? `{kind="${kind}"}` : ""}`) ?? 0;
  return {
    kinds: (Object.keys(kinds) as Kind[]).map((kind) => ({
      kind,
      objects: of("objects_total", kind),
      failed: of("objects_failed_total", kind),
      read: of("records_read_total", kind),
      processed: of("records_processed_total", kind),
      filtered: of("records_filtered_total", kind),
      duplicate: of("records_duplicate_total", kind),
      quarantined: of("records_quarantined_total", kind),
      late: of("records_late_total", kind),
    })),
    caughtUp: of("caught_up") === 1,
    pending: of("pending_objects"),
    skipped: of("objects_skipped_total"),
  };
}
