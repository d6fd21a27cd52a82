import { getSandbox, sandboxUrl } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { untilInterrupted } from "../project/interrupt.ts";
import { startForwarder } from "./forwarder.ts";
import { API_PORT, forwardedOf, parsePortPair, type PortPair } from "./ports.ts";

/** Serves ports of a sandbox on this machine until Ctrl-C. */
export async function forward(context: Context, name: string, ports: readonly string[]): Promise<void> {
  const pairs = ports.length === 0 ? [{ localPort: API_PORT, port: API_PORT }] : ports.map(parsePortPair);
  const sandbox = await getSandbox(context.client, name);
  await serveUntilInterrupted(context, sandboxUrl(context.client, sandbox), pairs);
}

export async function serveUntilInterrupted(context: Context, url: string, pairs: readonly PortPair[]): Promise<void> {
  await untilInterrupted(context.io, async (signal) => {
    await using forwarders = new AsyncDisposableStack();
    for (const pair of pairs) {
      const forwarder = forwarders.use(await startForwarder(context.client, forwardedOf(url, pair)));
      const what = pair.port === API_PORT ? "the sandbox API" : `port ${pair.port}`;
      context.say.info(`${forwarder.url} is ${what}`);
    }
    context.say.info("Ctrl-C ends it");
    await aborted(signal);
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (!signal.aborted) await promise;
}
