import { createSocket } from "node:dgram";
import { expect, test } from "bun:test";
import type { AppError } from "@dormouse/kernel";
import { dnsResolver } from "./dns-resolver.ts";

const TXT = 16;
const CNAME = 5;
const HEADER_BYTES = 12;

interface DnsAnswer {
  /** 0 no error, 2 server failure, 3 no such name. */
  readonly rcode: number;
  readonly records?: readonly { readonly type: number; readonly data: Buffer }[];
}

/** A DNS server on loopback; `undefined` is silence. */
class DnsServer implements AsyncDisposable {
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
  const answers = records.map(({ type, data }) => {
    const fixed = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, ...answers]);
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const nameOf = (value: string): Buffer => Buffer.concat([...value.split(".").map(text), Buffer.from([0])]);

test("F171 TXT and CNAME records are read, also of a wildcard", async () => {
  await using server = await DnsServer.start((name) => {
    if (name === "*.a.example") return { rcode: 0, records: [{ type: CNAME, data: nameOf("box.example.org") }] };
    return { rcode: 0, records: ["one text", "two"].map((value) => ({ type: TXT, data: text(value) })) };
  });
  const resolver = dnsResolver({ servers: [server.address] });
  expect(await resolver.resolveTxt("_x.a.example")).toEqual(["one text", "two"]);
  expect(await resolver.resolveCname("*.a.example")).toEqual(["box.example.org"]);
});

test("F171 a name that is not there, or has no such record, has none", async () => {
  await using server = await DnsServer.start((name) => ({ rcode: name.startsWith("none") ? 3 : 0 }));
  const resolver = dnsResolver({ servers: [server.address] });
  for (const name of ["none.example", "empty.example", `${"a".repeat(64)}.example`]) {
    expect(await resolver.resolveTxt(name)).toEqual([]);
    expect(await resolver.resolveCname(name)).toEqual([]);
  }
});

test("F171 a DNS that fails or is silent is told apart from one that has nothing", async () => {
  await using server = await DnsServer.start((name) => (name.startsWith("fail") ? { rcode: 2 } : undefined));
  const resolver = dnsResolver({ servers: [server.address], timeoutMs: 200 });
  for (const name of ["fail.example", "silent.example"]) {
    const failure = await resolver.resolveTxt(name).catch((error: unknown) => error as AppError);
    expect(failure).toMatchObject({ code: "UPSTREAM_UNREACHABLE", isRetryable: true });
  }
});
