import type { Command } from "commander";
import { clientAction } from "../action.ts";
import { collect, collectPair, parseCount } from "../arguments.ts";
import type { Io } from "../io.ts";

export function registerPs(program: Command, io: Io): void {
  program
    .command("ps")
    .description("sandboxes with what they are doing: RUNNING or asleep in STANDBY")
    .addHelpText("after", `\nExample:\n  $ ${io.program} ps`)
    .action(clientAction(io, "List", async () => (await import("../sandboxes/ps.ts")).ps));
}

export function registerRun(program: Command, io: Io): void {
  program
    .command("run <type> <name>")
    .description("send a request to the API inside a sandbox")
    .option("--path <path>", "path below the sandbox's address")
    .option("--method <method>", "HTTP method", "POST")
    .option("-d, --data <json>", "body of the request")
    .option("-f, --file <file>", "body of the request from a JSON or YAML file")
    .option("--upload-file <file>", "body of the request as it is in a file")
    .option("--params <key=value>", "query parameter; may be repeated", collectPair)
    .option("--header <header>", "header as 'Name: value'; may be repeated", collect)
    .option("--stream", "ask for a stream of events")
    .option("--timeout <seconds>", "give up after so long", parseCount)
    .option("--debug", "show what is sent and answered")
    .addHelpText("after", runExamples(io.program))
    .action(clientAction(io, "Run", async () => (await import("../sandboxes/run.ts")).runRequest));
}

const runExamples = (program: string): string => `
A path inside the sandbox follows /filesystem/ with a slash of its own: /filesystem//tmp.

Examples:
  $ ${program} run sandbox my-sandbox --path /process -d '{"command": "ls -la", "waitForCompletion": true}'
  $ ${program} run sandbox my-sandbox --method GET --path /filesystem//tmp
  $ ${program} run sandbox my-sandbox --method GET --path /port/3000/health`;
