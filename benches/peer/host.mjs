// Z-Wave JS as the host of the mock locks: does its tasks one after the other, and prints one line of JSON for each.
//   node host.mjs HOST:PORT CACHE [--mock CONTROL] [--proxy CONTROL] TASK...
// Each task is one argument:
//   ready                               every node was interviewed, or restored from the folder CACHE
//   mock COMMAND                        one command to the control port of the mock
//   set NODE[,NODE] N ROUND DIGITS [read]   N codes on each of these nodes at once; `read`: each is read back
//   bulk NODE N ROUND SIZE              N codes of four digits, SIZE in one call
//   cut MS NODE N ROUND                 N codes; the cable is pulled for MS after the fifth; a code that failed is tried again
//   cached NODE N                       what the cache believes is in slots 1 to N
//   publish BROKER                      from now on, sends each notification to an MQTT broker (QoS 0)
//   stay                                for ever
// A line has `ms` and `cpu_ms` of the task (of `ready`: since the process began), and the frames that the proxy counted.
import { readFileSync } from "node:fs";
import { require, parseKeys } from "../../tests/lab/zwavejs.mjs";
import { control } from "./lab.mjs";
import { mqtt } from "./mqtt.mjs";

const argv = process.argv.slice(2);
const opt = (n) => { const i = argv.indexOf(n); return i < 0 ? undefined : argv.splice(i, 2)[1]; };
const mockPort = opt("--mock"), proxyPort = opt("--proxy");
const mock = mockPort && control(Number(mockPort)), proxy = proxyPort && control(Number(proxyPort));
const [endpoint, cacheDir, ...tasks] = argv;
const keys = parseKeys(JSON.parse(readFileSync(new URL("../../tests/lab/keys.json", import.meta.url), "utf8")));
const wait = (ms) => new Promise((r) => setTimeout(r, ms));

const { Driver } = require("zwave-js");
const driver = new Driver(`tcp://${endpoint}`, {
  logConfig: { enabled: false }, storage: { cacheDir, lockDir: cacheDir }, securityKeys: keys,
  interview: { queryAllUserCodes: false },
});
let destroyed;
driver.on("error", (e) => { destroyed ??= e.message; });
const allReady = new Promise((r) => driver.once("all nodes ready", r));
const driverReady = new Promise((r) => driver.once("driver ready", () => r(performance.now())));

const userCode = (id) => driver.controller.nodes.getOrThrow(id).commandClasses["User Code"];
const code = (id, slot, round, digits) => digits == 4 ? String(1000 + round * 500 + slot) : String(100000 + round * 10000 + id * 100 + slot);
/** Sets one code and says whether the lock was said to have it. */
async function put(id, slot, text, read, tell) {
  try {
    const result = await userCode(id).set(slot, 1, text);
    if (!read) return result === undefined || result.status === 0xff;
    return (await userCode(id).get(slot))?.userCode === text;
  } catch (e) { tell?.(e.message); return false; }
}
const does = {
  async ready() { await allReady; return { driver_ready_ms: Math.round(await driverReady) }; },
  mock: (...words) => mock(words.join(" ")),
  async set(nodes, n, round, digits, read) {
    let said = 0;
    await Promise.all(nodes.split(",").map(Number).map(async (id) => {
      for (let slot = 1; slot <= n; slot++) said += await put(id, slot, code(id, slot, round, digits), read);
    }));
    return { said };
  },
  async bulk(id, n, round, size) {
    for (let slot = 1; slot <= n; slot += Number(size)) {
      await userCode(Number(id)).setMany(Array.from({ length: Math.min(size, n - slot + 1) }, (_, k) => ({ userId: slot + k, userIdStatus: 1, userCode: code(id, slot + k, round, 4) })));
    }
  },
  async cut(ms, id, n, round) {
    let failed = 0, slowest = 0, back = 0, why;
    const all = (async () => {
      for (let slot = 1; slot <= n; slot++) {
        if (slot === 6) { await proxy(`cut ${ms}`); back = performance.now() + Number(ms); }
        for (;;) {
          const t = performance.now(), done = await put(Number(id), slot, code(id, slot, round, 6), false, (e) => { why ??= e; });
          slowest = Math.max(slowest, performance.now() - t);
          if (done) { if (slot === 6) back = performance.now() - back; break; }
          failed++;
          await wait(500); // as a caller who does not give up
        }
      }
      return true;
    })();
    const dead = (async () => { while (!destroyed) await wait(50); await wait(1000); })();
    const done = await Promise.race([all, dead, wait(60_000)]);
    return { done: !!done, failed, why, slowest_ms: Math.round(slowest), resumed_ms: done ? Math.round(back) : null, destroyed };
  },
  cached(id, n) {
    const slots = Array.from({ length: Number(n) }, (_, i) => i + 1);
    return { slots: Object.fromEntries(slots.map((slot) => [slot, cached(Number(id), slot) ?? null])) };
  },
  async publish(port) {
    const broker = await mqtt(Number(port), "zwavejs");
    for (const node of driver.controller.nodes.values()) {
      node.on("notification", (_, ccId, args) => broker.publish(`peer/device/${node.id}/event`, JSON.stringify({ node: node.id, ccId, ...args })));
    }
  },
  stay: () => new Promise(() => setInterval(() => {}, 1e6)),
};
const cached = (id, slot) => driver.controller.nodes.getOrThrow(id).getValue({ commandClass: 0x63, endpoint: 0, property: "userCode", propertyKey: slot });

await driver.start();
for (const task of tasks) {
  const [name, ...args] = task.split(" ");
  if (name !== "ready") await proxy?.(`mark ${name}`);
  const [began, before] = name === "ready" ? [0, undefined] : [performance.now(), process.cpuUsage()];
  const result = await does[name](...args);
  const ms = Math.round(performance.now() - began), { user, system } = process.cpuUsage(before);
  await wait(200); // what the locks still have to say belongs to it
  const frames = proxy && await proxy("stats");
  console.log(JSON.stringify({ task, ms, cpu_ms: Math.round((user + system) / 1000), to_stick: frames?.h2c.data, from_stick: frames?.c2h.data, ...result }));
}
await Promise.race([driver.destroy().catch(() => {}), wait(3000)]);
process.exit(0);
