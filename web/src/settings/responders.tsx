// Where findings are sent, and what playbooks did. Both are set in the configuration.
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Time, Value } from "../parts";
import { actionText, modeText, Runs, type Playbook, type Run } from "../playbooks";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { RegionPage } from "./frame";

interface Responder {
  name: string;
  kind: string;
  place: string;
  rules: string[];
  delivered: number;
  failed: number;
  waiting: number;
  deadLettered: number;
  unreachable: boolean;
  lastDeliveredAt?: number;
  lastFailedAt?: number;
  lastError?: string;
}

export default function Responders({ region }: { region: string }) {
  return (
    <RegionPage section="responders" title="Responders" description="Where findings are sent, and the playbooks that act on them" region={region}>
      {() => (
        <SpaceBetween size="l">
          <Targets region={region} />
          <Playbooks region={region} />
          <History region={region} />
        </SpaceBetween>
      )}
    </RegionPage>
  );
}

function Targets({ region }: { region: string }) {
  const api = useApi();
  const told = useLoaded(() => api.own<{ responders: Responder[] }>(region, "GET", "responders"), [api, region]);
  return (
    <Rows<Responder>
      variant="container"
      trackBy="name"
      items={told.value?.responders ?? []}
      loading={!told.value && !told.error}
      loadingText="Loading responders"
      empty={told.error ? <Failed what="The responders cannot be shown" error={told.error} /> : "Findings are sent nowhere."}
      ariaLabels={{ tableLabel: "Responders" }}
      header={
        <Header variant="h2" counter={told.value && `(${told.value.responders.length})`}>
          Targets
        </Header>
      }
      columnDefinitions={[
        { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Text>{one.name}</Text> },
        { id: "kind", header: "Kind", cell: (one) => plain(one.kind) },
        { id: "place", header: "Where", cell: (one) => <Value most={200}>{one.place}</Value> },
        { id: "rules", header: "Rules", cell: (one) => <Value>{one.rules.join(", ")}</Value> },
        {
          id: "state",
          header: "State",
          cell: (one) => (
            <>
              <StatusIndicator type={one.unreachable ? "error" : "success"}>{one.unreachable ? "cannot be reached" : "works"}</StatusIndicator>
              {one.lastError && (
                <Box variant="small" display="block">
                  <Time at={one.lastFailedAt} /> <Text>{one.lastError}</Text>
                </Box>
              )}
            </>
          ),
        },
        { id: "delivered", header: "Sent", cell: (one) => one.delivered },
        { id: "waiting", header: "Waiting", cell: (one) => one.waiting },
        { id: "dead", header: "Given up", cell: (one) => one.deadLettered },
      ]}
    />
  );
}

function Playbooks({ region }: { region: string }) {
  const api = useApi();
  const told = useLoaded(() => api.own<{ playbooks: Playbook[] }>(region, "GET", "playbooks"), [api, region]);
  return (
    <Rows<Playbook>
      variant="container"
      trackBy="name"
      items={told.value?.playbooks ?? []}
      loading={!told.value && !told.error}
      loadingText="Loading playbooks"
      empty={told.error ? <Failed what="The playbooks cannot be shown" error={told.error} /> : "No playbook is configured."}
      ariaLabels={{ tableLabel: "Playbooks" }}
      header={
        <Header variant="h2" counter={told.value && `(${told.value.playbooks.length})`}>
          Playbooks
        </Header>
      }
      columnDefinitions={[
        { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Text>{one.name}</Text> },
        { id: "action", header: "Does", cell: (one) => actionText[one.action] ?? plain(one.action) },
        { id: "mode", header: "Runs", cell: (one) => modeText[one.mode] ?? plain(one.mode) },
        { id: "cap", header: "At most an hour", cell: (one) => one.runsPerHour || "no cap" },
      ]}
    />
  );
}

function History({ region }: { region: string }) {
  const api = useApi();
  const told = useLoaded(() => api.own<{ runs: Run[] }>(region, "GET", "playbook-runs"), [api, region]);
  if (told.error) return <Failed what="The runs cannot be shown" error={told.error} />;
  return (
    <Runs
      runs={told.value?.runs ?? []}
      title={
        <Header variant="h2" counter={told.value && `(${told.value.runs.length})`}>
          Runs
        </Header>
      }
      region={region}
      again={told.again}
      of="all"
    />
  );
}
