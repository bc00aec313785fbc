// Which resources the logs cover, and how much was read for whom.
import { GetUsageStatisticsCommand, ListCoverageCommand, type CoverageResource, type UsageStatisticType } from "@aws-sdk/client-guardduty";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { Place } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { RegionPage } from "./frame";

export default function CoverageAndUsage({ region }: { region: string }) {
  return (
    <RegionPage section="coverage" title="Coverage and usage" description="Whether an attack on a resource could be seen, and what the logs weigh" region={region}>
      {({ place }) => (
        <SpaceBetween size="l">
          <Coverage place={place} />
          <Usage place={place} />
        </SpaceBetween>
      )}
    </RegionPage>
  );
}

function Coverage({ place }: { place: Place }) {
  const { client, detectorId } = place;
  const resources = useLoaded(async () => {
    const all: CoverageResource[] = [];
    let NextToken: string | undefined;
    do {
      const page = await client.send(new ListCoverageCommand({ DetectorId: detectorId, MaxResults: 50, NextToken }));
      all.push(...(page.Resources ?? []));
      NextToken = page.NextToken || undefined;
    } while (NextToken);
    return all;
  }, [client, detectorId]);
  return (
    <Rows<CoverageResource>
      variant="container"
      items={resources.value ?? []}
      loading={!resources.value && !resources.error}
      loadingText="Loading coverage"
      empty={resources.error ? <Failed what="The coverage cannot be shown" error={resources.error} /> : "The logs tell of no instance or cluster here."}
      ariaLabels={{ tableLabel: "Coverage" }}
      header={
        <Header variant="h2" counter={resources.value && `(${resources.value.length})`}>
          Coverage
        </Header>
      }
      columnDefinitions={[
        { id: "resource", header: "Resource", isRowHeader: true, cell: (one) => <Value>{one.ResourceId}</Value> },
        { id: "kind", header: "Kind", cell: (one) => <Value>{one.ResourceDetails?.ResourceType}</Value> },
        { id: "account", header: "Account", cell: (one) => <Value>{one.AccountId}</Value> },
        {
          id: "status",
          header: "Covered",
          cell: (one) => (
            <>
              <StatusIndicator type={one.CoverageStatus === "HEALTHY" ? "success" : "warning"}>
                {one.CoverageStatus === "HEALTHY" ? "yes" : "no"}
              </StatusIndicator>
              {one.Issue && (
                <div>
                  <Text>{one.Issue}</Text>
                </div>
              )}
            </>
          ),
        },
        { id: "updated", header: "As of (UTC)", cell: (one) => <Time at={one.UpdatedAt} /> },
      ]}
    />
  );
}

function bytesText(amount: string | undefined): string {
  let value = Number(amount ?? 0);
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    ++unit;
  }
  return `${unit ? value.toPrecision(3) : value} ${units[unit]}`;
}

function Usage({ place }: { place: Place }) {
  const { client, detectorId } = place;
  const ask = (UsageStatisticType: UsageStatisticType) =>
    client.send(
      new GetUsageStatisticsCommand({
        DetectorId: detectorId,
        UsageStatisticType,
        UsageCriteria: { Features: ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS", "S3_DATA_EVENTS", "EKS_AUDIT_LOGS"] },
        Unit: "BYTES",
        MaxResults: 50,
      }),
    );
  const usage = useLoaded(async () => {
    const [features, accounts] = await Promise.all([ask("SUM_BY_FEATURES"), ask("SUM_BY_ACCOUNT")]);
    return [
      ...(features.UsageStatistics?.SumByFeature ?? []).map((one) => ({ of: plain(one.Feature).replaceAll("_", " ").toLowerCase(), by: "Log", total: one.Total })),
      ...(accounts.UsageStatistics?.SumByAccount ?? []).map((one) => ({ of: plain(one.AccountId), by: "Account", total: one.Total })),
    ];
  }, [client, detectorId]);
  return (
    <Rows
      variant="container"
      items={usage.value ?? []}
      loading={!usage.value && !usage.error}
      loadingText="Loading usage"
      empty={usage.error ? <Failed what="The usage cannot be shown" error={usage.error} /> : "Nothing was read for this Region."}
      ariaLabels={{ tableLabel: "Usage" }}
      header={<Header variant="h2">Usage</Header>}
      columnDefinitions={[
        { id: "of", header: "Of", isRowHeader: true, cell: (one) => one.of },
        { id: "by", header: "Kind", cell: (one) => one.by },
        { id: "total", header: "Read", cell: (one) => bytesText(one.total?.Amount) },
      ]}
    />
  );
}
