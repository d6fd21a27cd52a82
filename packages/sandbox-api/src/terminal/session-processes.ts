import { readMembers } from "../processes/proc-sockets.ts";

/** Between two looks: what was killed is gone by then, and what it had just started shows. */
const LOOK_INTERVAL_MS = 5;
const MAX_LOOKS = 40;

/** Kills every process of this session, also those that others of it start meanwhile. */
export async function killSession(sessionId: number): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const members = readMembers().filter((member) => member.sessionId === sessionId);
    if (members.length === 0) return;
    for (const { pid } of members) kill(pid);
    await Bun.sleep(LOOK_INTERVAL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
