import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "../../testkit/run-cli.ts";

const WEB = {
  metadata: { name: "web", resourceType: "sandbox", workspace: "main", createdAt: "2026-01-02T00:00:00Z" },
  spec: {
    size: 3 * 2 ** 20,
    tags: [
      { name: "v2", size: 2 ** 20, createdAt: "2026-01-02T00:00:00Z" },
      { name: "v10", size: 2 ** 21, createdAt: "2026-01-03T00:00:00Z" },
    ],
  },
};

const HUB = [
  { name: "node", displayName: "Node", image: "blaxel/node:latest", memory: 4096, description: "x".repeat(60) },
  { name: "old", image: "blaxel/old", hidden: true },
];

let server: Bun.Server<undefined>;
let cwd = "";

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "dormouse-images-"));
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    routes: {
      "/v0/images": Response.json([WEB]),
      "/v0/images/sandbox/web": Response.json(WEB),
      "/v0/images/sandbox/empty": Response.json({ metadata: WEB.metadata, spec: { size: 0, tags: [] } }),
      "/v0/sandbox/hub": Response.json(HUB),
    },
    fetch: () => Response.json({ code: 404, error: "X", message: "Cannot find it" }, { status: 404 }),
  });
});

afterAll(async () => {
  await server.stop(true);
  rmSync(cwd, { recursive: true, force: true });
});

const bl = (...args: readonly string[]) => {
  const env = { BL_API_URL: `${server.url.origin}/v0`, BL_WORKSPACE: "main", BL_API_KEY: "k" };
  return runCli(args, { cwd, env });
};

test("images: a list without tags, and one with them", async () => {
  expect((await bl("get", "images")).stdout).toMatch(/^\| main +\| sandbox\/web \| 3\.00 MB \| - +\| 2026-01-02 \|$/m);
  expect(JSON.parse((await bl("get", "images", "-o", "json")).stdout)).toMatchObject([
    { kind: "Image", spec: { size: 3 * 2 ** 20 } },
  ]);
  expect((await bl("get", "image", "web", "-u")).stdout).toBe(`Image: sandbox/web
Workspace: main | Total Size: 3.00 MB | Last Deployed: -
Tags:
+------+---------+------------+
| NAME | SIZE    | CREATED_AT |
+------+---------+------------+
| v2   | 1.00 MB | 2026-01-02 |
| v10  | 2.00 MB | 2026-01-03 |
+------+---------+------------+
`);
});

test("--latest prints the newest tag and nothing else", async () => {
  expect(await bl("get", "image", "sandbox/web", "--latest")).toEqual({
    exitCode: 0,
    stdout: "sandbox/web:v10\n",
    stderr: "",
  });
});

test.each([
  [["sandbox/web:v2", "--latest"], "it already names one"],
  [["sandbox/empty", "--latest"], "it has none"],
  [["sandbox/web:v3"], "Its tags: v2, v10"],
  [["sandbox/nobody"], "Resource Image:sandbox/nobody error: Cannot find it"],
  [["a/b/c"], "expected type/name"],
  [["--latest"], "no image is named"],
])("get image %p fails", async (args, message) => {
  const { exitCode, stdout, stderr } = await bl("get", "image", ...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toStartWith("✗ Get failed\nReason: ");
  expect(stderr).toContain(message);
});

test("the hub shows what is offered", async () => {
  const { stdout } = await bl("get", "sandbox-hub");
  expect(stdout).toContain(`| Node | blaxel/node:latest | 4096   | ${"x".repeat(60)} |`);
  expect(stdout).not.toContain("old");
});
