import { getSandbox, sandboxUrl } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { untilInterrupted } from "../project/interrupt.ts";
import { startForwarder } from "./forwarder.ts";
import { API_PORT, forwardedOf, parsePortPair, type PortPair } from "./ports.ts";

/** Serves ports of a sandbox on this machine until Ctrl-C. */
export async function forward(context: Context, name: string, ports: readonly string[]): Promise<void> {
  const pairs = ports.length === 0 ? [{ localPort: API_PORT, port: API_PORT }] : ports.map(parsePortPair);
  const url = sandboxUrl(context.client, await getSandbox(context.client, name));
  await untilInterrupted(context.io, (signal) => serveUntil(context, { url, pairs, signal }));
}

export interface Serving {
  /** Of the API of the sandbox. */
  readonly url: string;
  readonly pairs: readonly PortPair[];
  readonly signal: AbortSignal;
}

export async function serveUntil({ client, say }: Context, { url, pairs, signal }: Serving): Promise<void> {
  await using forwarders = new AsyncDisposableStack();
  for (const pair of pairs) {
    const forwarder = forwarders.use(await startForwarder(client, forwardedOf(url, pair)));
    const what = pair.port === API_PORT ? "the sandbox API" : `port ${pair.port}`;
    say.info(`${forwarder.url} is ${what}`);
  }
  say.info("Ctrl-C ends it");
  await aborted(signal);
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (!signal.aborted) await promise;
}
