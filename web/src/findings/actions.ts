// What people do with findings, to many at once and in every Region.
import {
  ArchiveFindingsCommand,
  UnarchiveFindingsCommand,
  UpdateFindingsFeedbackCommand,
  type Feedback,
  type Finding,
} from "@aws-sdk/client-guardduty";
import type { Api, Place } from "../guardduty";
import { additionalInfo, apiForm, levelOf, principalOf, remoteAddressOf, resourceOf } from "../finding";
import { csvCell } from "../text";

const idsMax = 50; // of one call

async function eachBatch(api: Api, findings: Finding[], act: (place: Place, ids: string[]) => Promise<unknown>): Promise<void> {
  for (const [region, group] of Map.groupBy(findings, (finding) => finding.Region ?? "")) {
    const place = await api.place(region);
    if (!place) throw new Error(`there is no detector in ${region}`);
    const ids = group.map((finding) => finding.Id ?? "");
    for (let at = 0; at < ids.length; at += idsMax) await act(place, ids.slice(at, at + idsMax));
  }
}

export function setArchived(api: Api, findings: Finding[], archived: boolean): Promise<void> {
  return eachBatch(api, findings, ({ client, detectorId }, FindingIds) =>
    archived
      ? client.send(new ArchiveFindingsCommand({ DetectorId: detectorId, FindingIds }))
      : client.send(new UnarchiveFindingsCommand({ DetectorId: detectorId, FindingIds })),
  );
}

export function setFeedback(api: Api, findings: Finding[], feedback: Feedback): Promise<void> {
  return eachBatch(api, findings, ({ client, detectorId }, FindingIds) =>
    client.send(new UpdateFindingsFeedbackCommand({ DetectorId: detectorId, FindingIds, Feedback: feedback })),
  );
}

const columns: [string, (finding: Finding) => unknown][] = [
  ["severity", (finding) => finding.Severity],
  ["level", (finding) => levelOf(finding.Severity)],
  ["type", (finding) => finding.Type],
  ["title", (finding) => finding.Title],
  ["principal", principalOf],
  ["resource", resourceOf],
  ["remote", remoteAddressOf],
  ["accountId", (finding) => finding.AccountId],
  ["region", (finding) => finding.Region],
  ["count", (finding) => finding.Service?.Count],
  ["firstSeen", (finding) => finding.Service?.EventFirstSeen],
  ["lastSeen", (finding) => finding.Service?.EventLastSeen],
  ["archived", (finding) => finding.Service?.Archived],
  ["feedback", (finding) => finding.Service?.UserFeedback],
  ["detector", (finding) => additionalInfo(finding).picket?.detector],
  ["id", (finding) => finding.Id],
  ["arn", (finding) => finding.Arn],
  ["description", (finding) => finding.Description],
];

export function asCsv(findings: Finding[]): string {
  const rows = findings.map((finding) => columns.map(([, value]) => csvCell(value(finding))).join(","));
  return [columns.map(([name]) => csvCell(name)).join(","), ...rows].join("\r\n") + "\r\n";
}

export function asJson(findings: Finding[]): string {
  return JSON.stringify(findings.map(apiForm), null, 1) + "\n";
}

const ocsfIdsMax = 50; // of one call

// As OCSF Detection Findings, one a line.
export async function asOcsf(api: Api, findings: Finding[]): Promise<string> {
  const lines = new Map<string, string>();
  for (const [region, group] of Map.groupBy(findings, (finding) => finding.Region ?? "")) {
    for (let at = 0; at < group.length; at += ocsfIdsMax) {
      const ids = group.slice(at, at + ocsfIdsMax).map((finding) => finding.Id ?? "");
      const told = await api.own<{ findings: unknown[] }>(region, "GET", "findings/ocsf", { findingIds: ids.join(",") });
      if (told.findings.length !== ids.length) throw new Error("some of the findings are gone meanwhile: list them again");
      ids.forEach((id, index) => lines.set(id, JSON.stringify(told.findings[index])));
    }
  }
  return findings.map(({ Id = "" }) => `${lines.get(Id)}\n`).join("");
}

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
