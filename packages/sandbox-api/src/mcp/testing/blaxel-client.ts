import { BlaxelMcpClientTransport } from "@blaxel/core";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CLIENT_INFO } from "./clients.ts";

// Program of a test: connects as `@blaxel/core` does, to the WebSocket URL it is given, and prints what it saw.
const [, , url = ""] = process.argv;
const client = new Client(CLIENT_INFO);
await client.connect(new BlaxelMcpClientTransport(url, {}, { retry: { max: 0 } }));
const { tools } = await client.listTools();
const { structuredContent } = await client.callTool({ name: "fsGetWorkingDirectory", arguments: {} });
process.stdout.write(JSON.stringify({ toolCount: tools.length, structuredContent }));
await client.close();
