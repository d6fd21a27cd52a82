import { AppError } from "@dormouse/kernel";
import { systemErrorText } from "../http.ts";
import { type Fields, inputSchema, type JsonSchema, outputSchema, readFields, type ValuesOf } from "./fields.ts";

/** What clients are told about a tool besides its shape. */
export interface ToolHints {
  readonly title: string;
  /** It changes nothing. */
  readonly readOnlyHint?: boolean;
  /** It may delete or overwrite something. */
  readonly destructiveHint?: boolean;
  /** Calling it again with the same arguments changes nothing more. */
  readonly idempotentHint?: boolean;
}

/** A tool as the server lists and calls it. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly annotations: ToolHints;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  /** `signal` aborts when nobody waits for the result any more. @throws {AppError}; errno errors may come through. */
  readonly call: (input: unknown, signal: AbortSignal) => Promise<object>;
}

interface ToolDefinition<I extends Fields, O extends Fields> {
  readonly name: string;
  readonly description: string;
  readonly hints: ToolHints;
  readonly input: I;
  readonly output: O;
  /** What a failure is a failure to do, as in `failed to read file`; without it errors speak for themselves. */
  readonly failure?: string;
  readonly call: (input: ValuesOf<I>, signal: AbortSignal) => ValuesOf<O> | Promise<ValuesOf<O>>;
}

/** A tool whose arguments are checked before it is called. */
export function defineTool<I extends Fields, O extends Fields>(definition: ToolDefinition<I, O>): Tool {
  const { name, description, hints, input, output, failure, call } = definition;
  return {
    name,
    description,
    annotations: hints,
    inputSchema: inputSchema(input),
    outputSchema: outputSchema(output),
    call: async (given, signal) => {
      const values = readFields(input, given);
      try {
        return await call(values, signal);
      } catch (error) {
        throw failure === undefined ? error : prefixed(failure, error);
      }
    },
  };
}

function prefixed(failure: string, thrown: unknown): unknown {
  if (thrown instanceof AppError) return new AppError(thrown.code, `${failure}: ${thrown.message}`, { cause: thrown });
  if (!isSystemError(thrown)) return thrown;
  return new AppError("UNPROCESSABLE", `${failure}: ${systemErrorText(thrown)}`, { cause: thrown });
}

/** True for an error of the operating system: its text is for the client, unlike that of a bug. */
export const isSystemError = (thrown: unknown): thrown is NodeJS.ErrnoException =>
  thrown instanceof Error && typeof (thrown as NodeJS.ErrnoException).syscall === "string";
