import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../support/api.ts";
import { type Dormouse, INSTALL_DIR, startDormouse } from "../support/dormouse.ts";
import { eventually } from "../support/eventually.ts";
import { tracesLeftBy } from "../support/traces.ts";

/* The one file that has everything, alone in a folder that only root enters. */
let home: string;
let executable: string;
let cacheDir: string;

setDefaultTimeout(120_000);

beforeAll(async () => {
  await Bun.$`sh scripts/setup.sh --executable`.cwd(INSTALL_DIR).quiet();
  home = mkdtempSync("/var/tmp/dormouse-test-");
  executable = join(home, "dormouse");
  copyFileSync(join(INSTALL_DIR, "dist/dormouse"), executable);
  chmodSync(executable, 0o755);
  symlinkSync("dormouse", join(home, "bl"));
  cacheDir = join(home, "cache");
  const builtImages = join(process.env["DORMOUSE_CACHE"] ?? "/var/cache/dormouse", "images");
  for (const dir of [builtImages, cacheDir]) mkdirSync(dir, { recursive: true });
  symlinkSync(builtImages, join(cacheDir, "images"));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Where this checkout is an empty folder; its mount ends with the process. */
const withoutCheckout = (...command: readonly string[]): string[] => {
  const script = `mount -t tmpfs tmpfs "$0" && cd / && exec "$@"`;
  return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, INSTALL_DIR, ...command];
};

const environment = () => ({
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: home,
  DORMOUSE_CACHE: cacheDir,
});

async function run(name: "dormouse" | "bl", args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = withoutCheckout(join(home, name), ...args);
  const child = Bun.spawn(command, { env: { ...environment(), ...env }, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exitCode };
}

const up = (dataDir: string): Promise<Dormouse> =>
  startDormouse({ dataDir, command: withoutCheckout(executable), env: environment() });

const unpacked = (): string[] => readdirSync(cacheDir).filter((name) => name !== "images");

test("it serves: a sandbox, the reference, the hub; by the same file as bl", async () => {
  const dataDir = join(home, "data");
  {
    await using dormouse = await up(dataDir);
    const api = new Api(dormouse.env);
    await api.create("box");
    expect(await api.run("box", "echo from inside")).toBe("from inside\n");
    const { stdout } = await run("bl", ["ps"], dormouse.env);
    expect(stdout).toContain("box");
    expect((await run("dormouse", ["env", "--data", dataDir])).stdout).toContain(`BL_API_KEY=${api.key}`);
    expect(await api.call("GET", "/sandbox/hub")).toMatchObject({
      body: expect.arrayContaining([expect.objectContaining({ name: "code-server" })]),
    });
    for (const asset of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
      const response = await fetch(`${dormouse.url}/v0/docs/${asset}`);
      expect([response.status, (await response.text()).includes("swagger-ui")]).toEqual([200, true]);
    }
    await api.removeAll();
  }
  expect(await tracesLeftBy(dataDir)).toEqual([]);
});

test("an engine or server that dies is started again from the file", async () => {
  const dataDir = join(home, "data");
  {
    await using dormouse = await up(dataDir);
    const api = new Api(dormouse.env);
    // As who cleans caches up does.
    for (const name of unpacked()) rmSync(join(cacheDir, name), { recursive: true });
    for (const victim of ["engine", "server"] as const) {
      const pid = dormouse.pids[victim]();
      process.kill(pid, "SIGKILL");
      await eventually(() => expect(dormouse.pids[victim]()).not.toBe(pid));
      await eventually(() => api.list());
      await api.create(`after-${victim}`);
      expect(await api.run(`after-${victim}`, "echo served")).toBe("served\n");
    }
    await api.removeAll();
  }
  expect(await tracesLeftBy(dataDir)).toEqual([]);
});

test("its files are unpacked once, whole, root's and readable by all; when they are gone, again", async () => {
  const unknown = ["image", "build", "unknown", "--data", join(home, "data")];
  const refusal = { exitCode: 1, stderr: expect.stringContaining("there is no recipe for it\n  Recipes: ") };
  expect(await run("dormouse", unknown)).toMatchObject(refusal);
  expect(unpacked()).toEqual([expect.stringMatching(/^installation-\w+$/)]);
  const [name = ""] = unpacked();
  const dir = join(cacheDir, name);
  expect(statSync(dir)).toMatchObject({ uid: 0, mode: 0o40755 });
  expect(statSync(join(dir, "dist/sandbox-api"))).toMatchObject({ uid: 0, mode: 0o100755 });
  expect(statSync(join(dir, "images/ts-app/app/src/server.ts"))).toMatchObject({ uid: 0, mode: 0o100644 });
  const inode = statSync(dir).ino;
  expect(await run("dormouse", unknown)).toMatchObject(refusal);
  expect(statSync(dir).ino).toBe(inode);

  rmSync(dir, { recursive: true });
  const both = await Promise.all([run("dormouse", unknown), run("dormouse", unknown)]);
  expect(both).toMatchObject([refusal, refusal]);
  expect(unpacked()).toEqual([name]);
});

test("as bl it has the commands of a client alone, and as dormouse all", async () => {
  const client = (await run("bl", ["--help"])).stdout;
  expect(client).toContain("Usage: bl ");
  expect(client).not.toMatch(/^ +up /m);
  const all = (await run("dormouse", ["--help"])).stdout;
  expect(all).toMatch(/^ +up /m);
  expect(all).toMatch(/^ +ps /m);
  expect((await run("dormouse", ["doctor"])).stdout).toContain("in this executable");
});

test("it says so when the server could not run it", async () => {
  chmodSync(executable, 0o700);
  expect(await run("dormouse", ["up", "--data", join(home, "data"), "--port", "0"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(`Cannot start: only its owner may read and run "${executable}"`),
  });
  chmodSync(executable, 0o755);
});
