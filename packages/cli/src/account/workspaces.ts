import { AppError } from "@dormouse/kernel";
import { getWorkspace } from "@dormouse/sdk";
import { type ConfigFile, readConfig, withoutWorkspace, writeConfig } from "../config/config-file.ts";
import { openContext } from "../context.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { createMessages } from "../output/messages.ts";
import { choose } from "../prompts.ts";

const NAME_WIDTH = 30;

/** `workspaces [name] [--current]`: what is known here; nobody is asked. */
export async function workspaces(
  io: Io,
  global: GlobalOptions,
  name: string | undefined,
  { current }: { readonly current?: boolean },
): Promise<void> {
  const config = readConfig(io.home);
  if (current === true) {
    io.stdout.write(`${currentOf(io, config)}\n`);
    return;
  }
  if (name === undefined) return list(io, config);
  if (!config.workspaces.some((workspace) => workspace.name === name)) {
    throw new AppError("WORKSPACE_NOT_FOUND", `Cannot use workspace "${name}": you are not logged in to it`, {
      hint: `Run '${io.program} login ${name}'`,
    });
  }
  writeConfig(io.home, { ...config, context: { ...config.context, workspace: name } });
  createMessages(io, global.output).success(`Current workspace set to ${name}.`);
}

function currentOf(io: Io, { context }: ConfigFile): string {
  if (context.workspace) return context.workspace;
  throw new AppError("WORKSPACE_NOT_FOUND", "Cannot name the current workspace: you are not logged in", {
    hint: `Run '${io.program} login'`,
  });
}

function list(io: Io, { context, workspaces }: ConfigFile): void {
  const row = (name: string, mark: string): string => `${name.padEnd(NAME_WIDTH)} ${mark}`.trimEnd();
  const lines = workspaces.map(({ name }) => row(name, name === context.workspace ? "*" : ""));
  io.stdout.write(`${[row("NAME", "CURRENT"), ...lines].join("\n")}\n`);
}

/** `logout [workspace]`: forgets the login on this machine; its key or tokens stay valid. */
export async function logout(io: Io, global: GlobalOptions, name: string | undefined): Promise<void> {
  const config = readConfig(io.home);
  const known = config.workspaces.map((workspace) => workspace.name);
  const chosen = name ?? global.workspace ?? (await pick(io, known));
  if (!known.includes(chosen)) {
    throw new AppError("WORKSPACE_NOT_FOUND", `Cannot log out from workspace "${chosen}": you are not logged in to it`);
  }
  writeConfig(io.home, withoutWorkspace(config, chosen));
  createMessages(io, global.output).success(`Logged out from workspace ${chosen}`);
}

async function pick(io: Io, known: readonly string[]): Promise<string> {
  const [only, ...others] = known;
  if (only === undefined)
    throw new AppError("WORKSPACE_NOT_FOUND", "Cannot log out: you are not logged in to any workspace");
  if (others.length === 0) return only;
  return choose(
    io,
    "Log out from which workspace?",
    known.map((value) => ({ value, label: value })),
  );
}

/** `token [workspace]`: prints what stands behind `Bearer`, renewed where needed, once the server has accepted it. */
export async function printToken(io: Io, global: GlobalOptions, name: string | undefined): Promise<void> {
  const { client, workspace } = await openContext(io, name === undefined ? global : { ...global, workspace: name });
  await getWorkspace(client, workspace);
  io.stdout.write(`${(await client.credential?.bearer()) ?? ""}\n`);
}
