// The server's own audit log: who called what, newest first. The address holds the search.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useEffect, useState } from "react";
import { timeText } from "../finding";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, useRoute } from "../router";
import { plain, Text } from "../text";

interface AuditEvent {
  eventID: string;
  eventTime: string;
  eventSource: string;
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string;
  userAgent: string;
  readOnly: boolean;
  errorCode?: string;
  errorMessage?: string;
  recipientAccountId: string;
  userIdentity: { arn?: string; userName?: string; accessKeyId?: string };
}
interface Page {
  events: AuditEvent[];
  nextToken?: string;
  searchedTo?: string;
}

const hourMs = 3_600_000;
const spans = [
  { value: "", label: "As far as it is kept" },
  { value: "1", label: "The last hour" },
  { value: "24", label: "The last day" },
  { value: "168", label: "The last 7 days" },
];

// "user/console/ada" of an ARN, and a key's profile or role session likewise.
const callerOf = ({ userIdentity }: AuditEvent) => userIdentity.arn?.split(":").slice(5).join(":") || userIdentity.accessKeyId || "";

export default function Audit() {
  const api = useApi();
  const notices = useNotices();
  const { query } = useRoute();
  const { region } = api.session;
  const given = { caller: query.get("caller") ?? "", operation: query.get("operation") ?? "" };
  const errors = query.get("errors") === "true";
  const reads = query.get("reads") === "true";
  const hours = query.get("hours") ?? "";
  const [caller, setCaller] = useState(given.caller);
  const [operation, setOperation] = useState(given.operation);
  const [more, setMore] = useState<Page>({ events: [] });
  const [busy, setBusy] = useState(false);
  const [shown, setShown] = useState<AuditEvent>();
  useEffect(() => setCaller(given.caller), [given.caller]);
  useEffect(() => setOperation(given.operation), [given.operation]);

  const change = (changes: Record<string, string | undefined>) => {
    const next = { caller, operation, errors: errors ? "true" : "", reads: reads ? "true" : "", hours, ...changes };
    go(href(["settings", "audit"], Object.fromEntries(Object.entries(next).filter(([, value]) => value))));
  };
  const ask = (nextToken: string) =>
    api.own<Page>(region, "GET", "audit-events", {
      maxResults: "50",
      ...(given.caller && { caller: given.caller }),
      ...(given.operation && { operation: given.operation }),
      ...(errors && { errors: "true" }),
      ...(!reads && { changes: "true" }),
      ...(hours && { from: new Date(Date.now() - Number(hours) * hourMs).toISOString() }),
      ...(nextToken && { nextToken }),
    });
  const first = useLoaded(() => ask(""), [api, region, given.caller, given.operation, errors, reads, hours]);
  useEffect(() => setMore({ events: [] }), [first.value]);
  const events = [...(first.value?.events ?? []), ...more.events];
  const last = more.events.length || more.nextToken || more.searchedTo ? more : first.value;
  const goOn = async () => {
    setBusy(true);
    await notices.attempt("", async () => {
      const next = await ask(last?.nextToken ?? "");
      setMore((before) => ({ ...next, searchedTo: next.searchedTo ?? "the end", events: [...before.events, ...next.events] }));
    });
    setBusy(false);
  };
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="Every call of a known key, refused ones too, as CloudTrail would record it">
          Audit log
        </Header>
      }
    >
      <Rows<AuditEvent>
        variant="container"
        trackBy="eventID"
        items={events}
        loading={!first.value && !first.error}
        loadingText="Searching the audit log"
        empty={first.error ? <Failed what="The audit log cannot be read" error={first.error} /> : "No call fits."}
        ariaLabels={{ tableLabel: "Audit log" }}
        header={
          <Header variant="h2" actions={<Button iconName="refresh" ariaLabel="Refresh" onClick={first.again} />}>
            Calls
          </Header>
        }
        filter={
          <form
            className="filters"
            onSubmit={(event) => {
              event.preventDefault();
              change({});
            }}
          >
            <Input ariaLabel="Caller" placeholder="Caller or key ID" type="search" value={caller} onChange={({ detail }) => (setCaller(detail.value), detail.value === "" && change({ caller: "" }))} />
            <Input
              ariaLabel="Operation"
              placeholder="Operation"
              type="search"
              value={operation}
              onChange={({ detail }) => (setOperation(detail.value), detail.value === "" && change({ operation: "" }))}
            />
            <Select
              ariaLabel="Time"
              selectedOption={spans.find(({ value }) => value === hours) ?? spans[0]!}
              options={spans}
              onChange={({ detail }) => change({ hours: detail.selectedOption.value })}
            />
            <div className="as-wide-as-it-is">
              <Button formAction="submit">Search</Button>
            </div>
            <div className="as-wide-as-it-is">
              <Checkbox checked={errors} onChange={({ detail }) => change({ errors: detail.checked ? "true" : "" })}>
                Refused ones only
              </Checkbox>
            </div>
            <div className="as-wide-as-it-is">
              <Checkbox checked={reads} onChange={({ detail }) => change({ reads: detail.checked ? "true" : "" })}>
                Reads too
              </Checkbox>
            </div>
          </form>
        }
        footer={
          last?.nextToken && (
            <Box textAlign="center">
              <SpaceBetween size="xxs" alignItems="center">
                {last.searchedTo && <Box color="text-body-secondary">{`Searched back to ${timeText(last.searchedTo)} UTC`}</Box>}
                <Button loading={busy} onClick={() => void goOn()}>
                  Older ones
                </Button>
              </SpaceBetween>
            </Box>
          )
        }
        columnDefinitions={[
          { id: "time", header: "Time (UTC)", minWidth: 170, cell: (one) => <Time at={one.eventTime} /> },
          {
            id: "caller",
            header: "Caller",
            minWidth: 180,
            cell: (one) => (
              <>
                <Value most={120}>{callerOf(one)}</Value>
                <Box variant="small" display="block" color="text-body-secondary">
                  from <Text>{one.sourceIPAddress || "the server itself"}</Text>
                </Box>
              </>
            ),
          },
          {
            id: "operation",
            header: "Operation",
            isRowHeader: true,
            minWidth: 190,
            cell: (one) => (
              <>
                <Button variant="inline-link" ariaLabel={`The record of ${plain(one.eventName)}, ${timeText(one.eventTime)}`} onClick={() => setShown(one)}>
                  {plain(one.eventName)}
                </Button>
                <Box variant="small" display="block" color="text-body-secondary">
                  <Text>{one.eventSource.replace(".amazonaws.com", "")}</Text>
                </Box>
              </>
            ),
          },
          {
            id: "outcome",
            header: "Outcome",
            minWidth: 180,
            cell: (one) =>
              one.errorCode || one.errorMessage ? (
                <>
                  <StatusIndicator type="error">{plain(one.errorCode || "Failed")}</StatusIndicator>
                  <Box variant="small" display="block">
                    <Text most={160}>{one.errorMessage}</Text>
                  </Box>
                </>
              ) : (
                <StatusIndicator type="success">done</StatusIndicator>
              ),
          },
          {
            id: "account",
            header: "Account",
            minWidth: 145,
            cell: (one) => (
              <>
                <Value>{one.recipientAccountId}</Value>
                <Box variant="small" display="block" color="text-body-secondary">
                  <Text>{one.awsRegion}</Text>
                </Box>
              </>
            ),
          },
        ]}
      />
      {shown && (
        <Modal visible size="large" header={plain(shown.eventName)} onDismiss={() => setShown(undefined)}>
          <pre className="json" tabIndex={0} aria-label="The record">
            {JSON.stringify(shown, null, 1).split("\n").map(plain).join("\n")}
          </pre>
        </Modal>
      )}
    </ContentLayout>
  );
}
