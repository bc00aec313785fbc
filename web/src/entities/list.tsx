// Looking for an entity by name.
import Button from "@cloudscape-design/components/button";
import Form from "@cloudscape-design/components/form";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { Text } from "../text";
import { entityHref, isKind, kinds, read, type Found } from "./entity";

export default function EntitiesPage({ route }: { route: Route }) {
  const api = useApi();
  const kind = route.query.get("kind") ?? "";
  const contains = route.query.get("contains") ?? "";
  const [typed, setTyped] = useState(contains);
  useEffect(() => setTyped(contains), [contains]);
  const found = useLoaded(
    () => read<{ entities: Found[]; more: boolean }>(api, "entities", { kind: isKind(kind) ? kind : undefined, contains, maxResults: "100" }),
    [api, kind, contains],
  );
  const look = (to: { kind?: string; contains?: string }) =>
    go(href(["entities"], { kind: (to.kind ?? kind) || undefined, contains: (to.contains ?? typed) || undefined }));
  return (
    <SpaceBetween size="l">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          look({});
        }}
      >
        <Form header={<Header variant="h1" description="Whom and what the logs tell of: identities, addresses, domains, instances, buckets">Entities</Header>}>
          <div className="filters">
            <Select
              ariaLabel="Kind"
              selectedOption={{ value: kind, label: isKind(kind) ? kinds[kind] : "All kinds" }}
              options={[{ value: "", label: "All kinds" }, ...Object.entries(kinds).map(([value, label]) => ({ value, label }))]}
              onChange={({ detail }) => look({ kind: detail.selectedOption.value ?? "" })}
            />
            <Input type="search" ariaLabel="Part of a name" placeholder="Part of a name" value={typed} onChange={({ detail }) => setTyped(detail.value)} />
            <div>
              <Button formAction="submit">Search</Button>
            </div>
          </div>
        </Form>
      </form>
      <Rows
        variant="container"
        ariaLabels={{ tableLabel: "Entities" }}
        loading={found.loading && !found.value}
        loadingText="Looking for entities"
        empty={found.error ? <Failed what="They cannot be listed" error={found.error} /> : "Nothing of this name was seen."}
        items={found.value?.entities ?? []}
        header={
          <Header variant="h2" description={found.value?.more ? "The most active ones; name more of it to see others" : undefined}>
            Most active first
          </Header>
        }
        columnDefinitions={[
          {
            id: "name",
            header: "Name",
            isRowHeader: true,
            minWidth: 240,
            cell: (one) => (
              <To to={entityHref(one.kind, one.name)}>
                <Text most={200}>{one.name}</Text>
              </To>
            ),
          },
          { id: "kind", header: "Kind", cell: (one) => kinds[one.kind], minWidth: 110 },
          { id: "account", header: "Account", cell: (one) => <Value>{one.accountId}</Value>, minWidth: 150 },
          { id: "total", header: "Activity", cell: (one) => one.total.toLocaleString("en"), minWidth: 90 },
          { id: "first", header: "First seen (UTC)", cell: (one) => <Time at={one.firstSeen} />, minWidth: 165 },
          { id: "last", header: "Last seen (UTC)", cell: (one) => <Time at={one.lastSeen} />, minWidth: 165 },
        ]}
      />
    </SpaceBetween>
  );
}
