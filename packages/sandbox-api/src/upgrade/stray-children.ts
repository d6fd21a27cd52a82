import { readdirSync, readFileSync } from "node:fs";
import type { InheritedChildren } from "../processes/inherited-children.ts";
import { findFamily } from "../processes/proc-sockets.ts";

/**
 * Ends the children that nobody goes on with after an upgrade, with everything below them: the shells of terminals, whose other
 * end is gone. `known` are those that stay.
 */
export function endStrayChildren(known: ReadonlySet<number>, children: InheritedChildren): void {
  for (const pid of childrenOf(process.pid)) {
    if (known.has(pid)) continue;
    for (const member of findFamily(pid)) killIfThere(member);
    children.follow(pid, () => {});
  }
}

function childrenOf(parentPid: number): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => parentOf(pid) === parentPid);
}

/** The command name, in parentheses, may itself hold spaces and parentheses. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
