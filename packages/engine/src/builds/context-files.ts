import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { RegistryCredentials } from "@dormouse/schema";
import { z } from "zod";
import type { Variables } from "./variables.ts";

/** What the files of a context say about its build. */
export interface ContextFiles {
  readonly dockerfile: string;
  /** As text, when there is one. */
  readonly blaxelToml: string | undefined;
  /** `[build.args]` of `blaxel.toml`, and over it `.env.build`. */
  readonly buildArgs: Variables;
  /** Those of `.env.build`, which are never shown. */
  readonly secretArgs: Variables;
  readonly credentials: RegistryCredentials;
}

const FILE_MAX_BYTES = 256 * 1024;
const BUILD_ENVIRONMENT = ".env.build";
const DOCKER_CONFIG = ".docker/config.json";

/**
 * Reads a context nobody writes to any more. What only the build may know, `.env.build` and `.docker/config.json`, is taken out of
 * it, so that no COPY finds it. @throws INVALID_ARGUMENT
 */
export function takeContextFiles(contextDir: string): ContextFiles {
  const dockerfile = readText(contextDir, "Dockerfile");
  if (dockerfile === undefined) throw withoutDockerfile(contextDir);
  const blaxelToml = readText(contextDir, "blaxel.toml");
  const secretArgs = parseEnvironment(take(contextDir, BUILD_ENVIRONMENT) ?? "");
  return {
    dockerfile,
    blaxelToml,
    buildArgs: { ...argsOf(blaxelToml), ...secretArgs },
    secretArgs,
    credentials: credentialsOf(take(contextDir, DOCKER_CONFIG)),
  };
}

function take(contextDir: string, path: string): string | undefined {
  const text = readText(contextDir, path);
  if (text !== undefined) rmSync(join(contextDir, path));
  return text;
}

/** There are files and folders in a context, no links. */
function readText(contextDir: string, path: string): string | undefined {
  const file = join(contextDir, path);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) return undefined;
  if (stats.size <= FILE_MAX_BYTES) return readFileSync(file, "utf8");
  throw new AppError("INVALID_ARGUMENT", `Cannot build the image: its "${path}" has more than ${FILE_MAX_BYTES} bytes`);
}

const SHOWN_MAX_COUNT = 20;

function withoutDockerfile(contextDir: string): AppError {
  const names = readdirSync(contextDir).toSorted();
  const shown = names.slice(0, SHOWN_MAX_COUNT).map((name) => `"${name}"`);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  const found = names.length === 0 ? "is empty" : `has ${shown.join(", ")}${more}`;
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot build the image: there is no "Dockerfile" at the archive's root, which ${found}`,
    {
      hint: 'Call the file exactly "Dockerfile" and pack the content of its folder, not the folder: (cd app && zip -r ../app.zip .)',
    },
  );
}

const Toml = z.looseObject({
  build: z
    .looseObject({ args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}) })
    .optional(),
});

/** A file that is wrong is a warning to its user elsewhere, and says nothing here, as with the stock command line. */
function argsOf(blaxelToml: string | undefined): Variables {
  const parsed = Toml.safeParse(parseOrUndefined(() => Bun.TOML.parse(blaxelToml ?? "")));
  const args = Object.entries(parsed.data?.build?.args ?? {});
  return Object.fromEntries(args.map(([name, value]) => [name, String(value)]));
}

/** `NAME=value` lines; a value may be empty or quoted. */
function parseEnvironment(text: string): Variables {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const pairs = lines.flatMap((line, index) => {
    if (line === "" || line.startsWith("#")) return [];
    const [, name, value = ""] = /^(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/.exec(line) ?? [];
    if (name !== undefined) return [[name, withoutQuotes(value.trim())] as const];
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot build the image: line ${index + 1} of its ".env.build" is no NAME=value`,
    );
  });
  return Object.fromEntries(pairs);
}

const withoutQuotes = (value: string): string => /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value;

const DockerConfig = z.looseObject({
  auths: z
    .record(
      z.string(),
      z.looseObject({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
      }),
    )
    .default({}),
});

function credentialsOf(json: string | undefined): RegistryCredentials {
  if (json === undefined) return {};
  const parsed = DockerConfig.safeParse(parseOrUndefined(() => JSON.parse(json) as unknown));
  if (!parsed.success) {
    throw new AppError("INVALID_ARGUMENT", `Cannot build the image: its "${DOCKER_CONFIG}" is no Docker configuration`);
  }
  const logins = Object.entries(parsed.data.auths).map(([registry, { auth, ...login }]) => {
    const [, username = "", password = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? "", "base64").toString()) ?? [];
    return [registry, { username: login.username ?? username, password: login.password ?? password }] as const;
  });
  return Object.fromEntries(logins);
}

function parseOrUndefined(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
