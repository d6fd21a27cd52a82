/** What a provider was asked. */
export interface ProviderCall {
  readonly path: string;
  readonly authorization: string | null;
  readonly body: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** A provider on loopback that records what it is asked and answers as told. */
export interface TestProvider extends Disposable {
  readonly url: string;
  readonly calls: readonly ProviderCall[];
}

export function startProvider(answer: (call: ProviderCall) => Response | Promise<Response>): TestProvider {
  const calls: ProviderCall[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const path = new URL(request.url).pathname;
      const body = (await request.json()) as ProviderCall["body"];
      const call = { path, authorization: request.headers.get("authorization"), body, signal: request.signal };
      calls.push(call);
      return answer(call);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    [Symbol.dispose]: () => void server.stop(true),
  };
}
