import type { EngineSandbox, SandboxRestart } from "@dormouse/schema";
import type { SandboxContext } from "./context.ts";
import { withEvent } from "./events.ts";

const MESSAGES: Readonly<Record<SandboxRestart["reason"], string>> = {
  "host-reboot":
    "Started again from its entrypoint, because the machine was started again: files are kept, memory and processes are lost",
  "processes-ended":
    "Started again from its entrypoint, because everything in it had ended: files are kept, memory and processes are lost",
};

/** Puts a sandbox's last restart, if there was one, into its events and the log; once, however often it is told. */
export async function noteRestart(
  { store, log }: Pick<SandboxContext, "store" | "log">,
  { id, restart }: Pick<EngineSandbox, "id" | "restart">,
): Promise<void> {
  if (restart === undefined) return;
  const sandbox = await store.sandboxes.findById(id);
  const time = new Date(restart.atMs).toISOString();
  if (sandbox === undefined || sandbox.events.some((event) => event.type === "restarted" && event.time === time))
    return;
  const { status, events, updatedAtMs, name, workspace } = sandbox;
  const event = { type: "restarted", status, message: MESSAGES[restart.reason], time };
  await store.sandboxes.change(id, status, { events: withEvent(events, event), updatedAtMs });
  log.warn({
    event: "sandbox.restart",
    outcome: "memory and processes are lost",
    reason: restart.reason,
    sandbox: name,
    workspace,
  });
}
