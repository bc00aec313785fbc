// Suppression rules and saved filters: both are filters of the API, told apart by what they do.
import { DeleteFilterCommand, GetFilterCommand, ListFiltersCommand, type GetFilterCommandOutput } from "@aws-sdk/client-guardduty";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { ageText } from "../finding";
import { labelOf, toTokens } from "../findings/filter";
import { useApi, type Criterion, type Place } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { go, href } from "../router";
import { plain, Text } from "../text";
import { expiryOf } from "./expiry";

interface Rule {
  place: Place;
  filter: GetFilterCommandOutput;
  key: string;
}

async function rulesOf(place: Place): Promise<Rule[]> {
  const { client, detectorId } = place;
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListFiltersCommand({ DetectorId: detectorId, MaxResults: 50, NextToken }));
    names.push(...(page.FilterNames ?? []));
    NextToken = page.NextToken || undefined;
  } while (NextToken);
  return Promise.all(
    names.map(async (name) => ({
      place,
      key: `${place.region} ${name}`,
      filter: await client.send(new GetFilterCommand({ DetectorId: detectorId, FilterName: name })),
    })),
  );
}

export function CriterionText({ criterion }: { criterion: Criterion }) {
  const tokens = toTokens(criterion);
  if (!tokens.length) return <>every finding</>;
  return (
    <>
      {tokens.map(({ propertyKey = "", operator, value }, index) => (
        <div key={index}>
          {labelOf(propertyKey)} {operator} <Text>{Array.isArray(value) ? value.join(", ") : String(value)}</Text>
        </div>
      ))}
    </>
  );
}

function Until({ tags, archives }: { tags?: Record<string, string>; archives: boolean }) {
  const until = expiryOf(tags);
  if (!until) return archives ? <>for ever</> : <>-</>;
  const over = new Date(until).getTime() <= Date.now();
  return (
    <>
      <Time at={until} />
      <div>{over ? <StatusIndicator type="stopped">over: archives no more</StatusIndicator> : ageText(until)}</div>
    </>
  );
}

export default function SuppressionPage() {
  const api = useApi();
  const notices = useNotices();
  const [selected, setSelected] = useState<Rule[]>([]);
  const [removing, setRemoving] = useState(false);
  const rules = useLoaded(async () => (await Promise.all((await api.places("")).map(rulesOf))).flat(), [api]);
  const remove = async () => {
    setRemoving(false);
    const done = await notices.attempt(`${selected.length === 1 ? "The filter is" : `${selected.length} filters are`} gone`, async () => {
      for (const { place, filter } of selected)
        await place.client.send(new DeleteFilterCommand({ DetectorId: place.detectorId, FilterName: filter.Name }));
    });
    if (done) setSelected([]);
    rules.again();
  };
  return (
    <>
      <Rows<Rule>
        variant="full-page"
        stickyHeader
        trackBy="key"
        items={rules.value ?? []}
        loading={!rules.value && !rules.error}
        loadingText="Loading filters"
        selectionType={api.may("DeleteFilter") ? "multi" : undefined}
        selectedItems={selected}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
        empty={
          rules.error ? (
            <Failed what="The filters cannot be listed" error={rules.error} />
          ) : (
            <Box textAlign="center" padding="l">
              <b>No filters</b>
              <Box color="text-body-secondary">Suppress from a finding's page, or filter the findings and use the filter.</Box>
            </Box>
          )
        }
        ariaLabels={{
          tableLabel: "Suppression rules and saved filters",
          selectionGroupLabel: "Select filters",
          allItemsSelectionLabel: () => "Select all filters",
          itemSelectionLabel: (_, { filter }) => `Select ${plain(filter.Name)}`,
        }}
        header={
          <Header
            variant="h1"
            counter={rules.value && `(${rules.value.length})`}
            description="A rule archives what it matches when it is found; a saved filter only finds it again"
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel="Refresh" onClick={rules.again} />
                {api.may("DeleteFilter") && (
                  <Button disabled={!selected.length} onClick={() => setRemoving(true)}>
                    Delete
                  </Button>
                )}
                {api.may("CreateFilter") && (
                  <Button variant="primary" href={href(["suppression", "new"])} onFollow={(event) => (event.preventDefault(), go(href(["suppression", "new"])))}>
                    New rule
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            Suppression
          </Header>
        }
        columnDefinitions={[
          {
            id: "name",
            header: "Name",
            isRowHeader: true,
            width: 150,
            cell: ({ place, filter }) => <To to={href(["suppression", place.region, filter.Name ?? ""])}>{plain(filter.Name)}</To>,
          },
          {
            id: "action",
            header: "Does",
            width: 115,
            minWidth: 115,
            cell: ({ filter }) => (filter.Action === "ARCHIVE" ? <Badge color="blue">Archives</Badge> : <Badge>Saved filter</Badge>),
          },
          { id: "criteria", header: "Matches", minWidth: 220, cell: ({ filter }) => <CriterionText criterion={filter.FindingCriteria?.Criterion ?? {}} /> },
          { id: "until", header: "Until (UTC)", width: 175, cell: ({ filter }) => <Until tags={filter.Tags} archives={filter.Action === "ARCHIVE"} /> },
          { id: "reason", header: "Reason", minWidth: 140, cell: ({ filter }) => <Value>{filter.Description}</Value> },
          { id: "region", header: "Region", width: 110, minWidth: 110, cell: ({ place }) => place.region },
        ]}
      />
      {removing && (
        <Modal
          visible
          header="Delete"
          onDismiss={() => setRemoving(false)}
          footer={
            <Box float="right">
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" onClick={() => setRemoving(false)}>
                  Cancel
                </Button>
                <Button variant="primary" onClick={() => void remove()}>
                  Delete
                </Button>
              </SpaceBetween>
            </Box>
          }
        >
          Findings that a rule archived stay archived; what comes from now on is current.
          <ul>
            {selected.map(({ key, filter, place }) => (
              <li key={key}>
                {plain(filter.Name)} in {place.region}
              </li>
            ))}
          </ul>
        </Modal>
      )}
    </>
  );
}
