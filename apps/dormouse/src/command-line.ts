import { Command, InvalidArgumentError, Option } from "commander";
import { addClientCommands } from "@dormouse/cli";
import { endWithReader, finish, processIo } from "./client-io.ts";
import { type Config, loadConfig } from "./config.ts";
import { endWithFailure } from "./failure.ts";
import { VERSION } from "./version.ts";

interface CommonOptions {
  readonly data?: string;
  readonly port?: number;
  readonly host?: string;
}

const dataOption = () => new Option("--data <dir>", "data folder (default: /var/lib/dormouse, or DORMOUSE_DATA)");
const portOption = () =>
  new Option("--port <number>", "port of the server, 0 for any free one (default: 4111, or DORMOUSE_PORT)").argParser(
    parsePort,
  );

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError("It must be 0 to 65535.");
  return port;
}

function configWith(options: CommonOptions): Config {
  const config = loadConfig(process.env);
  return {
    ...config,
    dataDir: options.data ?? config.dataDir,
    port: options.port ?? config.port,
    host: options.host ?? config.host,
  };
}

const BACKUP_HELP = `
In the file: the records of accounts, users, keys (as hashes), workspaces, sandboxes (with their environment variables,
secrets included), previews and their tokens, volumes, schedules and the audit log. It is readable by its owner only, and goes
into SQLite and PostgreSQL alike, also of a later version.
Not in it: what sandboxes and volumes hold. Those files are the engine's, under the data folder.

Example:
  $ ./dormouse backup /backup/dormouse-$(date +%F).jsonl`;

const RESTORE_HELP = `
The next start brings records and machine together: a sandbox that the backup does not know is deleted from the machine, and one
that the machine does not have is marked FAILED.

Examples:
  $ ./dormouse restore /backup/dormouse-2026-11-22.jsonl --replace
  $ DORMOUSE_DATABASE_URL=postgres://dormouse:secret@db/dormouse ./dormouse restore sqlite-backup.jsonl`;

const ZRAM_HELP = `
Swap is the whole machine's: other programs that run short of memory use it too. Empty, it costs 0.4 % of the machine's memory.
For every boot, call it from a systemd unit before dormouse starts.`;

/* Each command loads what it needs when it runs. */
const program = new Command("dormouse")
  .description(
    "Computers for AI agents that start in milliseconds, sleep with their memory, and wake on the first request.",
  )
  .version(VERSION)
  .showHelpAfterError();

program
  .command("up")
  .description("run engine and server in the foreground; Ctrl-C stops them and leaves sandboxes as they are")
  .addOption(dataOption())
  .addOption(portOption())
  .option("--host <address>", "address to listen on (default: 127.0.0.1, or DORMOUSE_HOST)")
  .addHelpText("after", "\nExample:\n  $ ./dormouse up --data /srv/dormouse --port 4111")
  .action(async (options: CommonOptions) => (await import("./commands/up.ts")).runUp(configWith(options)));

program
  .command("env")
  .description("print the export lines that point the stock SDK at this Dormouse")
  .addOption(dataOption())
  .addOption(portOption())
  .addHelpText("after", '\nExample:\n  $ eval "$(./dormouse env)" && node app.mjs')
  .action(async (options: CommonOptions) =>
    (await import("./commands/env.ts")).runEnv(configWith(options), options.port),
  );

program
  .command("doctor")
  .description("say what this host can and cannot do, and how to mend it")
  .option("--json", "print the findings as JSON")
  .action(async (options: { json?: boolean }) =>
    (await import("./commands/doctor.ts")).runDoctor(options.json === true, loadConfig(process.env)),
  );

program
  .command("backup <file>")
  .description("write all records to one file; Dormouse may be running")
  .addOption(dataOption())
  .addHelpText("after", BACKUP_HELP)
  .action(async (file: string, options: CommonOptions) =>
    (await import("./commands/backup.ts")).runBackup(file, configWith(options)),
  );

program
  .command("restore <file>")
  .description("bring the records of a backup back, all or nothing; Dormouse must be stopped")
  .addOption(dataOption())
  .option("--replace", "drop the records there are")
  .addHelpText("after", RESTORE_HELP)
  .action(async (file: string, options: CommonOptions & { replace?: boolean }) =>
    (await import("./commands/backup.ts")).runRestore(file, configWith(options), options.replace === true),
  );

const zram = program.command("zram").description("compressed RAM for the memory of sandboxes that sleep for long");
zram
  .command("on")
  .description("make swap in compressed RAM, as large as the machine's memory; lasts until a reboot")
  .addHelpText("after", ZRAM_HELP)
  .action(async () => (await import("./commands/zram.ts")).runZramOn());
zram
  .command("off")
  .description("take it away again; what is in it comes back into RAM")
  .action(async () => (await import("./commands/zram.ts")).runZramOff());

const image = program.command("image").description("our images in a data folder; the images of a workspace");
image
  .command("build <name>")
  .description("build one of our images, such as base-image")
  .option("--tag <reference>", "what to call it, as name or name:tag (default: its own name)")
  .addOption(dataOption())
  .addHelpText("after", "\nExample:\n  $ ./dormouse image build code-server --tag code-server-template")
  .action(async (name: string, options: CommonOptions & { tag?: string }) =>
    (await import("./commands/image.ts")).runImageBuild(name, configWith(options), options.tag),
  );

const account = program
  .command("account")
  .description("accounts of a Dormouse that runs; none sees anything of another");
account
  .command("add <name>")
  .description("make an account with its first workspace; prints where its owner joins")
  .requiredOption("--owner <email>", "who is to own it")
  .option("--workspace <name>", "name of its first workspace, which it needs")
  .addOption(dataOption())
  .addHelpText("after", "\nExample:\n  $ ./dormouse account add Partner --owner ada@example.com --workspace partner")
  .action(async (name: string, _: CommonOptions, command: Command) => {
    // The client commands have an option of this name for all of `dormouse`, and theirs gets the value.
    const options = command.optsWithGlobals<CommonOptions & { owner: string; workspace?: string }>();
    await (await import("./commands/account.ts")).runAccountAdd({ ...options, name }, configWith(options));
  });
account
  .command("ls")
  .description("list the accounts: id, name and owners")
  .addOption(dataOption())
  .action(async (options: CommonOptions) =>
    (await import("./commands/account.ts")).runAccountList(configWith(options)),
  );

const io = processIo("dormouse", VERSION);
addClientCommands(program, io);
endWithReader();
program.parseAsync().then(() => io.exitCode !== undefined && finish(io.exitCode), endWithFailure);
