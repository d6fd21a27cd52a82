import type { SandboxApiConfig } from "../../config.ts";
import { listDirectory } from "../../files/list.ts";
import { boolean, integer, string } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";
import { toolPath } from "../tool-path.ts";
import { DIRECTORY } from "./file-tools.ts";
import { MAX_RANGE_LINES, readFileRange } from "./read-file-range.ts";

/** Tools that look at the project as editors do. */
export function readingTools(config: SandboxApiConfig): Tool[] {
  return [listDirTool(config), readFileRangeTool(config)];
}

function listDirTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenListDir",
    description: "List the files and subdirectories of a directory of the project, one level deep.",
    hints: { title: "List a directory of the project", readOnlyHint: true },
    input: { relativeWorkspacePath: string("Path, relative to the working directory") },
    output: { success: boolean("True"), directory: DIRECTORY },
    failure: "failed to list directory",
    call: async (input) => ({
      success: true,
      directory: await listDirectory(toolPath(config, input.relativeWorkspacePath)),
    }),
  });
}

function readFileRangeTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenReadFileRange",
    description: `Read some lines of a file of any size, at most ${MAX_RANGE_LINES} at once.`,
    hints: { title: "Read lines of a file", readOnlyHint: true },
    input: {
      targetFile: string("Path, relative to the working directory unless it starts with a slash"),
      startLineOneIndexed: integer("First line, counted from 1"),
      endLineOneIndexedInclusive: integer("Last line, counted from 1 and included"),
    },
    output: { success: boolean("True"), content: string("The lines"), file: string("Path as given") },
    failure: "failed to read file",
    call: async ({ targetFile, startLineOneIndexed: first, endLineOneIndexedInclusive: last }, signal) => {
      const content = await readFileRange(toolPath(config, targetFile), { first, last }, signal);
      return { success: true, content, file: targetFile };
    },
  });
}
