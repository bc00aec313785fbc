// One finding: what happened, why it was raised, on which records, and what can be done about it.
import type { Finding } from "@aws-sdk/client-guardduty";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs, { type KeyValuePairsProps } from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { lazy, Suspense, useState } from "react";
import {
  additionalInfo,
  apiForm,
  counted,
  isSequence,
  levelOf,
  principalOf,
  remoteOf,
  resourceOf,
  timeText,
  type AdditionalInfo,
  type ProofRecord,
} from "../finding";
import type { Kind } from "../entities/entity";
import { EntityLink } from "../entities/link";
import { BeginInvestigation } from "../investigations/begin";
import { getFindings, merged, take, useApi, type Criterion } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Copy, Failed, Severity, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { post } from "../session";
import { jsonText, plain, Text } from "../text";
import { asJson, download, setArchived, setFeedback } from "./actions";
import { criterionFrom, labelOf } from "./filter";
import { stepsFor, tactics } from "./guidance";
import { Actions } from "./playbooks";

const SequenceView = lazy(() => import("./sequence"));

const relatedMax = 10;

export default function FindingPage({ route }: { route: Route }) {
  const [, region = "", id = ""] = route.path;
  const api = useApi();
  const { value, error, loading, again } = useLoaded(async () => {
    const place = await api.place(region);
    if (!place) throw new Error(`there is no detector in ${region}`);
    const [finding] = await getFindings(place, [id]);
    if (!finding) throw new Error("no finding has this id in this Region");
    return finding;
  }, [api, region, id]);
  if (error)
    return (
      <Box padding="l">
        <Failed what="The finding cannot be shown" error={error} />
      </Box>
    );
  if (!value || (loading && value.Id !== id)) return <Spinner size="large" />;
  return <FindingView finding={value} again={again} />;
}

function FindingView({ finding, again }: { finding: Finding; again: () => void }) {
  const info = additionalInfo(finding);
  return (
    <ContentLayout
      breadcrumbs={
        <BreadcrumbGroup
          items={[
            { text: "Findings", href: href(["findings"]) },
            { text: plain(finding.Type), href: "" },
          ]}
          onFollow={(event) => {
            event.preventDefault();
            go(event.detail.href);
          }}
        />
      }
      header={<FindingHeader finding={finding} info={info} again={again} />}
    >
      <SpaceBetween size="l">
        {!isSequence(finding) && <Facts finding={finding} />}
        {finding.Service?.Detection?.Sequence && (
          <Suspense fallback={<Spinner />}>
            <SequenceView finding={finding} />
          </Suspense>
        )}
        {isSequence(finding) && <Facts finding={finding} />}
        <Why finding={finding} info={info} />
        <Records finding={finding} info={info} />
        <Actions finding={finding} />
        <Related finding={finding} />
        <Steps finding={finding} />
        <ResourceDetails finding={finding} />
        <Whole finding={finding} />
      </SpaceBetween>
    </ContentLayout>
  );
}

function FindingHeader({ finding, info, again }: { finding: Finding; info: AdditionalInfo; again: () => void }) {
  const api = useApi();
  const notices = useNotices();
  const [busy, setBusy] = useState(false);
  const archived = finding.Service?.Archived ?? false;
  const change = async (done: string, act: () => Promise<void>) => {
    setBusy(true);
    if (await notices.attempt(done, act)) again();
    setBusy(false);
  };
  const narrow = criterionFrom(finding);
  const suppress = (chosen: typeof narrow) => {
    const criterion: Criterion = Object.fromEntries(chosen.map(({ path, value }) => [path, { Equals: [value] }]));
    go(href(["suppression", "new"], { region: finding.Region, filter: JSON.stringify(criterion) }));
  };
  const feedback = finding.Service?.UserFeedback;
  return (
    <Header
      variant="h1"
      description={
        <SpaceBetween size="xs">
          <Text>{finding.Description}</Text>
          <SpaceBetween size="xs" direction="horizontal" alignItems="center">
            <Severity value={finding.Severity} />
            <Box variant="code">
              <Text>{finding.Type}</Text>
            </Box>
            {archived && <Badge>Archived</Badge>}
            {feedback && <Badge color="blue">{feedback === "USEFUL" ? "Useful" : "Not useful"}</Badge>}
            {info.sample === true && <Badge color="grey">Sample</Badge>}
          </SpaceBetween>
        </SpaceBetween>
      }
      actions={
        <SpaceBetween size="xs" direction="horizontal">
          <BeginInvestigation prompt={`What is behind finding ${finding.Id ?? ""}?`} region={finding.Region} />
          {api.may("UpdateFindingsFeedback") && (
            <ButtonDropdown
              disabled={busy}
              items={[
                { id: "USEFUL", text: "Useful", itemType: "checkbox", checked: feedback === "USEFUL" },
                { id: "NOT_USEFUL", text: "Not useful", itemType: "checkbox", checked: feedback === "NOT_USEFUL" },
              ]}
              onItemClick={({ detail }) =>
                void change("The feedback is kept", () => setFeedback(api, [finding], detail.id as "USEFUL" | "NOT_USEFUL"))
              }
            >
              Feedback
            </ButtonDropdown>
          )}
          {api.may("CreateFilter") && (
            <ButtonDropdown
              items={[
                { id: "all", text: "All of this", description: "Type, account, who, what and from where" },
                ...narrow
                  .filter(({ path }) => path !== "type" && path !== "accountId")
                  .map(({ path, value }) => ({ id: path, text: `This type with this ${labelOf(path)}`, description: plain(value) })),
                { id: "type", text: "This type in this account" },
              ]}
              onItemClick={({ detail }) =>
                suppress(
                  detail.id === "all"
                    ? narrow
                    : narrow.filter(({ path }) => path === "type" || path === "accountId" || path === detail.id),
                )
              }
            >
              Suppress
            </ButtonDropdown>
          )}
          {archived
            ? api.may("UnarchiveFindings") && (
                <Button
                  loading={busy}
                  onClick={() => void change("The finding is current again", () => setArchived(api, [finding], false))}
                >
                  Unarchive
                </Button>
              )
            : api.may("ArchiveFindings") && (
                <Button
                  variant="primary"
                  loading={busy}
                  onClick={() => void change("The finding is archived", () => setArchived(api, [finding], true))}
                >
                  Archive
                </Button>
              )}
        </SpaceBetween>
      }
    >
      <Text>{finding.Title}</Text>
    </Header>
  );
}

const WorldMap = lazy(() => import("../entities/map"));

type Pairs = KeyValuePairsProps.Item[];
const pair = (label: string, value: string | number | boolean | undefined | null): Pairs =>
  value === undefined || value === null || value === "" ? [] : [{ label, value: <Text>{value}</Text> }];

// Who did what, where, as far as the finding says.
function Facts({ finding }: { finding: Finding }) {
  const { Resource: resource, Service: service } = finding;
  const key = resource?.AccessKeyDetails;
  const user = resource?.KubernetesDetails?.KubernetesUserDetails;
  const remote = remoteOf(finding);
  const action = service?.Action;
  const call = action?.AwsApiCallAction;
  const connection = action?.NetworkConnectionAction;
  const kubernetes = action?.KubernetesApiCallAction;
  const place = [remote?.City?.CityName, remote?.Country?.CountryName].filter(Boolean).join(", ");
  const port = (details?: { Port?: number; PortName?: string }) =>
    details?.Port === undefined ? undefined : `${details.Port}${details.PortName && details.PortName !== "Unknown" ? ` (${details.PortName})` : ""}`;
  const linked = (label: string, value: string | undefined, kind: Kind[]): Pairs =>
    value ? [{ label, value: <EntityLink finding={finding} name={value} kind={kind} /> }] : [];
  const who: Pairs = [
    ...linked("Principal", principalOf(finding), ["principal", "clusterUser"]),
    ...pair("Kind", key?.UserType),
    ...pair("Principal ID", key?.PrincipalId),
    ...pair("Access key", key?.AccessKeyId),
    ...pair("Kubernetes groups", user?.Groups?.join(", ")),
    ...pair("Client", userAgentOf(finding)),
  ];
  const what: Pairs = [
    ...pair("Call", call?.Api && `${call.ServiceName ?? ""} ${call.Api}`.trim()),
    ...pair("Outcome", call && (call.ErrorCode ? `refused: ${call.ErrorCode}` : "succeeded")),
    ...pair("Request", kubernetes?.RequestUri && `${kubernetes.Verb ?? ""} ${kubernetes.RequestUri}`.trim()),
    ...pair("Status", kubernetes?.StatusCode),
    ...linked("Domain", action?.DnsRequestAction?.Domain, ["domain"]),
    ...pair("Direction", connection?.ConnectionDirection?.toLowerCase()),
    ...pair("Protocol", connection?.Protocol ?? action?.DnsRequestAction?.Protocol),
    ...pair("Local port", port(connection?.LocalPortDetails ?? action?.PortProbeAction?.PortProbeDetails?.[0]?.LocalPortDetails)),
    ...pair("Remote port", port(connection?.RemotePortDetails)),
    ...(resource?.InstanceDetails || resource?.S3BucketDetails?.length
      ? linked("Resource", resourceOf(finding), ["instance", "bucket"])
      : pair("Resource", resourceOf(finding))),
    ...pair("Seen", service?.Count === 1 ? "once" : counted(service?.Count ?? 1, "time")),
  ];
  const where: Pairs = [
    ...linked("Remote address", remote?.IpAddressV4 || remote?.IpAddressV6, ["address"]),
    ...pair("Place", place),
    ...pair("Network", remote?.Organization?.AsnOrg && `AS${remote.Organization.Asn ?? "?"} ${remote.Organization.AsnOrg}`),
    ...pair("Account", finding.AccountId),
    ...pair("Region", finding.Region),
    { label: "First seen (UTC)", value: <Time at={service?.EventFirstSeen} /> },
    { label: "Last seen (UTC)", value: <Time at={service?.EventLastSeen} /> },
  ];
  const { Lat: latitude, Lon: longitude } = remote?.GeoLocation ?? {};
  const at = latitude !== undefined && longitude !== undefined ? { latitude, longitude, label: place || "the remote address", count: 1, new: false } : undefined;
  const group = (title: string, items: Pairs) => (
    <div>
      <Box variant="h3" padding={{ bottom: "xs" }}>
        {title}
      </Box>
      {items.length ? <KeyValuePairs items={items} columns={1} /> : <Box color="text-status-inactive">The logs do not say.</Box>}
    </div>
  );
  return (
    <Container header={<Header variant="h2">Who, what, where</Header>}>
      <ColumnLayout columns={3} variant="text-grid" minColumnWidth={200}>
        {group("Who", who)}
        {group("What", what)}
        <div>
          {group("Where and when", where)}
          {at && (
            <Suspense>
              <WorldMap spots={[at]} label={`A map of the world: ${plain(at.label)}`} />
            </Suspense>
          )}
        </div>
      </ColumnLayout>
    </Container>
  );
}

function userAgentOf(finding: Finding): string | undefined {
  const why = additionalInfo(finding).picket?.why?.["user_agent"];
  return finding.Service?.Action?.KubernetesApiCallAction?.UserAgent ?? (typeof why === "string" ? why : undefined);
}

const words = (name: string) => name.replaceAll(/[_.]/g, " ").replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

function Reason({ value }: { value: unknown }) {
  if (Array.isArray(value))
    return (
      <ul className="plain-list">
        {value.map((one: unknown, index) => (
          <li key={index}>
            <Reason value={one} />
          </li>
        ))}
      </ul>
    );
  if (typeof value === "object" && value !== null)
    return (
      <>
        {Object.entries(value).map(([name, inner]) => (
          <div key={name}>
            <Box variant="span" color="text-body-secondary">
              {plain(words(name))}:
            </Box>{" "}
            <Reason value={inner} />
          </div>
        ))}
      </>
    );
  return <Value>{value as string}</Value>;
}

function Why({ finding, info }: { finding: Finding; info: AdditionalInfo }) {
  const proof = info.picket;
  const { indicators, ...reasons } = proof?.why ?? {};
  const groups: [string, Record<string, unknown> | undefined][] = [
    ["Unusual for this identity", info.unusualBehavior],
    ["Its normal behaviour", info.profiledBehavior],
    ["Anomalies", info.anomalies],
  ];
  const lists = finding.Service?.Evidence?.ThreatIntelligenceDetails ?? [];
  const tactic = proof?.mitre?.tactic;
  const technique = proof?.mitre?.technique;
  const told = Object.entries(reasons);
  if (!told.length && !tactic && !lists.length && !indicators && groups.every(([, values]) => !values)) return null;
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={`Severity ${finding.Severity ?? 0} (${levelOf(finding.Severity)})${proof?.detector ? `, raised by the detector ${plain(proof.detector)}` : ""}`}
        >
          Why
        </Header>
      }
    >
      <SpaceBetween size="l">
        {told.length > 0 && (
          <KeyValuePairs columns={3} items={told.map(([name, value]) => ({ label: plain(words(name)), value: <Reason value={value} /> }))} />
        )}
        {groups.map(
          ([title, values]) =>
            values && (
              <div key={title}>
                <Box variant="h3">{title}</Box>
                <KeyValuePairs
                  columns={3}
                  items={Object.entries(values).map(([name, value]) => ({ label: plain(words(name)), value: <Reason value={value} /> }))}
                />
              </div>
            ),
        )}
        {(Boolean(indicators) || lists.length > 0) && (
          <div>
            <Box variant="h3">Indicators</Box>
            {Array.isArray(indicators) ? (
              <Rows
                variant="embedded"
                items={indicators as Record<string, string>[]}
                columnDefinitions={[
                  { id: "indicator", header: "Indicator", cell: (one) => <Value>{one["indicator"]}</Value>, isRowHeader: true },
                  { id: "list", header: "List", cell: (one) => <Value>{one["list"]}</Value> },
                  { id: "category", header: "Category", cell: (one) => <Value>{one["category"]}</Value> },
                  { id: "threat", header: "Threat", cell: (one) => <Value>{one["threat_name"]}</Value> },
                ]}
                ariaLabels={{ tableLabel: "Indicators" }}
              />
            ) : (
              <KeyValuePairs
                columns={3}
                items={lists.map((list) => ({
                  label: plain(list.ThreatListName),
                  value: <Value>{list.ThreatNames?.join(", ") || "listed"}</Value>,
                }))}
              />
            )}
          </div>
        )}
        {tactic && (
          <KeyValuePairs
            columns={3}
            items={[
              { label: "ATT&CK tactic", value: <Value>{`${tactics[tactic] ?? ""} ${tactic}`.trim()}</Value> },
              { label: "ATT&CK technique", value: <Value>{technique}</Value> },
            ]}
          />
        )}
      </SpaceBetween>
    </Container>
  );
}

// The record as it lies in its log, asked for when it is opened.
function RawRecord({ finding, record }: { finding: Finding; record: ProofRecord }) {
  const { session } = useApi();
  const [open, setOpen] = useState(false);
  const raw = useLoaded(async () => {
    if (!open) return undefined;
    const asked = { region: finding.Region ?? "", finding: finding.Id ?? "", object: record.object, position: String(record.position) };
    return (await post<{ record: string }>("record", asked, session.csrf)).record;
  }, [open, finding.Id, record]);
  return (
    <ExpandableSection headerText="Record" expanded={open} onChange={({ detail }) => setOpen(detail.expanded)} variant="inline">
      {raw.error ? (
        <Failed what="It cannot be read" error={raw.error} />
      ) : raw.value === undefined ? (
        <Spinner />
      ) : (
        <pre className="json" tabIndex={0} aria-label="The record">
          {recordText(raw.value)}
        </pre>
      )}
    </ExpandableSection>
  );
}

// Most are JSON; a flow log's line is not.
function recordText(record: string): string {
  try {
    return jsonText(JSON.parse(record));
  } catch {
    return plain(record);
  }
}

function Records({ finding, info }: { finding: Finding; info: AdditionalInfo }) {
  const records = info.picket?.records ?? [];
  if (!records.length) return null;
  const total = info.picket?.records_total ?? records.length;
  const ordered = [...records].sort((a, b) => (a.time ?? "").localeCompare(b.time ?? ""));
  // The first and the last are kept when there are too many to name.
  const gapAt = total > ordered.length ? Math.floor(ordered.length / 2) : -1;
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${ordered.length < total ? `${ordered.length} of ` : ""}${total.toLocaleString("en")})`}
          description="The log records that the finding stands on, in order of time (UTC)"
          actions={
            <Button
              iconName="download"
              onClick={() => download(`records-${finding.Id}.json`, "application/json", JSON.stringify(ordered, null, 1))}
            >
              Download
            </Button>
          }
        >
          Records
        </Header>
      }
    >
      <ol className="timeline">
        {ordered.map((record, index) => [
          index === gapAt && (
            <li className="gap" key="gap">
              <Box color="text-body-secondary">{(total - ordered.length).toLocaleString("en")} more in between</Box>
            </li>
          ),
          <li key={index}>
            <Time at={record.time} />
            <div className="mono">
              <Text>{record.object}</Text> <b>#{record.position}</b>
              {record.event_id && (
                <>
                  {" "}
                  <Text>{record.event_id}</Text>
                  <Copy text={record.event_id} label={`Copy the event's id ${plain(record.event_id)}`} />
                </>
              )}
            </div>
            <RawRecord finding={finding} record={record} />
          </li>,
        ])}
      </ol>
    </Container>
  );
}

// What else is known of the same identity, resource and address.
function Related({ finding }: { finding: Finding }) {
  const api = useApi();
  const shared = criterionFrom(finding).filter(
    ({ path }) => !["type", "accountId", "service.action.awsApiCallAction.api"].includes(path),
  );
  const { value, error } = useLoaded(async () => {
    const places = await api.places("");
    const seen = new Map<string, { finding: Finding; by: Set<string> }>();
    await Promise.all(
      shared.map(async ({ path, value: wanted }) => {
        const found = await take(
          merged(places, { [path]: { Equals: [wanted] } }, { attribute: "updatedAt", descending: true }),
          relatedMax + 1,
        );
        for (const one of found) {
          if (one.Id === finding.Id) continue;
          const known = seen.get(one.Id ?? "") ?? { finding: one, by: new Set<string>() };
          known.by.add(labelOf(path));
          seen.set(one.Id ?? "", known);
        }
      }),
    );
    return [...seen.values()]
      .sort((a, b) => b.by.size - a.by.size || (b.finding.Severity ?? 0) - (a.finding.Severity ?? 0))
      .slice(0, 2 * relatedMax);
  }, [api, finding.Id]);
  if (!shared.length) return null;
  return (
    <Rows
      variant="container"
      header={
        <Header variant="h2" counter={value && `(${value.length})`} description="With the same identity, resource or address, in every Region">
          Related findings
        </Header>
      }
      items={value ?? []}
      loading={!value && !error}
      loadingText="Looking for related findings"
      empty={error ? <Failed what="They cannot be listed" error={error} /> : "Nothing else shares them."}
      ariaLabels={{ tableLabel: "Related findings" }}
      columnDefinitions={[
        { id: "severity", header: "Severity", cell: (one) => <Severity value={one.finding.Severity} />, width: 120 },
        {
          id: "finding",
          header: "Finding",
          isRowHeader: true,
          cell: (one) => (
            <To to={href(["findings", one.finding.Region ?? "", one.finding.Id ?? ""])}>
              <Text>{one.finding.Title}</Text>
            </To>
          ),
        },
        { id: "shares", header: "Shares", cell: (one) => [...one.by].join(", "), width: 220 },
        { id: "updated", header: "Last seen (UTC)", cell: (one) => <Time at={one.finding.UpdatedAt} />, width: 180 },
      ]}
    />
  );
}

function Steps({ finding }: { finding: Finding }) {
  return (
    <Container header={<Header variant="h2">Recommended steps</Header>}>
      <ol className="steps">
        {stepsFor(finding).map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </Container>
  );
}

function Tree({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    if (!value.length) return <Value />;
    return (
      <ul className="plain-list">
        {value.map((one: unknown, index) => (
          <li key={index}>
            <Tree value={one} />
          </li>
        ))}
      </ul>
    );
  }
  if (value instanceof Date) return <Time at={value} />;
  if (typeof value === "object" && value !== null)
    return (
      <dl className="tree">
        {Object.entries(value)
          .filter(([, inner]) => inner !== undefined && inner !== null && !(Array.isArray(inner) && !inner.length))
          .map(([name, inner]) => (
            <div key={name}>
              <dt>{plain(words(name))}</dt>
              <dd>
                <Tree value={inner} />
              </dd>
            </div>
          ))}
      </dl>
    );
  return <Value>{value as string}</Value>;
}

function ResourceDetails({ finding }: { finding: Finding }) {
  const { ResourceType, ...details } = finding.Resource ?? {};
  if (!Object.values(details).some(Boolean)) return null;
  return (
    <ExpandableSection variant="container" headerText={`Affected resource: ${plain(ResourceType)}`} headingTagOverride="h2">
      <Tree value={details} />
    </ExpandableSection>
  );
}

function Whole({ finding }: { finding: Finding }) {
  const text = jsonText(apiForm(finding));
  return (
    <ExpandableSection
      variant="container"
      headerText="JSON"
      headerDescription={`Finding ${plain(finding.Id)}, as the API has it, last changed ${timeText(finding.UpdatedAt)}`}
      headingTagOverride="h2"
      headerActions={
        <Button iconName="download" onClick={() => download(`finding-${finding.Id}.json`, "application/json", asJson([finding]))}>
          Download
        </Button>
      }
    >
      <pre className="json" tabIndex={0} aria-label="The finding as JSON">
        {text}
      </pre>
    </ExpandableSection>
  );
}
