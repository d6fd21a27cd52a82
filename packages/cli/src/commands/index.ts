import type { Command } from "commander";
import type { Io } from "../io.ts";
import { registerPush } from "./push.ts";
import { registerVersion } from "./version.ts";

type Register = (program: Command, io: Io) => void;

/* In the order of the help. A file here only says what there is; what it does is loaded when it runs. */
const COMMANDS: readonly Register[] = [registerPush, registerVersion];

export function registerCommands(program: Command, io: Io): void {
  for (const register of COMMANDS) register(program, io);
}
