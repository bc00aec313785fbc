// The GuardDuty API by Region, through AWS's own SDK.
import {
  GetFindingsCommand,
  GuardDutyClient,
  ListDetectorsCommand,
  paginateListFindings,
  type Condition,
  type Finding,
  type SortCriteria,
} from "@aws-sdk/client-guardduty";
import { createContext, useContext } from "react";
import { Sha256Js } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import { answer, credentialsOf, type Session } from "./session";

export type Criterion = Record<string, Condition>;

export interface Place {
  region: string;
  detectorId: string;
  client: GuardDutyClient;
}

export class Api {
  private readonly credentials;
  private readonly clients = new Map<string, GuardDutyClient>();
  private readonly found = new Map<string, Promise<Place | undefined>>();

  constructor(
    readonly session: Session,
    over: () => void,
  ) {
    this.credentials = credentialsOf(session, over);
  }

  may(operation: string): boolean {
    return this.session.may.includes(operation);
  }

  client(region: string): GuardDutyClient {
    let client = this.clients.get(region);
    if (!client) {
      client = new GuardDutyClient({ region, endpoint: location.origin, credentials: this.credentials, maxAttempts: 3 });
      this.clients.set(region, client);
    }
    return client;
  }

  // The caller's detector there; absent where it has none.
  place(region: string): Promise<Place | undefined> {
    let place = this.found.get(region);
    if (!place) {
      const client = this.client(region);
      place = client
        .send(new ListDetectorsCommand({}))
        .then(({ DetectorIds }) => (DetectorIds?.[0] ? { region, detectorId: DetectorIds[0], client } : undefined));
      place.catch(() => this.found.delete(region));
      this.found.set(region, place);
    }
    return place;
  }

  // Looks for the detector anew, after one was made or removed.
  forgetPlace(region: string): void {
    this.found.delete(region);
  }

  // picket's own calls, /picket/v1/PATH, signed like those of the API.
  async own<T>(region: string, method: "GET" | "POST" | "DELETE", path: string, query: Record<string, string> = {}, body?: object): Promise<T> {
    const signer = new SignatureV4({ service: "guardduty", region, credentials: this.credentials, sha256: Sha256Js });
    const { headers } = await signer.sign({
      method,
      protocol: location.protocol,
      hostname: location.hostname,
      path: `/picket/v1/${path}`,
      query,
      headers: { host: location.host, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    delete headers["host"]; // the browser's
    const text = new URLSearchParams(query).toString();
    const response = await fetch(`/picket/v1/${path}${text && `?${text}`}`, { method, headers, body: body && JSON.stringify(body) });
    return answer<T>(response);
  }

  // Of one Region, or of every Region (an empty name) that has a detector.
  async places(region: string): Promise<Place[]> {
    const regions = region ? [region] : this.session.regions;
    const places = await Promise.all(regions.map((one) => this.place(one)));
    return places.filter((place): place is Place => place !== undefined);
  }
}

const ApiContext = createContext<Api | undefined>(undefined);
export const ApiProvider = ApiContext.Provider;
export function useApi(): Api {
  const api = useContext(ApiContext);
  if (!api) throw new Error("there is no session");
  return api;
}

const pageSize = 50; // the API's largest

export async function getFindings(place: Place, ids: string[]): Promise<Finding[]> {
  const out: Finding[] = [];
  for (let at = 0; at < ids.length; at += pageSize) {
    const { Findings } = await place.client.send(
      new GetFindingsCommand({ DetectorId: place.detectorId, FindingIds: ids.slice(at, at + pageSize) }),
    );
    out.push(...(Findings ?? []));
  }
  return out;
}

async function* findingsOf(place: Place, criterion: Criterion, sort: SortCriteria): AsyncGenerator<Finding> {
  const pages = paginateListFindings(
    { client: place.client, pageSize },
    { DetectorId: place.detectorId, FindingCriteria: { Criterion: criterion }, SortCriteria: sort },
  );
  for await (const page of pages) yield* await getFindings(place, page.FindingIds ?? []);
}

export interface Sorting {
  attribute: SortAttribute;
  descending: boolean;
}
// What a table can be sorted by, and where a finding holds it.
export const sortable = {
  severity: (finding: Finding) => finding.Severity ?? 0,
  updatedAt: (finding: Finding) => finding.UpdatedAt ?? "",
  createdAt: (finding: Finding) => finding.CreatedAt ?? "",
  "service.count": (finding: Finding) => finding.Service?.Count ?? 0,
  type: (finding: Finding) => finding.Type ?? "",
  accountId: (finding: Finding) => finding.AccountId ?? "",
  region: (finding: Finding) => finding.Region ?? "",
};
export type SortAttribute = keyof typeof sortable;

// Findings of all the places as one list in the order of the API.
export async function* merged(places: Place[], criterion: Criterion, sorting: Sorting): AsyncGenerator<Finding> {
  const key = sortable[sorting.attribute];
  const sort: SortCriteria = { AttributeName: sorting.attribute, OrderBy: sorting.descending ? "DESC" : "ASC" };
  const lists = places.map((place) => findingsOf(place, criterion, sort));
  const heads = await Promise.all(lists.map((list) => list.next()));
  const before = (a: Finding, b: Finding) => {
    const left = key(a);
    const right = key(b);
    if (left === right) return (a.Id ?? "") < (b.Id ?? "");
    return left < right !== sorting.descending;
  };
  for (;;) {
    let first = -1;
    heads.forEach((head, index) => {
      const best = heads[first];
      if (!head.done && (!best || best.done || before(head.value, best.value))) first = index;
    });
    const head = heads[first];
    if (!head || head.done) return;
    yield head.value;
    heads[first] = await lists[first]!.next();
  }
}

export async function take<T>(list: AsyncGenerator<T>, most: number): Promise<T[]> {
  const out: T[] = [];
  while (out.length < most) {
    const next = await list.next();
    if (next.done) break;
    out.push(next.value);
  }
  return out;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
