// Text from logs is the attacker's: what would hide or turn it around is shown by its number.
import { Fragment, type ReactNode } from "react";

// Controls, bidirectional overrides, zero-width characters, tags and the like.
const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;
const marksInARowMax = 4;
const piledMarks = new RegExp(`(\\p{M}{${marksInARowMax}})\\p{M}+`, "gu");
const longest = 4096;

const named = (character: string) => `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;

function tamed(text: string, most = longest): string {
  const calm = text.replace(piledMarks, "$1…");
  return calm.length > most ? `${calm.slice(0, most)}…` : calm;
}

// For places that take strings only.
export function plain(text: string | number | boolean | undefined | null): string {
  if (text === undefined || text === null) return "";
  return tamed(String(text)).replace(unseen, named);
}

// The same with marks that stand out, isolated from the direction of what is around it. In a list `most` keeps a row
// from filling the page.
export function Text({ children, most }: { children?: string | number | boolean | null; most?: number }): ReactNode {
  if (children === undefined || children === null || children === "") return null;
  const text = tamed(String(children), most);
  const parts: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(unseen)) {
    parts.push(text.slice(at, found.index));
    parts.push(
      <span className="unseen" key={found.index}>
        {named(found[0])}
      </span>,
    );
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return <bdi className="foreign">{parts.map((part, index) => <Fragment key={index}>{part}</Fragment>)}</bdi>;
}

// JSON with line breaks; only its own layout is not marked.
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .split("\n")
    .map((line) => line.replace(piledMarks, "$1…").replace(unseen, named))
    .join("\n");
}

// A cell that no spreadsheet takes for a formula.
export function csvCell(value: unknown): string {
  let text = value === undefined || value === null ? "" : String(value);
  if (/^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text)) text = `'${text}`;
  return `"${text.replaceAll('"', '""')}"`;
}
