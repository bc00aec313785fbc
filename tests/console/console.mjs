// The console in a browser: every page, every action to its effect in the API. Run by run.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { GetFindingsCommand, ListFindingsCommand } from "@aws-sdk/client-guardduty";
import { binary, client, Console, dataDir, detectorOf, openBrowser, payloads, setupLink, sizes, url } from "./support.mjs";

const region = "eu-west-1";
const name = "ada";
const password = "a long enough password";
const api = client(region);

let browser, console_, DetectorId;
before(async () => {
  browser = await openBrowser();
  DetectorId = await detectorOf(api);
});
after(() => browser.close());

async function findings(Criterion = {}) {
  const { FindingIds } = await api.send(new ListFindingsCommand({
    DetectorId, MaxResults: 50, FindingCriteria: { Criterion }, SortCriteria: { AttributeName: "severity", OrderBy: "DESC" } }));
  return (await api.send(new GetFindingsCommand({ DetectorId, FindingIds }))).Findings;
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

describe("findings", () => {
  test("are listed over all Regions, the gravest first", async () => {
    await console_.goto("#/findings");
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
    await console_.page.getByRole("heading", { name: /Related findings/ }).waitFor();
    await console_.settled();
    await console_.check("a finding");
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
      if (tab === "Graph") await console_.shoot("sequence-graph");
    }
  });

  test("that is not there is told", async () => {
    await console_.goto(`#/findings/${region}/${"0".repeat(32)}`);
    await console_.says("no finding has this id");
    await console_.check("an absent finding");
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
      await console_.check(`hostile finding ${finding.Id}`, { axeToo: false });
    }
    await console_.goto("#/findings?sort=updatedAt&order=desc");
    await console_.check("the list of hostile findings");
    await console_.shoot("hostile");
  });
});

describe("at every width and in the dark", () => {
  for (const [size, viewport] of Object.entries(sizes)) {
    test(size, async () => {
      await console_.page.setViewportSize(viewport);
      const finding = (await findings())[0];
      for (const [page, hash] of [["findings", "#/findings"], ["finding", `#/findings/${region}/${finding.Id}`]]) {
        await console_.goto(hash);
        await console_.check(`${page}, ${size}`);
        await console_.shoot(`${page}-${size}`);
      }
    });
  }

  test("dark", async () => {
    const { page } = console_;
    await page.setViewportSize(sizes.desktop);
    await page.getByRole("button", { name: "Theme" }).first().click();
    await page.getByRole("menuitemcheckbox", { name: "Dark" }).click();
    await console_.goto("#/findings");
    await console_.check("findings, dark");
    await console_.shoot("findings-dark");
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
