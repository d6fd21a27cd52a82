import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { BL, BlUser } from "../support/bl.ts";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { openTerminal, type TerminalSession } from "../support/terminal.ts";

/* From a new project to sandboxes of its image, by the executable and as its users go. */
const suite = useDormouse();
let user: BlUser;

/** Builds wait for each other, and for whatever else the machine does. */
const BUILDS_TIMEOUT_MS = 400_000;

beforeEach(() => {
  user = new BlUser(suite.dormouse.env);
});

afterEach(async () => {
  user[Symbol.dispose]();
  await suite.api.removeAll();
});

/** A new project on an image of ours, which needs no registry; `more` goes to the end of the Dockerfile's steps. */
async function newProject(name: string, more = ""): Promise<string> {
  await user.stdout(["new", "sandbox", name, "--template", "scratch", "--yes"]);
  const directory = join(user.home, name);
  const file = join(directory, "Dockerfile");
  const dockerfile = readFileSync(file, "utf8").replace(/^FROM .*$/m, "FROM blaxel/base-image:latest");
  writeFileSync(file, dockerfile.replace(/^ENTRYPOINT/m, `${more}\n$&`));
  return directory;
}

const PROJECT_FILE = `name = "deployed"
type = "sandbox"
description = "A sandbox of a test"
[runtime]
generation = "mk3"
memory = 1024
[[runtime.ports]]
name = "web"
target = 3000
protocol = "tcp"
[env]
FROM_PROJECT = "0"
FROM_FILE = "0"
`;

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

test(
  "F073 F078 F081 F274 push: builds an image that sandboxes are created from by its ID, and creates none itself",
  async () => {
    const cwd = await newProject("pushed", "RUN echo made at build time > /made");
    const stdout = await user.stdout(["push"], { cwd });
    expect(stdout).toContain("RUN echo made at build time > /made");
    const imageId = lastLine(stdout);
    expect(imageId).toMatch(/^sandbox\/pushed:\w+$/);
    expect(await user.stdout(["get", "image", "sandbox/pushed", "--latest"])).toBe(`${imageId}\n`);
    expect(await suite.api.list()).toEqual([]);
    await suite.api.create("from-pushed", { runtime: { image: imageId } });
    expect(await suite.api.run("from-pushed", "cat /made")).toBe("made at build time\n");
  },
  BUILDS_TIMEOUT_MS,
);

test(
  "F091 push: build arguments reach the build, secret ones neither the image nor the log",
  async () => {
    const cwd = await newProject(
      "args",
      "ARG VERSION\nARG TOKEN\nCOPY . /src\nRUN echo $VERSION $(printf %s $TOKEN | wc -c) > /version",
    );
    writeFileSync(join(cwd, ".env.build"), "TOKEN=s3cret-of-the-build\n");
    writeFileSync(join(cwd, "blaxel.toml"), 'name = "args"\n[build.args]\nVERSION = "7"\n');
    const { exitCode, stdout, stderr } = await user.run(["push"], { cwd });
    expect({ exitCode, isTold: (stdout + stderr).includes("s3cret-of-the-build") }).toEqual({
      exitCode: 0,
      isTold: false,
    });
    await suite.api.create("of-args", { runtime: { image: "args" } });
    expect(await suite.api.run("of-args", "cat /version; ls -A /src")).toMatch(/^7 19\n(?![^]*\.env\.build)/);
  },
  BUILDS_TIMEOUT_MS,
);

test(
  "F076 F079 F274 deploy: a sandbox as its project says, which may go while the image stays",
  async () => {
    const cwd = await newProject("deployed");
    writeFileSync(join(cwd, "blaxel.toml"), PROJECT_FILE);
    writeFileSync(join(cwd, ".env"), "FROM_FILE=1\n");
    const stdout = await user.stdout(["deploy", "--wait", "-s", "FROM_OPTION=2"], { cwd });
    expect(stdout).toMatch(/● Building[^]*● Complete[^]*✓ Deployment applied successfully/);
    expect(await user.stdout(["get", "sandbox", "deployed"])).toContain("DEPLOYED");
    const answer = await user.stdout(["run", "sandbox", "deployed", "--method", "GET", "--path", "/filesystem//app"]);
    expect(JSON.parse(answer)).toMatchObject({ path: "/app" });
    expect(await suite.api.run("deployed", "echo $FROM_PROJECT $FROM_FILE $FROM_OPTION")).toBe("0 1 2\n");
    expect((await suite.api.get("deployed")).spec.runtime).toMatchObject({
      memory: 1024,
      generation: "mk3",
      ports: [{ name: "web", target: 3000, protocol: "TCP" }],
    });
    const [, image = ""] =
      /"image": "(.*)"/.exec(await user.stdout(["get", "sandbox", "deployed", "-o", "json"])) ?? [];
    await user.stdout(["delete", "sandbox", "deployed"]);
    await suite.api.create("another", { runtime: { image } });
  },
  BUILDS_TIMEOUT_MS,
);

test(
  "a build that fails: the line that failed, and 1",
  async () => {
    const cwd = await newProject("broken", "RUN echo about to fail && exit 7");
    const pushed = await user.run(["push"], { cwd });
    expect(pushed.exitCode).toBe(1);
    expect(pushed.stdout).toContain("about to fail");
    expect(pushed.stderr).toMatch(/^✗ Push failed\nReason: image build failed: .*exit 7/);
    const deployed = await user.run(["deploy", "--wait"], { cwd });
    expect(deployed.exitCode).toBe(1);
    expect(deployed.stderr).toMatch(/✗ Deploy failed\nReason: deployment failed: .*exit 7/);
    const shown = await user.stdout(["get", "sandbox", "broken", "-o", "json"]);
    expect(JSON.parse(shown)).toMatchObject([
      { status: "FAILED", errors: [{ message: expect.stringContaining("exit 7") }] },
    ]);
    expect(await user.stdout(["get", "images"])).not.toContain("broken");
  },
  BUILDS_TIMEOUT_MS,
);

test(
  "F105 share and unshare an image with another workspace of the account",
  async () => {
    expect(await suite.api.call("POST", "/workspaces", { body: { name: "production" } })).toMatchObject({
      status: 200,
    });
    const cwd = await newProject("shared");
    await user.stdout(["push"], { cwd });
    const images = (): Promise<string> => user.stdout(["get", "images", "-w", "production", "-o", "json"]);
    expect(await user.stdout(["share", "image", "sandbox/shared", "-w", "production"])).toBe(
      "✓ Image sandbox/shared shared with workspace production\n",
    );
    expect(JSON.parse(await images())).toMatchObject([{ metadata: { name: "shared", sourceWorkspace: "default" } }]);
    expect(await user.run(["delete", "image", "sandbox/shared"])).toMatchObject({ exitCode: 1 });
    await user.stdout(["unshare", "image", "sandbox/shared", "-w", "production"]);
    expect(await images()).toBe("[]\n");
    await user.stdout(["delete", "image", "sandbox/shared"]);
  },
  BUILDS_TIMEOUT_MS,
);

/** A terminal in the project's folder, where `bl` is found. */
async function openProjectTerminal(cwd: string): Promise<TerminalSession> {
  const bin = join(user.home, "bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(BL, join(bin, "bl"));
  const env = user.environment({ PATH: `${bin}:/usr/bin:/bin`, CI: "", ...suite.dormouse.env });
  return await openTerminal({ env, cwd, columns: 120 });
}

/** How often `sees` may give up: a build on a busy machine takes minutes. */
const PATIENCE = 12;

/** As `sees`, for what takes as long as a build. */
async function seesLate(terminal: TerminalSession, pattern: RegExp): Promise<string> {
  for (let attempt = 1; attempt < PATIENCE; attempt += 1) {
    const screen = await terminal.sees(pattern).catch(() => undefined);
    if (screen !== undefined) return screen;
  }
  return await terminal.sees(pattern);
}

test(
  "deploy on a terminal shows phases and log while they come; q leaves the build to itself",
  async () => {
    const cwd = await newProject("watched", "RUN echo a step of the build");
    await using terminal = await openProjectTerminal(cwd);
    await terminal.line("bl deploy; echo ended with $?");
    await terminal.sees(/Upload completed/);
    await terminal.sees(/Building watched \d+ s {2}\(q leaves it to itself/);
    await seesLate(terminal, /a step of the build/);
    const screen = await seesLate(terminal, /^ended with 0$/m);
    expect(screen).toMatch(/● Complete[^]*✓ Deployment applied successfully/);
    await terminal.line("clear; bl deploy; echo ended again with $?");
    await terminal.sees(/Building watched \d+ s/);
    await terminal.press("q");
    const left = await terminal.sees(/^ended again with 0$/m);
    expect(left).toContain("bl get sandbox watched --watch");
    await terminal.line("clear; bl deploy; echo ended at last with $?");
    await terminal.sees(/Building watched \d+ s/);
    await terminal.press("C-c");
    expect(await terminal.sees(/^ended at last with 1$/m)).toContain("Reason: Deployment cancelled");
    await terminal.line("clear; bl push --name other; echo pushed with $?");
    await terminal.sees(/Monitoring build logs/);
    await terminal.press("C-c");
    await terminal.sees(/Reason: Build monitoring cancelled/);
  },
  BUILDS_TIMEOUT_MS,
);

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return await promise;
}

test(
  "F077 make build and make run: the sandbox API on this machine, until Ctrl-C",
  async () => {
    const cwd = await newProject("local");
    const port = await freePort();
    await using terminal = await openProjectTerminal(cwd);
    await terminal.line("make build; echo built with $?");
    expect(await seesLate(terminal, /^built with \d$/m)).toContain("built with 0");
    await terminal.line(`clear; make run API_PORT=${port}`);
    await seesLate(terminal, /is the sandbox API/);
    const answer = await eventually(() => fetch(`http://127.0.0.1:${port}/process`));
    expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 200, body: [] });
    expect(await suite.api.list()).toHaveLength(1);
    await terminal.press("C-c");
    await terminal.sees(/Sandbox local-\w+ deleted/);
    expect(await suite.api.list()).toEqual([]);
  },
  BUILDS_TIMEOUT_MS,
);
