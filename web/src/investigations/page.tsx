// The report of one investigation.
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { entityHref, isKind, kinds, read, type Evidence, type Report } from "../entities/entity";
import { Findings } from "../entities/page";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { Copy, Failed, Time, To, Value } from "../parts";
import { go, href, type Route } from "../router";
import { plain, Text } from "../text";

const colours = { likely: "red", possible: "blue", unlikely: "grey" } as const;

export default function InvestigationPage({ route }: { route: Route }) {
  const [, region = "", id = ""] = route.path;
  const api = useApi();
  const { value, error } = useLoaded(() => read<Report>(api, `investigations/${encodeURIComponent(id)}`, {}, region), [api, region, id]);
  if (error)
    return (
      <Box padding="l">
        <Failed what="The report cannot be shown" error={error} />
      </Box>
    );
  if (!value) return <Spinner size="large" />;
  return (
    <ContentLayout
      breadcrumbs={
        <BreadcrumbGroup
          items={[
            { text: "Investigations", href: href(["investigations"]) },
            { text: plain(value.title), href: "" },
          ]}
          onFollow={(event) => {
            event.preventDefault();
            go(event.detail.href);
          }}
        />
      }
      header={
        <Header variant="h1" description={<Text>{value.whatHappened}</Text>}>
          <Text most={300}>{value.title}</Text>
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Scope report={value} region={region} />
        <Container header={<Header variant="h2" description="The likeliest first; each point names what it stands on">Hypotheses</Header>}>
          <SpaceBetween size="l">
            {value.hypotheses.map((one) => (
              <div key={one.name}>
                <Box variant="h3">
                  <Text>{one.statement}</Text> <Badge color={colours[one.assessment]}>{one.assessment}</Badge>
                </Box>
                <ColumnLayout columns={2} minColumnWidth={280}>
                  <Points title="For" points={one.supporting} report={value} />
                  <Points title="Against" points={one.against} report={value} />
                </ColumnLayout>
              </div>
            ))}
          </SpaceBetween>
        </Container>
        <Container header={<Header variant="h2">Next steps</Header>}>
          <ol className="steps">
            {value.nextSteps.map((step) => (
              <li key={step.title}>
                <Box variant="strong">{plain(step.title)}</Box>{" "}
                {step.priority === "IMMEDIATE" && <Badge color="red">now</Badge>}
                <div>
                  <Text>{step.rationale}</Text>
                </div>
                {step.commands.map((command) => (
                  <div key={command} className="mono">
                    <Text>{command}</Text> <Copy text={command} label={plain(`Copy the command for: ${step.title}`)} />
                  </div>
                ))}
              </li>
            ))}
          </ol>
        </Container>
        <Container header={<Header variant="h2">Timeline</Header>}>
          <ol className="timeline">
            {value.timeline.map((entry, index) => (
              <li key={index}>
                <Box variant="small" color="text-body-secondary">
                  {entry.wholeDay ? <span className="time">{entry.at.slice(0, 10)}</span> : <Time at={entry.at} />}
                </Box>
                <div>
                  <Text most={400}>{entry.text}</Text> <Source source={entry.source} report={value} />
                </div>
              </li>
            ))}
          </ol>
        </Container>
        <Findings findings={value.findings} />
        {value.gaps.length > 0 && (
          <Container header={<Header variant="h2">Not looked at</Header>}>
            <ul>
              {value.gaps.map((gap) => (
                <li key={gap}>
                  <Text>{gap}</Text>
                </li>
              ))}
            </ul>
          </Container>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Scope({ report, region }: { report: Report; region: string }) {
  const { from, to, accounts, regions, entities } = report.scope;
  return (
    <Container header={<Header variant="h2">Scope</Header>}>
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Risk", value: report.riskLevel },
          { label: "Confidence", value: report.confidence },
          { label: "From (UTC)", value: <Time at={from} /> },
          { label: "To (UTC)", value: <Time at={to} /> },
          { label: "Accounts", value: <Value>{accounts.join(", ")}</Value> },
          { label: "Regions", value: <Value>{regions.join(", ") || region}</Value> },
          {
            label: "Involved",
            value: (
              <ul className="plain-list">
                {entities.map((one) => (
                  <li key={`${one.kind}/${one.name}`}>
                    {kinds[one.kind]}:{" "}
                    <To to={entityHref(one.kind, one.name)}>
                      <Text most={200}>{one.name}</Text>
                    </To>
                    {!one.known && " (nothing is kept of it)"}
                  </li>
                ))}
                {!entities.length && <li>Nobody is named.</li>}
              </ul>
            ),
          },
        ]}
      />
    </Container>
  );
}

function Points({ title, points, report }: { title: string; points: Evidence[]; report: Report }) {
  return (
    <div>
      <Box variant="h4">{title}</Box>
      {points.length ? (
        <ul>
          {points.map((point, index) => (
            <li key={index}>
              <Text most={400}>{point.text}</Text> <Source source={point.source} report={report} />
            </li>
          ))}
        </ul>
      ) : (
        <Box color="text-body-secondary">Nothing that is known.</Box>
      )}
    </div>
  );
}

// "finding/ID", or "KIND/NAME" of an entity.
function Source({ source, report }: { source: string; report: Report }) {
  const slash = source.indexOf("/");
  const kind = source.slice(0, slash);
  const name = source.slice(slash + 1);
  if (kind === "finding") {
    const finding = report.findings.find((one) => one.id === name);
    if (!finding) return null;
    return (
      <To to={href(["findings", finding.region, name])} label={plain(`The finding ${finding.type}`)}>
        finding
      </To>
    );
  }
  if (!isKind(kind)) return null;
  return (
    <To to={entityHref(kind, name)} label={plain(`The page of ${name}`)}>
      {kinds[kind].toLowerCase()}
    </To>
  );
}
