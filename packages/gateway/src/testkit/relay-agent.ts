import { AGENT_PORT } from "../place.ts";
import type { GatewayBench } from "./gateway-bench.ts";

/** What a sandbox's agent says about ports that listen on loopback only; in a bench the relays are the apps themselves. */
export interface RelayAgent {
  /** Port of an app → port of its relay. */
  readonly relays: Map<number, number>;
  /** Ports it was asked for, in order. */
  readonly asked: number[];
}

export async function startRelayAgent(
  bench: GatewayBench,
  relays: Readonly<Record<number, number>> = {},
): Promise<RelayAgent> {
  const known = new Map(Object.entries(relays).map(([port, relayPort]) => [Number(port), relayPort]));
  const agent: RelayAgent = { relays: known, asked: [] };
  await bench.listenHttp(AGENT_PORT, (request, response) => {
    const port = Number(request.method === "POST" && /^\/network\/relays\/(\d+)$/.exec(request.url ?? "")?.[1]);
    agent.asked.push(port);
    const relayPort = known.get(port);
    const body = JSON.stringify(relayPort === undefined ? { error: "nothing listens" } : { port: relayPort });
    response.writeHead(relayPort === undefined ? 404 : 200, { "content-length": body.length }).end(body);
  });
  return agent;
}
