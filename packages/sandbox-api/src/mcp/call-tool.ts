import { AppError } from "@dormouse/kernel";
import { systemErrorText } from "../http.ts";
import { isSystemError, type Tool } from "./tool.ts";

/** Result of a tool call as the protocol has it; a failure of the tool is one too. */
export interface CallResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent?: object;
  readonly isError?: true;
}

/** Calls a tool, and never fails. What is a bug is told to `onUnexpectedError` alone. */
export async function callTool(tool: Tool, { input, signal, onUnexpectedError }: CallContext): Promise<CallResult> {
  try {
    return success(await tool.call(input, signal));
  } catch (error) {
    if (isForClient(error)) return failedCall(textOf(error, tool));
    if (!signal.aborted) onUnexpectedError(error);
    return failedCall(`Cannot finish ${tool.name}: an unexpected error occurred`);
  }
}

interface CallContext {
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly onUnexpectedError: (error: unknown) => void;
}

export function failedCall(text: string): CallResult {
  return { content: [{ type: "text", text }], isError: true };
}

/** The text is for clients that read no structure. */
function success(output: object): CallResult {
  return { content: [{ type: "text", text: JSON.stringify(output) }], structuredContent: output };
}

const isForClient = (thrown: unknown): thrown is Error => thrown instanceof AppError || isSystemError(thrown);

/** Some clients refuse an error without a text. */
function textOf(error: Error, { name }: Tool): string {
  const text = isSystemError(error) ? systemErrorText(error) : error.message;
  return text === "" ? `Cannot finish ${name}: it failed without saying why` : text;
}
