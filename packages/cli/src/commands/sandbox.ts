import { AppError } from "@dormouse/kernel";
import type { Command } from "commander";
import { clientAction } from "../action.ts";
import { collect, collectPair, parseCount } from "../arguments.ts";
import type { Io } from "../io.ts";
import { printFailure, usageProblem } from "../output/messages.ts";

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

export function registerLogs(program: Command, io: Io): void {
  program
    .command("logs <type> <name> [process]")
    .description("what a sandbox, or one process in it, has written")
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .option("-p, --period <period>", "how far back, such as 30m, 6h or 2d (default: 1h)")
    .option("--start <time>", "from when, such as 2026-01-31T08:00:00Z")
    .option("--end <time>", "until when")
    .option("--no-timestamps", "only the text")
    .option("--severity <levels>", "such as WARNING,ERROR")
    .option("--search <text>", "only lines with this text")
    .addHelpText("after", logsExamples(io.program))
    .action(clientAction(io, "Logs", async () => (await import("../sandboxes/logs.ts")).logs));
}

export function registerConnect(program: Command, io: Io): void {
  program
    .command("connect <type> [name]")
    .description("open a shell in a sandbox on this terminal; ends with the exit code of the shell")
    .option("--session <id>", "name of the shell; who gives the same sees the same one (default: default)")
    .option("--shell <path>", "which shell, when it is not running yet")
    .option("--cwd <folder>", "where it starts")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ${io.program} connect sandbox my-sandbox\n  $ ${io.program} connect my-sandbox --session second`,
    )
    .action(clientAction(io, "Connect", async () => (await import("../sandboxes/connect.ts")).connect));
}

export function registerExec(program: Command, io: Io): void {
  program
    .command("exec <name> <command...>")
    .description("run a command in a sandbox; ends with its exit code")
    .option("--cwd <folder>", "where it runs")
    .option("--env <key=value>", "environment variable; may be repeated", collectPair)
    .option("--no-stdin", "do not pass on what is piped in")
    .addHelpText("after", execExamples(io.program))
    .configureOutput({ outputError: (text) => printFailure(io, "Exec", wrongExec(text)) })
    .action(clientAction(io, "Exec", async () => (await import("../sandboxes/exec.ts")).exec));
}

export function registerCopy(program: Command, io: Io): void {
  program
    .command("cp <source> <target>")
    .description("copy files and folders into a sandbox or out of it")
    .addHelpText("after", copyExamples(io.program))
    .action(clientAction(io, "Copy", async () => (await import("../copy/copy.ts")).copy));
}

/** Options of the command that is to run look like ours. */
const wrongExec = (text: string): AppError =>
  new AppError("INVALID_ARGUMENT", usageProblem(text), { hint: "Write -- in front of the command" });

const logsExamples = (program: string): string => `
Examples:
  $ ${program} logs sandbox my-sandbox
  $ ${program} logs sandbox my-sandbox --follow
  $ ${program} logs sandbox my-sandbox dev-server -f`;

const execExamples = (program: string): string => `
The command is run as it stands, without a shell; for pipes and variables use one.

Examples:
  $ ${program} exec my-sandbox -- npm test
  $ ${program} exec my-sandbox -- sh -c 'echo $HOME | wc -c'
  $ tar cz src | ${program} exec my-sandbox -- tar xz -C /blaxel`;

const copyExamples = (program: string): string => `
A place in a sandbox is sandbox:path; a path without a slash in front starts at its working directory.

Examples:
  $ ${program} cp ./src my-sandbox:/blaxel/src
  $ ${program} cp my-sandbox:/tmp/report.pdf .
  $ ${program} cp ./dist/. my-sandbox:/srv/www`;

const runExamples = (program: string): string => `
A path inside the sandbox follows /filesystem/ with a slash of its own: /filesystem//tmp.

Examples:
  $ ${program} run sandbox my-sandbox --path /process -d '{"command": "ls -la", "waitForCompletion": true}'
  $ ${program} run sandbox my-sandbox --method GET --path /filesystem//tmp
  $ ${program} run sandbox my-sandbox --method GET --path /port/3000/health`;
