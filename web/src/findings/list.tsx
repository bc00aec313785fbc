// The findings: filter, sort, judge many at once, take away. The address holds the whole view.
import {
  CreateFilterCommand,
  GetFilterCommand,
  ListFiltersCommand,
  type Finding,
} from "@aws-sdk/client-guardduty";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Cards from "@cloudscape-design/components/cards";
import CollectionPreferences from "@cloudscape-design/components/collection-preferences";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Pagination from "@cloudscape-design/components/pagination";
import PropertyFilter from "@cloudscape-design/components/property-filter";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Dialog } from "../dialog";
import {
  counted,
  levels,
  principalOf,
  remoteAddressOf,
  remoteOf,
  resourceOf,
  severitiesOf,
  timeText,
  type Level,
} from "../finding";
import { EntityLink } from "../entities/link";
import { merged, messageOf, take, useApi, type Criterion, type SortAttribute, type Sorting, sortable } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { AccountSelect, Failed, Severity, Time, To, Value } from "../parts";
import { go, href, type Route } from "../router";
import { countByAccount, countByDay, countByLevel, countByResource, countByType, criterionOfResource, groupsMax, type Count, type LevelCounts } from "../statistics";
import { useRemembered } from "../stored";
import { plain, Text } from "../text";
import { useNarrow } from "../viewport";
import { asCsv, asJson, asOcsf, download, setArchived } from "./actions";
import { FilterError, optionsFrom, parseCriterion, properties, toCriterion, toTokens } from "./filter";
import { archivedPath } from "./paths";

const pollMs = 15_000;
const dayMs = 86_400_000;
const exportedMax = 20_000;
const shownCharsMax = 80; // of a value in a row
const defaultSort: Sorting = { attribute: "severity", descending: true };
const usualColumns = ["severity", "finding", "resource", "principal", "updated"];

type Shown = "current" | "archived" | "all";
const shownOptions: { value: Shown; label: string }[] = [
  { value: "current", label: "Current" },
  { value: "archived", label: "Archived" },
  { value: "all", label: "Current and archived" },
];

const groups = [
  { value: "", label: "Not grouped" },
  { value: "type", label: "By type" },
  { value: "account", label: "By account" },
  { value: "resource", label: "By resource" },
  { value: "severity", label: "By severity" },
  { value: "day", label: "By day" },
] as const;
type Group = (typeof groups)[number]["value"];

// What tells that something changed.
const stateOf = ({ total, latest }: LevelCounts) => `${total} ${latest}`;

const findingHref = (finding: Finding) => href(["findings", finding.Region ?? "", finding.Id ?? ""]);

function useView(route: Route) {
  const { query } = route;
  const filter = query.get("filter");
  const criterion = useMemo(() => parseCriterion(filter), [filter]);
  const shown: Shown = shownOptions.find(({ value }) => value === query.get("shown"))?.value ?? "current";
  const attribute = query.get("sort");
  const sorting: Sorting = useMemo(
    () =>
      attribute !== null && attribute in sortable
        ? { attribute: attribute as SortAttribute, descending: query.get("order") !== "asc" }
        : defaultSort,
    [attribute, query],
  );
  const region = query.get("region") ?? "";
  const change = useCallback(
    (changes: Record<string, string | undefined>) => {
      const next = new URLSearchParams(query);
      next.delete("page");
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === "") next.delete(name);
        else next.set(name, value);
      }
      go(href(["findings"], Object.fromEntries(next)));
    },
    [query],
  );
  const account = query.get("account") ?? "";
  const wanted = useMemo<Criterion>(
    () => ({
      ...criterion,
      ...(account && { accountId: { Equals: [account] } }),
      ...(shown !== "all" && { [archivedPath]: { Equals: [String(shown === "archived")] } }),
    }),
    [criterion, account, shown],
  );
  const group = groups.find(({ value }) => value === query.get("group"))?.value ?? "";
  return { criterion, shown, sorting, region, account, group, page: Math.max(1, Number(query.get("page")) || 1), change, wanted };
}

// The findings read so far and the way to more. A new view begins anew.
function useFindings(view: ReturnType<typeof useView>, pageSize: number) {
  const api = useApi();
  const [findings, setFindings] = useState<Finding[]>([]);
  const [more, setMore] = useState(true);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<string>();
  const [turn, setTurn] = useState(0);
  const source = useRef<{ list: AsyncGenerator<Finding>; read: Finding[]; busy?: Promise<void> }>(undefined);
  const { wanted, sorting, region, page } = view;

  useEffect(() => {
    const mine = {
      list: (async function* () {
        yield* merged(await api.places(region), wanted, sorting);
      })(),
      read: [] as Finding[],
    };
    source.current = mine;
    setMore(true);
    return () => void mine.list.return(undefined);
  }, [api, wanted, sorting, region, turn]);

  useEffect(() => {
    const mine = source.current;
    if (!mine) return;
    setLoading(true);
    setError(undefined);
    // One after another: a generator is read by one reader.
    mine.busy = (mine.busy ?? Promise.resolve()).then(async () => {
      const missing = page * pageSize + 1 - mine.read.length;
      if (missing > 0) mine.read.push(...(await take(mine.list, missing)));
    });
    mine.busy.then(
      () => {
        if (source.current !== mine) return;
        setFindings([...mine.read]);
        setMore(mine.read.length > page * pageSize);
        setLoading(false);
      },
      (failure: unknown) => {
        if (source.current !== mine) return;
        setFindings([]);
        setMore(false);
        setError(messageOf(failure));
        setLoading(false);
      },
    );
  }, [api, wanted, sorting, region, page, pageSize, turn]);

  return { findings, more, loading, error, again: useCallback(() => setTurn((before) => before + 1), []) };
}

// A second line in small print.
function Stacked({ first, second }: { first: ReactNode; second: ReactNode }) {
  return (
    <>
      {first}
      {second && (
        <Box variant="small" display="block" color="text-body-secondary">
          {typeof second === "string" ? <Text>{second}</Text> : second}
        </Box>
      )}
    </>
  );
}

function Where({ finding }: { finding: Finding }) {
  return (
    <>
      <Text>{finding.AccountId}</Text>{" "}
      <span className="together">
        <Text>{finding.Region}</Text>
      </span>
    </>
  );
}

function Who({ finding }: { finding: Finding }) {
  const principal = principalOf(finding);
  const remote = remoteAddressOf(finding);
  const place = remoteOf(finding)?.Country?.CountryName;
  const from = remote && (
    <>
      <EntityLink finding={finding} name={remote} kind={["address", "domain"]} most={shownCharsMax} /> <Text>{place}</Text>
    </>
  );
  if (!principal) return from || <Value />;
  return <Stacked first={<EntityLink finding={finding} name={principal} kind={["principal", "clusterUser"]} most={shownCharsMax} />} second={from} />;
}

const columns: Record<string, TableProps.ColumnDefinition<Finding> & { sortingField?: SortAttribute; name: string }> = {
  severity: {
    id: "severity",
    name: "Severity",
    header: "Severity",
    cell: (finding) => <Severity value={finding.Severity} />,
    sortingField: "severity",
    width: 125,
  },
  finding: {
    id: "finding",
    name: "Finding",
    header: "Finding",
    cell: (finding) => (
      <div>
        <To to={findingHref(finding)}>
          <Text most={3 * shownCharsMax}>{finding.Title}</Text>
        </To>
        <Box variant="small" display="block" color="text-body-secondary">
          <Text>{finding.Type}</Text>
          {finding.Service?.Archived ? " · archived" : ""}
          {finding.Service?.UserFeedback ? ` · ${finding.Service.UserFeedback === "USEFUL" ? "useful" : "not useful"}` : ""}
        </Box>
      </div>
    ),
    sortingField: "type",
    isRowHeader: true,
    minWidth: 240,
    width: 280,
  },
  resource: {
    id: "resource",
    name: "Resource",
    header: "Resource",
    cell: (finding) => <Stacked first={<Value most={shownCharsMax}>{resourceOf(finding)}</Value>} second={<Where finding={finding} />} />,
    width: 170,
  },
  principal: { id: "principal", name: "Who, from where", header: "Who", cell: (finding) => <Who finding={finding} />, width: 150 },
  account: {
    id: "account",
    name: "Account and Region",
    header: "Account",
    cell: (finding) => (
      <>
        <Value>{finding.AccountId}</Value>
        <Box variant="small" display="block" color="text-body-secondary">
          <Text>{finding.Region}</Text>
        </Box>
      </>
    ),
    sortingField: "accountId",
    width: 140,
  },
  updated: {
    id: "updated",
    name: "Last seen",
    header: "Last seen (UTC)",
    cell: (finding) => <Stacked first={<Time at={finding.UpdatedAt} />} second={finding.Service?.Count === 1 ? "" : counted(finding.Service?.Count ?? 0, "time")} />,
    sortingField: "updatedAt",
    width: 170,
  },
  created: {
    id: "created",
    name: "Created",
    header: "Created (UTC)",
    cell: (finding) => <Time at={finding.CreatedAt} />,
    sortingField: "createdAt",
    width: 180,
  },
  count: {
    id: "count",
    name: "Count",
    header: "Count",
    cell: (finding) => (finding.Service?.Count ?? 0).toLocaleString("en"),
    sortingField: "service.count",
    width: 100,
  },
};

interface Preferences {
  pageSize: number;
  columns: string[];
}

export default function FindingsPage({ route }: { route: Route }) {
  const api = useApi();
  const notices = useNotices();
  const view = useView(route);
  const narrow = useNarrow();
  const [preferences, setPreferences] = useRemembered<Preferences>("findings", { pageSize: 25, columns: usualColumns });
  const { findings, more, loading, error, again } = useFindings(view, preferences.pageSize);
  const [selected, setSelected] = useState<Finding[]>([]);
  const [busy, setBusy] = useState("");
  const [saving, setSaving] = useState(false);
  const [saved, setSaved] = useState(0);
  const [stale, setStale] = useState(false);
  const { region, account, group, wanted, criterion, page, change } = view;

  const stats = useLoaded(async () => countByLevel(await api.places(region), wanted), [api, region, wanted]);
  const state = stats.value && stateOf(stats.value);
  useEffect(() => setSelected([]), [wanted, region]);

  // Live: what changed is loaded at once unless somebody is at work on the list.
  useEffect(() => {
    setStale(false);
    if (state === undefined) return;
    const timer = setInterval(async () => {
      if (document.hidden) return;
      const now = await countByLevel(await api.places(region), wanted).catch(() => undefined);
      if (!now || stateOf(now) === state) return;
      if (page === 1 && selected.length === 0) refresh();
      else setStale(true);
    }, pollMs);
    return () => clearInterval(timer);
  }, [api, region, wanted, state, page, selected.length]);

  const refresh = () => {
    setSelected([]);
    again();
    stats.again();
  };

  const options = useMemo(
    () => optionsFrom(findings, api.session.accounts, api.session.regions),
    [findings, api.session],
  );
  const tokens = useMemo(() => toTokens(criterion), [criterion]);
  const shownFindings = findings.slice((page - 1) * preferences.pageSize, page * preferences.pageSize);
  const pages = Math.max(1, Math.ceil(findings.length / preferences.pageSize));

  const archive = async (archived: boolean) => {
    setBusy("archive");
    const done = `${selected.length} ${selected.length === 1 ? "finding is" : "findings are"} ${archived ? "archived" : "current again"}`;
    if (await notices.attempt(done, () => setArchived(api, selected, archived))) refresh();
    setBusy("");
  };

  const exportAs = async (kind: string) => {
    setBusy("export");
    await notices.attempt("", async () => {
      const chosen = selected.length
        ? selected
        : await take(merged(await api.places(region), wanted, view.sorting), exportedMax);
      const name = `findings-${new Date().toISOString().slice(0, 10)}`;
      if (kind === "csv") download(`${name}.csv`, "text/csv", asCsv(chosen));
      else if (kind === "ocsf") download(`${name}.ocsf.jsonl`, "application/x-ndjson", await asOcsf(api, chosen));
      else download(`${name}.json`, "application/json", asJson(chosen));
      const cut = !selected.length && chosen.length === exportedMax ? ` (the first ${exportedMax.toLocaleString("en")})` : "";
      notices.tell("success", `${chosen.length.toLocaleString("en")} findings exported${cut}`);
    });
    setBusy("");
  };

  const header = (
    <Header
      variant="h1"
      counter={stats.value ? `(${selected.length ? `${selected.length}/` : ""}${stats.value.total.toLocaleString("en")})` : undefined}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          {stale && (
            <Button iconName="status-info" onClick={refresh}>
              Show what changed
            </Button>
          )}
          <Button iconName="refresh" ariaLabel="Refresh" onClick={refresh} />
          {api.may("ArchiveFindings") && view.shown !== "archived" && (
            <Button disabled={!selected.length} loading={busy === "archive"} onClick={() => void archive(true)}>
              Archive
            </Button>
          )}
          {api.may("UnarchiveFindings") && view.shown !== "current" && (
            <Button disabled={!selected.length} loading={busy === "archive"} onClick={() => void archive(false)}>
              Unarchive
            </Button>
          )}
          <ButtonDropdown
            loading={busy === "export"}
            items={[
              { id: "csv", text: "CSV" },
              { id: "json", text: "JSON (GuardDuty's form)" },
              { id: "ocsf", text: "OCSF (Detection Finding, a line each)" },
            ]}
            onItemClick={({ detail }) => void exportAs(detail.id)}
          >
            Export
          </ButtonDropdown>
          {api.may("CreateFilter") && (
            <ButtonDropdown
              items={[
                { id: "save", text: "Save as a filter" },
                { id: "suppress", text: "Suppress what it matches" },
              ]}
              disabled={!tokens.length}
              disabledReason="Filter first"
              onItemClick={({ detail }) =>
                detail.id === "save"
                  ? setSaving(true)
                  : go(href(["suppression", "new"], { region: region || undefined, filter: JSON.stringify(criterion) }))
              }
            >
              Use filter
            </ButtonDropdown>
          )}
        </SpaceBetween>
      }
    >
      Findings
    </Header>
  );

  const filter = (
    <SpaceBetween size="xs">
      <div className="filters">
        <Select
          ariaLabel="Region"
          selectedOption={{ value: region, label: region || "All Regions" }}
          options={[{ value: "", label: "All Regions" }, ...api.session.regions.map((value) => ({ value, label: value }))]}
          onChange={({ detail }) => change({ region: detail.selectedOption.value })}
        />
        <Select
          ariaLabel="Current or archived"
          selectedOption={shownOptions.find(({ value }) => value === view.shown)!}
          options={shownOptions}
          onChange={({ detail }) => change({ shown: detail.selectedOption.value === "current" ? undefined : detail.selectedOption.value })}
        />
        <AccountSelect accounts={api.session.accounts} account={account} onChange={(chosen) => change({ account: chosen })} />
        <Select
          ariaLabel="Group"
          selectedOption={groups.find(({ value }) => value === group)!}
          options={[...groups]}
          onChange={({ detail }) => change({ group: detail.selectedOption.value })}
        />
        <SavedFilters key={saved} region={region} onChosen={(chosen) => change({ filter: JSON.stringify(chosen) })} />
      </div>
      <PropertyFilter
        query={{ tokens, operation: "and" }}
        onChange={({ detail }) => {
          try {
            const next = toCriterion(detail.tokens);
            change({ filter: Object.keys(next).length ? JSON.stringify(next) : undefined });
          } catch (failure) {
            if (!(failure instanceof FilterError)) throw failure;
            notices.tell("error", failure.message);
          }
        }}
        filteringProperties={properties}
        filteringOptions={options}
        customGroupsText={[{ group: "all", properties: "All attributes", values: "Values of all attributes" }]}
        hideOperations
        disableFreeTextFiltering
        filteringPlaceholder="Filter by attribute and value"
        filteringAriaLabel="Filter findings"
        expandToViewport
        virtualScroll
      />
      <div className="levels" role="group" aria-label="Severity">
        {levels.map((level) => {
          const active = severitiesOf[level].every((step) => criterion.severity?.Equals?.includes(step));
          return (
            <button
              type="button"
              key={level}
              aria-pressed={active}
              className={`level severity-${level}`}
              onClick={() => change({ filter: withLevel(criterion, level, !active) })}
            >
              <span aria-hidden="true" className="severity-mark" />
              {level[0]!.toUpperCase() + level.slice(1)} <b>{stats.value?.byLevel[level].toLocaleString("en") ?? "…"}</b>
            </button>
          );
        })}
      </div>
    </SpaceBetween>
  );

  const pagination = (
    <Pagination
      currentPageIndex={page}
      pagesCount={more ? Math.max(pages, page + 1) : pages}
      openEnd={more}
      disabled={loading && !findings.length}
      onChange={({ detail }) => {
        const next = new URLSearchParams(route.query);
        next.set("page", String(detail.currentPageIndex));
        go(href(["findings"], Object.fromEntries(next)));
      }}
      ariaLabels={{ nextPageLabel: "Next page", previousPageLabel: "Previous page", pageLabel: (number) => `Page ${number}` }}
    />
  );

  const empty = error ? (
    <Failed what="The findings cannot be listed" error={error} />
  ) : (
    <Box textAlign="center" padding="l">
      <b>No findings</b>
      <Box color="text-body-secondary">
        {tokens.length ? "None matches the filter." : view.shown === "current" ? "Nothing was found in the logs that were read." : "None is archived."}
      </Box>
    </Box>
  );

  const labels = {
    selectionGroupLabel: "Select findings",
    allItemsSelectionLabel: () => "Select all findings of this page",
    itemSelectionLabel: (_: unknown, finding: Finding) => `Select ${plain(finding.Title)}, seen ${timeText(finding.UpdatedAt)}`,
    tableLabel: "Findings",
    cardsLabel: "Findings",
  };
  const shared = {
    items: shownFindings,
    trackBy: "Id",
    loading: loading && !shownFindings.length,
    loadingText: "Loading findings",
    selectionType: "multi" as const,
    selectedItems: selected,
    header,
    filter,
    pagination,
    empty,
    stickyHeader: true,
    variant: "full-page" as const,
    ariaLabels: labels,
  };
  const visible = ["severity", "finding", ...preferences.columns.filter((id) => id in columns)];

  return (
    <>
      {group ? (
        <Groups group={group} region={region} wanted={wanted} header={header} filter={filter} change={change} criterion={criterion} />
      ) : narrow ? (
        <Cards<Finding>
          {...shared}
          stickyHeader={false}
          onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
          cardDefinition={{
            header: (finding) => (
              <To to={findingHref(finding)}>
                <Text>{finding.Title}</Text>
              </To>
            ),
            sections: [
              { id: "severity", content: (finding) => <Severity value={finding.Severity} /> },
              { id: "type", content: (finding) => <Value>{finding.Type}</Value> },
              { id: "resource", header: "Resource", width: 50, content: columns["resource"]!.cell },
              { id: "principal", header: "Who", width: 50, content: columns["principal"]!.cell },
              { id: "updated", header: "Last seen (UTC)", width: 50, content: columns["updated"]!.cell },
            ],
          }}
        />
      ) : (
        <Table<Finding>
          {...shared}
          onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
          columnDefinitions={Object.values(columns)}
          visibleColumns={visible}
          sortingColumn={Object.values(columns).find(({ sortingField }) => sortingField === view.sorting.attribute)}
          sortingDescending={view.sorting.descending}
          onSortingChange={({ detail }) =>
            change({ sort: detail.sortingColumn.sortingField, order: detail.isDescending ? "desc" : "asc" })
          }
          wrapLines
          resizableColumns
          enableKeyboardNavigation
          preferences={
            <CollectionPreferences
              title="Preferences"
              confirmLabel="Save"
              cancelLabel="Cancel"
              preferences={{
                pageSize: preferences.pageSize,
                contentDisplay: Object.keys(columns).map((id) => ({ id, visible: visible.includes(id) })),
              }}
              pageSizePreference={{
                title: "Findings on a page",
                options: [25, 50, 100].map((value) => ({ value, label: `${value} findings` })),
              }}
              contentDisplayPreference={{
                title: "Columns",
                options: Object.entries(columns).map(([id, { name }]) => ({ id, label: name, alwaysVisible: id === "finding" })),
              }}
              onConfirm={({ detail }) =>
                setPreferences({
                  pageSize: detail.pageSize ?? 25,
                  columns: (detail.contentDisplay ?? []).filter(({ visible: on }) => on).map(({ id }) => id),
                })
              }
            />
          }
        />
      )}
      {saving && <SaveFilter region={region} criterion={criterion} onEnd={() => (setSaving(false), setSaved((before) => before + 1))} />}
    </>
  );
}

interface GroupsProps {
  group: Group;
  region: string;
  wanted: Criterion; // what is counted
  criterion: Criterion; // what the address holds, to which a chosen group adds
  header: ReactNode;
  filter: ReactNode;
  change: (changes: Record<string, string | undefined>) => void;
}

// How many findings each type, account, resource, severity or day has; one leads to its findings.
function Groups({ group, region, wanted, criterion, header, filter, change }: GroupsProps) {
  const api = useApi();
  const counts = useLoaded(async (): Promise<(Count & { criterion: Criterion })[]> => {
    const places = await api.places(region);
    if (group === "type") return (await countByType(places, wanted, groupsMax)).map((one) => ({ ...one, criterion: { type: { Equals: [one.name] } } }));
    if (group === "account") return (await countByAccount(places, wanted, groupsMax)).map((one) => ({ ...one, criterion: { accountId: { Equals: [one.name] } } }));
    if (group === "resource") return (await countByResource(places, wanted, groupsMax)).map((one) => ({ ...one, criterion: criterionOfResource(one) }));
    if (group === "severity") {
      const { byLevel } = await countByLevel(places, wanted);
      return levels
        .filter((level) => byLevel[level])
        .map((level) => ({ name: level[0]!.toUpperCase() + level.slice(1), total: byLevel[level], criterion: { severity: { Equals: severitiesOf[level] } } }));
    }
    return (await countByDay(places, wanted)).reverse().map(({ date, byLevel }) => ({
      name: new Date(date).toISOString().slice(0, 10),
      total: levels.reduce((sum, level) => sum + byLevel[level], 0),
      criterion: { updatedAt: { GreaterThanOrEqual: date, LessThan: date + dayMs } },
    }));
  }, [api, region, wanted, group]);
  const most = Math.max(1, ...(counts.value ?? []).map(({ total }) => total));
  return (
    <Table
      variant="full-page"
      stickyHeader
      wrapLines
      header={header}
      filter={filter}
      items={counts.value ?? []}
      loading={!counts.value && !counts.error}
      loadingText="Counting findings"
      empty={counts.error ? <Failed what="The findings cannot be counted" error={counts.error} /> : "No findings"}
      ariaLabels={{ tableLabel: "Findings by group" }}
      footer={counts.value && counts.value.length >= groupsMax ? `The ${groupsMax} largest groups of each Region` : undefined}
      columnDefinitions={[
        {
          id: "name",
          header: groups.find(({ value }) => value === group)!.label.slice(3).replace(/^./, (letter) => letter.toUpperCase()),
          isRowHeader: true,
          minWidth: 260,
          cell: (one) => (
            <>
              <Button variant="inline-link" onClick={() => change({ group: undefined, filter: JSON.stringify({ ...criterion, ...one.criterion }) })}>
                {plain(one.name)}
              </Button>
              {one.note && (
                <Box variant="small" display="block" color="text-body-secondary">
                  <Text>{one.note}</Text>
                </Box>
              )}
            </>
          ),
        },
        { id: "total", header: "Findings", width: 120, cell: (one) => one.total.toLocaleString("en") },
        { id: "bar", header: "", minWidth: 160, cell: (one) => <meter className="bar" min={0} max={most} value={one.total} aria-hidden="true" /> },
      ]}
    />
  );
}

function withLevel(criterion: Criterion, level: Level, wanted: boolean): string | undefined {
  const before = criterion.severity?.Equals ?? [];
  const steps = wanted ? [...before, ...severitiesOf[level]] : before.filter((step) => !severitiesOf[level].includes(step));
  const next = { ...criterion };
  if (steps.length) next.severity = { Equals: [...new Set(steps)] };
  else delete next.severity;
  return Object.keys(next).length ? JSON.stringify(next) : undefined;
}

// Filters of the API that only filter: those that archive are suppression rules.
function SavedFilters({ region, onChosen }: { region: string; onChosen: (criterion: Criterion) => void }) {
  const api = useApi();
  const filters = useLoaded(async () => {
    const places = await api.places(region);
    const lists = await Promise.all(
      places.map(async (place) => {
        const { FilterNames } = await place.client.send(new ListFiltersCommand({ DetectorId: place.detectorId, MaxResults: 50 }));
        return (FilterNames ?? []).map((name) => ({ place, name }));
      }),
    );
    // The same name in several Regions is one filter to the eye.
    return [...new Map(lists.flat().map((one) => [one.name, one])).values()];
  }, [api, region]);
  const notices = useNotices();
  const choose = async (name: string) => {
    const chosen = filters.value?.find((one) => one.name === name);
    if (!chosen) return;
    await notices.attempt("", async () => {
      const filter = await chosen.place.client.send(
        new GetFilterCommand({ DetectorId: chosen.place.detectorId, FilterName: name }),
      );
      onChosen(filter.FindingCriteria?.Criterion ?? {});
    });
  };
  if (!filters.value?.length) return null;
  return (
    <Select
      ariaLabel="Saved filters"
      placeholder="Saved filters"
      selectedOption={null}
      options={filters.value.map(({ name }) => ({ value: name, label: plain(name) }))}
      onChange={({ detail }) => void choose(detail.selectedOption.value ?? "")}
    />
  );
}

function SaveFilter({ region, criterion, onEnd }: { region: string; criterion: Criterion; onEnd: () => void }) {
  const api = useApi();
  const notices = useNotices();
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const wrong = name !== "" && !/^[A-Za-z0-9._-]{3,64}$/.test(name);
  const save = async () => {
    setBusy(true);
    const done = await notices.attempt(`Filter ${name} is saved`, async () => {
      for (const { client, detectorId } of await api.places(region))
        await client.send(
          new CreateFilterCommand({ DetectorId: detectorId, Name: name, Action: "NOOP", FindingCriteria: { Criterion: criterion } }),
        );
    });
    setBusy(false);
    if (done) onEnd();
  };
  return (
    <Dialog title="Save the filter" action="Save" busy={busy} disabled={!name || wrong} onAct={save} onEnd={onEnd}>
      <FormField
        label="Name"
        constraintText="3 to 64 letters, digits, '.', '_' and '-'"
        errorText={wrong ? "The name has other characters, or too few" : undefined}
      >
        <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus />
      </FormField>
    </Dialog>
  );
}
