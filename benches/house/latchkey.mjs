// Rolls codes out over `latchkey simulate` with Latchkey as the host, and prints what that cost the radio, the batteries and
// this machine.
//   node latchkey.mjs BINARY HOST:PORT CONTROL_PORT --codes N [--locks COUNT]
// Each lock is interviewed and looked through first, which counts by itself. Then N people are added at once, each with a code
// on every lock, until every code is confirmed. One JSON object a phase on stdout.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPort, spent } from "./control.mjs";

const argv = process.argv.slice(2);
const opt = (n, d) => { const i = argv.indexOf(n); return i < 0 ? d : argv.splice(i, 2)[1]; };
const codes = Number(opt("--codes", 30)), count = Number(opt("--locks", 40));
const [binary, endpoint, port] = argv;
if (argv.length !== 3) {
  console.error("usage: latchkey.mjs BINARY HOST:PORT CONTROL_PORT --codes N [--locks COUNT]");
  process.exit(2);
}
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const { ask, close } = controlPort(port);

const place = mkdtempSync(join(tmpdir(), "house-latchkey-"));
const socketPath = join(place, "latchkey.sock");
const keys = join(place, "keys.json");
const lab = JSON.parse(readFileSync(new URL("../../tests/lab/keys.json", import.meta.url), "utf8"));
// Those of the building's Long Range nodes, as config/worlds/building-200.toml has them.
const longRange = { S2_Authenticated_LR: "44444444444444444444444444444444", S2_AccessControl_LR: "55555555555555555555555555555555" };
writeFileSync(keys, JSON.stringify({ ...lab, ...longRange }), { mode: 0o600 });
writeFileSync(join(place, "latchkey.toml"), `
[serial]
port = "tcp://${endpoint}"
[zwave]
keys_file = "${keys}"
[store]
path = "${place}/latchkey.db"
key_file = "${place}/store.key"
[web]
listen = "127.0.0.1:0"
[api]
socket = "${socketPath}"
[home]
name = "House"
time_zone = "Europe/Paris"
`);
const daemon = spawn(binary, ["run", "--config", join(place, "latchkey.toml")], { stdio: ["ignore", "ignore", "ignore"] });
process.on("exit", () => daemon.kill());

const call = (method, path, body) => new Promise((done, failed) => {
  const call = request({ socketPath, method, path, headers: { "content-type": "application/json" } }, (answer) => {
    let text = "";
    answer.on("data", (data) => (text += data));
    answer.on("end", () => done({ status: answer.statusCode, body: text ? JSON.parse(text) : undefined }));
  });
  call.on("error", failed);
  call.end(body && JSON.stringify(body));
});
const until = async (look, every = 1000) => { while (!(await look().catch(() => false))) await wait(every); };

/** Seconds of CPU, and the most memory it ever had, in MB. */
function machine() {
  const stat = readFileSync(`/proc/${daemon.pid}/stat`, "utf8").split(") ")[1].split(" ");
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return { cpu_s: (Number(stat[11]) + Number(stat[12])) / 100, peak_mb: Number(/VmHWM:\s*(\d+)/.exec(status)[1]) / 1024 };
}

async function measured(phase, work) {
  const [before, began, start] = [await ask("stats"), machine(), Date.now()];
  const extra = await work();
  const after = await ask("stats"), now = machine();
  console.log(JSON.stringify({
    phase,
    ...spent(before, after),
    real_s: (Date.now() - start) / 1000,
    cpu_s: now.cpu_s - began.cpu_s,
    peak_mb: now.peak_mb,
    ...extra,
  }));
}

let slugs = [];
await measured("interview", async () => {
  await until(async () => {
    slugs = (await call("GET", "/api/devices")).body.items.map((device) => device.slug);
    return slugs.length === count;
  });
  // The background look through the slots goes on by itself; it counts as a part of meeting a lock.
  return { locks: slugs.length };
});
await measured("roll-out", async () => {
  for (let user = 1, added = 0; added < codes; user++) {
    const body = { first_name: `Guest ${user}`, last_name: "", code: String(1300 + user * 37), on: slugs };
    const { status } = await call("POST", "/api/people", body);
    added += status < 300; // a code that is too easy is refused: the next
  }
  let told = {};
  await until(async () => {
    told = {};
    const people = (await call("GET", "/api/people")).body.items;
    for (const grant of people.flatMap((person) => person.grants)) told[grant.status] = (told[grant.status] ?? 0) + 1;
    return Object.keys(told).every((status) => ["active", "unconfirmed"].includes(status));
  }, 2000);
  const dump = await ask("dump");
  let there = 0;
  for (const node of Object.values(dump)) there += Object.values(node.codes ?? {}).filter((entry) => /^\d+$/.test(entry.code)).length;
  return { codes: codes * slugs.length, told, there };
});
daemon.kill();
close();
rmSync(place, { recursive: true, force: true });
