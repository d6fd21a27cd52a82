import { expect, test } from "bun:test";
import type { PortEvent, ProcessPorts, SandboxPorts } from "@dormouse/schema";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";

/** Shell that listens on ports of its own, TCP on all addresses and on loopback, UDP, and holds a connection; prints the ports. */
const LISTEN = `${process.execPath} -e '
const tcp = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
const local = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
const udp = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
await Bun.connect({ hostname: "127.0.0.1", port: tcp.port, socket: { data() {} } });
console.log(JSON.stringify([tcp.port, local.port, udp.port]));
setInterval(() => {}, 1e6);'`;

async function startListening(agent: TestAgent): Promise<{ pid: string; ports: [number, number, number] }> {
  const { pid } = await agent.exec({ command: LISTEN });
  const stdout = async () => {
    const logs = (await (await agent.request(`/process/${pid}/logs`)).json()) as { stdout: string };
    return logs.stdout;
  };
  await until(async () => (await stdout()).endsWith("\n"));
  return { pid, ports: JSON.parse(await stdout()) as [number, number, number] };
}

const portsOf = async (agent: TestAgent, pid: string | number) =>
  (await (await agent.request(`/network/process/${pid}/ports`)).json()) as ProcessPorts;
const monitor = (agent: TestAgent, pid: string | number, method: "POST" | "DELETE", callback?: string) =>
  agent.request(`/network/process/${pid}/monitor`, {
    method,
    body: callback === undefined ? null : JSON.stringify({ callback }),
  });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

/** Records what is posted to it. */
function startReceiver(status = 200) {
  const events: PortEvent[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      events.push((await request.json()) as PortEvent);
      return new Response(null, { status });
    },
  });
  return { events, url: `http://127.0.0.1:${server.port}/ports`, [Symbol.dispose]: () => void server.stop(true) };
}

test("a process' ports are listed with its children's, one entry for each, those that listen first", async () => {
  await using agent = startTestAgent();
  const { pid, ports } = await startListening(agent);
  const [tcp, local, udp] = ports;
  const listed = await portsOf(agent, pid);
  expect(listed.pid).toBe(Number(pid));
  const entry = { pid: expect.any(Number), remotePort: 0, processName: expect.stringContaining("bun") };
  expect(listed.ports).toContainEqual({
    ...entry,
    protocol: "tcp",
    localAddr: "0.0.0.0",
    localPort: tcp,
    remoteAddr: "0.0.0.0",
    state: "LISTEN",
  });
  expect(listed.ports).toContainEqual({
    ...entry,
    protocol: "tcp",
    localAddr: "::1",
    localPort: local,
    remoteAddr: "::",
    state: "LISTEN",
  });
  expect(listed.ports).toContainEqual({
    ...entry,
    protocol: "udp",
    localAddr: "127.0.0.1",
    localPort: udp,
    remoteAddr: "0.0.0.0",
    state: "UNCONN",
  });
  expect(listed.ports.slice(3).map(({ state, remotePort }) => [state, remotePort])).toEqual([["ESTAB", tcp]]);
  expect(listed.ports).toHaveLength(4);
});

test("the pid clients know leads to the ports of a process that has been restarted", async () => {
  await using agent = startTestAgent();
  const command = `[ -e again ] || { touch again; exit 1; }; ${LISTEN}`;
  const { pid } = await agent.exec({ command, restartOnFailure: true, maxRestarts: 1 });
  await until(async () => (await portsOf(agent, pid)).ports.length >= 3);
});

test("an unknown process has no ports, and what is no number is 400", async () => {
  await using agent = startTestAgent();
  expect(await portsOf(agent, 2 ** 30)).toEqual({ pid: 2 ** 30, ports: [] });
  for (const [path, method] of [
    ["ports", "GET"],
    ["monitor", "POST"],
    ["monitor", "DELETE"],
  ] as const) {
    const refused = await agent.request(`/network/process/name/${path}`, { method });
    expect([refused.status, await errorOf(refused)]).toEqual([400, "invalid PID"]);
  }
});

test("everything that listens in the sandbox is listed, whoever started it", async () => {
  await using agent = startTestAgent();
  const { ports } = await startListening(agent);
  const all = (await (await agent.request("/network/ports")).json()) as SandboxPorts;
  const found = all.ports.filter(({ localPort }) => [...ports, agent.api.port].includes(localPort));
  expect(new Set(found.map(({ localPort }) => localPort))).toEqual(new Set([...ports, agent.api.port]));
  expect(found.every(({ state, pid }) => ["LISTEN", "UNCONN"].includes(state) && pid > 0)).toBe(true);
  expect(found.find(({ localPort }) => localPort === agent.api.port)?.pid).toBe(process.pid);
});

test("a monitor tells its callbacks of each port once, also of one opened before, and soon (R-24)", async () => {
  await using agent = startTestAgent();
  using first = startReceiver();
  using second = startReceiver();
  const { pid, ports } = await startListening(agent);
  const started = await monitor(agent, pid, "POST", first.url);
  expect(await started.json()).toEqual({ path: "", message: "Port monitoring started" });
  await monitor(agent, pid, "POST", second.url);
  await monitor(agent, pid, "POST", second.url);
  await until(() => first.events.length === 3 && second.events.length === 3, 4000);
  const expected = ports.map((port) => ({ pid: Number(pid), port })).sort((a, b) => a.port - b.port);
  for (const { events } of [first, second]) expect(events.toSorted((a, b) => a.port - b.port)).toEqual(expected);
});

test("a port counts when a child of the process' shell opens it (R-09)", async () => {
  await using agent = startTestAgent();
  using receiver = startReceiver();
  const { pid } = await agent.exec({ command: `while [ ! -e go ]; do sleep 0.05; done; (${LISTEN}) & wait` });
  await monitor(agent, pid, "POST", receiver.url);
  await agent.request("/filesystem/go", { method: "PUT", body: '{"content":""}' });
  await until(() => receiver.events.length === 3);
});

test("after it is stopped a monitor tells nobody anything, and stopping again is no error (D-10)", async () => {
  await using agent = startTestAgent();
  using receiver = startReceiver();
  using hanging = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => {}) });
  const { pid } = await agent.exec({ command: `while [ ! -e go ]; do sleep 0.05; done; ${LISTEN}` });
  for (const url of [`http://127.0.0.1:${hanging.port}/`, receiver.url]) await monitor(agent, pid, "POST", url);
  for (let times = 0; times < 2; times += 1) {
    const stopped = await monitor(agent, pid, "DELETE");
    expect(await stopped.json()).toEqual({ path: "", message: "Port monitoring stopped" });
  }
  await agent.request("/filesystem/go", { method: "PUT", body: '{"content":""}' });
  using other = startReceiver();
  await monitor(agent, pid, "POST", other.url);
  await until(() => other.events.length === 3);
  expect(receiver.events).toEqual([]);
});

test("callbacks that are no web address, or lead to the machine's credentials, are refused", async () => {
  await using agent = startTestAgent();
  const urls = [
    "/relative",
    "ftp://example.com/",
    "file:///etc/passwd",
    "http://user:secret@127.0.0.1/",
    "http://169.254.169.254/latest",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    `http://127.0.0.1/${"x".repeat(3000)}`,
  ];
  for (const url of urls) {
    const refused = await monitor(agent, 1, "POST", url);
    expect([url, refused.status]).toEqual([url, 400]);
    expect(await errorOf(refused)).toStartWith("invalid callback URL: ");
  }
  expect((await monitor(agent, 1, "POST", "")).status).toBe(400);
});

test("there are at most a hundred monitors, and they end with their process", async () => {
  await using agent = startTestAgent();
  using receiver = startReceiver();
  const { pid } = await agent.exec({ command: "sleep 60" });
  const start = (index: number) => monitor(agent, pid, "POST", `${receiver.url}?${index}`);
  for (let index = 0; index < 100; index += 1) expect((await start(index)).status).toBe(200);
  expect((await start(100)).status).toBe(422);
  await agent.request(`/process/${pid}/kill`, { method: "DELETE" });
  await until(async () => (await start(100)).status === 200);
});

test("a callback that fails is tried again a few times, and a redirect is not followed", async () => {
  await using agent = startTestAgent();
  using failing = startReceiver(500);
  using target = startReceiver();
  const redirect = () => new Response(null, { status: 307, headers: { Location: target.url } });
  using redirecting = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: redirect });
  const command = `${process.execPath} -e 'Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } })'`;
  const { pid } = await agent.exec({ command });
  for (const url of [failing.url, `http://127.0.0.1:${redirecting.port}/`]) await monitor(agent, pid, "POST", url);
  await until(() => failing.events.length === 3);
  expect(target.events).toEqual([]);
});
