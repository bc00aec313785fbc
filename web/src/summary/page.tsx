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
import { useMemo, type ReactNode } from "react";
import { counted, levels, principalOf, severitiesOf, type Level } from "../finding";
import { archivedPath } from "../findings/paths";
import findingTypes from "../generated/finding_types.json";
import { merged, take, useApi, type Criterion } from "../guardduty";
import { kinds, loadLedger } from "../ledger";
import { useLoaded, type Loaded } from "../loading";
import { AccountSelect, Failed, Severity, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { countByAccount, countByDay, countByLevel, countByResource, countByType, criterionOfResource, type Count } from "../statistics";
import { remember, remembered } from "../stored";
import { Text } from "../text";

const shownMax = 5;
const gravestMax = 200; // findings that identities are counted over
const dayMs = 86_400_000;
// What the page tells of.
interface View {
  region: string; // empty: all
  account: string; // likewise
  current: Criterion;
}
const counterWidth = 92; // px
const sequenceTypes = Object.keys(findingTypes).filter((type) => type.startsWith("AttackSequence:"));

const findingsHref = ({ region, account }: View, criterion: Criterion, more: Record<string, string> = {}) =>
  href(["findings"], { region: region || undefined, account: account || undefined, filter: JSON.stringify(criterion), ...more });

export default function SummaryPage({ route }: { route: Route }) {
  const api = useApi();
  const region = route.query.get("region") ?? "";
  const account = route.query.get("account") ?? "";
  const view = useMemo(
    (): View => ({ region, account, current: { [archivedPath]: { Equals: ["false"] }, ...(account && { accountId: { Equals: [account] } }) } }),
    [region, account],
  );
  const show = (changes: Record<string, string | undefined>) => {
    const next = Object.entries({ region, account, ...changes }).filter(([, value]) => value);
    go(href(["summary"], Object.fromEntries(next)));
  };
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description="Current findings of every account that you see"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <AccountSelect accounts={api.session.accounts} account={account} onChange={(chosen) => show({ account: chosen })} />
              <Select
                ariaLabel="Region"
                selectedOption={{ value: region, label: region || "All Regions" }}
                options={[{ value: "", label: "All Regions" }, ...api.session.regions.map((value) => ({ value, label: value }))]}
                onChange={({ detail }) => show({ region: detail.selectedOption.value })}
              />
            </SpaceBetween>
          }
        >
          Summary
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Levels view={view} />
        <News view={view} />
        <Sequences view={view} />
        <Grid gridDefinition={[{ colspan: { default: 12, m: 8 } }, { colspan: { default: 12, m: 4 } }]}>
          <Trend view={view} />
          <Types view={view} />
        </Grid>
        <Affected view={view} />
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

function Levels({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const counts = useLoaded(async () => countByLevel(await api.places(region), current), [api, region, current]);
  return (
    <Container>
      <Shown loaded={counts} what="The counts">
        {({ byLevel, latest }) => (
          <ColumnLayout columns={4} variant="text-grid" minColumnWidth={130}>
            {levels.map((level) => (
              <a key={level} className={`tile severity-${level}`} href={findingsHref(view, { severity: { Equals: severitiesOf[level] } })}>
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

// Since when this window tells of news: what was newest when the summary was last looked at in another one.
function lastVisit(user: string): number {
  const here = `picket.since.${user}`;
  try {
    const known = sessionStorage.getItem(here);
    if (known !== null) return Number(known);
    const since = remembered<number>(`seen.${user}`, 0);
    sessionStorage.setItem(here, String(since));
    return since;
  } catch {
    return 0;
  }
}

function News({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const { user } = api.session;
  const since = useMemo(() => lastVisit(user), [user]);
  const criterion = useMemo<Criterion>(() => ({ updatedAt: { GreaterThan: since } }), [since]);
  const news = useLoaded(async () => {
    const places = await api.places(region);
    const { latest } = await countByLevel(places, current);
    if (latest > remembered<number>(`seen.${user}`, 0)) remember(`seen.${user}`, latest);
    return since ? countByLevel(places, { ...current, ...criterion }) : undefined;
  }, [api, region, current, since, user]);
  if (!since || !news.value) return null;
  const { total, byLevel } = news.value;
  return (
    <Container>
      <SpaceBetween size="xs">
        <Box variant="h2" fontSize="heading-s">
          Since your last visit
        </Box>
        {total ? (
          <div className="levels">
            <To to={findingsHref(view, criterion, { sort: "updatedAt" })}>{`${total.toLocaleString("en")} new or seen again`}</To>
            {levels
              .filter((level) => byLevel[level])
              .map((level) => (
                <span key={level} className={`severity severity-${level}`}>
                  <span aria-hidden="true" className="severity-mark" />
                  {`${byLevel[level].toLocaleString("en")} ${level}`}
                </span>
              ))}
          </div>
        ) : (
          <Box color="text-body-secondary">
            Nothing new: the newest finding is still of <Time at={since} /> UTC.
          </Box>
        )}
      </SpaceBetween>
    </Container>
  );
}

function Sequences({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const found = useLoaded(
    async () =>
      take(
        merged(await api.places(region), { ...current, type: { Equals: sequenceTypes } }, { attribute: "severity", descending: true }),
        shownMax + 1,
      ),
    [api, region, current],
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
            found.value && found.value.length > shownMax ? <To to={findingsHref(view, { type: { Equals: sequenceTypes } })}>All of them</To> : undefined
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

function Trend({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const days = useLoaded(async () => countByDay(await api.places(region), current), [api, region, current]);
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
          const older = value.filter(({ date }) => date < first).reduce((sum, { byLevel }) => sum + levels.reduce((all, level) => all + byLevel[level], 0), 0);
          const chart = (
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
          return (
            <>
              {chart}
              {older > 0 && <Box color="text-body-secondary">{counted(older, "finding")} of earlier days are not shown.</Box>}
            </>
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
              {count.note && " "}
              {count.note && (
                <Box variant="small" color="text-body-secondary">
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

function Types({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const types = useLoaded(async () => countByType(await api.places(region), current, 2 * shownMax), [api, region, current]);
  return (
    <Container fitHeight header={<Header variant="h2">What</Header>}>
      <Shown loaded={types} what="The types">
        {(counts) => <Bars counts={counts} none="No findings" to={({ name }) => findingsHref(view, { type: { Equals: [name] } })} />}
      </Shown>
    </Container>
  );
}

function Affected({ view }: { view: View }) {
  const api = useApi();
  const { region, current } = view;
  const accounts = useLoaded(async () => countByAccount(await api.places(region), current, shownMax), [api, region, current]);
  const resources = useLoaded(async () => countByResource(await api.places(region), current, shownMax), [api, region, current]);
  const principals = useLoaded(async () => {
    const gravest = await take(merged(await api.places(region), current, { attribute: "severity", descending: true }), gravestMax);
    const counts = new Map<string, number>();
    for (const finding of gravest) {
      const name = finding.Resource?.AccessKeyDetails?.UserName;
      if (name && principalOf(finding)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, total]) => ({ name, total })).sort((a, b) => b.total - a.total).slice(0, shownMax);
  }, [api, region, current]);
  return (
    <ColumnLayout columns={3} minColumnWidth={260}>
      <Container fitHeight header={<Header variant="h2">Accounts</Header>}>
        <Shown loaded={accounts} what="The accounts">
          {(counts) => <Bars counts={counts} none="None" to={({ name }) => findingsHref(view, { accountId: { Equals: [name] } })} />}
        </Shown>
      </Container>
      <Container fitHeight header={<Header variant="h2">Resources</Header>}>
        <Shown loaded={resources} what="The resources">
          {(counts) => (
            <Bars
              counts={counts}
              none="None"
              to={(one) => findingsHref(view, criterionOfResource(one))}
            />
          )}
        </Shown>
      </Container>
      <Container fitHeight header={<Header variant="h2" description={`Of the ${gravestMax} gravest findings`}>Identities</Header>}>
        <Shown loaded={principals} what="The identities">
          {(counts) => (
            <Bars counts={counts} none="None" to={({ name }) => findingsHref(view, { "resource.accessKeyDetails.userName": { Equals: [name] } })} />
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
        { id: "objects", header: "Objects", minWidth: counterWidth, cell: (one) => one.objects.toLocaleString("en") },
        { id: "failed", header: "Failed", minWidth: counterWidth, cell: (one) => one.failed.toLocaleString("en") },
        { id: "read", header: "Records read", minWidth: counterWidth, cell: (one) => one.read.toLocaleString("en") },
        { id: "processed", header: "Processed", minWidth: counterWidth, cell: (one) => one.processed.toLocaleString("en") },
        { id: "filtered", header: "Left out", minWidth: counterWidth, cell: (one) => one.filtered.toLocaleString("en") },
        { id: "duplicate", header: "Repeated", minWidth: counterWidth, cell: (one) => one.duplicate.toLocaleString("en") },
        {
          id: "quarantined",
          header: "Unreadable",
          minWidth: counterWidth,
          cell: (one) =>
            one.quarantined ? <StatusIndicator type="error">{one.quarantined.toLocaleString("en")}</StatusIndicator> : "0",
        },
        { id: "late", header: "Late", minWidth: counterWidth, cell: (one) => one.late.toLocaleString("en") },
      ]}
    />
  );
}
