import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorPageTemplates } from "@dormouse/gateway";
import { AppError } from "@dormouse/kernel";
import { type Certificate, readCertificates } from "./certificates.ts";
import type { Config } from "./config.ts";

/**
 * What `up` reads as root for the server, which may not see the files. It comes on the server's standard input, one JSON line
 * each time it changes: a key must stand neither in arguments nor in the environment.
 */
export interface Handover {
  readonly certificates: readonly Certificate[];
  readonly errorPages: ErrorPageTemplates;
}

/** @throws {AppError} INVALID_ARGUMENT for a file that cannot be used */
export async function readHandover(config: Config): Promise<Handover> {
  return { certificates: readCertificates(config.tls), errorPages: await readErrorPages(config.errorPagesDir) };
}

export const handoverLine = (handover: Handover): string => `${JSON.stringify(handover)}\n`;

/** Server side: every handover in turn, the first at once. */
export async function* receiveHandovers(): AsyncGenerator<Handover, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of Bun.stdin.stream()) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Handover;
  }
}

async function readErrorPages(dir: string | undefined): Promise<ErrorPageTemplates> {
  if (dir === undefined) return {};
  const files = listFolder(dir).filter((file) => file.endsWith(".html"));
  const templates = Object.fromEntries(files.map((file) => [file, readFileSync(join(dir, file), "utf8")]));
  // Only to have its complaints before anything starts.
  const { createErrorPages } = await import("@dormouse/gateway");
  createErrorPages(templates);
  return templates;
}

function listFolder(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", `Cannot read the error pages: "${dir}" is no folder`, {
      cause,
      hint: "Check DORMOUSE_ERROR_PAGES",
    });
  }
}
