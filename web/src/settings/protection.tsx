// The detector of a Region: on or off, how often it publishes, and its protection plans.
import {
  CreateDetectorCommand,
  GetDetectorCommand,
  UpdateDetectorCommand,
  type DetectorFeature,
  type DetectorFeatureResult,
  type FindingPublishingFrequency,
  type UpdateDetectorCommandInput,
} from "@aws-sdk/client-guardduty";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import Toggle from "@cloudscape-design/components/toggle";
import { useState } from "react";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain } from "../text";
import { RegionPage, type SectionProps } from "./frame";

const frequencies: Record<FindingPublishingFrequency, string> = {
  FIFTEEN_MINUTES: "every 15 minutes",
  ONE_HOUR: "every hour",
  SIX_HOURS: "every 6 hours",
};

const plans: Partial<Record<DetectorFeatureResult, string>> = {
  CLOUD_TRAIL: "CloudTrail management events",
  DNS_LOGS: "Route 53 Resolver query logs",
  FLOW_LOGS: "VPC flow logs",
  S3_DATA_EVENTS: "S3 Protection (data events)",
  EKS_AUDIT_LOGS: "EKS Protection (audit logs)",
  EBS_MALWARE_PROTECTION: "Malware Protection for EC2",
  RDS_LOGIN_EVENTS: "RDS Protection (login events)",
  LAMBDA_NETWORK_LOGS: "Lambda Protection (network logs)",
  EKS_RUNTIME_MONITORING: "EKS Runtime Monitoring",
  RUNTIME_MONITORING: "Runtime Monitoring",
};

export default function Protection({ region }: { region: string }) {
  return (
    <RegionPage
      section="protection"
      title="Protection plans"
      description="What this account's detector looks at in the Region"
      region={region}
      without={(where, lookAgain) => <NoDetector region={where} lookAgain={lookAgain} />}
    >
      {({ place }) => <Detector place={place} />}
    </RegionPage>
  );
}

function NoDetector({ region, lookAgain }: { region: string; lookAgain: () => void }) {
  const api = useApi();
  const notices = useNotices();
  const create = () =>
    notices.attempt(`The detector of ${region} is on`, () => api.client(region).send(new CreateDetectorCommand({ Enable: true }))).then(lookAgain);
  return (
    <Container>
      <SpaceBetween size="m">
        <Box>There is no detector in {region}: nothing that its logs tell becomes a finding of this account.</Box>
        {api.may("CreateDetector") && (
          <Button variant="primary" onClick={() => void create()}>
            Switch on
          </Button>
        )}
      </SpaceBetween>
    </Container>
  );
}

function Detector({ place }: Pick<SectionProps, "place">) {
  const api = useApi();
  const notices = useNotices();
  const { client, detectorId } = place;
  const [busy, setBusy] = useState(false);
  const detector = useLoaded(() => client.send(new GetDetectorCommand({ DetectorId: detectorId })), [client, detectorId]);
  const may = api.may("UpdateDetector");
  const update = async (done: string, change: Omit<UpdateDetectorCommandInput, "DetectorId">) => {
    setBusy(true);
    if (await notices.attempt(done, () => client.send(new UpdateDetectorCommand({ DetectorId: detectorId, ...change })))) detector.again();
    setBusy(false);
  };
  if (detector.error) return <Failed what="The detector cannot be shown" error={detector.error} />;
  if (!detector.value) return <Spinner size="large" />;
  const { Status, FindingPublishingFrequency, Features = [], CreatedAt, UpdatedAt, Tags = {} } = detector.value;
  const words = (name: string | undefined) => plain(name).replaceAll("_", " ").toLowerCase();
  const planOf = (name: DetectorFeatureResult | undefined) => (name && plans[name]) ?? words(name);
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Detector</Header>}>
        <SpaceBetween size="m">
          <KeyValuePairs
            columns={4}
            items={[
              { label: "Detector ID", value: <Value>{detectorId}</Value> },
              { label: "Made (UTC)", value: <Time at={CreatedAt} /> },
              { label: "Changed (UTC)", value: <Time at={UpdatedAt} /> },
              { label: "Tags", value: <Value>{Object.entries(Tags).map(([key, value]) => `${key}=${value}`).join(", ")}</Value> },
            ]}
          />
          <Toggle
            checked={Status === "ENABLED"}
            disabled={!may || busy}
            onChange={({ detail }) => void update(`The detector is ${detail.checked ? "on" : "suspended"}`, { Enable: detail.checked })}
          >
            Raise findings
          </Toggle>
          <FormField label="What changed of known findings is published">
            <Select
              disabled={!may || busy}
              selectedOption={{
                value: FindingPublishingFrequency,
                label: frequencies[FindingPublishingFrequency ?? "SIX_HOURS"],
              }}
              options={Object.entries(frequencies).map(([value, label]) => ({ value, label }))}
              onChange={({ detail }) =>
                void update("The frequency is kept", { FindingPublishingFrequency: detail.selectedOption.value as FindingPublishingFrequency })
              }
            />
          </FormField>
        </SpaceBetween>
      </Container>
      <Rows
        variant="container"
        header={<Header variant="h2" counter={`(${Features.length})`}>Plans and sources</Header>}
        items={Features}
        ariaLabels={{ tableLabel: "Plans and sources" }}
        columnDefinitions={[
          { id: "name", header: "Plan", isRowHeader: true, cell: (one) => planOf(one.Name) },
          {
            id: "status",
            header: "On",
            cell: (one) => (
              <Toggle
                ariaLabel={planOf(one.Name)}
                checked={one.Status === "ENABLED"}
                // The foundational sources are there as long as the detector is.
                disabled={!may || busy || ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"].includes(one.Name ?? "")}
                onChange={({ detail }) =>
                  void update(`${planOf(one.Name)} is ${detail.checked ? "on" : "off"}`, {
                    Features: [{ Name: one.Name as DetectorFeature, Status: detail.checked ? "ENABLED" : "DISABLED" }],
                  })
                }
              />
            ),
          },
          {
            id: "more",
            header: "With",
            cell: (one) => (
              <Value>
                {(one.AdditionalConfiguration ?? []).map((more) => `${words(more.Name)}: ${more.Status === "ENABLED" ? "on" : "off"}`).join(", ")}
              </Value>
            ),
          },
          { id: "updated", header: "Changed (UTC)", cell: (one) => <Time at={one.UpdatedAt} /> },
        ]}
      />
    </SpaceBetween>
  );
}
