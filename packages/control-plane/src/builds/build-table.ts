import type { BuildKind, SandboxId, SandboxStatus, WorkspaceName } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";
import { polledStatusBy, statusBy, type Sightings } from "./shown-status.ts";

type Place = Pick<BuildRecord, "workspace" | "kind" | "name">;

const ENDED: ReadonlySet<string> = new Set(["DONE", "FAILED"]);
const UNDER_WAY: ReadonlySet<string> = new Set(["RECEIVING", "BUILDING", "PUBLISHING", "DEPLOYING"]);

/** The latest build of every name, in memory: each answer about a sandbox shows what its build has come to. */
export class BuildTable implements Disposable {
  readonly #builds = new Map<string, BuildRecord>();
  readonly #keys = new Map<SandboxId, string>();
  readonly #seen = new Map<string, Sightings>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #clock: () => number;
  #isDisposed = false;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** True when the server stops: what is under way goes on without it. */
  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  put(build: BuildRecord): void {
    const key = keyOf(build);
    const before = this.#builds.get(key);
    if (before?.id !== build.id) this.#forget(before);
    this.#builds.set(key, build);
    if (ENDED.has(build.status)) this.#end(build);
    if (build.sandboxId !== undefined) this.#keys.set(build.sandboxId, key);
  }

  remove(build: BuildRecord): void {
    const current = this.#builds.get(keyOf(build));
    if (current?.id !== build.id) return;
    this.#forget(current);
    this.#builds.delete(keyOf(build));
  }

  find(place: Place): BuildRecord | undefined {
    return this.#builds.get(keyOf(place));
  }

  /** Of the sandbox or the image of that name, whichever was built last. */
  latest(workspace: WorkspaceName, name: string): BuildRecord | undefined {
    const kinds: readonly BuildKind[] = ["sandbox", "image"];
    const builds = kinds.flatMap((kind) => this.find({ workspace, kind, name }) ?? []);
    return builds.toSorted((one, other) => other.createdAtMs - one.createdAtMs)[0];
  }

  ofSandbox(id: SandboxId): BuildRecord | undefined {
    return this.#builds.get(this.#keys.get(id) ?? "");
  }

  /** Resolves when the build has ended, or is deleted. */
  async untilEnded(build: BuildRecord): Promise<void> {
    const current = this.find(build);
    if (current?.id !== build.id || ENDED.has(current.status)) return;
    const waiting = this.#waiting.get(build.id) ?? Promise.withResolvers<void>();
    this.#waiting.set(build.id, waiting);
    await waiting.promise;
  }

  all(): BuildRecord[] {
    return [...this.#builds.values()];
  }

  countUnderWay(workspace: WorkspaceName): number {
    return this.all().filter((build) => build.workspace === workspace && UNDER_WAY.has(build.status)).length;
  }

  /** What a sandbox's build makes of its status; `undefined` when it leaves it as it is. */
  statusOf(id: SandboxId): SandboxStatus | undefined {
    return statusBy(this.ofSandbox(id));
  }

  /** The same for one who polls, who has then seen it. */
  polledStatusOf(id: SandboxId): SandboxStatus | undefined {
    const build = this.ofSandbox(id);
    if (build === undefined) return undefined;
    const seen = this.#seen.get(build.id) ?? {};
    const status = this.#polledStatusBy(build);
    if (status === "BUILDING" && seen.buildingAtMs === undefined) this.#note(build, { buildingAtMs: this.#clock() });
    if (status === "DEPLOYING" && seen.deployingAtMs === undefined) this.#note(build, { deployingAtMs: this.#clock() });
    return status;
  }

  /** `polledStatusOf` of every sandbox of a workspace whose build does not leave its status as it is, without anybody seeing it. */
  polledStatuses(workspace: WorkspaceName): Map<SandboxId, SandboxStatus> {
    const statuses = new Map<SandboxId, SandboxStatus>();
    for (const [id, key] of this.#keys) {
      const build = this.#builds.get(key);
      const status = build?.workspace === workspace ? this.#polledStatusBy(build) : undefined;
      if (status !== undefined) statuses.set(id, status);
    }
    return statuses;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
  }

  #polledStatusBy(build: BuildRecord): SandboxStatus | undefined {
    return polledStatusBy(build, this.#seen.get(build.id) ?? {}, this.#clock());
  }

  #end({ id }: BuildRecord): void {
    this.#waiting.get(id)?.resolve();
    this.#waiting.delete(id);
  }

  #note({ id }: BuildRecord, sighting: Sightings): void {
    this.#seen.set(id, { ...this.#seen.get(id), ...sighting });
  }

  #forget(build: BuildRecord | undefined): void {
    if (build === undefined) return;
    this.#seen.delete(build.id);
    this.#end(build);
    if (build.sandboxId !== undefined) this.#keys.delete(build.sandboxId);
  }
}

const keyOf = ({ workspace, kind, name }: Place): string => `${workspace}/${kind}/${name}`;
