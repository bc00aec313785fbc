// @aws-sdk/client-guardduty against a running server; endpoint and credentials come from the environment, see run.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ArchiveFindingsCommand, BadRequestException, CreateSampleFindingsCommand, GetDetectorCommand, GetFindingsCommand,
  GetFindingsStatisticsCommand, GuardDutyClient, ListDetectorsCommand, ListTagsForResourceCommand, paginateListFindings,
  ListFindingsCommand, TagResourceCommand, UnarchiveFindingsCommand, UntagResourceCommand,
} from "@aws-sdk/client-guardduty";

const endpoint = process.env.PICKET_ENDPOINT;
const client = new GuardDutyClient({ endpoint });
const DetectorId = (await client.send(new ListDetectorsCommand({}))).DetectorIds[0];
await client.send(new CreateSampleFindingsCommand({
  DetectorId, FindingTypes: ["Recon:EC2/Portscan", "UnauthorizedAccess:EC2/TorClient"] }));

async function ids(more = {}) {
  const out = [];
  for await (const page of paginateListFindings({ client, pageSize: 50 }, { DetectorId, ...more })) out.push(...page.FindingIds);
  return out;
}
async function get(FindingIds) {
  return (await client.send(new GetFindingsCommand({ DetectorId, FindingIds: FindingIds.slice(0, 50) }))).Findings;
}

test("filters and sorts", async () => {
  const found = await get(await ids({
    FindingCriteria: { Criterion: { severity: { GreaterThanOrEqual: 7 } } },
    SortCriteria: { AttributeName: "createdAt", OrderBy: "DESC" } }));
  assert.ok(found.length > 0);
  assert.ok(found.every((finding) => finding.Severity >= 7));
  const times = found.map((finding) => finding.CreatedAt);
  assert.deepEqual(times, [...times].sort().reverse());
});

test("pages hold every finding once", async () => {
  const all = await ids();
  assert.equal(new Set(all).size, all.length);
});

test("archives and unarchives", async () => {
  const Criterion = { "service.archived": { Equals: ["false"] } };
  const chosen = (await ids({ FindingCriteria: { Criterion } })).slice(0, 2);
  await client.send(new ArchiveFindingsCommand({ DetectorId, FindingIds: chosen }));
  assert.ok((await get(chosen)).every((finding) => finding.Service.Archived));
  await client.send(new UnarchiveFindingsCommand({ DetectorId, FindingIds: chosen }));
  assert.ok((await get(chosen)).every((finding) => !finding.Service.Archived));
});

test("groups", async () => {
  const { FindingStatistics } = await client.send(new GetFindingsStatisticsCommand({ DetectorId, GroupBy: "SEVERITY" }));
  const total = FindingStatistics.GroupedBySeverity.reduce((sum, row) => sum + row.TotalFindings, 0);
  assert.equal(total, (await ids()).length);
  assert.ok(FindingStatistics.GroupedBySeverity[0].LastGeneratedAt instanceof Date);
});

test("tags the detector", async () => {
  const detector = await client.send(new GetDetectorCommand({ DetectorId }));
  const ResourceArn = `arn:aws:guardduty:${await client.config.region()}:${detector.ServiceRole.split(":")[4]}:detector/${DetectorId}`;
  await client.send(new TagResourceCommand({ ResourceArn, Tags: { "a b": "Zürich ☃" } }));
  assert.equal((await client.send(new ListTagsForResourceCommand({ ResourceArn }))).Tags["a b"], "Zürich ☃");
  await client.send(new UntagResourceCommand({ ResourceArn, TagKeys: ["a b"] }));
  assert.equal((await client.send(new ListTagsForResourceCommand({ ResourceArn }))).Tags["a b"], undefined);
});

test("refuses a wrong secret", async () => {
  const { accessKeyId } = await client.config.credentials();
  const thief = new GuardDutyClient({ endpoint, maxAttempts: 1, credentials: { accessKeyId, secretAccessKey: "x".repeat(40) } });
  await assert.rejects(thief.send(new ListDetectorsCommand({})), (error) =>
    error.name === "InvalidSignatureException" && error.$metadata.httpStatusCode === 403);
});

test("refuses a changed body", async () => {
  const altered = new GuardDutyClient({ endpoint, maxAttempts: 1 });
  altered.middlewareStack.add((next) => (args) => {
    const text = typeof args.request.body === "string" ? args.request.body : new TextDecoder().decode(args.request.body);
    args.request.body = text.replace('"maxResults":5', '"maxResults":6');
    return next(args);
  }, { step: "finalizeRequest", priority: "low" });
  await assert.rejects(altered.send(new ListFindingsCommand({ DetectorId, MaxResults: 5 })), { name: "InvalidSignatureException" });
});

test("refuses an old date, and tells the time so that the client recovers", async () => {
  const once = new GuardDutyClient({ endpoint, maxAttempts: 1, systemClockOffset: -3600_000 });
  await assert.rejects(once.send(new ListDetectorsCommand({})), (error) => /^Signature expired: /.test(error.message));
  const patient = new GuardDutyClient({ endpoint, maxAttempts: 3, systemClockOffset: -3600_000 });
  assert.deepEqual((await patient.send(new ListDetectorsCommand({}))).DetectorIds, [DetectorId]);
});

test("raises the modelled error", async () => {
  await assert.rejects(client.send(new GetDetectorCommand({ DetectorId: "0".repeat(32) })), (error) =>
    error instanceof BadRequestException && error.Type === "InvalidInputException" &&
    error.message === "The request is rejected because the input detectorId is not owned by the current account.");
});
