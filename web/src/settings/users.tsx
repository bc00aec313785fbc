// Who may sign in and act through the same key as the administrator who looks.
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import ContentLayout from "@cloudscape-design/components/content-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { Confirm, Dialog } from "../dialog";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Failed, Time, Value } from "../parts";
import { Rows } from "../rows";
import { post } from "../session";
import { plain } from "../text";
import { roles } from "./roles";

interface User {
  name: string;
  role: string;
  active: boolean;
  createdAt: number;
  passwordAt: number;
}

export default function Users() {
  const { session } = useApi();
  const notices = useNotices();
  const [selected, setSelected] = useState<User>();
  const [asked, setAsked] = useState<"add" | "password" | "delete">();
  const users = useLoaded(async () => (await post<{ users: User[] }>("users", {}, session.csrf)).users, [session]);
  const act = (what: string, done: string, body: object) =>
    notices.attempt(done, () => post(`users/${what}`, body, session.csrf)).then((worked) => {
      if (worked) {
        setAsked(undefined);
        setSelected(undefined);
        users.again();
      }
    });
  const others = selected && selected.name !== session.user;
  return (
    <ContentLayout header={<Header variant="h1" description="Who may sign in here and sees what you see">Users</Header>}>
      <Rows<User>
        variant="container"
        trackBy="name"
        items={users.value ?? []}
        loading={!users.value && !users.error}
        loadingText="Loading users"
        empty={users.error ? <Failed what="The users cannot be shown" error={users.error} /> : undefined}
        selectionType="single"
        selectedItems={selected ? [selected] : []}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems[0])}
        ariaLabels={{ tableLabel: "Users", selectionGroupLabel: "Select a user", itemSelectionLabel: (_, one) => `Select ${plain(one.name)}` }}
        header={
          <Header
            variant="h2"
            counter={users.value && `(${users.value.length})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <ButtonDropdown
                  disabled={!others}
                  items={[
                    selected?.active === false ? { id: "enable", text: "Let in again" } : { id: "disable", text: "Let in no more" },
                    { id: "password", text: "Set a password" },
                    { id: "delete", text: "Delete" },
                  ]}
                  onItemClick={({ detail }) => {
                    if (detail.id === "password" || detail.id === "delete") setAsked(detail.id);
                    else void act(detail.id, `${selected?.name} is ${detail.id}d`, { name: selected?.name });
                  }}
                >
                  Actions
                </ButtonDropdown>
                <Button variant="primary" onClick={() => setAsked("add")}>
                  Add a user
                </Button>
              </SpaceBetween>
            }
          >
            Users
          </Header>
        }
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Value>{one.name}</Value> },
          { id: "role", header: "Role", cell: (one) => <Value>{one.role}</Value> },
          {
            id: "status",
            header: "Status",
            cell: (one) => <StatusIndicator type={one.active ? "success" : "stopped"}>{one.active ? "active" : "disabled"}</StatusIndicator>,
          },
          { id: "created", header: "Made (UTC)", cell: (one) => <Time at={one.createdAt} />, minWidth: 170 },
          { id: "password", header: "Password of (UTC)", cell: (one) => <Time at={one.passwordAt} />, minWidth: 170 },
        ]}
      />
      {(asked === "add" || asked === "password") && (
        <UserDialog
          name={asked === "password" ? selected?.name : undefined}
          onEnd={() => setAsked(undefined)}
          onAct={(body) => (asked === "add" ? act("create", `${body.name} may sign in`, body) : act("password", `${body.name} has a new password`, body))}
        />
      )}
      {asked === "delete" && selected && (
        <Confirm title={`Delete ${plain(selected.name)}`} action="Delete" onEnd={() => setAsked(undefined)} act={() => act("delete", `${selected.name} is gone`, { name: selected.name })}>
          The user's sessions end at once, credentials that they got within 15 minutes.
        </Confirm>
      )}
    </ContentLayout>
  );
}

interface Filled {
  name: string;
  role: string;
  password: string;
}

// For a new user, or, with a name, for its password alone.
function UserDialog({ name: known, onAct, onEnd }: { name?: string; onAct: (body: Filled) => Promise<unknown>; onEnd: () => void }) {
  const [name, setName] = useState(known ?? "");
  const [role, setRole] = useState("read-only");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <Dialog
      title={known ? `A password for ${plain(known)}` : "Add a user"}
      action={known ? "Set" : "Add"}
      busy={busy}
      disabled={!name || !password}
      onEnd={onEnd}
      onAct={async () => {
        setBusy(true);
        await onAct({ name, role, password });
        setBusy(false);
      }}
    >
      <SpaceBetween size="m">
        {!known && (
          <FormField label="Name">
            <Input value={name} autoComplete="off" onChange={({ detail }) => setName(detail.value)} />
          </FormField>
        )}
        {!known && (
          <FormField label="Role" description={roles[role]}>
            <Select
              selectedOption={{ value: role, label: role }}
              options={Object.entries(roles).map(([value, description]) => ({ value, label: value, description }))}
              onChange={({ detail }) => setRole(detail.selectedOption.value ?? "")}
            />
          </FormField>
        )}
        <FormField label="Password" description="Ask the user to change it" constraintText="At least 12 characters">
          <Input type="password" autoComplete="new-password" value={password} onChange={({ detail }) => setPassword(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Dialog>
  );
}
