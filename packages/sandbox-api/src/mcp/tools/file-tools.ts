import { AppError } from "@dormouse/kernel";
import { lstatSync } from "node:fs";
import type { SandboxApiConfig } from "../../config.ts";
import { listDirectory } from "../../files/list.ts";
import { removePath } from "../../files/remove.ts";
import { writeFromJson } from "../../files/write.ts";
import { JsonFields } from "../../json-body.ts";
import { boolean, integer, list, openObject, optional, string } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";
import { toolPath } from "../tool-path.ts";
import { editFile } from "./edit-file.ts";
import { readTextFile } from "./read-text-file.ts";

const PATH = { path: string("Path, relative to the working directory unless it starts with a slash") };
const CHANGE = { path: string("Path as given"), message: string("What was done") };

const FILE = {
  path: string("Path"),
  name: string("Name"),
  permissions: string("Octal mode"),
  size: integer("Bytes"),
  lastModified: string("RFC 3339"),
  owner: string("User name or number"),
  group: string("Group name or number"),
};

/** What a listing tool answers as `directory`. */
export const DIRECTORY = openObject("One level of a directory", {
  path: string("Path"),
  name: string("Name"),
  files: list("Everything that is no directory", openObject("A file", FILE)),
  subdirectories: list("Directories", openObject("A directory", { path: string("Path"), name: string("Name") })),
});

/** Tools on files and directories. */
export function fileTools(config: SandboxApiConfig): Tool[] {
  return [...readingTools(config), ...writingTools(config)];
}

function readingTools(config: SandboxApiConfig): Tool[] {
  return [
    defineTool({
      name: "fsGetWorkingDirectory",
      description: "Get the working directory, which relative paths start from.",
      hints: { title: "Get the working directory", readOnlyHint: true },
      input: {},
      output: { path: string("Absolute path") },
      call: () => ({ path: config.workingDirectory }),
    }),
    defineTool({
      name: "fsListDirectory",
      description: "List the files and subdirectories of a directory, one level deep.",
      hints: { title: "List a directory", readOnlyHint: true },
      input: PATH,
      output: { directory: DIRECTORY },
      failure: "failed to list directory",
      call: async ({ path }) => ({ directory: await listDirectory(toolPath(config, path)) }),
    }),
    defineTool({
      name: "fsReadFile",
      description: "Read a whole text file of up to 10 MiB. Read a part of a larger one with codegenReadFileRange.",
      hints: { title: "Read a file", readOnlyHint: true },
      input: PATH,
      output: { ...FILE, content: string("Text; bytes that are no UTF-8 come out as U+FFFD") },
      failure: "failed to read file",
      call: ({ path }) => readTextFile(toolPath(config, path)),
    }),
  ];
}

function writingTools(config: SandboxApiConfig): Tool[] {
  return [
    defineTool({
      name: "fsWriteFile",
      description:
        "Create a file, or replace all of its content; parents are made as needed. To change a part of a file use fsEditFile.",
      hints: { title: "Write a file", destructiveHint: true, idempotentHint: true },
      input: {
        ...PATH,
        content: optional(string("Text, empty when left out")),
        permissions: optional(string("Octal mode of a new file or directory; 0644 or 0755 when left out")),
        isDirectory: optional(boolean("Make a directory instead; false when left out")),
      },
      output: CHANGE,
      failure: "failed to write file",
      call: (input) => writeFromJson(toolPath(config, input.path), new JsonFields(input)),
    }),
    defineTool({
      name: "fsEditFile",
      description:
        "Replace an exact piece of text in a file. It must occur once, unless replaceAll is set: give enough of the lines around it.",
      hints: { title: "Edit a file", destructiveHint: true },
      input: {
        ...PATH,
        oldString: string("Text to replace, exactly as it stands in the file"),
        newString: string("Text to put there; empty deletes"),
        replaceAll: optional(boolean("Replace every occurrence; false when left out")),
      },
      output: { path: string("Path as given"), occurrencesReplaced: integer("How many") },
      call: (input) => editFile(toolPath(config, input.path), input),
    }),
    deletingTool(config),
  ];
}

function deletingTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "fsDeleteFileOrDirectory",
    description: "Delete a file, a link or a directory.",
    hints: { title: "Delete a file or a directory", destructiveHint: true },
    input: {
      ...PATH,
      isDirectory: optional(boolean("Refuse when it is the other kind; either kind when left out")),
      recursive: optional(boolean("Delete a directory with all it holds; false when left out")),
    },
    output: CHANGE,
    failure: "failed to delete",
    call: async ({ path, isDirectory, recursive }) => {
      const target = toolPath(config, path);
      if (isDirectory !== undefined) requireKind(target.absolute, isDirectory);
      return removePath(target, recursive ?? false);
    },
  });
}

function requireKind(path: string, isDirectory: boolean): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isDirectory() === isDirectory) return;
  throw new AppError("INVALID_ARGUMENT", `${path} is ${isDirectory ? "not a directory" : "a directory"}`);
}
