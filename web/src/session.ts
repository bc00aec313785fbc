// Who is signed in, and the short-lived credentials that the API is called with.

export interface Session {
  version: string;
  user: string;
  guest: boolean; // signed in through the provider of identities
  role: string;
  account: string;
  administersAll: boolean;
  region: string;
  regions: string[];
  accounts: string[];
  may: string[]; // changing operations that the role allows
  csrf: string;
}

export class CallError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function answer<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => ({}))) as T & { message?: string };
  if (!response.ok) throw new CallError(response.status, body.message ?? `the server answered ${response.status}`);
  return body;
}

export async function post<T>(call: string, body: object = {}, csrf?: string): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (csrf) headers["X-Picket-Csrf"] = csrf;
  return answer<T>(await fetch(`api/${call}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

// For who is not signed in: whether the first user is still to be made, and the provider of identities, if there is one.
export interface Doorway {
  setup: boolean;
  provider?: string;
}

export async function currentSession(): Promise<Session | Doorway> {
  return answer(await fetch("api/session"));
}

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

const renewBeforeMs = 120_000;

// Credentials of the session, renewed before they end; one call at a time.
export function credentialsOf(session: Session, over: () => void): () => Promise<Credentials> {
  let held: Promise<Credentials> | undefined;
  let until = 0;
  return () => {
    if (held && Date.now() < until - renewBeforeMs) return held;
    until = Number.MAX_SAFE_INTEGER;
    held = post<Omit<Credentials, "expiration"> & { expiration: number }>("credentials", {}, session.csrf)
      .then((made) => {
        until = made.expiration;
        return { ...made, expiration: new Date(made.expiration) };
      })
      .catch((error: unknown) => {
        held = undefined;
        if (error instanceof CallError && error.status === 401) over();
        throw error;
      });
    return held;
  };
}
