// Where findings are published: S3 buckets.
import {
  CreatePublishingDestinationCommand,
  DeletePublishingDestinationCommand,
  DescribePublishingDestinationCommand,
  ListPublishingDestinationsCommand,
} from "@aws-sdk/client-guardduty";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { Confirm, Dialog } from "../dialog";
import { useApi, type Place } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain } from "../text";
import { RegionPage } from "./frame";

const looks: Record<string, StatusIndicatorProps.Type> = {
  PUBLISHING: "success",
  PENDING_VERIFICATION: "pending",
  UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY: "error",
  STOPPED: "stopped",
};

export default function Publishing({ region }: { region: string }) {
  return (
    <RegionPage section="publishing" title="Publishing" description="Buckets that get every finding, as GuardDuty exports it" region={region}>
      {({ place }) => <Destinations place={place} />}
    </RegionPage>
  );
}

function Destinations({ place }: { place: Place }) {
  const api = useApi();
  const notices = useNotices();
  const { client, detectorId } = place;
  const [adding, setAdding] = useState(false);
  const [selected, setSelected] = useState<string>();
  const [removing, setRemoving] = useState(false);
  const destinations = useLoaded(async () => {
    const { Destinations: listed = [] } = await client.send(new ListPublishingDestinationsCommand({ DetectorId: detectorId, MaxResults: 50 }));
    return Promise.all(
      listed.map(({ DestinationId }) => client.send(new DescribePublishingDestinationCommand({ DetectorId: detectorId, DestinationId }))),
    );
  }, [client, detectorId]);
  const chosen = destinations.value?.filter((one) => one.DestinationId === selected) ?? [];
  return (
    <>
      <Rows
        variant="container"
        trackBy="DestinationId"
        items={destinations.value ?? []}
        loading={!destinations.value && !destinations.error}
        loadingText="Loading destinations"
        empty={destinations.error ? <Failed what="The destinations cannot be shown" error={destinations.error} /> : "Findings are published nowhere."}
        selectionType={api.may("DeletePublishingDestination") ? "single" : undefined}
        selectedItems={chosen}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems[0]?.DestinationId)}
        ariaLabels={{
          tableLabel: "Destinations",
          selectionGroupLabel: "Select a destination",
          itemSelectionLabel: (_, one) => `Select ${plain(one.DestinationProperties?.DestinationArn)}`,
        }}
        header={
          <Header
            variant="h2"
            counter={destinations.value && `(${destinations.value.length})`}
            actions={
              api.may("CreatePublishingDestination") && (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button iconName="refresh" ariaLabel="Refresh" onClick={destinations.again} />
                  <Button disabled={!chosen.length} onClick={() => setRemoving(true)}>
                    Delete
                  </Button>
                  <Button variant="primary" onClick={() => setAdding(true)}>
                    Add a bucket
                  </Button>
                </SpaceBetween>
              )
            }
          >
            Destinations
          </Header>
        }
        columnDefinitions={[
          { id: "bucket", header: "Bucket", isRowHeader: true, cell: (one) => <Value>{one.DestinationProperties?.DestinationArn}</Value> },
          { id: "key", header: "KMS key", cell: (one) => <Value>{one.DestinationProperties?.KmsKeyArn}</Value> },
          {
            id: "status",
            header: "Status",
            cell: (one) => <StatusIndicator type={looks[one.Status ?? ""] ?? "info"}>{plain(one.Status).replaceAll("_", " ").toLowerCase()}</StatusIndicator>,
          },
          {
            id: "failing",
            header: "Failing since (UTC)",
            cell: (one) => (one.PublishingFailureStartTimestamp ? <Time at={one.PublishingFailureStartTimestamp} /> : "-"),
          },
        ]}
      />
      {adding && <AddDestination place={place} onEnd={() => (setAdding(false), destinations.again())} />}
      {removing && chosen[0] && (
        <Confirm
          title="Delete the destination"
          action="Delete"
          onEnd={() => setRemoving(false)}
          act={() =>
            notices
              .attempt("The destination is gone", () =>
                client.send(new DeletePublishingDestinationCommand({ DetectorId: detectorId, DestinationId: selected })),
              )
              .then(destinations.again)
          }
        >
          {plain(chosen[0].DestinationProperties?.DestinationArn)} gets no findings any more.
        </Confirm>
      )}
    </>
  );
}

function AddDestination({ place, onEnd }: { place: Place; onEnd: () => void }) {
  const notices = useNotices();
  const [arn, setArn] = useState("");
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    const done = await notices.attempt("The destination is added", () =>
      place.client.send(
        new CreatePublishingDestinationCommand({
          DetectorId: place.detectorId,
          DestinationType: "S3",
          DestinationProperties: { DestinationArn: arn, KmsKeyArn: key || undefined },
        }),
      ),
    );
    setBusy(false);
    if (done) onEnd();
  };
  return (
    <Dialog title="Add a bucket" action="Add" busy={busy} disabled={!arn} onAct={add} onEnd={onEnd}>
      <SpaceBetween size="m">
        <FormField label="Bucket's ARN" description="arn:aws:s3:::BUCKET or arn:aws:s3:::BUCKET/PREFIX">
          <Input value={arn} onChange={({ detail }) => setArn(detail.value)} />
        </FormField>
        <FormField label="KMS key's ARN" description="That the objects are encrypted with">
          <Input value={key} onChange={({ detail }) => setKey(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Dialog>
  );
}
