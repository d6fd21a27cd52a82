import { basename } from "node:path";
import { addClientCommands } from "@dormouse/cli";
import { Command } from "commander";
import { endWithReader, finish, processIo } from "./client-io.ts";
import { VERSION } from "./version.ts";

/* The client commands by themselves: what `dist/bl` is made of. */
const name = basename(process.argv0) === "blaxel" ? "blaxel" : "bl";
const io = processIo(name, VERSION);
const program = new Command(name).description("Sandboxes of a Dormouse, from the command line.").version(VERSION);
addClientCommands(program, io);
endWithReader();
await program.parseAsync();
finish(io.exitCode ?? 0);
