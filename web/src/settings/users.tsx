// Who may sign in and act through the same key as the administrator who looks.
import ContentLayout from "@cloudscape-design/components/content-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Dialog } from "../dialog";
import { useApi } from "../guardduty";
import { useLoaded } from "../loading";
import { useNotices } from "../notices";
import { Time, Value } from "../parts";
import { post } from "../session";
import { plain } from "../text";
import { Holders } from "./holders";
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
  const [adding, setAdding] = useState(false);
  const [locked, setLocked] = useState<User>(); // who gets another password
  const users = useLoaded(async () => (await post<{ users: User[] }>("users", {}, session.csrf)).users, [session]);
  const act = (what: string, done: string, body: object) => notices.attempt(done, () => post(`users/${what}`, body, session.csrf));
  const end = (worked: boolean) => {
    if (!worked) return;
    setAdding(false);
    setLocked(undefined);
    users.again();
  };
  return (
    <ContentLayout header={<Header variant="h1" description="Who may sign in here and sees what you see">Users</Header>}>
      <Holders<User>
        title="Users"
        one="user"
        loaded={users}
        nameOf={(one) => one.name}
        isOwn={(one) => one.name === session.user}
        add={{ text: "Add a user", act: () => setAdding(true) }}
        more={[{ id: "password", text: "Set a password", act: setLocked }]}
        setActive={({ name }, active) => act(active ? "enable" : "disable", `${name} is ${active ? "enabled" : "disabled"}`, { name })}
        remove={({ name }) => act("delete", `${name} is gone`, { name })}
        removed="The user's sessions end at once, credentials that they got within 15 minutes."
        columns={[
          { id: "name", header: "Name", isRowHeader: true, cell: (one) => <Value>{one.name}</Value> },
          { id: "role", header: "Role", cell: (one) => <Value>{one.role}</Value> },
          { id: "created", header: "Made (UTC)", cell: (one) => <Time at={one.createdAt} />, minWidth: 170 },
          { id: "password", header: "Password of (UTC)", cell: (one) => <Time at={one.passwordAt} />, minWidth: 170 },
        ]}
      />
      {adding && <UserDialog onEnd={() => setAdding(false)} onAct={(body) => act("create", `${body.name} may sign in`, body).then(end)} />}
      {locked && (
        <UserDialog name={locked.name} onEnd={() => setLocked(undefined)} onAct={(body) => act("password", `${body.name} has a new password`, body).then(end)} />
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
