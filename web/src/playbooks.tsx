// Playbooks and their runs, as picket's own API tells them.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { Confirm } from "./dialog";
import { useApi } from "./guardduty";
import { useNotices } from "./notices";
import { Time, Value } from "./parts";
import { Rows } from "./rows";
import { plain, Text } from "./text";

export interface Playbook {
  name: string;
  action: string;
  mode: string;
  subject: string;
  runsPerHour: number;
}

export interface Step {
  kind: string;
  resource: string;
  before: string;
  after: string;
  status: string;
  note: string;
}

export interface Run {
  id: string;
  playbook: string;
  action: string;
  state: string;
  why?: string;
  actor: string;
  undoneBy?: string;
  findingId: string;
  findingType?: string;
  accountId?: string;
  region?: string;
  subject?: string;
  subjectId?: string;
  basis?: string;
  dryRun: boolean;
  createdAt: number;
  updatedAt: number;
  steps: Step[];
}

export const actionText: Record<string, string> = {
  isolate_instance: "Isolate the instance",
  disable_access_key: "Disable the access key",
  revoke_role_sessions: "Revoke the role's sessions",
  block_public_bucket: "Block public access to the bucket",
  quarantine_service_account: "Take the service account's rights",
  block_address: "Block the remote address",
};

export const modeText: Record<string, string> = {
  dry_run: "dry run: only previews",
  by_hand: "by hand: rules only preview",
  automatic: "automatic: rules run it",
};

const looks: Record<string, StatusIndicatorProps.Type> = {
  previewed: "info",
  refused: "stopped",
  already: "success",
  running: "in-progress",
  done: "success",
  failed: "error",
  undoing: "in-progress",
  undone: "stopped",
};

export function State({ run }: { run: Run }) {
  return (
    <>
      <StatusIndicator type={looks[run.state] ?? "info"}>{plain(run.state)}</StatusIndicator>
      {run.why && (
        <Box variant="small" display="block">
          <Text>{run.why}</Text>
        </Box>
      )}
    </>
  );
}

const stepText: Record<string, string> = {
  snapshots: "Snapshots",
  scaling_group: "Scaling group",
  interface_groups: "Security groups",
  network_acl_entry: "Network ACL entry",
  access_key_status: "Access key",
  role_policy: "Role policy",
  public_access_block: "Public access block",
  ip_set_member: "IP set",
  binding_subjects: "Binding",
};

export function Steps({ steps }: { steps: Step[] }) {
  return (
    <Rows<Step>
      variant="embedded"
      items={steps}
      empty="There is nothing to change."
      ariaLabels={{ tableLabel: "Steps" }}
      columnDefinitions={[
        {
          id: "what",
          header: "What",
          isRowHeader: true,
          cell: (one) => (
            <>
              {stepText[one.kind] ?? plain(one.kind)}
              <Box variant="small" display="block">
                <Text>{one.resource}</Text>
              </Box>
            </>
          ),
        },
        { id: "before", header: "From", cell: (one) => <Value most={400}>{one.before || "none"}</Value> },
        { id: "after", header: "To", cell: (one) => <Value most={400}>{one.after || "none"}</Value> },
        { id: "status", header: "Status", cell: (one) => <Value>{one.status}</Value> },
      ]}
    />
  );
}

// What was run, with a way back.
export function Runs({ runs, title, region, again, of }: { runs: Run[]; title: React.ReactNode; region: string; again: () => void; of: "finding" | "all" }) {
  const api = useApi();
  const notices = useNotices();
  const [undoing, setUndoing] = useState<Run>();
  return (
    <>
      <Rows<Run>
        variant={of === "all" ? "container" : "embedded"}
        trackBy="id"
        items={runs}
        empty="No playbook was run."
        header={title}
        ariaLabels={{ tableLabel: "Runs of playbooks" }}
        columnDefinitions={[
          { id: "when", header: "When (UTC)", cell: (one) => <Time at={one.createdAt} /> },
          {
            id: "playbook",
            header: "Playbook",
            isRowHeader: true,
            cell: (one) => (
              <>
                <Text>{one.playbook}</Text>
                <Box variant="small" display="block">
                  {actionText[one.action] ?? plain(one.action)}
                </Box>
              </>
            ),
          },
          ...(of === "all" ? [{ id: "finding", header: "Finding", cell: (one: Run) => <Value>{one.findingType}</Value> }] : []),
          { id: "on", header: "On", cell: (one) => <Value most={200}>{one.subjectId}</Value> },
          { id: "state", header: "State", cell: (one) => <State run={one} /> },
          { id: "by", header: "By", cell: (one) => <Value>{one.undoneBy ? `${one.actor}, undone by ${one.undoneBy}` : one.actor}</Value> },
          {
            id: "undo",
            header: "Undo",
            cell: (one) =>
              api.may("UndoPlaybookRun") && (one.state === "done" || one.state === "failed") ? (
                <Button variant="inline-link" ariaLabel={`Undo ${plain(one.playbook)} of ${plain(one.subjectId)}`} onClick={() => setUndoing(one)}>
                  Undo
                </Button>
              ) : (
                "-"
              ),
          },
        ]}
      />
      {undoing && (
        <Confirm
          title="Undo the run"
          action="Undo"
          onEnd={() => setUndoing(undefined)}
          act={() =>
            notices
              .attempt("What the run changed is as it was", () => api.own(region, "POST", `playbook-runs/${encodeURIComponent(undoing.id)}/undo`, {}, {}))
              .then(again)
          }
        >
          <Box margin={{ bottom: "s" }}>All of this is put back, unless somebody changed something of it since.</Box>
          <Steps steps={undoing.steps.filter(({ status }) => status === "done")} />
        </Confirm>
      )}
    </>
  );
}
