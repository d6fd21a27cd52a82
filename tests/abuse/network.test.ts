import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { runCommand } from "@dormouse/engine";
import { OutsideHost } from "@dormouse/engine/testkit";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";
import { attempt, python } from "./attacker.ts";

/* TCP to the host, to the API of others, and to private and metadata addresses is tried in `packages/engine/src/isolation.test.ts`. */

/* Where it could be reached most easily: on every address of the host. */
const suite = useDormouse({ DORMOUSE_HOST: "0.0.0.0" });

let neighbourAddress = "";

beforeAll(async () => {
  const { api } = suite;
  await Promise.all(["attacker", "neighbour"].map((name) => api.create(name)));
  await appServer(api, "neighbour", 3000, "::");
  const echo =
    "import socket\ns = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 3001))\nwhile True: s.sendto(*s.recvfrom(100))";
  await api.process("neighbour", { command: `python3 -c "${echo}"` });
  neighbourAddress = await addressOf("neighbour");
});

const addressOf = async (name: string): Promise<string> =>
  (await attempt(suite.api, name, "hostname -I")).split(" ")[0] ?? "";

/** Prints, for each `[kind, address, port]`, whether anything answered. */
const REACH = `
import errno, json, socket, sys
def reach(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, getattr(socket, kind)) as s:
            s.settimeout(1)
            s.connect((address, port))
            if kind == "SOCK_DGRAM": s.send(b"hello"); s.recv(100)
            return "open"
    except OSError as error:
        return errno.errorcode.get(error.errno, "no answer")
`;

type Target = readonly [kind: "SOCK_STREAM" | "SOCK_DGRAM", address: string, port: number];

/** Those of the targets that answer an attacker. */
async function reachable(targets: readonly Target[]): Promise<Target[]> {
  const source = `${REACH}\nprint(json.dumps([reach(*target) for target in json.loads('''${JSON.stringify(targets)}''')]))`;
  const outcomes = JSON.parse(await python(suite.api, "attacker", source)) as string[];
  return targets.filter((_, index) => outcomes[index] === "open");
}

test("F001 a neighbour's ports, TCP and UDP, by IPv4 and by IPv4 in IPv6", async () => {
  const addresses = [neighbourAddress, `::ffff:${neighbourAddress}`];
  const targets = addresses.flatMap((address): Target[] => [
    ["SOCK_STREAM", address, 3000],
    ["SOCK_STREAM", address, 8080],
    ["SOCK_STREAM", address, 61_000],
    ["SOCK_DGRAM", address, 3001],
  ]);
  expect(await reachable(targets)).toEqual([]);
  expect(await attempt(suite.api, "neighbour", "curl -s http://127.0.0.1:3000/hello")).toContain("hello");
});

test("the host's server and its datagrams, by every address of the host", async () => {
  const port = Number(new URL(suite.dormouse.url).port);
  const echo = await Bun.udpSocket({
    hostname: "0.0.0.0",
    socket: { data: (socket, data, from, address) => void socket.send(data, from, address) },
  });
  try {
    const gateway = neighbourAddress.replace(/\.\d+\.\d+$/, ".0.1");
    const own = Object.values(networkInterfaces()).flatMap((links = []) => links.map(({ address }) => address));
    const addresses = [...new Set([gateway, ...own])].filter((address) => address !== "127.0.0.1" && address !== "::1");
    const spellings = addresses.flatMap((address) =>
      address.includes(":") ? [address] : [address, `::ffff:${address}`],
    );
    const targets = [...spellings, "0.0.0.0", "::", "2130706433"].flatMap((address): Target[] => [
      ["SOCK_STREAM", address, port],
      ["SOCK_DGRAM", address, echo.port],
    ]);
    expect(await reachable(targets)).toEqual([]);
    expect(await (await fetch(`http://127.0.0.1:${port}/v0/`)).status).toBe(401);
  } finally {
    echo.close();
  }
});

test("sockets of the host that have no address are not in sight", async () => {
  const sockets = await attempt(suite.api, "attacker", "cat /proc/net/unix /proc/net/packet /proc/net/netlink 2>&1");
  expect(sockets).not.toContain("dormouse");
  expect(
    await attempt(suite.api, "attacker", "ls -d /run/dormouse /run/docker.sock /var/run/docker.sock 2>/dev/null"),
  ).toBe("");
});

test("IPv6: there is no way out, by link-local and metadata addresses neither", async () => {
  const addresses = ["fd00:ec2::254", "2001:4860:4860::8888", "fe80::1", "ff02::1"];
  expect(await reachable(addresses.map((address) => ["SOCK_STREAM", address, 80]))).toEqual([]);
  const routes = await attempt(suite.api, "attacker", "cat /proc/net/if_inet6 | grep -v ' lo$'");
  expect(routes).toBe("");
});

test("names are asked of the resolver only: other servers get no datagram and no connection on port 53", async () => {
  await using outside = await OutsideHost.start();
  expect(await reachable([["SOCK_STREAM", outside.address, 7000]])).toHaveLength(1);
  expect(
    await reachable([
      ["SOCK_DGRAM", outside.address, 53],
      ["SOCK_STREAM", outside.address, 53],
    ]),
  ).toEqual([]);
  expect(outside.strayDatagramCount).toBe(0);
});

test("packets from an address that is not its own go nowhere, even if it could make them", async () => {
  await using outside = await OutsideHost.start();
  const own = await addressOf("attacker");
  const send = (source: string): Promise<string> => sendFrom(own, { source, target: outside.address });
  await send(own);
  expect(outside.strayDatagramCount).toBe(1);
  for (const source of [neighbourAddress, "10.0.0.1", "192.168.1.1", "8.8.8.8", "127.0.0.1"]) await send(source);
  expect(outside.strayDatagramCount).toBe(1);
});

/** As root of the host in the network of the sandbox with this address, which root inside is not: an IPv4 header of one's own. */
function sendFrom(address: string, { source, target }: { source: string; target: string }): Promise<string> {
  const program = `
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", 4000, 4001, 8, 0)
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton("${source}"), socket.inet_aton("${target}"))
s.sendto(header + udp, ("${target}", 0))`;
  return runCommand(["nsenter", `--net=/proc/${initOf(address)}/ns/net`, "python3", "-c", program]);
}

/** Host process id of the sandbox that has an address. */
function initOf(address: string): number {
  const folder = join(suite.dormouse.dataDir, "sandboxes");
  const runs = readdirSync(folder).map(
    (id) =>
      JSON.parse(readFileSync(join(folder, id, "run.json"), "utf8")) as { initPid: number; slot: { address: string } },
  );
  return runs.find(({ slot }) => slot.address === address)?.initPid ?? 0;
}

test("a flood of connections to the outside ends at its share of the host's table; others still get out", async () => {
  await using outside = await OutsideHost.start();
  const flood = `
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
refused = 0
for port in range(10000, 30000):
    try: s.sendto(b"", ("${outside.address}", port))
    except OSError: refused += 1
print("sent")`;
  expect(await python(suite.api, "attacker", flood)).toBe("sent\n");
  expect(outside.strayDatagramCount).toBeGreaterThan(3000);
  expect(outside.strayDatagramCount).toBeLessThanOrEqual(4096);
  const get = `curl -sS --max-time 5 http://${outside.address}:7000/`;
  expect(await suite.api.run("neighbour", get)).toBe(`::ffff:${outside.addressOfMachine}`);
});

test("an app that sends its visitors to the host's own addresses sends the gateway nowhere", async () => {
  let visits = 0;
  using internal = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(String(++visits)) });
  const location = `http://127.0.0.1:${internal.port}/`;
  const app = `require("http").createServer((q, r) => r.writeHead(302, { location: "${location}" }).end()).listen(3002)`;
  await suite.api.process("attacker", { command: `node -e '${app}'`, waitForPorts: [3002], timeout: 30 });
  const answer = await suite.api.fetch("attacker", "/port/3002/", { redirect: "manual" });
  expect({ status: answer.status, location: answer.headers.get("location") }).toEqual({ status: 302, location });
  expect(visits).toBe(0);
});
