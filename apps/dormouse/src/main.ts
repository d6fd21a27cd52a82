import type { Part } from "./part.ts";

/** How much later than usual code is compiled while a process of `up` starts: most of it runs once (decision 0038). */
const START_JIT_SCALE = 100;
const USUAL_JIT_SCALE = 1;

/* What `dormouse` runs. The two processes that `up` starts have no use for its command line, and live long. */
const [, , command, ...args] = process.argv;
await (command === "engine" || command === "server" ? startPart(command) : import("./command-line.ts"));

async function startPart(part: Part): Promise<void> {
  Bun.unsafe.setJITPolicy(START_JIT_SCALE);
  const { runPart } = await import("./part.ts");
  await runPart(part, args);
  Bun.unsafe.setJITPolicy(USUAL_JIT_SCALE);
}
