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
import { post, type Doorway, type Session } from "./session";
import { plain } from "./text";

function Door({ children }: { children: ReactNode }) {
  return (
    <main className="door">
      <div className="door-name">
        <img src="icon.svg" alt="" /> picket
      </div>
      <SpaceBetween size="l">{children}</SpaceBetween>
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

const refusals: Record<string, string> = {
  other: "The sign-in was not finished in the window that began it, or took too long. Try again.",
  denied: "The provider did not let you in.",
  unknown: "The provider knows you, but the configuration of picket lets nobody in with your groups.",
  key: "The key that your group acts through is gone or allows less than your role.",
  provider: "The provider cannot be reached or cannot be believed. The server's log says why.",
};

interface SignInProps {
  door: Doorway;
  over: boolean;
  refused?: string; // why the provider's answer was not taken
  onSession: (session: Session) => void;
}

export function SignIn({ door, over, refused, onSession }: SignInProps) {
  const notice = door.setup
    ? "There are no users yet: open the link that picket serve printed, or run picket users create."
    : over
      ? "Your session is over."
      : undefined;
  return (
    <Door>
      {refused && <Alert type="error">{refusals[refused] ?? refusals["provider"]}</Alert>}
      {door.provider && (
        <Container header={<Header>With your organisation's account</Header>}>
          <Button variant="primary" fullWidth href="api/oidc/begin" iconName="user-profile">
            Sign in with {plain(door.provider)}
          </Button>
        </Container>
      )}
      <CredentialsForm
        title={door.provider ? "As a user of this server" : "Sign in"}
        description={door.provider ? "With a name and a password that picket keeps" : "As a user of this server"}
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
