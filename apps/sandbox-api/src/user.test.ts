import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AgentProcess,
  type AgentStart,
  buildAgent,
  startAgent,
  startReadyAgent,
  until,
} from "./testing/agent-process.ts";

/** On every machine, with the uid 65534. */
const NOBODY = 65_534;
const ENABLED = { BL_SANDBOX_USER_ENABLED: "true" };

let built: Awaited<ReturnType<typeof buildAgent>>;
beforeAll(async () => {
  built = await buildAgent();
});
afterAll(() => built[Symbol.dispose]());

const start = (options: AgentStart) => startReadyAgent({ command: [built.path], ...options });
const asNobody = (options: AgentStart = {}) =>
  start({ ...options, args: ["--user", "nobody", ...(options.args ?? [])] });

/** Ends without having served; resolves to what it said. */
async function refusal(options: AgentStart): Promise<string> {
  await using agent = startAgent({ command: [built.path], ...options });
  expect(await agent.child.exited).toBe(1);
  return agent.child.stderr.text();
}

const write = (agent: AgentProcess, path: string) =>
  agent.request(`/filesystem/${encodeURIComponent(path)}`, { method: "PUT", body: JSON.stringify({ content: "x" }) });

describe.if(process.getuid?.() === 0)("an agent started by root (F250, R-08)", () => {
  test("--user makes every process that user, with its name and home", async () => {
    await using agent = await asNobody({ env: { HOME: "/root", USER: "root", LOGNAME: "root" } });
    const { stdout } = await agent.exec("id -un; id -G; echo $USER $LOGNAME $HOME");
    expect(stdout).toBe(`nobody\n${NOBODY}\nnobody nobody /nonexistent\n`);
    const home = await agent.request("/filesystem/~");
    expect(await home.text()).toContain("/nonexistent");
  });

  test("BL_SANDBOX_USER counts unless that is off, and where it is on the image's own user without it", async () => {
    const variants: readonly [Readonly<Record<string, string>>, number][] = [
      [{ ...ENABLED, BL_SANDBOX_USER: `${NOBODY}:0`, DORMOUSE_IMAGE_USER: "daemon" }, NOBODY],
      [{ ...ENABLED, DORMOUSE_IMAGE_USER: "daemon" }, 1],
      [{ BL_SANDBOX_USER: "nobody", DORMOUSE_IMAGE_USER: "daemon" }, NOBODY],
      [{ DORMOUSE_IMAGE_USER: "daemon" }, 0],
    ];
    for (const [env, uid] of variants) {
      await using agent = await start({ env });
      expect((await agent.exec("id -u")).stdout).toBe(`${uid}\n`);
    }
  });

  test("without an identity everything stays root", async () => {
    await using agent = await start({});
    expect((await agent.exec("id -u; cat /etc/shadow | wc -l")).stdout).toMatch(/^0\n[1-9]/);
  });

  test("no thread has kept a right, and no request or variable brings one back (D-22)", async () => {
    await using agent = await asNobody();
    const threads = readdirSync(`/proc/${agent.child.pid}/task`).map((thread) =>
      readFileSync(`/proc/${agent.child.pid}/task/${thread}/status`, "utf8"),
    );
    for (const status of threads) {
      expect(status).toContain(`Uid:\t${NOBODY}\t${NOBODY}\t${NOBODY}\t${NOBODY}\n`);
      expect(status).toMatch(/CapPrm:\t0{16}\nCapEff:\t0{16}\n/);
    }
    const env = { BL_SANDBOX_USER: "root", BL_SANDBOX_USER_ENABLED: "false", USER: "root", SUDO_UID: "0" };
    const { stdout } = await agent.exec("id -u", { user: "root", uid: 0, env });
    expect(stdout).toBe(`${NOBODY}\n`);
  });

  test("files only root may read or write are out of reach of the API too, and new ones are the user's", async () => {
    await using agent = await asNobody();
    const secret = join(agent.folder, "secret");
    writeFileSync(secret, "hidden", { mode: 0o600 });
    const open = join(agent.folder, "open");
    mkdirSync(open);
    chownSync(open, NOBODY, NOBODY);
    const read = await agent.request(`/filesystem/${encodeURIComponent(secret)}`);
    expect([read.ok, await read.text()]).toEqual([false, expect.not.stringContaining("hidden")]);
    expect((await write(agent, secret)).ok).toBe(false);
    expect((await write(agent, join(agent.folder, "new"))).ok).toBe(false);
    expect(readFileSync(secret, "utf8")).toBe("hidden");
    expect((await write(agent, join(open, "mine"))).status).toBe(200);
    expect(statSync(join(open, "mine"))).toMatchObject({ uid: NOBODY, gid: NOBODY });
  });

  test("the image's entry point and the startup command are that user's as well", async () => {
    const args = ["--entrypoint-json", '["/bin/sh","-c","id -u"]', "-c", "id -un"];
    await using agent = await asNobody({ args });
    const { stdout } = await until(
      () => agent.exec("cat logs/run-*/entrypoint.stdout.log logs/run-*/command.stdout.log"),
      (done) => done.stdout?.split("\n").length === 3,
    );
    expect(stdout?.split("\n").sort()).toEqual(["", String(NOBODY), "nobody"]);
  });

  test("workloads still die first when memory runs out, and the log folder is the user's alone (R-01)", async () => {
    await using agent = await asNobody();
    expect((await agent.exec("cat /proc/self/oom_score_adj")).stdout).toBe("500\n");
    const logs = join(agent.folder, "logs");
    const [run = ""] = readdirSync(logs);
    expect(statSync(join(logs, run))).toMatchObject({ uid: NOBODY, mode: 0o40700 });
  });

  test("it does not start as somebody the image does not know, nor as root, nor as nobody in particular", async () => {
    const said = async (user: string) => refusal({ args: ["--user", user] });
    expect(await said("no-such-user")).toBe('Cannot run as user "no-such-user": the image has no such user\n');
    expect(await said("nobody:no-such-group")).toContain("the image has no such group");
    for (const root of ["root", "0", "0:1000", "00"]) expect(await said(root)).toContain("it is root");
    expect(await refusal({ env: ENABLED })).toContain("names a user");
    expect(
      await refusal({
        env: { ...ENABLED, BL_SANDBOX_USER: "nobody", DORMOUSE_IMAGE_USER: "daemon" },
        args: ["--user", "0"],
      }),
    ).toContain("it is root");
  });

  test("an agent that is not root stays who it is, or refuses to be another", async () => {
    const dropped = ["setpriv", "--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
    const folder = join(built.path, "../logs");
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    const env = { SANDBOX_LOG_DIR: folder };
    await using same = startAgent({ command: [...dropped, built.path], args: ["--user", "nobody"], env });
    const answered = await until(
      () => same.exec("id -u").catch(() => null),
      (done) => done !== null,
    );
    expect(answered?.stdout).toBe(`${NOBODY}\n`);
    const other = { command: [...dropped, built.path], args: ["--user", "daemon"], env };
    expect(await refusal(other)).toBe(
      'Cannot run as user "daemon": the agent was started as uid 65534, only root can change to another user\n',
    );
  });
});
