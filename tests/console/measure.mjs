// Times of the console's pages in Chromium, for bench/console.py: JSON on standard output.
import { writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { PICKET_URL: url, PICKET_BROWSER: executablePath, PICKET_PASSWORD: password, PICKET_PROFILE: profile } = process.env;
const rounds = Number(process.env.PICKET_ROUNDS);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const fresh = (options = {}) => browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });

// Signed in once; every round begins with the cookie and nothing else.
const first = await fresh();
const page = await first.newPage();
let bytes = 0;
page.on("requestfinished", async (request) => {
  if (!request.url().includes("/console/")) return;
  const sizes = await request.sizes();
  bytes += sizes.responseBodySize + sizes.responseHeadersSize;
});
await page.goto(`${url}/console/`);
await page.getByLabel("Name").fill("measure");
await page.getByLabel("Password").fill(password);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("heading", { name: "Summary" }).waitFor();
await page.goto(`${url}/console/#/findings`);
await page.getByRole("heading", { name: /^Findings/ }).waitFor();
await page.locator("tbody .severity-number").first().waitFor();
await page.waitForTimeout(500);
const storageState = await first.storageState();
await first.close();

// In the page, so that no message between processes counts: the time until the test holds in a frame that was drawn.
const watch = `
  window.until = (test) => new Promise((done, failed) => {
    const ends = performance.now() + 30000;
    const look = () => {
      if (test()) requestAnimationFrame(() => done(performance.now()));
      else if (performance.now() > ends) failed(new Error("never: " + test + document.body.innerText.slice(0, 2000)));
      else setTimeout(look, 4);
    };
    look();
  });
  window.rows = () => [...document.querySelectorAll("tbody .severity-number")].map((one) => one.textContent);
  window.title = () => document.querySelector("main h1, h1")?.textContent ?? "";
`;
const requests = [];
async function opened(hash) {
  const context = await fresh({ storageState });
  const page = await context.newPage();
  await page.addInitScript(watch);
  page.on("requestfinished", (request) => {
    const { startTime, responseStart, responseEnd } = request.timing();
    requests.push({ hash, method: request.method(), url: request.url(), body: request.postData()?.slice(0, 300), began: startTime, first: responseStart, ms: responseEnd });
  });
  await page.goto(`${url}/console/${hash}`, { waitUntil: "commit" });
  return page;
}

const rows = [];
async function measure(what, budget, hash, round) {
  const ms = [];
  for (let i = 0; i < rounds; ++i) {
    const page = await opened(hash);
    ms.push(await round(page));
    await page.context().close();
  }
  rows.push({ what, budget, ms });
}

const listed = (page) => page.evaluate(() => window.until(() => window.rows().length >= 20));
// Nothing is asked for a while, and the page has nothing to do.
const rest = async (page) => {
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => new Promise((done) => requestIdleCallback(done, { timeout: 5000 })));
  await page.waitForTimeout(200);
};

await measure("first list of findings, nothing cached", 1000, "#/findings", listed);
await measure("summary, its numbers, nothing cached", null, "#/summary", (page) =>
  page.evaluate(() => window.until(() => document.querySelectorAll(".tile-number").length === 4)));
await measure("summary, all of it, nothing cached", null, "#/summary", (page) =>
  page.evaluate(() => window.until(() => document.querySelectorAll(".bars").length >= 3 && document.querySelector("svg g[class*=awsui], svg rect") && !document.querySelector('main [class*="awsui_spinner"]'))));

// From the click to rows that all meet it.
await measure("filter by severity, a click", 500, "#/findings", async (page) => {
  await listed(page);
  await rest(page);
  return page.evaluate(async () => {
    const began = performance.now();
    document.querySelector("button.severity-medium").click();
    const meets = () => window.rows().length >= 20 && window.rows().every((one) => Number(one) >= 4 && Number(one) < 7);
    return (await window.until(meets)) - began;
  });
});
await measure("filter by type, typed", 500, "#/findings", async (page) => {
  await listed(page);
  await rest(page);
  const box = page.getByRole("combobox", { name: "Filter findings" });
  await box.fill("Finding type = Recon:EC2/Portscan");
  await page.evaluate(() => addEventListener("keydown", () => (window.began = performance.now()), { capture: true }));
  await box.press("Enter");
  return page.evaluate(async () => {
    const types = () => [...document.querySelectorAll("tbody tr")].map((row) => row.textContent);
    const ended = await window.until(() => types().length >= 20 && types().every((text) => text.includes("Recon:EC2/Portscan")));
    return ended - window.began;
  });
});
await measure("sort by time, a click", 500, "#/findings", async (page) => {
  await listed(page);
  await rest(page);
  return page.evaluate(async () => {
    const first = () => document.querySelector("tbody tr time")?.dateTime;
    const before = first();
    const began = performance.now();
    [...document.querySelectorAll("th [role=button]")].find((one) => one.textContent.includes("Last seen")).click();
    return (await window.until(() => first() !== before && window.rows().length >= 20)) - began;
  });
});
await measure("next page of the list, a click", 500, "#/findings", async (page) => {
  await listed(page);
  await rest(page);
  return page.evaluate(async () => {
    const first = () => document.querySelector("tbody tr a")?.href;
    const before = first();
    const began = performance.now();
    document.querySelector('button[aria-label="Next page"]').click();
    return (await window.until(() => first() !== before && window.rows().length >= 20)) - began;
  });
});
const link = await (async () => {
  const page = await opened("#/findings");
  await listed(page);
  const href = await page.evaluate(() => document.querySelector("tbody tr a").getAttribute("href"));
  await page.context().close();
  return href;
})();
const finding = () => [...document.querySelectorAll("h2")].some((one) => one.textContent.includes("Who, what, where"));
await measure("page of a finding, from the list", 500, "#/findings", async (page) => {
  await listed(page);
  await rest(page);
  return page.evaluate(async (test) => {
    const began = performance.now();
    document.querySelector("tbody tr a").click();
    return (await window.until(eval(`(${test})`))) - began;
  }, String(finding));
});
await measure("page of a finding, by its address, nothing cached", null, link, (page) => page.evaluate((test) => window.until(eval(`(${test})`)), String(finding)));

if (profile) writeFileSync(profile, JSON.stringify(requests, null, 1));
await browser.close();
console.log(JSON.stringify({ rows, bytes }));
