import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BL } from "../support/bl.ts";
import { useDormouse } from "../support/suite.ts";

/* The executable where there is nothing else: a root with itself, the C library, /proc and /dev. */
const suite = useDormouse();
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "dormouse-root-"));
  copyFileSync(BL, join(root, "bl"));
  const libraries = await Bun.$`ldd ${BL}`.text();
  for (const [library] of libraries.matchAll(/\/\S+\.so\S*/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  for (const folder of ["proc", "dev", "home"]) mkdirSync(join(root, folder));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Its mounts end with it. */
const ENTER = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && cd / && exec env -i HOME=/home "$@"';

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const command = ["sh", "-c", ENTER, root, ...variables, chroot(), root, "/bl", ...args];
  const child = Bun.spawn(["unshare", "--mount", "--propagation", "private", ...command], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exitCode };
}

const chroot = (): string => Bun.which("chroot") ?? "/usr/sbin/chroot";

test("F274 the executable works by itself: version, help, and what to do without a login", async () => {
  expect(await run(["version"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^Version: \d+\.\d+\.\d+\n$/),
  });
  expect((await run(["--help"])).stdout).toContain("Usage: bl ");
  expect(await run(["ps"])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("bl login") });
});

test("it logs in and works on sandboxes", async () => {
  // No resolver in there: an address instead of a name.
  const url = (suite.dormouse.env["BL_API_URL"] ?? "").replace("localhost", "127.0.0.1");
  await suite.api.create("box");
  expect(await run(["login", "default", "--url", url], { BL_API_KEY: suite.api.key })).toMatchObject({ exitCode: 0 });
  expect((await run(["get", "sandboxes", "-o", "yaml"])).stdout).toContain("name: box\n");
  expect(await run(["exec", "box", "--", "sh", "-c", "echo from inside; exit 3"])).toEqual({
    exitCode: 3,
    stdout: "from inside\n",
    stderr: "",
  });
});
