// A browser on the console, what holds for every page, and the API beside it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { GuardDutyClient, ListDetectorsCommand } from "@aws-sdk/client-guardduty";
import { chromium } from "playwright-core";

export const { PICKET_URL: url, PICKET_SETUP: setupLink, PICKET_SHOTS: shots, PICKET_DATA: dataDir, PICKET_BINARY: binary } = process.env;
export const payloads = JSON.parse(process.env.PICKET_PAYLOADS);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const sizes = { desktop: { width: 1280, height: 800 }, tablet: { width: 820, height: 1100 }, phone: { width: 390, height: 844 } };

// Characters that would hide or turn around what stands beside them.
const unseen = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.PICKET_BROWSER, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export class Console {
  static async open(browser, size = sizes.desktop, options = {}) {
    const context = await browser.newContext({ viewport: size, acceptDownloads: true, reducedMotion: "reduce", ...options });
    const console = new Console(context, await context.newPage());
    await console.watch();
    return console;
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.troubles = [];
    this.requests = [];
    this.pending = new Set();
  }

  async watch() {
    this.page.setDefaultTimeout(30_000);
    await this.page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    this.page.on("console", (message) => message.type() === "error" && this.troubles.push(message.text()));
    this.page.on("pageerror", (error) => this.troubles.push(String(error)));
    this.page.on("dialog", (dialog) => {
      this.troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    this.page.on("request", (request) => {
      this.requests.push(request.url());
      this.pending.add(request);
    });
    for (const end of ["requestfinished", "requestfailed"]) this.page.on(end, (request) => this.pending.delete(request));
  }

  async goto(hash) {
    await this.page.goto(`${url}/console/${hash}`);
    await this.settled();
  }

  // No request for a while, and nothing that says it is loading.
  async settled() {
    const deadline = Date.now() + 40_000;
    for (let quiet = 0; quiet < 4; await this.page.waitForTimeout(80)) {
      assert.ok(Date.now() < deadline, "the page does not come to rest");
      const loading = await this.page.locator('[class*="awsui_spinner"]:visible, [class*="status-loading"]:visible').count();
      quiet = this.pending.size || loading ? 0 : quiet + 1;
    }
  }

  // Some texts stand there twice: for eyes and for readers of the screen.
  async says(text) {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  async signIn(name, password) {
    await this.page.goto(`${url}/console/`);
    await this.page.getByLabel("Name").fill(name);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByRole("heading", { level: 1 }).first().waitFor();
    await this.settled();
  }

  // What must hold on every page.
  async check(what, { troubles = [], axeToo = true } = {}) {
    const found = await this.page.evaluate(() => ({
      pwned: window.pwned,
      violations: window.violations,
      text: document.body.innerText,
      labels: [...document.querySelectorAll("[aria-label],[title]")].map((e) => `${e.getAttribute("aria-label")} ${e.getAttribute("title")}`).join(" "),
      scripts: [...document.scripts].filter((script) => !script.src).length,
      frames: window.frames.length,
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }));
    assert.equal(found.pwned, undefined, `${what}: something was executed`);
    assert.deepEqual(found.violations, [], `${what}: the content policy was violated`);
    assert.equal(found.scripts, 0, `${what}: inline scripts`);
    assert.equal(found.frames, 0, `${what}: frames`);
    assert.doesNotMatch(found.text, unseen, `${what}: unseen characters`);
    assert.doesNotMatch(found.labels, unseen, `${what}: unseen characters in labels`);
    assert.ok(found.overflow <= 0, `${what}: ${found.overflow} px wider than the window`);
    const unexpected = this.troubles.filter((trouble) => !troubles.some((pattern) => pattern.test(trouble)));
    this.troubles.length = 0;
    assert.deepEqual(unexpected, [], `${what}: errors in the browser`);
    const foreign = this.requests.filter((request) => !request.startsWith(url) && !request.startsWith("blob:") && !request.startsWith("data:"));
    assert.deepEqual(foreign, [], `${what}: requests to other places`);
    if (axeToo) await this.checkAccessible(what);
  }

  async checkAccessible(what) {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() =>
      window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] }));
    // Cloudscape's own frame, on a phone: its toolbar says which way it lies, which its role does not allow.
    const frame = ({ html }) => /^<nav [^>]*aria-orientation/.test(html);
    const serious = violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .filter(({ nodes }) => !nodes.every(frame));
    assert.deepEqual(
      serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(" | ")}`),
      [], `${what}: accessibility`);
  }

  async shoot(name) {
    for (const notice of await this.page.getByRole("button", { name: "Dismiss" }).all()) await notice.click({ timeout: 300 }).catch(() => undefined);
    await this.page.mouse.move(0, 0);
    await this.page.screenshot({ path: `${shots}/${name}.png`, animations: "disabled" });
  }
}

// The API as a key sees it, the server's first one unless another is given.
export function client(region, key) {
  const text = readFileSync(`${dataDir}/credentials`, "utf8");
  const field = (name) => text.match(new RegExp(`^${name} = (.+)$`, "m"))[1];
  return new GuardDutyClient({
    region, endpoint: url, credentials: key ?? { accessKeyId: field("aws_access_key_id"), secretAccessKey: field("aws_secret_access_key") } });
}

// Whether the server takes calls that the key signs.
export async function works(key) {
  return client("eu-west-1", key).send(new ListDetectorsCommand({})).then(() => true, (error) => {
    if (error.$metadata?.httpStatusCode === 403) return false;
    throw error;
  });
}

export async function detectorOf(api) {
  return (await api.send(new ListDetectorsCommand({}))).DetectorIds[0];
}
