// Makes the cache of Z-Wave JS know more locks: copies all that it knows of one node to others.
//   node clone.mjs CACHE FROM FIRST LAST
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [cache, from, first, last] = process.argv.slice(2);
const ofNode = (line, id) => line.replaceAll(`"node.${from}.`, `"node.${id}.`).replaceAll(`\\"nodeId\\":${from},`, `\\"nodeId\\":${id},`);
for (const file of readdirSync(cache).filter((name) => name.endsWith(".jsonl"))) {
  const lines = readFileSync(join(cache, file), "utf8").split("\n").filter(Boolean);
  const theirs = lines.filter((line) => ofNode(line, "?") !== line);
  for (let id = Number(first); id <= Number(last); id++) lines.push(...theirs.map((line) => ofNode(line, id)));
  writeFileSync(join(cache, file), lines.join("\n") + "\n");
}
