import { join } from "node:path";
import type { EngineImageId, SandboxId, VolumeId } from "@dormouse/schema";

/** Every path the engine uses. `dataDir` survives a reboot; `runDir` is a tmpfs only the engine sees, and ends with it. */
export class Layout {
  readonly dataDir: string;
  readonly runDir: string;

  constructor(dataDir: string, runDir: string) {
    this.dataDir = dataDir;
    this.runDir = runDir;
  }

  readonly lockFile = (): string => join(this.dataDir, "engine.lock");
  readonly imagesDir = (): string => join(this.dataDir, "images");
  readonly sandboxesDir = (): string => join(this.dataDir, "sandboxes");
  readonly sandboxDir = (id: SandboxId): string => join(this.sandboxesDir(), id);
  /** What only matters while the sandbox runs; unlike `dataDir`, root inside can reach it. */
  readonly sandboxRunDir = (id: SandboxId): string => join(this.runDir, "sandboxes", id);

  readonly volumesDir = (): string => join(this.dataDir, "volumes");
  readonly volumeFile = (id: VolumeId): string => join(this.volumesDir(), `${id}.img`);
  /** What a volume is being made of. */
  readonly volumeArchive = (id: VolumeId): string => join(this.volumesDir(), `${id}.archive.new`);
  /** Images of the volumes that live as long as their sandbox. */
  readonly ephemeralVolumesDir = (id: SandboxId): string => join(this.sandboxDir(id), "volumes");
  readonly volumeMountDir = (id: VolumeId): string => join(this.runDir, "volumes", id);

  /** State, log and context of each image build. */
  readonly buildsDir = (): string => join(this.dataDir, "builds");
  readonly buildCachesDir = (): string => join(this.dataDir, "build-caches");
  readonly buildCacheFile = (scope: string): string => join(this.buildCachesDir(), `${scope}.img`);
  /** Which images of the store the builds of a scope came to. */
  readonly buildScopeFile = (scope: string): string => join(this.buildCachesDir(), `${scope}.json`);
  /** What a build's box is made of while it runs; root inside can reach it. */
  readonly buildRunDir = (id: EngineImageId): string => join(this.runDir, "builds", id);
  /** Where the parts of a sandbox's root show while it is mounted. Short: all of an image have to fit into the options of one mount. */
  readonly rootStageDir = (): string => join(this.runDir, "root");
  /** Roots of the boxes that host tools run in. */
  readonly boxesDir = (): string => join(this.runDir, "boxes");
  /** State folder of the OCI runtime. */
  readonly runtimeDir = (): string => join(this.runDir, "runtime");
  /** The sandbox-api this engine was started with. */
  readonly keptAgentFile = (): string => join(this.dataDir, "sandbox-api");
  readonly agentFile = (): string => join(this.runDir, "sandbox-api");
  readonly resolvConf = (): string => join(this.runDir, "resolv.conf");
}

/** The files of one sandbox, in its data and its run-time folder. */
export function sandboxFiles(layout: Layout, id: SandboxId) {
  const dataDir = layout.sandboxDir(id);
  const runDir = layout.sandboxRunDir(id);
  return {
    dataDir,
    spec: join(dataDir, "spec.json"),
    run: join(dataDir, "run.json"),
    /** Why it may not start again; absent when it may. */
    restartBan: join(dataDir, "restart-ban"),
    upper: join(dataDir, "upper"),
    work: join(dataDir, "work"),
    log: join(dataDir, "boot.log"),
    runDir,
    bundle: join(runDir, "config.json"),
    stdin: join(runDir, "stdin"),
    pid: join(runDir, "pid"),
    rootfs: join(runDir, "rootfs"),
    hosts: join(runDir, "hosts"),
  } as const;
}
export type SandboxFiles = ReturnType<typeof sandboxFiles>;
