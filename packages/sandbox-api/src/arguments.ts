import { AppError } from "@dormouse/kernel";

export interface AgentArguments {
  readonly port: number;
  /** Program and arguments of the image, empty when it has none. */
  readonly entrypoint: readonly string[];
  /** Run once by the shell, beside the API. */
  readonly command: string | null;
  /** In the syntax of Docker's USER. */
  readonly user: string | null;
  /** Folder to unpack an archive from standard input into, instead of serving; for the engine. */
  readonly unpackInto: string | null;
  /** How much its content may come to; what the folder's file system has room for, when absent. */
  readonly roomBytes: number | null;
  /** Of entries with one name the last counts, in a ZIP file; else such an archive is refused. */
  readonly lastWins: boolean;
  /** What to say instead of serving. */
  readonly question: "help" | "version" | null;
}

export const USAGE = `Usage: sandbox-api [options]

  -p, --port PORT          port to serve on, on all interfaces (default 8080)
  -c, --command COMMAND    run COMMAND once with the shell, in /
      --user USER          run as USER for good: name, uid, name:group or uid:gid
      --disable-telemetry  accepted for compatibility: there is no telemetry
      --version            say the version
  -h, --help               say this
`;

const DEFAULT_PORT = 8080;

/** Options by their spellings without dashes. Each may come with one dash or two, its value after a space or an equals sign. */
const VALUE_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["p", "port"],
  ["port", "port"],
  ["c", "command"],
  ["command", "command"],
  ["user", "user"],
  ["entrypoint-json", "entrypoint"],
  ["unpack-into", "unpack-into"],
  ["room-bytes", "room-bytes"],
]);
const SWITCHES: ReadonlyMap<string, string> = new Map([
  ["disable-telemetry", "disable-telemetry"],
  ["last-wins", "last-wins"],
  ["version", "version"],
  ["h", "help"],
  ["help", "help"],
]);

/**
 * Reads what follows the program's name; of an option given twice the last counts.
 * @throws {AppError} INVALID_ARGUMENT naming what is unknown or lacks its value.
 */
export function parseArguments(argv: readonly string[]): AgentArguments {
  const given = readOptions(argv);
  const port = Number(given.get("port") ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw refuse("--port takes a port number");
  return {
    port,
    entrypoint: parseEntrypoint(given.get("entrypoint")),
    command: given.get("command") ?? null,
    user: given.get("user") ?? null,
    unpackInto: given.get("unpack-into") ?? null,
    roomBytes: given.has("room-bytes") ? Number(given.get("room-bytes")) : null,
    lastWins: given.has("last-wins"),
    question: (["help", "version"] as const).find((question) => given.has(question)) ?? null,
  };
}

function readOptions(argv: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    const [, name = "", inlineValue] = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    const switchName = SWITCHES.get(name);
    const optionName = VALUE_OPTIONS.get(name);
    if (switchName === undefined && optionName === undefined)
      throw refuse(`unknown argument "${argument}" (see --help)`);
    if (switchName !== undefined) {
      given.set(switchName, inlineValue ?? "");
      continue;
    }
    const value = inlineValue ?? argv[(index += 1)];
    if (value === undefined) throw refuse(`${argument} takes a value`);
    given.set(optionName ?? "", value);
  }
  return given;
}

function parseEntrypoint(json: string | undefined): string[] {
  if (json === undefined) return [];
  const parsed: unknown = parseOrUndefined(json);
  if (Array.isArray(parsed) && parsed.every((argument) => typeof argument === "string")) return parsed;
  throw refuse("--entrypoint-json takes a JSON array of strings");
}

function parseOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const refuse = (reason: string) => new AppError("INVALID_ARGUMENT", `Cannot read the command line: ${reason}`);
