import type { EditHistory } from "../codegen/edit-history.ts";
import type { SandboxApiConfig } from "../config.ts";
import type { ProcessTable } from "../processes/process-table.ts";
import type { Tool } from "./tool.ts";
import { editingTools } from "./tools/editing-tools.ts";
import { fileTools } from "./tools/file-tools.ts";
import { processExecuteTool } from "./tools/process-execute.ts";
import { processTools } from "./tools/process-tools.ts";
import { readingTools } from "./tools/reading-tools.ts";
import { searchingTools } from "./tools/searching-tools.ts";

/** Every tool by name, in the order clients see them. */
export type ToolTable = ReadonlyMap<string, Tool>;

/** What the tools work on. */
export interface ToolDeps {
  readonly config: SandboxApiConfig;
  readonly processes: ProcessTable;
  /** Last edit of each file, by whichever way it was asked for. */
  readonly edits: EditHistory;
}

/** All tools of a sandbox; one table serves all clients. */
export function createToolTable({ config, processes, edits }: ToolDeps): ToolTable {
  const tools = [
    processExecuteTool(config, processes),
    ...processTools(config, processes),
    ...fileTools(config),
    ...readingTools(config),
    ...searchingTools(config),
    ...editingTools(config, edits),
  ];
  return new Map(tools.sort((a, b) => (a.name < b.name ? -1 : 1)).map((tool) => [tool.name, tool]));
}
