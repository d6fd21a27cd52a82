/** RFC 6455 framing for the upstream side of a relayed WebSocket. */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly payload: Buffer;
}

/** The peer broke the protocol; `closeCode` is what to close with. */
export class FrameError extends Error {
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** A client frame. Its masking key is zero, so the payload goes out as it is: masking protects shared caches, and here is none. */
export function encodeClientFrame(opcode: number, payload: Uint8Array): [Buffer, Uint8Array] {
  const head = Buffer.alloc(payload.length < 126 ? 6 : payload.length < 65_536 ? 8 : 14);
  head[0] = 0x80 | opcode;
  if (payload.length < 126) {
    head[1] = 0x80 | payload.length;
  } else if (payload.length < 65_536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return [head, payload];
}

/** Cuts a server's byte stream into frames. Payloads may be views on what was pushed. */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes needed before looking again, so that a large frame in small pieces is joined once. */
  #wanted = 2;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** @throws {FrameError} 1002 for a broken frame, 1009 for one above the limit. */
  *push(bytes: Buffer): Generator<Frame> {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    while (this.#length >= this.#wanted) {
      const joined = this.#pieces.length === 1 ? (this.#pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#pieces);
      const size = frameSize(joined, this.#maxPayloadBytes);
      this.#pieces = [joined];
      this.#wanted = size.total;
      if (joined.length < size.total) return;
      this.#pieces = [joined.subarray(size.total)];
      this.#length -= size.total;
      this.#wanted = 2;
      const first = joined[0] ?? 0;
      yield { opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, payload: joined.subarray(size.head, size.total) };
    }
  }
}

/** Length of the frame at the start of `bytes`, as far as it can be told; `total` grows as more of the head is known. */
function frameSize(bytes: Buffer, maxPayloadBytes: number): { head: number; total: number } {
  const [first = 0, second = 0] = bytes;
  if ((first & 0x70) !== 0) throw new FrameError(1002, "reserved bits are set");
  if ((second & 0x80) !== 0) throw new FrameError(1002, "a server's frame is masked");
  const short = second & 0x7f;
  if ((first & 0x08) !== 0 && (short > 125 || (first & 0x80) === 0))
    throw new FrameError(1002, "a control frame is too long or in pieces");
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < head) return { head, total: head };
  const payload = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  if (payload > maxPayloadBytes) throw new FrameError(1009, "the message is too large");
  return { head, total: head + payload };
}
