// Another password for who is signed in; the sessions elsewhere end.
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Dialog } from "./dialog";
import { useNotices } from "./notices";
import { post, type Session } from "./session";

export default function PasswordDialog({ session, onEnd, onSession }: { session: Session; onEnd: () => void; onSession: (session: Session) => void }) {
  const notices = useNotices();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const differ = again !== "" && again !== password;
  const change = async () => {
    setBusy(true);
    const done = await notices.attempt("The password is changed", async () => {
      const fresh = await post<Session>("password", { current, password }, session.csrf);
      onEnd();
      onSession(fresh);
    });
    if (!done) setBusy(false);
  };
  return (
    <Dialog title="Change the password" action="Change" busy={busy} disabled={!current || !password || password !== again} onAct={change} onEnd={onEnd}>
      <SpaceBetween size="m">
        <FormField label="Current password">
          <Input type="password" autoComplete="current-password" value={current} onChange={({ detail }) => setCurrent(detail.value)} />
        </FormField>
        <FormField label="New password" constraintText="At least 12 characters">
          <Input type="password" autoComplete="new-password" value={password} onChange={({ detail }) => setPassword(detail.value)} />
        </FormField>
        <FormField label="The new one again" errorText={differ ? "The two are not the same" : ""}>
          <Input type="password" autoComplete="new-password" value={again} onChange={({ detail }) => setAgain(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Dialog>
  );
}
