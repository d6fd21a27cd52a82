import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { SECRET_MASK } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse({ DORMOUSE_LOG: "debug" });

/** One field of `/proc/PID/task/TID/status` for every thread of a process, each value once. */
function statusOf(pid: number, field: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return new RegExp(`^${field}:[ \\t]*(.*?)[ \\t]*$`, "m").exec(status)?.[1] ?? "";
  });
  return [...new Set(values)];
}

/** Numbers of the TCP ports a process listens on, in any address family. */
function listeningPorts(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
    ),
  );
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").trim().split("\n").slice(1),
  );
  const LISTEN = "0A";
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && sockets.has(fields[9] ?? ""))
    .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Runs a shell command as the server's user, with all it may do and nothing else. */
async function asServer(command: string): Promise<{ readonly exitCode: number; readonly stderr: string }> {
  const [uid] = statusOf(suite.dormouse.pids.server(), "Uid").map((ids) => ids.split("\t")[0]);
  const [gid] = statusOf(suite.dormouse.pids.server(), "Gid").map((ids) => ids.split("\t")[0]);
  const child = Bun.spawn(
    ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--", "sh", "-c", command],
    {
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const stderr = await child.stderr.text();
  return { exitCode: await child.exited, stderr };
}

test("no thread of the server is root, has a capability or can gain one", () => {
  const server = suite.dormouse.pids.server();
  for (const field of ["Uid", "Gid"]) {
    const ids = statusOf(server, field).flatMap((line) => line.split("\t"));
    expect(new Set(ids).size).toBe(1);
    expect(ids).not.toContain("0");
  }
  for (const field of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    expect(statusOf(server, field)).toEqual(["0000000000000000"]);
  }
  expect(statusOf(server, "NoNewPrivs")).toEqual(["1"]);
  expect(statusOf(server, "Groups")).toEqual([""]);
});

test("the server can neither read nor write the engine's data, nor another one's secrets", async () => {
  const { dataDir } = suite.dormouse;
  await suite.api.create("box");
  const [folder = ""] = suite.sandboxFolders();
  const sandbox = join(dataDir, "sandboxes", folder);
  const refused = [
    `ls ${dataDir}/sandboxes`,
    `touch ${dataDir}/sandboxes/made`,
    `cat ${sandbox}/spec.json`,
    `echo x >> ${sandbox}/spec.json`,
    `rm -rf ${sandbox}`,
    `touch ${sandbox}/upper/made`,
    `ls ${dataDir}/images`,
    `touch ${dataDir}/images/made`,
    `cat ${dataDir}/admin-key`,
    `echo x >> ${dataDir}/admin-key`,
    `rm -f ${dataDir}/admin-key`,
    `touch ${dataDir}/made`,
    `echo x >> ${dataDir}/engine.lock`,
    `echo x >> ${dataDir}/endpoint`,
  ];
  for (const command of refused) {
    const { exitCode, stderr } = await asServer(command);
    expect({ command, stderr }).toEqual({ command, stderr: expect.stringContaining("Permission denied") as string });
    expect(exitCode).not.toBe(0);
  }
  expect((await asServer(`touch ${dataDir}/server/made && rm ${dataDir}/server/made`)).exitCode).toBe(0);
  await suite.api.remove("box");
});

test("only root reads the administrator's key, and it is in no process's arguments", () => {
  const file = statSync(join(suite.dormouse.dataDir, "admin-key"));
  expect({ mode: (file.mode & 0o777).toString(8), owner: file.uid }).toEqual({ mode: "600", owner: 0 });
  for (const pid of [suite.dormouse.pids.up, suite.dormouse.pids.engine(), suite.dormouse.pids.server()]) {
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(suite.api.key);
  }
});

test("the engine listens on no network port, and its socket is closed to everyone but root and the server", async () => {
  const { pids, url } = suite.dormouse;
  expect(listeningPorts(pids.engine())).toEqual([]);
  expect(listeningPorts(pids.up)).toEqual([]);
  expect(listeningPorts(pids.server())).toEqual([Number(new URL(url).port)]);
  const sockets = [
    ...new Bun.Glob("*/engine.sock").scanSync({ cwd: "/run/dormouse", onlyFiles: false, absolute: true }),
  ];
  expect(sockets.length).toBeGreaterThan(0);
  for (const socket of sockets) {
    expect({ socket, mode: (statSync(socket).mode & 0o777).toString(8) }).toEqual({ socket, mode: "660" });
    expect(statSync(socket).uid).toBe(0);
  }
});

test("secrets never appear in what is logged: API keys, preview tokens, secret environment", async () => {
  const { api, dormouse } = suite;
  const secret = `s3cret-${crypto.randomUUID()}`;
  const plain = `plain-${crypto.randomUUID()}`;
  const envs = [
    { name: "PASSWORD", value: secret, secret: true },
    { name: "PLAIN", value: plain },
  ];
  const created = await api.create("private", { runtime: { envs } });
  expect(created.spec.runtime.envs).toContainEqual({ name: "PASSWORD", value: SECRET_MASK, secret: true });
  expect(await api.run("private", 'echo "$PASSWORD $PLAIN"')).toBe(`${secret} ${plain}\n`);
  await appServer(api, "private", 3000);
  const preview = await api.createPreview("private", { port: 3000, public: false }, "web");
  const token = await api.createToken("private", "web");
  await fetch(
    `${dormouse.url}/preview/${new URL(preview.spec.url).hostname.split(".")[0]}/hello?bl_preview_token=${token}`,
  );
  await fetch(`${api.sandboxUrl("private")}/health?token=${api.key}`);
  await fetch(`${api.sandboxUrl("private")}/port/4000/?token=${api.key}`);
  await api.call("POST", "/sandboxes", {
    body: `{"metadata":{"name":"x"},"spec":{"runtime":{"envs":[{"name":"A","value":"${secret}"`,
  });
  await api.call("GET", "/sandboxes", { headers: { authorization: `Bearer ${secret}` } });
  await api.remove("private");

  const output = dormouse.output();
  expect(output).toContain('"event":"sandbox.create","sandbox":"private"');
  expect(output).toContain('"event":"preview.token.create"');
  for (const hidden of [secret, plain, token, api.key]) expect(output).not.toContain(hidden);
});
