import { hostname } from "node:os";
import { loadFfi } from "../ffi.ts";

/** What kernels call a machine that nobody named. */
const UNNAMED = new Set(["", "(none)"]);

/**
 * Names a machine that has no name: sets it where the agent may, and in any case as `HOSTNAME` for processes. `env` is
 * returned as it is when there is a name, or `BL_NAME` gives none.
 */
export function withHostname<T extends Readonly<Record<string, string | undefined>>>(env: T): T {
  const name = env["BL_NAME"];
  if (!name || !UNNAMED.has(hostname())) return env;
  setHostname(name);
  return { ...env, HOSTNAME: name };
}

function setHostname(name: string): void {
  const bytes = Buffer.from(name);
  const { symbols } = loadFfi().dlopen("libc.so.6", { sethostname: { args: ["ptr", "usize"], returns: "int" } });
  symbols.sethostname(bytes, bytes.length);
}
