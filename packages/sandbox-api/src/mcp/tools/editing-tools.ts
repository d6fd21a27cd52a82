import { AppError } from "@dormouse/kernel";
import { applyEdit, reapplyEdit } from "../../codegen/apply-edit.ts";
import type { EditHistory } from "../../codegen/edit-history.ts";
import { parallelApply } from "../../codegen/parallel-apply.ts";
import { rerank } from "../../codegen/rerank.ts";
import { MAX_TEXT_BYTES } from "../../codegen/text-file.ts";
import type { SandboxApiConfig } from "../../config.ts";
import { boolean, integer, list, number, object, openObject, optional, string } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";
import { toolPath } from "../tool-path.ts";

const PROVIDER = string("relace or morphllm when its key is set in the sandbox, else local: our own matching");
const TARGET_FILE = string("Path, relative to the working directory unless it starts with a slash");

/** Tools that apply edits as models write them, and one that ranks files. All work without a key of a provider. */
export function editingTools(config: SandboxApiConfig, history: EditHistory): Tool[] {
  return [editFileTool(config, history), reapplyTool(config, history), parallelApplyTool(config), rerankTool(config)];
}

function editFileTool(config: SandboxApiConfig, history: EditHistory): Tool {
  return defineTool({
    name: "codegenEditFile",
    description:
      "Edit a file, or create one, by a sketch of the change: only the lines that change, with some unchanged lines around them, and a comment such as `// ... existing code ...` wherever code stays as it is. A diff or SEARCH/REPLACE blocks do as well.",
    hints: { title: "Edit a file by a sketch", destructiveHint: true },
    input: {
      targetFile: TARGET_FILE,
      instructions: string("What the edit does, in one sentence"),
      codeEdit: string("The sketch"),
    },
    output: {
      success: boolean("True"),
      message: optional(string("Which way it was applied")),
      filePath: optional(string("Path as given")),
      changesApplied: optional(string("The sketch as given")),
      provider: PROVIDER,
    },
    failure: "failed to apply edit",
    call: async ({ targetFile, instructions, codeEdit }, signal) => {
      requireShort("codeEdit", codeEdit);
      const target = toolPath(config, targetFile);
      const deps = { env: config.env, history, signal };
      const { message, provider } = await applyEdit(target, { codeEdit, instructions }, deps);
      return { success: true, message, filePath: targetFile, changesApplied: codeEdit, provider };
    },
  });
}

function reapplyTool(config: SandboxApiConfig, history: EditHistory): Tool {
  return defineTool({
    name: "codegenReapply",
    description:
      "Try the last codegenEditFile of a file again, more leniently and with what the file holds now. For use right after one that failed.",
    hints: { title: "Apply the last edit again", destructiveHint: true },
    input: { targetFile: TARGET_FILE },
    output: { success: boolean("True"), message: optional(string("Which way it was applied")), provider: PROVIDER },
    failure: "failed to apply edit again",
    call: async ({ targetFile }, signal) => {
      const deps = { env: config.env, history, signal };
      const { message, provider } = await reapplyEdit(toolPath(config, targetFile), deps);
      return { success: true, message, provider };
    },
  });
}

const REGION = {
  relativeWorkspacePath: string("Path of the file, relative to the working directory"),
  startLine: optional(integer("First line, counted from 1; the first of the file when left out")),
  endLine: optional(integer("Last line, included; the last of the file when left out")),
};

function parallelApplyTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenParallelApply",
    description:
      "Apply one edit to several files or regions, up to 50. Without a provider's key the plan must hold the code: a sketch as for codegenEditFile, SEARCH/REPLACE blocks or a diff. Each file stands alone: one that fails does not stop the others.",
    hints: { title: "Edit several files", destructiveHint: true },
    input: {
      editPlan: string("The edit"),
      editRegions: list("Where it is to be applied", object("A file, or lines of it", REGION)),
    },
    output: {
      success: boolean("True when it was applied everywhere"),
      message: optional(string("How many were edited")),
      results: list(
        "In the order of the regions",
        openObject("A region", {
          path: string("Path as given"),
          success: boolean("True when it was edited"),
          message: string("Which way it was edited, or why not"),
          provider: optional(PROVIDER),
        }),
      ),
    },
    failure: "failed to apply edits",
    call: async (input, signal) => {
      requireShort("editPlan", input.editPlan);
      const deps = { env: config.env, signal, workingDirectory: config.workingDirectory };
      const results = await parallelApply(input, deps);
      const editedCount = results.filter(({ success }) => success).length;
      const message = `Edited ${editedCount} of ${results.length} regions`;
      return { success: editedCount === results.length, message, results };
    },
  });
}

function rerankTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenRerank",
    description:
      "Find the files of a directory that have to do with a question, with their content, the best first. By a provider's model when its key is set, else by words in common.",
    hints: { title: "Rank files", readOnlyHint: true },
    input: {
      path: string("Directory, relative to the working directory unless it starts with a slash"),
      query: string("Question or words"),
      scoreThreshold: optional(number("Leaves out files below it, 0 to 1; 0.5 when left out")),
      tokenLimit: optional(integer("Bounds the content of all files together; 30000 when left out")),
      filePattern: optional(string("Regular expression that the path or the name must match")),
    },
    output: {
      success: boolean("True"),
      message: optional(string("How many, ranked how")),
      files: list(
        "The best first",
        openObject("A file", {
          path: string("Path, relative to the directory"),
          content: string("Text, which may be cut"),
          score: number("0 to 1"),
        }),
      ),
      provider: PROVIDER,
    },
    failure: "failed to rank files",
    call: async ({ path, ...request }, signal) => {
      const { absolute } = toolPath(config, path);
      return { success: true, ...(await rerank(absolute, request, { env: config.env, signal })) };
    },
  });
}

function requireShort(name: string, text: string): void {
  if (text.length <= MAX_TEXT_BYTES) return;
  throw new AppError("TOO_LARGE", `"${name}" is longer than ${MAX_TEXT_BYTES} characters`);
}
