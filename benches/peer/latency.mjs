// Times keypad events: from the moment at which the stick sends the frame until its message is at an MQTT subscriber.
//   node latency.mjs MOCK_CONTROL BROKER FILTER NODE COUNT
// The stick's moment is the mock's own (`flood NODE 1`), the subscriber's is taken here: one monotonic clock of the machine.
import { control } from "./lab.mjs";
import { mqtt } from "./mqtt.mjs";

const [mockPort, brokerPort, filter, node, count] = process.argv.slice(2);
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const mock = control(Number(mockPort)), came = [];
const broker = await mqtt(Number(brokerPort), "latency", (_, __, at) => came.push(at));
await broker.subscribe(filter);
await wait(500); // retained messages
const took = [];
let lost = 0;
for (let i = 0; i < Number(count); i++) {
  came.length = 0;
  const { ok, error, start_ns } = await mock(`flood ${node} 1`);
  if (!ok) throw new Error(error);
  for (let n = 0; n < 500 && !came.length; n++) await wait(2);
  if (came.length) took.push(Number(came[0] - BigInt(start_ns)) / 1e6);
  else lost++;
  await wait(20);
}
took.sort((a, b) => a - b);
const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
console.log(JSON.stringify({ count: took.length, lost, p50: at(0.5), p99: at(0.99) }));
process.exit(0);
