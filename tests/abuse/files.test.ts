import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { attempt, hostFolder, python } from "./attacker.ts";

/*
 * Archives that would leave a volume, and volumes mounted over links, are tried in `packages/sandbox-api/src/archive` and
 * `packages/engine/src/volumes`.
 */

const suite = useDormouse();

beforeAll(async () => {
  await suite.api.create("attacker");
});

test("F001 no process of the platform in it holds a folder, and what it holds of the host is its own log and input", async () => {
  const source = `
import os, stat
held = set()
for pid in (1, 2):
    for number in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{number}"
        try: mode = os.stat(path).st_mode
        except OSError: continue
        if stat.S_ISDIR(mode): held.add("folder " + os.readlink(path))
        if stat.S_ISREG(mode) and os.path.dirname(os.readlink(path)).split("/")[-2] == "sandboxes":
            held.add(os.path.basename(os.readlink(path)))
print(sorted(held))`;
  expect(await python(suite.api, "attacker", source)).toBe("['boot.log', 'stdin']\n");
});

test("what all sandboxes share is read-only, and what one changes of its image no other sees", async () => {
  const { api } = suite;
  await api.create("neighbour");
  const before = await attempt(api, "neighbour", "md5sum /etc/passwd /usr/local/bin/sandbox-api /bin/ls");
  const writes = ["/usr/local/bin/sandbox-api", "/dev/init", "/etc/resolv.conf"].map((file) => `echo x >> ${file}`);
  const links = ["/usr/local/bin/sandbox-api", "/etc/resolv.conf"].map((file) => `ln ${file} /root/link`);
  const removals = ["/usr/local/bin/sandbox-api", "/etc/resolv.conf", "/dev/init"].map((file) => `rm -f ${file}`);
  for (const command of [...writes, ...links, ...removals])
    expect([command, await attempt(api, "attacker", `(${command}) 2> /dev/null && echo done`)]).toEqual([command, ""]);
  await api.run("attacker", "echo evil:x:0:0::/:/bin/sh >> /etc/passwd; cp /bin/true /bin/ls");
  expect(await attempt(api, "neighbour", "md5sum /etc/passwd /usr/local/bin/sandbox-api /bin/ls")).toBe(before);
  await api.remove("neighbour");
});

test("a program on a volume gives nobody rights, and devices cannot be put there", async () => {
  const { api } = suite;
  await api.call("POST", "/volumes", { body: { metadata: { name: "bait" }, spec: { size: 32 } } });
  await api.create("baiter", { volumes: [{ name: "bait", mountPath: "/data" }] });
  await api.run("baiter", "cp /usr/bin/id /data/id; chmod 6755 /data/id; chmod 755 /data");
  const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups /data/id -u";
  expect(await api.run("baiter", asNobody)).toBe("65534\n");
  expect(await attempt(api, "baiter", "mknod /data/disk b 8 0 2> /dev/null && echo made")).toBe("");
  await api.remove("baiter");
  await api.call("DELETE", "/volumes/bait");
});

test("a root full of links into the host is erased without touching what they lead to", async () => {
  const { api, dormouse } = suite;
  using canary = hostFolder();
  writeFileSync(join(canary.path, "file"), "alive");
  await api.create("linker");
  const climb = "../".repeat(20);
  const links = [canary.path, dormouse.dataDir, "/etc"].map(
    (path, index) => `ln -s ${climb}${path} /root/link${index}`,
  );
  await api.run(
    "linker",
    `${links.join("; ")}; ln -s ${canary.path} /root/absolute; ln -s ${canary.path}/file /root/file`,
  );
  expect(await attempt(api, "linker", "cat /root/link0/file /root/file /root/link1/admin-key 2> /dev/null")).toBe("");
  await api.remove("linker");
  expect(readFileSync(join(canary.path, "file"), "utf8")).toBe("alive");
});

/** Ends everything in a sandbox, as its own root can. */
async function endAll(name: string): Promise<void> {
  const body = JSON.stringify({ command: "kill -9 2" });
  const answer = await suite.api.fetch(name, "/process", { method: "POST", body });
  await answer.body?.cancel();
}

/** The image's working directory, which the runtime enters at a start, and would make if it were not there. */
const WORKING_DIR = "/blaxel";

test("a working directory that became a link does not bring a restart to write on the host", async () => {
  const { api } = suite;
  using target = hostFolder();
  await api.create("trapper");
  await api.run(
    "trapper",
    `cd /; rm -rf ${WORKING_DIR} && ln -s ${"../".repeat(20)}${target.path}/made ${WORKING_DIR}`,
  );
  await endAll("trapper");
  await eventually(() => api.text("trapper", "/health"));
  expect(existsSync(join(target.path, "made"))).toBe(false);
  await api.remove("trapper");
});

test("a sandbox that broke its own root and made its log endless fails alone, and at once", async () => {
  const { api } = suite;
  await api.call("POST", "/volumes", { body: { metadata: { name: "deep" }, spec: { size: 32 } } });
  await api.create("breaker", { volumes: [{ name: "deep", mountPath: "/root/deep/data" }] });
  await api.run("breaker", "truncate -s 8T /proc/1/fd/1; mv /root/deep /root/gone && echo file > /root/deep");
  await endAll("breaker");
  await eventually(async () => {
    const answer = await api.fetch("breaker", "/health");
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining("the engine refused")]);
  });
  expect(await attempt(api, "attacker", "echo fine")).toBe("fine");
  await api.remove("breaker");
  await api.call("DELETE", "/volumes/deep");
});
