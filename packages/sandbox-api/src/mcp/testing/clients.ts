import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client";
import { startTestAgent, type TestAgent } from "../../testing/agent.ts";

/** What a tool call gave. */
export interface Outcome {
  readonly isError: boolean;
  /** Text of the first content item, which is JSON when it is no error. */
  readonly text: string;
  readonly output: Readonly<Record<string, unknown>>;
}

/** The stock client, connected to an agent of a test's own. */
export interface McpTestAgent extends AsyncDisposable {
  readonly agent: TestAgent;
  readonly client: Client;
  call(name: string, input?: Record<string, unknown>, options?: { signal: AbortSignal }): Promise<Outcome>;
}

export const CLIENT_INFO = { name: "test", version: "1.0.0" };

/** Starts an agent and connects over HTTP, or over what `transportTo` makes of the agent's URL. */
export async function startMcpAgent(
  env: Readonly<Record<string, string>> = {},
  transportTo: (url: string) => Transport = (url) => new StreamableHTTPClientTransport(new URL(`${url}/mcp`)),
): Promise<McpTestAgent> {
  const agent = startTestAgent(env);
  const client = new Client(CLIENT_INFO);
  await client.connect(transportTo(agent.url));
  return {
    agent,
    client,
    call: async (name, input = {}, options) => {
      const { isError, content, structuredContent } = await client.callTool({ name, arguments: input }, options);
      const first = content[0];
      const text = first?.type === "text" ? first.text : "";
      return { isError: isError === true, text, output: (structuredContent ?? {}) as Outcome["output"] };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await agent[Symbol.asyncDispose]();
    },
  };
}

/** `POST /mcp` by hand. */
export function postMcp(agent: TestAgent, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return agent.request("/mcp", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
