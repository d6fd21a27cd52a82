import { AgentIdle } from "@dormouse/schema";
import { AGENT_PORT } from "./place.ts";

/** An agent says at once how many keepAlive processes it has, unless it is frozen just then or older than the question. */
const COUNT_TIMEOUT_MS = 1000;

/** Resolves when the agent says that no keepAlive process runs inside. @throws when the question is cut off or aborted */
export async function untilAgentIsIdle(address: string, signal: AbortSignal): Promise<void> {
  const answer = await ask(address, "", signal);
  await answer.body?.cancel();
}

/** `undefined` when the agent does not say. */
export async function countKeepAlive(address: string): Promise<number | undefined> {
  try {
    const answer = await ask(address, "?wait=false", AbortSignal.timeout(COUNT_TIMEOUT_MS));
    const reader = answer.body?.getReader();
    // The little that an agent sends comes in one piece; what else may come is not waited for.
    const start = (await reader?.read())?.value;
    await reader?.cancel();
    return AgentIdle.parse(JSON.parse(new TextDecoder().decode(start))).keepAliveCount;
  } catch {
    return undefined;
  }
}

/** Whatever answers inside the sandbox must neither send this process elsewhere nor fill its memory. */
function ask(address: string, query: string, signal: AbortSignal): Promise<Response> {
  const init: BunFetchRequestInit = { signal, redirect: "manual", timeout: false };
  return fetch(`http://${address}:${AGENT_PORT}/_dormouse/idle${query}`, init);
}
