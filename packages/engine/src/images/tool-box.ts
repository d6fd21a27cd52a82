import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { Layout } from "../layout.ts";
import { detachMount, mountIdmapped } from "../syscalls.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";

/*
 * Host tools (tar, gzip, skopeo) that work on what comes from outside. Each runs in a box: root of a user namespace with
 * the few capabilities that writing files takes, no sight of other processes, no network unless it is given one, and a root folder that
 * shows /usr, what it is to work on, and nothing else. It ends with the engine, and so do its mounts.
 */

export interface ToolBoxDeps {
  readonly layout: Pick<Layout, "boxesDir">;
  /** Of one in which root is `MAPPED_ROOT_ID` outside. */
  readonly userNamespaceFd: number;
}

/** A folder of the host in the box, where files of the host's root are those of the box's root. */
export interface ShownFolder {
  readonly source: string;
  /** Name below the root of the box. */
  readonly target: string;
  readonly isWritable: boolean;
}

export interface ToolRequest {
  /** What a user has it run for: "unpack the image". */
  readonly purpose: string;
  readonly command: readonly string[];
  readonly shown: readonly ShownFolder[];
  /** Files below /etc, by name: secrets too, as nobody but the tool sees them. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Whose network it has; by default none. */
  readonly network?: "host" | { readonly namespaceFile: string };
  /** Ends the tool when it writes a larger file. */
  readonly maxFileBytes?: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ToolOutcome {
  readonly exitCode: number;
  /** The end of what it wrote to standard error. */
  readonly complaint: string;
}

export interface Tool {
  /** Waits until the tool has room. One that has ended swallows what comes. */
  write(chunk: Uint8Array): Promise<void>;
  /** There is no more to read for it. */
  end(): void;
  readonly output: ReadableStream<Uint8Array>;
  /** Lines of standard error as they come. */
  onLine(listener: (line: string) => void): void;
  readonly ended: Promise<ToolOutcome>;
}

const FOLDERS = ["usr", "proc", "tmp", "etc", "var", "old"];
const USR_LINKS = ["bin", "lib", "lib64", "sbin"];
const CAPABILITIES = ["chown", "dac_override", "fowner", "fsetid", "setfcap"];
const TEMPORARY_MAX_MIB = 512;
const COMPLAINT_MAX_LENGTH = 16_384;
/** Unit of `ulimit -f` (POSIX). */
const BLOCK_BYTES = 512;

/** Runs as root of the host, in a mount namespace that only this tool has. */
const SETUP = `
  cd "$1" && mount --rbind . . && cd "$1"
  mount --bind /usr usr && mount -o remount,bind,ro,nosuid,nodev usr
  mount -t proc -o nosuid,nodev,noexec proc proc
  mount -t tmpfs -o mode=1777,size=${TEMPORARY_MAX_MIB}m,nosuid,nodev tmpfs tmp
  mount -o remount,bind,ro,nosuid,nodev .
  pivot_root . old && umount -l /old && shift
  exec nsenter --user=/proc/self/fd/3 -- setpriv --no-new-privs --pdeathsig=KILL \\
    --bounding-set=-all,${CAPABILITIES.map((name) => `+${name}`).join(",")} -- sh -euc '
      exec 3<&-
      ulimit -c 0
      [ "$1" = 0 ] || ulimit -f "$1"
      shift
      exec "$@"' sh "$@"`;

/** Runs `use` with the tool, which has ended when this resolves. @throws what `use` throws; what `signal` says when it is aborted */
export async function withTool<T>(
  deps: ToolBoxDeps,
  request: ToolRequest,
  use: (tool: Tool) => Promise<T>,
): Promise<T> {
  const { signal } = request;
  signal.throwIfAborted();
  mkdirSync(deps.layout.boxesDir(), { recursive: true });
  const box = mkdtempSync(join(deps.layout.boxesDir(), "box-"));
  const ending = new AbortController();
  try {
    fillBox(deps, request, box);
    const tool = startTool({ deps, request, box, signal: AbortSignal.any([signal, ending.signal]) });
    try {
      return await use(tool);
    } finally {
      ending.abort();
      await tool.ended.catch(() => undefined);
      signal.throwIfAborted();
    }
  } finally {
    emptyBox(request, box);
    await rm(box, { recursive: true, force: true });
  }
}

function fillBox({ userNamespaceFd }: ToolBoxDeps, { shown, files = {} }: ToolRequest, box: string): void {
  chmodSync(box, 0o755);
  for (const folder of FOLDERS) mkdirSync(join(box, folder));
  for (const link of USR_LINKS) symlinkSync(join("usr", link), join(box, link));
  symlinkSync("/tmp", join(box, "var/tmp"));
  for (const [name, content] of Object.entries(files)) {
    const file = join(box, "etc", name);
    writeFileSync(file, content, { mode: 0o400 });
    chownSync(file, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
  }
  for (const { source, target, isWritable } of shown) {
    const place = join(box, target);
    mkdirSync(place);
    mountIdmapped({ source, target: place, userNamespaceFd, isWritable });
  }
}

/** Fails rather than leave a folder of the host in a box that is about to be erased. */
function emptyBox({ shown }: ToolRequest, box: string): void {
  for (const place of shown.map(({ target }) => join(box, target)).filter((dir) => existsSync(dir))) {
    detachMount(place);
    rmdirSync(place);
  }
}

interface ToolStart {
  readonly deps: ToolBoxDeps;
  readonly request: ToolRequest;
  readonly box: string;
  readonly signal: AbortSignal;
}

function startTool({ deps, request, box, signal }: ToolStart): Tool {
  const { purpose, command, network, maxFileBytes = 0, timeoutMs } = request;
  const maxFileBlocks = Math.ceil(maxFileBytes / BLOCK_BYTES);
  const child = Bun.spawn([...namespaces(network), "sh", "-euc", SETUP, "sh", box, String(maxFileBlocks), ...command], {
    stdio: ["pipe", "pipe", "pipe", deps.userNamespaceFd],
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/tmp",
      LC_ALL: "C.UTF-8",
      TMPDIR: "/tmp",
      SSL_CERT_FILE: "/etc/ca-certificates.crt",
    },
    signal,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let listener: (line: string) => void = () => undefined;
  const complaint = readLines(child.stderr, (line) => listener(line));
  const ended = Promise.all([child.exited, complaint]).then(([, text]) => {
    if (child.signalCode === "SIGKILL" && !signal.aborted) {
      throw new AppError("TOO_LARGE", `Cannot ${purpose}: it takes longer than ${timeoutMs / 1000} s`);
    }
    return { exitCode: child.exitCode ?? -1, complaint: text };
  });
  ended.catch(() => undefined);
  return {
    write: async (chunk) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await Promise.resolve(child.stdin.write(chunk))
        .then(() => child.stdin.flush())
        .catch(() => undefined);
    },
    end: () => void Promise.resolve(child.stdin.end()).catch(() => undefined),
    output: child.stdout,
    onLine: (given) => {
      listener = given;
    },
    ended,
  };
}

function namespaces(network: ToolRequest["network"]): string[] {
  const isolated = ["unshare", "--mount", "--propagation=private", "--ipc", "--uts", "--pid", "--fork", "--kill-child"];
  /* Sandboxes come first. */
  const own = ["setpriv", "--pdeathsig=KILL", "--", "nice", "-n", "10"];
  if (network === undefined) return [...own, ...isolated, "--net"];
  return network === "host"
    ? [...own, ...isolated]
    : [...own, "nsenter", `--net=${network.namespaceFile}`, ...isolated];
}

/** The end of the text, when all of it has come. */
async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let [rest, end] = ["", ""];
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    end = (end + text).slice(-COMPLAINT_MAX_LENGTH);
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(-COMPLAINT_MAX_LENGTH);
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
  return end;
}
