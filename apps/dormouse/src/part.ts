import { parseArgs } from "node:util";
import { loadConfig } from "./config.ts";
import { endWithFailure } from "./failure.ts";

export type Part = "engine" | "server";

/** Runs one of the two processes of `up`; resolves when it serves. Each loads what it needs, and nothing of the other. */
export async function runPart(part: Part, args: string[]): Promise<void> {
  try {
    await (part === "engine" ? runEngine(args) : runServer(args));
  } catch (error) {
    endWithFailure(error);
  }
}

async function runEngine(args: string[]): Promise<void> {
  const options = parseOptions(args, ["data", "server-user", "server-group"]);
  const { runEngine: run } = await import("./commands/engine.ts");
  await run(
    { data: options.data, serverUser: options["server-user"], serverGroup: options["server-group"] },
    loadConfig(process.env),
  );
}

async function runServer(args: string[]): Promise<void> {
  const options = parseOptions(args, ["data", "instance", "recipes"]);
  const { runServer: run } = await import("./commands/server.ts");
  await run(options, loadConfig(process.env));
}

/** All of `names` are needed. @throws TypeError for any other argument */
function parseOptions<Name extends string>(args: string[], names: readonly Name[]): Record<Name, string> {
  const { values } = parseArgs({
    args,
    options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
  });
  const missing = names.find((name) => values[name] === undefined);
  if (missing !== undefined) throw new Error(`Cannot start: --${missing} is missing. Use \`dormouse up\``);
  return values as Record<Name, string>;
}
