import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { instanceDir, instanceName, removeEmptyDirs, RUN_ROOT } from "@dormouse/engine";
import type { FaultPoint } from "@dormouse/kernel";
import { type Child, startChild } from "../child.ts";
import type { Config } from "../config.ts";
import { type Certificate, dateProblems, readCertificates } from "../certificates.ts";
import { type Handover, handoverLine, readHandover } from "../handover.ts";
import { adminKey, dataFiles, isOneFile, openInstallation } from "../installation.ts";
import { engineCommand, serverCommand } from "../processes.ts";
import { ensureServerUser } from "../server-user.ts";
import { supervise } from "../supervise.ts";
import { watchFiles } from "../watch-files.ts";
import { ensureImage } from "./image.ts";

const BASE_IMAGE = "base-image";
/** What its user calls it by. */
const OWN_NAME = isOneFile ? process.execPath : "./dormouse";

/**
 * Runs engine and server until a signal, and stops them then; sandboxes stay as they are. One of the two that dies is started
 * again, and takes up the sandboxes where they are.
 */
export async function runUp(config: Config): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("Cannot start: the engine needs root. Run it with sudo");
  if (isOneFile) assertOthersMayRun(process.execPath);
  let handover = await readHandover(config);
  noteDateProblems(handover);
  const { dataDir, instance } = openDataDir(config);
  const user = await ensureServerUser();
  const adminKeyHash = createHash("sha256").update(adminKey(dataDir)).digest("hex");
  await ensureImage(BASE_IMAGE, config);

  const startEngine = (faultPoint?: FaultPoint) =>
    startChild({
      name: "engine",
      command: engineCommand([`--data=${dataDir}`, `--server-user=${user.userId}`, `--server-group=${user.groupId}`]),
      env: { ...COMMON_ENV, ...engineEnv({ ...config, faultPoint }) },
    });
  const firstEngine = await startEngine(config.faultPoint);
  // Not before the engine holds the data folder: until then these may be another one's.
  await using running = new AsyncDisposableStack();
  running.defer(() => removeRunDirs(instance));
  running.use(supervise(firstEngine, { restart: () => startEngine(), onEnd: noteEnd("engine") }));

  let port = config.port;
  let server: Child | undefined;
  const startServer = async (faultPoint?: FaultPoint): Promise<Child> => {
    const installation = await openInstallation(config);
    const started = await startChild({
      name: "server",
      command: serverCommand({ installation, instance, dataDir, user }),
      env: { ...COMMON_ENV, ...serverEnv({ ...config, port, adminKeyHash, faultPoint }) },
      input: handoverLine(handover),
    });
    server = started;
    return started;
  };
  const firstServer = await startServer(config.faultPoint);
  port = Number(firstServer.report);
  running.use(supervise(firstServer, { restart: () => startServer(), onEnd: noteEnd("server") }));
  const renew = (): void => {
    const certificates = renewedCertificates(config, handover);
    if (certificates === undefined) return;
    handover = { ...handover, certificates };
    server?.send(handoverLine(handover));
  };
  running.use(
    watchFiles(
      config.tls.flatMap(({ certFile, keyFile }) => [certFile, keyFile]),
      renew,
    ),
  );

  const url = `${config.tls.length > 0 ? "https" : "http"}://localhost:${port}`;
  writeFileSync(dataFiles(dataDir).endpoint, `${url}\n`, { mode: 0o644 });
  note(`up at ${url}, data in ${dataDir}`);
  note(`point the SDK at it: eval "$(${OWN_NAME} env --data ${dataDir})"`);
  await signalled();
  note("stopping; sandboxes stay as they are");
}

/** The server runs from it as another user. */
function assertOthersMayRun(file: string): void {
  if ((statSync(file).mode & 0o005) === 0o005) return;
  throw new Error(`Cannot start: only its owner may read and run "${file}". Run chmod 755 on it`);
}

/** Those that a sandbox still needs are not empty and stay. */
function removeRunDirs(instance: string): void {
  const home = instanceDir(instance);
  removeEmptyDirs([join(home, "app"), join(home, "server"), home, RUN_ROOT]);
}

const COMMON_ENV = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  /* Bun's default of 256 would make the 257th open stream wait for the first to end. */
  BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
};

const engineEnv = ({ admission, builds, ...config }: Config): Record<string, string> =>
  passOn({
    DORMOUSE_CACHE: config.cacheDir,
    DORMOUSE_LOG: config.logLevel,
    DORMOUSE_RESOLVER: config.resolver,
    DORMOUSE_PAGE_OUT_AFTER_MS: String(config.pageOutAfterMs),
    DORMOUSE_FAULT_POINT: config.faultPoint,
    DORMOUSE_WARM_POOL: config.warmPool.join(","),
    DORMOUSE_REGISTRIES: config.registries.join(","),
    DORMOUSE_MAX_SANDBOXES: admission.maxSandboxCount?.toString(),
    DORMOUSE_MEMORY_OVERCOMMIT: admission.memoryOvercommit?.toString(),
    DORMOUSE_MEMORY_RESERVE_MIB: admission.memoryReserveMiB?.toString(),
    DORMOUSE_DISK_RESERVE_MIB: admission.diskReserveMiB?.toString(),
    DORMOUSE_PARALLEL_BUILDS: builds.parallelCount?.toString(),
    DORMOUSE_BUILD_TIMEOUT_S: builds.timeoutMs === undefined ? undefined : String(builds.timeoutMs / 1000),
    DORMOUSE_BUILD_MEMORY_MIB: builds.memoryMiB?.toString(),
    DORMOUSE_BUILD_DISK_MIB: builds.diskMiB?.toString(),
  });

const serverEnv = (config: Config): Record<string, string> =>
  passOn({
    DORMOUSE_LOG: config.logLevel,
    DORMOUSE_PORT: String(config.port),
    DORMOUSE_HOST: config.host,
    DORMOUSE_METRICS_PORT: config.metricsPort?.toString(),
    DORMOUSE_IDLE_MS: String(config.idleMs),
    DORMOUSE_CLIENT_TIMEOUT_MS: String(config.clientTimeoutMs),
    DORMOUSE_WORKSPACE: config.workspace,
    DORMOUSE_PUBLIC_URL: config.publicUrl,
    DORMOUSE_DOMAIN: config.domain,
    DORMOUSE_REDIRECT_URIS: config.redirectUris.join(","),
    DORMOUSE_DNS_SERVERS: config.dnsServers?.join(","),
    DORMOUSE_TRUSTED_PROXIES: config.trustedProxies.join(","),
    DORMOUSE_WARM_POOL: config.warmPool.join(","),
    DORMOUSE_AUDIT_DAYS: String(config.auditRetentionDays),
    DORMOUSE_DATABASE_URL: config.databaseUrl,
    DORMOUSE_ADMIN_KEY_HASH: config.adminKeyHash,
    DORMOUSE_FAULT_POINT: config.faultPoint,
  });

/** Undefined when the files hold what they held, or nothing that can be used, which is noted. */
function renewedCertificates(config: Config, current: Handover): readonly Certificate[] | undefined {
  try {
    const certificates = readCertificates(config.tls);
    if (Bun.deepEquals(certificates, current.certificates)) return undefined;
    noteDateProblems({ certificates });
    note("the TLS certificates have changed, the server takes the new ones");
    return certificates;
  } catch (error) {
    note(`${(error as Error).message}; the server keeps the certificate it has`);
    return undefined;
  }
}

function noteDateProblems({ certificates }: Pick<Handover, "certificates">): void {
  for (const problem of dateProblems(certificates, Date.now())) note(`warning: ${problem}`);
}

const passOn = (variables: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).filter((pair): pair is [string, string] => pair[1] !== undefined));

function openDataDir(config: Config): { dataDir: string; instance: string } {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o711 });
  chmodSync(config.dataDir, 0o711);
  const dataDir = realpathSync(config.dataDir);
  return { dataDir, instance: instanceName(dataDir) };
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}

const noteEnd =
  (name: string) =>
  (reason: string, restartDelayMs: number): void =>
    note(`${name} ended (${reason}), starting it again in ${restartDelayMs} ms`);

function note(text: string): void {
  process.stderr.write(`dormouse: ${text}\n`);
}
