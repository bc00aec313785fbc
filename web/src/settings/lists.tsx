// Threat lists and trusted lists: addresses, and entity sets with domains.
import {
  CreateIPSetCommand,
  CreateThreatEntitySetCommand,
  CreateThreatIntelSetCommand,
  CreateTrustedEntitySetCommand,
  DeleteIPSetCommand,
  DeleteThreatEntitySetCommand,
  DeleteThreatIntelSetCommand,
  DeleteTrustedEntitySetCommand,
  GetIPSetCommand,
  GetThreatEntitySetCommand,
  GetThreatIntelSetCommand,
  GetTrustedEntitySetCommand,
  ListIPSetsCommand,
  ListThreatEntitySetsCommand,
  ListThreatIntelSetsCommand,
  ListTrustedEntitySetsCommand,
  UpdateIPSetCommand,
  UpdateThreatEntitySetCommand,
  UpdateThreatIntelSetCommand,
  UpdateTrustedEntitySetCommand,
  type IpSetFormat,
} from "@aws-sdk/client-guardduty";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { Confirm, Dialog } from "../dialog";
import { useApi, type Place } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Value } from "../parts";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { Feeds } from "./feeds";
import { RegionPage } from "./frame";

interface Listed {
  id: string;
  kind: Kind;
  name: string;
  format: string;
  location: string;
  status: string;
  error?: string;
  entries?: number;
}
interface New {
  Name: string;
  Format: IpSetFormat;
  Location: string;
  Activate: boolean;
}

// The four kinds are four families of operations with the same shape.
interface Family {
  label: string;
  does: string;
  operation: string; // of the permission to make one
  ids: (place: Place) => Promise<string[]>;
  get: (place: Place, id: string) => Promise<Omit<Listed, "id" | "kind">>;
  create: (place: Place, made: New) => Promise<unknown>;
  activate: (place: Place, id: string, on: boolean) => Promise<unknown>;
  remove: (place: Place, id: string) => Promise<unknown>;
}

const told = (set: { Name?: string; Format?: string; Location?: string; Status?: string; ErrorDetails?: string }) => ({
  name: set.Name ?? "",
  format: set.Format ?? "",
  location: set.Location ?? "",
  status: set.Status ?? "",
  error: set.ErrorDetails,
});
const most = 50;
// GuardDuty's operations tell no reason of IP and threat intel sets, nor how many entries hold.
interface Fetched {
  id: string;
  entries: number;
  errorDetails?: string;
}

const families = {
  threat: {
    label: "Threat list",
    does: "What speaks with these addresses is a finding",
    operation: "CreateThreatIntelSet",
    ids: async ({ client, detectorId }) =>
      (await client.send(new ListThreatIntelSetsCommand({ DetectorId: detectorId, MaxResults: most }))).ThreatIntelSetIds ?? [],
    get: async ({ client, detectorId }, id) => told(await client.send(new GetThreatIntelSetCommand({ DetectorId: detectorId, ThreatIntelSetId: id }))),
    create: ({ client, detectorId }, made) => client.send(new CreateThreatIntelSetCommand({ DetectorId: detectorId, ...made })),
    activate: ({ client, detectorId }, id, on) =>
      client.send(new UpdateThreatIntelSetCommand({ DetectorId: detectorId, ThreatIntelSetId: id, Activate: on })),
    remove: ({ client, detectorId }, id) => client.send(new DeleteThreatIntelSetCommand({ DetectorId: detectorId, ThreatIntelSetId: id })),
  },
  threat_entities: {
    label: "Threat entities",
    does: "The same with domains too",
    operation: "CreateThreatEntitySet",
    ids: async ({ client, detectorId }) =>
      (await client.send(new ListThreatEntitySetsCommand({ DetectorId: detectorId, MaxResults: most }))).ThreatEntitySetIds ?? [],
    get: async ({ client, detectorId }, id) => told(await client.send(new GetThreatEntitySetCommand({ DetectorId: detectorId, ThreatEntitySetId: id }))),
    create: ({ client, detectorId }, made) => client.send(new CreateThreatEntitySetCommand({ DetectorId: detectorId, ...made })),
    activate: ({ client, detectorId }, id, on) =>
      client.send(new UpdateThreatEntitySetCommand({ DetectorId: detectorId, ThreatEntitySetId: id, Activate: on })),
    remove: ({ client, detectorId }, id) => client.send(new DeleteThreatEntitySetCommand({ DetectorId: detectorId, ThreatEntitySetId: id })),
  },
  trusted: {
    label: "Trusted list",
    does: "Nothing is raised for these addresses",
    operation: "CreateIPSet",
    ids: async ({ client, detectorId }) => (await client.send(new ListIPSetsCommand({ DetectorId: detectorId, MaxResults: most }))).IpSetIds ?? [],
    get: async ({ client, detectorId }, id) => told(await client.send(new GetIPSetCommand({ DetectorId: detectorId, IpSetId: id }))),
    create: ({ client, detectorId }, made) => client.send(new CreateIPSetCommand({ DetectorId: detectorId, ...made })),
    activate: ({ client, detectorId }, id, on) => client.send(new UpdateIPSetCommand({ DetectorId: detectorId, IpSetId: id, Activate: on })),
    remove: ({ client, detectorId }, id) => client.send(new DeleteIPSetCommand({ DetectorId: detectorId, IpSetId: id })),
  },
  trusted_entities: {
    label: "Trusted entities",
    does: "The same with domains too",
    operation: "CreateTrustedEntitySet",
    ids: async ({ client, detectorId }) =>
      (await client.send(new ListTrustedEntitySetsCommand({ DetectorId: detectorId, MaxResults: most }))).TrustedEntitySetIds ?? [],
    get: async ({ client, detectorId }, id) => told(await client.send(new GetTrustedEntitySetCommand({ DetectorId: detectorId, TrustedEntitySetId: id }))),
    create: ({ client, detectorId }, made) => client.send(new CreateTrustedEntitySetCommand({ DetectorId: detectorId, ...made })),
    activate: ({ client, detectorId }, id, on) =>
      client.send(new UpdateTrustedEntitySetCommand({ DetectorId: detectorId, TrustedEntitySetId: id, Activate: on })),
    remove: ({ client, detectorId }, id) => client.send(new DeleteTrustedEntitySetCommand({ DetectorId: detectorId, TrustedEntitySetId: id })),
  },
} satisfies Record<string, Family>;
type Kind = keyof typeof families;
const kinds = Object.keys(families) as Kind[];
const formats: IpSetFormat[] = ["TXT", "STIX", "OTX_CSV", "ALIEN_VAULT", "PROOF_POINT", "FIRE_EYE"];

const looks: Record<string, StatusIndicatorProps.Type> = { ACTIVE: "success", ACTIVATING: "in-progress", DEACTIVATING: "in-progress", ERROR: "error" };

export default function Lists({ region }: { region: string }) {
  return (
    <RegionPage section="lists" title="Lists and feeds" description="Your own threat and trusted lists, for this account and its members, and the feeds of the server" region={region}>
      {({ place }) => (
        <SpaceBetween size="l">
          <ListTable place={place} />
          <Feeds region={region} />
        </SpaceBetween>
      )}
    </RegionPage>
  );
}

function ListTable({ place }: { place: Place }) {
  const api = useApi();
  const notices = useNotices();
  const [selected, setSelected] = useState<Listed>();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(false);
  const lists = useLoaded(async () => {
    const fetched = api.own<{ sets: Fetched[] }>(place.region, "GET", "sets");
    const all = await Promise.all(
      kinds.map(async (kind) => {
        const family: Family = families[kind];
        return Promise.all((await family.ids(place)).map(async (id): Promise<Listed> => ({ id, kind, ...(await family.get(place, id)) })));
      }),
    );
    const byId = new Map((await fetched).sets.map((set) => [set.id, set]));
    return all.flat().map((one) => ({ ...one, entries: byId.get(one.id)?.entries, error: one.error ?? byId.get(one.id)?.errorDetails }));
  }, [api, place]);
  const end = () => {
    setSelected(undefined);
    lists.again();
  };
  const active = selected?.status === "ACTIVE" || selected?.status === "ACTIVATING";
  return (
    <>
      <Rows<Listed>
        variant="container"
        trackBy="id"
        items={lists.value ?? []}
        loading={!lists.value && !lists.error}
        loadingText="Loading lists"
        empty={lists.error ? <Failed what="The lists cannot be shown" error={lists.error} /> : "There are none."}
        selectionType={api.may("UpdateThreatIntelSet") ? "single" : undefined}
        selectedItems={selected ? [selected] : []}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems[0])}
        ariaLabels={{ tableLabel: "Lists", selectionGroupLabel: "Select a list", itemSelectionLabel: (_, one) => `Select ${plain(one.name)}` }}
        header={
          <Header
            variant="h2"
            counter={lists.value && `(${lists.value.length})`}
            actions={
              api.may("CreateThreatIntelSet") && (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button iconName="refresh" ariaLabel="Refresh" onClick={lists.again} />
                  <Button disabled={!selected} onClick={() => setRemoving(true)}>
                    Delete
                  </Button>
                  <Button
                    disabled={!selected}
                    onClick={() =>
                      selected &&
                      void notices
                        .attempt(`${selected.name} is ${active ? "off" : "on"}`, () => (families[selected.kind] as Family).activate(place, selected.id, !active))
                        .then(end)
                    }
                  >
                    {active ? "Deactivate" : "Activate"}
                  </Button>
                  <Button variant="primary" onClick={() => setAdding(true)}>
                    Add a list
                  </Button>
                </SpaceBetween>
              )
            }
          >
            Lists
          </Header>
        }
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Value>{one.name}</Value> },
          { id: "kind", header: "Kind", cell: (one) => families[one.kind].label },
          { id: "format", header: "Format", cell: (one) => <Value>{one.format}</Value> },
          { id: "location", header: "Location", cell: (one) => <Value>{one.location}</Value> },
          { id: "entries", header: "Entries", minWidth: 100, cell: (one) => one.entries?.toLocaleString("en") ?? "-" },
          {
            id: "status",
            header: "Status",
            cell: (one) => (
              <>
                <StatusIndicator type={looks[one.status] ?? "stopped"}>{plain(one.status).toLowerCase()}</StatusIndicator>
                {one.error && (
                  <div>
                    <Text>{one.error}</Text>
                  </div>
                )}
              </>
            ),
          },
        ]}
      />
      {adding && <AddList place={place} onEnd={() => (setAdding(false), end())} />}
      {removing && selected && (
        <Confirm
          title={`Delete ${plain(selected.name)}`}
          action="Delete"
          act={() => notices.attempt(`${selected.name} is gone`, () => (families[selected.kind] as Family).remove(place, selected.id)).then(end)}
          onEnd={() => setRemoving(false)}
        >
          What it held is judged without it from now on; findings stay.
        </Confirm>
      )}
    </>
  );
}

function AddList({ place, onEnd }: { place: Place; onEnd: () => void }) {
  const notices = useNotices();
  const [kind, setKind] = useState<Kind>("threat");
  const [name, setName] = useState("");
  const [format, setFormat] = useState<IpSetFormat>("TXT");
  const [location, setLocation] = useState("");
  const [active, setActive] = useState(true);
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    const family: Family = families[kind];
    const done = await notices.attempt(`${name} is added`, () => family.create(place, { Name: name, Format: format, Location: location, Activate: active }));
    setBusy(false);
    if (done) onEnd();
  };
  return (
    <Dialog title="Add a list" action="Add" busy={busy} disabled={!name || !location} onAct={add} onEnd={onEnd}>
      <SpaceBetween size="m">
        <FormField label="Kind" description={families[kind].does}>
          <Select
            selectedOption={{ value: kind, label: families[kind].label }}
            options={kinds.map((value) => ({ value, label: families[value].label, description: families[value].does }))}
            onChange={({ detail }) => setKind(detail.selectedOption.value as Kind)}
          />
        </FormField>
        <FormField label="Name">
          <Input value={name} onChange={({ detail }) => setName(detail.value)} />
        </FormField>
        <FormField label="Location" description="s3://BUCKET/KEY, https://… or file:///… of a folder that the configuration allows">
          <Input value={location} onChange={({ detail }) => setLocation(detail.value)} />
        </FormField>
        <FormField label="Format">
          <Select
            selectedOption={{ value: format, label: format }}
            options={formats.map((value) => ({ value, label: value }))}
            onChange={({ detail }) => setFormat(detail.selectedOption.value as IpSetFormat)}
          />
        </FormField>
        <Checkbox checked={active} onChange={({ detail }) => setActive(detail.checked)}>
          Active at once
        </Checkbox>
      </SpaceBetween>
    </Dialog>
  );
}
