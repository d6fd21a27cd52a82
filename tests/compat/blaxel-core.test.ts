import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useDormouse } from "../support/suite.ts";
import { runProgram, seenBy } from "./run-program.ts";

/* The unmodified @blaxel/core under Node: each program uses one area of it, and the tests read what it saw. */
const suite = useDormouse();

describe("SandboxInstance", () => {
  const seen = seenBy(suite, "sandboxes");

  test("F020 create() takes name, image, memory, ports and environment, and serves when it answers", () => {
    expect(seen()).toMatchObject({
      created: {
        metadata: { name: "compat", workspace: "default", labels: { team: "a" } },
        spec: {
          runtime: {
            image: "blaxel/base-image:latest",
            memory: 512,
            ports: [{ name: "web", target: 3000, protocol: "HTTP" }],
          },
        },
        status: "DEPLOYED",
        state: "RUNNING",
      },
      execAtOnce: "hello\n",
      fsAtOnce: "written",
    });
  });

  test("create() without anything makes a named sandbox of the base image with 4096 MB", () => {
    const { name, ...rest } = seen()["unnamed"] as Record<string, unknown>;
    expect(name).toMatch(/^sandbox-[a-z0-9]+$/);
    expect(rest).toEqual({ image: "blaxel/base-image:latest", memory: 4096 });
  });

  test("F022 createIfNotExists() returns the sandbox there is, or makes it; a race makes one", () => {
    expect(seen()).toMatchObject({ reused: true, reusedFile: "x", short: "short-form", raced: 1, newFiles: 404 });
  });

  test("F021 get() reconnects by name", () => {
    expect(seen()).toMatchObject({ got: { name: "compat", url: suite.api.sandboxUrl("compat") }, gotFile: "x" });
  });

  test("list() shows all of them, whole and page by page", () => {
    const { list, paged } = seen() as { list: string[]; paged: string[] };
    expect(list).toHaveLength(3);
    expect(list).toEqual(expect.arrayContaining(["compat", "short-form"]) as string[]);
    expect(paged).toEqual(list);
  });

  test("delete() frees the name and takes the files with it", () => {
    expect(seen()).toMatchObject({ deleted: "DELETING", afterDelete: 404, newFiles: 404, left: 0 });
  });

  test("failures carry the codes the client branches on, and create nothing", () => {
    expect(seen()).toMatchObject({
      createdTwice: { code: "SANDBOX_ALREADY_EXISTS", status_code: 409 },
      missing: { code: 404, error: "SANDBOX_NOT_FOUND" },
      badImage: { code: "INVALID_IMAGE", details: { supported_images: ["base-image:latest"] } },
      badPort: { code: "INVALID_ARGUMENT" },
      badMissing: 404,
    });
  });

  test("updateMetadata() changes labels and does not restart", () => {
    expect(seen()).toMatchObject({ relabelled: { team: "b" }, stillThere: "x" });
  });
});

describe("process", () => {
  const seen = seenBy(suite, "processes");

  test("exec() with waitForCompletion returns output and exit code", () => {
    expect(seen()).toMatchObject({
      completed: {
        name: "hello",
        status: "completed",
        exitCode: 0,
        stdout: "out\n",
        stderr: "err\n",
        logs: "out\nerr\n",
      },
      failed: { exitCode: 7, status: "failed" },
      named: true,
    });
  });

  test("F120 F123 exec() takes name, command, environment and working directory", () => {
    expect(seen()).toMatchObject({
      env: "1-two words\n",
      workingDir: "/tmp\n",
      noSuchDir: { status: 422 },
      sameName: 400,
    });
  });

  test("F121 exec() with waitForPorts returns when the port serves", () => {
    expect(seen()["waitForPorts"]).toEqual({ status: "running", answer: "served" });
  });

  test("F129 exec() without waiting returns a running process; wait() returns its end, or gives up", () => {
    expect(seen()).toMatchObject({
      plain: { status: "running", pid: true },
      waited: { status: "completed", exitCode: 0 },
      waitTooLong: { message: "Process did not finish in time" },
    });
  });

  test("F122 restartOnFailure starts it again until it succeeds", () => {
    expect(seen()["restarted"]).toEqual({ status: "completed", restartCount: 2, maxRestarts: 25 });
  });

  test("F124 list() names every process with its status; get() finds it by name and by pid", () => {
    const { list, ...rest } = seen() as { list: object[] };
    expect(list).toHaveLength(2);
    expect(list).toEqual(expect.arrayContaining([{ name: "server", status: "running", pid: "string" }]) as object[]);
    expect(rest).toMatchObject({ byName: true, byPid: "server", missing: 404 });
  });

  test("F151 logs() returns all output, or one stream", () => {
    expect(seen()["logs"]).toEqual({ all: "out\nerr\n", stdout: "out\n", stderr: "err\n" });
  });

  test("F125 stop() lets it end, kill() ends it, by pid and by name", () => {
    expect(seen()).toMatchObject({
      stop: "string",
      stopped: { logs: "ready\nbye\n" },
      kill: "string",
      killed: "killed",
      killByName: "killed",
      stopByName: "stopped",
    });
  });
});

describe("log streams", () => {
  const seen = seenBy(suite, "streams");

  test("F152 the callbacks of exec() hear each line while it runs", () => {
    expect(seen()["waited"]).toEqual({
      log: ["one\n", "two\n", "three\n"],
      stdout: ["one\n", "three\n"],
      stderr: ["two\n"],
      exitCode: 0,
      status: "completed",
      firstLineCameEarly: true,
    });
    expect(seen()["many"]).toEqual({ count: 20_000, inOrder: true });
  });

  test("without waiting they hear every line once, earlier ones too", () => {
    const lines = [1, 2, 3, 4, 5].map((number) => `line ${number}`);
    expect(seen()["followed"]).toEqual({ name: "followed", log: lines, stdout: lines, stderr: [] });
  });

  test("streamLogs() replays what was, and close() ends it without ending the process", () => {
    expect(seen()).toMatchObject({
      replayed: ["line 1", "line 2", "line 3", "line 4", "line 5"],
      closed: { stopped: true, first: ["1", "2", "3"] },
      survivesItsClient: "running",
    });
  });
});

describe("fs", () => {
  const seen = seenBy(suite, "files");

  test("F144 write() and read() keep text as it is, in any path", () => {
    expect(seen()).toMatchObject({
      written: { read: "héllo\n", inside: "héllo\n" },
      relative: "in the working directory",
      empty: "",
      missing: 404,
    });
  });

  test("writeBinary() and readBinary() keep every byte", () => {
    expect(seen()).toMatchObject({ binary: { same: true, inside: true }, blob: "blob parts" });
  });

  test("writeTree(), mkdir() and ls() make folders and show them", () => {
    expect(seen()).toMatchObject({
      tree: "==> ./index.js <==\n1\n==> ./src/deep/file.ts <==\n2",
      mkdir: "directory\n",
      ls: {
        path: "/tmp/tree",
        files: [{ name: "index.js", path: "/tmp/tree/index.js", size: 1, owner: "root" }],
        subdirectories: [{ name: "src", path: "/tmp/tree/src" }],
      },
      lsMissing: 404,
    });
  });

  test("cp() copies trees; rm() removes files, and trees only when told to", () => {
    expect(seen()).toMatchObject({ cp: "2", rm: 404, rmTree: { refused: true, after: 404 } });
  });
});

describe("previews", () => {
  const seen = seenBy(suite, "previews");

  test("createIfNotExists() makes one and finds it again", () => {
    expect(seen()).toMatchObject({ same: true, got: true, list: ["private", "public"], public: "200 app GET /page" });
  });

  test("F161 F162 F163 a private one needs its token, in query or header, while the token lives", () => {
    expect(seen()).toMatchObject({
      token: { matches: true, expired: false, listed: 1 },
      withoutToken: "401",
      byQuery: "200 app GET /page?a=1",
      byHeader: "200 app POST /page",
      tokenDeleted: "401",
    });
  });

  test("F164 delete() ends it at once", () => {
    expect(seen()).toMatchObject({ afterDelete: { visit: "404", get: 404 }, listAfterDelete: ["private"] });
  });
});

describe("sessions", () => {
  const seen = seenBy(suite, "sessions");

  test("F200 create() returns name, url, token and expiry", () => {
    expect(seen()["session"]).toMatchObject({ name: true, token: "string", expiresAt: seen()["expected"] });
  });

  test("F126 F201 fromSession() runs commands, follows logs and uses files and ports with the session alone", () => {
    expect(seen()).toMatchObject({
      exec: "from sessions\n",
      streamed: ["1\n", "2\n"],
      processes: ["npm-dev"],
      followed: ["1", "2"],
      files: ["by the guest", true],
      fetched: "served /x?y=1",
      stopped: "stopped",
      killed: "killed",
      withoutToken: 401,
    });
  });

  test("F202 createIfExpired() keeps one that lasts and replaces one that is about to expire", () => {
    expect(seen()).toMatchObject({ kept: true, replaced: true });
  });

  test("F203 list() shows it until delete(), which shuts it at once", () => {
    expect(seen()).toMatchObject({ list: [true], listAfterDelete: 0, guestAfterDelete: 404 });
  });

  test("F204 its response headers let a page of another origin call it", () => {
    const origin = "http://localhost:3000";
    expect(seen()["cors"]).toEqual({
      preflight: { status: 204, origin, credentials: "true" },
      answer: { status: 200, origin, credentials: "true" },
    });
  });
});

describe("sandbox.fetch()", () => {
  const seen = seenBy(suite, "fetch");

  test("F173 reaches the app: method, path, headers and body as sent, and no key of ours", () => {
    expect(seen()).toMatchObject({
      plain: { status: 200, header: "yes", cookies: ["a=1", "b=2"], body: { method: "GET", url: "/a%20b?c=%2F" } },
      posted: { method: "POST", url: "/p", body: "data", headers: { "x-own": "1", authorization: "Bearer apps-own" } },
      teapot: 418,
      root: "/",
    });
    expect(JSON.stringify(seen())).not.toContain(suite.api.key);
  });

  test("streams the answer, and says 502 for a dead port and 400 for a reserved one", () => {
    expect(seen()).toMatchObject({ stream: ["first\n", "last\n"], dead: 502, reserved: 400 });
  });
});

describe("F029 the client finds this server", () => {
  test("by the environment, by .env and by the configuration file of the command line", async () => {
    const { env } = suite.dormouse;
    const home = mkdtempSync(join(tmpdir(), "dormouse-compat-"));
    try {
      expect(await runProgram("settings", { env })).toEqual({ logs: "reached\n" });
      const { BL_API_KEY: key = "", BL_WORKSPACE: workspace, ...addresses } = env;
      mkdirSync(join(home, ".blaxel"));
      const config = { context: { workspace }, workspaces: [{ name: workspace, credentials: { apiKey: key } }] };
      await Bun.write(join(home, ".blaxel/config.yaml"), Bun.YAML.stringify(config));
      expect(await runProgram("settings", { env: addresses, cwd: home })).toEqual({ logs: "reached\n" });
      rmSync(join(home, ".blaxel"), { recursive: true });
      const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
      await Bun.write(join(home, ".env"), lines.join(""));
      expect(await runProgram("settings", { env: { BL_API_KEY: "wrong" }, cwd: home })).toEqual({ logs: "reached\n" });
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  test("by initialize({ proxy }), with nothing but its address", async () => {
    const env = { PROGRAM_PROXY: suite.dormouse.url, PROGRAM_KEY: suite.api.key };
    expect(await runProgram("settings", { env })).toEqual({ logs: "reached\n" });
  });
});
