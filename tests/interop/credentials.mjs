// Z-Wave JS as the host of a stick whose network has a lock with User Credential and a keypad: judges both.
//   node credentials.mjs HOST:PORT --keys FILE --lock NODE --keypad NODE
// Says "at the door" on stderr when somebody is to change PINs and type them at the lock, and to press keys at the keypad,
// and then waits for what they tell. Prints a JSON summary on stdout. Exit status: 0 all checks passed, 1 a check failed,
// 3 no driver.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { require, parseKeys } from "../lab/zwavejs.mjs";

const argv = process.argv.slice(2);
const opt = (n) => argv[argv.indexOf(n) + 1];
const [endpoint, keysFile, lockId, keypadId] = [argv[0], opt("--keys"), Number(opt("--lock")), Number(opt("--keypad"))];

const { Driver, InterviewStage } = require("zwave-js");
const { CommandClasses, CRC16_CCITT, SecurityClass } = require("@zwave-js/core");
const { UserCredentialType: Type, UserCredentialOperationType: Op } = require("@zwave-js/cc");

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const out = { ok: false, failures: [], events: [] };
const plain = (v) => JSON.parse(JSON.stringify(v, (_, x) => (x?.type === "Buffer" || x instanceof Uint8Array ? Buffer.from(x.data ?? x).toString("hex") : x)) ?? "null");
const same = (what, got, want) => {
  const [a, b] = [got, want].map((v) => JSON.stringify(plain(v)));
  if (a !== b) out.failures.push(`${what}: got ${a}, want ${b}`);
};
const cacheDir = mkdtempSync(join(tmpdir(), "credentials-"));
function finish(code) {
  out.ok = out.failures.length === 0 && code === undefined;
  rmSync(cacheDir, { recursive: true, force: true });
  process.stdout.write(JSON.stringify(out, null, 1) + "\n", () => process.exit(code ?? (out.ok ? 0 : 1)));
}
async function until(what, seconds, look) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(20)) {
    const found = look();
    if (found) return found;
  }
  out.failures.push(`not within ${seconds} s: ${what}`);
}

/** The checksums of the standard, over what the driver itself knows: it checks none of its own. */
const u16 = (n) => [n >> 8, n & 255];
const held = (c) => [c.type, ...u16(c.slot), c.data.length, ...c.data];
const head = (u) => [u.userType, u.active ? 1 : 0, u.credentialRule, u.encoding, u.name.length, ...u.name];
const crc = (bytes) => CRC16_CCITT(Uint8Array.from(bytes));

const driver = new Driver(`tcp://${endpoint}`, {
  logConfig: process.env.CREDENTIALS_LOG ? { enabled: true, level: "silly", forceConsole: true } : { enabled: false },
  storage: { cacheDir, lockDir: cacheDir },
  securityKeys: parseKeys(JSON.parse(readFileSync(keysFile, "utf8"))),
});
let ending = false;
driver.on("error", (e) => { if (!ending) out.failures.push(`driver: ${e.message}`); });

async function judgeLock(lock) {
  same("security", SecurityClass[lock.getHighestSecurityClass()], "S2_AccessControl");
  same("has User Credential", lock.supportsCC(CommandClasses["User Credential"]), true);
  same("has User Code", lock.supportsCC(CommandClasses["User Code"]), false);
  const access = lock.accessControl, api = lock.commandClasses["User Credential"];
  const users = access.getUserCapabilitiesCached(), types = access.getCredentialCapabilitiesCached().supportedCredentialTypes;
  same("users", users.maxUsers, 20);
  same("types", [...types.keys()], [Type.PINCode, Type.Password, Type.FingerBiometric]);
  same("PINs", [types.get(1).numberOfCredentialSlots, types.get(1).minCredentialLength, types.get(1).maxCredentialLength], [20, 4, 10]);

  same("checksum of nobody", await api.getAllUsersChecksum(), 0);
  const anna = { userType: 0, active: true, credentialRule: 1, encoding: 0, name: Buffer.from("Anna") };
  const bo = { userType: 5, active: true, credentialRule: 1, encoding: 0, name: Buffer.from("Bo") };
  const pin = { type: Type.PINCode, slot: 1, data: Buffer.from("1234") };
  const word = { type: Type.Password, slot: 1, data: Buffer.from("pass", "utf16le").swap16() };
  same("add Anna", await access.setUser(3, { userName: "Anna" }), 0);
  same("add Bo", await access.setUser(9, { userName: "Bo", userType: 5 }), 0);
  same("Anna's PIN", await access.setCredential(3, Type.PINCode, 1, "1234"), 0);
  // As bytes: of a string Z-Wave JS makes UTF-8, where the standard has UTF-16. It shows what it reads as UTF-8, too.
  same("Bo's password", await access.setCredential(9, Type.Password, 1, word.data), 0);
  same("Anna", await access.getUser(3), { userId: 3, active: true, userType: 0, userName: "Anna", credentialRule: 1 });
  const read = await access.getCredential(Type.PINCode, 1);
  same("Anna's PIN as read", [read?.userId, read?.data], [3, "1234"]);
  const walked = await access.getUsers();
  same("all users", walked.map((u) => [u.userId, u.userName]), [[3, "Anna"], [9, "Bo"]]);
  const all = await access.getAllCredentials();
  same("all credentials", all.map((c) => [c.userId, c.type, c.slot, c.data]), [[3, 1, 1, "1234"], [9, 2, 1, "\0p\0a\0s\0s"]]);

  same("checksum of Anna", await api.getUserChecksum(3), crc([...head(anna), ...held(pin)]));
  same("checksum of a stranger", await api.getUserChecksum(4), 0);
  same("checksum of PINs", await api.getCredentialChecksum(Type.PINCode), crc(held(pin).slice(1)));
  same("checksum of all", await api.getAllUsersChecksum(),
    crc([...u16(3), ...head(anna), ...held(pin), ...u16(9), ...head(bo), ...held(word)]));

  // What is refused comes with the reason.
  same("a twin", await access.setCredential(9, Type.PINCode, 2, "1234"), 3);
  same("nobody's PIN", await access.setCredential(7, Type.PINCode, 2, "8642"), 6);
  const added = await api.setUser({ operationType: Op.Add, userId: 3, userType: 0, active: true, userName: "Eve" });
  same("a number that is taken", added.reportType, 5);

  same("rename", await access.setUser(3, { userName: "Jørn" }), 0);
  // Sent as ASCII with a byte above 127: a lock keeps names as they come.
  same("renamed", (await access.getUser(3)).userName, "Jørn");
  same("change the PIN", await access.setCredential(3, Type.PINCode, 1, "567890"), 0);
  same("changed", (await access.getCredential(Type.PINCode, 1))?.data, "567890");
  same("assign", await access.assignCredential(Type.PINCode, 1, 9), 0);
  same("assigned", (await access.getCredential(Type.PINCode, 1))?.userId, 9);
  await access.setAdminCode("999999");
  same("admin PIN", await access.getAdminCode(), "999999");
  same("the admin's PIN", await access.setCredential(3, Type.PINCode, 4, "999999"), 5);
  same("learn a finger that nobody holds", (await access.startCredentialLearn(3, Type.FingerBiometric, 1, 20))?.status, 0xff);
  await access.cancelCredentialLearn();
  same("delete the PIN", await access.deleteCredential(9, Type.PINCode, 1), 0);
  same("deleted", (await access.getCredential(Type.PINCode, 1))?.userId, 0);
  same("delete Bo", await access.deleteUser(9), 0);
  same("who is left", (await access.getUsers()).map((u) => u.userId), [3]);
  same("Bo's password went along", await access.getAllCredentials(), []);
  same("Jørn's new PIN", await access.setCredential(3, Type.PINCode, 20, "2468"), 0);
}

driver.once("driver ready", async () => {
  try {
    const nodes = [lockId, keypadId].map((id) => driver.controller.nodes.get(id));
    for (const node of nodes) {
      node.on("notification", (ep, cc, args) => out.events.push({ node: node.id, cc: CommandClasses[cc], args: plain(args) }));
      for (const what of ["user added", "credential added", "credential modified", "credential deleted", "credential learn completed"]) {
        node.on(what, (_, args) => out.events.push({ node: node.id, what, args: plain(args) }));
      }
    }
    await until("both interviews", 120, () => nodes.every((n) => n.interviewStage === InterviewStage.Complete));
    const [lock, keypad] = nodes;
    await judgeLock(lock);
    same("the finger was given up", out.events.some((e) => e.what === "credential learn completed" && e.args.status === 3), true);

    const entry = keypad.commandClasses["Entry Control"], lights = keypad.commandClasses.Indicator;
    same("keypad has codes", keypad.supportsCC(CommandClasses["User Code"]) || keypad.supportsCC(CommandClasses["User Credential"]), false);
    same("keys", await entry.getSupportedKeys(), [48, 49, 50, 51, 52, 53, 54, 55, 56, 57]);
    same("buttons", (await entry.getEventCapabilities())?.supportedEventTypes, [1, 2, 3, 5, 6, 16, 17, 19, 25]);
    same("set the cache", (await entry.setConfiguration(6, 2))?.status, 0xff);
    same("cache", plain(await entry.getConfiguration()), { keyCacheSize: 6, keyCacheTimeout: 2 });
    await lights.set([{ indicatorId: 0x0b, propertyId: 1, value: 99 }]);
    same("light", await lights.get(0x0b), [{ indicatorId: 0x0b, propertyId: 1, value: 99 }]);

    out.events.length = 0;
    process.stderr.write("at the door\n");
    const door = (event) => (e) => e.node === lockId && e.cc === "Notification" && e.args.type === 6 && e.args.event === event;
    const key = (type, data) => (e) => e.node === keypadId && e.cc === "Entry Control" && e.args.eventType === type && e.args.eventData === data;
    const told = (what, slot, data) => (e) => e.what === what && e.args.credentialSlot === slot && (data === undefined || e.args.data === data);
    const expected = {
      "a wrong PIN": door(0x32),
      "an unlock by PIN": (e) => door(0x24)(e) && e.args.parameters === "000301010014",
      "a user added at the lock": (e) => e.what === "user added" && e.args.userId === 5,
      "a PIN added at the lock": told("credential added", 1, "1357"),
      "a PIN changed at the lock": told("credential modified", 1, "7531"),
      "a PIN deleted at the lock": told("credential deleted", 1),
      "disarm with a code": key(3, "4711"),
      "keys without a button": key(1, "99"),
      "fire": key(16, undefined),
    };
    for (const [what, is] of Object.entries(expected)) await until(what, 20, () => out.events.some(is));
    const st = driver.controller.statistics;
    for (const k of ["NAK", "CAN", "timeoutACK", "timeoutResponse", "timeoutCallback", "messagesDroppedRX"]) same(k, st[k], 0);
  } catch (e) {
    out.failures.push(e.stack);
  }
  ending = true;
  await Promise.race([driver.destroy().catch(() => {}), wait(5000)]);
  finish();
});
setTimeout(() => { out.failures.push("overall time limit"); finish(3); }, 240_000).unref();
driver.start().catch((e) => { out.failures.push(`driver start: ${e.message}`); finish(3); });
