import { openSync, readFileSync, writeSync } from "node:fs";

const PATH = "/proc/self/oom_score_adj";
/** Above the agent's own: when memory runs out, the workload goes first. */
const WORKLOAD_SCORE = 500;

interface OwnScore {
  readonly fd: number;
  readonly score: number;
}

/** Belongs to this OS process, whichever agent in it asks. Undefined until first asked, null where it cannot be set. */
let own: OwnScore | null | undefined;

/**
 * Runs `spawn` so that what it starts is a workload to the kernel's out-of-memory killer from its first instruction on: the
 * score is inherited, so the agent takes it for that moment. Raising it and coming back needs no privilege.
 */
export function withWorkloadScore<T>(spawn: () => T): T {
  own ??= openOwnScore();
  if (own === null) return spawn();
  writeSync(own.fd, String(WORKLOAD_SCORE), 0);
  try {
    return spawn();
  } finally {
    writeSync(own.fd, String(own.score), 0);
  }
}

function openOwnScore(): OwnScore | null {
  try {
    const score = Number(readFileSync(PATH, "latin1"));
    if (score >= WORKLOAD_SCORE) return null;
    const fd = openSync(PATH, "r+");
    // Where there and back is not allowed, it fails here and not around a process.
    for (const tried of [WORKLOAD_SCORE, score]) writeSync(fd, String(tried), 0);
    return { fd, score };
  } catch {
    return null;
  }
}
