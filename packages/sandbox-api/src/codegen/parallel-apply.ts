import { AppError, Semaphore } from "@dormouse/kernel";
import type { CodegenProvider } from "@dormouse/schema";
import { isAbsolute, relative, resolve } from "node:path";
import { editFile, type EditDeps, merge, type Merged } from "./apply-edit.ts";
import { hasMarker } from "./edit-markers.ts";
import { findProvider } from "./providers.ts";
import { parseSearchReplace } from "./search-replace.ts";
import { splitText } from "./text-lines.ts";
import { parseUnifiedDiff } from "./unified-diff.ts";

/** A place the plan is for: the whole file, or lines of it, one-based and both included. */
export interface EditRegion {
  readonly relativeWorkspacePath: string;
  readonly startLine?: number | undefined;
  readonly endLine?: number | undefined;
}

export interface ParallelEdit {
  /** What to do everywhere; without a provider it has to hold the code itself. */
  readonly editPlan: string;
  readonly editRegions: readonly EditRegion[];
}

export interface RegionResult {
  readonly path: string;
  readonly success: boolean;
  readonly message: string;
  /** Absent where nothing was applied. */
  readonly provider?: CodegenProvider;
}

export interface ParallelDeps extends Pick<EditDeps, "env" | "signal"> {
  /** Regions are relative to it and inside of it. */
  readonly workingDirectory: string;
}

const MAX_REGIONS = 50;
const MAX_FILES_AT_ONCE = 4;

/**
 * Applies one plan to several regions, each on its own: one that fails does not stop the others. Results are in the order of
 * the regions. @throws {AppError} INVALID_ARGUMENT for no plan, no region or more than 50
 */
export async function parallelApply(edit: ParallelEdit, deps: ParallelDeps): Promise<RegionResult[]> {
  const { editPlan, editRegions } = edit;
  if (editPlan.trim() === "") throw new AppError("INVALID_ARGUMENT", "Cannot apply the plan: it is empty");
  if (editRegions.length === 0 || editRegions.length > MAX_REGIONS) {
    const count = `${editRegions.length} regions given, 1 to ${MAX_REGIONS} possible`;
    throw new AppError("INVALID_ARGUMENT", `Cannot apply the plan: ${count}`);
  }
  const results = new Map<EditRegion, RegionResult>();
  const turns = new Semaphore(MAX_FILES_AT_ONCE);
  const applyAll = async (regions: readonly EditRegion[]) => {
    for (const region of regions) results.set(region, await applyToRegion(region, editPlan, deps));
  };
  await Promise.all(byFile(editRegions, deps.workingDirectory).map((regions) => turns.run(() => applyAll(regions))));
  return editRegions.flatMap((region) => results.get(region) ?? []);
}

/** Regions of one file from its end to its start, so that an edit moves no lines another one names. */
function byFile(regions: readonly EditRegion[], workingDirectory: string): EditRegion[][] {
  const groups = Map.groupBy(regions, ({ relativeWorkspacePath }) => resolve(workingDirectory, relativeWorkspacePath));
  return [...groups.values()].map((group) =>
    group.toSorted((left, right) => (right.startLine ?? 1) - (left.startLine ?? 1)),
  );
}

async function applyToRegion(region: EditRegion, editPlan: string, deps: ParallelDeps): Promise<RegionResult> {
  const path = region.relativeWorkspacePath;
  try {
    const absolute = insideWorkingDirectory(path, deps.workingDirectory);
    const applied = await editFile({ absolute }, deps, (original) => mergeRegion(original, region, editPlan, deps));
    return { path, success: true, message: applied.message, provider: applied.provider };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { path, success: false, message: error.message };
  }
}

function insideWorkingDirectory(path: string, workingDirectory: string): string {
  const absolute = resolve(workingDirectory, path);
  const inside = relative(workingDirectory, absolute);
  const isInside = inside !== "" && inside !== ".." && !inside.startsWith("../") && !path.includes("\0");
  if (!isAbsolute(path) && isInside) return absolute;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot edit "${path}": it is not a relative path inside the working directory`,
  );
}

async function mergeRegion(
  original: string,
  region: EditRegion,
  editPlan: string,
  deps: ParallelDeps,
): Promise<Merged> {
  const { before, inside, after } = cut(original, region);
  const codeEdit = findProvider(deps.env) === null ? codeOf(editPlan) : editPlan;
  const merged = await merge(inside, { codeEdit, instructions: editPlan }, { ...deps, isLenient: false });
  return { ...merged, text: before + merged.text + after };
}

/** @throws {AppError} INVALID_ARGUMENT when the file does not have those lines */
function cut(original: string, region: EditRegion): { before: string; inside: string; after: string } {
  const { lines, endings } = splitText(original);
  const { startLine = 1, endLine = Math.max(1, lines.length) } = region;
  const isWhole = region.startLine === undefined && region.endLine === undefined;
  const isThere = startLine >= 1 && endLine >= startLine && endLine <= lines.length;
  if (!isWhole && !isThere) {
    const range = `lines ${startLine} to ${endLine}`;
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot edit ${range} of "${region.relativeWorkspacePath}": it has ${lines.length} lines`,
    );
  }
  const join = (from: number, to: number) =>
    lines
      .slice(from, to)
      .map((line, at) => line + (endings[from + at] ?? ""))
      .join("");
  return { before: join(0, startLine - 1), inside: join(startLine - 1, endLine), after: join(endLine, lines.length) };
}

/** The part of a plan that is an edit. @throws {AppError} UNPROCESSABLE for a plan in words */
function codeOf(editPlan: string): string {
  const fenced = /^```[\w+-]*[ \t]*\r?\n([\s\S]*?)^```[ \t]*$/m.exec(editPlan)?.[1];
  if (parseSearchReplace(editPlan) !== null || parseUnifiedDiff(editPlan) !== null) return editPlan;
  if (fenced !== undefined) return fenced;
  if (hasMarker(splitText(editPlan).lines)) return editPlan;
  const state = "the plan is in words, which takes a provider, and neither RELACE_API_KEY nor MORPH_API_KEY is set";
  const remedy = "send the code: a snippet with // ... existing code ... markers, SEARCH/REPLACE blocks, or a diff";
  throw new AppError("UNPROCESSABLE", `Cannot apply the plan: ${state}; ${remedy}`);
}
