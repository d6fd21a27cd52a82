import { connect } from "node:net";

/** A WebSocket client that reads only when told to. */
export interface SlowClient extends Disposable {
  /** Reads all there is until the server closes; resolves to the close code and to all output. */
  readToEnd(): Promise<{ readonly code: number; readonly output: string }>;
}

const REQUEST_HEADERS =
  "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/** Opens `/terminal/ws?query` and reads nothing, not even the answer. */
export async function openSlowClient(port: number, query: string): Promise<SlowClient> {
  const opened = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => opened.resolve());
  socket.pause();
  await opened.promise;
  socket.write(`GET /terminal/ws?${query} HTTP/1.1\r\n${REQUEST_HEADERS}\r\n\r\n`);
  return {
    async readToEnd() {
      const chunks: Buffer[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("close", () => resolve());
      socket.resume();
      await promise;
      return decode(Buffer.concat(chunks));
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Unmasked, unfragmented frames behind the head of the answer, as a server sends them. */
function decode(bytes: Buffer): { code: number; output: string } {
  let at = bytes.indexOf("\r\n\r\n") + 4;
  const output: string[] = [];
  while (at < bytes.length) {
    const opcode = (bytes[at] ?? 0) & 15;
    const shortLength = bytes[at + 1] ?? 0;
    const payloadAt = at + (shortLength === 126 ? 4 : shortLength === 127 ? 10 : 2);
    const extended = shortLength === 126 ? bytes.readUInt16BE(at + 2) : shortLength;
    const length = shortLength === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : extended;
    if (opcode === 8) return { code: length < 2 ? 1005 : bytes.readUInt16BE(payloadAt), output: output.join("") };
    const frame = JSON.parse(bytes.toString("utf8", payloadAt, payloadAt + length)) as { data: string };
    output.push(frame.data);
    at = payloadAt + length;
  }
  return { code: 1006, output: output.join("") };
}
