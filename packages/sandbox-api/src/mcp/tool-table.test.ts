import { expect, test } from "bun:test";
import type { JsonSchema } from "./fields.ts";
import { type McpTestAgent, startMcpAgent } from "./testing/clients.ts";

/** Arguments of every tool: `?` behind those that may be left out. */
const TOOLS: Readonly<Record<string, string>> = {
  codegenCodebaseSearch: "query targetDirectories?",
  codegenEditFile: "targetFile instructions codeEdit",
  codegenFileSearch: "query directory?",
  codegenGrepSearch: "query caseSensitive? includePattern? excludePattern?",
  codegenListDir: "relativeWorkspacePath",
  codegenParallelApply: "editPlan editRegions",
  codegenReadFileRange: "targetFile startLineOneIndexed endLineOneIndexedInclusive",
  codegenReapply: "targetFile",
  codegenRerank: "path query scoreThreshold? tokenLimit? filePattern?",
  fsDeleteFileOrDirectory: "path isDirectory? recursive?",
  fsEditFile: "path oldString newString replaceAll?",
  fsGetWorkingDirectory: "",
  fsListDirectory: "path",
  fsReadFile: "path",
  fsWriteFile: "path content? permissions? isDirectory?",
  processExecute:
    "command name? workingDir? env? waitForCompletion? timeout? waitForPorts? restartOnFailure? maxRestarts? keepAlive?",
  processGet: "identifier",
  processGetLogs: "identifier",
  processKill: "identifier",
  processStop: "identifier",
  processesList: "",
};

const PLAIN_KEYS = ["type", "description", "items", "properties", "required", "additionalProperties"];

interface ListedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
}

const listTools = async ({ client }: McpTestAgent) => (await client.listTools()).tools as unknown as ListedTool[];

/** Every schema within `schema`, itself included. */
function* schemasIn(schema: JsonSchema): Generator<JsonSchema> {
  yield schema;
  for (const property of Object.values(schema.properties ?? {})) yield* schemasIn(property);
  if (schema.items !== undefined) yield* schemasIn(schema.items);
  if (schema.additionalProperties) yield* schemasIn(schema.additionalProperties);
}

test("every tool is there, without a key too, by name and with the arguments clients know (F221, F222, F223)", async () => {
  await using mcp = await startMcpAgent();
  const tools = await listTools(mcp);
  expect(tools.map(({ name }) => name)).toEqual(Object.keys(TOOLS));
  for (const { name, inputSchema, description } of tools) {
    const { properties = {}, required = [] } = inputSchema;
    const shown = Object.keys(properties).map((key) => (required.includes(key) ? key : `${key}?`));
    expect(`${name}: ${shown.join(" ")}`).toBe(`${name}: ${TOOLS[name]}`);
    expect(description).toBeTruthy();
  }
});

test("schemas are plain, closed for arguments and open for results (R-36)", async () => {
  await using mcp = await startMcpAgent();
  for (const { inputSchema, outputSchema } of await listTools(mcp)) {
    expect(inputSchema.additionalProperties).toBe(false);
    const all = [...schemasIn(inputSchema), ...schemasIn(outputSchema)];
    expect(all.flatMap(Object.keys).filter((key) => !PLAIN_KEYS.includes(key))).toEqual([]);
    for (const schema of schemasIn(outputSchema)) expect(schema.additionalProperties).not.toBe(false);
  }
});

test("arguments that do not fit are an error in words, an unknown tool is one of the protocol", async () => {
  await using mcp = await startMcpAgent();
  const refusals: [name: string, input: Record<string, unknown>, text: string][] = [
    ["fsListDirectory", {}, `"path" is required`],
    ["fsReadFile", { path: 7 }, `"path" must be a string`],
    ["fsReadFile", { path: "x", encoding: "utf8" }, `"encoding" is not known`],
    ["processExecute", { command: "true", timeout: 1.5 }, `"timeout" must be an integer`],
    ["processExecute", { command: "" }, "command"],
    ["processExecute", { command: "true", waitForPorts: [0] }, "is not a port"],
    ["codegenParallelApply", { editPlan: "x", editRegions: [{ path: "a" }] }, `"editRegions[0].path" is not known`],
  ];
  for (const [name, input, text] of refusals) {
    const refused = await mcp.call(name, input);
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain(text);
  }
  expect(mcp.call("nonExistentTool")).rejects.toThrow(`Unknown tool "nonExistentTool"`);
});
