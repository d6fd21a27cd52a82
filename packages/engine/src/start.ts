import { writeFileSync } from "node:fs";
import { AppError, faultPoint, type Semaphore } from "@dormouse/kernel";
import type { EngineSandboxSpec } from "@dormouse/schema";
import { ociConfig } from "./bundle.ts";
import { MAX_PROCESS_COUNT } from "./cgroups.ts";
import type { ImageManifest } from "./images/manifest.ts";
import type { SandboxFiles } from "./layout.ts";
import { namespaceFiles, type NetworkSlot } from "./network/slots.ts";
import { BOOT_ID, processStartTicks, type RunRecord } from "./records.ts";
import { prepareRunFiles } from "./rootfs.ts";
import { startContainer } from "./runtime.ts";
import type { Volumes } from "./volumes/volumes.ts";
import type { WarmDeps } from "./warm-sandbox.ts";

export interface StartDeps extends WarmDeps {
  readonly volumes: Volumes;
}

export interface Start {
  readonly spec: EngineSandboxSpec;
  readonly files: SandboxFiles;
  readonly image: ImageManifest;
  readonly slot: NetworkSlot;
}

/** Starts the sandbox's processes in their own root, network and limits; resolves when the API inside serves. @throws {AppError} */
export async function startProcesses(deps: StartDeps, turns: Semaphore, start: Start): Promise<RunRecord> {
  const { layout, cgroups, roots, volumes, bundle: defaults, runtimeFile, startTimeoutMs: timeoutMs } = deps;
  const { spec, files, image, slot } = start;
  const { ids, ...network } = slot;
  prepareRunFiles(spec, files, ids);
  const binds = volumes.bindsOf(spec);
  const input = { spec, image, files, defaults, namespaces: namespaceFiles(slot), volumes: binds };
  writeFileSync(files.bundle, JSON.stringify(ociConfig(input)));
  const cgroupFiles = cgroups.create(spec.id, { ...spec, maxProcessCount: MAX_PROCESS_COUNT });
  faultPoint("engine.start.groups");
  const request = { id: spec.id, files, runtimeFile, runtimeDir: layout.runtimeDir(), cgroupFiles, timeoutMs };
  const initPid = await turns.run(() =>
    roots.withRoot({ layers: image.layers, files, ids }, () =>
      volumes.withMounted(spec, ids, () => {
        faultPoint("engine.start.mounted");
        return startContainer(request);
      }),
    ),
  );
  faultPoint("engine.start.running");
  const initStartTicks = processStartTicks(initPid);
  if (initStartTicks !== undefined) return { initPid, initStartTicks, bootId: BOOT_ID, slot: network };
  throw new AppError("SANDBOX_START_FAILED", `Cannot start sandbox "${spec.id}": it ended at once`);
}
