import { expect, test } from "bun:test";
import { startTestAgent, type TestAgent } from "../testing/agent.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");
const VALID = { local_ip: "10.0.0.2/32", peer_endpoint: "127.0.0.1:51820", peer_public_key: KEY, private_key: KEY };

const put = (agent: TestAgent, body: unknown) =>
  agent.request("/network/tunnel/config", { method: "PUT", body: JSON.stringify(body) });
const encode = (config: unknown) => ({ config: Buffer.from(JSON.stringify(config)).toString("base64") });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("a tunnel that is configured rightly is refused with the reason (R-30), unknown keys do not matter", async () => {
  await using agent = startTestAgent();
  for (const config of [VALID, { ...VALID, mtu: 1300, allowed_ips: ["0.0.0.0/0", "::/0"], future: true }]) {
    const refused = await put(agent, encode(config));
    expect([refused.status, await errorOf(refused)]).toEqual([
      422,
      expect.stringMatching(/^the egress tunnel is not available on this host: /),
    ]);
  }
});

test("a tunnel configured wrongly is told so: 400 without a config, 422 for what is in it", async () => {
  await using agent = startTestAgent();
  for (const body of [{}, { config: "" }, { config: 1 }]) expect((await put(agent, body)).status).toBe(400);
  const wrong = [
    { ...VALID, local_ip: "10.0.0.2" },
    { ...VALID, peer_endpoint: "nowhere" },
    { ...VALID, private_key: "c2hvcnQ=" },
    { ...VALID, peer_public_key: undefined },
    { ...VALID, mtu: 67 },
    { ...VALID, mtu: "1420" },
    { ...VALID, allowed_ips: ["everything"] },
  ];
  for (const body of [...wrong.map(encode), { config: "no json" }]) {
    const refused = await put(agent, body);
    expect([refused.status, await errorOf(refused)]).toEqual([422, expect.stringMatching(/^invalid tunnel config: /)]);
  }
});

test("no tunnel runs, so none can be disconnected, and its keys cannot be read", async () => {
  await using agent = startTestAgent();
  const refused = await agent.request("/network/tunnel", { method: "DELETE" });
  expect([refused.status, await errorOf(refused)]).toEqual([400, "no WireGuard client is running"]);
  for (const path of ["/network/tunnel", "/network/tunnel/config"]) {
    expect((await agent.request(path)).status).toBe(404);
  }
});
