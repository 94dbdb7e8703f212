// Rolls codes out over `latchkey simulate` with Z-Wave JS as the host, and prints what that cost the radio and the batteries.
//   node zwave-js.mjs HOST:PORT CONTROL_PORT --codes N [--order lock|person] [--locks 2,3,…]
// Every lock is interviewed first, which counts by itself. Then every code goes into every lock: lock by lock (the kindest
// order: a lock that is awake needs no beam), or person by person, as people are added. A code counts as confirmed by the
// lock's Supervision Report, or where there is none by reading it back; one that fails is tried once more.
// One JSON object a phase on stdout.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { require, parseKeys } from "../../tests/lab/zwavejs.mjs";
import { controlPort, spent } from "./control.mjs";

const argv = process.argv.slice(2);
const opt = (n, d) => { const i = argv.indexOf(n); return i < 0 ? d : argv.splice(i, 2)[1]; };
const codes = Number(opt("--codes", 30)), order = opt("--order", "lock"), only = opt("--locks")?.split(",").map(Number);
const [endpoint, port] = argv;
if (argv.length !== 2 || !["lock", "person"].includes(order)) {
  console.error("usage: zwave-js.mjs HOST:PORT CONTROL_PORT --codes N [--order lock|person] [--locks 2,3,…]");
  process.exit(2);
}
const { Driver, InterviewStage } = require("zwave-js");
const keys = parseKeys(JSON.parse(readFileSync(new URL("../../tests/lab/keys.json", import.meta.url), "utf8")));

const { ask } = controlPort(port);

async function measured(phase, work) {
  const before = await ask("stats");
  const extra = await work();
  const after = await ask("stats");
  console.log(JSON.stringify({
    phase,
    ...spent(before, after),
    ...extra,
  }));
}

const cacheDir = mkdtempSync(join(tmpdir(), "house-zwavejs-"));
const driver = new Driver(`tcp://${endpoint}`, {
  logConfig: { enabled: false },
  storage: { cacheDir, lockDir: cacheDir },
  securityKeys: keys,
  interview: { queryAllUserCodes: false, disableOnNodeAdded: true },
  testingHooks: { skipNodeInterview: true },
});
driver.on("error", (error) => console.error(error.message));
// Its answers to what nodes say by themselves can fail outside of any call: they are counted, and it goes on.
let stray = 0;
process.on("unhandledRejection", (error) => { stray++; console.error(error.message); });
await new Promise((ready, failed) => { driver.once("driver ready", ready); driver.start().catch(failed); });
const own = driver.controller.ownNodeId;
const locks = [...driver.controller.nodes.values()].filter((node) => node.id !== own && (!only || only.includes(node.id)));

await measured("interview", async () => {
  let failed = 0;
  for (const lock of locks) {
    if (lock.interviewStage === InterviewStage.Complete) continue;
    const over = new Promise((done) => {
      lock.once("interview completed", () => done(true));
      lock.on("interview failed", (_, args) => args.isFinal && done(false));
    });
    lock.interview().catch(() => {});
    failed += !(await over);
  }
  return { locks: locks.length, failed };
});

const code = (user) => String(1300 + user * 37);
async function set(lock, user) {
  for (let attempt = 1; attempt <= 2; attempt++) {
    try {
      const api = lock.commandClasses["User Code"];
      const result = await api.set(user, 1, code(user));
      if (result?.status === 0xff) return true;
      const there = await api.get(user);
      if (there?.userIdStatus === 1) return true;
    } catch (error) {
      if (attempt === 2) console.error(`node ${lock.id}, user ${user}: ${error.message}`);
    }
  }
  return false;
}
await measured("roll-out", async () => {
  const users = [...Array(codes).keys()].map((n) => n + 1);
  const jobs = order === "lock" ? locks.map((lock) => users.map((user) => [lock, user])) : users.map((user) => locks.map((lock) => [lock, user]));
  let told = 0;
  for (const batch of jobs) {
    const done = await Promise.all(batch.map(([lock, user]) => set(lock, user)));
    told += done.filter(Boolean).length;
  }
  const dump = await ask("dump");
  let there = 0;
  for (const lock of locks) {
    const held = Object.values(dump[lock.id].codes ?? {}).map((entry) => entry.code);
    there += users.filter((user) => held.includes(code(user))).length;
  }
  return { order, codes: codes * locks.length, told_right: told, there, stray_errors: stray };
});
await Promise.race([driver.destroy().catch(() => {}), new Promise((done) => setTimeout(done, 5000))]);
rmSync(cacheDir, { recursive: true, force: true });
process.exit(0);
