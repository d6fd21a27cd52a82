import type { SandboxName, WorkspaceName } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";

/** The creations under way, at most one per name. */
export class Creations {
  readonly #running = new Map<string, Promise<SandboxRecord>>();

  find(workspace: WorkspaceName, name: SandboxName): Promise<SandboxRecord> | undefined {
    return this.#running.get(`${workspace}/${name}`);
  }

  async run(workspace: WorkspaceName, name: SandboxName, create: () => Promise<SandboxRecord>): Promise<SandboxRecord> {
    const key = `${workspace}/${name}`;
    const creation = create();
    this.#running.set(key, creation);
    try {
      return await creation;
    } finally {
      if (this.#running.get(key) === creation) this.#running.delete(key);
    }
  }

  /** The next creation of the name need not wait for the one under way: what that one makes is being deleted. */
  abandon(workspace: WorkspaceName, name: SandboxName): void {
    this.#running.delete(`${workspace}/${name}`);
  }
}
