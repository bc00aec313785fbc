// AWS's custom detection rules: what each asks, and whether it raises findings, only counts, or is off.
import {
  CreateCustomDetectionRuleAssociationCommand,
  DeleteCustomDetectionRuleAssociationCommand,
  GetCustomDetectionRuleCommand,
  ListCustomDetectionRuleAssociationsCommand,
  ListCustomDetectionRulesCommand,
  UpdateCustomDetectionRuleAssociationCommand,
  type AssociationMode,
  type AssociationSummary,
  type RuleSummary,
} from "@aws-sdk/client-guardduty";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useMemo, useState } from "react";
import { useApi, type Place } from "../guardduty";
import { loadDryRuns } from "../ledger";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { RegionPage } from "./frame";

type Chosen = AssociationMode | "OFF";
const modes: Record<Chosen, string> = { OFF: "Off", DRY_RUN: "Counts only", LIVE: "Raises findings" };

export default function Rules({ region }: { region: string }) {
  return (
    <RegionPage section="rules" title="Custom detection rules" description="AWS's catalogue" region={region}>
      {({ place }) => <Catalogue place={place} />}
    </RegionPage>
  );
}

async function everyRule(place: Place): Promise<RuleSummary[]> {
  const all: RuleSummary[] = [];
  let NextToken: string | undefined;
  do {
    const page = await place.client.send(new ListCustomDetectionRulesCommand({ MaxResults: 50, NextToken }));
    all.push(...(page.Rules ?? []));
    NextToken = page.NextToken || undefined;
  } while (NextToken);
  return all;
}

async function everyAssociation(place: Place): Promise<AssociationSummary[]> {
  const all: AssociationSummary[] = [];
  let NextToken: string | undefined;
  do {
    const page = await place.client.send(new ListCustomDetectionRuleAssociationsCommand({ MaxResults: 50, NextToken }));
    all.push(...(page.RuleAssociations ?? []));
    NextToken = page.NextToken || undefined;
  } while (NextToken);
  return all;
}

function Catalogue({ place }: { place: Place }) {
  const api = useApi();
  const notices = useNotices();
  const [text, setText] = useState("");
  const [shown, setShown] = useState<RuleSummary>();
  const [busy, setBusy] = useState("");
  const rules = useLoaded(() => everyRule(place), [place]);
  const associations = useLoaded(() => everyAssociation(place), [place]);
  const counts = useLoaded(() => loadDryRuns(place.region), [place, associations.value]);
  const byRule = useMemo(() => new Map((associations.value ?? []).map((one) => [one.RuleId, one])), [associations.value]);
  const may = api.may("CreateCustomDetectionRuleAssociation");

  const choose = async (rule: RuleSummary, mode: Chosen) => {
    const held = byRule.get(rule.RuleId);
    const given = { RuleId: rule.RuleId, AssociationId: held?.AssociationId };
    setBusy(rule.RuleId ?? "");
    await notices.attempt(`${rule.Name}: ${modes[mode].toLowerCase()}`, async () => {
      const { client } = place;
      if (mode === "OFF") await client.send(new DeleteCustomDetectionRuleAssociationCommand(given));
      else if (held) await client.send(new UpdateCustomDetectionRuleAssociationCommand({ ...given, Mode: mode }));
      else await client.send(new CreateCustomDetectionRuleAssociationCommand({ RuleId: rule.RuleId, Mode: mode }));
    });
    associations.again();
    setBusy("");
  };

  const wanted = text.toLowerCase();
  const items = (rules.value ?? []).filter((rule) =>
    [rule.Name, rule.Description, rule.Service, rule.Tactic, rule.Technique].some((one) => one?.toLowerCase().includes(wanted)),
  );
  return (
    <SpaceBetween size="l">
      {associations.value?.length === 0 && (
        <Alert type="info">
          Nothing is chosen here yet, so the configuration file decides, by which every rule raises findings unless it says otherwise. With the first
          choice only what is chosen here counts.
        </Alert>
      )}
      <Rows<RuleSummary>
        variant="container"
        trackBy="RuleId"
        items={items}
        loading={!rules.value && !rules.error}
        loadingText="Loading rules"
        empty={rules.error ? <Failed what="The rules cannot be shown" error={rules.error} /> : "No rule has this text."}
        ariaLabels={{ tableLabel: "Custom detection rules" }}
        header={
          <Header variant="h2" counter={rules.value && `(${items.length})`}>
            Rules
          </Header>
        }
        filter={<TextFilter filteringText={text} filteringPlaceholder="Find rules" filteringAriaLabel="Find rules" onChange={({ detail }) => setText(detail.filteringText)} />}
        columnDefinitions={[
          {
            id: "name",
            header: "Rule",
            isRowHeader: true,
            minWidth: 220,
            cell: (rule) => (
              <>
                <Button variant="inline-link" onClick={() => setShown(rule)}>
                  {plain(rule.Name)}
                </Button>
                <Box variant="small" display="block" color="text-body-secondary">
                  <Text>{rule.Description}</Text>
                </Box>
              </>
            ),
          },
          { id: "severity", header: "Severity", cell: (rule) => <Value>{rule.Severity?.toLowerCase()}</Value>, width: 110 },
          { id: "service", header: "Service", cell: (rule) => <Value>{rule.Service}</Value>, width: 130 },
          { id: "tactic", header: "Tactic", cell: (rule) => <Value>{rule.Tactic}</Value>, width: 160 },
          {
            id: "mode",
            header: "Here",
            width: 215,
            cell: (rule) => {
              const held = byRule.get(rule.RuleId);
              const mode: Chosen | undefined = held?.Mode ?? (associations.value?.length ? "OFF" : undefined);
              return (
                <>
                  <Select
                    ariaLabel={`Mode of ${plain(rule.Name)}`}
                    disabled={!may || busy === rule.RuleId}
                    expandToViewport
                    placeholder="As configured"
                    selectedOption={mode ? { value: mode, label: modes[mode] } : null}
                    options={Object.entries(modes).map(([value, label]) => ({ value, label }))}
                    onChange={({ detail }) => void choose(rule, detail.selectedOption.value as Chosen)}
                  />
                  {mode === "DRY_RUN" && (
                    <Box variant="small" display="block">
                      {`${(counts.value?.get(rule.Name ?? "") ?? 0).toLocaleString("en")} records hit so far`}
                    </Box>
                  )}
                  {held?.ExpiresAt && (
                    <Box variant="small">
                      until <Time at={held.ExpiresAt} />
                    </Box>
                  )}
                </>
              );
            },
          },
        ]}
      />
      {shown && <RuleText place={place} rule={shown} onEnd={() => setShown(undefined)} />}
    </SpaceBetween>
  );
}

function RuleText({ place, rule, onEnd }: { place: Place; rule: RuleSummary; onEnd: () => void }) {
  const whole = useLoaded(() => place.client.send(new GetCustomDetectionRuleCommand({ RuleId: rule.RuleId })), [place, rule.RuleId]);
  return (
    <Modal visible size="large" header={plain(rule.Name)} onDismiss={onEnd}>
      <SpaceBetween size="m">
        <Box>
          <Text>{rule.Description}</Text>
        </Box>
        {whole.error ? (
          <Failed what="The rule cannot be shown" error={whole.error} />
        ) : whole.value ? (
          <pre className="json" tabIndex={0} aria-label="The rule's condition">
            {whole.value.Rule?.Definition?.Expression?.split("\n").map(plain).join("\n")}
          </pre>
        ) : (
          <Spinner />
        )}
      </SpaceBetween>
    </Modal>
  );
}
