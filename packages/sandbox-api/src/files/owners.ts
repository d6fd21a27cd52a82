import { readFileSync, statSync } from "node:fs";

/** Names of users and groups, or their numbers where they have none. */
export interface Owners {
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** Reads `/etc/passwd` and `/etc/group` once; a later call reads them again when they have changed. */
export function loadOwners(): Owners {
  const users = loadNames("/etc/passwd");
  const groups = loadNames("/etc/group");
  return {
    userName: (uid) => users.get(uid) ?? String(uid),
    groupName: (gid) => groups.get(gid) ?? String(gid),
  };
}

const cache = new Map<string, { readonly modifiedAtMs: number; readonly names: ReadonlyMap<number, string> }>();

function loadNames(path: string): ReadonlyMap<number, string> {
  const modifiedAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (modifiedAtMs === undefined) return new Map();
  const cached = cache.get(path);
  if (cached?.modifiedAtMs === modifiedAtMs) return cached.names;
  const names = new Map<number, string>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    if (/^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  cache.set(path, { modifiedAtMs, names });
  return names;
}
