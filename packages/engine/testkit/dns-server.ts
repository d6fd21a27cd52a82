import { createSocket } from "node:dgram";

const RECORD_TYPES = { TXT: 16, CNAME: 5 } as const;
const HEADER_BYTES = 12;

export interface DnsAnswer {
  /** 0 no error, 2 server failure, 3 no such name. */
  readonly rcode: number;
  readonly records?: readonly { readonly type: keyof typeof RECORD_TYPES; readonly value: string }[];
}

/** A DNS server on loopback; `undefined` is silence. */
export class DnsServer implements AsyncDisposable {
  readonly #socket = createSocket("udp4");

  static async start(answerTo: (name: string) => DnsAnswer | undefined): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on("message", (query, { port, address }) => {
      const answer = answerTo(readName(query));
      if (answer !== undefined) server.#socket.send(encode(query, answer), port, address);
    });
    await new Promise<void>((resolve) => server.#socket.bind(0, "127.0.0.1", resolve));
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

function readName(query: Buffer): string {
  const labels: string[] = [];
  for (let at = HEADER_BYTES; query[at] !== 0; at += 1 + (query[at] ?? 0)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + (query[at] ?? 0)));
  }
  return labels.join(".");
}

/** The question, and below it the records, which refer to its name. */
function encode(query: Buffer, { rcode, records = [] }: DnsAnswer): Buffer {
  const end = query.indexOf(0, HEADER_BYTES) + 5;
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(0, 10);
  const answers = records.map(({ type, value }) => {
    const data = type === "TXT" ? text(value) : nameOf(value);
    const fixed = Buffer.from([0xc0, HEADER_BYTES, 0, RECORD_TYPES[type], 0, 1, 0, 0, 0, 0, 0, data.length]);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, ...answers]);
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const nameOf = (value: string): Buffer => Buffer.concat([...value.split(".").map(text), Buffer.from([0])]);
