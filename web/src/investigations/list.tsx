// Investigations of the account, and a prompt for another.
import { paginateListInvestigations, type InvestigationSummary } from "@aws-sdk/client-guardduty";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Time, To, Value } from "../parts";
import { Rows } from "../rows";
import { href } from "../router";
import { Text } from "../text";
import { useInvestigate } from "./begin";

export default function InvestigationsPage() {
  const api = useApi();
  const [prompt, setPrompt] = useState("");
  const { busy, begin } = useInvestigate();
  const { value, error } = useLoaded(async () => {
    const places = await api.places("");
    const lists = await Promise.all(
      places.map(async ({ client, detectorId, region }) => {
        const rows: (InvestigationSummary & { region: string })[] = [];
        for await (const page of paginateListInvestigations({ client, pageSize: 50 }, { DetectorId: detectorId }))
          rows.push(...(page.Investigations ?? []).map((one) => ({ ...one, region })));
        return rows;
      }),
    );
    return lists.flat().sort((a, b) => (b.StartTime?.getTime() ?? 0) - (a.StartTime?.getTime() ?? 0));
  }, [api]);
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description="Reports made from findings and from what is kept of entities; each statement names what it stands on">
        Investigations
      </Header>
      {api.may("CreateInvestigation") && (
        <Container>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (prompt.trim()) void begin(prompt.trim());
            }}
          >
            <SpaceBetween size="s">
              <FormField
                label="What to look into"
                description="A finding's id, an account, an address, a domain, an instance or an ARN; or the organization"
                stretch
              >
                <Input value={prompt} onChange={({ detail }) => setPrompt(detail.value)} placeholder="What did 203.0.113.5 do?" />
              </FormField>
              <Button formAction="submit" variant="primary" loading={busy}>
                Investigate
              </Button>
            </SpaceBetween>
          </form>
        </Container>
      )}
      <Rows
        variant="container"
        ariaLabels={{ tableLabel: "Investigations" }}
        loading={!value && !error}
        loadingText="Loading investigations"
        items={value ?? []}
        empty={error ? <Failed what="They cannot be listed" error={error} /> : "None yet."}
        header={<Header variant="h2">So far</Header>}
        columnDefinitions={[
          {
            id: "title",
            header: "Title",
            isRowHeader: true,
            minWidth: 260,
            cell: (one) => (
              <To to={href(["investigations", one.region, one.InvestigationId ?? ""])}>
                <Text most={300}>{one.Title || one.TriggerPrompt}</Text>
              </To>
            ),
          },
          { id: "risk", header: "Risk", cell: (one) => <Value>{one.RiskLevel}</Value> },
          { id: "confidence", header: "Confidence", cell: (one) => <Value>{one.Confidence}</Value> },
          { id: "type", header: "About", cell: (one) => <Value>{one.InvestigationType?.toLowerCase()}</Value> },
          { id: "region", header: "Region", cell: (one) => one.region },
          { id: "at", header: "Made (UTC)", cell: (one) => <Time at={one.StartTime} />, minWidth: 170 },
        ]}
      />
    </SpaceBetween>
  );
}
