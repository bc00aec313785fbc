// Rules in Sigma that the configuration names: what each hit and raised, and what could not be loaded.
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { kinds, type Kind } from "../ledger";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed, Severity, To, Value } from "../parts";
import { href } from "../router";
import { Rows } from "../rows";
import { countByType } from "../statistics";
import { Text } from "../text";

interface OwnRule {
  id: string;
  title: string;
  description: string;
  log: Kind;
  severity: number;
  technique?: string;
  findingType?: string;
  mode: "LIVE" | "DRY_RUN" | "FOR_CORRELATIONS";
  correlation: boolean;
  file?: string;
  recordsSinceStart?: number;
  dryRunRecords?: number;
}
interface Refused {
  file: string;
  title: string;
  reason: string;
}
const typesAtOnce = 50; // values of one attribute

const findingsOf = (type: string) => href(["findings"], { filter: JSON.stringify({ type: { Equals: [type] } }), shown: "all" });

export default function OwnRules() {
  const api = useApi();
  const [text, setText] = useState("");
  const found = useLoaded(() => api.own<{ rules: OwnRule[]; refused: Refused[] }>(api.session.region, "GET", "rules"), [api]);
  const rules = found.value?.rules;
  const findings = useLoaded(async () => {
    const types = (rules ?? []).flatMap((rule) => (rule.findingType && rule.mode === "LIVE" ? [rule.findingType] : []));
    const places = types.length ? await api.places("") : [];
    const counts = new Map<string, number>();
    for (let at = 0; at < types.length; at += typesAtOnce) {
      const some = types.slice(at, at + typesAtOnce);
      for (const { name, total } of await countByType(places, { type: { Equals: some } }, typesAtOnce)) counts.set(name, total);
    }
    return counts;
  }, [api, rules]);
  const wanted = text.toLowerCase();
  const items = (rules ?? []).filter((rule) => [rule.title, rule.description, rule.file, rule.technique, rule.findingType].some((one) => one?.toLowerCase().includes(wanted)));
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="Files in Sigma that the configuration names with rules and rules_dry_run, for all accounts; picket rules test tries them over logs">
          Rules of your own
        </Header>
      }
    >
      <SpaceBetween size="l">
        {Boolean(found.value?.refused.length) && (
          <Rows<Refused>
            variant="container"
            items={found.value!.refused}
            ariaLabels={{ tableLabel: "Rules that could not be loaded" }}
            header={
              <Header variant="h2" counter={`(${found.value!.refused.length})`} description="The server runs without them">
                Could not be loaded
              </Header>
            }
            columnDefinitions={[
              { id: "title", header: "Rule", isRowHeader: true, cell: (one) => <Value>{one.title}</Value> },
              { id: "file", header: "File and line", minWidth: 200, cell: (one) => <Value>{one.file}</Value> },
              { id: "reason", header: "Reason", minWidth: 260, cell: (one) => <Value>{one.reason}</Value> },
            ]}
          />
        )}
        <Rows<OwnRule>
          variant="container"
          trackBy="id"
          items={items}
          loading={!rules && !found.error}
          loadingText="Loading rules"
          empty={found.error ? <Failed what="The rules cannot be shown" error={found.error} /> : rules?.length ? "No rule has this text." : "The configuration names no rules."}
          ariaLabels={{ tableLabel: "Rules of your own" }}
          header={
            <Header variant="h2" counter={rules && `(${items.length})`}>
              Rules
            </Header>
          }
          filter={<TextFilter filteringText={text} filteringPlaceholder="Find rules" filteringAriaLabel="Find rules" onChange={({ detail }) => setText(detail.filteringText)} />}
          columnDefinitions={[
            {
              id: "title",
              header: "Rule",
              isRowHeader: true,
              minWidth: 260,
              cell: (rule) => (
                <>
                  <Value>{rule.title}</Value>
                  <Box variant="small" display="block" color="text-body-secondary">
                    <Text most={300}>{rule.description}</Text>
                  </Box>
                  <Box variant="small" display="block" color="text-body-secondary">
                    <Text>{rule.file}</Text>
                  </Box>
                </>
              ),
            },
            { id: "severity", header: "Severity", minWidth: 110, cell: (rule) => <Severity value={rule.severity} /> },
            {
              id: "log",
              header: "Log",
              cell: (rule) => (
                <>
                  {kinds[rule.log]}
                  <Box variant="small" display="block" color="text-body-secondary">
                    <Text>{rule.technique}</Text>
                  </Box>
                </>
              ),
            },
            {
              id: "mode",
              header: "Does",
              cell: (rule) =>
                rule.mode === "DRY_RUN" ? (
                  <Badge color="blue">Counts only</Badge>
                ) : rule.mode === "LIVE" ? (
                  <Badge color="green">Raises findings</Badge>
                ) : (
                  "Serves correlations"
                ),
            },
            {
              id: "records",
              header: "Records hit",
              cell: (rule) =>
                rule.dryRunRecords !== undefined ? (
                  `${rule.dryRunRecords.toLocaleString("en")} in all`
                ) : rule.recordsSinceStart !== undefined ? (
                  `${rule.recordsSinceStart.toLocaleString("en")} since the start`
                ) : (
                  <Value />
                ),
            },
            {
              id: "findings",
              header: "Findings",
              minWidth: 100,
              cell: (rule) => {
                if (!rule.findingType || rule.mode !== "LIVE") return <Value />;
                const total = findings.value?.get(rule.findingType) ?? 0;
                return total ? <To to={findingsOf(rule.findingType)}>{total.toLocaleString("en")}</To> : findings.error ? <Value /> : "0";
              },
            },
          ]}
        />
      </SpaceBetween>
    </ContentLayout>
  );
}
