export interface AgentArguments {
  readonly port: number;
  /** Program and arguments of the image, empty when it has none. */
  readonly entrypoint: readonly string[];
}

const DEFAULT_PORT = 8080;

/** Reads what follows the program's name. Unknown arguments are ignored: images start the agent with flags of their own. */
export function parseArguments(argv: readonly string[]): AgentArguments {
  const valueOf = (...names: string[]): string | undefined => {
    const index = argv.findIndex((argument) => names.includes(argument));
    return index < 0 ? undefined : argv[index + 1];
  };
  const port = Number(valueOf("-p", "-port", "--port") ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new RangeError("--port takes a port number");
  return { port, entrypoint: parseEntrypoint(valueOf("--entrypoint-json")) };
}

function parseEntrypoint(json: string | undefined): string[] {
  if (json === undefined) return [];
  const parsed: unknown = JSON.parse(json);
  if (Array.isArray(parsed) && parsed.every((argument) => typeof argument === "string")) return parsed;
  throw new TypeError("--entrypoint-json takes a JSON array of strings");
}
