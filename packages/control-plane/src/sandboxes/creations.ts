import { AppError } from "@dormouse/kernel";
import type { SandboxName, WorkspaceName } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";

interface Creation {
  readonly outcome: Promise<SandboxRecord>;
  /** Aborted when the last of those who wait for it has left. */
  readonly unwanted: AbortController;
  callerCount: number;
}

/** Whoever asks for a creation; aborted when they leave. */
type Caller = AbortSignal | undefined;

/** The creations under way, at most one per name. */
export class Creations {
  readonly #running = new Map<string, Creation>();

  has(workspace: WorkspaceName, name: SandboxName): boolean {
    return this.#running.has(`${workspace}/${name}`);
  }

  /** Waits for the creation under way; undefined when there is none. */
  join(workspace: WorkspaceName, name: SandboxName, caller: Caller): Promise<SandboxRecord> | undefined {
    const creation = this.#running.get(`${workspace}/${name}`);
    return creation === undefined ? undefined : waitFor(creation, name, caller);
  }

  /** Hands `create` a signal that is aborted when nobody waits for the sandbox any more. */
  async run(
    { workspace, name, caller }: { workspace: WorkspaceName; name: SandboxName; caller: Caller },
    create: (unwanted: AbortSignal) => Promise<SandboxRecord>,
  ): Promise<SandboxRecord> {
    const key = `${workspace}/${name}`;
    const unwanted = new AbortController();
    const creation: Creation = { outcome: create(unwanted.signal), unwanted, callerCount: 0 };
    this.#running.set(key, creation);
    try {
      return await waitFor(creation, name, caller);
    } finally {
      if (this.#running.get(key) === creation) this.#running.delete(key);
    }
  }

  /** The next creation of the name need not wait for the one under way: what that one makes is being deleted. */
  abandon(workspace: WorkspaceName, name: SandboxName): void {
    this.#running.delete(`${workspace}/${name}`);
  }
}

async function waitFor(creation: Creation, name: SandboxName, caller: Caller): Promise<SandboxRecord> {
  const leave = (): void => {
    creation.callerCount -= 1;
    if (creation.callerCount === 0) creation.unwanted.abort(nobodyWaits(name));
  };
  creation.callerCount += 1;
  caller?.addEventListener("abort", leave, { once: true });
  if (caller?.aborted === true) leave();
  try {
    return await creation.outcome;
  } finally {
    caller?.removeEventListener("abort", leave);
  }
}

const nobodyWaits = (name: SandboxName): AppError =>
  new AppError(
    "SANDBOX_STATE_CONFLICT",
    `Cannot create sandbox "${name}": its client left while it waited for its turn`,
  );
