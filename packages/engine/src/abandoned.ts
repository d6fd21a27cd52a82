import { join } from "node:path";
import { endProcesses, openCgroups } from "./cgroups.ts";
import { abandonedInstances, forgetInstance, type Instance, instanceDir } from "./instance.ts";
import { removeFirewall } from "./network/firewall.ts";

/**
 * Ends what engines left whose data folder is gone: their sandboxes run on without files, records or anyone to remove them.
 * One that is still served is left to its own engine.
 */
export async function sweepAbandoned(own: Instance, serverUserId: number): Promise<void> {
  for (const instance of abandonedInstances()) {
    if (await isServed(instance.name)) continue;
    const cgroups = openCgroups({ instance: instance.name, runDir: own.layout.runDir, serverUserId });
    for (const id of cgroups.ids()) await endProcesses(cgroups, id);
    cgroups.close();
    await removeFirewall({ instance: instance.name, subnet: instance.subnet });
    forgetInstance(instance);
  }
}

async function isServed(name: string): Promise<boolean> {
  const options = { unix: join(instanceDir(name), "engine.sock") } as RequestInit;
  const answer = await fetch("http://engine/health", options).catch(() => undefined);
  return answer !== undefined;
}
