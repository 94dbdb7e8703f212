// A line-based control port of the lab (mock-locks.mjs, frame-proxy.mjs): one command there, one JSON answer back.
import { connect } from "node:net";

export function control(port) {
  const socket = connect(port, "127.0.0.1"), waiting = [];
  let rest = "";
  socket.on("data", (d) => {
    const lines = (rest + d).split("\n");
    rest = lines.pop();
    for (const line of lines) waiting.shift()?.(JSON.parse(line));
  });
  socket.unref();
  return (line) => new Promise((answer) => { waiting.push(answer); socket.ref(); socket.write(line + "\n"); });
}
