// The control port of `latchkey simulate`: what a phase cost the radio and the batteries.
import { connect } from "node:net";

/** Asks the control port one command after the other: `ask(line)` gives its answer. */
export function controlPort(port) {
  const socket = connect(Number(port), "127.0.0.1");
  const waiting = [];
  let received = "";
  socket.on("data", (data) => {
    received += data;
    for (let end; (end = received.indexOf("\n")) >= 0; received = received.slice(end + 1)) waiting.shift()?.(JSON.parse(received.slice(0, end)));
  });
  const ask = (line) => new Promise((done) => { waiting.push(done); socket.write(line + "\n"); });
  return { ask, close: () => socket.destroy() };
}

/** What came between two answers to `stats`. */
export function spent(before, after) {
  const grown = (who, what) => after.radio[who][what] - before.radio[who][what];
  return {
    seconds: (after.now_ms - before.now_ms) / 1000,
    frames: grown("total", "frames"),
    frames_of_stick: grown("stick", "frames"),
    airtime_s: grown("total", "airtime_us") / 1e6,
    airtime_s_of_stick: grown("stick", "airtime_us") / 1e6,
    wake_ups: grown("total", "wake_ups"),
  };
}
