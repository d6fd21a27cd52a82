import type { Duplex } from "node:stream";
import type { ServerWebSocket } from "bun";
import { encodeClientFrame, FrameError, FrameReader, OPCODE, type Frame } from "./websocket-frames.ts";

/** Largest message either way; what the widely used `ws` package allows too. */
export const MAX_MESSAGE_BYTES = 100 * 1024 * 1024;

/** How long a side may take to answer a close before its socket is cut. */
const CLOSE_GRACE_MS = 2000;

const NO_STATUS = 1005;
const ABNORMAL = 1006;

export interface GatewaySocketData {
  readonly relay: WebSocketRelay;
}

export interface RelayOptions {
  readonly socket: Duplex;
  readonly firstBytes: Buffer;
  readonly onEnd: () => void;
}

/**
 * Two WebSocket ends joined for life. A slow client pauses the upstream socket. A slow app cannot pause the client, because
 * Bun reads a server-side WebSocket without asking: past MAX_MESSAGE_BYTES unsent the pair is closed with 1013.
 */
export class WebSocketRelay {
  readonly #socket: Duplex;
  readonly #reader = new FrameReader(MAX_MESSAGE_BYTES);
  readonly #onEnd: () => void;
  readonly #firstBytes: Buffer;
  #client: ServerWebSocket<GatewaySocketData> | undefined;
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;
  #messageOpcode = 0;
  #isEnded = false;

  constructor(options: RelayOptions) {
    this.#socket = options.socket;
    this.#firstBytes = options.firstBytes;
    this.#onEnd = options.onEnd;
    this.#socket.on("error", () => this.abort());
    this.#socket.on("close", () => this.abort());
  }

  /** The client is there: the upstream may flow. */
  open(client: ServerWebSocket<GatewaySocketData>): void {
    if (this.#isEnded) {
      client.terminate();
      return;
    }
    this.#client = client;
    this.#receive(this.#firstBytes);
    this.#socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on("end", () => this.#socket.end());
    if (client.getBufferedAmount() === 0) this.#socket.resume();
  }

  sendUpstream(message: string | Buffer): void {
    const isText = typeof message === "string";
    this.#write(isText ? OPCODE.text : OPCODE.binary, isText ? Buffer.from(message) : message);
    if (this.#socket.writableLength > MAX_MESSAGE_BYTES) this.#close(1013, "The app reads too slowly");
  }

  pongUpstream(data: Buffer): void {
    this.#write(OPCODE.pong, data);
  }

  onClientDrained(): void {
    this.#socket.resume();
  }

  /** The client closed or vanished: so does our end of the upstream. */
  onClientClosed(code: number, reason: string): void {
    this.#client = undefined;
    if (code === ABNORMAL) {
      this.abort();
      return;
    }
    if (!this.#isEnded) this.#write(OPCODE.close, code === NO_STATUS ? Buffer.alloc(0) : closePayload(code, reason));
    this.#endGently();
  }

  /** Cuts both sides now. Idempotent. */
  abort(): void {
    this.#finish();
    this.#client?.terminate();
    this.#client = undefined;
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.push(bytes)) this.#handle(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#close(error.closeCode, error.message);
    }
  }

  #handle({ opcode, isFinal, payload }: Frame): void {
    if (opcode === OPCODE.ping) this.#client?.ping(payload);
    else if (opcode === OPCODE.pong) this.#client?.pong(payload);
    else if (opcode === OPCODE.close) this.#onUpstreamClose(payload);
    else this.#collect(opcode, isFinal, payload);
  }

  #collect(opcode: number, isFinal: boolean, payload: Buffer): void {
    const isContinuation = opcode === OPCODE.continuation;
    if (opcode > OPCODE.binary || isContinuation !== this.#messageOpcode > 0)
      throw new FrameError(1002, "unexpected opcode");
    if (!isContinuation) this.#messageOpcode = opcode;
    this.#fragmentBytes += payload.length;
    if (this.#fragmentBytes > MAX_MESSAGE_BYTES) throw new FrameError(1009, "the message is too large");
    if (isFinal && this.#fragments.length === 0) {
      this.#deliver(payload);
      return;
    }
    this.#fragments.push(payload);
    if (isFinal) this.#deliver(Buffer.concat(this.#fragments));
  }

  #deliver(message: Buffer): void {
    const isText = this.#messageOpcode === OPCODE.text;
    this.#messageOpcode = 0;
    this.#fragments = [];
    this.#fragmentBytes = 0;
    const status = isText ? this.#client?.sendText(message.toString()) : this.#client?.sendBinary(message);
    // -1: Bun queued it because the client is slow. What this chunk still holds is queued too; the next chunk waits.
    if (status === -1) this.#socket.pause();
  }

  #onUpstreamClose(payload: Buffer): void {
    const code = payload.length < 2 ? 0 : payload.readUInt16BE(0);
    if (payload.length > 0 && !isSendableCloseCode(code)) throw new FrameError(1002, "the close code is not valid");
    const client = this.#client;
    this.#client = undefined;
    if (payload.length === 0) client?.close();
    else client?.close(code, payload.subarray(2).toString());
    this.#write(OPCODE.close, payload.subarray(0, 2));
    this.#endGently();
  }

  /** Our own reason to end: tells both sides. */
  #close(code: number, reason: string): void {
    this.#write(OPCODE.close, closePayload(code, reason));
    this.#client?.close(code, reason);
    this.#client = undefined;
    this.#endGently();
  }

  #endGently(): void {
    this.#finish();
    this.#socket.resume();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS).unref();
  }

  #finish(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
  }

  #write(opcode: number, payload: Uint8Array): void {
    if (this.#isEnded || !this.#socket.writable) return;
    const [head, body] = encodeClientFrame(opcode, payload);
    this.#socket.cork();
    this.#socket.write(head);
    if (body.length > 0) this.#socket.write(body);
    this.#socket.uncork();
  }
}

function closePayload(code: number, reason: string): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

/** RFC 6455 section 7.4: the others are only ever made up by the receiving side. */
function isSendableCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
