import { AppError } from "@dormouse/kernel";
import type { SandboxApiConfig } from "../../config.ts";
import { grepRegex } from "../../search/grep-regex.ts";
import { searchFileNames } from "../../search/rank-names.ts";
import { rankSnippets } from "../../search/rank-snippets.ts";
import { boolean, integer, list, number, openObject, optional, string } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";
import { toolPath } from "../tool-path.ts";
import { toGrepLines } from "./grep-lines.ts";

const MAX_FILE_NAMES = 10;
const MAX_SNIPPETS = 10;
const MAX_MATCHES = 1000;

/** Tools that find files and code in the working directory. */
export function searchingTools(config: SandboxApiConfig): Tool[] {
  return [fileSearchTool(config), grepSearchTool(config), codebaseSearchTool(config)];
}

function fileSearchTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenFileSearch",
    description: `Find files by a part of their path, fuzzily: up to ${MAX_FILE_NAMES}, the best first.`,
    hints: { title: "Search for a file", readOnlyHint: true },
    input: {
      query: string("Part of the path or name; letters may be left out"),
      directory: optional(string("Directory to search, inside the working directory, which it is when left out")),
    },
    output: { success: boolean("True"), matches: list("Absolute paths", string("Path")), query: string("As given") },
    failure: "failed to search files",
    call: async ({ query, directory = "." }, signal) => {
      const root = toolPath(config, directory).absolute;
      requireInside(config.workingDirectory, root);
      return { success: true, matches: await searchFileNames(root, query, { limit: MAX_FILE_NAMES, signal }), query };
    },
  });
}

function grepSearchTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenGrepSearch",
    description: `Find the lines of text files that a regular expression matches, up to ${MAX_MATCHES}, below the working directory.`,
    hints: { title: "Search in files", readOnlyHint: true },
    input: {
      query: string("Regular expression"),
      caseSensitive: optional(boolean("false when left out")),
      includePattern: optional(string("Globs of files to search, separated by commas, as in *.ts")),
      excludePattern: optional(string("Globs of files to leave out, separated by commas")),
    },
    output: {
      success: boolean("True, also when nothing matches"),
      results: string("A line of JSON for each event, as `ripgrep --json` prints them; empty when nothing matches"),
      matchCount: integer("Lines that match"),
      isTruncated: boolean("True when there may be more"),
    },
    failure: "failed to search",
    call: async ({ query, caseSensitive = false, includePattern, excludePattern }, signal) => {
      const { matches, isTruncated } = await grepRegex(config.workingDirectory, {
        pattern: query,
        isCaseSensitive: caseSensitive,
        ...(includePattern === undefined ? {} : { includePattern }),
        ...(excludePattern === undefined ? {} : { excludePattern }),
        maxMatches: MAX_MATCHES,
        signal,
      });
      return { success: true, results: toGrepLines(matches), matchCount: matches.length, isTruncated };
    },
  });
}

function codebaseSearchTool(config: SandboxApiConfig): Tool {
  return defineTool({
    name: "codegenCodebaseSearch",
    description: `Find the parts of the code that share most words with a question: up to ${MAX_SNIPPETS}, the best first. It compares words, not meanings: name identifiers and terms that the code is likely to use.`,
    hints: { title: "Search the code", readOnlyHint: true },
    input: {
      query: string("Question or words"),
      targetDirectories: optional(
        list("Directories to search, relative to the working directory", string("Directory")),
      ),
    },
    output: {
      success: boolean("True"),
      results: list(
        "The best first",
        openObject("Lines of a file", {
          path: string("Path, relative to the working directory"),
          startLine: integer("First line, counted from 1"),
          endLine: integer("Last line, included"),
          content: string("The lines"),
          score: number("0 to 1"),
        }),
      ),
      query: string("As given"),
      ranking: string("lexical: by words in common"),
    },
    failure: "failed to search",
    call: async ({ query, targetDirectories = [] }, signal) => {
      const directories = targetDirectories.map((directory) => toolPath(config, directory).absolute);
      const where = directories.length === 0 ? {} : { directories };
      const results = await rankSnippets(config.workingDirectory, { query, ...where, limit: MAX_SNIPPETS, signal });
      return { success: true, results, query, ranking: "lexical" };
    },
  });
}

function requireInside(workingDirectory: string, directory: string): void {
  const prefix = workingDirectory.endsWith("/") ? workingDirectory : `${workingDirectory}/`;
  if (directory === workingDirectory || directory.startsWith(prefix)) return;
  throw new AppError("INVALID_ARGUMENT", `directory must be within the working directory ${workingDirectory}`);
}
