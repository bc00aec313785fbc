// The console in a browser: every page, every action to its effect in the API. Run by run.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import {
  GetDetectorCommand, GetFilterCommand, GetFindingsCommand, GetInvestigationCommand, ListCustomDetectionRuleAssociationsCommand,
  ListFiltersCommand, ListFindingsCommand, ListIPSetsCommand, ListMembersCommand, ListPublishingDestinationsCommand, TagResourceCommand,
} from "@aws-sdk/client-guardduty";
import { binary, client, Console, dataDir, detectorOf, openBrowser, payloads, setupLink, sizes, url, works } from "./support.mjs";

const region = "eu-west-1";
const name = "ada";
const password = "a long enough password";
const currentPassword = `${password}!`; // once it was changed
const api = client(region);

let browser, console_, DetectorId;
before(async () => {
  browser = await openBrowser();
  DetectorId = await detectorOf(api);
});
after(() => browser.close());

async function findings(Criterion = {}) {
  const all = [];
  for (let NextToken; NextToken !== ""; ) {
    const page = await api.send(new ListFindingsCommand({
      DetectorId, MaxResults: 50, NextToken, FindingCriteria: { Criterion }, SortCriteria: { AttributeName: "severity", OrderBy: "DESC" } }));
    const { FindingIds } = page;
    if (FindingIds.length > 0) all.push(...(await api.send(new GetFindingsCommand({ DetectorId, FindingIds }))).Findings);
    NextToken = page.NextToken ?? "";
  }
  return all;
}
const ofType = async (type) => (await findings({ type: { Equals: [type] } }))[0];
const opened = (finding) => console_.goto(`#/findings/${region}/${finding.Id}`);

describe("signing in", () => {
  test("the root leads browsers to the console, and clients to the page about the API", async () => {
    const browsers = await fetch(url, { headers: { Accept: "text/html" }, redirect: "manual" });
    assert.equal(browsers.headers.get("location"), "/console/");
    assert.match(await (await fetch(url, { headers: { Accept: "*/*" } })).text(), /GuardDuty/);
  });

  test("the printed link makes the first user", async () => {
    console_ = await Console.open(browser);
    await console_.page.goto(`${url}/console/`);
    await console_.says("There are no users yet");
    await console_.check("before the first user");
    await console_.page.goto(setupLink);
    await console_.page.reload();
    await console_.page.getByLabel("Name").fill(name);
    await console_.page.getByLabel("Password").fill("too short");
    await console_.page.getByLabel("The same again").fill("too short");
    await console_.page.getByRole("button", { name: "Make the user" }).click();
    await console_.says("a password has at least 12 characters");
    await console_.page.getByLabel("Password").fill(password);
    await console_.page.getByLabel("The same again").fill(password);
    await console_.page.getByRole("button", { name: "Make the user" }).click();
    await console_.page.getByRole("button", { name: /^ada/ }).first().waitFor();
    assert.doesNotMatch(console_.page.url(), /setup/);
    await console_.settled();
    await console_.check("after the first user", { troubles: [/400/] });
  });

  test("the link works once", async () => {
    const stranger = await Console.open(browser);
    await stranger.page.goto(setupLink);
    await stranger.page.getByLabel("Name").fill("mallory");
    await stranger.page.getByLabel("Password").fill(password);
    await stranger.page.getByLabel("The same again").fill(password);
    await stranger.page.getByRole("button", { name: "Make the user" }).click();
    await stranger.says("The link is not the one");
    await stranger.context.close();
  });

  test("a wrong password is refused, and a session ends", async () => {
    const { page } = console_;
    await page.getByRole("button", { name: /^ada/ }).first().click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill("a wrong password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await console_.says("The name or the password is wrong");
    await console_.check("sign-in", { troubles: [/401/] });
    await console_.shoot("sign-in");
    await console_.signIn(name, password);
    const cookies = await console_.context.cookies();
    assert.ok(cookies.every((cookie) => cookie.httpOnly && cookie.sameSite === "Strict"));
  });

  test("the password is changed", async () => {
    const { page } = console_;
    await page.getByRole("button", { name: /^ada/ }).first().click();
    await page.getByRole("menuitem", { name: "Change password" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Current password").fill("wrong");
    await dialog.getByLabel("New password").fill(currentPassword);
    await dialog.getByLabel("The new one again").fill(currentPassword);
    await dialog.getByRole("button", { name: "Change" }).click();
    await console_.says("The current password is wrong");
    await dialog.getByLabel("Current password").fill(password);
    await dialog.getByRole("button", { name: "Change" }).click();
    await console_.says("The password is changed");
    await console_.settled();
    await console_.check("another password", { troubles: [/403/] });
  });

  test("who only reads is shown nothing to change", async () => {
    execFileSync(binary, ["users", "create", "--data-dir", dataDir, "--name", "eve", "--role", "read-only"], { input: `${password}\n` });
    const reader = await Console.open(browser);
    await reader.signIn("eve", password);
    await reader.goto(`#/findings/${region}/${(await findings())[0].Id}`);
    await reader.page.getByRole("heading", { name: "Who, what, where" }).waitFor();
    assert.equal(await reader.page.getByRole("button", { name: "Archive" }).count(), 0);
    assert.equal(await reader.page.getByRole("button", { name: "Suppress" }).count(), 0);
    await reader.check("a reader's finding");
    execFileSync(binary, ["users", "disable", "--data-dir", dataDir, "--name", "eve"]);
    await reader.page.reload();
    await reader.page.getByRole("button", { name: "Sign in" }).waitFor();
    await reader.context.close();
  });
});

describe("single sign-on", () => {
  const arrive = async (login) => {
    const person = await Console.open(browser);
    const { page } = person;
    await page.goto(`${url}/console/`);
    await person.check("the door");
    await page.getByRole("link", { name: "Sign in with Example SSO" }).click();
    await page.locator("input[name=login]").fill(login);
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL(`${url}/console/**`);
    person.requests.length = person.troubles.length = 0; // the provider's
    return person;
  };

  test("who is of a group gets its role", async () => {
    const sam = await arrive("sam.soc");
    await sam.page.getByRole("button", { name: /^sso\/sam\.soc/ }).first().click();
    await sam.says("responder, account");
    assert.equal(await sam.page.getByRole("menuitem", { name: "Change password" }).count(), 0);
    await sam.page.keyboard.press("Escape");
    const cookies = await sam.context.cookies(`${url}/console/`);
    assert.deepEqual(cookies.map(({ name, sameSite, httpOnly }) => [name, sameSite, httpOnly]), [["picket_session", "Strict", true]]);
    await sam.goto(`#/findings/${region}/${(await findings())[0].Id}`);
    await sam.page.getByRole("button", { name: "Archive", exact: true }).waitFor();
    assert.equal(await sam.page.getByRole("button", { name: "Suppress" }).count(), 0);
    assert.equal(await sam.page.getByRole("link", { name: "Audit log" }).count(), 0);
    await sam.check("a guest's finding");
    await sam.page.getByRole("button", { name: /^sso/ }).first().click();
    await sam.page.getByRole("menuitem", { name: "Sign out" }).click();
    await sam.page.getByRole("link", { name: "Sign in with Example SSO" }).waitFor();
    await sam.context.close();
  });

  test("who is of none is told so, and gets nothing", async () => {
    for (const [login, told] of [["mallory.none", "lets nobody in with your groups"], ["gina.gone", "The key that your group acts through is gone"]]) {
      const person = await arrive(login);
      await person.says(told);
      assert.deepEqual((await person.context.cookies(`${url}/console/`)).filter(({ name }) => name === "picket_session"), []);
      await person.check(`refused ${login}`);
      if (login.startsWith("mallory")) await person.shoot("sign-in-refused");
      await person.context.close();
    }
  });

  test("an answer that another browser asked for is not taken", async () => {
    const begun = await fetch(`${url}/console/api/oidc/begin`, { redirect: "manual" });
    const state = new URL(begun.headers.get("location")).searchParams.get("state");
    for (const headers of [{}, { Cookie: "picket_oidc=" + "0".repeat(64) }]) {
      const answer = await fetch(`${url}/console/api/oidc/callback?code=x&state=${state}`, { redirect: "manual", headers });
      assert.equal(answer.headers.get("location"), "/console/#/refused/other");
    }
    const forged = await fetch(`${url}/console/api/oidc/callback?code=x&state=${state}`, { redirect: "manual", headers: { Cookie: `picket_oidc=${state}` } });
    assert.equal(forged.headers.get("location"), "/console/#/refused/provider");
    const elsewhere = await fetch(`${url}/console/api/oidc/begin`, { redirect: "manual", headers: { "Sec-Fetch-Site": "cross-site" } });
    assert.equal(elsewhere.headers.get("location"), "/console/");
  });
});

describe("findings", () => {
  test("need less than a megabyte of the console to be shown", async () => {
    const visitor = await Console.open(browser);
    const sizes_ = [];
    visitor.page.on("requestfinished", async (request) => request.url().includes("/console/") && sizes_.push(request.sizes()));
    await visitor.signIn(name, currentPassword);
    await visitor.goto("#/findings");
    const bytes = (await Promise.all(sizes_)).reduce((sum, one) => sum + one.responseBodySize + one.responseHeadersSize, 0);
    console.log(`sign-in, summary and findings: ${Math.round(bytes / 1000)} kB`);
    assert.ok(bytes < 1_000_000, `${bytes} bytes`);
    await visitor.context.close();
  });

  test("are listed over all Regions, the gravest first", async () => {
    await console_.goto("#/findings");
    await console_.page.locator("tbody .severity-number").first().waitFor();
    const severities = await console_.page.locator("tbody .severity-number").allTextContents();
    assert.ok(severities.length >= 10);
    assert.deepEqual(severities.map(Number), severities.map(Number).sort((a, b) => b - a));
    await console_.check("findings");
    await console_.shoot("findings");
  });

  test("are filtered by typing, and the address holds the view", async () => {
    const { page } = console_;
    const box = page.getByRole("combobox", { name: "Filter findings" });
    await box.fill("Finding type = Recon:EC2/Portscan");
    await box.press("Enter");
    await page.waitForURL(/filter=/);
    await console_.settled();
    const types = await page.locator("tbody tr").count();
    assert.equal(types, (await findings({ type: { Equals: ["Recon:EC2/Portscan"] }, "service.archived": { Equals: ["false"] } })).length);
    const address = page.url();
    await page.reload();
    await console_.settled();
    assert.equal(page.url(), address);
    assert.equal(await page.locator("tbody tr").count(), types);
    await page.goBack();
  });

  test("are sorted and narrowed by severity", async () => {
    const { page } = console_;
    await console_.goto("#/findings");
    await page.getByRole("button", { name: /^Medium/ }).click();
    await page.waitForURL(/severity/);
    await console_.settled();
    const shown = (await page.locator("tbody .severity-number").allTextContents()).map(Number);
    assert.ok(shown.length > 0 && shown.every((severity) => severity >= 4 && severity < 7));
    await console_.goto("#/findings?sort=updatedAt&order=asc");
    const times = await page.locator("tbody tr time").evaluateAll((all) => all.map((one) => one.dateTime));
    assert.deepEqual(times, [...times].sort());
  });

  test("are archived and brought back, many at once", async () => {
    const { page } = console_;
    const criterion = { type: { Equals: ["Recon:EC2/Portscan", "UnauthorizedAccess:EC2/SSHBruteForce"] } };
    const wanted = await findings({ ...criterion, "service.archived": { Equals: ["false"] } });
    assert.ok(wanted.length >= 2);
    await console_.goto(`#/findings?filter=${encodeURIComponent(JSON.stringify(criterion))}`);
    await page.getByRole("checkbox", { name: "Select all findings of this page" }).check({ force: true });
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await console_.says(`${wanted.length} findings are archived`);
    assert.ok((await findings(criterion)).every((finding) => finding.Service.Archived));
    await console_.goto(`#/findings?shown=archived&filter=${encodeURIComponent(JSON.stringify(criterion))}`);
    await page.getByRole("checkbox", { name: "Select all findings of this page" }).check({ force: true });
    await page.getByRole("button", { name: "Unarchive" }).click();
    await console_.says("are current again");
    assert.ok((await findings(criterion)).every((finding) => !finding.Service.Archived));
  });

  test("are exported whole, safe for spreadsheets", async () => {
    const { page } = console_;
    await console_.goto("#/findings");
    const total = Number((await page.getByRole("heading", { level: 1 }).innerText()).match(/\((\d+)\)/)[1]);
    const exported = async (kind) => {
      await page.getByRole("button", { name: "Export" }).click();
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: kind }).click()]);
      return readFileSync(await download.path(), "utf8");
    };
    const json = JSON.parse(await exported("JSON"));
    assert.equal(json.length, total);
    assert.ok(json.every((finding) => finding.id && finding.service.detectorId));
    const csv = await exported("CSV");
    assert.match(csv, /"'=cmd\|/);
    assert.doesNotMatch(csv, /(^|,)"[=+@-]/m);
    const ocsf = (await exported("OCSF")).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(ocsf.map((one) => one.finding_info.uid), json.map((finding) => finding.arn));
    assert.ok(ocsf.every((one) => one.class_uid === 2004 && one.severity_id >= 2));
  });

  test("are counted by group, and a group leads to its findings", async () => {
    const { page } = console_;
    await console_.goto("#/findings?group=type");
    const table = page.getByRole("table", { name: "Findings by group" });
    const counted = (await table.locator("tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.cells[1].textContent)))).reduce((sum, one) => sum + one, 0);
    const total = Number((await page.getByRole("heading", { level: 1 }).innerText()).match(/\((\d+)\)/)[1]);
    assert.equal(counted, total);
    await console_.check("findings by type");
    await console_.shoot("findings-groups");
    for (const group of ["account", "resource", "severity", "day"]) {
      await console_.goto(`#/findings?group=${group}`);
      await table.locator("tbody tr").first().waitFor();
      await console_.check(`findings by ${group}`, { axeToo: false });
    }
    await console_.goto("#/findings?group=type");
    const type = await table.locator("tbody tr").first().getByRole("button").innerText();
    await table.locator("tbody tr").first().getByRole("button").click();
    await page.waitForURL(/filter=/);
    await console_.settled();
    assert.ok((await page.locator("tbody tr").allInnerTexts()).every((text) => text.includes(type)));
  });

  test("are those of one account where one is chosen", async () => {
    const { page } = console_;
    await console_.goto("#/findings");
    await page.getByRole("button", { name: /^Account All accounts/ }).click();
    await page.getByRole("option", { name: "777788889999" }).click();
    await page.waitForURL(/account=777788889999/);
    await console_.settled();
    const accounts = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.textContent.includes("777788889999")));
    assert.ok(accounts.length > 0 && accounts.every(Boolean));
  });
});

describe("a finding", () => {
  test("tells who, what, where, why and on which records", async () => {
    const finding = await ofType("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS");
    await opened(finding);
    const text = await console_.page.locator("main").innerText();
    for (const told of [finding.Title, "198.51.100.201", "GetObject", "Why", "Records", "Recommended steps", "T1"])
      assert.ok(text.includes(told), `the page lacks ${told}`);
    const records = JSON.parse(finding.Service.AdditionalInfo.Value).picket.records;
    assert.equal(await console_.page.locator("ol.timeline > li:not(.gap)").count(), records.length);
    await console_.page.getByRole("button", { name: "Record", exact: true }).first().click();
    const raw = JSON.parse(await console_.page.getByLabel("The record", { exact: true }).innerText());
    assert.ok(records.some(({ event_id }) => event_id === raw.eventID));
    await console_.page.getByRole("heading", { name: /Related findings/ }).waitFor();
    await console_.settled();
    await console_.check("a finding");
    await console_.page.evaluate(() => scrollTo(0, 0));
    await console_.shoot("finding");
  });

  test("is archived, and judged", async () => {
    const { page } = console_;
    const finding = await ofType("UnauthorizedAccess:IAMUser/TorIPCaller") ?? (await findings())[0];
    const now = async () => (await api.send(new GetFindingsCommand({ DetectorId, FindingIds: [finding.Id] }))).Findings[0];
    await opened(finding);
    await page.getByRole("button", { name: "Feedback" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Not useful" }).click();
    await console_.says("The feedback is kept");
    assert.equal((await now()).Service.UserFeedback, "NOT_USEFUL");
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await console_.says("The finding is archived");
    assert.equal((await now()).Service.Archived, true);
    await page.getByRole("button", { name: "Unarchive" }).click();
    await console_.says("The finding is current again");
    assert.equal((await now()).Service.Archived, false);
  });

  test("is acted on by a playbook, and that is undone", async () => {
    const { page } = console_;
    await opened(await ofType("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"));
    await page.getByRole("button", { name: "Preview key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("This playbook is on dry run").waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Run", exact: true }).isDisabled());
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await console_.settled();
    await page.getByRole("button", { name: "Preview revoke" }).click();
    await dialog.getByText("policy PicketRevokeOlderSessions of role bastion-ops").waitFor();
    await console_.check("a preview of a playbook");
    await console_.shoot("playbook-preview");
    await dialog.getByRole("button", { name: "Run", exact: true }).click();
    await console_.says("revoke: done");
    await console_.settled();
    await page.getByRole("button", { name: "Undo revoke of bastion-ops" }).click();
    await dialog.getByRole("button", { name: "Undo", exact: true }).click();
    await console_.says("What the run changed is as it was");
    await console_.settled();
    await page.getByText(/undone by console\/ada/).first().waitFor();
    await page.getByRole("heading", { name: "Actions" }).scrollIntoViewIfNeeded();
    await console_.check("a finding with runs of playbooks");
    await console_.shoot("playbook-runs");
  });

  test("of an attack sequence shows its chain", async () => {
    const sequence = (await findings()).find((finding) => finding.Type.startsWith("AttackSequence:"));
    assert.ok(sequence);
    await opened(sequence);
    const { page } = console_;
    await page.getByRole("img", { name: /signals in/ }).waitFor();
    await console_.check("an attack sequence");
    await console_.shoot("sequence");
    for (const tab of ["Graph", "Signals", "Actors", "Endpoints", "Resources"]) {
      await page.getByRole("tab", { name: tab }).click();
      await console_.check(`an attack sequence, ${tab}`);
      if (tab !== "Graph") continue;
      await page.getByRole("tab", { name: tab }).evaluate((one) => window.scrollTo(0, one.getBoundingClientRect().top + window.scrollY - 120));
      await console_.shoot("sequence-graph");
    }
  });

  test("that is not there is told", async () => {
    await console_.goto(`#/findings/${region}/${"0".repeat(32)}`);
    await console_.says("no finding has this id");
    await console_.check("an absent finding");
  });
});

describe("the summary", () => {
  test("counts what the API counts, and leads on", async () => {
    const { page } = console_;
    await console_.goto("#/summary");
    await page.getByRole("heading", { name: "Attack sequences" }).waitFor();
    await page.getByRole("link", { name: /CloudTrailLoggingDisabled/ }).first().waitFor();
    await console_.check("the summary");
    await console_.shoot("summary");
    await page.getByRole("combobox", { name: "Region" }).or(page.getByRole("button", { name: /Region/ })).first().click();
    await page.getByRole("option", { name: region }).click();
    await console_.settled();
    const current = await findings({ "service.archived": { Equals: ["false"] } });
    const tiles = await page.locator(".tile-number").allTextContents();
    assert.equal(tiles.map(Number).reduce((sum, count) => sum + count, 0), current.length);
    const text = await page.getByRole("table", { name: "What was read" }).innerText();
    assert.match(text, /CloudTrail/);
    await page.getByRole("link", { name: /^High/ }).click();
    await page.waitForURL(/findings.*severity/);
  });

  test("tells what is new since the last visit", async () => {
    const { page } = console_;
    const newest = Math.max(...(await findings({ "service.archived": { Equals: ["false"] } })).map(({ UpdatedAt }) => Date.parse(UpdatedAt)));
    const visit = async (seen) => {
      await page.evaluate((time) => {
        sessionStorage.clear();
        localStorage.setItem("picket.seen.ada", String(time));
      }, seen);
      await console_.goto("#/suppression");
      await page.goto("about:blank");
      await console_.goto("#/summary");
    };
    await visit(newest - 1);
    await page.getByRole("link", { name: /new or seen again/ }).waitFor();
    await console_.check("the summary with news");
    await page.getByRole("link", { name: /new or seen again/ }).click();
    await page.waitForURL(/findings.*updatedAt/);
    await console_.settled();
    assert.ok(await page.locator("tbody tr").count() >= 1);
    await visit(newest);
    await console_.says("Nothing new");
    assert.equal(await page.evaluate(() => localStorage.getItem("picket.seen.ada")), String(newest));
  });
});

describe("suppression", () => {
  const rule = "scanner-of-ours";
  test("begins at a finding, shows what it would have hidden, and archives", async () => {
    const { page } = console_;
    const finding = await ofType("Recon:EC2/Portscan");
    await opened(finding);
    await page.getByRole("button", { name: "Suppress" }).click();
    await page.getByRole("menuitem", { name: /This type in this account/ }).click();
    await page.getByRole("heading", { name: "New suppression rule" }).waitFor();
    await console_.settled();
    const same = await findings({ type: { Equals: ["Recon:EC2/Portscan"] }, accountId: { Equals: [finding.AccountId] } });
    await console_.says(new RegExp(`^${same.length} finding`));
    await console_.check("a rule's backtest");
    await console_.shoot("suppression-backtest");
    await page.getByLabel("Name").fill(rule);
    await page.getByLabel("Reason").fill("Our own scanner, ticket 4711");
    await page.getByLabel("Archives until the end of").fill("2001/01/01");
    await console_.says("This day is over");
    const until = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    await page.getByLabel("Archives until the end of").fill(until.replaceAll("-", "/"));
    await page.getByRole("checkbox", { name: /current now, too/ }).check({ force: true });
    await page.getByRole("button", { name: "Save" }).click();
    await console_.says(`Rule ${rule} is saved`);
    const saved = await api.send(new GetFilterCommand({ DetectorId, FilterName: rule }));
    assert.equal(saved.Action, "ARCHIVE");
    assert.equal(saved.Description, "Our own scanner, ticket 4711");
    const end = `${new Date(Date.parse(until) + 86_400_000).toISOString().slice(0, 10)}T00:00:00Z`;
    assert.equal(saved.Tags["picket:expires"], end);
    assert.deepEqual(saved.FindingCriteria.Criterion.type.Equals, ["Recon:EC2/Portscan"]);
    assert.ok((await findings({ type: { Equals: ["Recon:EC2/Portscan"] }, accountId: { Equals: [finding.AccountId] } })).every((one) => one.Service.Archived));
    await console_.settled();
    await console_.check("suppression");
    await console_.shoot("suppression");
  });

  test("shows how long a rule holds, which can be changed", async () => {
    const { page } = console_;
    const tags = async () => (await api.send(new GetFilterCommand({ DetectorId, FilterName: rule }))).Tags ?? {};
    const row = page.getByRole("row", { name: new RegExp(rule) });
    await row.getByText("in 3").waitFor();
    const { account } = await page.evaluate(async () => (await fetch("api/session")).json());
    await api.send(new TagResourceCommand({
      ResourceArn: `arn:aws:guardduty:${region}:${account}:detector/${DetectorId}/filter/${rule}`, Tags: { "picket:expires": "2026-01-01T00:00:00Z" } }));
    await page.getByRole("button", { name: "Refresh" }).click();
    await row.getByText("archives no more").waitFor();
    await console_.goto(`#/suppression/${region}/${rule}`);
    assert.equal(await page.getByLabel("Archives until the end of").inputValue(), "2025/12/31");
    await page.getByLabel("Archives until the end of").fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await console_.says(`Rule ${rule} is saved`);
    assert.deepEqual(await tags(), {});
  });

  test("tries wildcards, and warns of grave ones", async () => {
    const { page } = console_;
    await console_.goto(`#/suppression/${region}/${rule}`);
    await page.getByRole("heading", { level: 1, name: rule }).waitFor();
    const criterion = { type: { Matches: ["Backdoor:*"] } };
    await console_.goto(`#/suppression/new?region=${region}&filter=${encodeURIComponent(JSON.stringify(criterion))}`);
    await console_.says("high or critical");
    const backdoors = (await findings()).filter(({ Type }) => Type.startsWith("Backdoor:"));
    await console_.says(new RegExp(`^${backdoors.length} finding`));
    await console_.check("a rule with wildcards");
  });

  test("ends when the rule is deleted", async () => {
    const { page } = console_;
    await console_.goto("#/suppression");
    await page.getByRole("checkbox", { name: `Select ${rule}` }).check({ force: true });
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await console_.says("The filter is gone");
    assert.ok(!(await api.send(new ListFiltersCommand({ DetectorId }))).FilterNames.includes(rule));
  });

  test("a view is saved as a filter, and found again", async () => {
    const { page } = console_;
    await console_.goto(`#/findings?region=${region}&filter=${encodeURIComponent('{"severity":{"GreaterThanOrEqual":7}}')}`);
    await page.getByRole("button", { name: "Use filter" }).click();
    await page.getByRole("menuitem", { name: "Save as a filter" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("grave-ones");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await console_.says("Filter grave-ones is saved");
    assert.equal((await api.send(new GetFilterCommand({ DetectorId, FilterName: "grave-ones" }))).Action, "NOOP");
    await console_.goto(`#/findings?region=${region}&shown=all`);
    await page.getByRole("button", { name: /Saved filters/ }).click();
    await page.getByRole("option", { name: "grave-ones" }).click();
    await page.waitForURL(/severity/);
  });
});

describe("investigating", () => {
  // A user whose calls raised a finding, from an address that it names.
  const called = async () => (await findings({ "service.action.actionType": { Equals: ["AWS_API_CALL"] } }))
    .find((one) => /^[a-z]+-[a-z]+$/.test(one.Resource?.AccessKeyDetails?.UserName) && one.Resource.AccessKeyDetails.UserType === "IAMUser" &&
      one.Service.Action.AwsApiCallAction.RemoteIpDetails?.IpAddressV4);

  test("an entity is found by its name", async () => {
    const { page } = console_;
    const finding = await called();
    const user = finding.Resource.AccessKeyDetails.UserName;
    await console_.goto("#/entities");
    await page.getByRole("searchbox", { name: "Part of a name" }).fill(user);
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await console_.settled();
    assert.match(page.url(), /contains=/);
    const table = page.getByRole("table", { name: "Entities" });
    await table.getByRole("link", { name: new RegExp(`user/.*${user}`) }).first().waitFor();
    await console_.check("entities");
    await console_.shoot("entities");
    await console_.goto("#/entities?contains=there-is-none");
    await console_.says("Nothing of this name was seen");
  });

  test("a finding leads to the pages of those involved, and those to each other", async () => {
    const { page } = console_;
    const finding = await called();
    const ip = finding.Service.Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4;
    await opened(finding);
    await page.getByRole("link", { name: ip, exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: new RegExp(ip.replaceAll(".", "\\.")) }).waitFor();
    await console_.settled();
    assert.match(page.url(), /from=2026.*to=2026/);
    assert.match(await page.getByRole("table", { name: "Findings" }).innerText(), new RegExp(finding.Type.split(":")[0]));
    const neighbours = page.getByRole("table", { name: "Had to do with" });
    await neighbours.getByRole("link", { name: new RegExp(`user/.*${finding.Resource.AccessKeyDetails.UserName}$`) }).first().click();
    await page.getByRole("heading", { level: 1, name: /:user\// }).waitFor();
    await console_.settled();
    await console_.says("calls, queries or connections in this time");
    const calls = page.getByRole("table", { name: "Calls by service and result" });
    assert.match(await calls.innerText(), new RegExp(finding.Service.Action.AwsApiCallAction.Api));
    await page.getByRole("img", { name: /A map of the world/ }).waitFor();
    assert.ok(await page.locator("svg.world circle").count() > 0);
    await console_.check("a principal's page");
    await console_.shoot("entity");
    await page.getByRole("img", { name: /A map of the world/ }).scrollIntoViewIfNeeded();
    await console_.shoot("entity-map");
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: new RegExp(ip.replaceAll(".", "\\.")) }).waitFor();
  });

  test("the time is in the address", async () => {
    const { page } = console_;
    const finding = await called();
    await console_.goto(`#/entities/principal/${finding.Resource.AccessKeyDetails.UserName}`);
    await page.getByRole("button", { name: "Earlier" }).click();
    await console_.settled();
    const earlier = new URLSearchParams(page.url().split("?")[1]);
    assert.equal(Date.parse(earlier.get("to")) - Date.parse(earlier.get("from")), 7 * 86_400_000);
    await page.reload();
    await console_.settled();
    assert.equal(new URLSearchParams(page.url().split("?")[1]).get("from"), earlier.get("from"));
    await page.getByRole("button", { name: "Later" }).click();
    await console_.settled();
    assert.notEqual(new URLSearchParams(page.url().split("?")[1]).get("from"), earlier.get("from"));
  });

  test("of whom nothing is kept is told", async () => {
    await console_.goto("#/entities/address/192.0.2.254");
    await console_.says("Nothing is kept of it");
    await console_.check("an unknown entity", { troubles: [/404/] });
    await console_.goto("#/entities/planet/mars");
    await console_.says("there is no such kind of entity");
  });

  test("a finding is investigated, and the report names its sources", async () => {
    const { page } = console_;
    const finding = await called();
    await opened(finding);
    await page.getByRole("button", { name: "Investigate", exact: true }).click();
    await page.getByRole("heading", { name: "Hypotheses" }).waitFor();
    await console_.settled();
    const [, , id] = page.url().split("#/")[1].split("/");
    const { Investigation } = await api.send(new GetInvestigationCommand({ DetectorId, InvestigationId: id }));
    assert.equal(Investigation.Scope.FindingId, finding.Id);
    assert.equal(Investigation.Status, "COMPLETED");
    await console_.says(Investigation.RiskLevel);
    await console_.check("an investigation");
    await console_.shoot("investigation");
    await page.getByRole("link", { name: /^The finding / }).first().click();
    await page.getByRole("heading", { name: "Who, what, where" }).waitFor();
    await console_.goto("#/investigations");
    await page.getByLabel("What to look into").fill("What happened in this account?");
    await page.getByRole("button", { name: "Investigate", exact: true }).click();
    await page.getByRole("heading", { name: "Hypotheses" }).waitFor();
    await console_.goto("#/investigations");
    assert.equal(await page.getByRole("table", { name: "Investigations" }).getByRole("row").count(), 3);
    await console_.check("investigations");
    await console_.shoot("investigations");
  });
});

describe("settings", () => {
  const visit = (section) => console_.goto(`#/settings/${section}?region=${region}`);
  test("protection plans", async () => {
    const { page } = console_;
    await visit("protection");
    await console_.check("protection plans");
    await console_.shoot("settings-protection");
    const plan = async () => (await api.send(new GetDetectorCommand({ DetectorId }))).Features.find(({ Name }) => Name === "EKS_AUDIT_LOGS").Status;
    const before_ = await plan();
    const toggle = page.getByRole("checkbox", { name: /EKS Protection/ });
    await toggle.click({ force: true });
    await console_.says(/EKS Protection .* is/);
    assert.notEqual(await plan(), before_);
    await console_.settled();
    await toggle.click({ force: true });
    await console_.says(new RegExp(`EKS Protection .* is ${before_ === "ENABLED" ? "on" : "off"}`));
    assert.equal(await plan(), before_);
    await page.getByRole("button", { name: /published/ }).click();
    await page.getByRole("option", { name: "every 15 minutes" }).click();
    await console_.says("The frequency is kept");
    assert.equal((await api.send(new GetDetectorCommand({ DetectorId }))).FindingPublishingFrequency, "FIFTEEN_MINUTES");
  });

  test("lists", async () => {
    const { page } = console_;
    await visit("lists");
    await page.getByRole("button", { name: "Add a list" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /Kind/ }).click();
    await page.getByRole("option", { name: /Trusted list/ }).click();
    await dialog.getByLabel("Name").fill("offices");
    await dialog.getByLabel("Location").fill("https://lists.example.com/offices.txt");
    await dialog.getByRole("checkbox", { name: "Active at once" }).uncheck({ force: true });
    await console_.check("adding a list");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await console_.says("offices is added");
    assert.equal((await api.send(new ListIPSetsCommand({ DetectorId }))).IpSetIds.length, 1);
    await console_.settled();
    await console_.check("lists");
    await page.getByRole("radio", { name: "Select offices" }).check({ force: true });
    await page.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await console_.says("offices is gone");
    await page.getByRole("table", { name: "Feeds" }).getByText("never fetched").first().waitFor();
    await console_.shoot("settings-lists");
    assert.deepEqual((await api.send(new ListIPSetsCommand({ DetectorId }))).IpSetIds, []);
  });

  test("publishing", async () => {
    const { page } = console_;
    const destinations = async () => (await api.send(new ListPublishingDestinationsCommand({ DetectorId }))).Destinations.length;
    await visit("publishing");
    await page.getByRole("button", { name: "Add a bucket" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Bucket's ARN").fill("arn:aws:s3:::findings-archive");
    await dialog.getByLabel("KMS key's ARN").fill("arn:aws:kms:eu-west-1:777788889999:key/00000000-0000-4000-8000-000000000000");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await console_.says("The destination is added");
    assert.equal(await destinations(), 1);
    await console_.settled();
    await console_.check("publishing");
    await page.getByRole("radio", { name: /findings-archive/ }).check({ force: true });
    await page.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await console_.says("The destination is gone");
    assert.equal(await destinations(), 0);
  });

  test("responders", async () => {
    const { page } = console_;
    await visit("responders");
    await page.getByRole("table", { name: "Responders" }).getByText("archive").first().waitFor();
    await page.getByRole("table", { name: "Playbooks", exact: true }).getByText("Isolate the instance").waitFor();
    const runs = page.getByRole("table", { name: "Runs of playbooks" });
    await runs.getByText("undone", { exact: true }).first().waitFor();
    // What IAM said of names that attackers chose stands there as the text it is.
    await runs.getByText("cannot be found").first().waitFor();
    await console_.check("responders");
    await console_.shoot("responders");
  });

  test("accounts", async () => {
    const { page } = console_;
    const members = async () => (await api.send(new ListMembersCommand({ DetectorId, OnlyAssociated: "false" }))).Members.map(({ AccountId }) => AccountId);
    await visit("accounts");
    await page.getByRole("button", { name: "Add a member" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Account").fill("123456789012");
    await dialog.getByLabel("E-mail").fill("root@example.com");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await console_.says("123456789012 is added");
    assert.ok((await members()).includes("123456789012"));
    await console_.settled();
    await console_.check("accounts");
    await console_.shoot("settings-accounts");
    await page.getByRole("checkbox", { name: "Select 123456789012" }).check({ force: true });
    const act = async (name) => {
      await page.getByRole("button", { name: "Actions" }).click();
      await page.getByRole("menuitem", { name, exact: true }).click();
      await console_.says("Done");
      await console_.settled();
    };
    await act("Remove");
    assert.ok(!(await members()).includes("123456789012"));
  });

  test("custom detection rules", async () => {
    const { page } = console_;
    await visit("rules");
    await page.getByLabel("Find rules").fill("SES");
    await page.getByRole("button", { name: "SESAccountSendingEnabled", exact: true }).click();
    await page.getByRole("dialog").locator("pre").waitFor();
    await console_.check("a custom detection rule");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /Mode of SESAccountSendingEnabled/ }).click();
    await page.getByRole("option", { name: "Counts only" }).click();
    await console_.says("SESAccountSendingEnabled: counts only");
    const held = async () => (await api.send(new ListCustomDetectionRuleAssociationsCommand({}))).RuleAssociations;
    assert.deepEqual((await held()).map(({ Mode }) => Mode), ["DRY_RUN"]);
    await console_.says("0 records hit so far");
    await console_.settled();
    await console_.check("custom detection rules");
    await console_.shoot("settings-rules");
    await page.getByRole("button", { name: /Mode of SESAccountSendingEnabled/ }).click();
    await page.getByRole("option", { name: "Off" }).click();
    await console_.says("SESAccountSendingEnabled: off");
    assert.deepEqual(await held(), []);
  });

  test("rules of one's own", async () => {
    const { page } = console_;
    await console_.goto("#/settings/sigma");
    const refused = page.getByRole("table", { name: "Rules that could not be loaded" });
    await refused.getByText("cloudtrail records have no field CommandLine").waitFor();
    const rules = page.getByRole("table", { name: "Rules of your own", exact: true });
    const live = rules.getByRole("row", { name: /The password policy was touched/ });
    await live.getByText("Raises findings").waitFor();
    await live.getByText("1 since the start").waitFor();
    const counted = rules.getByRole("row", { name: /Something was refused/ });
    await counted.getByText("Counts only").waitFor();
    assert.match(await counted.innerText(), /[1-9]\d* in all/);
    await console_.check("rules of one's own");
    await console_.shoot("settings-own-rules");
    await live.getByRole("link", { name: "1", exact: true }).click();
    await console_.settled();
    await page.getByRole("link", { name: "The password policy was touched" }).waitFor();
    assert.deepEqual(await findings({ type: { Equals: ["Custom:IAMUser/SomethingWasRefused"] } }).catch(() => []), []);
  });

  test("users", async () => {
    const { page } = console_;
    await console_.goto("#/settings/users");
    await page.getByRole("button", { name: "Add a user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("grace");
    await dialog.getByLabel("Password").fill(password);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await console_.says("grace may sign in");
    const grace = await Console.open(browser);
    await grace.signIn("grace", password);
    assert.equal(await grace.page.getByRole("link", { name: "Users" }).count(), 0);
    await grace.context.close();
    await console_.settled();
    await console_.check("users");
    await console_.shoot("settings-users");
    await page.getByRole("radio", { name: "Select grace" }).check({ force: true });
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await console_.says("grace is gone");
    assert.doesNotMatch(execFileSync(binary, ["users", "list", "--data-dir", dataDir], { encoding: "utf8" }), /grace/);
  });

  test("API keys", async () => {
    const { page } = console_;
    await console_.goto("#/settings/keys");
    await page.getByText("you act through it").waitFor();
    const act = async (name) => {
      await page.getByRole("button", { name: "Actions" }).click();
      await page.getByRole("menuitem", { name, exact: true }).click();
    };
    await page.getByRole("button", { name: "Make a key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Profile").fill("ci");
    await dialog.getByRole("button", { name: /Account/ }).click();
    await page.getByRole("option", { name: "777788889999" }).click();
    await console_.check("making a key");
    await dialog.getByRole("button", { name: "Make", exact: true }).click();
    await dialog.getByText("The secret is shown this once").waitFor();
    await console_.check("a key's secret");
    const [accessKeyId] = (await dialog.innerText()).match(/AKIA[A-Z2-7]{16}/);
    const secretAccessKey = await dialog.locator(".secret bdi").innerText();
    const key = { accessKeyId, secretAccessKey };
    assert.equal(await works(key), true);
    await dialog.getByRole("button", { name: "I have kept it" }).click();
    await console_.settled();
    assert.ok(!(await page.content()).includes(secretAccessKey));
    await console_.check("API keys");
    await console_.shoot("settings-keys");
    await page.getByRole("radio", { name: "Select ci" }).check({ force: true });
    await act("Disable");
    await console_.says("ci is disabled");
    assert.equal(await works(key), false);
    await console_.settled();
    await page.getByRole("radio", { name: "Select ci" }).check({ force: true });
    await act("Enable");
    await console_.says("ci is enabled");
    assert.equal(await works(key), true);
    await console_.settled();
    await page.getByRole("radio", { name: "Select ci" }).check({ force: true });
    await act("Delete");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await console_.says("ci is gone");
    assert.equal(await works(key), false);
    await page.getByRole("radio", { name: "Select default" }).check({ force: true });
    assert.ok(await page.getByRole("button", { name: "Actions" }).isDisabled());
  });

  test("the audit log", async () => {
    const { page } = console_;
    await console_.goto("#/settings/audit");
    const table = page.getByRole("table", { name: "Audit log" });
    await table.getByRole("button", { name: /DeleteAccessKey/ }).waitFor();
    await console_.check("the audit log");
    await console_.shoot("settings-audit");
    await page.getByLabel("Caller").fill("sso/sam");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.waitForURL(/caller=sso/);
    await console_.settled();
    await table.getByRole("button", { name: /ConsoleLogin/ }).click();
    const record = JSON.parse(await page.getByLabel("The record", { exact: true }).innerText());
    assert.equal(record.requestParameters.subject, "subject-sam.soc");
    await page.keyboard.press("Escape");
    await console_.goto("#/settings/audit?errors=true&operation=consolelogin");
    await table.getByText("Failed authentication").first().waitFor();
    await console_.check("refused sign-ins");
    await console_.goto("#/settings/audit?reads=true");
    const before_ = await table.locator("tbody tr").count();
    await page.getByRole("button", { name: "Older ones" }).click();
    await console_.settled();
    assert.ok(await table.locator("tbody tr").count() > before_);
  });

  test("coverage and usage", async () => {
    await visit("coverage");
    await console_.says("i-0bf8faedf4d75f40b");
    assert.match(await console_.page.getByRole("table", { name: "Usage" }).innerText(), /cloud trail/);
    await console_.check("coverage and usage");
    await console_.shoot("settings-coverage");
  });
});

describe("text of attackers", () => {
  test("is shown as the text it is, everywhere", async () => {
    const hostile = [];
    for (const type of ["Stealth:IAMUser/CloudTrailLoggingDisabled", "Policy:S3/BucketBlockPublicAccessDisabled"])
      hostile.push(...await findings({ type: { Equals: [type] }, updatedAt: { GreaterThanOrEqual: Date.parse("2026-09-16T00:00:00Z") } }));
    hostile.push(...(await findings({ "resource.resourceType": { Equals: ["EKSCluster"] } })).filter((finding) => JSON.stringify(finding).includes("system:anonymous")));
    assert.ok(hostile.length >= payloads.length, `only ${hostile.length} findings hold hostile text`);
    for (const finding of hostile) {
      await opened(finding);
      await console_.page.getByRole("button", { name: "JSON", exact: true }).click();
      await console_.page.getByRole("button", { name: "Record", exact: true }).first().click();
      await console_.settled();
      await console_.check(`hostile finding ${finding.Id}`, { axeToo: false });
    }
    await console_.goto("#/entities");
    const answer = await console_.page.evaluate(async () => {
      const { csrf } = await (await fetch("api/session")).json();
      const headers = { "Content-Type": "application/json", "X-Picket-Csrf": csrf };
      const body = JSON.stringify({ path: "/picket/v1/entities", query: "account=777788889999&maxResults=200", region: "eu-west-1" });
      return (await fetch("api/read", { method: "POST", headers, body })).json();
    });
    assert.ok(answer.entities.length >= payloads.length, `only ${answer.entities.length} entities have hostile names`);
    for (const { kind, name } of answer.entities) {
      await console_.goto(`#/entities/${kind}/${encodeURIComponent(name)}`);
      await console_.check(`hostile entity ${name}`, { axeToo: false });
    }
    await console_.goto("#/entities?contains=777788889999");
    await console_.check("the list of hostile entities");
    await opened(hostile[0]);
    await console_.page.getByRole("button", { name: "Investigate", exact: true }).click();
    await console_.page.getByRole("heading", { name: "Hypotheses" }).waitFor();
    await console_.settled();
    await console_.check("the report of a hostile finding");
    const type = { type: { Equals: ["Stealth:IAMUser/CloudTrailLoggingDisabled"] } };
    await console_.goto(`#/findings?sort=updatedAt&order=desc&filter=${encodeURIComponent(JSON.stringify(type))}`);
    await console_.check("the list of hostile findings");
    await console_.shoot("hostile");
  });
});

describe("at every width and in the dark", () => {
  const visitAll = async (how, options) => {
    const finding = (await findings())[0];
    await console_.goto("#/entities?kind=principal");
    const entity = await console_.page.locator('a[href^="#/entities/"]').first().getAttribute("href");
    const settings = ["protection", "lists", "rules", "sigma", "publishing", "responders", "accounts", "coverage", "users", "keys", "audit"];
    for (const [page, hash] of [["summary", "#/summary"], ["findings", "#/findings"], ["groups", "#/findings?group=type"],
      ["finding", `#/findings/${region}/${finding.Id}`], ["entity", entity], ["investigations", "#/investigations"],
      ["suppression", "#/suppression"], ["rule", "#/suppression/new"], ...settings.map((name) => [name, `#/settings/${name}`])]) {
      await console_.goto(hash);
      await console_.check(`${page}, ${how}`, options);
      await console_.shoot(`${page}-${how}`);
    }
  };

  for (const [size, viewport] of Object.entries(sizes)) {
    test(size, async () => {
      await console_.page.setViewportSize(viewport);
      await visitAll(size, { axeToo: size !== "tablet" });
    });
  }

  test("dark", async () => {
    const { page } = console_;
    await page.setViewportSize(sizes.desktop);
    await page.getByRole("button", { name: "Theme" }).first().click();
    await page.getByRole("menuitemcheckbox", { name: "Dark" }).click();
    await visitAll("dark");
  });

  test("without a mouse", async () => {
    const { page } = console_;
    await console_.goto("#/findings");
    const at = () => page.evaluate(() => document.activeElement?.closest("a")?.getAttribute("href") ?? "");
    for (let pressed = 0; pressed < 80 && !(await at()).match(/#\/findings\/.+\//); ++pressed) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement?.closest("table") !== null)) {
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowRight");
      }
    }
    assert.match(await at(), /#\/findings\//);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Who, what, where" }).waitFor();
  });
});
