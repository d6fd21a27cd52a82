import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../support/api.ts";
import { INSTALL_DIR, startDormouse } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";
import { tracesLeftBy } from "../support/traces.ts";

/** Somebody else by number, who may still read what root may: the installation can lie in a folder only root enters. */
const NOT_ROOT = ["unshare", "--user"];

const suite = useDormouse();

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = Bun.spawn([join(INSTALL_DIR, "dormouse"), ...args], {
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

/** A data folder that no Dormouse knows, and nothing of one may be left on the machine afterwards. */
async function withFolder(use: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync("/var/tmp/dormouse-test-");
  try {
    await use(dataDir);
    expect(await tracesLeftBy(dataDir)).toEqual([]);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test("--help names every command, and each command's help has its options", async () => {
  const { exitCode, stdout } = await run(["--help"]);
  expect(exitCode).toBe(0);
  for (const command of ["up", "env", "doctor", "image", "account"])
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
  expect((await run(["up", "--help"])).stdout).toContain("--data <dir>");
  expect((await run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("the client commands are there under both names, and under bl nothing else", async () => {
  const { env } = suite.dormouse;
  expect(await run(["get", "sandboxes", "-o", "json"], env)).toEqual({ exitCode: 0, stdout: "[]\n", stderr: "" });
  const bl = Bun.spawn([join(INSTALL_DIR, "bl"), "--help"], { stdout: "pipe" });
  const help = await bl.stdout.text();
  expect(help).toStartWith("Usage: bl ");
  expect(help).toMatch(/^ {2}connect /m);
  expect(help).not.toMatch(/^ {2}(up|doctor|zram) /m);
});

test("env prints lines a shell can eval, which point the stock SDK here", async () => {
  const { dataDir, url } = suite.dormouse;
  const { exitCode, stdout } = await run(["env", "--data", dataDir]);
  expect(exitCode).toBe(0);
  const shell = Bun.spawn([
    "sh",
    "-c",
    'eval "$1"; echo $BL_API_URL $BL_RUN_URL $BL_WORKSPACE $BL_API_KEY $BL_DISABLE_H2',
    "sh",
    stdout,
  ]);
  expect(await shell.stdout.text()).toBe(`${url}/v0 ${url}/run default ${suite.api.key} 1\n`);
  expect((await suite.api.call("GET", "/sandboxes")).status).toBe(200);
  expect((await run(["env", "--data", dataDir, "--port", "1234"])).stdout).toContain(
    "BL_API_URL=http://localhost:1234/v0",
  );
});

describe("doctor", () => {
  test("says what the host can do, one line a finding, and what mends the rest", async () => {
    const { exitCode, stdout } = await run(["doctor"]);
    expect(exitCode).toBe(0);
    for (const name of [
      "user",
      "kernel",
      "user namespaces",
      "cgroups",
      "crun",
      "nft",
      "DNS",
      "*.localhost",
      "sandbox-api",
    ]) {
      expect(stdout).toContain(` ${name.padEnd(16)} `);
    }
  });

  test("--json prints the same as data", async () => {
    const { exitCode, stdout } = await run(["doctor", "--json"]);
    expect(exitCode).toBe(0);
    const findings = JSON.parse(stdout) as { name: string; status: string; detail: string; mend?: string }[];
    expect(findings.map(({ name }) => name)).toContain("kernel");
    for (const { status, detail, mend } of findings) {
      expect(["ok", "limited"]).toContain(status);
      expect(detail).not.toBe("");
      if (status === "limited") expect(mend ?? "").not.toBe("");
    }
  });

  test("ends with 1 and says how to mend it where something needed is missing", async () => {
    const doctor = Bun.spawn([...NOT_ROOT, join(INSTALL_DIR, "dormouse"), "doctor"], {
      stdout: "pipe",
    });
    expect(await doctor.stdout.text()).toMatch(/✘ user .*\n +→ .*sudo/);
    expect(await doctor.exited).toBe(1);
  });
});

describe("mistakes end with 1 and a sentence that helps", () => {
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["an unknown command", ["strat"], "unknown command 'strat'"],
    ["an unknown option", ["up", "--prot", "1"], "unknown option '--prot'"],
    ["a port that is none", ["up", "--port", "99999"], "'99999' is invalid. It must be 0 to 65535"],
    ["a port that is no number", ["up", "--port", "http"], "'http' is invalid. It must be 0 to 65535"],
    ["an unknown image", ["image", "build", "no-such-image"], "no-such-image"],
    [
      "a folder no Dormouse has run on",
      ["env", "--data", "/nonexistent"],
      'no Dormouse has run on "/nonexistent". Start one with `dormouse up`',
    ],
  ];
  test.each(cases.map((row) => [...row] as const))("%s", async (_what, args, sentence) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(stderr).toContain(sentence);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("an environment variable we do not know, which may be a misspelt one", async () => {
    const { exitCode, stderr } = await run(["up"], { DORMOUSE_PROT: "4111" });
    expect(stderr).toContain('Unrecognized key: "DORMOUSE_PROT"');
    expect(exitCode).toBe(1);
  });

  test("up on a port another program uses", async () => {
    const port = new URL(suite.dormouse.url).port;
    await withFolder(async (dataDir) => {
      const { exitCode, stderr } = await run(["up", "--data", dataDir, "--port", port], { DORMOUSE_LOG: "error" });
      expect(stderr).toContain(
        `Cannot listen on port ${port} of 127.0.0.1: another program uses it. Choose another one with --port`,
      );
      expect(exitCode).toBe(1);
    });
  });

  test("up on a data folder another Dormouse runs on, which that one does not notice", async () => {
    const { dataDir, pids } = suite.dormouse;
    await suite.api.create("undisturbed");
    const before = [pids.engine(), pids.server()];
    const { exitCode, stderr } = await run(["up", "--data", dataDir, "--port", "0"], { DORMOUSE_LOG: "error" });
    expect(stderr).toContain(`Cannot use data folder "${dataDir}": another engine runs on it`);
    expect(stderr).toContain("choose another folder with --data");
    expect(exitCode).toBe(1);
    expect([pids.engine(), pids.server()]).toEqual(before);
    expect(await suite.api.run("undisturbed", "echo fine")).toBe("fine\n");
    await suite.api.create("and-new-ones-too");
    await suite.api.removeAll();
  });

  test("up without being root", async () => {
    const up = Bun.spawn([...NOT_ROOT, join(INSTALL_DIR, "dormouse"), "up"], {
      stderr: "pipe",
    });
    expect(await up.stderr.text()).toContain("Cannot start: the engine needs root. Run it with sudo");
    expect(await up.exited).toBe(1);
  });
});

test("GET /health answers without a key", async () => {
  const answer = await fetch(`${suite.dormouse.url}/health`);
  expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 200, body: { status: "ok" } });
});

test("a second Dormouse beside the first has its own sandboxes, keys and networks", async () => {
  await withFolder(async (dataDir) => {
    await using second = await startDormouse({ dataDir });
    const other = new Api(second.env);
    await Promise.all([suite.api.create("same-name"), other.create("same-name")]);
    await suite.api.run("same-name", "echo first > /root/who");
    await other.run("same-name", "echo second > /root/who");
    expect(await suite.api.run("same-name", "cat /root/who")).toBe("first\n");
    expect(await other.run("same-name", "cat /root/who")).toBe("second\n");
    const strangers = await other.call("GET", "/sandboxes", { headers: { authorization: `Bearer ${suite.api.key}` } });
    expect(strangers.status).toBe(401);
    await Promise.all([suite.api.removeAll(), other.removeAll()]);
  });
});
