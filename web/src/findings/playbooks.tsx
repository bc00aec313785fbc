// What can be done about a finding from here.
import type { Finding } from "@aws-sdk/client-guardduty";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Dialog } from "../dialog";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed } from "../parts";
import { actionText, modeText, Runs, Steps, type Playbook, type Run } from "../playbooks";
import { Rows } from "../rows";
import { plain, Text } from "../text";

export function Actions({ finding }: { finding: Finding }) {
  const api = useApi();
  const notices = useNotices();
  const region = finding.Region ?? api.session.region;
  const id = finding.Id ?? "";
  const [preview, setPreview] = useState<{ playbook: Playbook; run: Run }>();
  const [asking, setAsking] = useState("");
  const known = useLoaded(async () => {
    const [{ playbooks }, { runs }] = await Promise.all([
      api.own<{ playbooks: Playbook[] }>(region, "GET", "playbooks"),
      api.own<{ runs: Run[] }>(region, "GET", "playbook-runs", { findingId: id }),
    ]);
    return { playbooks, runs };
  }, [api, region, id]);
  const ask = async (playbook: Playbook) => {
    setAsking(playbook.name);
    await notices.attempt("", async () => {
      const run = await api.own<Run>(region, "POST", `playbooks/${encodeURIComponent(playbook.name)}/preview`, {}, { findingId: id });
      setPreview({ playbook, run });
    });
    setAsking("");
  };
  if (known.error)
    return (
      <Container header={<Header variant="h2">Actions</Header>}>
        <Failed what="The playbooks cannot be shown" error={known.error} />
      </Container>
    );
  if (!known.value || (!known.value.playbooks.length && !known.value.runs.length)) return null;
  return (
    <Container header={<Header variant="h2">Actions</Header>}>
      <SpaceBetween size="l">
        <Rows<Playbook>
          variant="embedded"
          trackBy="name"
          items={known.value.playbooks}
          empty="No playbook is configured."
          ariaLabels={{ tableLabel: "Playbooks" }}
          columnDefinitions={[
            { id: "name", header: "Playbook", isRowHeader: true, cell: (one) => <Text>{one.name}</Text> },
            { id: "action", header: "Does", cell: (one) => actionText[one.action] ?? plain(one.action) },
            { id: "mode", header: "Runs", cell: (one) => modeText[one.mode] ?? plain(one.mode) },
            {
              id: "preview",
              header: "Preview",
              cell: (one) =>
                api.may("PreviewPlaybook") ? (
                  <Button loading={asking === one.name} ariaLabel={`Preview ${plain(one.name)}`} onClick={() => void ask(one)}>
                    Preview
                  </Button>
                ) : (
                  "-"
                ),
            },
          ]}
        />
        {known.value.runs.length > 0 && (
          <Runs runs={known.value.runs} title={<Header variant="h3">Runs</Header>} region={region} again={known.again} of="finding" />
        )}
      </SpaceBetween>
      {preview && (
        <Preview
          {...preview}
          region={region}
          onEnd={() => {
            setPreview(undefined);
            known.again();
          }}
        />
      )}
    </Container>
  );
}

// What would be done, and the button that does it.
function Preview({ playbook, run, region, onEnd }: { playbook: Playbook; run: Run; region: string; onEnd: () => void }) {
  const api = useApi();
  const notices = useNotices();
  const [busy, setBusy] = useState(false);
  const [accepted, setAccepted] = useState(false);
  const objections = run.why ? run.why.split("; ") : [];
  const forgeable = objections.find((one) => one.startsWith("the evidence could be forged"));
  const others = objections.filter((one) => one !== forgeable);
  const dry = playbook.mode === "dry_run";
  const may = api.may("RunPlaybook") && !dry && run.state === "previewed" && !others.length && (!forgeable || accepted);
  const act = async () => {
    setBusy(true);
    await notices.attempt("", async () => {
      const done = await api.own<Run>(region, "POST", `playbooks/${encodeURIComponent(playbook.name)}/run`, {}, {
        findingId: run.findingId,
        acceptForgeableEvidence: accepted,
      });
      const bad = done.state === "refused" || done.state === "failed";
      notices.tell(bad ? "error" : "success", `${playbook.name}: ${done.state}${done.why ? `: ${done.why}` : ""}`);
    });
    setBusy(false);
    onEnd();
  };
  return (
    <Dialog title={actionText[playbook.action] ?? plain(playbook.action)} action="Run" busy={busy} disabled={!may} onAct={act} onEnd={onEnd}>
      <SpaceBetween size="m">
        <Box>
          <Text>{`${run.subject ?? ""} ${run.subjectId ?? ""}`}</Text>
        </Box>
        {run.basis && (
          <Box color="text-body-secondary">
            Evidence: <Text>{run.basis}</Text>
          </Box>
        )}
        {dry && <Alert type="info">This playbook is on dry run: the configuration lets nobody run it.</Alert>}
        {others.map((one) => (
          <Alert key={one} type="error">
            <Text>{one}</Text>
          </Alert>
        ))}
        {forgeable && (
          <Alert type="warning">
            <Text>{forgeable}</Text>
            {!dry && (
              <Checkbox checked={accepted} onChange={({ detail }) => setAccepted(detail.checked)}>
                Act on it all the same
              </Checkbox>
            )}
          </Alert>
        )}
        <Steps steps={run.steps} />
      </SpaceBetween>
    </Dialog>
  );
}
