// Z-Wave JS interviews some locks, locks and unlocks them, and prints what it read back.
//   node lock-with-zwavejs.mjs ENDPOINT NODE[,NODE...]       ENDPOINT: tcp://HOST:PORT, or the path of a serial port
// Keys: tests/lab/keys.json. One JSON object on stdout: {"ok":true,"nodes":{"2":{"locked":255,"unlocked":0,"events":[1,2]}}}
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { require, parseKeys } from "../lab/zwavejs.mjs";

const { Driver, InterviewStage } = require("zwave-js");
const [endpoint, nodes] = process.argv.slice(2);
const keys = parseKeys(JSON.parse(readFileSync(new URL("../lab/keys.json", import.meta.url), "utf8")));
const cacheDir = mkdtempSync(join(tmpdir(), "lock-zwavejs-"));
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const out = { ok: false, nodes: {} };
const until = async (what, look) => {
  for (const end = Date.now() + 60000; !look(); await wait(20)) if (Date.now() > end) throw new Error(`not in time: ${what}`);
};

async function operate(node) {
  const told = (out.nodes[node.id] = { events: [] });
  node.on("notification", (_, __, args) => told.events.push(args.event));
  const door = node.commandClasses["Door Lock"];
  for (const [name, mode] of [["locked", 0xff], ["unlocked", 0x00]]) {
    const count = told.events.length;
    await door.set(mode);
    await until(`node ${node.id} tells of it`, () => told.events.length > count);
    told[name] = (await door.get())?.currentMode;
  }
}

const driver = new Driver(endpoint, {
  logConfig: { enabled: false },
  storage: { cacheDir, lockDir: cacheDir },
  securityKeys: keys,
  interview: { queryAllUserCodes: false },
});
const finish = async (error) => {
  out.error = error?.message;
  out.ok = !error;
  await Promise.race([driver.destroy().catch(() => {}), wait(5000)]);
  rmSync(cacheDir, { recursive: true, force: true });
  process.stdout.write(JSON.stringify(out) + "\n", () => process.exit(error ? 1 : 0));
};
driver.on("error", (e) => { out.driver = e.message; });
driver.once("driver ready", async () => {
  try {
    for (const id of nodes.split(",").map(Number)) {
      const node = driver.controller.nodes.getOrThrow(id);
      await until(`interview of node ${id}`, () => node.interviewStage === InterviewStage.Complete);
      await operate(node);
    }
    await finish();
  } catch (e) {
    await finish(e);
  }
});
driver.start().catch(finish);
