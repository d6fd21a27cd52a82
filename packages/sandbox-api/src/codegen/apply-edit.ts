import { AppError } from "@dormouse/kernel";
import type { CodegenProvider } from "@dormouse/schema";
import type { EditHistory, RequestedEdit } from "./edit-history.ts";
import { mergeEdit } from "./merge-edit.ts";
import { findProvider } from "./providers.ts";
import { readTextFile, writeTextFile } from "./text-file.ts";

export interface EditDeps {
  /** Where the keys are, read at every call. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly history: EditHistory;
  /** Aborts when nobody waits for the result any more; then nothing is written. */
  readonly signal: AbortSignal;
}

export interface EditTarget {
  readonly absolute: string;
}

export interface AppliedEdit {
  readonly originalContent: string;
  readonly updatedContent: string;
  readonly provider: CodegenProvider;
  /** Says which way was used. */
  readonly message: string;
}

/** A merged text and who merged it. */
export interface Merged {
  readonly text: string;
  readonly provider: CodegenProvider;
  readonly message: string;
}

/**
 * Applies an edit to a file, by the provider whose key is set and otherwise by our own matching. A file that is missing counts
 * as empty and is made. @throws {AppError} INVALID_ARGUMENT for a directory, UNPROCESSABLE when the edit cannot be applied
 */
export function applyEdit(target: EditTarget, edit: RequestedEdit, deps: EditDeps): Promise<AppliedEdit> {
  deps.history.record(target.absolute, edit);
  return editFile(target, deps, (original) => merge(original, edit, { ...deps, isLenient: false }));
}

/**
 * Tries the last edit of the file again, with what the file holds now, a key that has come since, and a more lenient matching.
 * @throws {AppError} INVALID_ARGUMENT when no edit of it is known, and as `applyEdit`
 */
export async function reapplyEdit(target: EditTarget, deps: EditDeps): Promise<AppliedEdit> {
  const edit = deps.history.last(target.absolute);
  if (edit === null) {
    throw new AppError("INVALID_ARGUMENT", `Cannot apply an edit of "${target.absolute}" again: none was asked for`);
  }
  return editFile(target, deps, (original) => merge(original, edit, { ...deps, isLenient: true }));
}

/** Reads, merges and writes. @throws {AppError} UNPROCESSABLE when somebody else has changed the file in between */
export async function editFile(
  { absolute }: EditTarget,
  { signal }: Pick<EditDeps, "signal">,
  merge: (original: string) => Promise<Merged>,
): Promise<AppliedEdit> {
  const originalContent = await readTextFile(absolute);
  const { text: updatedContent, provider, message } = await merge(originalContent);
  if (signal.aborted) throw new AppError("UNPROCESSABLE", `Cannot edit "${absolute}": nobody waits for it any more`);
  if ((await readTextFile(absolute)) !== originalContent) {
    throw new AppError("UNPROCESSABLE", `Cannot edit "${absolute}": it has changed meanwhile, read it and try again`);
  }
  await writeTextFile(absolute, updatedContent);
  return { originalContent, updatedContent, provider, message };
}

/** Merges by the provider whose key is set, else by our own matching. @throws {AppError} UNPROCESSABLE */
export async function merge(
  original: string,
  edit: RequestedEdit,
  { env, signal, isLenient }: Pick<EditDeps, "env" | "signal"> & { readonly isLenient: boolean },
): Promise<Merged> {
  const provider = findProvider(env);
  if (provider !== null) {
    const text = await provider.apply({ original, ...edit }, signal);
    return { text, provider: provider.name, message: `Edit applied by ${provider.label}` };
  }
  const text = mergeEdit(original, edit.codeEdit, { isLenient });
  return {
    text,
    provider: "local",
    message: "Edit applied locally, as neither RELACE_API_KEY nor MORPH_API_KEY is set",
  };
}
