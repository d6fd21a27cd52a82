import { SingleFlight } from "@dormouse/kernel";
import { AGENT_PORT } from "./place.ts";
import { codeOf, nothingListensError, unreachableError, type UnreachableTarget } from "./unreachable.ts";

/** Much longer than an agent takes to look and listen. */
const ASK_TIMEOUT_MS = 5000;
/** Of `{"port":65535}` with space to spare: what answers may be anybody inside the sandbox. */
const MAX_ANSWER_BYTES = 64;

/** By address and port; no two sandboxes have one address at a time. */
const questions = new SingleFlight<number | undefined>();

/** Undefined for a port that is connected to directly, as nearly all are. */
export function relayPortOf({ lease, port }: UnreachableTarget): number | undefined {
  return lease.relayPorts.get(port);
}

/** True when nobody takes connections there, any more or yet; after a reset something may have been delivered all the same. */
export function isPortGone({ port }: UnreachableTarget, triedPort: number, error: unknown): boolean {
  const code = codeOf(error);
  // A relay accepts before it knows whether anybody takes the connection, and then can only reset.
  return port !== AGENT_PORT && (code === "ECONNREFUSED" || (code === "ECONNRESET" && triedPort !== port));
}

/**
 * Asks the agent at which port the app is reached now, and remembers it.
 * @throws {AppError} UPSTREAM_UNREACHABLE when nothing listens, SANDBOX_UNAVAILABLE when there is no agent either.
 */
export async function findPort(target: UnreachableTarget, cause: unknown): Promise<number> {
  const { lease, port } = target;
  const { address } = lease;
  const found = await questions
    .run(`${address}:${port}`, () => askAgent(address, port))
    .catch((error: unknown) => {
      throw unreachableError({ ...target, port: AGENT_PORT }, error);
    });
  remember(target, found);
  if (found === undefined) throw nothingListensError(target, cause);
  return found;
}

function remember({ lease, port }: UnreachableTarget, found: number | undefined): void {
  if (found === undefined || found === port) lease.relayPorts.delete(port);
  else lease.relayPorts.set(port, found);
}

/** The port in the agent's answer to `POST /network/relays/{port}`; undefined when nothing listens. */
async function askAgent(address: string, port: number): Promise<number | undefined> {
  const answer = await fetch(`http://${address}:${AGENT_PORT}/network/relays/${port}`, {
    method: "POST",
    redirect: "manual",
    decompress: false,
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
  });
  const isShort = Number(answer.headers.get("content-length") ?? Number.NaN) <= MAX_ANSWER_BYTES;
  if (answer.status === 200 && isShort) return portIn(await answer.text());
  await answer.body?.cancel();
  return undefined;
}

function portIn(text: string): number | undefined {
  const port = Number(/^\{"port":(\d{1,5})\}$/.exec(text)?.[1]);
  return port > 0 && port <= 65_535 && port !== AGENT_PORT ? port : undefined;
}
