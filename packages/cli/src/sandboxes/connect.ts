import { AppError } from "@dormouse/kernel";
import type { TerminalClientFrame, TerminalServerFrame } from "@dormouse/schema";
import { ApiError, type Client, getSandbox, listSandboxes, sandboxUrl, terminalUrl } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import type { Io } from "../io.ts";
import { readKeys } from "../keys.ts";
import { paintFor } from "../output/styles.ts";

export interface ConnectOptions {
  readonly session?: string;
  readonly shell?: string;
  readonly cwd?: string;
}

const CLEAR = "\u001b[2J\u001b[H";
const DEFAULT_SIZE = { columns: 80, rows: 24 };
const NORMAL_CLOSE = 1000;

/** `connect sandbox NAME`: a shell inside, on this terminal. Ends with the exit code of the shell. */
export async function connect(
  context: Context,
  type: string,
  name: string | undefined,
  options: ConnectOptions,
): Promise<number> {
  const { client, io, say } = context;
  const sandbox = sandboxNamed(context, type, name);
  if (!io.isTty.stdin) {
    throw new AppError("INVALID_ARGUMENT", "Cannot connect: the input is no terminal", {
      hint: `To run a command use '${io.program} exec ${sandbox} -- COMMAND'`,
    });
  }
  const url = await shellUrl(client, sandbox, { io, options });
  io.stdout.write(CLEAR);
  say.info(`Connecting to sandbox '${sandbox}'...`);
  say.info("Press Ctrl+D to disconnect");
  const exitCode = await attach(io, url);
  say.info("Disconnected from sandbox.");
  return exitCode;
}

/** `connect NAME` will do: there is nothing else to connect to. */
function sandboxNamed({ io }: Context, type: string, name: string | undefined): string {
  if (name === undefined) return type;
  if (["sandbox", "sandboxes", "sbx", "sb"].includes(type)) return name;
  throw new AppError("INVALID_ARGUMENT", `Cannot connect to a ${type}: only sandboxes have a terminal`, {
    hint: `Run '${io.program} connect sandbox ${name}'`,
  });
}

async function shellUrl(
  client: Client,
  name: string,
  { io, options }: { readonly io: Io; readonly options: ConnectOptions },
): Promise<string> {
  const sandbox = await getSandbox(client, name).catch(async (error: unknown) => {
    throw error instanceof ApiError && error.status === 404 ? await noSuchSandbox(client, name) : error;
  });
  const { columns, rows } = io.terminalSize() ?? DEFAULT_SIZE;
  return terminalUrl(client, sandboxUrl(client, sandbox), {
    cols: columns,
    rows,
    ...(options.session !== undefined && { sessionId: options.session }),
    ...(options.shell !== undefined && { shell: options.shell }),
    ...(options.cwd !== undefined && { workingDir: options.cwd }),
  });
}

async function noSuchSandbox(client: Client, name: string): Promise<AppError> {
  const { data } = await listSandboxes(client, { limit: 20 });
  const names = data.map((sandbox) => sandbox.metadata.name).join(", ");
  return new AppError("SANDBOX_NOT_FOUND", `Cannot connect to sandbox "${name}": there is none of that name`, {
    hint: names === "" ? "There are no sandboxes" : `Available sandboxes: ${names}`,
  });
}

/** Joins this terminal and the one behind `url` until either ends. */
async function attach(io: Io, url: string): Promise<number> {
  const socket = new WebSocket(url);
  const ended = endOf(io, socket);
  await opened(socket, ended);
  const send = (frame: TerminalClientFrame): void => socket.send(JSON.stringify(frame));
  using ties = new DisposableStack();
  ties.use(readKeys(io, (data) => send({ type: "input", data })));
  ties.use(
    io.onSignal("SIGWINCH", () => {
      const { columns: cols, rows } = io.terminalSize() ?? DEFAULT_SIZE;
      send({ type: "resize", cols, rows });
    }),
  );
  ties.use(io.onSignal("SIGTERM", () => socket.close(NORMAL_CLOSE)));
  return await ended;
}

/** @throws {AppError} SANDBOX_UNAVAILABLE when it ends before. */
async function opened(socket: WebSocket, ended: Promise<number>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve(), { once: true });
  ended.catch((cause: unknown) => {
    const message = "Cannot open a terminal: the sandbox offers none, or the connection to it failed";
    reject(new AppError("SANDBOX_UNAVAILABLE", message, { cause }));
  });
  await promise;
}

async function endOf(io: Io, socket: WebSocket): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let exitCode = 0;
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as TerminalServerFrame;
    if (frame.type === "output") io.stdout.write(frame.data);
    if (frame.type === "error") {
      exitCode = 1;
      io.stdout.write(`\r\n${paintFor(io, "stdout")("red", `Error: ${frame.data}`)}\r\n`);
    }
    if (frame.type === "exit") exitCode = frame.code;
  });
  // A `close` follows.
  socket.addEventListener("error", () => undefined);
  socket.addEventListener("close", ({ code }) => {
    if (code === NORMAL_CLOSE || exitCode !== 0) resolve(exitCode);
    else reject(connectionLost(code));
  });
  return await promise;
}

const connectionLost = (code: number): AppError =>
  new AppError("SANDBOX_UNAVAILABLE", `Cannot go on with the terminal: its connection ended with code ${code}`, {
    hint: "Connect again: the shell goes on for ten minutes, and shows what happened meanwhile",
  });
