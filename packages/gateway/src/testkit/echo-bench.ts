import { GatewayBench } from "./gateway-bench.ts";

/** A bench whose app answers with the request line and headers it saw, on port 3000 and as the agent. */
export async function benchWithEcho(
  options: ConstructorParameters<typeof GatewayBench>[0] = {},
): Promise<GatewayBench> {
  const bench = new GatewayBench(options);
  for (const port of [3000, 8080]) {
    await bench.listenHttp(port, (request, response) => {
      response.setHeader("access-control-allow-origin", "*");
      const type = new URL(request.url ?? "", "http://app").searchParams.get("type");
      if (type !== null) response.setHeader("content-type", type);
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
  }
  return bench;
}

export interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** What the app saw of a request that must have reached it. */
export async function echoOf(answer: Response): Promise<Echo> {
  if (answer.status !== 200) throw new Error(`Expected the app's answer, got ${answer.status}`);
  return (await answer.json()) as Echo;
}
