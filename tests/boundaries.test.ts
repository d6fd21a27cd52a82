import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");

/** The one way between rooms: each may use these and no others. Apps and the tests of the whole may use them all. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  "packages/kernel": [],
  "packages/schema": ["kernel"],
  "packages/sandbox-api": ["kernel", "schema"],
  "packages/engine": ["kernel", "schema"],
  "packages/store": ["kernel", "schema"],
  "packages/sdk": ["kernel", "schema"],
  // The engine is known here by the port in schema alone, so that another kind of engine can stand in.
  "packages/control-plane": ["kernel", "schema", "store"],
  "packages/gateway": ["kernel", "schema"],
  "packages/codesandbox": ["kernel", "schema", "store", "control-plane", "gateway"],
  "packages/cli": ["kernel", "schema", "sdk"],
  "packages/console": ["kernel", "schema", "sdk"],
};

/** A user's own app with packages of its own: a program that tests run, no source of ours. */
const FOREIGN_APP = "tests/walkthroughs/nextjs-app/";

const ENVIRONMENT_READERS = /^(apps|scripts|tests)\//;
const OUR_SCOPE = "@dormouse/";

interface Room {
  /** From the root: `packages/kernel`. */
  readonly dir: string;
  readonly manifest: Manifest;
}

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const rooms: readonly Room[] = ["packages/*/package.json", "apps/*/package.json", "tests/package.json"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })])
  .map((file) => ({ dir: dirname(file), manifest: JSON.parse(readFileSync(join(ROOT, file), "utf8")) as Manifest }));

/** Sources of a room or folder, from the root. */
function sourcesOf(dir: string): string[] {
  const files = [...new Bun.Glob("**/*.{ts,tsx,mjs,js}").scanSync({ cwd: join(ROOT, dir) })];
  return files
    .filter((file) => !/(^|\/)(node_modules|dist)\//.test(file))
    .map((file) => join(dir, file))
    .filter((file) => !file.startsWith(FOREIGN_APP));
}

/** Every module a file names, types included; text inside template literals that reads like one does not start a line. */
function importsOf(file: string): Import[] {
  const source = readFileSync(join(ROOT, file), "utf8");
  const statements = source.matchAll(
    /^(?:import|export)\b[^"';`]*?from\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...statements].map((match) => ({ file, specifier: match[1] ?? match[2] ?? match[3] ?? "" }));
}

/** `@scope/name` or `name` of a specifier that is neither a path nor built in. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || /^(node:|bun$|bun:)/.test(specifier)) return undefined;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

const importsOfRoom = ({ dir }: Room): Import[] => sourcesOf(dir).flatMap(importsOf);
const isTest = (file: string): boolean => /\.test\.ts$|\/(testkit|testing)\/|^tests\//.test(file);

test("every room is known to this test, so that a new one is decided on", () => {
  const unknown = rooms.filter(({ dir }) => dir.startsWith("packages/") && MAY_USE[dir] === undefined);
  expect(unknown.map(({ dir }) => dir)).toEqual([]);
});

describe("the one way between rooms", () => {
  test.each(rooms.filter(({ dir }) => MAY_USE[dir] !== undefined).map((room) => [room.dir, room] as const))(
    "%s",
    (dir, room) => {
      const allowed = (MAY_USE[dir] ?? []).map((name) => `${OUR_SCOPE}${name}`);
      const declared = Object.keys({ ...room.manifest.dependencies, ...room.manifest.devDependencies });
      const wrongInManifest = declared.filter((name) => name.startsWith(OUR_SCOPE) && !allowed.includes(name));
      const wrongImports = importsOfRoom(room).filter(({ specifier }) => {
        const name = packageOf(specifier);
        return name?.startsWith(OUR_SCOPE) === true && name !== room.manifest.name && !allowed.includes(name);
      });
      expect({ wrongInManifest, wrongImports }).toEqual({ wrongInManifest: [], wrongImports: [] });
    },
  );
});

test("no room reaches into another's files: only what its manifest exports, by its name", () => {
  const exportsByName = new Map(rooms.map(({ manifest }) => [manifest.name, Object.keys(manifest.exports ?? {})]));
  const wrong = rooms.flatMap((room) =>
    importsOfRoom(room).filter(({ file, specifier }) => {
      if (specifier.startsWith(".")) return relative(room.dir, join(dirname(file), specifier)).startsWith("..");
      const name = packageOf(specifier);
      const entry = name === undefined ? undefined : `.${specifier.slice(name.length)}`;
      return name?.startsWith(OUR_SCOPE) === true && !exportsByName.get(name)?.includes(entry ?? "");
    }),
  );
  expect(wrong).toEqual([]);
});

test("every import from another package is declared by the room that uses it, and only tests use what is for development", () => {
  const wrong = rooms.flatMap((room) => {
    const { dependencies = {}, devDependencies = {} } = room.manifest;
    return importsOfRoom(room).filter(({ file, specifier }) => {
      const name = packageOf(specifier);
      if (name === undefined || name === room.manifest.name || name in dependencies) return false;
      return !(isTest(file) && name in devDependencies);
    });
  });
  expect(wrong).toEqual([]);
});

test("what a manifest exports is there", () => {
  const missing = rooms.flatMap(({ dir, manifest }) =>
    Object.values(manifest.exports ?? {}).filter((file) => !existsSync(join(ROOT, dir, file))),
  );
  expect(missing).toEqual([]);
});

test("only apps, scripts and the tests of the whole read the environment", () => {
  const readers = rooms
    .flatMap(({ dir }) => sourcesOf(dir))
    .filter((file) => !ENVIRONMENT_READERS.test(file) && !isTest(file))
    .filter((file) => /\b(process|Bun)\.env\b/.test(readFileSync(join(ROOT, file), "utf8")));
  expect(readers).toEqual([]);
});
