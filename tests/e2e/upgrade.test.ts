import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../support/api.ts";
import { appServer } from "../support/app-server.ts";
import { INSTALL_DIR, startDormouse } from "../support/dormouse.ts";
import { tracesLeftBy } from "../support/traces.ts";

setDefaultTimeout(60_000);

/** A folder that goes away with the test. */
function folder(): Disposable & { readonly dir: string } {
  const dir = mkdtempSync("/var/tmp/dormouse-test-");
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** What an installation consists of when it runs: the built files, the recipes and the runtime. */
function install(dir: string): string[] {
  // The server runs as another user.
  chmodSync(dir, 0o755);
  cpSync(join(INSTALL_DIR, "dist"), join(dir, "dist"), { recursive: true });
  cpSync(join(INSTALL_DIR, "images"), join(dir, "images"), { recursive: true });
  cpSync(process.execPath, join(dir, "bun"));
  return [join(dir, "bun"), join(dir, "dist/apps/dormouse/main.js")];
}

test("an upgrade keeps sandboxes, awake and asleep, with their memory, and the old files can go", async () => {
  using data = folder();
  using old = folder();
  const command = install(old.dir);
  {
    await using before = await startDormouse({ dataDir: data.dir, command, env: { DORMOUSE_IDLE_MS: "500" } });
    const api = new Api(before.env);
    for (const name of ["awake", "asleep"]) {
      await api.create(name);
      await appServer(api, name, 3000);
      expect(await api.text(name, "/port/3000/count")).toBe("1");
    }
    await api.untilState("asleep", "STANDBY");
    await api.process("awake", { name: "worker", command: "sleep 1000", keepAlive: true, timeout: 0 });
  }
  rmSync(old.dir, { recursive: true });
  {
    await using after = await startDormouse({ dataDir: data.dir, env: { DORMOUSE_IDLE_MS: "500" } });
    const api = new Api(after.env);
    expect((await api.get("asleep")).state).toBe("STANDBY");
    expect(JSON.parse(await api.text("awake", "/process/worker"))).toMatchObject({ status: "running" });
    for (const name of ["awake", "asleep"]) {
      expect(await api.text(name, "/port/3000/count")).toBe("2");
      expect(await api.run(name, "echo the agent goes on")).toBe("the agent goes on\n");
      expect((await api.get(name)).events.map(({ type }) => type)).not.toContain("restarted");
    }
    await api.create("new");
    expect(await api.run("new", "echo works")).toBe("works\n");
    await api.removeAll();
  }
  expect(await tracesLeftBy(data.dir)).toEqual([]);
});
