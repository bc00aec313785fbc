// The threat intelligence feeds of the server, and how old their copies are.
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { ageText } from "../finding";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { Text } from "../text";

interface Feed {
  name: string;
  category: string;
  home: string;
  licence: string;
  enabled: boolean;
  entries?: number;
  fetchedAt?: string;
  triedAt?: string;
  error?: string;
  old?: boolean;
}

function Status({ feed }: { feed: Feed }) {
  if (!feed.enabled) return <StatusIndicator type="stopped">off</StatusIndicator>;
  if (!feed.fetchedAt) return <StatusIndicator type={feed.error ? "error" : "pending"}>never fetched</StatusIndicator>;
  if (feed.old) return <StatusIndicator type="error">too old</StatusIndicator>;
  return <StatusIndicator type={feed.error ? "warning" : "success"}>{feed.error ? "last try failed" : "fresh"}</StatusIndicator>;
}

export function Feeds({ region }: { region: string }) {
  const api = useApi();
  const feeds = useLoaded(async () => (await api.own<{ feeds: Feed[] }>(region, "GET", "feeds")).feeds, [api, region]);
  return (
    <Rows<Feed>
      variant="container"
      trackBy="name"
      items={feeds.value ?? []}
      loading={!feeds.value && !feeds.error}
      loadingText="Loading feeds"
      empty={feeds.error ? <Failed what="The feeds cannot be shown" error={feeds.error} /> : "There are no feeds."}
      ariaLabels={{ tableLabel: "Feeds" }}
      header={
        <Header
          variant="h2"
          counter={feeds.value && `(${feeds.value.length})`}
          description="Of the whole server. picket intel update fetches them; what was fetched once the server keeps fresh"
        >
          Feeds
        </Header>
      }
      columnDefinitions={[
        { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Value>{one.name}</Value> },
        { id: "category", header: "Tells of", cell: (one) => <Value>{one.category}</Value> },
        { id: "entries", header: "Entries", minWidth: 100, cell: (one) => (one.entries === undefined ? "-" : one.entries.toLocaleString("en")) },
        {
          id: "age",
          header: "Fetched (UTC)",
          minWidth: 170,
          cell: (one) => (
            <>
              <Time at={one.fetchedAt} />
              {one.fetchedAt && <div>{ageText(one.fetchedAt)}</div>}
            </>
          ),
        },
        {
          id: "status",
          header: "Status",
          minWidth: 155,
          cell: (one) => (
            <>
              <Status feed={one} />
              {one.error && (
                <div>
                  <Text most={160}>{one.error}</Text>
                </div>
              )}
            </>
          ),
        },
        { id: "licence", header: "Licence", cell: (one) => <Value>{one.licence}</Value> },
      ]}
    />
  );
}
