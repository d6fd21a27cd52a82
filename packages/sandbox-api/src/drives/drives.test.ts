import { mkdirSync, readdirSync, statSync } from "node:fs";
import { expect, test } from "bun:test";
import { startTestAgent, type TestAgent } from "../testing/agent.ts";

const mount = (agent: TestAgent, body: unknown) =>
  agent.request("/drives/mount", { method: "POST", body: JSON.stringify(body) });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("a mount that is asked for rightly is refused with the reason, and touches nothing (R-07, R-11, R-15)", async () => {
  await using agent = startTestAgent();
  const full = { driveName: "d-1", mountPath: "mnt/d", drivePath: "/x", readOnly: true, uidMap: "local:0", gidMap: "" };
  const mountPath = `${agent.folder}/there`;
  mkdirSync(mountPath, { mode: 0o751 });
  for (const body of [full, { driveName: "d", mountPath }, { driveName: "d", mountPath }]) {
    const refused = await mount(agent, body);
    expect([refused.status, await errorOf(refused)]).toEqual([
      422,
      expect.stringMatching(/^drives are not available on this host: /),
    ]);
  }
  const { mode, uid } = statSync(mountPath);
  expect([mode & 0o777, uid, readdirSync(mountPath)]).toEqual([0o751, process.getuid?.() ?? 0, []]);
});

test("a mount that is asked for wrongly is 400 (R-21)", async () => {
  await using agent = startTestAgent();
  const valid = { driveName: "d", mountPath: "/mnt/d" };
  const wrong = [
    { mountPath: "/mnt/d" },
    { driveName: "d" },
    { ...valid, driveName: "-d" },
    { ...valid, driveName: "d".repeat(129) },
    { ...valid, mountPath: "/mnt/../etc" },
    { ...valid, mountPath: `/${"m".repeat(512)}` },
    { ...valid, drivePath: "relative" },
    { ...valid, readOnly: "yes" },
    { ...valid, uidMap: "-1:0" },
  ];
  for (const body of wrong) expect([body, (await mount(agent, body)).status]).toEqual([body, 400]);
});

test("nothing is mounted, so there is nothing to list and nothing to unmount", async () => {
  await using agent = startTestAgent();
  expect(await (await agent.request("/drives/mount")).json()).toEqual({ mounts: [] });
  const unmount = (path: string) => agent.request(`/drives/mount/${path}`, { method: "DELETE" });
  const refused = await unmount("mnt%2Fa%2Fb");
  expect([refused.status, await errorOf(refused)]).toEqual([500, expect.stringContaining("/mnt/a/b is not a mount")]);
  expect((await unmount("")).status).toBe(400);
});
