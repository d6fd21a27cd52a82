import {
  type AgentArguments,
  type Ahead,
  AppError,
  beginAhead,
  isAgentRunning,
  ownCommand,
  parseArguments,
  readTakeover,
  type SandboxApi,
  startSandboxApi,
  STATE_VARIABLE,
  unpackStandardInput,
  USAGE,
  withHostname,
  withOverflow,
} from "@dormouse/sandbox-api";
import { closeSync, writeSync } from "node:fs";
import { awaitEnvironment, rehearse, REHEARSAL_ENVIRONMENT } from "./held.ts";

const CLOSE_GRACE_MS = 10_000;
const BUILD = { version: "0.1.0", gitCommit: "unknown", buildTime: "unknown" };
/** How often an agent that replaces another tries to get its port back, should somebody have taken it in between. */
const TAKEOVER_ATTEMPTS = 100;
const TAKEOVER_PAUSE_MS = 50;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);
const complainOf = (error: unknown): void =>
  complain(error instanceof Error ? (error.stack ?? error.message) : String(error));

/** Tells whoever started the agent, by the descriptor it gave, that requests are answered from now on. */
function announceReady(fd: string | undefined): void {
  if (fd === undefined || !/^\d+$/.test(fd)) return;
  writeSync(Number(fd), "ready\n");
  closeSync(Number(fd));
}

function onStopSignal(stop: () => Promise<void>): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(0)));
  }
}

/** Images start the agent themselves, and then wait for it: the second one stays and does nothing. */
async function stayBehind({ port, user }: AgentArguments, cause: unknown): Promise<void> {
  if (!(await isAgentRunning(port))) throw cause;
  if (user !== null) complain(`Cannot become user "${user}": the sandbox-api that runs already stays who it is`);
  onStopSignal(() => Promise.resolve());
  say(`sandbox-api is already running on port ${port}`);
  setInterval(() => {}, 2 ** 31 - 1);
}

const isPortTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EADDRINUSE";

type Environment = Readonly<Record<string, string | undefined>>;

/** The same in every start; `env` is what the agent takes for its environment. */
const startOptions = (port: number, env: Environment) => ({
  port,
  env,
  cwd: process.cwd(),
  command: () => ownCommand(process.argv),
  build: BUILD,
  onUnexpectedError: complainOf,
});

/** Starts as the agent that this process was until now: what that one started runs already. */
async function takeOver(port: number, env: Environment, statePath: string): Promise<SandboxApi> {
  const options = { ...startOptions(port, env), takeover: readTakeover(statePath) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return startSandboxApi(options);
    } catch (error) {
      if (!isPortTaken(error) || attempt === TAKEOVER_ATTEMPTS) throw error;
      await Bun.sleep(TAKEOVER_PAUSE_MS);
    }
  }
}

interface Beginning {
  readonly given: Environment;
  readonly ahead?: Ahead;
}

/** What does not depend on whose the agent becomes is done before it waits to hear that. */
async function hold(port: number): Promise<Beginning> {
  await rehearse(() => startSandboxApi(startOptions(0, REHEARSAL_ENVIRONMENT)));
  const ahead = beginAhead(port);
  return { ahead, given: awaitEnvironment(Number(process.env["DORMOUSE_READY_FD"])) };
}

async function serve(asked: AgentArguments): Promise<void> {
  const isHeld = process.env["DORMOUSE_HELD"] !== undefined;
  const { given, ahead }: Beginning = isHeld ? await hold(asked.port) : { given: process.env };
  const env = withHostname(withOverflow(given, complain));
  const statePath = env[STATE_VARIABLE];
  if (statePath !== undefined) {
    const successor = await takeOver(asked.port, env, statePath);
    return onStopSignal(() => successor.close(CLOSE_GRACE_MS));
  }
  let api: SandboxApi;
  try {
    api = startSandboxApi({ ...startOptions(asked.port, env), user: asked.user, ...ahead });
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    return stayBehind(asked, error);
  }
  onStopSignal(() => api.close(CLOSE_GRACE_MS));
  announceReady(env["DORMOUSE_READY_FD"]);
  api.startEntrypoint(asked.entrypoint);
  if (asked.command !== null) api.startCommand(asked.command);
}

async function main(): Promise<void> {
  const asked = parseArguments(process.argv.slice(2));
  if (asked.question === "help") return say(USAGE);
  if (asked.question === "version") return say(`sandbox-api ${BUILD.version}`);
  if (asked.unpackInto !== null) return say(await unpackStandardInput(asked.unpackInto, asked));
  await serve(asked);
}

main().catch((error: unknown) => {
  if (error instanceof AppError) complain(error.message);
  else complainOf(error);
  process.exit(1);
});
