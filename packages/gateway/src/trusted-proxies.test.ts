import { describe, expect, test } from "bun:test";
import type { Edge } from "./headers.ts";
import { createEdgeReader } from "./trusted-proxies.ts";

const CLIENT = "203.0.113.9";
const connectionFrom = (clientAddress: string): Edge => ({ clientAddress, protocol: "http", host: "inner:4111" });

function edgeFor(proxies: readonly string[], peer: string, headers: Readonly<Record<string, string>>): Edge {
  return createEdgeReader(proxies)(connectionFrom(peer), new Headers(headers));
}

const CLAIMS = {
  "x-forwarded-for": "198.51.100.1",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "bank.example",
  forwarded: "for=198.51.100.1;proto=https;host=bank.example",
  "x-real-ip": "198.51.100.1",
};

describe("a peer that is no trusted proxy", () => {
  test.each([[[]], [["10.0.0.0/8", "fd00::/8"]], [["::/0"]], [["203.0.113.8", "203.0.113.10"]]])(
    "is the client itself whatever it claims (%p)",
    (proxies) => {
      expect(edgeFor(proxies, CLIENT, CLAIMS)).toEqual(connectionFrom(CLIENT));
    },
  );

  test("costs no look at a header", () => {
    const unreadable = new Proxy(new Headers(), {
      get: () => {
        throw new Error("a header was read");
      },
    });
    for (const proxies of [[], ["10.0.0.0/8"]])
      expect(createEdgeReader(proxies)(connectionFrom(CLIENT), unreadable).clientAddress).toBe(CLIENT);
  });

  test("is known by its IPv4 address on a socket of both families", () => {
    expect(edgeFor([], `::ffff:${CLIENT}`, {}).clientAddress).toBe(CLIENT);
    expect(edgeFor(["10.0.0.0/8"], "::ffff:10.1.2.3", CLAIMS).clientAddress).toBe("198.51.100.1");
  });
});

describe("a trusted proxy", () => {
  test.each([
    [["127.0.0.1"], "127.0.0.1"],
    [["127.0.0.0/8"], "127.9.9.9"],
    [["::1"], "::1"],
    [["fd00:1::/32"], "fd00:1:2::3"],
    [["192.0.2.1", "10.0.0.0/8"], "10.255.0.1"],
  ])("in %p is believed about client, protocol and host", (proxies, peer) => {
    const headers = { "x-forwarded-for": CLIENT, "x-forwarded-proto": "https", "x-forwarded-host": "a.example:8443" };
    expect(edgeFor(proxies, peer, headers)).toEqual({
      clientAddress: CLIENT,
      protocol: "https",
      host: "a.example:8443",
    });
  });

  test("that says nothing is itself the client", () => {
    expect(edgeFor(["127.0.0.1"], "127.0.0.1", {})).toEqual(connectionFrom("127.0.0.1"));
  });

  test("is not believed through `Forwarded` or `X-Real-IP`, which it may have let pass", () => {
    const { forwarded, "x-real-ip": realIp } = CLAIMS;
    expect(edgeFor(["127.0.0.1"], "127.0.0.1", { forwarded, "x-real-ip": realIp })).toEqual(
      connectionFrom("127.0.0.1"),
    );
  });

  test.each([
    [`${CLIENT}:51234`, CLIENT],
    ["2001:db8::7", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["[2001:db8::7]:443", "2001:db8::7"],
    [`::ffff:${CLIENT}`, CLIENT],
  ])("may write the client as %s", (entry, address) => {
    expect(edgeFor(["127.0.0.1"], "127.0.0.1", { "x-forwarded-for": entry }).clientAddress).toBe(address);
  });

  test.each([
    ["x-forwarded-for", ""],
    ["x-forwarded-for", "unknown"],
    ["x-forwarded-for", "_hidden"],
    ["x-forwarded-for", "1.2.3.4.5"],
    ["x-forwarded-for", "1.2.3.400"],
    ["x-forwarded-for", "<script>"],
    ["x-forwarded-for", "1.2.3.4,"],
    ["x-forwarded-for", "1.2.3.4, ,"],
    ["x-forwarded-proto", "javascript"],
    ["x-forwarded-proto", "https http"],
    ["x-forwarded-host", "a b"],
    ["x-forwarded-host", "a/b"],
    ["x-forwarded-host", "user@host"],
    ["x-forwarded-host", "host:port"],
    ["x-forwarded-host", ""],
  ])("is not believed when its %s is %p", (name, value) => {
    expect(edgeFor(["127.0.0.1"], "127.0.0.1", { [name]: value })).toEqual(connectionFrom("127.0.0.1"));
  });

  test("names the scheme of a WebSocket or writes capitals, and means https all the same", () => {
    for (const scheme of ["wss", "HTTPS"])
      expect(edgeFor(["::1"], "::1", { "x-forwarded-proto": scheme }).protocol).toBe("https");
  });
});

describe("a chain of proxies", () => {
  const trusted = ["10.0.0.0/8"];

  test("is followed from the right to the first hop that is not trusted", () => {
    const headers = { "x-forwarded-for": `1.1.1.1, ${CLIENT}, 10.0.0.3, 10.0.0.2` };
    expect(edgeFor(trusted, "10.0.0.1", headers).clientAddress).toBe(CLIENT);
  });

  test("that is trusted throughout ends at its first entry", () => {
    expect(edgeFor(trusted, "10.0.0.1", { "x-forwarded-for": "10.0.0.3, 10.0.0.2" }).clientAddress).toBe("10.0.0.3");
  });

  test("is believed as far as it can be read", () => {
    const headers = { "x-forwarded-for": `${CLIENT}, nonsense, 10.0.0.2` };
    expect(edgeFor(trusted, "10.0.0.1", headers).clientAddress).toBe("10.0.0.2");
  });

  test("takes protocol and host from the hop that met the client, not from what the client sent along", () => {
    const headers = {
      "x-forwarded-for": `1.1.1.1, ${CLIENT}, 10.0.0.2`,
      "x-forwarded-proto": "http, https, http",
      "x-forwarded-host": "bank.example, a.example, inner",
    };
    expect(edgeFor(trusted, "10.0.0.1", headers)).toEqual({
      clientAddress: CLIENT,
      protocol: "https",
      host: "a.example",
    });
  });

  test("may pass one value for protocol and host through", () => {
    const headers = { "x-forwarded-for": `${CLIENT}, 10.0.0.2`, "x-forwarded-proto": "https" };
    expect(edgeFor(trusted, "10.0.0.1", headers).protocol).toBe("https");
  });
});

test("whatever a client puts in front, a proxy that appends decides", () => {
  const reader = createEdgeReader(["10.0.0.0/8"]);
  const pieces = [
    "10.0.0.5",
    "1.2.3.4",
    "",
    " ",
    "nonsense",
    "::1",
    ",",
    ",,",
    '"',
    "for=x",
    "10.0.0.5:80",
    "[",
    "0x7f.1",
  ];
  let seed = 1;
  const pick = (): string => pieces[(seed = (seed * 48_271) % 2_147_483_647) % pieces.length] ?? "";
  for (let round = 0; round < 5000; round++) {
    const spoofed = Array.from({ length: round % 7 }, pick).join(", ");
    const append = (value: string): string => (spoofed === "" ? value : `${spoofed}, ${value}`);
    const headers = new Headers({
      "x-forwarded-for": append(CLIENT),
      "x-forwarded-proto": append("https"),
      "x-forwarded-host": append("a.example"),
    });
    expect(reader(connectionFrom("10.0.0.1"), headers)).toEqual({
      clientAddress: CLIENT,
      protocol: "https",
      host: "a.example",
    });
  }
});

test.each(["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "10.0.0", "10.0.0.0/-1"])(
  "%p cannot be trusted",
  (proxy) => {
    expect(() => createEdgeReader([proxy])).toThrow(RangeError);
  },
);
