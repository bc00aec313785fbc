// Before anyone is signed in: sign in, or make the first user with the link that the server printed.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";
import { messageOf } from "./guardduty";
import { post, type Session } from "./session";
import { plain } from "./text";

function Door({ children }: { children: ReactNode }) {
  return (
    <main className="door">
      <div className="door-name">
        <img src="icon.svg" alt="" /> picket
      </div>
      {children}
    </main>
  );
}

interface Credentials {
  title: string;
  description: string;
  action: string;
  fresh: boolean; // a password is made, not asked for
  notice?: string;
  submit: (name: string, password: string) => Promise<void>;
}

function CredentialsForm({ title, description, action, fresh, notice, submit }: Credentials) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const send = async () => {
    if (fresh && password !== again) return setError("The two passwords are not the same.");
    setBusy(true);
    setError("");
    try {
      await submit(name, password);
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Form
        actions={
          <Button variant="primary" formAction="submit" loading={busy} disabled={!name || !password}>
            {action}
          </Button>
        }
        errorText={error && plain(error)}
      >
        <Container header={<Header description={description}>{title}</Header>}>
          <SpaceBetween size="m">
            {notice && <Alert type="info">{notice}</Alert>}
            <FormField label="Name">
              <Input value={name} onChange={({ detail }) => setName(detail.value)} autoComplete="username" name="name" autoFocus />
            </FormField>
            <FormField label="Password" constraintText={fresh ? "At least 12 characters" : undefined}>
              <Input
                type="password"
                name="password"
                value={password}
                onChange={({ detail }) => setPassword(detail.value)}
                autoComplete={fresh ? "new-password" : "current-password"}
              />
            </FormField>
            {fresh && (
              <FormField label="The same again">
                <Input type="password" name="again" value={again} onChange={({ detail }) => setAgain(detail.value)} autoComplete="new-password" />
              </FormField>
            )}
          </SpaceBetween>
        </Container>
      </Form>
    </form>
  );
}

export function SignIn({ setup, over, onSession }: { setup: boolean; over: boolean; onSession: (session: Session) => void }) {
  const notice = setup
    ? "There are no users yet: open the link that picket serve printed, or run picket users create."
    : over
      ? "Your session is over."
      : undefined;
  return (
    <Door>
      <CredentialsForm
        title="Sign in"
        description="As a user of this server"
        action="Sign in"
        fresh={false}
        notice={notice}
        submit={async (name, password) => onSession(await post<Session>("sign-in", { name, password }))}
      />
    </Door>
  );
}

export function Setup({ token, onSession }: { token: string; onSession: (session: Session) => void }) {
  return (
    <Door>
      <CredentialsForm
        title="Make the first user"
        description="It administers what this server sees. More users: picket users create"
        action="Make the user"
        fresh
        submit={async (name, password) => onSession(await post<Session>("setup", { token, name, password }))}
      />
    </Door>
  );
}
