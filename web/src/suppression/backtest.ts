// What a filter would have hidden: the findings of the last days that meet its criteria.
import type { Condition, Finding } from "@aws-sdk/client-guardduty";
import { levelOf, levels, type Level } from "../finding";
import { merged, type Criterion, type Place } from "../guardduty";

export const readMax = 5_000;

export interface Backtest {
  total: number;
  current: Finding[]; // those not archived yet
  byType: { type: string; byLevel: Record<Level, number>; total: number }[];
  byLevel: Record<Level, number>;
  examples: Finding[];
  cut: boolean; // more than readMax were there to look at
}

const createdAt = "createdAt";

// Lists know no wildcards, so that what they leave is narrowed here, as the server will do it.
function withoutWildcards(criterion: Criterion): Criterion {
  const plainOnes = Object.entries(criterion).map(([path, { Matches: _matches, NotMatches: _notMatches, ...rest }]) => [path, rest] as const);
  return Object.fromEntries(plainOnes.filter(([, condition]) => Object.keys(condition).length));
}

function valuesAt(value: unknown, path: string[]): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path));
  const [first, ...rest] = path;
  if (first === undefined) return [value instanceof Date ? String(value.getTime()) : String(value)];
  if (typeof value !== "object") return [];
  const found = Object.entries(value).find(([name]) => name.toLowerCase() === first.toLowerCase());
  return found ? valuesAt(found[1], rest) : [];
}

function wildcard(pattern: string): RegExp {
  const escaped = [...pattern].map((c) => (c === "*" ? ".*" : c === "?" ? "." : c.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")));
  return new RegExp(`^${escaped.join("")}$`, "su");
}

function meets(finding: Finding, criterion: Criterion): boolean {
  return Object.entries(criterion).every(([path, { Matches = [], NotMatches = [] }]: [string, Condition]) => {
    if (!Matches.length && !NotMatches.length) return true;
    const values = valuesAt(finding, path.split("."));
    const matched = (patterns: string[]) => patterns.map(wildcard).some((pattern) => values.some((value) => pattern.test(value)));
    return (!Matches.length || matched(Matches)) && !matched(NotMatches);
  });
}

export async function backtest(places: Place[], criterion: Criterion, days: number, alive: () => boolean): Promise<Backtest | undefined> {
  const since: Criterion = days ? { [createdAt]: { GreaterThanOrEqual: Date.now() - days * 86_400_000 } } : {};
  const narrow = withoutWildcards(criterion);
  const wanted: Criterion = { ...narrow, [createdAt]: { ...narrow[createdAt], ...since[createdAt] } };
  if (!Object.keys(wanted[createdAt] ?? {}).length) delete wanted[createdAt];
  const none = (): Record<Level, number> => ({ critical: 0, high: 0, medium: 0, low: 0 });
  const types = new Map<string, Record<Level, number>>();
  const out: Backtest = { total: 0, current: [], byType: [], byLevel: none(), examples: [], cut: false };
  let read = 0;
  for await (const finding of merged(places, wanted, { attribute: "severity", descending: true })) {
    if (!alive()) return undefined;
    if (++read > readMax) {
      out.cut = true;
      break;
    }
    if (!meets(finding, criterion)) continue;
    const level = levelOf(finding.Severity);
    const type = finding.Type ?? "";
    if (!types.has(type)) types.set(type, none());
    ++types.get(type)![level];
    ++out.byLevel[level];
    ++out.total;
    if (!finding.Service?.Archived) out.current.push(finding);
    if (out.examples.length < 10) out.examples.push(finding);
  }
  out.byType = [...types]
    .map(([type, byLevel]) => ({ type, byLevel, total: levels.reduce((sum, level) => sum + byLevel[level], 0) }))
    .sort((a, b) => b.total - a.total);
  return out;
}
