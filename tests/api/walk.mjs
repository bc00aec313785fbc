// Walks all operations through walk.json with @aws-sdk/client-guardduty; see run.py for the environment. A step:
//   op, in         the operation and its input; "$name" and "${name}" stand for what was saved, "${i}" for the number
//                  of the repetition
//   as             profile of the caller, else "default"
//   save, has      {name: path} to remember, {path: value} to find in the answer
//   error, text    how the call is refused instead
//   repeat         how often
//   pages          {size, items, count}: the whole chain of pages holds `count` items at the path, none twice
// For the first accepted input of each operation, what the model says must be refused is tried as well.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as sdk from "@aws-sdk/client-guardduty";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const model = read("../../data/api/guardduty.json"), table = read("walk.json");
const nobody = "0".repeat(32);
const saved = {}, clients = {};
const served = new Set(), refused = new Set(), chained = new Set(), checked = new Set();
let calls = 0;

function client(profile) {
  return clients[profile] ??= new sdk.GuardDutyClient({
    endpoint: process.env.PICKET_ENDPOINT, maxAttempts: 1, profile });
}

async function call(operation, given, profile = "default") {
  ++calls;
  try {
    return [await client(profile).send(new sdk[operation + "Command"](given)), undefined];
  } catch (error) {
    if (!error.$metadata?.httpStatusCode) throw error;
    return [undefined, { code: error.name, text: error.message }];
  }
}

function filled(value, number) {
  if (Array.isArray(value)) return value.map((item) => filled(item, number));
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [filled(key, number), filled(item, number)]));
  if (typeof value !== "string") return value;
  if (value[0] === "$" && value.slice(1) in saved) return saved[value.slice(1)];
  return value.replace(/\$\{(\w+)\}/g, (_, name) => (name === "i" ? number : saved[name]));
}

const at = (value, path) => path.split(".").reduce((inner, part) => inner[part], value);

async function pages(operation, given, wanted, profile) {
  const items = [];
  let token, count = 0;
  do {
    const [answer, error] = await call(operation, { ...given, MaxResults: wanted.size, NextToken: token }, profile);
    assert.equal(error, undefined);
    assert.ok(at(answer, wanted.items).length <= wanted.size);
    items.push(...at(answer, wanted.items).map((item) => JSON.stringify(item)));
    token = answer.NextToken;
    ++count;
  } while (token);
  assert.equal(new Set(items).size, items.length, "a page repeats what another had");
  assert.equal(items.length, wanted.count);
  if (count > 1) chained.add(operation);
}

async function generated(operation, given, profile) {
  const row = model.operations[operation], shape = model.shapes[row.input] ?? {}, members = shape.members ?? {};
  const refuse = async (changed, code, text, who = profile) => {
    const [, error] = await call(operation, changed, who);
    assert.ok(error, `${operation} accepted ${JSON.stringify(changed)}`);
    assert.ok(error.code === code && error.text.includes(text), `${JSON.stringify(changed)}: ${error.code} ${error.text}`);
    refused.add(`${operation} ${code}`);
  };
  for (const name of shape.required ?? []) {
    if (members[name].location === "uri") continue;
    const { [name]: left, ...rest } = given;
    await refuse(rest, "BadRequestException", `parameter ${members[name].name} has an invalid value`);
  }
  if (members.DetectorId?.location === "uri") {
    await refuse({ ...given, DetectorId: nobody }, "BadRequestException", "is not owned by the current account");
    await refuse({ ...given, DetectorId: "x" }, "BadRequestException", "parameter detectorId has an invalid value");
  }
  for (const [name, member] of Object.entries(members)) {
    const kind = model.shapes[member.shape];
    if (member.location === "uri" || kind.type !== "string") continue;
    if (kind.enum) await refuse({ ...given, [name]: "NONE_OF_THEM" }, "BadRequestException", member.name);
    else if (kind.max < 10000) await refuse({ ...given, [name]: "x".repeat(kind.max + 1) }, "BadRequestException", member.name);
  }
  if (row.paginated) {
    const most = model.shapes[members.MaxResults.shape].max;
    if (most)
      for (const size of [0, most + 1]) await refuse({ ...given, MaxResults: size }, "BadRequestException", "maxResults");
    await refuse({ ...given, NextToken: "AAAA" }, "BadRequestException", "nextToken");
  }
  if (!/^(Get|List|Describe)/.test(operation))
    await refuse(given, "AccessDeniedException", `is not authorized to perform: guardduty:${operation}`, "reader");
}

async function walk(step) {
  const { op, as = "default" } = step;
  for (let number = 0; number < (step.repeat ?? 1); ++number) {
    const given = filled(step.in ?? {}, number);
    const [answer, error] = await call(op, given, as);
    if (step.error) {
      assert.equal(error?.code, step.error, error?.text ?? "was not refused");
      assert.ok(error.text.includes(step.text ?? ""), error.text);
      refused.add(`${op} ${error.code}`);
      continue;
    }
    assert.ok(!error, `${error?.code} ${error?.text}`);
    served.add(op);
    for (const [name, path] of Object.entries(step.save ?? {})) saved[name] = at(answer, path);
    for (const [path, wanted] of Object.entries(step.has ?? {})) assert.deepEqual(at(answer, path), filled(wanted, number), path);
    if (step.pages) await pages(op, given, step.pages, as);
    if (checked.has(op)) continue;
    checked.add(op);
    await generated(op, given, as);
  }
}

saved.region = await client("default").config.region();
for (const [number, step] of table.steps.entries()) {
  try {
    await walk(step);
  } catch (wrong) {
    console.error(`step ${number}, ${JSON.stringify(step).slice(0, 300)}: ${wrong.message}`);
    process.exit(1);
  }
}
const known = Object.keys(model.operations);
assert.ok(known.every((name) => sdk[name + "Command"]), "the SDK is older than the model");
const byDesign = table["refused by design"];
assert.deepEqual(known.filter((name) => !served.has(name) && !byDesign.includes(name)), [], "without a success");
assert.ok(byDesign.every((name) => [...refused].some((kind) => kind.startsWith(name + " "))));
const paginated = known.filter((name) => model.operations[name].paginated);
assert.deepEqual(paginated.filter((name) => !chained.has(name) && !table["one page by design"].includes(name)), [],
  "without a chain of pages");
console.log(`${known.length} operations, ${served.size} with a success, ${refused.size} kinds of refusal, ` +
  `${chained.size} chains of pages, ${calls} calls`);
