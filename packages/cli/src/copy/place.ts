/** One end of a copy. */
export interface Place {
  /** Absent for this machine. */
  readonly sandbox: string | undefined;
  readonly path: string;
}

/** `name:path` is in a sandbox, everything else here. */
export function parsePlace(text: string): Place {
  const [, sandbox, path] = /^([a-z0-9][a-z0-9-]*):(.*)$/s.exec(text) ?? [];
  return sandbox === undefined || path === undefined
    ? { sandbox: undefined, path: text }
    : { sandbox, path: path || "." };
}

/** As `cp` does: into a folder that is there or named with a slash, else under the name that is given. */
export function targetPath(from: string, to: string, isFolder: boolean): string {
  const wholeContent = from === "." || from.endsWith("/.");
  if (wholeContent || !(isFolder || to.endsWith("/"))) return to.replace(/(.)\/+$/, "$1");
  return `${to.replace(/\/+$/, "")}/${baseName(from)}`;
}

const baseName = (path: string): string => path.replace(/\/+$/, "").split("/").at(-1) ?? path;
