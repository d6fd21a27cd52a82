import { FAULT_POINTS, type FaultPoint } from "@dormouse/kernel";
import { z } from "zod";
import type { AdmissionPolicy, BuildPolicy } from "@dormouse/engine";
import type { CertificateFiles } from "./certificates.ts";

const list = (text: string): string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

const fileList = z.string().default("").transform(list);

/** Settings from the environment: every variable starts with `DORMOUSE_`, and one we do not know is refused. */
const Config = z.strictObject({
  /** Folder for everything that must survive. */
  DORMOUSE_DATA: z.string().min(1).default("/var/lib/dormouse"),
  DORMOUSE_PORT: z.coerce.number().int().min(0).max(65_535).default(4111),
  /** Address the server listens on; loopback unless you say otherwise. */
  DORMOUSE_HOST: z.string().min(1).default("127.0.0.1"),
  /** Port of 127.0.0.1 that serves `/metrics` without a key, and nothing else. */
  DORMOUSE_METRICS_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  /** How long a sandbox stays awake after its last use. */
  DORMOUSE_IDLE_MS: z.coerce.number().int().min(100).default(5000),
  /** After how long without a sign of life a client has vanished, or one that does not read what it is sent is let go. */
  DORMOUSE_CLIENT_TIMEOUT_MS: z.coerce.number().int().min(2000).max(86_400_000).default(120_000),
  /** How long a sandbox sleeps before its memory goes to swap, where the host has some; 0 for never. */
  DORMOUSE_PAGE_OUT_AFTER_MS: z.coerce.number().int().min(0).default(60_000),
  DORMOUSE_WORKSPACE: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,47}[a-z0-9])?$/)
    .default("default"),
  /** Where browsers and clients reach us, when that is not what they put in `Host`. */
  DORMOUSE_PUBLIC_URL: z.url().optional(),
  /** Wildcard domain: names under `*.preview.DOMAIN` and `*.run.DOMAIN` lead here, and sandboxes get URLs on hosts of their own. */
  DORMOUSE_DOMAIN: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "expected a host name in lower case, without a scheme or a port")
    .optional(),
  /** Addresses of web applications, separated by commas and to the letter, that people may log in to with `/authorize`. */
  DORMOUSE_REDIRECT_URIS: z.string().default("").transform(list).pipe(z.array(z.url())),
  /** PEM files of certificates with their chains, and of their keys in the same order, separated by commas. */
  DORMOUSE_TLS_CERT: fileList,
  DORMOUSE_TLS_KEY: fileList,
  /** Addresses and CIDR ranges, separated by commas, whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. */
  DORMOUSE_TRUSTED_PROXIES: z
    .string()
    .default("")
    .transform(list)
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: "not an IP address or CIDR range" }))),
  /** Folder of HTML templates for what browsers are shown instead of an app. */
  DORMOUSE_ERROR_PAGES: z.string().min(1).optional(),
  /** PostgreSQL database for the records, as `postgres://user:password@host/name`; without it, a SQLite file. */
  DORMOUSE_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** Cache of built images, shared by every data folder of the machine. */
  DORMOUSE_CACHE: z.string().min(1).default("/var/cache/dormouse"),
  /** IPv4 resolver for the sandboxes, when the host's own cannot be used. */
  DORMOUSE_RESOLVER: z.ipv4().optional(),
  /** Name servers, as `address` or `address:port` and separated by commas, that custom domains are verified with; else the machine's. */
  DORMOUSE_DNS_SERVERS: z.string().min(1).transform(list).optional(),
  /** Days for which the audit log is kept. */
  DORMOUSE_AUDIT_DAYS: z.coerce.number().int().min(1).max(36_500).default(90),
  DORMOUSE_LOG: z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
  /** How full the machine may become, where it differs from the default policy (decision 0020). */
  DORMOUSE_MAX_SANDBOXES: z.coerce.number().int().min(1).optional(),
  DORMOUSE_MEMORY_OVERCOMMIT: z.coerce.number().positive().optional(),
  DORMOUSE_MEMORY_RESERVE_MIB: z.coerce.number().int().min(0).optional(),
  DORMOUSE_DISK_RESERVE_MIB: z.coerce.number().int().min(0).optional(),
  /** Sandboxes to keep started ahead of need, such as `base-image=3,nextjs=1`. */
  DORMOUSE_WARM_POOL: z
    .string()
    .default("")
    .transform(list)
    .pipe(z.array(z.string().regex(/^[\w.-]+(:[\w.-]+)?=\d{1,3}$/, "expected image=count"))),
  /** How much image builds may take, where it differs from the default policy (decision 0023). */
  DORMOUSE_PARALLEL_BUILDS: z.coerce.number().int().min(1).max(64).optional(),
  DORMOUSE_BUILD_TIMEOUT_S: z.coerce.number().int().min(1).max(86_400).optional(),
  DORMOUSE_BUILD_MEMORY_MIB: z.coerce.number().int().min(256).optional(),
  DORMOUSE_BUILD_DISK_MIB: z.coerce.number().int().min(256).optional(),
  /** Where image registries are found, such as `docker.io=http://127.0.0.1:5000,ghcr.io=https://mirror.internal`; only those are reached
   * from this machine's own network. */
  DORMOUSE_REGISTRIES: z
    .string()
    .default("")
    .transform(list)
    .pipe(
      z.array(z.string().regex(/^[a-z0-9.-]+(:\d{1,5})?=https?:\/\/[^\s@?#]+$/, "expected host=http(s)://address")),
    ),
  /** For tests: where the first engine or server ends as `kill -9` ends it. */
  DORMOUSE_FAULT_POINT: z.enum(Object.keys(FAULT_POINTS) as FaultPoint[]).optional(),
  /** Handed from `up` to the processes it starts. */
  DORMOUSE_ADMIN_KEY_HASH: z.string().optional(),
  DORMOUSE_READY_FD: z.coerce.number().int().optional(),
});

export interface Config {
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  readonly metricsPort: number | undefined;
  readonly idleMs: number;
  readonly clientTimeoutMs: number;
  readonly pageOutAfterMs: number;
  readonly workspace: string;
  readonly publicUrl: string | undefined;
  readonly domain: string | undefined;
  readonly redirectUris: readonly string[];
  readonly tls: readonly CertificateFiles[];
  readonly trustedProxies: readonly string[];
  readonly errorPagesDir: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly cacheDir: string;
  readonly resolver: string | undefined;
  readonly dnsServers: readonly string[] | undefined;
  readonly auditRetentionDays: number;
  /** As it was given, for the processes `up` starts. */
  readonly warmPool: readonly string[];
  /** As it was given. */
  readonly registries: readonly string[];
  readonly admission: Partial<AdmissionPolicy>;
  readonly builds: Partial<BuildPolicy>;
  readonly logLevel: string;
  readonly faultPoint: FaultPoint | undefined;
  readonly adminKeyHash: string | undefined;
  readonly readyFd: number | undefined;
}

/** @throws Error naming each variable that is wrong */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const ours = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("DORMOUSE_")));
  const parsed = Config.safeParse(ours);
  if (!parsed.success) throw new Error(`Cannot read the configuration:\n${z.prettifyError(parsed.error)}`);
  const config = parsed.data;
  return {
    dataDir: config.DORMOUSE_DATA,
    port: config.DORMOUSE_PORT,
    host: config.DORMOUSE_HOST,
    metricsPort: config.DORMOUSE_METRICS_PORT,
    idleMs: config.DORMOUSE_IDLE_MS,
    clientTimeoutMs: config.DORMOUSE_CLIENT_TIMEOUT_MS,
    pageOutAfterMs: config.DORMOUSE_PAGE_OUT_AFTER_MS,
    workspace: config.DORMOUSE_WORKSPACE,
    publicUrl: config.DORMOUSE_PUBLIC_URL,
    domain: config.DORMOUSE_DOMAIN,
    redirectUris: config.DORMOUSE_REDIRECT_URIS,
    tls: certificateFiles(config.DORMOUSE_TLS_CERT, config.DORMOUSE_TLS_KEY),
    trustedProxies: config.DORMOUSE_TRUSTED_PROXIES,
    errorPagesDir: config.DORMOUSE_ERROR_PAGES,
    databaseUrl: config.DORMOUSE_DATABASE_URL,
    cacheDir: config.DORMOUSE_CACHE,
    resolver: config.DORMOUSE_RESOLVER,
    dnsServers: config.DORMOUSE_DNS_SERVERS,
    auditRetentionDays: config.DORMOUSE_AUDIT_DAYS,
    warmPool: config.DORMOUSE_WARM_POOL,
    registries: config.DORMOUSE_REGISTRIES,
    admission: admissionOf(config),
    builds: buildsOf(config),
    logLevel: config.DORMOUSE_LOG,
    faultPoint: config.DORMOUSE_FAULT_POINT,
    adminKeyHash: config.DORMOUSE_ADMIN_KEY_HASH,
    readyFd: config.DORMOUSE_READY_FD,
  };
}

function admissionOf(config: z.infer<typeof Config>): Partial<AdmissionPolicy> {
  const settings = {
    maxSandboxCount: config.DORMOUSE_MAX_SANDBOXES,
    memoryOvercommit: config.DORMOUSE_MEMORY_OVERCOMMIT,
    memoryReserveMiB: config.DORMOUSE_MEMORY_RESERVE_MIB,
    diskReserveMiB: config.DORMOUSE_DISK_RESERVE_MIB,
  };
  return given(settings);
}

function buildsOf(config: z.infer<typeof Config>): Partial<BuildPolicy> {
  const timeoutS = config.DORMOUSE_BUILD_TIMEOUT_S;
  return given({
    parallelCount: config.DORMOUSE_PARALLEL_BUILDS,
    timeoutMs: timeoutS === undefined ? undefined : timeoutS * 1000,
    memoryMiB: config.DORMOUSE_BUILD_MEMORY_MIB,
    diskMiB: config.DORMOUSE_BUILD_DISK_MIB,
  });
}

const given = (settings: Readonly<Record<string, number | undefined>>): Record<string, number> =>
  Object.fromEntries(Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

function certificateFiles(certFiles: readonly string[], keyFiles: readonly string[]): CertificateFiles[] {
  if (certFiles.length !== keyFiles.length)
    throw new Error(
      `Cannot read the configuration: DORMOUSE_TLS_CERT names ${certFiles.length} files and DORMOUSE_TLS_KEY ${keyFiles.length}. Give each certificate its key`,
    );
  return certFiles.map((certFile, index) => ({ certFile, keyFile: keyFiles[index] ?? "" }));
}
