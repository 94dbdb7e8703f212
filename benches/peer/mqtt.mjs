// As much of MQTT 3.1.1 as a bench needs: QoS 0, no dependencies, nothing kept.
import { connect } from "node:net";

const text = (s) => { const b = Buffer.from(s); return Buffer.concat([Buffer.from([b.length >> 8, b.length & 255]), b]); };
function packet(type, ...parts) {
  const body = Buffer.concat(parts), head = [type];
  for (let n = body.length; ;) { head.push((n & 127) | (n > 127 ? 128 : 0)); n >>= 7; if (!n) break; }
  return Buffer.concat([Buffer.from(head), body]);
}

/** Connects; calls onMessage(topic, payload, hrtime in ns at which its bytes came). */
export function mqtt(port, id, onMessage) {
  return new Promise((ready, fail) => {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.on("error", fail);
    socket.write(packet(0x10, text("MQTT"), Buffer.from([4, 2, 0, 0]), text(id)));
    const client = {
      publish: (topic, payload) => socket.write(packet(0x30, text(topic), Buffer.from(payload))),
      subscribe: (filter) => new Promise((done) => { client.subscribed = done; socket.write(packet(0x82, Buffer.from([0, 1]), text(filter), Buffer.from([0]))); }),
      end: () => socket.destroy(),
    };
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      const at = process.hrtime.bigint();
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        let length = 0, i = 1;
        for (let shift = 0; i < rest.length; shift += 7) { length |= (rest[i] & 127) << shift; if (rest[i++] < 128) break; }
        if (i < 2 || rest[i - 1] > 127 || rest.length < i + length) return;
        const body = rest.subarray(i, i + length), type = rest[0] >> 4;
        rest = rest.subarray(i + length);
        if (type === 2) ready(client);
        if (type === 9) client.subscribed();
        if (type === 3) { const n = body.readUInt16BE(0); onMessage?.(body.subarray(2, 2 + n).toString(), body.subarray(2 + n), at); }
      }
    });
  });
}
