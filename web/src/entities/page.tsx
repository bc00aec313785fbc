// One entity over a time: how active beside what is usual, what it did, what is new, whom it had to do with.
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import type { TableProps } from "@cloudscape-design/components/table";
import { lazy, Suspense, useState } from "react";
import { useApi } from "../guardduty";
import { BeginInvestigation } from "../investigations/begin";
import { useLoaded } from "../loading";
import { Failed, Severity, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { CallError } from "../session";
import { plain, Text } from "../text";
import { Activity } from "./activity";
import {
  entityHref,
  facets,
  isKind,
  kinds,
  read,
  type Counted,
  type Entity,
  type EntityFinding,
  type Facet,
  type FacetValue,
  type Neighbour,
} from "./entity";

const WorldMap = lazy(() => import("./map"));
const dayMs = 86_400_000;
const rowsMax = 10;
const namesMax = 120;
const spans = [1, 7, 30, 90];
const spanText = (days: number) => (days === 1 ? "One day" : `${days} days`);

interface Scope {
  from?: string;
  to?: string;
  account?: string;
}

export default function EntityPage({ route }: { route: Route }) {
  const [, kind = "", name = ""] = route.path;
  const api = useApi();
  const scope: Scope = {
    from: route.query.get("from") ?? undefined,
    to: route.query.get("to") ?? undefined,
    account: route.query.get("account") ?? undefined,
  };
  const { value, error } = useLoaded(async () => {
    if (!isKind(kind)) throw new Error("there is no such kind of entity");
    try {
      return await read<Entity>(api, "entity", { kind, name, ...scope });
    } catch (problem) {
      if (problem instanceof CallError && problem.status === 404) return null;
      throw problem;
    }
  }, [api, kind, name, scope.from, scope.to, scope.account]);
  if (error)
    return (
      <Box padding="l">
        <Failed what="The entity cannot be shown" error={error} />
      </Box>
    );
  if (value === null)
    return (
      <ContentLayout header={<Header variant="h1">{<Text>{name}</Text>}</Header>}>
        <Container>
          <SpaceBetween size="s">
            <Box>Nothing is kept of it: it was not seen in the last 90 days, not often enough to be kept, or in no account that you see.</Box>
            <To to={href(["entities"], { contains: name.split("/").at(-1) })}>Look for names like it</To>
          </SpaceBetween>
        </Container>
      </ContentLayout>
    );
  if (!value) return <Spinner size="large" />;
  return <EntityView entity={value} scope={scope} />;
}

function EntityView({ entity, scope }: { entity: Entity; scope: Scope }) {
  return (
    <ContentLayout
      breadcrumbs={
        <BreadcrumbGroup
          items={[
            { text: "Entities", href: href(["entities"]) },
            { text: kinds[entity.kind], href: href(["entities"], { kind: entity.kind }) },
            { text: plain(entity.name), href: "" },
          ]}
          onFollow={(event) => {
            event.preventDefault();
            go(event.detail.href);
          }}
        />
      }
      header={
        <Header
          variant="h1"
          description={kinds[entity.kind]}
          actions={<BeginInvestigation prompt={`What did ${entity.name} do?`} />}
        >
          <Text most={400}>{entity.name}</Text> {entity.isNew && <Badge color="blue">New</Badge>}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Times entity={entity} scope={scope} />
        <Activity entity={entity} />
        <News entity={entity} />
        <Findings findings={entity.findings} more={entity.moreFindings} />
        <Facets entity={entity} />
        <Places entity={entity} />
        <Neighbours entity={entity} scope={scope} />
        <Usual entity={entity} />
      </SpaceBetween>
    </ContentLayout>
  );
}

// The time that everything below is about; it is in the address.
function Times({ entity, scope }: { entity: Entity; scope: Scope }) {
  const from = new Date(entity.from).getTime();
  const to = new Date(entity.to).getTime();
  const days = Math.max(1, Math.round((to - from) / dayMs));
  const show = (start: number, end: number) =>
    go(
      entityHref(entity.kind, entity.name, {
        ...(scope.account ? { account: scope.account } : {}),
        from: new Date(start).toISOString(),
        to: new Date(end).toISOString(),
      }),
    );
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween size="xs" direction="horizontal">
              <Button iconName="angle-left" ariaLabel="Earlier" onClick={() => show(from - days * dayMs, from)} />
              <Select
                ariaLabel="Length of the time shown"
                selectedOption={{ value: String(days), label: spanText(days) }}
                options={spans.map((span) => ({ value: String(span), label: spanText(span) }))}
                onChange={({ detail }) => show(to - Number(detail.selectedOption.value) * dayMs, to)}
              />
              <Button iconName="angle-right" ariaLabel="Later" onClick={() => show(to, to + days * dayMs)} />
            </SpaceBetween>
          }
        >
          Time
        </Header>
      }
    >
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Shown, from (UTC)", value: <Time at={entity.from} /> },
          { label: "Shown, to (UTC)", value: <Time at={entity.to} /> },
          { label: "First seen (UTC)", value: <Time at={entity.firstSeen} /> },
          { label: "Last seen (UTC)", value: <Time at={entity.lastSeen} /> },
          { label: "Accounts", value: <Value>{entity.accounts.join(", ")}</Value> },
          { label: "Activity in all", value: entity.total.toLocaleString("en") },
          ...(entity.place
            ? [
                { label: "Country", value: <Value>{entity.place.country}</Value> },
                { label: "Network", value: <Value>{entity.place.asn ? `AS${entity.place.asn} ${entity.place.asOrg}` : entity.place.asOrg}</Value> },
              ]
            : []),
          ...(entity.completeSince ? [{ label: "Complete since", value: entity.completeSince }] : []),
        ]}
      />
    </Container>
  );
}

// What it never did before.
function News({ entity }: { entity: Entity }) {
  if (entity.isNew)
    return (
      <Container header={<Header variant="h2">New behaviour</Header>}>
        <Box>All of it: it was first seen within this time.</Box>
      </Container>
    );
  const rows = [
    ...(Object.keys(facets) as Facet[]).flatMap((facet) => entity[facet].filter((one) => one.new).map((one) => ({ what: facets[facet].replace(/(ie)?s$/, (end) => (end === "ies" ? "y" : "")), ...one }))),
    ...entity.neighbours.filter((one) => one.new).map((one) => ({ what: kinds[one.kind], value: one.name, ...one })),
  ];
  return (
    <Listed
      title="New behaviour"
      description="Seen for the first time within this time"
      items={rows}
      empty="Nothing that it had not done before."
      columns={[
        { id: "what", header: "What", cell: (one) => one.what, maxWidth: 160 },
        { id: "value", header: "Value", isRowHeader: true, minWidth: 220, cell: (one) => <Value most={namesMax}>{one.value}</Value> },
        ...countColumns<(typeof rows)[number]>(rows),
      ]}
    />
  );
}

function countColumns<T extends Counted>(rows: T[]): TableProps.ColumnDefinition<T>[] {
  return [
    { id: "count", header: "Times", cell: (one) => one.count.toLocaleString("en") },
    ...(rows.some((one) => one.failed) ? [{ id: "failed", header: "Failed", cell: (one: T) => (one.failed ?? 0).toLocaleString("en") }] : []),
    ...(rows.some((one) => one.bytes) ? [{ id: "bytes", header: "Bytes", cell: (one: T) => bytesText(one.bytes ?? 0) }] : []),
    { id: "first", header: "First day", cell: (one) => <span className="time">{one.firstDay}</span> },
    { id: "last", header: "Last day", cell: (one) => <span className="time">{one.lastDay}</span> },
  ];
}

function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; ++unit) bytes /= 1000;
  return `${bytes.toLocaleString("en", { maximumFractionDigits: 1 })} ${units[unit]!}`;
}

interface ListedProps<T> {
  title: string;
  description?: string;
  items: T[];
  columns: TableProps.ColumnDefinition<T>[];
  empty: string;
}

// A table in pages of ten.
function Listed<T>({ title, description, items, columns, empty }: ListedProps<T>) {
  const [page, setPage] = useState(1);
  const pages = Math.max(1, Math.ceil(items.length / rowsMax));
  const shown = Math.min(page, pages);
  return (
    <Rows
      variant="container"
      ariaLabels={{ tableLabel: title }}
      header={
        <Header variant="h2" counter={items.length ? `(${items.length})` : undefined} description={description}>
          {title}
        </Header>
      }
      empty={empty}
      items={items.slice((shown - 1) * rowsMax, shown * rowsMax)}
      columnDefinitions={columns}
      pagination={
        pages > 1 ? (
          <Pagination
            currentPageIndex={shown}
            pagesCount={pages}
            onChange={({ detail }) => setPage(detail.currentPageIndex)}
            ariaLabels={{ paginationLabel: `Pages of ${title}`, nextPageLabel: "Next page", previousPageLabel: "Previous page", pageLabel: (number) => `Page ${number}` }}
          />
        ) : undefined
      }
    />
  );
}

export function Findings({ findings, more }: { findings: EntityFinding[]; more?: boolean }) {
  return (
    <Listed
      title="Findings"
      description={more ? "The most severe ones" : undefined}
      items={findings}
      empty="No finding is about it."
      columns={[
        { id: "severity", header: "Severity", cell: (one) => <Severity value={one.severity} /> },
        {
          id: "title",
          header: "Finding",
          isRowHeader: true,
          minWidth: 260,
          cell: (one) => (
            <To to={href(["findings", one.region, one.id])}>
              <Text most={300}>{one.title || one.type}</Text>
            </To>
          ),
        },
        { id: "type", header: "Type", cell: (one) => <Value>{one.type}</Value>, minWidth: 200 },
        { id: "account", header: "Account", cell: (one) => <Value>{one.accountId}</Value> },
        { id: "last", header: "Last seen (UTC)", cell: (one) => <Time at={one.lastSeen} />, minWidth: 170 },
      ]}
    />
  );
}

function Facets({ entity }: { entity: Entity }) {
  const others = (["networks", "countries", "clients", "regions", "errors", "ports"] as Facet[]).filter((facet) => entity[facet].length);
  // A call is named SERVICE:CALL, a request to a cluster by its verb and resource alone.
  const split = (value: string) => {
    const colon = value.indexOf(":");
    return colon < 0 ? [value && "kubernetes", value] : [value.slice(0, colon), value.slice(colon + 1)];
  };
  return (
    <SpaceBetween size="l">
      {entity.calls.length > 0 && (
        <Listed
          title="Calls by service and result"
          items={entity.calls}
          empty=""
          columns={[
            ...(entity.kind === "clusterUser" ? [] : [{ id: "service", header: "Service", cell: (one: FacetValue) => <Value>{split(one.value)[0] || "others"}</Value> }]),
            { id: "call", header: "Call", isRowHeader: true, minWidth: 200, cell: (one) => <Value most={namesMax}>{split(one.value)[1] || "those not kept apart"}</Value> },
            ...countColumns(entity.calls),
          ]}
        />
      )}
      {others.length > 0 && (
        <ColumnLayout columns={2} minColumnWidth={340}>
          {others.map((facet) => (
            <Bars key={facet} title={facets[facet]} values={entity[facet]} />
          ))}
        </ColumnLayout>
      )}
    </SpaceBetween>
  );
}

function Bars({ title, values }: { title: string; values: FacetValue[] }) {
  const most = Math.max(...values.map((one) => one.count));
  return (
    <Container header={<Header variant="h2">{title}</Header>} fitHeight>
      <ul className="bars">
        {values.slice(0, rowsMax).map((one) => (
          <li key={one.value}>
            <span className="bar-line">
              <span className="bar-name">
                <Text most={namesMax}>{one.value || "those not kept apart"}</Text> {one.new && <Badge color="blue">New</Badge>}
              </span>
              <span>
                {one.count.toLocaleString("en")}
                {one.failed ? ` (${one.failed.toLocaleString("en")} failed)` : ""}
              </span>
            </span>
            <meter className="bar" aria-label={plain(`${one.value || "others"}`)} min={0} max={most} value={one.count} />
          </li>
        ))}
      </ul>
      {values.length > rowsMax && <Box color="text-body-secondary">and {values.length - rowsMax} more</Box>}
    </Container>
  );
}

function Places({ entity }: { entity: Entity }) {
  const spots = entity.neighbours
    .filter((one): one is Neighbour & { latitude: number; longitude: number } => one.latitude !== undefined && one.longitude !== undefined)
    .map((one) => ({ latitude: one.latitude, longitude: one.longitude, label: `${one.name}, ${one.country ?? ""} ${one.asOrg ?? ""}: ${one.count}`, count: one.count, new: one.new }));
  if (entity.place) spots.push({ latitude: entity.place.latitude, longitude: entity.place.longitude, label: entity.name, count: 1, new: false });
  if (!spots.length) return null;
  return (
    <Container header={<Header variant="h2" description="Addresses by the place of their network; new ones stand out. The table below names them all.">Geography</Header>}>
      <Suspense fallback={<Spinner />}>
        <WorldMap spots={spots} label={`A map of the world with ${spots.length} places`} />
      </Suspense>
    </Container>
  );
}

function Neighbours({ entity, scope }: { entity: Entity; scope: Scope }) {
  const kept = { ...(scope.from ? { from: scope.from } : {}), ...(scope.to ? { to: scope.to } : {}) };
  const placed = entity.neighbours.some((one) => one.country);
  return (
    <Listed
      title="Had to do with"
      items={entity.neighbours}
      empty="Nobody else is named in its records."
      columns={[
        { id: "kind", header: "Kind", cell: (one) => kinds[one.kind] },
        {
          id: "name",
          header: "Name",
          isRowHeader: true,
          minWidth: 240,
          cell: (one) =>
            one.name ? (
              <>
                <To to={entityHref(one.kind, one.name, kept)}>
                  <Text most={namesMax}>{one.name}</Text>
                </To>{" "}
                {one.new && <Badge color="blue">New</Badge>}
              </>
            ) : (
              "those not kept apart"
            ),
        },
        ...(placed ? [{ id: "place", header: "Place", cell: (one: Neighbour) => <Value>{[one.country, one.asOrg].filter(Boolean).join(", ")}</Value> }] : []),
        ...countColumns(entity.neighbours),
      ]}
    />
  );
}

// The norms that findings are judged by.
function Usual({ entity }: { entity: Entity }) {
  const values = Object.entries(entity.usual?.values ?? {});
  if (!entity.usual || !values.length) return null;
  return (
    <ExpandableSection
      variant="container"
      headerText="What is usual for it"
      headerDescription={`Learned before this time, on ${entity.usual.activeDays} active days`}
    >
      <KeyValuePairs
        columns={3}
        items={values.map(([factor, byFrequency]) => ({
          label: plain(factor),
          value: (
            <>
              {Object.entries(byFrequency).map(([frequency, texts]) => (
                <div key={frequency}>
                  <Box variant="span" color="text-body-secondary">
                    {plain(frequency.toLowerCase())}:
                  </Box>{" "}
                  <Text>{texts.join(", ")}</Text>
                </div>
              ))}
            </>
          ),
        }))}
      />
    </ExpandableSection>
  );
}
