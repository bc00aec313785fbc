// The state of things at a glance: how much, since when, whom it concerns, and whether all logs were read.
import { GetCoverageStatisticsCommand, type CoverageStatus } from "@aws-sdk/client-guardduty";
import BarChart from "@cloudscape-design/components/bar-chart";
import Box from "@cloudscape-design/components/box";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";
import { levels, principalOf, severitiesOf, type Level } from "../finding";
import { archivedPath } from "../findings/paths";
import findingTypes from "../generated/finding_types.json";
import { merged, take, useApi, type Criterion } from "../guardduty";
import { kinds, loadLedger } from "../ledger";
import { useLoaded, type Loaded } from "../loading";
import { Failed, Severity, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { countByAccount, countByDay, countByLevel, countByResource, countByType, type Count } from "../statistics";
import { Text } from "../text";

const shownMax = 5;
const gravestMax = 200; // findings that identities are counted over
const dayMs = 86_400_000;
const current: Criterion = { [archivedPath]: { Equals: ["false"] } };
const sequenceTypes = Object.keys(findingTypes).filter((type) => type.startsWith("AttackSequence:"));

const findingsHref = (region: string, criterion: Criterion, more: Record<string, string> = {}) =>
  href(["findings"], { region: region || undefined, filter: JSON.stringify(criterion), ...more });

export default function SummaryPage({ route }: { route: Route }) {
  const api = useApi();
  const region = route.query.get("region") ?? "";
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description="Current findings of every account that you see"
          actions={
            <Select
              ariaLabel="Region"
              selectedOption={{ value: region, label: region || "All Regions" }}
              options={[{ value: "", label: "All Regions" }, ...api.session.regions.map((value) => ({ value, label: value }))]}
              onChange={({ detail }) => go(href(["summary"], { region: detail.selectedOption.value || undefined }))}
            />
          }
        >
          Summary
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Levels region={region} />
        <Sequences region={region} />
        <Grid gridDefinition={[{ colspan: { default: 12, m: 8 } }, { colspan: { default: 12, m: 4 } }]}>
          <Trend region={region} />
          <Types region={region} />
        </Grid>
        <Affected region={region} />
        <Coverage region={region} />
      </SpaceBetween>
    </ContentLayout>
  );
}

function Shown<T>({ loaded, what, children }: { loaded: Loaded<T>; what: string; children: (value: T) => ReactNode }) {
  if (loaded.error) return <Failed what={`${what} cannot be told`} error={loaded.error} />;
  if (loaded.value === undefined) return <Spinner />;
  return children(loaded.value);
}

function Levels({ region }: { region: string }) {
  const api = useApi();
  const counts = useLoaded(async () => countByLevel(await api.places(region), current), [api, region]);
  return (
    <Container>
      <Shown loaded={counts} what="The counts">
        {({ byLevel, latest }) => (
          <ColumnLayout columns={4} variant="text-grid" minColumnWidth={130}>
            {levels.map((level) => (
              <a key={level} className={`tile severity-${level}`} href={findingsHref(region, { severity: { Equals: severitiesOf[level] } })}>
                <span className="tile-name">
                  <span aria-hidden="true" className="severity-mark" /> {level[0]!.toUpperCase() + level.slice(1)}
                </span>
                <span className="tile-number">{byLevel[level].toLocaleString("en")}</span>
              </a>
            ))}
            {latest > 0 && (
              <Box color="text-body-secondary" variant="small">
                Newest <Time at={latest} /> UTC
              </Box>
            )}
          </ColumnLayout>
        )}
      </Shown>
    </Container>
  );
}

function Sequences({ region }: { region: string }) {
  const api = useApi();
  const found = useLoaded(
    async () =>
      take(
        merged(await api.places(region), { ...current, type: { Equals: sequenceTypes } }, { attribute: "severity", descending: true }),
        shownMax + 1,
      ),
    [api, region],
  );
  if (found.value && !found.value.length) return null;
  return (
    <Rows
      variant="container"
      header={
        <Header
          variant="h2"
          description="Several things that one actor did, which are an attack together: look at these first"
          actions={
            found.value && found.value.length > shownMax ? <To to={findingsHref(region, { type: { Equals: sequenceTypes } })}>All of them</To> : undefined
          }
        >
          Attack sequences
        </Header>
      }
      loading={!found.value && !found.error}
      loadingText="Looking for attack sequences"
      empty={found.error ? <Failed what="They cannot be listed" error={found.error} /> : undefined}
      items={found.value?.slice(0, shownMax) ?? []}
      ariaLabels={{ tableLabel: "Attack sequences" }}
      columnDefinitions={[
        { id: "severity", header: "Severity", cell: (one) => <Severity value={one.Severity} />, width: 120 },
        {
          id: "title",
          header: "Sequence",
          isRowHeader: true,
          minWidth: 260,
          cell: (one) => (
            <To to={href(["findings", one.Region ?? "", one.Id ?? ""])}>
              <Text>{one.Title}</Text>
            </To>
          ),
        },
        { id: "signals", header: "Signals", cell: (one) => one.Service?.Detection?.Sequence?.Signals?.length ?? 0, width: 90 },
        { id: "account", header: "Account", cell: (one) => <Value>{one.AccountId}</Value>, width: 140 },
        { id: "updated", header: "Last seen (UTC)", cell: (one) => <Time at={one.UpdatedAt} />, width: 180 },
      ]}
    />
  );
}

const chartColors: Record<Level, string> = {
  critical: "#9d0b6b",
  high: "#d6293d",
  medium: "#e08700",
  low: "#4c9bcb",
};

function Trend({ region }: { region: string }) {
  const api = useApi();
  const days = useLoaded(async () => countByDay(await api.places(region), current), [api, region]);
  return (
    <Container fitHeight header={<Header variant="h2" description="By the day they were last seen, UTC">When</Header>}>
      <Shown loaded={days} what="The trend">
        {(value) => {
          const last = value.at(-1)?.date ?? 0;
          // The last month with findings, days without any included.
          const first = Math.max(value[0]?.date ?? 0, last - 29 * dayMs);
          const dates = last ? Array.from({ length: Math.round((last - first) / dayMs) + 1 }, (_, index) => new Date(first + index * dayMs)) : [];
          const byDate = new Map(value.map((day) => [day.date, day.byLevel]));
          const label = (date: Date) => date.toISOString().slice(5, 10);
          return (
            <BarChart
              stackedBars
              hideFilter
              height={220}
              xScaleType="categorical"
              xTitle="Day"
              yTitle="Findings"
              ariaLabel="Findings by day and severity"
              series={[...levels].reverse().map((level) => ({
                title: level[0]!.toUpperCase() + level.slice(1),
                type: "bar" as const,
                color: chartColors[level],
                data: dates.map((date) => ({ x: label(date), y: byDate.get(date.getTime())?.[level] ?? 0 })),
              }))}
              xDomain={dates.map(label)}
              i18nStrings={{ yTickFormatter: (count) => (Number.isInteger(count) ? count.toLocaleString("en") : "") }}
              empty={<Box textAlign="center">No findings</Box>}
            />
          );
        }}
      </Shown>
    </Container>
  );
}

// The longest bar is the greatest count; the number says the same.
function Bars({ counts, to, none }: { counts: Count[]; to: (count: Count) => string; none: string }) {
  const most = Math.max(1, ...counts.map(({ total }) => total));
  if (!counts.length) return <Box color="text-status-inactive">{none}</Box>;
  return (
    <ul className="bars">
      {counts.map((count) => (
        <li key={`${count.note} ${count.name}`}>
          <div className="bar-line">
            <span className="bar-name">
              <To to={to(count)}>
                <Text>{count.name}</Text>
              </To>
              {count.note && (
                <Box variant="small" color="text-body-secondary">
                  {" "}
                  <Text>{count.note}</Text>
                </Box>
              )}
            </span>
            <b>{count.total.toLocaleString("en")}</b>
          </div>
          <meter className="bar" min={0} max={most} value={count.total} aria-hidden="true" />
        </li>
      ))}
    </ul>
  );
}

function Types({ region }: { region: string }) {
  const api = useApi();
  const types = useLoaded(async () => countByType(await api.places(region), current, 2 * shownMax), [api, region]);
  return (
    <Container fitHeight header={<Header variant="h2">What</Header>}>
      <Shown loaded={types} what="The types">
        {(counts) => <Bars counts={counts} none="No findings" to={({ name }) => findingsHref(region, { type: { Equals: [name] } })} />}
      </Shown>
    </Container>
  );
}

// Where the API holds the name of a resource of each type.
const resourcePaths: Record<string, string> = {
  Instance: "resource.instanceDetails.instanceId",
  S3Bucket: "resource.s3BucketDetails.name",
  EKSCluster: "resource.eksClusterDetails.name",
  Lambda: "resource.lambdaDetails.functionName",
  ECSCluster: "resource.ecsClusterDetails.name",
  RDSDBInstance: "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
};

function Affected({ region }: { region: string }) {
  const api = useApi();
  const accounts = useLoaded(async () => countByAccount(await api.places(region), current, shownMax), [api, region]);
  const resources = useLoaded(async () => countByResource(await api.places(region), current, shownMax), [api, region]);
  const principals = useLoaded(async () => {
    const gravest = await take(merged(await api.places(region), current, { attribute: "severity", descending: true }), gravestMax);
    const counts = new Map<string, number>();
    for (const finding of gravest) {
      const name = finding.Resource?.AccessKeyDetails?.UserName;
      if (name && principalOf(finding)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, total]) => ({ name, total })).sort((a, b) => b.total - a.total).slice(0, shownMax);
  }, [api, region]);
  return (
    <ColumnLayout columns={3} minColumnWidth={260}>
      <Container fitHeight header={<Header variant="h2">Accounts</Header>}>
        <Shown loaded={accounts} what="The accounts">
          {(counts) => <Bars counts={counts} none="None" to={({ name }) => findingsHref(region, { accountId: { Equals: [name] } })} />}
        </Shown>
      </Container>
      <Container fitHeight header={<Header variant="h2">Resources</Header>}>
        <Shown loaded={resources} what="The resources">
          {(counts) => (
            <Bars
              counts={counts}
              none="None"
              to={({ name, note }) => {
                // Under the type of an access key stands the bucket that it was used on, where there is one.
                const key = /^A[KS]IA[A-Z0-9]{16}$/.test(name) ? "resource.accessKeyDetails.accessKeyId" : "resource.s3BucketDetails.name";
                const path = note === "AccessKey" ? key : resourcePaths[note ?? ""];
                return findingsHref(region, path ? { [path]: { Equals: [name] } } : { "resource.resourceType": { Equals: [note ?? ""] } });
              }}
            />
          )}
        </Shown>
      </Container>
      <Container fitHeight header={<Header variant="h2" description={`Of the ${gravestMax} gravest findings`}>Identities</Header>}>
        <Shown loaded={principals} what="The identities">
          {(counts) => (
            <Bars counts={counts} none="None" to={({ name }) => findingsHref(region, { "resource.accessKeyDetails.userName": { Equals: [name] } })} />
          )}
        </Shown>
      </Container>
    </ColumnLayout>
  );
}

// "No finding" means something only beside what was read.
function Coverage({ region }: { region: string }) {
  const api = useApi();
  const ledger = useLoaded(loadLedger, []);
  const coverage = useLoaded(async () => {
    const counts: Partial<Record<CoverageStatus, number>> = {};
    for (const { client, detectorId } of await api.places(region)) {
      const { CoverageStatistics } = await client.send(
        new GetCoverageStatisticsCommand({ DetectorId: detectorId, StatisticsType: ["COUNT_BY_COVERAGE_STATUS"] }),
      );
      for (const [status, count] of Object.entries(CoverageStatistics?.CountByCoverageStatus ?? {}))
        counts[status as CoverageStatus] = (counts[status as CoverageStatus] ?? 0) + (count ?? 0);
    }
    return counts;
  }, [api, region]);
  return (
    <Rows
      variant="container"
      header={
        <Header
          variant="h2"
          description="Records of the whole server since it started: read = processed + left out + repeated + unreadable"
          actions={
            <SpaceBetween direction="horizontal" size="m">
              {ledger.value && (
                <StatusIndicator type={ledger.value.caughtUp ? "success" : "in-progress"}>
                  {ledger.value.caughtUp ? "All that is there was read" : `${ledger.value.pending.toLocaleString("en")} objects wait`}
                </StatusIndicator>
              )}
              {coverage.value && (
                <To to={href(["settings", "coverage"], { region: region || undefined })}>
                  {`${coverage.value.HEALTHY ?? 0} of ${(coverage.value.HEALTHY ?? 0) + (coverage.value.UNHEALTHY ?? 0)} resources covered`}
                </To>
              )}
            </SpaceBetween>
          }
        >
          What was read
        </Header>
      }
      items={ledger.value?.kinds ?? []}
      loading={!ledger.value && !ledger.error}
      loadingText="Reading the counters"
      empty={ledger.error ? <Failed what="The counters cannot be read" error={ledger.error} /> : undefined}
      ariaLabels={{ tableLabel: "What was read" }}
      columnDefinitions={[
        {
          id: "kind",
          header: "Log",
          isRowHeader: true,
          cell: (one) =>
            one.read ? kinds[one.kind] : <StatusIndicator type="warning">{`${kinds[one.kind]}: none`}</StatusIndicator>,
        },
        { id: "objects", header: "Objects", cell: (one) => one.objects.toLocaleString("en") },
        { id: "failed", header: "Failed", cell: (one) => one.failed.toLocaleString("en") },
        { id: "read", header: "Records read", cell: (one) => one.read.toLocaleString("en") },
        { id: "processed", header: "Processed", cell: (one) => one.processed.toLocaleString("en") },
        { id: "filtered", header: "Left out", cell: (one) => one.filtered.toLocaleString("en") },
        { id: "duplicate", header: "Repeated", cell: (one) => one.duplicate.toLocaleString("en") },
        {
          id: "quarantined",
          header: "Unreadable",
          cell: (one) =>
            one.quarantined ? <StatusIndicator type="error">{one.quarantined.toLocaleString("en")}</StatusIndicator> : "0",
        },
        { id: "late", header: "Late", cell: (one) => one.late.toLocaleString("en") },
      ]}
    />
  );
}
