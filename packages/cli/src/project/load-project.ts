import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { Context } from "../context.ts";
import { PROJECT_FILE, type ProjectFile, readProjectFile } from "./blaxel-toml.ts";
import { readEnvFile } from "./env-file.ts";
import { isRegistryImage, lastSegmentOf, slugify } from "./names.ts";
import { parseProjectType, type ProjectType } from "./project-type.ts";
import { readRegistryCredentials } from "./registry-credentials.ts";

/** Options that several commands have in common; `undefined` where they do not. */
export interface ProjectOptions {
  readonly directory?: string;
  readonly name?: string;
  readonly type?: string;
  /** Files beside the current folder's `.env`, or instead of it. */
  readonly envFile?: readonly string[];
  /** `NAME=value`, each. */
  readonly secrets?: readonly string[];
  readonly buildEnvFile?: string;
  readonly registryCred?: readonly string[];
  readonly dockerConfig?: string;
}

/** A folder that becomes an image, a sandbox or a volume template. */
export interface Project {
  readonly type: ProjectType;
  readonly name: string;
  /** What is packed. */
  readonly root: string;
  /** Where its `blaxel.toml` and `Dockerfile` are: `root`, or a folder in it. */
  readonly directory: string;
  readonly file: ProjectFile;
  /** Of the running sandbox. */
  readonly env: Readonly<Record<string, string>>;
  /** For the build alone. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Content of a Docker `config.json`, with credentials in it. */
  readonly dockerConfig: string | undefined;
}

const DEFAULT_ENV_FILE = ".env";
const BUILD_ENV_FILE = ".env.build";

/** What proves who pushes is not for what is pushed. */
const OUR_CREDENTIALS: ReadonlySet<string> = new Set(["BL_API_KEY", "BL_CLIENT_CREDENTIALS"]);

/** @throws {AppError} INVALID_ARGUMENT, FILE_NOT_FOUND for files that cannot be understood or are not there */
export function loadProject(context: Context, options: ProjectOptions): Project {
  const { io, say } = context;
  const root = io.cwd;
  const directory = resolve(root, options.directory ?? ".");
  const secrets = { ...readEnvFiles(directory, options.envFile), ...parsePairs(options.secrets ?? []) };
  const { project: file, unresolved } = readProjectFile(directory, { env: io.env, secrets });
  for (const name of unresolved)
    say.warn(`${PROJECT_FILE} asks for ${name}, which is not set: set it, or put it into .env`);
  const name =
    options.name ?? file.name ?? (file.image === undefined ? basename(directory) : lastSegmentOf(file.image));
  assertWorkspace(context, file);
  const { registryCred: credentials = [], dockerConfig: dockerConfigFile } = options;
  return {
    type: parseProjectType(options.type ?? file.type ?? "sandbox"),
    name: nameOf(name),
    root,
    directory,
    file,
    env: withoutOurs({ ...file.env, ...secrets }),
    buildArgs: { ...file.build.args, ...readBuildEnv(directory, root, options.buildEnvFile) },
    dockerConfig: readRegistryCredentials({ credentials, dockerConfigFile, projectDir: directory }),
  };
}

function nameOf(text: string): string {
  const name = slugify(text);
  if (name !== "") return name;
  throw new AppError("INVALID_ARGUMENT", `Cannot name the project after "${text}": no letter of it can stay`, {
    hint: `Give it a name with -n, or in ${PROJECT_FILE}`,
  });
}

/** A project for one workspace must not go to another because it lies in a folder further down. */
function assertWorkspace({ workspace, options }: Context, file: ProjectFile): void {
  if (options.workspace !== undefined || file.workspace === undefined || file.workspace === workspace) return;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use workspace "${workspace}": the project is for "${file.workspace}"`,
    {
      hint: `Choose with -w ${file.workspace}`,
    },
  );
}

/** True when there is nothing to build: the image is in a registry or in the workspace. */
export const hasImage = ({ file }: Project): boolean => file.image !== undefined;

/** True when the server has to fetch the image from elsewhere. */
export const isFromRegistry = ({ file }: Project): boolean => file.image !== undefined && isRegistryImage(file.image);

/** Later files win. Those that were asked for must be there. */
export function readEnvFiles(directory: string, files: readonly string[] | undefined): Record<string, string> {
  const named = (files ?? []).map((file) => readNamedFile(directory, file));
  return files === undefined
    ? readEnvFile(join(directory, DEFAULT_ENV_FILE), DEFAULT_ENV_FILE)
    : Object.assign({}, ...named);
}

function readBuildEnv(directory: string, root: string, named: string | undefined): Record<string, string> {
  return named === undefined
    ? readEnvFile(join(directory, BUILD_ENV_FILE), BUILD_ENV_FILE)
    : readNamedFile(root, named);
}

function readNamedFile(root: string, file: string): Record<string, string> {
  const path = resolve(root, file);
  if (existsSync(path)) return readEnvFile(path, file);
  throw new AppError("FILE_NOT_FOUND", `Cannot read "${file}": there is no such file`);
}

/** `NAME=value` pairs of the command line. @throws {AppError} INVALID_ARGUMENT that does not repeat what may be a secret */
export function parsePairs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair, index) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new AppError("INVALID_ARGUMENT", `Cannot read secret ${index + 1}: it is not NAME=value`);
    }),
  );
}

const withoutOurs = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !OUR_CREDENTIALS.has(name)));
