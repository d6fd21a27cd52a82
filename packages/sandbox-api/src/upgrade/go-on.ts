import type { ImagePrograms } from "../image-programs.ts";
import { InheritedChildren } from "../processes/inherited-children.ts";
import { loadLibc } from "../processes/libc.ts";
import type { ProcessTable } from "../processes/process-table.ts";
import type { AgentState } from "./saved-state.ts";
import { endStrayChildren } from "./stray-children.ts";

interface Successor {
  readonly processes: ProcessTable;
  readonly programs: ImagePrograms;
}

/** Goes on with the processes and the image's programs of the agent before; its terminals end. */
export async function goOn(state: AgentState, { processes, programs }: Successor): Promise<void> {
  await processes.adopt(state.processes);
  const libc = await loadLibc();
  if (libc === null) return;
  const children = new InheritedChildren(libc);
  programs.adopt(state.programs, children);
  const known = [
    ...state.processes.processes.map(({ groupId }) => groupId),
    ...state.programs.flatMap(({ pid }) => pid ?? []),
  ];
  endStrayChildren(new Set(known), children);
}
