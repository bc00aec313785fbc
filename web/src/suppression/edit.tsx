// A suppression rule, with what it would have hidden before it is saved.
import { CreateFilterCommand, GetFilterCommand, UpdateFilterCommand } from "@aws-sdk/client-guardduty";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import DatePicker from "@cloudscape-design/components/date-picker";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Textarea from "@cloudscape-design/components/textarea";
import { useRef, useState } from "react";
import { levels } from "../finding";
import { setArchived } from "../findings/actions";
import { CriterionEditor } from "../findings/criterion_editor";
import { parseCriterion } from "../findings/filter";
import { useApi, type Criterion } from "../guardduty";
import { useLoaded, type Loaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Severity, Time, To } from "../parts";
import { Rows } from "../rows";
import { go, href, type Route } from "../router";
import { plain, Text } from "../text";
import { backtest, readMax, type Backtest } from "./backtest";
import { expiryOf, expiryTags, setExpiry } from "./expiry";

const back = href(["suppression"]);
const spans = [7, 30, 90, 0].map((days) => ({ id: String(days), text: days ? `${days} days` : "All" }));

interface Draft {
  key: string; // of what it was loaded for
  name: string;
  reason: string;
  archives: boolean;
  until: string; // the day after which it archives no more, "2026-12-31"; empty: for ever
  criterion: Criterion;
}

const dayMs = 86_400_000;
// A rule that holds until the end of a day ends with the next one, and the other way round.
function endOf(day: string): string | undefined {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  return Number.isNaN(at) ? undefined : `${new Date(at + dayMs).toISOString().slice(0, 19)}Z`;
}
const dayBefore = (end: string | undefined) => (end ? new Date(Date.parse(end) - 1).toISOString().slice(0, 10) : "");

export default function RulePage({ route }: { route: Route }) {
  const [, region = "", name = ""] = route.path;
  const api = useApi();
  const fresh = region === "new" && !name;
  const filter = route.query.get("filter");
  const key = `${region} ${name} ${fresh ? filter : ""}`;
  const loaded = useLoaded(async (): Promise<Draft> => {
    if (fresh) return { key, name: "", reason: "", archives: true, until: "", criterion: parseCriterion(filter) };
    const place = await api.place(region);
    if (!place) throw new Error(`there is no detector in ${region}`);
    const rule = await place.client.send(new GetFilterCommand({ DetectorId: place.detectorId, FilterName: name }));
    return {
      key,
      name,
      reason: rule.Description ?? "",
      archives: rule.Action === "ARCHIVE",
      until: dayBefore(expiryOf(rule.Tags)),
      criterion: rule.FindingCriteria?.Criterion ?? {},
    };
  }, [api, key]);
  if (loaded.error) return <Failed what="The rule cannot be shown" error={loaded.error} />;
  if (loaded.value?.key !== key) return <Spinner size="large" />;
  return <RuleForm key={key} draft={loaded.value} fresh={fresh} region={fresh ? (route.query.get("region") ?? "") : region} />;
}

function RuleForm({ draft, fresh, region: firstRegion }: { draft: Draft; fresh: boolean; region: string }) {
  const api = useApi();
  const notices = useNotices();
  const [region, setRegion] = useState(firstRegion);
  const [name, setName] = useState(draft.name);
  const [reason, setReason] = useState(draft.reason);
  const [archives, setArchives] = useState(draft.archives);
  const [criterion, setCriterion] = useState(draft.criterion);
  const [until, setUntil] = useState(draft.until);
  const [alsoNow, setAlsoNow] = useState(false);
  const [busy, setBusy] = useState(false);
  const [days, setDays] = useState("90");
  const may = api.may(fresh ? "CreateFilter" : "UpdateFilter");
  const empty = !Object.keys(criterion).length;
  const past = until !== "" && until !== draft.until && Date.parse(endOf(until) ?? "") <= Date.now();
  const wrong = name !== "" && !/^[A-Za-z0-9._-]{3,64}$/.test(name);

  const turn = useRef(0);
  const tried = useLoaded(async () => {
    const mine = ++turn.current;
    if (empty) return undefined;
    return backtest(await api.places(region), criterion, Number(days), () => mine === turn.current);
  }, [api, region, criterion, days]);

  const save = async () => {
    setBusy(true);
    const archived = archives && alsoNow && tried.value ? tried.value.current : [];
    const done = await notices.attempt(
      `Rule ${name} is saved${archived.length ? ` and ${archived.length} current findings are archived` : ""}`,
      async () => {
        const given = {
          Action: archives ? ("ARCHIVE" as const) : ("NOOP" as const),
          Description: reason,
          FindingCriteria: { Criterion: criterion },
        };
        const expires = endOf(until);
        for (const place of await api.places(region)) {
          const { client, detectorId } = place;
          if (fresh) {
            await client.send(new CreateFilterCommand({ DetectorId: detectorId, Name: name, Tags: expiryTags(expires), ...given }));
          } else {
            await client.send(new UpdateFilterCommand({ DetectorId: detectorId, FilterName: name, ...given }));
            if (until !== draft.until) await setExpiry(place, api.session.account, name, expires);
          }
        }
        await setArchived(api, archived, true);
      },
    );
    setBusy(false);
    if (done) go(back);
  };

  return (
    <ContentLayout
      breadcrumbs={
        <BreadcrumbGroup
          items={[
            { text: "Suppression", href: back },
            { text: fresh ? "New rule" : plain(draft.name), href: "" },
          ]}
          onFollow={(event) => {
            event.preventDefault();
            go(event.detail.href);
          }}
        />
      }
      header={<Header variant="h1">{fresh ? "New suppression rule" : plain(draft.name)}</Header>}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => go(back)}>
                Cancel
              </Button>
              {may && (
                <Button variant="primary" loading={busy} disabled={!name || wrong || empty || past || (until !== "" && !endOf(until))}>
                  Save
                </Button>
              )}
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">Rule</Header>}>
              <SpaceBetween size="m">
                {fresh && (
                  <FormField label="Name" constraintText="3 to 64 letters, digits, '.', '_' and '-'" errorText={wrong ? "The name has other characters, or too few" : ""}>
                    <Input value={name} onChange={({ detail }) => setName(detail.value)} />
                  </FormField>
                )}
                {fresh && (
                  <FormField label="Region" description="Every Region has rules of its own; all of them get this one if you do not choose">
                    <Select
                      selectedOption={{ value: region, label: region || "All Regions" }}
                      options={[{ value: "", label: "All Regions" }, ...api.session.regions.map((value) => ({ value, label: value }))]}
                      onChange={({ detail }) => setRegion(detail.selectedOption.value ?? "")}
                    />
                  </FormField>
                )}
                <FormField label="Criteria" description="All of them must hold; any of several values of one" stretch>
                  <CriterionEditor criterion={criterion} onChange={setCriterion} />
                </FormField>
                <FormField label="Reason" description="Why this is harmless, for who reads it in a year" stretch>
                  <Textarea value={reason} onChange={({ detail }) => setReason(detail.value)} rows={2} />
                </FormField>
                <Checkbox checked={archives} onChange={({ detail }) => setArchives(detail.checked)}>
                  Archive what it matches when it is found
                </Checkbox>
                {archives && (
                  <FormField
                    label="Archives until the end of"
                    description="Findings of later records are current again, by the time in the record. Empty: for ever"
                    constraintText="A day, UTC: YYYY/MM/DD"
                    errorText={past ? "This day is over: the rule would archive nothing" : ""}
                  >
                    <DatePicker
                      value={until}
                      onChange={({ detail }) => setUntil(detail.value)}
                      isDateEnabled={(date) => date.getTime() > Date.now() - 86_400_000}
                      openCalendarAriaLabel={(day) => (day ? `Choose a day, ${day} is chosen` : "Choose a day")}
                      placeholder="YYYY/MM/DD"
                      expandToViewport
                    />
                  </FormField>
                )}
              </SpaceBetween>
            </Container>
            <Container
              header={
                <Header
                  variant="h2"
                  description="Findings that the criteria match, by the time of the record that raised them"
                  actions={<SegmentedControl label="Time" selectedId={days} options={spans} onChange={({ detail }) => setDays(detail.selectedId)} />}
                >
                  What it would have hidden
                </Header>
              }
            >
              {empty ? (
                <Box color="text-status-inactive">Without criteria it would hide every finding: say what is harmless.</Box>
              ) : (
                <Result tried={tried} alsoNow={alsoNow} setAlsoNow={archives && api.may("ArchiveFindings") ? setAlsoNow : undefined} />
              )}
            </Container>
          </SpaceBetween>
        </Form>
      </form>
    </ContentLayout>
  );
}

function Result({ tried, alsoNow, setAlsoNow }: { tried: Loaded<Backtest | undefined>; alsoNow: boolean; setAlsoNow?: (on: boolean) => void }) {
  if (tried.error) return <Failed what="The criteria cannot be tried" error={tried.error} />;
  const { value } = tried;
  if (!value) return <StatusIndicator type="loading">Trying the criteria</StatusIndicator>;
  if (!value.total) return <StatusIndicator type="info">Nothing: no finding of this time matches.</StatusIndicator>;
  const grave = value.byLevel.critical + value.byLevel.high;
  return (
    <SpaceBetween size="m">
      <div className="levels">
        <b>{`${value.total.toLocaleString("en")} ${value.total === 1 ? "finding" : "findings"}`}</b>
        {levels.map((level) => (
          <span key={level} className={`severity severity-${level}`}>
            <span aria-hidden="true" className="severity-mark" />
            {`${value.byLevel[level].toLocaleString("en")} ${level}`}
          </span>
        ))}
        {tried.loading && <Spinner />}
      </div>
      {value.cut && <Alert type="info">{`More than ${readMax.toLocaleString("en")} findings are in question; the gravest were looked at.`}</Alert>}
      {grave > 0 && (
        <Alert type="warning">{`${grave.toLocaleString("en")} of them ${grave === 1 ? "is" : "are"} high or critical. Narrow the criteria unless you know each.`}</Alert>
      )}
      <Rows
        variant="embedded"
        items={value.byType}
        ariaLabels={{ tableLabel: "By type and severity" }}
        columnDefinitions={[
          { id: "type", header: "Finding type", isRowHeader: true, cell: (one) => <Text>{one.type}</Text> },
          ...levels.map((level) => ({
            id: level,
            header: level[0]!.toUpperCase() + level.slice(1),
            cell: (one: Backtest["byType"][number]) => one.byLevel[level].toLocaleString("en"),
          })),
          { id: "total", header: "All", cell: (one) => one.total.toLocaleString("en") },
        ]}
      />
      <Rows
        variant="embedded"
        header={<Header variant="h3">The gravest of them</Header>}
        items={value.examples}
        ariaLabels={{ tableLabel: "The gravest of them" }}
        columnDefinitions={[
          { id: "severity", header: "Severity", cell: (one) => <Severity value={one.Severity} />, width: 120 },
          {
            id: "title",
            header: "Finding",
            isRowHeader: true,
            cell: (one) => (
              <To to={href(["findings", one.Region ?? "", one.Id ?? ""])}>
                <Text>{one.Title}</Text>
              </To>
            ),
          },
          { id: "at", header: "Created (UTC)", cell: (one) => <Time at={one.CreatedAt} />, width: 180 },
        ]}
      />
      {setAlsoNow && value.current.length > 0 && (
        <Checkbox checked={alsoNow} onChange={({ detail }) => setAlsoNow(detail.checked)}>
          {`Archive the ${value.current.length.toLocaleString("en")} of them that are current now, too`}
        </Checkbox>
      )}
    </SpaceBetween>
  );
}
