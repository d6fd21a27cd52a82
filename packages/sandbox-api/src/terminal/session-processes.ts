import { readdir, readFile } from "node:fs/promises";

/** Between two looks: what was killed is gone by then, and what it had just started shows. */
const LOOK_INTERVAL_MS = 5;
const MAX_LOOKS = 40;

/** Kills every process of this session, also those that others of it start meanwhile. */
export async function killSession(sessionId: number): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const pids = await findSessionPids(sessionId);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await Bun.sleep(LOOK_INTERVAL_MS);
  }
}

async function findSessionPids(sessionId: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const isMember = await Promise.all(pids.map(async (pid) => (await readSessionId(pid)) === sessionId));
  return pids.filter((_, index) => isMember[index] === true);
}

/** Null for zombies and what is gone. The command name, in parentheses, may itself hold spaces and parentheses. */
async function readSessionId(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const [state = "", , , sessionId] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "" || state === "Z" || state === "X" ? null : Number(sessionId);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
